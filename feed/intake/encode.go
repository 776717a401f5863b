package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"feedpub/feed"
)

// Encode returns the post as JSON on one line: the members in the order of the fields of [feed.Post], then the unknown
// members sorted by name. The result decodes to an equal post.
func Encode(p feed.Post) ([]byte, error) {
	if err := CheckID(p.ID); err != nil {
		return nil, fmt.Errorf("encode post %q: %w", p.ID, err)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // keeps markup readable; the JSON is not embedded in HTML
	if err := encoder.Encode(p); err != nil {
		return nil, fmt.Errorf("encode post %q: %w: %w", p.ID, err, feed.ErrInvalid)
	}
	b.Truncate(b.Len() - len("}\n"))
	for _, name := range slices.Sorted(maps.Keys(p.Unknown)) {
		if known[name] {
			continue
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("encode post %q: member %q: %w: %w", p.ID, name, err, feed.ErrInvalid)
		}
		b.WriteByte(',')
		b.Write(quoted)
		b.WriteByte(':')
		if err := json.Compact(&b, p.Unknown[name]); err != nil {
			return nil, fmt.Errorf("encode post %q: member %q: %w: %w", p.ID, name, err, feed.ErrInvalid)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// known lists the members that [Decode] reads, which Encode does not write a second time.
var known = map[string]bool{
	"id": true, "url": true, "external_url": true, "title": true, "content_html": true, "content_text": true,
	"content_markdown": true, "summary": true, "image": true, "date_published": true, "date_modified": true,
	"authors": true, "tags": true, "language": true, "attachments": true, "status": true, "quotes": true, "via": true,
	"attribution": true, "exclude_from": true,
}
