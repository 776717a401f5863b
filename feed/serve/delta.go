package serve

import (
	"net/http"
	"strconv"
	"strings"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// maxPast is how many earlier versions of a document are known: a reader that has missed more gets the whole.
const maxPast = 10

// version is an earlier version of a document, as far as it is needed to tell what is new since.
type version struct {
	Hash  feed.Hash `json:"hash"`
	Items []itemSum `json:"items"`
}

// history is what a document's earlier versions have to do with it. It is made when a new version is taken, so that no
// request waits for it, and is immutable; nil is none.
type history struct {
	Items   []itemSum `json:"items"`   // of the document itself
	Past    []version `json:"past"`    // the newest first
	Patches []patch   `json:"patches"` // for those of Past from which no item was taken away
}

// size returns about how many bytes of memory h takes.
func (h *history) size() int {
	const item, link = 16, 96 // bytes: two sums; a hash, and the slices that it stands beside
	n := len(h.Items) * item
	for _, v := range h.Past {
		n += link + len(v.Items)*item
	}
	for _, p := range h.Patches {
		n += link + len(p.Gzip)
	}
	return n
}

// patch is a document without the items that a version of it has already.
type patch struct {
	Base   feed.Hash `json:"base"`
	Gzip   []byte    `json:"gzip"`
	Length int       `json:"length"` // bytes in identity coding
}

// newHistory returns the history of a document with the given bytes that follows prev. All its patches together are no
// longer than the document. A document that can't be split has none, and its readers get the whole.
func newHistory(prev *document, f feed.Format, body []byte, gzipLength int) *history {
	if prev == nil || !splittable(f) || prev.ref.Format != f {
		return nil
	}
	_, before, err := prev.load()
	if err != nil {
		return nil // neither the disk nor the store has it any more
	}
	last := version{Hash: prev.ref.Hash}
	if before.history != nil {
		last.Items = before.history.Items
	} else {
		before, err := coding.Gzip.Unpack(before.gzip, prev.ref.Length)
		if err != nil {
			return nil
		}
		parts, err := split(f, before)
		if err != nil {
			return nil
		}
		last.Items = sums(parts)
	}
	parts, err := split(f, body)
	if err != nil {
		return nil
	}
	h := &history{Items: sums(parts), Past: []version{last}}
	if before.history != nil {
		h.Past = append(h.Past, before.history.Past...)
		h.Past = h.Past[:min(len(h.Past), maxPast)]
	}
	room := gzipLength
	for _, v := range h.Past {
		fresh, ok := changes(v.Items, parts)
		if !ok {
			continue
		}
		rest := keep(body, parts, fresh)
		gz := coding.GzipSmall(rest)
		if room -= len(gz); room < 0 {
			break // the older the version, the longer its patch
		}
		h.Patches = append(h.Patches, patch{Base: v.Hash, Gzip: gz, Length: len(rest)})
	}
	return h
}

// delta is a patch with the fields that it is sent with.
type delta struct {
	patch
	fields [coding.Count][]Field
}

// Fields of a 226 (RFC 3229). Caches that don't know it could give it to somebody as the whole, so none may keep it.
var (
	deltaFields = []Field{
		field("Im", "feed"),
		field("Cache-Control", "no-store, im"),
		field("Vary", "Accept-Encoding, A-IM, If-None-Match"),
	}
)

// newDelta returns the patch with its fields: those of the document's 200 where no other is meant. The entity tag is the
// document's, which is what the reader has after it has merged the items.
func newDelta(d *document, p patch) delta {
	x := delta{patch: p}
	for _, c := range []coding.Coding{coding.Identity, coding.Gzip} {
		fields := make([]Field, 0, len(d.variants[c].fields)+1)
		for _, f := range d.variants[c].fields {
			switch f.Name {
			case "Cache-Control", "Vary":
			case "Content-Length":
				n := p.Length
				if c == coding.Gzip {
					n = len(p.Gzip)
				}
				fields = append(fields, field(f.Name, strconv.Itoa(n)))
			default:
				fields = append(fields, f)
			}
		}
		x.fields[c] = append(fields, deltaFields...)
	}
	return x
}

// since returns the 226 for a client that holds one of the versions in the value of If-None-Match and accepts the
// instance manipulation "feed", and false if there is none.
func (d *document) since(h *held, ifNoneMatch, aim string, c coding.Coding, method string) (Response, bool) {
	if len(h.deltas) == 0 || !acceptsFeed(aim) {
		return Response{}, false
	}
	for i := range h.deltas {
		x := &h.deltas[i]
		if !matchTags(ifNoneMatch, string(x.Base)).matched {
			continue
		}
		res := Response{Status: http.StatusIMUsed, Header: x.fields[c], Body: x.Gzip, Feed: d.feed, Format: d.ref.Format}
		if c == coding.Identity && method != "HEAD" {
			body, err := coding.Gzip.Unpack(x.Gzip, x.Length)
			if err != nil {
				return Response{}, false // not for what we packed; the whole is right in any case
			}
			res.Body = body
		}
		return res, true
	}
	return Response{}, false
}

// acceptsFeed says whether the value of A-IM (RFC 3229 section 10.5.3) lists "feed".
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
