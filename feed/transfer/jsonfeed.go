package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// isJSONFeed reports whether text begins with a JSON Feed document: an object that has a JSON Feed version, or an
// "items" member that is not preceded by an id.
func isJSONFeed(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	for {
		name, err := d.Token()
		if err != nil || name == json.Delim('}') || name == "id" {
			return false
		}
		if name == "items" {
			value, err := d.Token()
			return err == nil && value == json.Delim('[')
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return false
		}
		if name == "version" && bytes.Contains(value, []byte("jsonfeed.org/version/")) {
			return true
		}
	}
}

// document reads the items of a JSON Feed document.
func (j *jsonReader) document(yield func(Entry, error) bool) {
	if _, err := j.peekValue(); err != nil {
		yield(Entry{}, j.fatal(err))
		return
	}
	j.skipByte()
	for {
		c, err := j.peekValue()
		if err != nil {
			yield(Entry{}, j.fatal(err))
			return
		}
		switch c {
		case ',', ':':
			j.skipByte()
			continue
		case '}':
			return
		}
		member, err := j.readValue()
		if err != nil {
			yield(Entry{}, j.fatal(err))
			return
		}
		// The string "items" can also be a value, but then no array follows it.
		if string(member) == `"items"` && j.skipToken(':') && j.skipToken('[') {
			j.items = true
			if !j.elements(yield) {
				return
			}
			j.items = false
		}
	}
}

// skipToken skips white space and then, if it is next, the byte c. It reports whether it skipped c.
func (j *jsonReader) skipToken(c byte) bool {
	next, err := j.peekValue()
	if err != nil || next != c {
		return false
	}
	j.skipByte()
	return true
}

// convertItem converts an item of JSON Feed 1.0 or 1.1 to a post: ids that are numbers become strings, a missing id
// becomes the URL, the author of version 1.0 becomes a list, dates get the format of RFC 3339, the quotes and vias of
// the extension _feedpub become members, and members that mark the item as not public become the status. It modifies
// members, and returns raw if no conversion was needed.
func convertItem(raw []byte, members map[string]json.RawMessage, o Options) ([]byte, error) {
	changed := convertID(members)
	if hidden, err := convertVisibility(members, o); err != nil {
		return nil, err
	} else if hidden {
		changed = true
	}
	if author, ok := members["author"]; ok && members["authors"] == nil && len(author) > 0 && author[0] == '{' {
		members["authors"], changed = json.RawMessage("["+string(author)+"]"), true
		delete(members, "author")
	}
	for _, name := range []string{"date_published", "date_modified"} {
		given := jsonString(members[name])
		if _, ok := intake.ParseDate(given); ok || given == "" {
			continue
		}
		t, err := parseDate(given, o.location())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		members[name], changed = quoteJSON(t.Format(time.RFC3339)), true
	}
	if !convertExtension(members) && !changed {
		return raw, nil
	}
	encoded, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	return encoded, nil
}

// convertVisibility sets the status of an item that is not public, and reports whether it changed members. JSON Feed
// has no member for the status, so programs use the keys that are common in front matter.
func convertVisibility(members map[string]json.RawMessage, o Options) (changed bool, err error) {
	front, err := visibilityMembers(members)
	if err != nil {
		return false, err
	}
	v, err := frontMatterVisibility(front, o)
	if err != nil || len(front) == 0 {
		return false, err
	}
	published, _ := parseDate(jsonString(members["date_published"]), o.location())
	if err := v.checkDate(published); err != nil {
		return false, err
	}
	status := cmp.Or(v.status, publishedStatus(front))
	if len(front) == 1 && status != "" && front["status"] == string(status) {
		return false, nil
	}
	for key := range front {
		delete(members, key)
	}
	if status != "" {
		members["status"] = quoteJSON(string(status))
	}
	return true, nil
}

// visibilityMembers returns the values of the members that mark posts as not public.
func visibilityMembers(members map[string]json.RawMessage) (map[string]any, error) {
	front := map[string]any{}
	for key, raw := range members {
		if frontVisibility[strings.ToLower(key)] == nil {
			continue
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", key, err, feed.ErrInvalid)
		}
		front[key] = value
	}
	return front, nil
}

// convertExtension replaces the extension _feedpub with the quotes and vias in it, and reports whether the item had the
// extension.
func convertExtension(members map[string]json.RawMessage) bool {
	var extension struct {
		Quotes json.RawMessage `json:"quotes"`
		Via    json.RawMessage `json:"via"`
	}
	raw, ok := members["_feedpub"]
	if !ok || json.Unmarshal(raw, &extension) != nil {
		return false
	}
	for name, value := range map[string]json.RawMessage{"quotes": extension.Quotes, "via": extension.Via} {
		if len(value) > 0 && members[name] == nil {
			members[name] = value
		}
	}
	delete(members, "_feedpub")
	return true
}

// convertID converts the id of an item to a string, and reports whether it changed the id.
func convertID(members map[string]json.RawMessage) (changed bool) {
	var number json.Number
	if id := members["id"]; len(id) > 0 && id[0] != '"' && json.Unmarshal(id, &number) == nil && number != "" {
		members["id"], changed = quoteJSON(number.String()), true
	}
	if address := jsonString(members["url"]); address != "" && jsonString(members["id"]) == "" {
		members["id"], changed = quoteJSON(address), true
	}
	return changed
}

func quoteJSON(s string) json.RawMessage {
	encoded, _ := json.Marshal(s) // marshaling a string cannot fail
	return encoded
}

// jsonString returns the trimmed value of a JSON string, or "" for any other value.
func jsonString(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return strings.TrimSpace(s)
}

type jsonFeedWriter struct {
	w     *bufio.Writer
	wrote bool
}

func newJSONFeedWriter(w io.Writer, c Channel) (*jsonFeedWriter, error) {
	head, err := json.Marshal(struct {
		Version     string `json:"version"`
		Title       string `json:"title"`
		HomePageURL string `json:"home_page_url,omitempty"`
		Language    string `json:"language,omitempty"`
	}{"https://jsonfeed.org/version/1.1", c.Title, c.Link, c.Language})
	if err != nil {
		return nil, fmt.Errorf("write JSON Feed: %w", err)
	}
	b := bufio.NewWriter(w)
	_, err = b.WriteString(strings.TrimSuffix(string(head), "}") + ",\"items\":[")
	return &jsonFeedWriter{w: b}, err
}

// Write writes the post unchanged: a post is a JSON Feed item with additional members.
func (j *jsonFeedWriter) Write(p feed.Post) error {
	raw, err := intake.Encode(p)
	if err != nil {
		return err
	}
	if j.wrote {
		raw = append([]byte(",\n"), raw...)
	} else {
		raw = append([]byte("\n"), raw...)
	}
	j.wrote = true
	_, err = j.w.Write(raw)
	return err
}

func (j *jsonFeedWriter) Close() error {
	_, err := j.w.WriteString("\n]}\n")
	return errors.Join(err, j.w.Flush())
}
