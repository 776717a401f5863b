package transfer

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// convertItem returns an item of JSON Feed 1.0 or 1.1 as a post: ids that are numbers become text, the author of version
// 1.0 becomes a list, dates of other forms that of RFC 3339, and what feedpub wrote of quotes is read back. An item that
// needs nothing of it is returned as it came. Members is changed with it.
func convertItem(raw []byte, members map[string]json.RawMessage, loc *time.Location) ([]byte, error) {
	changed := false
	set := func(name string, value any) error {
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", name, err, feed.ErrInvalid)
		}
		members[name], changed = encoded, true
		return nil
	}
	if id, ok := members["id"]; ok {
		var number json.Number
		if json.Unmarshal(id, &number) == nil && len(id) > 0 && id[0] != '"' && number != "" {
			if err := set("id", number.String()); err != nil {
				return nil, err
			}
		}
	}
	if text(members["id"]) == "" {
		if address := text(members["url"]); address != "" {
			if err := set("id", address); err != nil {
				return nil, err
			}
		}
	}
	if author, ok := members["author"]; ok && members["authors"] == nil && len(author) > 0 && author[0] == '{' {
		members["authors"], changed = json.RawMessage("["+string(author)+"]"), true
		delete(members, "author")
	}
	for _, name := range []string{"date_published", "date_modified"} {
		given := text(members[name])
		if given == "" {
			continue
		}
		if _, ok := intake.ParseDate(given); ok {
			continue
		}
		t, err := parseDate(given, loc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := set(name, t.Format(time.RFC3339)); err != nil {
			return nil, err
		}
	}
	var own struct {
		Quotes json.RawMessage `json:"quotes"`
		Via    json.RawMessage `json:"via"`
	}
	if extension, ok := members["_feedpub"]; ok && json.Unmarshal(extension, &own) == nil {
		for _, m := range []struct {
			name  string
			value json.RawMessage
		}{{"quotes", own.Quotes}, {"via", own.Via}} {
			if len(m.value) > 0 && members[m.name] == nil {
				members[m.name], changed = m.value, true
			}
		}
		delete(members, "_feedpub")
		changed = true
	}
	if !changed {
		return raw, nil
	}
	encoded, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	return encoded, nil
}

// text returns a JSON text without white space around it, or "" for another value.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return strings.TrimSpace(s)
}
