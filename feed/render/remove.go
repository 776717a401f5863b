package render

import (
	"bytes"
	"fmt"
	"slices"

	"feedpub/feed"
)

// Remove returns a document without the items of the posts removed; every other byte is unchanged, the feed's own dates
// included. It serves withdrawals when a feed cannot be built: a document is a head, fragments and a foot, so an item can
// be removed without knowledge of any other.
//
// The document must be one that [Renderer.Documents] or [Renderer.Page] made, and posts the ids of its items in order;
// otherwise the error is of kind [feed.ErrInvalid]. Ids that are not among posts are ignored.
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
	return feed.NewDocument(d.Format, body, bounds), nil
}

// split returns the parts that [frame.join] made the document of, which has items. It checks that each item begins and
// ends as one does, and that what is around them is as in every document.
func (l layout) split(d feed.Document) (frame, [][]byte, error) {
	n := d.Bounds.Items()
	head, openOK := bytes.CutSuffix(d.Body[:d.Bounds[0]], []byte(l.open))
	foot, closeOK := bytes.CutPrefix(d.Body[d.Bounds[n]:], []byte(l.close))
	if !openOK || !closeOK {
		return frame{}, nil, fmt.Errorf("the items are not where they are said to be: %w", feed.ErrInvalid)
	}
	items := make([][]byte, n)
	for i := range items {
		item, ok := d.Body[d.Bounds[i]:d.Bounds[i+1]], true
		if i < n-1 {
			item, ok = bytes.CutSuffix(item, []byte(l.separator))
		}
		if !ok || !l.isItem(item) {
			return frame{}, nil, fmt.Errorf("item %d is not where it is said to be: %w", i, feed.ErrInvalid)
		}
		items[i] = item
	}
	return frame{head: head, foot: foot}, items, nil
}
