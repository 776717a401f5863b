package transfer

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"feedpub/feed"
)

// Some programs write metadata at the beginning of a file without the "---" line above it: Hexo ends its YAML with a
// "---" line, and Pelican and MultiMarkdown end lines of the form "Title: Winter" with an empty line. If we read them
// as text, we could publish a draft.

// maxHeaderLines is the maximum number of lines of a header without an opening line.
const maxHeaderLines = 100

// headerLine matches a line with a key and a value. As in Pelican, no space is needed after the colon, and a line that
// begins with four spaces continues the value of the line above it.
var headerLine = regexp.MustCompile(`^ {0,3}([A-Za-z][A-Za-z0-9_-]*):[ \t]*(.*)$`)

// headerField splits a line of a header into a key, in lower case, and a value. It returns false for any other line,
// including a URL, whose scheme is not a key.
func headerField(line string) (key, value string, ok bool) {
	m := headerLine.FindStringSubmatch(line)
	if m == nil || strings.HasPrefix(m[2], "//") {
		return "", "", false
	}
	return strings.ToLower(m[1]), strings.TrimSpace(m[2]), true
}

// headerKeys and the keys of frontVisibility are the known keys of a header without an opening line. Such a header must
// have a title or a date, and at least one other known key. The key for authors is not one of them, because a text
// about a book may begin with the book's title and author.
var headerKeys = setOf("title", "date", "slug", "tags", "category", "categories", "summary", "status", "modified", "layout",
	"lang", "id", "permalink", "updated", "draft", "published", "keywords", "description")

// cutBareHeader splits a text that begins with a header without an opening line into front matter and body. It reports
// whether there is one. The error is of kind [feed.ErrInvalid] if the first lines say that the post is not public, but
// are not a header.
func cutBareHeader(text string, o Options) (frontMatter, bool, error) {
	above := text[:len(text)-len(strings.TrimLeft(text, blanks))] // empty lines, and the indentation of the first line
	above = above[:strings.LastIndexByte(above, '\n')+1]
	text = strings.TrimLeft(text[len(above):], invisible)
	seen := keysSeen{options: o, known: map[string]bool{}, above: strings.Count(above, "\n")}
	end := 0
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, " \t\r\n")
		fenced := bare == "---"
		if fenced || bare == "" {
			if seen.err() != nil || !seen.isHeader() {
				return frontMatter{}, false, seen.err()
			}
			f, err := readBareHeader(text[:end], fenced)
			f.body = text[end+len(line):]
			return f, true, err
		}
		seen.add(bare)
		if end += len(line); seen.broken == 1 || seen.lines > maxHeaderLines {
			return frontMatter{}, false, seen.err()
		}
	}
	if seen.err() != nil || !seen.isHeader() || !seen.restricted {
		return frontMatter{}, false, seen.err()
	}
	f, err := readBareHeader(text, false) // a draft without content, for example
	return f, true, err
}

// keysSeen describes the lines of what may be a header.
type keysSeen struct {
	options    Options
	known      map[string]bool // the keys that are in headerKeys or frontVisibility
	named      bool            // there is a title or a date
	restricted bool            // there is a key that determines whether the post is public
	above      int             // number of lines above the first one
	lines      int             // number of lines
	broken     int             // number of the first line that is not part of a header, or 0 if there is none
	closed     string          // the first line that says that the post is not public, or ""
	closedLine int             // line number of closed
}

func (s *keysSeen) add(line string) {
	s.lines++
	key, value, ok := headerField(line)
	continues := s.lines > 1 && strings.ContainsAny(line[:1], " \t-") // continues the value above
	if s.broken == 0 && (!ok && !continues || s.lines > maxHeaderLines) {
		s.broken = s.lines
	}
	if ok {
		s.addField(line, frontValue{key: key, value: headerScalar(value), options: s.options})
	}
}

func (s *keysSeen) addField(line string, f frontValue) {
	if f.isPastYear() {
		return // it may be the year in which a book was published
	}
	restricted := frontVisibility[f.key] != nil
	if headerKeys[f.key] || restricted {
		s.known[f.key] = true
	}
	s.named = s.named || f.key == "title" || f.key == "date"
	s.restricted = s.restricted || restricted
	if s.closed == "" && f.isClosed() && (f.key != "password" || s.named) {
		s.closed, s.closedLine = line, s.lines
	}
}

// isHeader reports whether the lines added so far form a header.
func (s *keysSeen) isHeader() bool {
	return s.broken == 0 && (s.named && len(s.known) > 1 || s.closed != "")
}

// err returns an error if one of the lines says that the post is not public, but the lines are not a header.
func (s *keysSeen) err() error {
	if s.broken == 0 || s.closed == "" {
		return nil
	}
	return fmt.Errorf("line %d: %q may mean that the post is not public, but line %d is not part of a header; write front"+
		" matter between two \"---\" lines above the text, even if it is empty: %w",
		s.above+s.closedLine, shorten(s.closed), s.above+s.broken, feed.ErrInvalid)
}

// headerScalar returns a value without quotes and without a YAML comment.
func headerScalar(value string) string {
	value, _, _ = strings.Cut(value, " #")
	return strings.Trim(strings.TrimSpace(value), `"'`)
}

// isPastYear reports whether f is a "published" key whose value is a year that has begun.
func (f frontValue) isPastYear() bool {
	if f.key != "published" {
		return false
	}
	year, future := f.isYear()
	return year && !future
}

// isClosed reports whether f says that the post is not public, or is not public yet.
func (f frontValue) isClosed() bool {
	if read := frontVisibility[f.key]; read != nil {
		if v, err := read(f); err == nil && (v.status != "" || v.scheduled) {
			return true
		}
	}
	if !scheduleKeys[f.key] {
		return false
	}
	t, ok := f.date()
	return ok && t.After(f.options.now())
}

// readBareHeader reads a header, which is YAML if it ends in a "---" line. The result has no body.
func readBareHeader(header string, isYAML bool) (f frontMatter, err error) {
	if !isYAML {
		f.values, err = readHeader(header)
		return f, err
	}
	f.values = make(map[string]any)
	f.notes, err = readYAML(header, &f.values)
	if f.values == nil {
		f.values = make(map[string]any)
	}
	return f, err
}

// headerFields returns the keys, in lower case, and values of a Pelican or MultiMarkdown header. An indented line
// continues the value above it. The error is of kind [feed.ErrInvalid] if a key that determines whether the post is
// public has two values.
func headerFields(header string) (map[string]any, error) {
	values := make(map[string]any)
	key := ""
	for line := range strings.Lines(header) {
		line = strings.TrimRight(line, " \t\r\n")
		if next, value, ok := headerField(line); ok {
			if key = next; frontVisibility[key] != nil && values[key] != nil && values[key] != value {
				return nil, fmt.Errorf("%s: has the values %q and %q; remove one of them: %w", key, values[key], value,
					feed.ErrInvalid)
			}
			values[key] = value
		} else if text, ok := values[key].(string); ok {
			values[key] = strings.TrimSpace(text + " " + strings.TrimSpace(line))
		}
	}
	return values, nil
}

// readHeader is like headerFields, but converts lists, dates and URLs to the values that front matter would have.
func readHeader(header string) (map[string]any, error) {
	values, err := headerFields(header)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"tags", "keywords", "categories"} {
		if list, ok := values[key].(string); ok {
			values[key] = splitNames(list, ",;")
		}
	}
	for _, key := range []string{"author", "authors"} {
		if list, ok := values[key].(string); ok {
			separators := ","
			if strings.Contains(list, ";") {
				separators = ";"
			}
			values[key] = splitNames(list, separators)
		}
	}
	if modified, ok := values["modified"]; ok && values["date_modified"] == nil {
		values["date_modified"] = modified
		delete(values, "modified")
	}
	for _, key := range []string{"date", "date_modified"} {
		if text, ok := values[key].(string); ok {
			values[key] = headerDate(text)
		}
	}
	if address, ok := values["url"].(string); ok && !isAddress(address) {
		delete(values, "url") // a path on the original site, which feedpub does not use
	}
	return values, nil
}

// splitNames splits a list of names at any of the separators.
func splitNames(list, separators string) []any {
	var names []any
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if name = strings.Trim(name, " []\"'"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// headerDate converts a date with slashes, in which Pelican expects the month first, to the form YYYY-MM-DD. It returns
// any other text unchanged.
func headerDate(text string) string {
	for _, layout := range []string{"1/2/06", "1/2/2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	for _, layout := range []string{"1/2/06 15:04", "1/2/2006 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Format("2006-01-02 15:04")
		}
	}
	return text
}

// isYear reports whether the value of f is a year, or a year and a month, and whether that period begins in the future.
// For example, "published: 2020" may be the year in which a book was published.
func (f frontValue) isYear() (ok, future bool) {
	text, _ := f.text()
	for _, layout := range []string{"2006", "January 2006", "Jan 2006"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1000 {
			return true, t.After(f.options.now())
		}
	}
	return false, false
}

// yearVisibility returns the visibility of a post whose key "published" has a year as its value. If the year begins in
// the future, the post is a draft.
func yearVisibility(future bool) visibility {
	if future {
		return visibility{status: feed.Draft}
	}
	return visibility{}
}
