package serve

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// staleIfError is how long a cache may serve a stale document while this server returns errors (RFC 5861): an
// old feed is better than none.
const staleIfError = 24 * time.Hour

// document is a committed document. Its bytes may not be in memory, and the header fields of its responses are created
// when they are first needed: most documents of a process with many sites are rarely requested.
type document struct {
	// The first fields are those that each response needs, so that they are in as few cache lines as possible.
	feed      feed.Name // empty if the document belongs to no feed
	format    feed.Format
	modified  int64 // Last-Modified in seconds since 1970, or 0 if the document has none
	stored    codingSet
	withdrawn bool // the page of a post that is no longer published
	plain     bool // browsers get a plain media type; see respond
	variants  [coding.Count]atomic.Pointer[variant]
	memo      atomic.Value // see Audience
	// ref is the document's reference in the head of its edition, so that there is one copy of it: a process with many
	// sites has tens of thousands of documents.
	ref     *feed.DocumentRef
	lengths [coding.Count]int // length in each coding; 0 if it is not stored in that coding
	bounds  feed.Bounds

	payload atomic.Pointer[payload] // nil if the bytes are not in memory
	asked   atomic.Bool             // the bytes have been requested since the Memory last examined the document
	loader  *loader                 // nil if the bytes never leave the memory; set before the document is served
	memoryState
}

// withRef returns the document with a different reference to the same bytes.
func (d *document) withRef(ref *feed.DocumentRef) *document {
	lengths := d.lengths
	for _, c := range coding.Compressed() {
		if !c.Committed(*ref) {
			lengths[c] = 0
		}
	}
	next := describe(d.feed, ref, lengths)
	next.loader, next.bounds = d.loader, d.bounds
	if d.loader != nil {
		next.saved = d.loader.memory.isSaved(d)
	}
	if p := d.payload.Load(); p != nil {
		contents := p.contents
		for _, c := range coding.Compressed() {
			if !next.stored[c] {
				contents.bodies[c] = nil
			}
		}
		next.payload.Store(next.payloadOf(contents))
	}
	return next
}

// storedAsCommitted reports whether the document is stored in every coding in which ref is committed.
func (d *document) storedAsCommitted(ref feed.DocumentRef) bool {
	for _, c := range coding.All() {
		if c.Committed(ref) && !d.stored[c] {
			return false
		}
	}
	return true
}

// variant holds the header of a document in one coding. Its strings are parts of lines, and the fields that every
// response needs come first: with thousands of feeds each additional memory access is a cache miss.
type variant struct {
	// lines holds the fields of a 200 as they are sent, with an empty line at the end: the Content-Length, the other
	// fields that a 304 does not have, and the fields of a 304.
	lines        string
	tag          string // the hash in the entity tag
	lastModified string // value of Last-Modified; empty if the document has none
	whole        int    // offset in lines of the first line after Content-Length
	notModified  int    // offset in lines of the first line of a 304

	fields [maxFields]Field // fields of a 304, and then the other fields of a 200
	same   int              // number of fields of a 304
	all    int              // number of fields of a 200
	values [maxFields]string
	text   [maxText]byte // the bytes of lines, if they fit
}

const (
	maxFields = 12  // maximum number of fields of a variant
	maxText   = 784 // with it, a variant has one of the sizes in which Go allocates memory
)

// setLines sets lines to s, which it copies to the variant if it is short enough, so that there is one block of memory.
func (v *variant) setLines(s string) {
	v.lines = s
	if n := copy(v.text[:], s); n == len(s) {
		v.lines = unsafe.String(&v.text[0], n) // the text does not change afterwards
	}
}

// header returns the fields of a 200.
func (v *variant) header() []Field { return v.fields[:v.all:v.all] }

// notModifiedHeader returns the fields of a 304.
func (v *variant) notModifiedHeader() []Field { return v.fields[:v.same:v.same] }

// newDocument returns the document of ref with its gzip-compressed bytes.
func newDocument(name feed.Name, ref *feed.DocumentRef, gz []byte) *document {
	return newDocumentOf(name, ref, contents{bodies: bodies{coding.Gzip: gz}})
}

// newDocumentOf returns the document of ref with its contents.
func newDocumentOf(name feed.Name, ref *feed.DocumentRef, c contents) *document {
	d := describe(name, ref, c.bodies.lengths())
	d.payload.Store(d.payloadOf(c))
	return d
}

// describe returns the document of ref without its bytes, which have the given lengths in the codings in which it is
// stored. The document keeps ref, which must not be modified afterwards.
func describe(name feed.Name, ref *feed.DocumentRef, lengths [coding.Count]int) *document {
	lengths[coding.Identity] = ref.Length
	d := &document{feed: name, ref: ref, format: ref.Format, lengths: lengths}
	if !ref.Modified.IsZero() {
		d.modified = ref.Modified.Unix()
	}
	for _, c := range coding.All() {
		d.stored[c] = c == coding.Identity || lengths[c] > 0
	}
	d.plain = hasPlainType(*ref)
	return d
}

// variant returns the header fields of the document in coding c. The document must be stored in that coding.
func (d *document) variant(c coding.Coding) *variant {
	if v := d.variants[c].Load(); v != nil {
		return v
	}
	v := d.newVariant(c)
	d.variants[c].Store(v) // a concurrent request may have stored equal fields
	return v
}

// newVariant creates the header of the document in coding c.
func (d *document) newVariant(c coding.Coding) *variant {
	same, ref := make([]Field, 0, maxFields), d.ref
	same = append(same, field("Etag", `"`+string(ref.Hash)+c.TagSuffix()+`"`))
	if !ref.Modified.IsZero() {
		same = append(same, field("Last-Modified", ref.Modified.UTC().Format(http.TimeFormat)))
	}
	same = append(same, field("Cache-Control", cacheControl(ref.MaxAge)))
	if ref.Link != "" {
		same = append(same, field("Link", ref.Link))
	}
	if ref.Policy != "" {
		same = append(same, field("Content-Security-Policy", ref.Policy))
	}
	vary := varyField
	if d.plain {
		vary = varyDestField
	}
	same = append(append(same, vary, exposeField), common...)

	others := []Field{field("Content-Length", strconv.Itoa(d.lengths[c])), field("Content-Type", ref.MediaType)}
	if c != coding.Identity {
		others = append(others, contentEncoding[c])
	}
	v := newVariant(others, same)
	v.tag = v.fields[0].Values[0][1:][:len(ref.Hash)]
	if !ref.Modified.IsZero() {
		v.lastModified = v.fields[1].Values[0]
	}
	return v
}

// newVariant returns a variant in which same are the fields of a 304, and others are the other fields of a 200,
// Content-Length first.
func newVariant(others, same []Field) *variant {
	v := &variant{same: len(same), all: len(others) + len(same)}
	var text strings.Builder
	for i, f := range slices.Concat(others, same) {
		switch i {
		case 1:
			v.whole = text.Len()
		case len(others):
			v.notModified = text.Len()
		}
		text.WriteString(f.Name + ": " + f.Values[0] + "\r\n")
	}
	text.WriteString("\r\n")
	v.setLines(text.String())

	rest := v.lines
	for i, f := range slices.Concat(others, same) {
		rest = rest[len(f.Name+": "):]
		v.values[i] = rest[:len(f.Values[0])]
		rest = rest[len(v.values[i]+"\r\n"):]
		v.fields[(i+len(same))%v.all] = Field{Name: f.Name, Values: v.values[i : i+1 : i+1]}
	}
	return v
}

// Fields that all documents share.
var (
	varyField     = field("Vary", "Accept-Encoding")
	varyDestField = field("Vary", "Accept-Encoding, Sec-Fetch-Dest")
	exposeField   = field("Access-Control-Expose-Headers", "ETag, Link")

	contentEncoding = func() (fields [coding.Count]Field) {
		for _, c := range coding.All() {
			fields[c] = field("Content-Encoding", c.Token())
		}
		return fields
	}()
)

// cacheControl returns the Cache-Control (RFC 9111, RFC 5861) of a document that clients should fetch at most once per
// maxAge. While revalidating the document, a cache may serve it for maxAge longer. "public" lets caches store responses
// to requests with credentials, which this server ignores.
func cacheControl(maxAge time.Duration) string {
	s := strconv.FormatInt(int64(maxAge/time.Second), 10)
	return "public, max-age=" + s + ", stale-while-revalidate=" + s +
		", stale-if-error=" + strconv.FormatInt(int64(staleIfError/time.Second), 10)
}

// hasPlainType reports whether browsers display the document only with the plain media type of its format, and
// otherwise download it or show its source text.
func hasPlainType(ref feed.DocumentRef) bool {
	f := ref.Format
	return f.Known() && ref.MediaType == f.MediaType() && ref.MediaType != f.PlainMediaType()
}

// plainSuffix follows the hash in the entity tags of responses with a plain media type.
const plainSuffix = "-xml"

// respond sets res to the response to a request with p, or with the bytes in memory if p is nil.
//
// If Sec-Fetch-Dest says that a person opens an RSS or Atom document in a browser, the media type is a plain one. That
// response is a separate representation with its own entity tags. Otherwise a 304 could make a browser reuse the
// response to a script, which has a media type that browsers do not display. Feed readers do not send the field, so a
// cache that respects Vary stores few additional copies.
func (d *document) respond(res *Response, p *payload, r *Request) {
	if r.FetchDest == "document" && d.plain {
		d.respondPlain(res, p, *r)
		return
	}
	d.respondAs(res, "", p, r)
}

// respondPlain sets res to the response with a plain media type.
func (d *document) respondPlain(res *Response, p *payload, r Request) {
	r.AIM = "" // a browser cannot merge items
	d.respondAs(res, plainSuffix, p, &r)
	if res.Status != http.StatusOK && res.Status != http.StatusNotModified {
		return
	}
	hash := string(d.ref.Hash)
	res.Header, res.Lines = slices.Clone(res.Header), ""
	for i, f := range res.Header {
		switch f.Name {
		case "Content-Type":
			res.Header[i] = field(f.Name, d.format.PlainMediaType())
		case "Etag":
			tag := strings.Replace(f.Values[0], hash, hash+plainSuffix, 1)
			res.Header[i] = field(f.Name, tag)
		}
	}
}

// respondAs is like respond, but always sends the media type in the document's reference. It compares the entity tags
// in the request with the hash and suffix. For a 304 it reads only the first fields of the document and of a variant.
func (d *document) respondAs(res *Response, suffix string, p *payload, r *Request) {
	selected, ok := negotiate(r.AcceptEncoding, d.stored)
	if !ok {
		*res = notAcceptable
		return
	}
	if r.IfNoneMatch != "" {
		// If-Modified-Since is ignored if there is an If-None-Match, even if no tag matches (RFC 9110 section 13.1.3).
		if m := matchTags(r.IfNoneMatch, d.variant(selected).tag+suffix); m.matched {
			d.notModified(res, m.coding(selected))
			return
		}
	} else if r.IfModifiedSince != "" && d.unmodifiedSince(r.IfModifiedSince, selected) {
		d.notModified(res, selected)
		return
	}
	delta := r.IfNoneMatch != "" && r.AIM != ""
	if p == nil {
		p = d.payload.Load()
	}
	if p == nil {
		if r.Method == "HEAD" && !delta {
			d.head(res, selected)
			return
		}
		d.asked.Store(true)
		*res = unavailableNow
		res.Feed, res.Format, res.memo, res.wanted = d.feed, d.format, &d.memo, d
		return
	}
	if !d.asked.Load() { // avoid writing to memory that other CPUs read
		d.asked.Store(true)
	}
	if delta {
		if c, ok := negotiate(r.AcceptEncoding, deltaCodings); ok {
			if patch, ok := d.since(p, r, c); ok {
				*res = patch
				return
			}
		}
	}
	d.whole(res, p, selected, r)
}

// sourceOf returns the source of a response with bytes of p.
func (d *document) sourceOf(p *payload) source {
	s := source{payload: p}
	if d.loader != nil {
		s.memory = d.loader.memory
	}
	return s
}

// head sets res to the 200 response in coding c without its body.
func (d *document) head(res *Response, c coding.Coding) {
	v := d.variant(c)
	*res = Response{
		Status: http.StatusOK, Header: v.header(), Lines: v.lines, Feed: d.feed, Format: d.format,
		modified: d.modified, memo: &d.memo,
	}
}

// whole sets res to the 200 response in coding c.
func (d *document) whole(res *Response, p *payload, c coding.Coding, r *Request) {
	d.head(res, c)
	if r.Method == "HEAD" {
		return
	}
	res.Lines = res.Lines[d.variant(c).whole:]
	res.source = d.sourceOf(p)
	if res.Body = p.bodies[c]; c == coding.Identity {
		if r.deferred {
			res.source.unpacked = p.identity
			return
		}
		body, err := coding.Gzip.Unpack(p.bodies[coding.Gzip], d.ref.Length)
		if err != nil {
			*res = internal // cannot happen: the bytes were checked when they were loaded
			return
		}
		res.Body = body
		return
	}
	res.source.attached = &p.attached[c]
}

// notModified sets res to the 304 response for a client that has the document in coding c, or in a coding that is no
// longer stored.
func (d *document) notModified(res *Response, c coding.Coding) {
	if !d.stored[c] {
		c = coding.Gzip
	}
	v := d.variant(c)
	*res = Response{
		Status: http.StatusNotModified, Header: v.notModifiedHeader(), Lines: v.lines[v.notModified:], Feed: d.feed,
		Format: d.format, modified: d.modified, memo: &d.memo,
	}
}

// bodies holds the bytes of a document by coding; nil for a coding in which it is not stored.
type bodies [coding.Count][]byte

// bodiesOf returns the bytes of a blob in the codings in which the document of ref is committed. It checks them against
// the reference: gzip bytes are unpacked only if they do not match the checksum and the store has not checked them,
// since unpacking takes most of the CPU time of a change. If the gzip bytes are damaged it returns an error of kind
// [feed.ErrInvalid]. Other codings whose bytes are damaged or missing are omitted, because the document can be served
// without them.
func bodiesOf(ref feed.DocumentRef, b feed.Blob) (checked bodies, err error) {
	for _, c := range coding.Compressed() {
		body := c.Stored(b)
		if !c.Committed(ref) || len(body) == 0 && c != coding.Gzip {
			continue
		}
		if c == coding.Gzip && b.Checked && b.Hash == ref.Hash && b.Size == ref.Length {
			checked[c] = body
		} else if err := check(c, body, ref); err == nil {
			checked[c] = body
		} else if c == coding.Gzip {
			return bodies{}, err
		}
	}
	return checked, nil
}

// check returns nil if body is the document of ref in coding c, and otherwise an error of kind [feed.ErrInvalid].
func check(c coding.Coding, body []byte, ref feed.DocumentRef) error {
	if c == coding.Gzip && ref.GzipSum != "" && feed.ChecksumOf(body) == ref.GzipSum {
		return nil
	}
	return c.Check(body, ref.Hash, ref.Length)
}

// lengths returns the length of the bytes in each coding.
func (b bodies) lengths() (lengths [coding.Count]int) {
	for c, body := range b {
		lengths[c] = len(body)
	}
	return lengths
}

// checkHead returns nil if the head can be served, else an error of kind [feed.ErrInvalid]. The hashes and strings of a
// head that it accepts are safe in file names and header fields.
func checkHead(h feed.Head) error {
	if h.Feed == "" {
		return fmt.Errorf("head without a feed name: %w", feed.ErrInvalid)
	}
	if len(h.Documents) == 0 {
		return fmt.Errorf("head of %s: no documents: %w", h.Feed, feed.ErrInvalid)
	}
	for _, d := range h.Documents {
		if err := checkRef(d); err != nil {
			return fmt.Errorf("head of %s: %s: %w: %w", h.Feed, d.Format, err, feed.ErrInvalid)
		}
	}
	return nil
}

// checkRef is like checkHead, for one document. Its error does not wrap a kind.
func checkRef(d feed.DocumentRef) error {
	sum, err := hex.DecodeString(string(d.Hash))
	switch {
	case err != nil || len(sum) != sha256.Size || strings.ToLower(string(d.Hash)) != string(d.Hash):
		return fmt.Errorf("hash %q is not a SHA-256", d.Hash)
	case !strings.HasPrefix(d.Path, "/"):
		return fmt.Errorf("path %q is not absolute", d.Path)
	case d.MediaType == "" || !headerValue(d.MediaType):
		return fmt.Errorf("media type %q is not valid in a header", d.MediaType)
	case !headerValue(d.Link):
		return fmt.Errorf("link %q is not valid in a header", d.Link)
	case !headerValue(d.Policy):
		return fmt.Errorf("policy %q is not valid in a header", d.Policy)
	case slices.ContainsFunc(d.Aliases, func(target string) bool { return !strings.HasPrefix(target, "/") }):
		return fmt.Errorf("one of the aliases %q is not an absolute path", d.Aliases)
	case d.MaxAge < 0:
		return fmt.Errorf("max age %v is negative", d.MaxAge)
	case d.Length < 0 || d.Length > coding.MaxLength:
		return fmt.Errorf("length %d is not within 0 to %d", d.Length, coding.MaxLength)
	}
	return nil
}

// headerValue reports whether s is printable ASCII.
func headerValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
