package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/pelletier/go-toml/v2"

	"feedpub/feed"
)

// readMarkdown returns the members of a post in Markdown.
func readMarkdown(given map[string]any, body string) map[string]any {
	post := fromFrontMatter(given)
	body = strings.TrimLeft(body, "\r\n")
	if _, ok := post["title"]; !ok {
		// A file without a title in front of it has it as its first heading; in the content it would be shown twice.
		if line, rest, _ := strings.Cut(body, "\n"); strings.HasPrefix(line, "# ") {
			post["title"] = strings.TrimSpace(strings.TrimPrefix(line, "# "))
			body = strings.TrimLeft(rest, "\r\n")
		}
	}
	post["content_markdown"] = body
	return post
}

// cutFrontMatter splits text after its front matter: YAML between two lines "---", TOML between two lines "+++", or, as
// Hugo has it, an object of JSON. The keys are nil if there is none.
func cutFrontMatter(text string) (given map[string]any, rest string, err error) {
	if strings.HasPrefix(text, "{") {
		return cutJSON(text)
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
		front := text[len(fence):end]
		if _, after, ok := strings.Cut(front, "\n"); ok {
			front = after
		}
		given = make(map[string]any)
		if fence == "---" {
			err = readYAML(front, &given)
		} else {
			err = readTOML(front, &given)
		}
		return given, text[end+len(line):], err
	}
	return nil, "", fmt.Errorf("line 1: front matter has no end: want a second line %q: %w", fence, feed.ErrInvalid)
}

func cutJSON(text string) (map[string]any, string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	var given map[string]any
	if err := d.Decode(&given); err != nil || given == nil {
		return nil, text, nil // words in braces
	}
	return given, text[d.InputOffset():], nil
}

// maxAliases bounds what aliases of YAML can multiply: a thousand of a thousand are a million.
const maxAliases = 100

func readYAML(front string, given *map[string]any) error {
	if strings.Count(front, "*") > maxAliases && strings.Count(front, "&") > 0 {
		return fmt.Errorf("front matter: more than %d aliases: %w", maxAliases, feed.ErrInvalid)
	}
	if err := yaml.Unmarshal([]byte(front), given); err != nil {
		return frontMatterError(err)
	}
	return nil
}

func readTOML(front string, given *map[string]any) error {
	err := toml.Unmarshal([]byte(front), given)
	if err == nil {
		return nil
	}
	if decode := new(toml.DecodeError); errors.As(err, &decode) {
		line, _ := decode.Position()
		return fmt.Errorf("line %d: front matter: %s: %w", line+1, strings.TrimPrefix(decode.Error(), "toml: "), feed.ErrInvalid)
	}
	return fmt.Errorf("front matter: want keys and values in TOML: %w", feed.ErrInvalid)
}

// frontMatterError says in one line where the YAML of front matter is wrong. Lines are counted from the fence.
func frontMatterError(err error) error {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		return fmt.Errorf("line %d: front matter: %s: %w", syntax.Token.Position.Line+1, syntax.Message, feed.ErrInvalid)
	}
	return fmt.Errorf("front matter: want keys and values in YAML: %w", feed.ErrInvalid)
}

// frontMatter says which member of a post a key of front matter stands for. Where several stand for one, the first
// that is given wins. Keys that are not here keep their names.
func frontMatter() []struct{ key, member string } {
	return []struct{ key, member string }{
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
}

// fromFrontMatter returns the members of a post that front matter gives.
func fromFrontMatter(given map[string]any) map[string]any {
	post := maps.Clone(given)
	if post == nil {
		post = make(map[string]any) // front matter without any key
	}
	for _, f := range frontMatter() {
		value, ok := given[f.key]
		if !ok {
			continue
		}
		if f.key == "permalink" && !knownAddress(value) {
			continue // a pattern, which only the generator's configuration can fill in
		}
		if f.key != f.member {
			delete(post, f.key)
		}
		if _, taken := post[f.member]; !taken {
			post[f.member] = value
		}
	}
	for _, key := range []string{"date_published", "date_modified"} {
		switch t := post[key].(type) {
		case time.Time:
			post[key] = t.Format(time.RFC3339Nano)
		case fmt.Stringer: // TOML's dates without a zone
			post[key] = t.String()
		}
	}
	for _, key := range []string{"title", "summary"} {
		switch post[key].(type) {
		case int64, uint64, float64, bool:
			post[key] = fmt.Sprint(post[key]) // a title such as 1984 is a number to YAML
		}
	}
	if image, ok := post["image"].(map[string]any); ok {
		delete(post, "image")
		for _, key := range []string{"url", "path", "src"} {
			if address, ok := image[key].(string); ok {
				post["image"] = address
			}
		}
	}
	// An id such as 2024 is a number to YAML.
	if id, ok := post["id"]; ok {
		post["id"] = fmt.Sprint(id)
	}
	for _, key := range []string{"authors", "author"} {
		if value, ok := given[key]; ok {
			delete(post, "author")
			post["authors"] = authorList(value)
			break
		}
	}
	taxonomies, _ := given["taxonomies"].(map[string]any) // Zola's place for them
	tags := slices.Concat(textList(given["tags"]), textList(given["categories"]), textList(given["category"]),
		textList(taxonomies["tags"]), textList(taxonomies["categories"]))
	for _, key := range []string{"tags", "categories", "category", "taxonomies"} {
		delete(post, key)
	}
	if len(tags) > 0 {
		post["tags"] = tags
	}
	// Hugo's and Jekyll's ways of saying that a post is not to be seen yet.
	if (given["draft"] == true || given["published"] == false) && post["status"] != string(feed.Private) {
		post["status"] = string(feed.Draft)
	}
	delete(post, "draft")
	delete(post, "published")
	return post
}

// authorList returns authors as a post has them: front matter has a name, a list of names, or objects.
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

// textList returns a list of texts from a list, or from one text with commas.
func textList(value any) []any {
	switch v := value.(type) {
	case []any:
		var list []any
		for _, tag := range v {
			switch t := tag.(type) {
			case nil, map[string]any, []any:
			case string:
				if t = strings.TrimSpace(t); t != "" {
					list = append(list, t)
				}
			default:
				list = append(list, fmt.Sprint(t)) // a year, say
			}
		}
		return list
	case string:
		var list []any
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list
	default:
		return nil
	}
}

// knownAddress reports whether a permalink is an address, not a pattern such as "/:year/:title/" or the name of one.
func knownAddress(value any) bool {
	s, ok := value.(string)
	return ok && (isURL(s) || strings.HasPrefix(s, "/") && !strings.Contains(s, ":"))
}
