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
	"slices"
	"sync"

	"feedpub/feed"
)

// The rendered form has versions, for whenever the same feed gives other bytes every entity tag changes. A site's
// documents are all of one version, which is recorded with them, and a program that knows a newer one goes on making the
// recorded one until it is told otherwise: so programs of two releases can build the same site in turn. A version that
// is made no more can be dropped in a later release, by raising Oldest.
//
//   - 2: the form of the first release.
//   - 3: the notice in the style sheet of raw feeds is in the site's language.
const (
	Oldest  = 2 // the oldest version that can be made
	Version = 3 // the newest
)

// generator names the program in the documents. It carries the version of the form and not that of the program: two
// builds that render alike must make equal bytes.
const generator = "feedpub"

// Renderer makes documents. It remembers fragments, so that an item that stands in many feeds is rendered once; what it
// remembers changes no byte of any document. It may be used by several goroutines at once.
type Renderer struct {
	version int
	cache   *cache
	pens    *sync.Pool // of *pen
}

// Option changes what [New] makes.
type Option func(*Renderer)

// CacheBytes bounds what the Renderer remembers; 0 is nothing. The default is [DefaultCacheBytes].
func CacheBytes(n int) Option { return func(r *Renderer) { r.cache = newCache(n) } }

// New returns a Renderer of the newest version.
func New(options ...Option) *Renderer {
	r := &Renderer{
		version: Version, cache: newCache(DefaultCacheBytes), pens: &sync.Pool{New: func() any { return new(pen) }},
	}
	for _, option := range options {
		option(r)
	}
	return r
}

// At returns a Renderer of another version of the form, which remembers in the same place. The error is of kind
// [feed.ErrInvalid] if the version is none from [Oldest] to [Version].
func (r *Renderer) At(version int) (*Renderer, error) {
	if version < Oldest || version > Version {
		return nil, fmt.Errorf("version %d of the rendered form, of which %d to %d can be made: %w",
			version, Oldest, Version, feed.ErrInvalid)
	}
	other := *r
	other.version = version
	return &other, nil
}

// Version returns the version of the form that the Renderer makes.
func (r *Renderer) Version() int { return r.version }

// Documents renders the feed in all of its formats, in the order of [feed.Formats].
//
// An item that cannot be expressed in one of the formats is left out of all of them and reported in setAside with the
// place and the reason; so is every further item with an id that the feed already has, which readers would mix up. The
// other items are not affected. The error is of kind [feed.ErrInvalid] and says that the feed's own metadata cannot
// be expressed; there are no documents then.
func (r *Renderer) Documents(f feed.Feed) (docs []feed.Document, setAside []feed.Problem, err error) {
	items, setAside := distinct(f.Items)
	offsets := fractions(items)
	formats := feedFormats(f)
	fragments := make([][][]byte, len(formats))
	updated := f.Updated
	f.Items = nil
	for i, item := range items {
		variant := Variant{Fraction: offsets[i], Content: f.Content, TitleLink: f.TitleLink}
		forms, err := r.fragments(f.Site.ID, item, variant, formats)
		if err != nil {
			setAside = append(setAside, problem(item, err))
			continue
		}
		for j := range formats {
			fragments[j] = append(fragments[j], forms[j])
		}
		f.Items = append(f.Items, item)
		if t := variant.updated(item); t.After(updated) {
			updated = t
		}
	}
	for i, format := range formats {
		frame, err := r.makeFrame(f, format, updated)
		if err != nil {
			return nil, nil, fmt.Errorf("rendering feed %s of site %s as %s: %w", f.Name, f.Site.ID, format, err)
		}
		docs = append(docs, feed.NewDocument(format, frame.join(fragments[i])))
	}
	return docs, setAside, nil
}

// fragments returns the item's fragments in the formats, which are not to be modified, or an error that says why it
// cannot be expressed in one of them.
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
		key := fragmentKey{r.version, sum, format, v.of(format)}
		if form, ok := r.cache.get(key); ok {
			forms[i] = form
			continue
		}
		if !checked {
			if err := checkItem(item); err != nil {
				return nil, err
			}
			checked = true
		}
		form, err := p.fragment(site, item, format, key.variant)
		if err != nil {
			return nil, err
		}
		r.cache.put(key, form)
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

// frame is a document without items: a head and a foot. If there are fragments, they stand between open and close,
// parted by sep.
type frame struct {
	head, foot       []byte
	open, sep, close string
}

func (f frame) join(fragments [][]byte) []byte {
	if len(fragments) == 0 {
		return slices.Concat(f.head, f.foot)
	}
	size := len(f.head) + len(f.open) + len(f.close) + len(f.foot)
	for _, fragment := range fragments {
		size += len(fragment) + len(f.sep)
	}
	doc := slices.Grow([]byte(nil), size)
	doc = append(doc, f.head...)
	doc = append(doc, f.open...)
	for i, fragment := range fragments {
		if i > 0 {
			doc = append(doc, f.sep...)
		}
		doc = append(doc, fragment...)
	}
	doc = append(doc, f.close...)
	return append(doc, f.foot...)
}
