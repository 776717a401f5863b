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

	"feedpub/feed"
	"feedpub/feed/coding"
)

// staleIfError is how long a cache may serve a stale document while this server returns errors (RFC 5861): an
// old feed is better than none.
const staleIfError = 24 * time.Hour

// document is a committed document. Its bytes may not be in memory, and the header fields of its responses are created
// when they are first needed: most documents of a process with many sites are rarely requested.
type document struct {
	feed feed.Name // empty if the document belongs to no feed
	// ref is the document's reference in the head of its edition, so that there is one copy of it: a process with many
	// sites has tens of thousands of documents. Hash and format are copies of the parts that each response needs.
	ref       *feed.DocumentRef
	hash      feed.Hash
	format    feed.Format
	stored    codingSet
	withdrawn bool              // the page of a post that is no longer published
	plain     bool              // browsers get a plain media type; see respond
	lengths   [coding.Count]int // length in each coding; 0 if it is not stored in that coding
	bounds    feed.Bounds
	variants  [coding.Count]atomic.Pointer[variant]

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

// variant holds the fields of a document in one coding. The fields of a 304 are a prefix of the fields of a 200.
type variant struct {
	fields       []Field
	notModified  int    // the number of fields of a 304
	lastModified string // value of Last-Modified; empty if the document has none
	// array contains the fields. It is part of the variant because each additional pointer is a cache miss for a process
	// with thousands of feeds.
	array [maxFields]Field
}

// maxFields is the number of fields of a variant that need no additional memory.
const maxFields = 12

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
	d := &document{feed: name, ref: ref, hash: ref.Hash, format: ref.Format, lengths: lengths}
	for _, c := range coding.All() {
		d.stored[c] = c == coding.Identity || lengths[c] > 0
	}
	d.plain = hasPlainType(*ref)
	return d
}

// modified returns the document's Last-Modified in seconds since 1970, or 0 if it has none.
func (d *document) modified() int64 {
	if d.ref.Modified.IsZero() {
		return 0
	}
	return d.ref.Modified.Unix()
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

// newVariant creates the fields of the document in coding c.
func (d *document) newVariant(c coding.Coding) *variant {
	v, ref := new(variant), d.ref
	own := make([]Field, 0, 7)
	own = append(own, field("Etag", `"`+string(ref.Hash)+c.TagSuffix()+`"`))
	if !ref.Modified.IsZero() {
		own = append(own, field("Last-Modified", ref.Modified.UTC().Format(http.TimeFormat)))
	}
	own = append(own, field("Cache-Control", cacheControl(ref.MaxAge)))
	if ref.Link != "" {
		own = append(own, field("Link", ref.Link))
	}
	if ref.Policy != "" {
		own = append(own, field("Content-Security-Policy", ref.Policy))
	}
	// The fields below are not in a 304.
	n := len(own)
	own = append(own, field("Content-Type", ref.MediaType), field("Content-Length", strconv.Itoa(d.lengths[c])))
	values := contiguous(own)
	if !ref.Modified.IsZero() {
		v.lastModified = values[1].Values[0]
	}

	fields := append(v.array[:0], values[:n]...)
	vary := varyField
	if d.plain {
		vary = varyDestField
	}
	fields = append(fields, vary, exposeField)
	fields = append(fields, common...)
	v.notModified = len(fields)
	fields = append(fields, values[n:]...)
	if c != coding.Identity {
		fields = append(fields, contentEncoding[c])
	}
	v.fields = fields
	return v
}

// contiguous returns the fields with their values in one block of memory. A response reads them all, and the documents
// of thousands of feeds do not fit in a CPU cache.
func contiguous(fields []Field) []Field {
	var text strings.Builder
	for _, f := range fields {
		text.WriteString(f.Values[0])
	}
	rest, values, packed := text.String(), make([]string, len(fields)), make([]Field, len(fields))
	for i, f := range fields {
		n := len(f.Values[0])
		values[i], rest = rest[:n], rest[n:]
		packed[i] = Field{Name: f.Name, Values: values[i : i+1 : i+1]}
	}
	return packed
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
	d.respondAs(res, string(d.hash), p, r)
}

// respondPlain sets res to the response with a plain media type.
func (d *document) respondPlain(res *Response, p *payload, r Request) {
	r.AIM = "" // a browser cannot merge items
	d.respondAs(res, string(d.hash)+plainSuffix, p, &r)
	if res.Status != http.StatusOK && res.Status != http.StatusNotModified {
		return
	}
	res.Header = slices.Clone(res.Header)
	for i, f := range res.Header {
		switch f.Name {
		case "Content-Type":
			res.Header[i] = field(f.Name, d.format.PlainMediaType())
		case "Etag":
			tag := strings.Replace(f.Values[0], string(d.hash), string(d.hash)+plainSuffix, 1)
			res.Header[i] = field(f.Name, tag)
		}
	}
}

// respondAs is like respond, but always sends the media type in the document's reference. It compares the entity tags
// in the request with tag. For a 304 it reads only the fields: with thousands of feeds each additional memory access is
// a cache miss.
func (d *document) respondAs(res *Response, tag string, p *payload, r *Request) {
	selected, ok := negotiate(r.AcceptEncoding, d.stored)
	if !ok {
		*res = notAcceptable
		return
	}
	if r.IfNoneMatch != "" {
		// If-Modified-Since is ignored if there is an If-None-Match, even if no tag matches (RFC 9110 section 13.1.3).
		if m := matchTags(r.IfNoneMatch, tag); m.matched {
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
		res.Feed, res.Format, res.wanted = d.feed, d.format, d
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
	*res = Response{
		Status: http.StatusOK, Header: d.variant(c).fields, Feed: d.feed, Format: d.format, modified: d.modified(),
	}
}

// whole sets res to the 200 response in coding c.
func (d *document) whole(res *Response, p *payload, c coding.Coding, r *Request) {
	d.head(res, c)
	if r.Method == "HEAD" {
		return
	}
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
		Status: http.StatusNotModified, Header: v.fields[:v.notModified:v.notModified], Feed: d.feed, Format: d.format,
		modified: d.modified(),
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
