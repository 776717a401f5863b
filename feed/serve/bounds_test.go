package serve

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"testing"

	"feedpub/feed"
)

// part is an item of a document, including the white space before it.
type part struct {
	from, to int
	id       string // the text of its guid or atom:id
}

// split parses an RSS or Atom document and returns its items in order. Tests compare the items with the document's
// bounds.
func split(f feed.Format, body []byte) ([]part, error) {
	path, id := []string{"rss", "channel", "item"}, "guid"
	if f == feed.Atom {
		path, id = []string{"feed", "entry"}, "id"
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	var parts []part
	depth, on := 0, 0 // number of open elements, and number of open elements that match the beginning of path
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
				return nil, fmt.Errorf("split %s document: unmatched end tag: %w", f, feed.ErrInvalid)
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
			parts = append(parts, part{from, to, text})
		}
	}
}

// skipItem reads to the end of an item whose start tag has been read, and returns the text of its child id.
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

// boundsOf returns the bounds and the ids of a document's items.
func boundsOf(t testing.TB, f feed.Format, body []byte) (b feed.Bounds, ids []string) {
	t.Helper()
	parts, err := split(f, body)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range parts {
		if i > 0 && p.from != parts[i-1].to {
			t.Fatalf("items %d and %d of %q are not adjacent", i-1, i, body)
		}
		b, ids = append(b, uint32(p.from)), append(ids, p.id)
	}
	if len(parts) > 0 {
		b = append(b, uint32(parts[len(parts)-1].to))
	}
	return b, ids
}
