package transfer

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// dateKeys are the front matter keys, in lower case, whose values are dates.
var dateKeys = setOf("date", "date_published", "date_modified", "lastmod", "modified", "updated", "last_modified_at",
	"publishdate", "pubdate", "published", "expirydate", "unpublishdate")

const quotationMarks = "\"'`“”„‘’‚"

// unquoteDates removes stray quotation marks around dates, as in 2013-05-01". Ruby, and therefore Jekyll, ignores them.
// It returns a note for each date that it changes. The source is the text of the front matter.
func unquoteDates(source string, front map[string]any) (notes []string) {
	for _, key := range slices.Sorted(maps.Keys(front)) {
		given, ok := front[key].(string)
		if !ok || !dateKeys[strings.ToLower(key)] {
			continue
		}
		date := strings.Trim(given, quotationMarks+" \t")
		if date == strings.TrimSpace(given) {
			continue
		}
		if _, err := parseDate(date, time.UTC); err != nil && !startDay.MatchString(date) {
			continue
		}
		front[key] = date
		before, _, _ := strings.Cut("\n"+source, "\n"+key)
		notes = append(notes, quoteNote(strings.Count(before, "\n")+2, key))
	}
	return notes
}

// quotedText is a date that is a quoted string in YAML. In YAML, an unquoted date with seconds but without an offset is
// UTC. Jekyll reads a quoted date without an offset in the time zone of the site.
type quotedText string

// String returns the text.
func (q quotedText) String() string { return string(q) }

var dateInQuotes = regexp.MustCompile(`(?m)^date[ \t]*:[ \t]*["']`)

func quoteNote(line int, key string) string {
	return fmt.Sprintf("line %d: stray quotation marks in %s are ignored", line, shorten(key))
}

// quotedDate matches a line of YAML with a date that may begin or end with quotation marks.
var quotedDate = regexp.MustCompile(`(?m)^([A-Za-z_]+)[ \t]*:[ \t]+["']*([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[0-9A-Za-z:+./ \t-]*?)["' \t]*\r?$`)

// repairDates removes the quotation marks around dates in YAML that cannot be parsed, and returns a note for each.
func repairDates(source string) (repaired string, notes []string) {
	var b strings.Builder
	number := 1 // the line "---" is line 1, but is not part of the source
	for line := range strings.Lines(source) {
		number++
		m := quotedDate.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || !dateKeys[strings.ToLower(m[1])] || !strings.ContainsAny(line, `"'`) {
			b.WriteString(line)
			continue
		}
		notes = append(notes, quoteNote(number, m[1]))
		b.WriteString(m[1] + ": " + m[2] + "\n")
	}
	return b.String(), notes
}
