package transfer

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// looseLayouts are date layouts in old feeds and exports that [intake.ParseDate] and net/mail do not parse.
var looseLayouts = []string{
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00", "2006-01-02 15:04:05 MST",
	"2006-01-02T15:04:05-07", "2006-01-02 15:04:05-07", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00",
	"2006-01-02T15:04-07", "2006-01-02 15:04-07", "2006-01-02 15:04Z07:00", "2006-01-02 15:04 -0700",
	"20060102T150405 MST", "20060102T150405", "20060102",
	"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04", "Mon, 2 Jan 2006",
	"Mon, 2 January 2006 15:04:05 MST", "Mon, 2 January 2006 15:04:05 -0700", "Mon, 2 January 2006",
	"Monday, 2 January 2006 15:04:05 -0700", "Monday, 2 January 2006 15:04:05 MST", "Monday, 2 January 2006",
	"Monday, 2-Jan-06 15:04:05 MST", "Mon, 2-Jan-2006 15:04:05 MST", "Mon, 2-Jan-06 15:04:05 MST",
	"Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04:05 MST 2006", "Mon Jan 2 15:04:05 -0700 2006",
	"Mon Jan 2 2006 15:04:05 -0700", // JavaScript's Date
	"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04 MST",
	"2 Jan 2006 15:04", "2 Jan 2006", "2 January 2006 15:04:05", "2 January 2006 15:04", "2 January 2006", "2-Jan-2006",
	"Jan 2, 2006 15:04:05", "Jan 2, 2006 15:04", "Jan 2, 2006 3:04 PM", "Jan 2, 2006 3:04:05 PM", "Jan 2, 2006",
	"January 2, 2006 15:04:05", "January 2, 2006 15:04", "January 2, 2006 3:04 PM", "January 2, 2006 3:04 pm",
	"January 2, 2006",
	"2006-01-02 3:04:05 PM", "2006-01-02 3:04 PM", "2006/01/02 3:04:05 PM", "2006/01/02 3:04 PM",
	"Monday, January 2, 2006 3:04 PM", "Monday, January 2, 2006", "Mon, Jan 2, 2006",
	"2006-01-02 15:04:05 -0700 MST", // Go's time.Time.String, which accepts a fraction of a second
	"2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "2006-1-2", "2006-1-2 15:04:05", "2006.01.02", "2006-01",
}

// zones maps the time zone names in RFC 822 section 5.1, and other unambiguous names, to offsets. Package time would
// parse any other three letters as UTC without returning an error.
var zones = map[string]string{
	"UT": "+0000", "GMT": "+0000", "UTC": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500",
	"MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	"CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300", "WET": "+0000", "WEST": "+0100", "BST": "+0100",
	"JST": "+0900", "AEST": "+1000", "AEDT": "+1100", "NZST": "+1200", "NZDT": "+1300", "MSK": "+0300",
}

var (
	zoneName    = regexp.MustCompile(`([0-9]) ?([A-Z]{1,4})\b(?: ([0-9]{4}))?$`)
	ordinal     = regexp.MustCompile(`\b([0-9]{1,2})(?:st|nd|rd|th)\b`)
	comment     = regexp.MustCompile(`\s*\([^()]*\)\s*$`)
	longMonth   = regexp.MustCompile(`\b([A-Z][a-z]{2})(?:\.|t\b\.?)`) // "Sept." and "Jan."
	namedOffset = regexp.MustCompile(`(?:GMT|UTC)([+-][0-9]{1,2}):?([0-9]{2})?$`)
)

// parseDate parses a date in any layout known from feeds and exports. A date without an offset is in the time zone loc.
// An ambiguous date, such as 03/04/2010, is an error. Errors are of kind [feed.ErrInvalid] and quote the date.
func parseDate(s string, loc *time.Location) (time.Time, error) {
	s = strings.Join(strings.Fields(s), " ")
	if t, err := time.ParseInLocation(time.DateTime, s, loc); err == nil && t.Year() > 1 { // WordPress's layout
		return withoutZoneName(t), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, loc); err == nil && t.Year() > 0 {
		return withoutZoneName(t), nil
	}
	if t, ok := intake.ParseDate(s); ok {
		return t, nil
	}
	if len(s) <= 100 {
		if t, ok := parseLooseDate(s, loc); ok {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("date %q: unknown format: %w", shorten(s), feed.ErrInvalid)
}

// parseLooseDate parses a date in a layout used in e-mail or in old feeds and exports.
func parseLooseDate(s string, loc *time.Location) (time.Time, bool) {
	s, ok := numericOffset(s)
	if !ok {
		return time.Time{}, false
	}
	t, err := mail.ParseDate(s)
	for i := 0; err != nil && i < len(looseLayouts); i++ {
		t, err = time.ParseInLocation(strings.Replace(looseLayouts[i], " MST", " -0700", 1), s, loc)
	}
	if year := t.UTC().Year(); err != nil || year < 1 || year > 9999 {
		return time.Time{}, false
	}
	return withoutZoneName(t), true
}

// numericOffset removes comments and ordinal suffixes from a date and replaces its time zone name with an offset. It
// returns false if the time zone is unknown.
func numericOffset(s string) (string, bool) {
	s = comment.ReplaceAllString(s, "")
	s = ordinal.ReplaceAllString(s, "$1")
	s = longMonth.ReplaceAllString(s, "$1")
	if m := namedOffset.FindStringSubmatch(s); m != nil {
		hours, minutes := m[1], first(m[2], "00")
		if len(hours) == 2 {
			hours = hours[:1] + "0" + hours[1:]
		}
		s = strings.TrimSuffix(s, m[0]) + hours + minutes
	}
	m := zoneName.FindStringSubmatchIndex(s)
	if m == nil {
		return s, true
	}
	name := s[m[4]:m[5]]
	if name == "AM" || name == "PM" {
		return s, true
	}
	offset, ok := zones[name]
	return s[:m[3]] + " " + offset + s[m[5]:], ok
}

// withoutZoneName returns t with the same offset, but without the name of its time zone.
func withoutZoneName(t time.Time) time.Time {
	_, offset := t.Zone()
	if offset == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", offset))
}
