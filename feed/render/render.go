// Package render turns a feed into its documents in RSS 2.0, Atom 1.0 (RFC 4287) and JSON Feed 1.1. It is pure: it reads
// no clock and no configuration but the feed's, and the same feed gives the same bytes in every process. It does not
// select, clean or attribute; an item that it cannot express is set aside, not repaired.
//
// A document is a head, one fragment for each item, and a foot. Fragments depend on nothing of the feed but a small
// [Variant], so all feeds that hold an item share them. Items and feeds are held in github.com/gorilla/feeds' types and
// heads are written by it; it writes content as a raw CDATA section, in which one control character would make the whole
// feed unreadable without any error. So whatever is written is read back once and compared with what was meant.
package render

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/feed/cache"
)

// The rendering has versions, because a change of the bytes made of the same feed changes every entity tag. All documents
// of a site are of one version, which is recorded with them, and a program that can make a newer one makes the recorded
// one until an operator upgrades the site. So programs of two releases can build the same site in turn. Whatever differs
// between versions depends on the version that fragments and frames are written in; a later release drops a version that
// is no longer made by raising Oldest.
const (
	Oldest  = 1 // the oldest version that can be made
	Version = 1 // the newest
)

// generator names the program in the documents. It carries the version of the form and not that of the program: two
// builds that render alike must make equal bytes.
const generator = "feedpub"

// Renderer makes documents. It remembers fragments, so that an item that stands in many feeds is rendered once; what it
// remembers changes no byte of any document. It may be used by several goroutines at once.
type Renderer struct {
	version int // that is made
	newest  int // that can be made
	cache   *cache.Cache[fragmentKey, []byte]
	pens    *sync.Pool // of *pen
}

// DefaultCacheBytes is the size of a Renderer's cache unless [CacheBytes] sets another: enough for the fragments of some
// ten thousand posts of usual length.
const DefaultCacheBytes = 256 << 20

// fragmentKey is all that a fragment's bytes depend on: the version of the rendering, the site's id and the item's
// content, by their sum, and what of the variant matters to the format.
type fragmentKey struct {
	version int
	content contentSum
	format  feed.Format
	variant Variant
}

// fragmentOverhead is about how many bytes of memory a cached fragment takes besides its own.
const fragmentOverhead = 200

func newFragmentCache(bytes int) *cache.Cache[fragmentKey, []byte] {
	return cache.New[fragmentKey, []byte](bytes)
}

// Option changes what [New] makes.
type Option func(*Renderer)

// CacheBytes bounds what the Renderer remembers; 0 is nothing. The default is [DefaultCacheBytes].
func CacheBytes(n int) Option { return func(r *Renderer) { r.cache = newFragmentCache(n) } }

// UpTo lets the Renderer make versions up to one later than [Version], which differ from it in their number only. Tests
// use it for a later release that works beside this one.
func UpTo(version int) Option { return func(r *Renderer) { r.newest = max(version, Version) } }

// New returns a Renderer of [Version].
func New(options ...Option) *Renderer {
	r := &Renderer{
		version: Version, newest: Version, cache: newFragmentCache(DefaultCacheBytes), pens: &sync.Pool{New: func() any { return new(pen) }},
	}
	for _, option := range options {
		option(r)
	}
	return r
}

// At returns a Renderer of another version, which shares the cache. The error is of kind [feed.ErrInvalid] if the version
// is not one from [Oldest] to [Version].
func (r *Renderer) At(version int) (*Renderer, error) {
	if version < Oldest || version > r.newest {
		return nil, fmt.Errorf("rendering version %d: want %d to %d: %w",
			version, Oldest, r.newest, feed.ErrInvalid)
	}
	other := *r
	other.version = version
	return &other, nil
}

// Version returns the version that the Renderer makes.
func (r *Renderer) Version() int { return r.version }

// Documents renders the feed in all of its formats, in the order of [feed.Formats].
//
// An item that cannot be written in one of the formats is left out of all of them and reported in rejected, with the
// place and the reason; so is every item with the id of an earlier one, which readers would confuse. The other items are
// not affected. The error is of kind [feed.ErrInvalid] and means that the feed's own metadata cannot be written; there
// are no documents then.
func (r *Renderer) Documents(f feed.Feed) (docs []feed.Document, rejected []feed.Problem, err error) {
	w, err := r.write(f, feedFormats(f))
	if err != nil {
		return nil, nil, err
	}
	for i := range w.formats {
		d, err := r.document(w, i)
		if err != nil {
			return nil, nil, err
		}
		docs = append(docs, d)
	}
	return docs, w.rejected, nil
}

// written is a feed whose items are written in some formats.
type written struct {
	feed      feed.Feed // with the items that can be written in all formats
	formats   []feed.Format
	fragments [][][]byte // by the format's index, and the item's
	rejected  []feed.Problem
	updated   time.Time // the latest time of update, with its fraction
}

// write writes the feed's items. The error is of kind [feed.ErrInvalid] and means that a format is not written.
func (r *Renderer) write(f feed.Feed, formats []feed.Format) (written, error) {
	for _, format := range formats {
		if _, err := writerOf(format); err != nil {
			return written{}, fmt.Errorf("render feed %s of site %s: %w", f.Name, f.Site.ID, err)
		}
	}
	items, rejected := distinct(f.Items)
	offsets := fractions(items)
	w := written{feed: f, formats: formats, fragments: make([][][]byte, len(formats)), rejected: rejected, updated: f.Updated}
	w.feed.Items = nil
	for i, item := range items {
		v := Variant{Fraction: offsets[i], Content: f.Content, TitleLink: f.TitleLink, Language: f.Site.Language}
		forms, err := r.fragments(f.Site.ID, item, v, formats)
		if err != nil {
			w.rejected = append(w.rejected, problem(item, err))
			continue
		}
		for j := range formats {
			w.fragments[j] = append(w.fragments[j], forms[j])
		}
		w.feed.Items = append(w.feed.Items, item)
		if t := v.updated(item); t.After(w.updated) {
			w.updated = t
		}
	}
	return w, nil
}

// document returns the document of the i-th of the formats.
func (r *Renderer) document(w written, i int) (feed.Document, error) {
	format := w.formats[i]
	writer := writers[format]
	fr, err := writer.frame(w.feed, r.version, w.updated)
	if err != nil {
		return feed.Document{}, fmt.Errorf("render feed %s of site %s as %s: %w", w.feed.Name, w.feed.Site.ID, format, err)
	}
	body, bounds := fr.join(writer.layout, w.fragments[i])
	return feed.NewDocument(format, body, bounds), nil
}

// fragments returns the item's fragments in the formats, which have writers. They are not to be modified. The error says
// why the item cannot be written in one of them.
func (r *Renderer) fragments(site feed.SiteID, item *feed.Item, v Variant, formats []feed.Format) ([][]byte, error) {
	p := r.pens.Get().(*pen)
	defer r.pens.Put(p)
	var sum contentSum
	if r.cache != nil {
		sum, p.sum = sumContent(p.sum, site, item)
	}
	forms := make([][]byte, len(formats))
	checked := false
	for i, format := range formats {
		key := fragmentKey{r.version, sum, format, writers[format].variant(v)}
		if form, ok := r.cache.Get(key); ok {
			forms[i] = form
			continue
		}
		if !checked {
			if err := checkItem(item); err != nil {
				return nil, err
			}
			checked = true
		}
		form, err := p.fragment(r.version, site, item, format, key.variant)
		if err != nil {
			return nil, err
		}
		r.cache.Put(key, form, len(form)+fragmentOverhead)
		forms[i] = form
	}
	return forms, nil
}

func problem(item *feed.Item, err error) feed.Problem {
	p := feed.Problem{ID: item.ID, Kind: feed.KindRejected, Reason: err.Error()}
	if ie := (*itemError)(nil); errors.As(err, &ie) {
		p.Place, p.Reason = ie.place, ie.reason
	}
	return p
}

// distinct parts the items that can be told apart by their ids from those that cannot.
func distinct(items []*feed.Item) (kept []*feed.Item, setAside []feed.Problem) {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		switch {
		case item == nil:
			setAside = append(setAside, feed.Problem{Kind: feed.KindRejected, Reason: "The feed holds an item that is not there."})
		case seen[item.ID]:
			setAside = append(setAside, feed.Problem{ID: item.ID, Kind: feed.KindRejected, Place: "id",
				Reason: "Another post in the feed has the same id."})
		default:
			seen[item.ID] = true
			kept = append(kept, item)
		}
	}
	return kept, setAside
}
