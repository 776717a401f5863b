// Package render turns a feed into its documents in RSS 2.0, Atom 1.0 (RFC 4287) and JSON Feed 1.1. It is pure: it reads
// no clock and no configuration but the feed's, and the same feed gives the same bytes in every process. It does not
// select, clean or attribute; an item that it cannot express is set aside, not repaired.
//
// A document is a head, one fragment for each item, and a foot. Fragments depend on nothing of the feed but a small
// [Variant], so all feeds that hold an item can share them. What is encoded is decoded once and compared with what was
// meant: github.com/gorilla/feeds writes content as a raw CDATA section, in which one control character would make the
// whole feed unreadable without any error.
package render

import (
	"errors"
	"fmt"
	"slices"

	"feedpub/feed"
)

// Version is the version of the rendered form. It changes whenever the same feed would give other bytes, and with it
// every entity tag changes, so replicas must agree on it before it is used.
const Version = 1

// generator names the program in the documents. It carries the version of the form and not that of the program: two
// builds that render alike must make equal bytes.
const generator = "feedpub"

// Renderer makes documents. It keeps nothing between calls and may be used by several goroutines at once.
type Renderer struct{}

// New returns a Renderer.
func New() *Renderer { return &Renderer{} }

// Documents renders the feed in all formats, in the order of [feed.Formats].
//
// An item that cannot be expressed in one of the formats is left out of all of them and reported in setAside with the
// place and the reason; so is every further item with an id that the feed already has, which readers would mix up. The
// other items are not affected. The error is of kind [feed.ErrInvalid] and says that the feed's own metadata cannot
// be expressed; there are no documents then.
func (r *Renderer) Documents(f feed.Feed) (docs []feed.Document, setAside []feed.Problem, err error) {
	items, setAside := distinct(f.Items)
	offsets := fractions(items)
	fragments := map[feed.Format][][]byte{}
	updated := f.Updated
	f.Items = nil
	for i, item := range items {
		variant := Variant{Fraction: offsets[i]}
		forms, problem := r.fragments(f.Site.ID, item, variant)
		if problem != nil {
			setAside = append(setAside, *problem)
			continue
		}
		for j, format := range feed.Formats() {
			fragments[format] = append(fragments[format], forms[j])
		}
		f.Items = append(f.Items, item)
		if t := variant.updated(item); t.After(updated) {
			updated = t
		}
	}
	for _, format := range feed.Formats() {
		frame, err := makeFrame(f, format, updated)
		if err != nil {
			return nil, nil, fmt.Errorf("rendering feed %s of site %s as %s: %w", f.Name, f.Site.ID, format, err)
		}
		docs = append(docs, feed.NewDocument(format, frame.join(fragments[format])))
	}
	return docs, setAside, nil
}

// fragments returns the item's fragments in the order of feed.Formats, or why it is set aside.
func (r *Renderer) fragments(site feed.SiteID, item *feed.Item, v Variant) ([][]byte, *feed.Problem) {
	if err := checkItem(item); err != nil {
		return nil, problem(item, err)
	}
	var forms [][]byte
	for _, format := range feed.Formats() {
		form, err := makeFragment(site, item, format, v)
		if err != nil {
			return nil, problem(item, err)
		}
		forms = append(forms, form)
	}
	return forms, nil
}

func problem(item *feed.Item, err error) *feed.Problem {
	p := &feed.Problem{ID: item.ID, Kind: feed.KindInvalid, Reason: err.Error()}
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
			setAside = append(setAside, feed.Problem{Kind: feed.KindInvalid, Reason: "The feed holds an item that is not there."})
		case seen[item.ID]:
			setAside = append(setAside, feed.Problem{ID: item.ID, Kind: feed.KindInvalid, Place: "id",
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
