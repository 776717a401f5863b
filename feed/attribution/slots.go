package attribution

import (
	"strings"
	"unicode"
)

// publisher is the content of a PUB slot.
type publisher struct {
	name  string
	known *publication // nil if the publication is unknown
}

// publicationSpans appends to out the spans that begin at token i and may name a publication, most likely first. A span
// includes determiners and epithets, which [Reader.publisherOf] removes.
func (x *matcher) publicationSpans(i int, out []span) []span {
	start := i
	i = x.l.skipDeterminers(x.toks[:x.hi], i)
	if i >= x.hi {
		return out
	}
	// Linked or emphasized text is a name even if it is in lower case.
	for _, r := range x.b.runs {
		if r.start > x.toks[i].start {
			break
		}
		if r.kind == runBold || r.start != x.toks[i].start && r.start != x.toks[start].start {
			continue
		}
		if end := tokenEnding(x.toks[:x.hi], i, r.end); end > i && end-i <= 8 {
			out = append(out, span{start, end})
		}
	}
	// Names of newspapers are often in quotation marks, except in English: „Süddeutsche Zeitung“.
	if end := x.quotedEnd(i); end > i+2 && end-i <= 9 && (x.r.pubs.knownSuffix(x.toks[i+1:end-1]) == end-i-2 ||
		x.l.name != fallback && end-i <= 5 && nameStart(x.l, x.toks, i+1)) {
		return append(out, span{start, end})
	}
	if x.l.stop.has(x.toks[i].id) && i == start {
		// The first word of a sentence is capitalized without being a name. Only known names may begin with such a word, such
		// as "In These Times".
		x.r.pubs.walk(x.toks[:x.hi], i, func(end int, _ *publication) {
			if end > i+1 {
				out = append(out, span{start, end})
			}
		})
		return out
	}
	if !nameStart(x.l, x.toks, i) {
		// Some known names are in lower case: "taz", "brand eins".
		x.r.pubs.walk(x.toks[:x.hi], i, func(end int, e *publication) {
			if first, _ := decodeRune(e.Name, 0); unicode.IsLower(first) {
				out = append(out, span{start, end})
			}
		})
		// Adjectives may come between determiner and name: "the always objective Guardian".
		k := i
		for k < min(x.hi, i+4) && k < len(x.toks) && x.toks[k].kind == tokWord && !x.toks[k].upper &&
			!x.l.stop.has(x.toks[k].id) && !x.l.say.has(x.toks[k].id) {
			k++
		}
		if k == i || i == start || k >= x.hi || !nameStart(x.l, x.toks, k) {
			return out
		}
		i = k
	}
	end := x.l.nameEnd(x.toks[:x.hi], i)
	// The longest known name comes first.
	first := len(out)
	// The possessive ending is part of the name, as in "Harper's".
	if end < x.hi && x.toks[end].kind == tokPoss && x.r.pubs.lookup(x.b.slice(span{i, end + 1})) != nil {
		out = append(out, span{start, end + 1})
	}
	for k := end; k > i; k-- {
		if n := x.r.pubs.knownSuffix(x.toks[i:k]); n > 0 && !x.r.endsUnknownName(x.l, x.toks[i:k], n) {
			out = append(out, span{start, k})
			break
		}
	}
	for k := end; k > i && len(out) < cap(out); k-- {
		last := x.toks[k-1]
		if k < end && x.toks[k].upper && x.l.pubWord.has(x.toks[k].id) {
			continue // do not cut "Bangkok Post" before "Post"
		}
		if last.kind != tokWord || !last.upper && !last.digit && k-1 != i && !isDomain(x.b.text[last.start:last.end]) {
			continue
		}
		if s := (span{start, k}); len(out) == first || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}

// skipDeterminers returns the position after the determiners that begin at token i: "the", "today's", "the UK's",
// "yesterday's U.K.".
func (l *language) skipDeterminers(toks []token, i int) int {
	for n := 0; n < 6 && i < len(toks); n++ {
		t := &toks[i]
		switch {
		case !t.upper && l.flagsOf(t.id)&flagDeterminer == 0:
			return i
		case l.det.has(t.id):
			i++
		case (l.epithet.has(t.id) || l.weekday.has(t.id) || l.when.has(t.id) || l.period.has(t.id)) && i+1 < len(toks) &&
			toks[i+1].kind == tokPoss:
			i += 2
		case l.epithet.has(t.id) && i+1 < len(toks) && nameStart(l, toks, i+1):
			i++
		default:
			return i
		}
	}
	return i
}

// nameStart reports whether a publication's name may begin with token i.
func nameStart(l *language, toks []token, i int) bool {
	if i >= len(toks) {
		return false
	}
	t := toks[i]
	return t.kind == tokWord && (t.upper || t.digit || t.ch == '@' || t.end-t.start > 3 && !l.stop.has(t.id) && t.inner)
}

// nameEnd returns the end of the run of capitalized words and numbers that begins at token i, including the connecting
// words between them.
func (l *language) nameEnd(toks []token, i int) int {
	end := i
	for k := i; k < len(toks) && k < i+10; k++ {
		t := toks[k]
		switch {
		case nameStart(l, toks, k):
			end = k + 1
		case t.kind == tokPoss && k > i:
		case t.kind == tokWord && l.connector.has(t.id) && k > i:
		case t.kind == tokPunct && (t.ch == '&' || t.ch == '+' || t.ch == '/') && k > i:
		case t.kind == tokPunct && t.ch == '!' && k > i && toks[k-1].kind == tokWord:
			if k+1 < len(toks) && toks[k+1].upper {
				continue
			}
			return end
		default:
			return end
		}
	}
	return end
}

// peopleSpans appends to out the spans that begin at token i and may be names of people, longest first.
func (x *matcher) peopleSpans(i int, out []span) []span {
	var buf [24]int
	ends := x.l.peopleEnds(x.toks[:x.hi], i, buf[:0])
	for k := len(ends) - 1; k >= 0 && len(out) < cap(out); k-- {
		out = append(out, span{i, ends[k]})
	}
	return out
}

// peopleEnds appends to ends every position where a list of people's names that begins at i may end, in ascending
// order.
func (l *language) peopleEnds(toks []token, i int, ends []int) []int {
	for range 12 {
		first := i
		for i < len(toks) && l.honorific.has(toks[i].id) {
			i++
			if i < len(toks) && toks[i].kind == tokPunct && toks[i].ch == '.' {
				i++
			}
		}
		words, last := 0, i
		for k := i; k < len(toks) && words < 5; k++ {
			t := toks[k]
			if t.kind == tokWord && t.upper && !l.notName.has(t.id) && !l.isMonth(t) && !(l.stop.has(t.id) && words == 0) {
				words++
				last = k + 1
				ends = append(ends, last)
				continue
			}
			if t.kind == tokWord && l.particle.has(t.id) && k+1 < len(toks) &&
				(toks[k+1].upper || l.particle.has(toks[k+1].id)) {
				continue
			}
			// A name may contain initials and suffixes: "Thomas J. Sugrue", "King, Jr."
			if t.kind == tokPunct && t.ch == ',' && k+1 < len(toks) && l.suffix.has(toks[k+1].id) {
				last = k + 2
				if last < len(toks) && toks[last].kind == tokPunct && toks[last].ch == '.' {
					last++
				}
				ends = append(ends, last)
				k = last - 1
				continue
			}
			break
		}
		if words == 0 || first == last {
			break
		}
		// Continue with the next name of the list.
		k := last
		sep := false
		if k < len(toks) && toks[k].kind == tokPunct && (toks[k].ch == ',' || toks[k].ch == '&' || toks[k].ch == '/') {
			k++
			sep = true
		}
		if k < len(toks) && toks[k].kind == tokWord && (l.and.has(toks[k].id) || l.with.has(toks[k].id)) {
			k++
			sep = true
		}
		if !sep {
			break
		}
		i = k
	}
	return ends
}

// isMonth reports whether the word is a month and not also a given name, as "May" and "April" are.
func (l *language) isMonth(t token) bool {
	return l.month(t.id) > 0 && !l.given.has(t.id)
}

// splitPeople splits a list of people's names into single names.
func (l *language) splitPeople(text string, toks []token) []string {
	var names []string
	start := -1
	flush := func(end int) {
		if start >= 0 && end > start {
			names = append(names, collapseSpace(text[toks[start].start:toks[end-1].end]))
		}
		start = -1
	}
	for i, t := range toks {
		switch {
		case t.kind == tokPunct && t.ch == ',' && i+1 < len(toks) && l.suffix.has(toks[i+1].id):
		case t.kind == tokPunct && (t.ch == ',' || t.ch == '&' || t.ch == '/' || t.ch == ';'),
			t.kind == tokWord && (l.and.has(t.id) || l.with.has(t.id)) && !t.upper:
			flush(i)
		case start < 0 && (l.honorific.has(t.id) || t.kind == tokPunct):
		case start < 0 && t.kind == tokWord:
			start = i
		}
	}
	flush(len(toks))
	return names
}

// personScore rates whether the tokens are a single person's name: 0 means no, 1 means possibly, 2 means certainly.
func (l *language) personScore(text string, toks []token) int {
	words, given := 0, false
	for i, t := range toks {
		if t.kind != tokWord {
			if t.kind == tokPunct && (t.ch == ',' || t.ch == '.') {
				continue
			}
			return 0
		}
		if l.particle.has(t.id) && i > 0 {
			continue
		}
		if words == 0 && l.opener.has(t.id) && !l.given.has(t.id) && len(toks) > 1 {
			return 0 // a sentence opener precedes the name, as in "Meanwhile Jane Doe"
		}
		if !t.upper || l.notName.has(t.id) || l.stop.has(t.id) || l.isMonth(t) || l.pubWord.has(t.id) ||
			l.place.has(t.id) && len(toks) == 1 {
			return 0
		}
		words++
		given = given || words == 1 && l.given.has(t.id)
	}
	initial := words >= 2 && len(toks) > 1 && strings.HasSuffix(text[toks[1].start:toks[1].end], ".")
	switch {
	case words >= 2 && words <= 4 && (given || initial):
		return 2
	case words >= 2 && words <= 4:
		return 1
	case words == 1 && given:
		return 1
	default:
		return 0
	}
}

// tokenEnding returns the position after the token, at or after i, that ends at byte end, or 0.
func tokenEnding(toks []token, i, end int) int {
	for k := i; k < len(toks) && toks[k].start < end; k++ {
		if toks[k].end == end {
			return k + 1
		}
	}
	return 0
}

// isDomain reports whether s has the form of a host name, such as "nola.com".
func isDomain(s string) bool {
	i := strings.LastIndexByte(s, '.')
	if i <= 0 || i == len(s)-1 || strings.ContainsAny(s, "@/'’ ") {
		return false
	}
	top := s[i+1:]
	if len(top) < 2 || len(top) > 6 {
		return false
	}
	for _, c := range top {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return i >= 2 || len(top) > 2
}
