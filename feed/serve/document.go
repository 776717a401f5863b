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

// How long a cache between us and the readers may serve a document that it can't ask us about anew: for a day, if we
// fail, since an old feed is better than none (RFC 5861).
const staleIfError = 24 * time.Hour

// document is a committed document with all that its answers need, made once. Its bytes may not be in memory.
type document struct {
	feed         feed.Name // empty for what is not a feed
	ref          feed.DocumentRef
	packed       int    // bytes in gzip coding
	brotli       int    // bytes in brotli coding; 0 if it is not held in it
	lastModified string // value of Last-Modified; empty while it would be later than Date
	variants     [coding.Count]variant

	held   atomic.Pointer[held] // nil while it is not in memory
	asked  atomic.Bool          // its bytes were asked for since this was last looked at
	loader *loader              // brings it back; nil for what never leaves the memory. Set before the document is served.
	residence
}

// again returns the document as ref has it, which names the same bytes.
func (d *document) again(ref feed.DocumentRef, now time.Time) *document {
	brotli := d.brotli
	if !ref.Brotli {
		brotli = 0
	}
	next := describe(d.feed, ref, d.packed, brotli, now)
	next.loader = d.loader
	if d.loader != nil {
		next.saved = d.loader.memory.isSaved(d)
	}
	if h := d.held.Load(); h != nil {
		c := h.contents
		if brotli == 0 {
			c.brotli = nil
		}
		next.held.Store(next.holding(c))
	}
	return next
}

// variant is a document in one coding. The fields of a 304 are the first of those of a 200.
type variant struct {
	fields      []Field
	notModified int // how many of fields a 304 has
}

// newDocument returns the document that ref describes, with its bytes in gzip coding.
func newDocument(name feed.Name, ref feed.DocumentRef, gz []byte, now time.Time, more ...Field) *document {
	return newDocumentOf(name, ref, contents{gzip: gz}, now, more...)
}

// newDocumentOf returns the document that ref describes, with its contents.
func newDocumentOf(name feed.Name, ref feed.DocumentRef, c contents, now time.Time, more ...Field) *document {
	d := describe(name, ref, len(c.gzip), len(c.brotli), now, more...)
	d.held.Store(d.holding(c))
	return d
}

// describe returns the document that ref describes, of so many bytes in gzip and in brotli coding, without them. Its Last-Modified is
// left out if it is later than now: an origin must not send one later than Date (RFC 9110 section 8.8.2.1). more are
// fields for it alone.
func describe(name feed.Name, ref feed.DocumentRef, packed, brotli int, now time.Time, more ...Field) *document {
	d := &document{feed: name, ref: ref, packed: packed, brotli: brotli}
	own := make([]Field, 0, 7)
	own = append(own, field("Etag", "")) // of the coding, below
	if !ref.Modified.IsZero() && !ref.Modified.After(now) {
		d.lastModified = ref.Modified.UTC().Format(http.TimeFormat)
		own = append(own, field("Last-Modified", d.lastModified))
	}
	own = append(own, field("Cache-Control", cacheControl(ref.MaxAge)))
	if ref.Link != "" {
		own = append(own, field("Link", ref.Link))
	}
	if ref.Policy != "" {
		own = append(own, field("Content-Security-Policy", ref.Policy))
	}
	// What follows is not in a 304.
	n := len(own)
	own = append(own, field("Content-Type", ref.MediaType), field("Content-Length", ""))

	for _, c := range coding.All() {
		length := ref.Length
		switch {
		case c == coding.Gzip:
			length = packed
		case c == coding.Brotli && brotli == 0:
			continue
		case c == coding.Brotli:
			length = brotli
		}
		own[0] = field("Etag", `"`+string(ref.Hash)+c.TagSuffix()+`"`)
		own[len(own)-1] = field("Content-Length", strconv.Itoa(length))
		values := together(own)

		fields := make([]Field, 0, len(own)+len(common)+len(more)+3)
		fields = append(fields, values[:n]...)
		fields = append(fields, varyField, exposeField)
		fields = append(fields, common...)
		fields = append(fields, more...)
		d.variants[c].notModified = len(fields)
		fields = append(fields, values[n:]...)
		switch c {
		case coding.Gzip:
			fields = append(fields, contentGzipField)
		case coding.Brotli:
			fields = append(fields, contentBrotliField)
		}
		d.variants[c].fields = fields
	}
	return d
}

// together returns the fields with values that stand together in memory. An answer reads them all, and the documents of
// thousands of feeds don't fit in a processor's cache.
func together(fields []Field) []Field {
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
	varyField        = field("Vary", "Accept-Encoding")
	exposeField      = field("Access-Control-Expose-Headers", "ETag, Link")
	contentGzipField = field("Content-Encoding", "gzip")

	contentBrotliField = field("Content-Encoding", "br")
)

// cacheControl returns the value of Cache-Control (RFC 9111, RFC 5861) for a document that readers are asked to fetch at
// most every maxAge. A cache may serve it for as long again while it asks for a newer one. What is public may be kept for
// readers that send credentials, too, which nobody here looks at.
func cacheControl(maxAge time.Duration) string {
	s := strconv.FormatInt(int64(maxAge/time.Second), 10)
	return "public, max-age=" + s + ", stale-while-revalidate=" + s +
		", stale-if-error=" + strconv.FormatInt(int64(staleIfError/time.Second), 10)
}

// respond answers a request for the document with h; nil is what memory has of it. What no 304 needs is not looked at
// before: with thousands of feeds it is in no processor's cache.
func (d *document) respond(h *held, r Request) Response {
	selected, ok := negotiate(r.AcceptEncoding, d.brotli > 0)
	if !ok {
		return notAcceptable
	}
	if r.IfNoneMatch != "" {
		// If-Modified-Since is not looked at beside it, even if nothing matches (RFC 9110 section 13.1.3).
		if m := matchTags(r.IfNoneMatch, string(d.ref.Hash)); m.matched {
			return d.notModified(m.coding(selected))
		}
	} else if r.IfModifiedSince != "" && d.unmodifiedSince(r.IfModifiedSince) {
		return d.notModified(selected)
	}
	delta := r.IfNoneMatch != "" && r.AIM != ""
	if h == nil {
		h = d.held.Load()
	}
	if h == nil {
		if r.Method == "HEAD" && !delta {
			return d.head(selected)
		}
		res := notHeld
		res.Feed, res.Format, res.wanted = d.feed, d.ref.Format, d
		return res
	}
	if !d.asked.Load() { // most often it is set, and then nothing is written that other processors read
		d.asked.Store(true)
	}
	if delta {
		// A delta is not packed in brotli coding: it is short, and asked for once by each reader.
		if plain, ok := negotiate(r.AcceptEncoding, false); ok {
			if res, ok := d.since(h, r.IfNoneMatch, r.AIM, plain, r.Method); ok {
				return res
			}
		}
	}
	return d.whole(h, selected, r.Method)
}

// head returns the 200 in coding c without its body.
func (d *document) head(c coding.Coding) Response {
	return Response{Status: http.StatusOK, Header: d.variants[c].fields, Feed: d.feed, Format: d.ref.Format}
}

// whole returns the 200 in coding c.
func (d *document) whole(h *held, c coding.Coding, method string) Response {
	res := d.head(c)
	res.Body = h.gzip
	if c == coding.Brotli {
		res.Body = h.brotli
	}
	if c == coding.Identity && method != "HEAD" {
		// Only few ask for it, so it is not worth its place in memory.
		body, err := coding.Gzip.Unpack(h.gzip, d.ref.Length)
		if err != nil {
			return internal // not for a blob that was checked when it came in
		}
		res.Body = body
	}
	return res
}

// notModified returns the 304 for a client that holds the document in coding c, or in one that it is not held in here.
func (d *document) notModified(c coding.Coding) Response {
	v := d.variants[c]
	if v.fields == nil {
		v = d.variants[coding.Gzip]
	}
	return Response{
		Status: http.StatusNotModified, Header: v.fields[:v.notModified:v.notModified], Feed: d.feed, Format: d.ref.Format,
	}
}

// soundBrotli returns the blob's bytes in brotli coding if they are the document of ref, else nil: it can do without.
func soundBrotli(ref feed.DocumentRef, b feed.Blob) []byte {
	if !ref.Brotli || len(b.Brotli) == 0 || coding.Brotli.Check(b.Brotli, ref.Hash, ref.Length) != nil {
		return nil
	}
	return b.Brotli
}

// checkHead returns nil if the head can be served, else an error of kind [feed.ErrInvalid]. What it lets through can be
// put into a header and into a file's name.
func checkHead(h feed.Head) error {
	if h.Feed == "" {
		return fmt.Errorf("head without a feed's name: %w", feed.ErrInvalid)
	}
	if len(h.Documents) == 0 {
		return fmt.Errorf("head of %s: no documents: %w", h.Feed, feed.ErrInvalid)
	}
	for _, d := range h.Documents {
		sum, err := hex.DecodeString(string(d.Hash))
		switch {
		case err != nil || len(sum) != sha256.Size || strings.ToLower(string(d.Hash)) != string(d.Hash):
			err = fmt.Errorf("hash %q is no SHA-256", d.Hash)
		case !strings.HasPrefix(d.Path, "/"):
			err = fmt.Errorf("path %q is not absolute", d.Path)
		case d.MediaType == "" || !headerValue(d.MediaType):
			err = fmt.Errorf("media type %q can't stand in a header", d.MediaType)
		case !headerValue(d.Link):
			err = fmt.Errorf("link %q can't stand in a header", d.Link)
		case !headerValue(d.Policy):
			err = fmt.Errorf("policy %q can't stand in a header", d.Policy)
		case slices.ContainsFunc(d.Aliases, func(target string) bool { return !strings.HasPrefix(target, "/") }):
			err = fmt.Errorf("one of the old paths %q is not absolute", d.Aliases)
		case d.MaxAge < 0:
			err = fmt.Errorf("max age %v is negative", d.MaxAge)
		case d.Length < 0 || d.Length > coding.MaxLength:
			err = fmt.Errorf("length %d is not within 0 to %d", d.Length, coding.MaxLength)
		default:
			continue
		}
		return fmt.Errorf("head of %s: %s: %w: %w", h.Feed, d.Format, err, feed.ErrInvalid)
	}
	return nil
}

// headerValue says whether s is printable ASCII, which is all that we ever send in a header.
func headerValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
