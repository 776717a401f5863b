package serve

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// maxPast is the maximum number of versions in a history. A client with an older version receives the whole document.
const maxPast = 10

// version identifies the items of an earlier version of a document, so that later versions can be compared with it.
type version struct {
	Hash  feed.Hash `json:"hash"`
	Items []itemSum `json:"items"`
}

// history holds the earlier versions of a document and its differences from them. It is created after a new version is
// committed, so that no request waits for it, and is immutable.
type history struct {
	Items   []itemSum `json:"items"`   // items of the document itself
	Past    []version `json:"past"`    // newest first
	Patches []patch   `json:"patches"` // for versions in Past from which no item has been removed since
}

// size returns the approximate memory used by h in bytes.
func (h *history) size() int {
	const item, link = 16, 96 // sizes of an itemSum, and of a version or patch without its slices
	n := len(h.Items) * item
	for _, v := range h.Past {
		n += link + len(v.Items)*item
	}
	for _, p := range h.Patches {
		n += link + len(p.Gzip)
	}
	return n
}

// patch is a document without the items that have not changed since an earlier version.
type patch struct {
	Base   feed.Hash `json:"base"` // the earlier version
	Gzip   []byte    `json:"gzip"`
	Length int       `json:"length"` // length in bytes in identity coding
}

// newHistory returns the history of a document that replaces prev, or nil if there is none, in which case clients
// receive the whole document. prevIDs and ids are the posts in the two documents, and gz is the document in gzip
// coding. The total length of the patches is at most the length of gz.
func newHistory(prev *document, prevIDs []string, d *document, ids []string, gz []byte) *history {
	f := d.ref.Format
	if prev == nil || prev.ref.Format != f || !f.Known() || !f.Delta() {
		return nil
	}
	_, before, err := prev.load()
	if err != nil {
		return nil // prev is no longer on disk or in the store
	}
	last := version{Hash: prev.ref.Hash}
	if before.history != nil {
		last.Items = before.history.Items
	} else if _, last.Items, err = prev.items(before.bodies[coding.Gzip], prevIDs); err != nil {
		return nil
	}
	body, items, err := d.items(gz, ids)
	if err != nil {
		return nil
	}
	h := &history{Items: items, Past: []version{last}}
	if before.history != nil {
		h.Past = append(h.Past, before.history.Past...)
		h.Past = h.Past[:min(len(h.Past), maxPast)]
	}
	room := len(gz)
	for _, v := range h.Past {
		fresh, ok := changes(v.Items, items)
		if !ok {
			continue
		}
		rest := keep(body, d.bounds, fresh)
		packed := coding.GzipSmall(rest)
		if room -= len(packed); room < 0 {
			break // patches for older versions are longer
		}
		h.Patches = append(h.Patches, patch{Base: v.Hash, Gzip: packed, Length: len(rest)})
	}
	return h
}

// items returns the uncompressed bytes of d and its items. gz is d in gzip coding, and ids are the posts in d. The
// error is of kind [feed.ErrInvalid] if the document does not have one item for each post.
func (d *document) items(gz []byte, ids []string) (body []byte, items []itemSum, err error) {
	if d.bounds.Items() != len(ids) {
		return nil, nil, fmt.Errorf("document %s has %d items for %d posts: %w",
			d.ref.Hash, d.bounds.Items(), len(ids), feed.ErrInvalid)
	}
	if err := d.bounds.Validate(d.ref.Length); err != nil {
		return nil, nil, fmt.Errorf("document %s: %w", d.ref.Hash, err)
	}
	if body, err = coding.Gzip.Unpack(gz, d.ref.Length); err != nil {
		return nil, nil, err
	}
	items = make([]itemSum, len(ids))
	for i, id := range ids {
		items[i] = itemSum{ID: shortSum([]byte(id)), Sum: shortSum(body[d.bounds[i]:d.bounds[i+1]])}
	}
	return body, items, nil
}

// itemSum identifies an item of a document and its bytes. The numbers are prefixes of SHA-256 sums.
type itemSum struct {
	ID  uint64 `json:"id"`  // sum of the post's id
	Sum uint64 `json:"sum"` // sum of all bytes of the item
}

func shortSum(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// changes returns which of a document's items are new or changed since an earlier version, and false if an item of that
// version was removed, which a patch cannot express. Items at the end that were displaced by newer ones do not count as
// removed: clients keep them, as they do after receiving the whole document.
func changes(before, now []itemSum) (fresh []bool, ok bool) {
	old := make(map[uint64]uint64, len(before))
	for _, item := range before {
		old[item.ID] = item.Sum
	}
	kept := make(map[uint64]bool, len(now))
	fresh = make([]bool, len(now))
	last := -1 // index, in the document, of the last item that the earlier version has too
	for i, item := range now {
		sum, known := old[item.ID]
		fresh[i] = !known || sum != item.Sum
		if known {
			kept[item.ID] = true
			last = i
		}
	}
	gone := slices.IndexFunc(before, func(item itemSum) bool { return !kept[item.ID] })
	if gone < 0 {
		return fresh, true
	}
	// Missing items were displaced if all items after them are missing too, the document did not become shorter, and no
	// older item was added at the end. An older item is added when a removal makes room.
	stays := slices.ContainsFunc(before[gone:], func(item itemSum) bool { return kept[item.ID] })
	return fresh, !stays && len(now) >= len(before) && last == len(now)-1
}

// keep returns body without the items that are not fresh.
func keep(body []byte, bounds feed.Bounds, fresh []bool) []byte {
	out := make([]byte, 0, len(body))
	at := uint32(0)
	for i := range fresh {
		if !fresh[i] {
			out = append(out, body[at:bounds[i]]...)
			at = bounds[i+1]
		}
	}
	return append(out, body[at:]...)
}

// delta is a patch with its header fields, which are created when they are first needed.
type delta struct {
	patch
	fields   [coding.Count]atomic.Pointer[[]Field]
	identity *unpacked // the patch in identity coding
}

// deltaFields are the fields of a 226 response (RFC 3229). Caches must not store it: a cache that does not support the
// status could send it to another client as the whole document.
var deltaFields = []Field{
	field("Im", "feed"),
	field("Cache-Control", "no-store, im"),
	field("Vary", "Accept-Encoding, A-IM, If-None-Match"),
}

// deltaCodings are the codings of a 226 response. Patches are stored only with gzip: they are short, and each client
// requests a patch once.
var deltaCodings = codingSet{coding.Identity: true, coding.Gzip: true}

// newDelta returns a patch that is ready to be served.
func newDelta(p patch) *delta {
	return &delta{patch: p, identity: &unpacked{gzip: p.Gzip, length: p.Length}}
}

// header returns the header fields of the patch in coding c: those of the 200 response of its document, except for
// deltaFields and the length. The entity tag is the document's, because the client has that document after it has
// merged the items.
func (x *delta) header(d *document, c coding.Coding) []Field {
	if fields := x.fields[c].Load(); fields != nil {
		return *fields
	}
	length := x.Length
	if c == coding.Gzip {
		length = len(x.Gzip)
	}
	whole := d.variant(c).header()
	fields := make([]Field, 0, len(whole)+1)
	for _, f := range whole {
		switch f.Name {
		case "Cache-Control", "Vary":
		case "Content-Length":
			fields = append(fields, field(f.Name, strconv.Itoa(length)))
		default:
			fields = append(fields, f)
		}
	}
	fields = append(fields, deltaFields...)
	x.fields[c].Store(&fields)
	return fields
}

// since returns the 226 response in coding c to a request whose If-None-Match lists an earlier version and whose A-IM
// lists "feed". It returns false if there is no such response.
func (d *document) since(p *payload, r *Request, c coding.Coding) (Response, bool) {
	if len(p.deltas) == 0 || !acceptsFeed(r.AIM) {
		return Response{}, false
	}
	for _, x := range p.deltas {
		if !matchTags(r.IfNoneMatch, string(x.Base)).matched {
			continue
		}
		res := Response{Status: http.StatusIMUsed, Header: x.header(d, c), Body: x.Gzip, Feed: d.feed, Format: d.ref.Format,
			modified: d.modified, memo: &d.memo, source: d.sourceOf(p)}
		if c == coding.Identity && r.Method != "HEAD" {
			if r.deferred {
				res.Body, res.source.unpacked = nil, x.identity
				return res, true
			}
			body, err := coding.Gzip.Unpack(x.Gzip, x.Length)
			if err != nil {
				return Response{}, false // should not happen; the client then receives the whole document
			}
			res.Body = body
		}
		return res, true
	}
	return Response{}, false
}

// acceptsFeed reports whether the value of A-IM (RFC 3229 section 10.5.3) lists "feed".
func acceptsFeed(aim string) bool {
	for aim != "" {
		var member string
		member, aim, _ = strings.Cut(aim, ",")
		name, parameters, _ := strings.Cut(member, ";")
		if q, ok := weight(parameters); ok && q > 0 && strings.EqualFold(strings.Trim(name, " \t"), "feed") {
			return true
		}
	}
	return false
}
