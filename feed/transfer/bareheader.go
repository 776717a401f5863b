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

// headerField returns the key, in lower case, and the value in a line of a header. A URL is not a key and a value.
func headerField(line string) (key, value string, ok bool) {
	m := headerLine.FindStringSubmatch(line)
	if m == nil || strings.HasPrefix(m[2], "//") {
		return "", "", false
	}
	return strings.ToLower(m[1]), strings.TrimSpace(m[2]), true
}

// headerKeys are, with those of frontVisibility, the keys of which a header without an opening line has at least two,
// and one of the first two.
var headerKeys = setOf("title", "date", "slug", "tags", "category", "categories", "author", "authors", "summary", "status",
	"modified", "layout", "lang", "id", "permalink", "updated", "draft", "published", "keywords", "description")

// cutBareHeader splits a text that begins with a header without an opening line into front matter and body. It reports
// whether there is one.
func cutBareHeader(text string) (frontMatter, bool, error) {
	text = strings.TrimLeft(text, "\ufeff\r\n")
	seen := keysSeen{known: map[string]bool{}}
	end, lines := 0, 0
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, " \t\r\n")
		key, _, isField := headerField(bare)
		fenced := bare == "---"
		switch {
		case (fenced || bare == "") && seen.isHeader():
			f, err := readBareHeader(text[:end], fenced)
			f.body = text[end+len(line):]
			return f, true, err
		case isField:
			seen.add(key)
		case lines == 0, bare == "", !strings.ContainsAny(line[:1], " \t-"):
			return frontMatter{}, false, nil // a paragraph
		}
		end += len(line)
		if lines++; lines > maxHeaderLines {
			return frontMatter{}, false, nil
		}
	}
	if !seen.isHeader() || !seen.restricted {
		return frontMatter{}, false, nil
	}
	f, err := readBareHeader(text, false) // of a draft without content, for example
	return f, true, err
}

// keysSeen describes the keys of lines that may be a header.
type keysSeen struct {
	known      map[string]bool // those in headerKeys or frontVisibility
	named      bool            // there is a title or a date
	restricted bool            // there is a key that determines whether the post is public
}

func (s *keysSeen) add(key string) {
	restricted := frontVisibility[key] != nil
	if headerKeys[key] || restricted {
		s.known[key] = true
	}
	s.named = s.named || key == "title" || key == "date"
	s.restricted = s.restricted || restricted
}

// isHeader reports whether the lines are a header if nothing else follows them.
func (s *keysSeen) isHeader() bool { return s.named && len(s.known) > 1 }

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

// readHeader is like headerFields, but returns lists, dates and URLs in the form that they have in front matter.
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
		delete(values, "url") // a path below the address of the site, which this program does not follow
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

// isYear reports whether the value of published is a year, or a year and a month, as in "published: 2020" for the year
// of a book, and whether the period begins in the future.
func (f frontValue) isYear() (ok, future bool) {
	text, _ := f.text()
	for _, layout := range []string{"2006", "January 2006", "Jan 2006"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1000 {
			return true, t.After(f.options.now())
		}
	}
	return false, false
}

// yearVisibility returns the visibility of a post with a year for published.
func yearVisibility(future bool) visibility {
	if future {
		return visibility{status: feed.Draft}
	}
	return visibility{}
}
