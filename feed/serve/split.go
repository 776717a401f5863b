package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"feedpub/feed"
)

// itemSum stands for an item of a document: beginnings of SHA-256 sums, which differ if the items do.
type itemSum struct {
	ID  uint64 `json:"id"`  // of the item's guid or atom:id
	Sum uint64 `json:"sum"` // of all its bytes
}

// part is where an item stands in a document, with the white space before it.
type part struct {
	from, to int
	itemSum
}

// splittable says whether documents of the format are split: those that readers ask to have patched.
func splittable(f feed.Format) bool { return f == feed.RSS || f == feed.Atom }

// split returns the items of an RSS or Atom document in their order. It is all that replicas know of the inside of a
// document: a committed document is head, items and foot, and without an item it is still a document.
func split(f feed.Format, body []byte) ([]part, error) {
	path, id := []string{"rss", "channel", "item"}, "guid"
	if f == feed.Atom {
		path, id = []string{"feed", "entry"}, "id"
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	var parts []part
	depth, on := 0, 0 // open elements, and how many of them are the beginning of path
	for {
		from := int(d.InputOffset())
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) && depth == 0 {
			return parts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("split %s document: %w: %w", f, feed.ErrInvalid, err)
		}
		switch tok := tok.(type) {
		case xml.EndElement:
			if depth--; depth < 0 {
				return nil, fmt.Errorf("split %s document: an end too many: %w", f, feed.ErrInvalid)
			}
			on = min(on, depth)
		case xml.StartElement:
			onPath := depth == on && depth < len(path) && tok.Name.Local == path[depth] && tok.Name.Space == ""
			depth++
			if !onPath {
				continue
			}
			if on = depth; depth < len(path) {
				continue
			}
			text, err := skipItem(d, id)
			if err != nil {
				return nil, fmt.Errorf("split %s document: item %d: %w: %w", f, len(parts), feed.ErrInvalid, err)
			}
			depth--
			on = depth
			to := int(d.InputOffset())
			from = len(bytes.TrimRight(body[:from], " \t\r\n"))
			parts = append(parts, part{from, to, itemSum{ID: shortSum([]byte(text)), Sum: shortSum(body[from:to])}})
		}
	}
}

// skipItem reads on to the end of an item whose start was read, and returns the text of its child id.
func skipItem(d *xml.Decoder, id string) (string, error) {
	var text []byte
	inID := false
	for depth := 1; depth > 0; {
		tok, err := d.RawToken()
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			inID = depth == 1 && tok.Name.Local == id && tok.Name.Space == ""
			depth++
		case xml.EndElement:
			inID = false
			depth--
		case xml.CharData:
			if inID {
				text = append(text, tok...)
			}
		}
	}
	if len(text) == 0 {
		return "", fmt.Errorf("no %s", id)
	}
	return string(text), nil
}

func shortSum(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// sums returns the sums of parts.
func sums(parts []part) []itemSum {
	list := make([]itemSum, len(parts))
	for i, p := range parts {
		list[i] = p.itemSum
	}
	return list
}

// changes returns which of a document's items are new or changed since it had the items before. It returns false if one
// was taken away, which the items that are left can't say. Items that only fell off the end, pushed out by newer ones,
// were not taken away: a reader keeps them, as it does when it reads the whole.
func changes(before []itemSum, now []part) (fresh []bool, ok bool) {
	old := make(map[uint64]uint64, len(before))
	for _, item := range before {
		old[item.ID] = item.Sum
	}
	kept := make(map[uint64]bool, len(now))
	fresh = make([]bool, len(now))
	last := -1 // of the items in now that were there before
	for i, p := range now {
		sum, known := old[p.ID]
		fresh[i] = !known || sum != p.Sum
		if known {
			kept[p.ID] = true
			last = i
		}
	}
	gone := slices.IndexFunc(before, func(item itemSum) bool { return !kept[item.ID] })
	if gone < 0 {
		return fresh, true
	}
	// Fell off: nothing that stays stood behind what is gone, the document did not get shorter, and nothing older came in
	// at its end, as happens when room is made.
	stays := slices.ContainsFunc(before[gone:], func(item itemSum) bool { return kept[item.ID] })
	return fresh, !stays && len(now) >= len(before) && last == len(now)-1
}

// keep returns body with only those parts that are fresh.
func keep(body []byte, parts []part, fresh []bool) []byte {
	out := make([]byte, 0, len(body))
	at := 0
	for i, p := range parts {
		if !fresh[i] {
			out = append(out, body[at:p.from]...)
			at = p.to
		}
	}
	return append(out, body[at:]...)
}
