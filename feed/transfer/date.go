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

// looseForms are dates as programs of twenty years have written them, after what [intake.ParseDate] and net/mail read.
// Those without an offset are in the time zone asked for.
var looseForms = []string{
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00", "2006-01-02 15:04:05 MST",
	"2006-01-02T15:04:05-07", "2006-01-02 15:04:05-07",
	"20060102T150405 MST", "20060102T150405", "20060102",
	"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04", "Mon, 2 Jan 2006",
	"Mon, 2 January 2006 15:04:05 MST", "Mon, 2 January 2006 15:04:05 -0700", "Mon, 2 January 2006",
	"Monday, 2 January 2006 15:04:05 -0700", "Monday, 2 January 2006 15:04:05 MST", "Monday, 2 January 2006",
	"Monday, 2-Jan-06 15:04:05 MST", "Mon, 2-Jan-2006 15:04:05 MST", "Mon, 2-Jan-06 15:04:05 MST",
	"Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04:05 MST 2006", "Mon Jan 2 15:04:05 -0700 2006",
	"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04 MST",
	"2 Jan 2006 15:04", "2 Jan 2006", "2 January 2006 15:04:05", "2 January 2006 15:04", "2 January 2006", "2-Jan-2006",
	"Jan 2, 2006 15:04:05", "Jan 2, 2006 15:04", "Jan 2, 2006 3:04 PM", "Jan 2, 2006 3:04:05 PM", "Jan 2, 2006",
	"January 2, 2006 15:04:05", "January 2, 2006 15:04", "January 2, 2006 3:04 PM", "January 2, 2006 3:04 pm", "January 2, 2006",
	"Monday, January 2, 2006 3:04 PM", "Monday, January 2, 2006", "Mon, Jan 2, 2006",
	"2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "2006-1-2", "2006-1-2 15:04:05", "2006.01.02", "2006-01",
}

// zones are the names of time zones that RFC 822 section 5.1 defines, and a few that are as clear. Go reads any other
// three letters as UTC, which would be wrong without anybody noticing.
var zones = map[string]string{
	"UT": "+0000", "GMT": "+0000", "UTC": "+0000", "Z": "+0000",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
	"CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300", "WET": "+0000", "WEST": "+0100", "BST": "+0100",
	"JST": "+0900", "AEST": "+1000", "AEDT": "+1100", "NZST": "+1200", "NZDT": "+1300", "MSK": "+0300",
}

var (
	zoneName  = regexp.MustCompile(`([0-9]) ?([A-Z]{1,4})\b(?: ([0-9]{4}))?$`)
	ordinal   = regexp.MustCompile(`\b([0-9]{1,2})(?:st|nd|rd|th)\b`)
	comment   = regexp.MustCompile(`\s*\([^()]*\)\s*$`)
	sept      = regexp.MustCompile(`\b([A-Z][a-z]{2})(?:\.|t\b\.?)`)
	wrongZone = regexp.MustCompile(`(?:GMT|UTC)([+-][0-9]{1,2}):?([0-9]{2})?$`)
)

// parseDate reads a date of any form found in the wild; without an offset it is in loc. The error, of kind
// [feed.ErrInvalid], shows the text. Dates that could be read in two ways, such as 03/04/2010, are refused.
func parseDate(s string, loc *time.Location) (time.Time, error) {
	s = strings.Join(strings.Fields(s), " ")
	if t, err := time.ParseInLocation(time.DateTime, s, loc); err == nil && t.Year() > 1 { // most of the dates of WordPress
		_, offset := t.Zone()
		if offset == 0 {
			return t.UTC(), nil
		}
		return t.In(time.FixedZone("", offset)), nil
	}
	if t, ok := intake.ParseDate(s); ok {
		return t, nil
	}
	fail := func() (time.Time, error) {
		shown := s
		if len(shown) > 60 {
			shown = strings.ToValidUTF8(shown[:60], "") + "…"
		}
		return time.Time{}, fmt.Errorf("date %q can't be read: %w", shown, feed.ErrInvalid)
	}
	if len(s) > 100 {
		return fail()
	}
	text := comment.ReplaceAllString(s, "")
	text = ordinal.ReplaceAllString(text, "$1")
	text = sept.ReplaceAllString(text, "$1")
	if m := wrongZone.FindStringSubmatch(text); m != nil {
		hours, minutes := m[1], m[2]
		if len(hours) == 2 {
			hours = hours[:1] + "0" + hours[1:]
		}
		if minutes == "" {
			minutes = "00"
		}
		text = strings.TrimSuffix(text, m[0]) + hours + minutes
	}
	if m := zoneName.FindStringSubmatchIndex(text); m != nil {
		name := text[m[4]:m[5]]
		if name != "AM" && name != "PM" {
			offset, ok := zones[name]
			if !ok {
				return fail()
			}
			text = text[:m[3]] + " " + offset + text[m[5]:]
		}
	}
	if t, err := mail.ParseDate(text); err == nil {
		return plausible(t, fail)
	}
	for _, form := range looseForms {
		form = strings.Replace(form, " MST", " -0700", 1)
		if t, err := time.ParseInLocation(form, text, loc); err == nil {
			return plausible(t, fail)
		}
	}
	return fail()
}

func plausible(t time.Time, fail func() (time.Time, error)) (time.Time, error) {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return fail()
	}
	// Not the machine's name of a zone with the same offset: the offset is all that was given.
	_, offset := t.Zone()
	return t.In(time.FixedZone("", offset)), nil
}
