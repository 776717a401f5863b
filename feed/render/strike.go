package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"feedpub/feed"
)

// Strike returns a document without the items of the posts ids; every other byte stays as it is. It serves withdrawals
// when a feed cannot be built anew: a document is head, fragments and foot, so an item can be taken out of it without
// knowing any other. body must be a document that [Renderer.Documents] made for the site, else the error is of kind
// [feed.ErrInvalid]. Ids that the document does not hold are no error.
func Strike(site feed.SiteID, f feed.Format, body []byte, ids []string) ([]byte, error) {
	strike, element, id := strikeXML, "item", "guid"
	switch f {
	case feed.Atom:
		element, id = "entry", "id"
		atom := make([]string, len(ids))
		for i := range ids {
			atom[i] = AtomID(site, ids[i])
		}
		ids = atom
	case feed.JSON:
		strike = strikeJSON
	}
	out, err := strike(body, element, id, ids)
	if err != nil {
		return nil, fmt.Errorf("strike from %s document: %w: %w", f, feed.ErrInvalid, err)
	}
	return out, nil
}

// span is a part of a document, in bytes.
type span struct{ from, to int64 }

func strikeXML(body []byte, element, id string, ids []string) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var out []span
	var space int64 // where the white space before the next token began
	blank := false
	for {
		before := d.InputOffset()
		if blank {
			before = space
		}
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return without(body, out), nil
		}
		if err != nil {
			return nil, err
		}
		if text, ok := tok.(xml.CharData); ok {
			space, blank = d.InputOffset()-int64(len(text)), len(bytes.TrimSpace(text)) == 0
			continue
		}
		blank = false
		start, ok := tok.(xml.StartElement)
		if !ok || start.Name.Local != element {
			continue
		}
		var item struct {
			Parts []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		}
		if err := d.DecodeElement(&item, &start); err != nil {
			return nil, err
		}
		for _, p := range item.Parts {
			if p.XMLName.Local == id && p.XMLName.Space == start.Name.Space && slices.Contains(ids, strings.TrimSpace(p.Text)) {
				out = append(out, span{before, d.InputOffset()})
			}
		}
	}
}

func strikeJSON(body []byte, _, _ string, ids []string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := skipTo(d, "items"); err != nil {
		return nil, err
	}
	var out []span
	kept := false
	for d.More() {
		from := d.InputOffset() // the end of "[" or of the item before, so the comma goes with the item after it
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
			// The first item that stays loses the comma before it.
			comma := int64(bytes.IndexByte(body[from:to], ','))
			out = append(out, span{from, from + comma + 1})
			kept = true
		default:
			kept = true
		}
	}
	return without(body, out), nil
}

// skipTo reads up to and including the "[" of the array that is the top-level member key.
func skipTo(d *json.Decoder, key string) error {
	if _, err := d.Token(); err != nil { // {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name == key {
			_, err := d.Token() // [
			return err
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return fmt.Errorf("no member %q", key)
}

// without returns body less the spans, which are in order and do not overlap.
func without(body []byte, spans []span) []byte {
	out := make([]byte, 0, len(body))
	var at int64
	for _, s := range spans {
		out = append(out, body[at:s.from]...)
		at = s.to
	}
	return append(out, body[at:]...)
}
