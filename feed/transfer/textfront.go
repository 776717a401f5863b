package transfer

import (
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// cutTextHeader separates the front matter of a plain text file, or a header without an opening line, from the text,
// and reports whether the text has either. An ordinary text may also begin with a "---" line, so front matter must have
// a key that is common in headers. If the first lines say that the post is not public, but cannot be read as front
// matter, the error is of kind [feed.ErrInvalid].
func cutTextHeader(text string, o Options) (frontMatter, bool, error) {
	if len(text) > intake.MaxSize {
		return frontMatter{body: text}, false, nil // ReadText rejects it
	}
	if cut, ok, err := cutBareHeader(text, o); ok || err != nil {
		return cut, ok, err
	}
	if !isFrontMatter([]byte(text)) {
		return frontMatter{body: text}, false, nil
	}
	cut, err := cutFrontMatter(text)
	if err == nil && (len(cut.values) == 0 || hasHeaderKey(cut.values)) {
		return cut, true, nil
	}
	if err == nil {
		err = checkSpelling(cut.values)
	} else if !closesPost(text, o) {
		err = nil
	}
	return frontMatter{body: text}, false, err
}

// hasHeaderKey reports whether front matter has a key by which headers without an opening line are recognized.
func hasHeaderKey(front map[string]any) bool {
	for key := range front {
		if key = strings.ToLower(key); headerKeys[key] || frontVisibility[key] != nil {
			return true
		}
	}
	return false
}

// closesPost reports whether one of the first lines of text, if read as front matter, says that the post is not public.
func closesPost(text string, o Options) bool {
	seen := keysSeen{options: o, known: map[string]bool{}}
	for line := range strings.Lines(strings.TrimLeft(text, blanks)) {
		bare := strings.TrimRight(line, " \t\r\n")
		if seen.lines > maxHeaderLines || seen.lines > 1 && (bare == "---" || bare == "+++") {
			break
		}
		// TOML has "=" in place of ":".
		if key, value, ok := strings.Cut(bare, "="); ok && !strings.ContainsAny(key, ": ") {
			bare = key + ": " + value
		}
		if bare == "" {
			bare = "-"
		}
		seen.add(bare)
	}
	return seen.closed != ""
}

// readTextBody returns the members of a post in plain text with front matter. If the front matter has no title, the
// body is read like a text without front matter.
func (f postFile) readTextBody(front map[string]any, body string) (map[string]any, error) {
	post := fromFrontMatter(front)
	post["content_text"] = strings.Trim(body, "\r\n")
	if post["title"] != nil || strings.TrimSpace(body) == "" {
		return post, nil
	}
	p, err := ReadText(f.name, []byte(body), f.options.Reader, f.options.location())
	if err != nil {
		return nil, err
	}
	post["content_text"] = p.ContentText
	if p.Title != "" {
		post["title"] = p.Title
	}
	if len(p.Authors) > 0 && post["authors"] == nil {
		post["authors"] = []any{map[string]any{"name": p.Authors[0].Name}}
	}
	if !p.DatePublished.IsZero() && post["date_published"] == nil {
		post["date_published"] = p.DatePublished.Format(time.RFC3339)
	}
	return post, nil
}

// readHeadedText reads a plain text file if it has front matter, and reports whether it has any. If the front matter
// has no id, the id of the post is the path, as for Markdown.
func readHeadedText(o Options, name string, content []byte) (Entry, bool, error) {
	text := string(content)
	if _, ok, err := cutTextHeader(text, o); err != nil || !ok {
		return Entry{Pos: name}, false, err
	}
	f := postFile{options: o, name: name, text: true}
	c, err := f.convert(content)
	if err == nil {
		err = intake.CheckID(c.post.ID)
	}
	if err != nil {
		return Entry{Pos: name}, true, err
	}
	return Entry{Post: &c.post, Pos: name, Notes: c.notes}, true, nil
}

// decodeHeadedText is like readHeadedText, but for a file in a served folder. If the post has no id, its id is the
// path.
func decodeHeadedText(o Options, name string, content []byte) ([]feed.RawPost, bool, error) {
	if _, ok, err := cutTextHeader(string(content), o); err != nil || !ok {
		return nil, false, err
	}
	posts, err := postFile{options: o, name: name, text: true}.posts(content)
	return posts, true, err
}
