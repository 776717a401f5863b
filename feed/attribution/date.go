package attribution

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// date is a calendar date. The year is 0 if the text does not state it; the zero value means no date.
type date struct{ year, month, day int }

// String returns the date as YYYY-MM-DD, or "" if it has no year.
func (d date) String() string {
	if d.year == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

// valid reports whether the day exists. A date without a year is valid if it exists in a leap year.
func (d date) valid() bool {
	if d.month < 1 || d.month > 12 || d.day < 1 {
		return false
	}
	year := d.year
	if year == 0 {
		year = 2000 // a leap year, so that 29 February without a year is valid
	}
	return d.day <= time.Date(year, time.Month(d.month)+1, 0, 0, 0, 0, 0, time.UTC).Day() &&
		(d.year == 0 || d.year >= 1600 && d.year <= 2199)
}

// timeEnds appends to out the positions where a time phrase that begins at token i may end, longest first. If
// strict is set, the phrase must contain a date. Examples: "on Monday 16 June 2014", "this morning", "June 5, 2011
// 12:30 PM".
func (x *matcher) timeEnds(i int, strict bool, out []int) []int {
	k := i
	toks := x.toks[:x.hi]
	for k < len(toks) && (toks[k].kind == tokPunct && toks[k].ch == ',' || x.l.on.has(toks[k].id)) {
		k++
	}
	if end, _ := x.l.date(x.b.text, toks, k); end > 0 {
		return append(out, end)
	}
	if strict || k >= len(toks) {
		return out
	}
	out = x.l.when.phraseEnds(toks, k, out)
	if x.l.weekday.has(toks[k].id) {
		out = append(out, k+1)
	}
	return out
}

// date reads the date that begins at token i. It returns the position after the date and an adjacent weekday and time
// of day, or 0. It accepts the formats of all languages, with the language's own month names:
//
//	Sunday, June 5th, 2011 · 16 June 2014 · 16. Juni 2014, 12:30 Uhr · 15 de abril de 2021 · 1er mai 2010 · June 5
//	9/15/11 · 6.5.14 · 16.06.2014 · 2014-06-16 · 2014/06/16
func (l *language) date(text string, toks []token, i int) (int, date) {
	k := i
	if k < len(toks) && l.dateLead.has(toks[k].id) && k+1 < len(toks) { // "am 5. Mai", "le 5 mai", "el 5 de mayo"
		k++
	}
	if k < len(toks) && l.weekday.has(toks[k].id) {
		k++
		k = skipMark(toks, skipMark(toks, k, ','), '.')
		if k < len(toks) && l.dateLead.has(toks[k].id) {
			k++
		}
	}
	if k >= len(toks) || toks[k].kind != tokWord {
		return 0, date{}
	}
	var d date
	var end int
	switch named := l.month(toks[k].id) > 0; {
	case named:
		end, d = l.monthDay(text, toks, k)
	default:
		if end, d = l.dayMonth(text, toks, k); end == 0 {
			var ok bool
			if ok, d = l.numericDate(text[toks[k].start:toks[k].end]); ok {
				end = k + 1
			}
		}
	}
	if end == 0 || !d.valid() {
		return 0, date{}
	}
	return l.dateEnd(text, toks, end), d
}

// monthDay reads a date such as "June 5th, 2011" or "June 5" at token k. It returns the position after the date, or 0.
func (l *language) monthDay(text string, toks []token, k int) (int, date) {
	// English capitalizes months; "may" and "march" in lower case are verbs.
	if !toks[k].upper && l.name == fallback {
		return 0, date{}
	}
	d := date{month: l.month(toks[k].id)}
	k = skipMark(toks, k+1, '.')
	if k >= len(toks) {
		return 0, date{}
	}
	var ok bool
	if d.day, ok = l.dayOfMonth(text[toks[k].start:toks[k].end]); !ok {
		return 0, date{}
	}
	k++
	if n := skipMark(toks, k, ','); n < len(toks) {
		if d.year, ok = year(text[toks[n].start:toks[n].end]); ok {
			k = n + 1
		}
	}
	return k, d
}

// dayMonth reads a date such as "5 June 2011", "5. Juni 2011" or "5 de junio de 2011" at token k. It returns the
// position after the date, or 0.
func (l *language) dayMonth(text string, toks []token, k int) (int, date) {
	var d date
	var ok bool
	if d.day, ok = l.dayOfMonth(text[toks[k].start:toks[k].end]); !ok {
		return 0, date{}
	}
	k = skipMark(toks, k+1, '.')
	if k < len(toks) && l.dateOf.has(toks[k].id) {
		k++
	}
	if k >= len(toks) {
		return 0, date{}
	}
	if d.month = l.month(toks[k].id); d.month == 0 {
		return 0, date{}
	}
	k++
	n := skipMark(toks, skipMark(toks, k, '.'), ',')
	if n < len(toks) && l.dateOf.has(toks[n].id) {
		n++
	}
	if n < len(toks) {
		if d.year, ok = year(text[toks[n].start:toks[n].end]); ok {
			k = n + 1
		}
	}
	return k, d
}

// skipMark returns k+1 if token k is the punctuation mark, else k.
func skipMark(toks []token, k int, mark rune) int {
	if k < len(toks) && toks[k].kind == tokPunct && toks[k].ch == mark {
		return k + 1
	}
	return k
}

// dateEnd returns the position after the time of day that begins at token k, or k if there is none.
func (l *language) dateEnd(text string, toks []token, k int) int {
	end := k
	for n := k; n < len(toks) && n < k+7; n++ {
		t := toks[n]
		w := text[t.start:t.end]
		switch {
		case t.kind == tokPunct && (t.ch == ',' || t.ch == '@'), t.kind == tokDash:
		case t.kind == tokWord && (l.timeWord.has(t.id) || isClockTime(w)):
			end = n + 1
		default:
			return end
		}
	}
	return end
}

// isClockTime reports whether w is a time of day: "9:29", "12:30:15", "10:30PM", "12h30".
func isClockTime(w string) bool {
	w = strings.TrimPrefix(w, "@")
	w = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(w), "am"), "pm")
	if len(w) < 2 || len(w) > 8 || w[0] < '0' || w[0] > '9' || !strings.ContainsAny(w, ":h") {
		return false
	}
	for _, c := range w {
		if (c < '0' || c > '9') && c != ':' && c != 'h' {
			return false
		}
	}
	return true
}

// dayOfMonth parses a day of the month, which may have an ordinal suffix: "5", "5th", "1er", "2nd".
func (l *language) dayOfMonth(w string) (int, bool) {
	n := 0
	for n < len(w) && isDigit(w[n]) {
		n++
	}
	if n == 0 || n > 2 {
		return 0, false
	}
	switch strings.ToLower(w[n:]) {
	case "", ".", "st", "nd", "rd", "th", "er", "º", "°":
		d, err := strconv.Atoi(w[:n])
		return d, err == nil && d >= 1 && d <= 31
	default:
		return 0, false
	}
}

// year parses a four-digit year, from 1600 to 2199.
func year(w string) (int, bool) {
	w = strings.TrimSuffix(w, ".")
	if len(w) != 4 {
		return 0, false
	}
	y, err := strconv.Atoi(w)
	return y, err == nil && y >= 1600 && y <= 2199
}

// numericDate parses a date that consists of three numbers. The language determines which of two small numbers is the
// month, unless only one of them can be.
func (l *language) numericDate(w string) (bool, date) {
	parts, n := threeNumbers(strings.TrimSuffix(w, "."))
	var d date
	switch {
	case parts == nil:
		return false, date{}
	case len(parts[0]) == 4:
		d = date{n[0], n[1], n[2]}
	case len(parts[2]) != 2 && len(parts[2]) != 4:
		return false, date{}
	case l.monthFirst && n[0] <= 12 || n[1] > 12:
		d = date{fullYear(n[2]), n[0], n[1]}
	default:
		d = date{fullYear(n[2]), n[1], n[0]}
	}
	return d.valid(), d
}

// threeNumbers returns the three numbers in w, as text and parsed, if w consists of them and two equal separators.
// Otherwise the text is nil.
func threeNumbers(w string) (parts []string, n [3]int) {
	if len(w) < 5 || len(w) > 10 || !isDigit(w[0]) {
		return nil, n
	}
	sep := strings.IndexAny(w, "/.-")
	if sep < 0 {
		return nil, n
	}
	if parts = strings.Split(w, w[sep:sep+1]); len(parts) != 3 {
		return nil, n
	}
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 {
			return nil, n
		}
		n[i] = v
	}
	return parts, n
}

// fullYear expands a one- or two-digit year to a year from 1970 to 2069. Larger numbers are returned unchanged.
func fullYear(y int) int {
	switch {
	case y >= 100:
		return y
	case y >= 70:
		return 1900 + y
	default:
		return 2000 + y
	}
}

// compactDate parses a six-digit date, as used in Spanish press cuttings: 150421 is 15 April 2021. It is called only
// for an entire part of a citation.
func compactDate(w string) (date, bool) {
	if len(w) != 6 {
		return date{}, false
	}
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 {
		return date{}, false
	}
	d := date{2000 + n%100, n / 100 % 100, n / 10000}
	return d, d.valid()
}
