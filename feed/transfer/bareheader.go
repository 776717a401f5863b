package transfer

import (
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

// headerLine matches a line with a key and a value.
var headerLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_-]*):(?:[ \t]+(.*))?$`)

// headerKeys are the keys of which a header without an opening line has at least two, and one of the first two.
var headerKeys = setOf("title", "date", "slug", "tags", "category", "categories", "author", "authors", "summary", "status",
	"modified", "layout", "lang", "id", "permalink", "updated", "draft", "published", "keywords", "description")

// cutBareHeader splits a text that begins with a header without an opening line into front matter and body. It reports
// whether there is one.
func cutBareHeader(text string) (frontMatter, bool, error) {
	text = strings.TrimLeft(text, "\ufeff")
	known, named := map[string]bool{}, false
	end, lines := 0, 0
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, " \t\r\n")
		m := headerLine.FindStringSubmatch(bare)
		fenced := bare == "---"
		switch {
		case (fenced || bare == "") && named && len(known) > 1:
			f := frontMatter{values: make(map[string]any), body: text[end+len(line):]}
			if !fenced {
				f.values = readHeader(text[:end])
				return f, true, nil
			}
			var err error
			f.notes, err = readYAML(text[:end], &f.values)
			if f.values == nil {
				f.values = make(map[string]any)
			}
			return f, true, err
		case m != nil:
			key := strings.ToLower(m[1])
			if headerKeys[key] {
				known[key] = true
			}
			named = named || key == "title" || key == "date"
		case lines == 0, bare == "", !strings.ContainsAny(line[:1], " \t-"):
			return frontMatter{}, false, nil // a paragraph
		}
		end += len(line)
		if lines++; lines > maxHeaderLines {
			break
		}
	}
	return frontMatter{}, false, nil
}

// readHeader returns the keys, in lower case, and values of a Pelican or MultiMarkdown header. An indented line
// continues the value above it.
func readHeader(header string) map[string]any {
	values := make(map[string]any)
	key := ""
	for line := range strings.Lines(header) {
		line = strings.TrimRight(line, " \t\r\n")
		if m := headerLine.FindStringSubmatch(line); m != nil {
			key = strings.ToLower(m[1])
			values[key] = strings.TrimSpace(m[2])
		} else if text, ok := values[key].(string); ok {
			values[key] = strings.TrimSpace(text + " " + strings.TrimSpace(line))
		}
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
	return values
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
