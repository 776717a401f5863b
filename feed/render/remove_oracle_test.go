package render_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"feedpub/feed"
	"feedpub/feed/render"
)

// parseAndRemove is the oracle for [render.Remove]. It parses the document to find the items with the ids.
func parseAndRemove(site feed.SiteID, f feed.Format, body []byte, ids []string) ([]byte, error) {
	var out []byte
	var err error
	switch f { //nolint:exhaustive // other formats have no items
	case feed.RSS:
		out, err = removeXML(body, []string{"rss", "channel", "item"}, "guid", ids)
	case feed.Atom:
		atom := make([]string, len(ids))
		for i := range ids {
			atom[i] = render.AtomID(site, ids[i])
		}
		out, err = removeXML(body, []string{"feed", "entry"}, "id", atom)
	case feed.JSON:
		out, err = removeJSON(body, ids)
	case feed.HTML:
		out, err = removeArticles(body, ids)
	default:
		err = errors.New("no such format")
	}
	if err != nil {
		return nil, fmt.Errorf("remove from %s document: %w: %w", f, feed.ErrInvalid, err)
	}
	return out, nil
}

// span is a range of offsets in a document.
type span struct{ from, to int64 }

// removeXML removes the elements at path (from the root to an item) whose child with the name id contains one of the
// ids.
func removeXML(body []byte, path []string, id string, ids []string) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var out []span
	depth, on := 0, 0 // number of open elements, and number of open elements that match the beginning of path
	for {
		from := d.InputOffset()
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return without(body, out), nil
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.EndElement:
			depth--
			on = min(on, depth)
		case xml.StartElement:
			if depth == 0 && tok.Name.Local != path[0] {
				return nil, fmt.Errorf("root element is %q, want %q", tok.Name.Local, path[0])
			}
			if depth != on || tok.Name.Local != path[depth] {
				depth++
				continue
			}
			if depth++; depth < len(path) {
				on = depth
				continue
			}
			depth--
			var item struct {
				Parts []struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			}
			if err := d.DecodeElement(&item, &tok); err != nil {
				return nil, err
			}
			for _, p := range item.Parts {
				if p.XMLName.Local == id && p.XMLName.Space == tok.Name.Space && slices.Contains(ids, p.Text) {
					// The white space before an item belongs to it.
					from = int64(len(bytes.TrimRight(body[:from], " \t\n")))
					out = append(out, span{from, d.InputOffset()})
					break
				}
			}
		}
	}
}

func removeJSON(body []byte, ids []string) ([]byte, error) {
	if !json.Valid(body) {
		return nil, errors.New("not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := enterArray(d, "items"); err != nil {
		return nil, err
	}
	begin := d.InputOffset()
	var out []span
	kept := false
	from := begin // the end of "[" or of the previous item, so an item includes the comma before it
	for d.More() {
		var item struct {
			ID string `json:"id"`
		}
		if err := d.Decode(&item); err != nil {
			return nil, err
		}
		to := d.InputOffset()
		switch {
		case slices.Contains(ids, item.ID):
			out = append(out, span{from, to})
		case !kept && len(out) > 0:
			// Remove the comma before the first remaining item.
			comma := int64(bytes.IndexByte(body[from:to], ','))
			out = append(out, span{from, from + comma + 1})
			kept = true
		default:
			kept = true
		}
		from = to
	}
	if !kept && len(out) > 0 { // an empty array is written without white space
		out = []span{{begin, from + int64(bytes.IndexByte(body[from:], ']'))}}
	}
	return without(body, out), nil
}

// removeArticles removes the articles between their anchors.
func removeArticles(body []byte, ids []string) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte("<!DOCTYPE html>\n")) {
		return nil, errors.New("not a page")
	}
	out := bytes.Clone(body)
	for _, id := range ids {
		before, rest, found := bytes.Cut(out, []byte("<!--"+pageAnchor(id)+"-->"))
		if _, after, ok := bytes.Cut(rest, []byte("<!--/"+pageAnchor(id)+"-->\n")); found && ok {
			out = slices.Concat(before, after)
		}
	}
	return out, nil
}

// enterArray reads up to and including the "[" of the array in the top-level member key.
func enterArray(d *json.Decoder, key string) error {
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return orError(err, "not an object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name == key {
			if start, err := d.Token(); err != nil || start != json.Delim('[') {
				return orError(err, "member "+key+" is not an array")
			}
			return nil
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return fmt.Errorf("no member %q", key)
}

// orError returns err or, if it is nil, an error with the reason.
func orError(err error, reason string) error {
	if err != nil {
		return err
	}
	return errors.New(reason)
}

// without returns body without the spans, which must be sorted and must not overlap.
func without(body []byte, spans []span) []byte {
	out := make([]byte, 0, len(body))
	var at int64
	for _, s := range spans {
		out = append(out, body[at:s.from]...)
		at = s.to
	}
	return append(out, body[at:]...)
}

// pageAnchor returns the anchor of an item on a page.
func pageAnchor(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "p-" + hex.EncodeToString(sum[:16])
}
