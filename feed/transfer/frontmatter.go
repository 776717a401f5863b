package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"feedpub/feed"
)

// cutFrontMatter splits text into front matter and body. Front matter is YAML enclosed in "---" lines, TOML enclosed in
// "+++" lines, or, as in Hugo, a JSON object. It is nil if text has no front matter.
func cutFrontMatter(text string) (front map[string]any, body string, err error) {
	if strings.HasPrefix(text, "{") {
		return cutJSON(text)
	}
	// Hugo allows empty lines before front matter. If we ignored such front matter, we could publish a draft.
	if isFrontMatter([]byte(text)) {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	line, _, _ := strings.Cut(text, "\n")
	fence := strings.TrimRight(line, " \t\r")
	if fence != "---" && fence != "+++" {
		return nil, text, nil
	}
	end := len(line) + 1
	for line := range strings.Lines(text[min(end, len(text)):]) {
		if strings.TrimRight(line, " \t\r\n") != fence {
			end += len(line)
			continue
		}
		source := text[len(fence):end]
		if _, after, ok := strings.Cut(source, "\n"); ok {
			source = after
		}
		front = make(map[string]any)
		if fence == "---" {
			err = readYAML(source, &front)
		} else {
			err = readTOML(source, &front)
		}
		return front, text[end+len(line):], err
	}
	return nil, "", fmt.Errorf("line 1: front matter has no end: want a second line %q: %w", fence, feed.ErrInvalid)
}

// cutJSON splits text after the JSON object that it begins with.
func cutJSON(text string) (map[string]any, string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	var front map[string]any
	if err := d.Decode(&front); err != nil || front == nil {
		return nil, text, nil // this is ordinary text that begins with a brace
	}
	return front, text[d.InputOffset():], nil
}

// readTOML decodes TOML. Its errors are of kind [feed.ErrInvalid].
func readTOML(source string, into *map[string]any) error {
	if err := boundFrontMatter(source); err != nil {
		return err
	}
	err := toml.Unmarshal([]byte(source), into)
	if err == nil {
		return nil
	}
	if decode := new(toml.DecodeError); errors.As(err, &decode) {
		line, _ := decode.Position()
		message := strings.TrimPrefix(decode.Error(), "toml: ")
		return fmt.Errorf("line %d: front matter: %s: %w", line+1, message, feed.ErrInvalid)
	}
	return fmt.Errorf("front matter: want keys and values in TOML: %w", feed.ErrInvalid)
}

// frontMatterKeys maps front matter keys to members of a post. If several keys map to the same member, the first one
// wins. Keys that are not in the map keep their names.
var frontMatterKeys = []struct{ key, member string }{
	{"id", "id"},
	{"guid", "id"},
	{"url", "url"},
	{"permalink", "url"},
	{"external_url", "external_url"},
	{"link", "external_url"},
	{"date_published", "date_published"},
	{"date", "date_published"},
	{"date_modified", "date_modified"},
	{"lastmod", "date_modified"},
	{"updated", "date_modified"},
	{"last_modified_at", "date_modified"},
	{"summary", "summary"},
	{"description", "summary"},
	{"excerpt", "summary"},
	{"language", "language"},
	{"lang", "language"},
	{"featured_image", "image"},
}

// fromFrontMatter converts front matter to the members of a post.
func fromFrontMatter(front map[string]any) map[string]any {
	post := maps.Clone(front)
	if post == nil {
		post = make(map[string]any)
	}
	for _, f := range frontMatterKeys {
		value, ok := front[f.key]
		if !ok || f.key == "permalink" && !isAddress(value) {
			continue
		}
		if f.key != f.member {
			delete(post, f.key)
		}
		if _, given := post[f.member]; !given {
			post[f.member] = value
		}
	}
	for _, key := range []string{"date_published", "date_modified"} {
		switch t := post[key].(type) {
		case time.Time:
			post[key] = t.Format(time.RFC3339Nano)
		case fmt.Stringer: // a TOML local date
			post[key] = t.String()
		}
	}
	// A title such as 1984 is a number in YAML.
	for _, key := range []string{"title", "summary"} {
		switch v := post[key].(type) {
		case int64, uint64, float64, bool:
			post[key] = fmt.Sprint(v)
		}
	}
	if id, ok := post["id"]; ok {
		post["id"] = fmt.Sprint(id)
	}
	setImage(post)
	setAuthors(post, front)
	setTags(post, front)
	// postFile.members converts these keys to the status.
	maps.DeleteFunc(post, func(key string, _ any) bool {
		key = strings.ToLower(key)
		return frontVisibility[key] != nil || scheduleKeys[key]
	})
	return post
}

// setImage replaces an image object with the URL of the image.
func setImage(post map[string]any) {
	image, ok := post["image"].(map[string]any)
	if !ok {
		return
	}
	delete(post, "image")
	for _, key := range []string{"url", "path", "src"} {
		if address, ok := image[key].(string); ok {
			post["image"] = address
		}
	}
}

func setAuthors(post, front map[string]any) {
	for _, key := range []string{"authors", "author"} {
		if value, ok := front[key]; ok {
			delete(post, "author")
			post["authors"] = authorList(value)
			return
		}
	}
}

// setTags joins tags and categories.
func setTags(post, front map[string]any) {
	taxonomies, _ := front["taxonomies"].(map[string]any) // as in Zola
	tags := slices.Concat(stringList(front["tags"]), stringList(front["categories"]), stringList(front["category"]),
		stringList(taxonomies["tags"]), stringList(taxonomies["categories"]))
	for _, key := range []string{"tags", "categories", "category", "taxonomies"} {
		delete(post, key)
	}
	if len(tags) > 0 {
		post["tags"] = tags
	}
}

// authorList converts a name, an object, or a list of them to the authors of a post.
func authorList(value any) any {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	authors := make([]any, 0, len(list))
	for _, v := range list {
		if name, ok := v.(string); ok {
			v = map[string]any{"name": name}
		}
		authors = append(authors, v)
	}
	return authors
}

// stringList returns the scalars of a list as strings, or the parts of a comma-separated string.
func stringList(value any) []any {
	var list []any
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			switch element.(type) {
			case nil, map[string]any, []any:
			default:
				add(fmt.Sprint(element)) // a tag such as a year may be a number
			}
		}
	case string:
		for part := range strings.SplitSeq(v, ",") {
			add(part)
		}
	}
	return list
}

// isAddress reports whether a permalink is a URL or path, rather than a pattern such as "/:year/:title/" or the name of
// a pattern.
func isAddress(value any) bool {
	s, ok := value.(string)
	return ok && (isURL(s) || strings.HasPrefix(s, "/") && !strings.Contains(s, ":"))
}
