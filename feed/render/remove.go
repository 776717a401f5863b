package render

import (
	"bytes"
	"fmt"
	"slices"

	"feedpub/feed"
)

// Remove returns a copy of a document without the items of the removed posts. All other bytes are unchanged, including
// the feed's own dates. It is used to withdraw posts when the feed cannot be built. Items do not depend on each other,
// so an item can be removed without reading the others.
//
// The document must have been rendered by [Renderer.Documents] or [Renderer.Page], and posts must be the ids of its
// items in order; otherwise the error is of kind [feed.ErrInvalid]. Ids in removed that are not in posts are ignored.
func Remove(d feed.Document, posts, removed []string) (feed.Document, error) {
	none := feed.Document{}
	w, err := writerOf(d.Format)
	if err != nil {
		return none, fmt.Errorf("remove items: %w", err)
	}
	if err := d.Bounds.Validate(len(d.Body)); err != nil {
		return none, fmt.Errorf("remove items from %s document: %w", d.Format, err)
	}
	if d.Bounds.Items() != len(posts) {
		return none, fmt.Errorf("remove items from %s document: it has %d items, not %d: %w",
			d.Format, d.Bounds.Items(), len(posts), feed.ErrInvalid)
	}
	if len(posts) == 0 {
		return d, nil
	}
	frame, items, err := w.split(d)
	if err != nil {
		return none, fmt.Errorf("remove items from %s document: %w", d.Format, err)
	}
	kept := items[:0]
	for i, item := range items {
		if !slices.Contains(removed, posts[i]) {
			kept = append(kept, item)
		}
	}
	body, bounds := frame.join(w.layout, kept)
	rest := feed.NewDocument(d.Format, body, bounds)
	rest.Policy = d.Policy
	return rest, nil
}

// split is the inverse of [frame.join]. It checks that each item begins with itemStart and ends with itemEnd, and that
// the text between and around the items matches the layout. The document must have items.
func (l layout) split(d feed.Document) (frame, [][]byte, error) {
	n := d.Bounds.Items()
	head, openOK := bytes.CutSuffix(d.Body[:d.Bounds[0]], []byte(l.open))
	foot, closeOK := bytes.CutPrefix(d.Body[d.Bounds[n]:], []byte(l.close))
	if !openOK || !closeOK {
		return frame{}, nil, fmt.Errorf("item bounds do not match the document: %w", feed.ErrInvalid)
	}
	items := make([][]byte, n)
	for i := range items {
		item, ok := d.Body[d.Bounds[i]:d.Bounds[i+1]], true
		if i < n-1 {
			item, ok = bytes.CutSuffix(item, []byte(l.separator))
		}
		if !ok || !l.isItem(item) {
			return frame{}, nil, fmt.Errorf("bounds of item %d do not match the document: %w", i, feed.ErrInvalid)
		}
		items[i] = item
	}
	return frame{head: head, foot: foot}, items, nil
}
