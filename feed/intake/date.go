package intake

import (
	"regexp"
	"strings"
	"time"
)

// dateForm matches RFC 3339 and its unambiguous variants: with a space instead of the T or before the offset, without
// seconds, or without the colon in the offset.
var dateForm = regexp.MustCompile(
	`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt]| +)([0-9]{2}:[0-9]{2})(?:(:[0-9]{2})(?:[.,]([0-9]+))?)? ?(?:[Zz]|([+-][0-9]{2}):?([0-9]{2}))$`)

// ParseDate parses a date in RFC 3339 format. The T may be a space, and the seconds and the colon in the offset are
// optional. A date without a time is midnight UTC. A time without an offset is ambiguous and is not accepted. A leap
// second is read as the following second. The result has the offset of s. ParseDate reports false for any other text,
// and for years outside the range 1 to 9999 in UTC.
func ParseDate(s string) (time.Time, bool) {
	s = strings.Trim(s, " \t\n\f\r")
	// With time.Parse, the result would depend on the machine: it uses the local location if the offset matches.
	if day, err := time.ParseInLocation(time.DateOnly, s, time.UTC); err == nil {
		return day, plausibleYear(day)
	}
	m := dateForm.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	day, clock, seconds, fraction, hours, minutes := m[1], m[2], m[3], m[4], m[5], m[6]
	leap := seconds == ":60" && strings.HasSuffix(clock, ":59")
	switch {
	case leap:
		seconds, fraction = ":59", ""
	case seconds == "":
		seconds = ":00"
	}
	if fraction != "" {
		seconds += "." + fraction
	}
	zone := "Z"
	if hours != "" {
		zone = hours + ":" + minutes
	}
	t, err := time.ParseInLocation(time.RFC3339, day+"T"+clock+seconds+zone, time.UTC)
	if err != nil {
		return time.Time{}, false
	}
	if leap {
		t = t.Add(time.Second)
	}
	return t, plausibleYear(t)
}

// plausibleYear reports whether RFC 3339 can represent the date in UTC.
func plausibleYear(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

func (d *decoder) date(o *object, name string) time.Time {
	s := strings.Trim(d.text(o, name), " \t\n\f\r")
	if s == "" {
		return time.Time{}
	}
	t, ok := ParseDate(s)
	if !ok {
		d.fail(o.at(name), "want a date such as 2006-01-02T15:04:05+01:00 (RFC 3339), got %q", shorten(s))
	}
	return t
}

// partialDate matches a year, or a year and month. Many books and papers have no more precise date.
var partialDate = regexp.MustCompile(`^[0-9]{4}(-(0[1-9]|1[0-2]))?$`)

// sourceDate reads the date of a source, which may be just a year, or a year and month.
func (d *decoder) sourceDate(o *object, name string) string {
	s := strings.Trim(d.text(o, name), " \t\n\f\r")
	if s == "" || partialDate.MatchString(s) {
		return s
	}
	if _, ok := ParseDate(s); !ok {
		d.fail(o.at(name), "want a date such as 2006, 2006-01, 2006-01-02 or 2006-01-02T15:04:05+01:00, got %q", shorten(s))
	}
	return s
}
