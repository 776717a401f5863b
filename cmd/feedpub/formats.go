package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
	"feedpub/store/embedded"
)

// decodeFiles returns the function that reads the files of a folder of posts, for [embedded.Options]. It returns the
// posts that a file holds in the form in which they are kept in Redis. The name is the file's path relative to the
// folder, with slashes; it becomes the id of a post that has none of its own. The reader reads plain text.
//
// The form is converted but the content is not judged: what is wrong with a date or a URL is for intake to say, in one
// way for all formats. An error is of kind [feed.ErrInvalid]: not even the form can be read. A file of another kind
// holds no post.
func decodeFiles(reader *attribution.Reader) embedded.Decode {
	return func(name string, content []byte) ([]feed.RawPost, error) {
		// Windows editors begin a file with a byte order mark.
		content = bytes.TrimPrefix(content, []byte("\ufeff"))
		switch strings.ToLower(path.Ext(name)) {
		case ".json", ".jsonl":
			return decodeJSON(name, content, reader)
		case ".txt":
			post, err := transfer.ReadText(name, content, reader)
			if err != nil {
				return nil, err
			}
			raw, err := intake.Encode(post)
			return []feed.RawPost{{ID: post.ID, Raw: raw}}, err
		case ".md", ".markdown":
			post, err := decodeMarkdown(content)
			return encodeMembers(name, post, err)
		case ".html", ".htm":
			post, err := decodeHTML(content)
			return encodeMembers(name, post, err)
		default:
			return nil, nil
		}
	}
}

// encodeMembers returns the post with the given members. Without an id it is called by its file.
func encodeMembers(name string, members map[string]any, err error) ([]feed.RawPost, error) {
	if err != nil {
		return nil, err
	}
	id, ok := members["id"].(string)
	if !ok || id == "" {
		id = name
		members["id"] = id
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("front matter: %w: %w", err, feed.ErrInvalid)
	}
	return []feed.RawPost{{ID: id, Raw: raw}}, nil
}

// decodeJSON reads a file of posts in JSON: one, several, one a line, or a JSON Feed document. One that can't be read
// spoils the file: what follows it could be its rest.
func decodeJSON(name string, content []byte, reader *attribution.Reader) ([]feed.RawPost, error) {
	// A post without an id is called by its file, if it is alone in it: on one line it might be the first of many.
	var alone struct{ ID, Items any }
	if err := json.Unmarshal(content, &alone); err == nil && alone.ID == nil && alone.Items == nil {
		return []feed.RawPost{{ID: name, Raw: bytes.TrimSpace(content)}}, nil
	}
	var posts []feed.RawPost
	for entry, err := range transfer.Read(bytes.NewReader(content), name, reader, nil) {
		if err != nil {
			return nil, err
		}
		if entry.Post != nil {
			posts = append(posts, *entry.Post)
		}
	}
	return posts, nil
}

// decodeMarkdown reads Markdown with or without YAML front matter.
func decodeMarkdown(content []byte) (map[string]any, error) {
	post := make(map[string]any)
	body := string(content)
	if front, rest, ok, err := cutFrontMatter(body); err != nil {
		return nil, err
	} else if ok {
		var given map[string]any
		if err := yaml.Unmarshal([]byte(front), &given); err != nil {
			return nil, frontMatterError(err)
		}
		post, body = fromFrontMatter(given), rest
	}
	body = strings.TrimLeft(body, "\r\n")
	if _, ok := post["title"]; !ok {
		// A file without a title in front of it has it as its first heading; in the content it would be shown twice.
		if line, rest, _ := strings.Cut(body, "\n"); strings.HasPrefix(line, "# ") {
			post["title"] = strings.TrimSpace(strings.TrimPrefix(line, "# "))
			body = strings.TrimLeft(rest, "\r\n")
		}
	}
	post["content_markdown"] = body
	return post, nil
}

// cutFrontMatter splits text after its front matter: lines between one "---" and the next.
func cutFrontMatter(text string) (front, rest string, ok bool, err error) {
	isFence := func(line string) bool { return strings.TrimRight(line, " \t\r\n") == "---" }
	first := true
	end := 0
	for line := range strings.Lines(text) {
		if first && !isFence(line) {
			return "", text, false, nil
		}
		if !first && isFence(line) {
			_, front, _ := strings.Cut(text[:end], "\n")
			return front, text[end+len(line):], true, nil
		}
		end += len(line)
		first = false
	}
	if first {
		return "", text, false, nil
	}
	return "", "", false, fmt.Errorf("line 1: front matter has no end: want a second line \"---\": %w", feed.ErrInvalid)
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
var frontMatter = []struct{ key, member string }{
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
}

// fromFrontMatter returns the members of a post that front matter gives.
func fromFrontMatter(given map[string]any) map[string]any {
	post := maps.Clone(given)
	if post == nil {
		post = make(map[string]any) // front matter without any key
	}
	for _, f := range frontMatter {
		value, ok := given[f.key]
		if !ok {
			continue
		}
		if f.key != f.member {
			delete(post, f.key)
		}
		if _, taken := post[f.member]; !taken {
			post[f.member] = value
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
	tags := slices.Concat(textList(given["tags"]), textList(given["categories"]))
	delete(post, "categories")
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
		return v
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

// decodeHTML reads an HTML document or a fragment of one.
func decodeHTML(content []byte) (map[string]any, error) {
	doc, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("HTML: %w: %w", err, feed.ErrInvalid)
	}
	post := make(map[string]any)
	set := func(member, value string) {
		if value = strings.TrimSpace(value); value != "" && post[member] == nil {
			post[member] = value
		}
	}
	var body, heading *html.Node
	for n := range doc.Descendants() {
		switch n.DataAtom {
		case atom.Html:
			set("language", attribute(n, "lang"))
		case atom.Title:
			if !within(n, atom.Svg) {
				set("title", textOf(n))
			}
		case atom.Meta:
			value := attribute(n, "content")
			switch strings.ToLower(attribute(n, "name")) {
			case "author":
				if value != "" && post["authors"] == nil {
					post["authors"] = authorList(value)
				}
			case "date":
				set("date_published", value)
			case "description":
				set("summary", value)
			case "keywords":
				if tags := textList(value); len(tags) > 0 {
					post["tags"] = tags
				}
			}
		case atom.Link:
			if attribute(n, "rel") == "canonical" {
				set("url", attribute(n, "href"))
			}
		case atom.Body:
			body = n
		case atom.H1:
			if heading == nil {
				heading = n
			}
		}
	}
	if heading != nil {
		set("title", textOf(heading))
		// The heading that is the title would be shown twice.
		if post["title"] == textOf(heading) {
			heading.Parent.RemoveChild(heading)
		}
	}
	var b strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&b, n); err != nil {
			return nil, fmt.Errorf("HTML: %w: %w", err, feed.ErrInvalid)
		}
	}
	post["content_html"] = strings.TrimSpace(b.String())
	return post, nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

func within(n *html.Node, a atom.Atom) bool {
	for p := range n.Ancestors() {
		if p.DataAtom == a {
			return true
		}
	}
	return false
}

// textOf returns the text in n with its white space joined to single spaces.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
