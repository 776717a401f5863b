package attribution

import (
	"slices"
	"strings"
)

// publisher is the content of a PUB slot.
type publisher struct {
	name  string
	known *publication // nil if the publication is unknown
}

// publicationSpans appends to out the spans that begin at token i and may name a publication, most likely first. A span
// includes determiners and epithets, which [Reader.publisherOf] removes.
func (x *matcher) publicationSpans(i int, out []span) []span {
	toks, start := x.toks[:x.hi], i
	i = x.l.skipDeterminers(toks, i)
	if i >= x.hi {
		return out
	}
	out = x.markedNames(start, i, out)
	if end := x.quotedName(i); end > 0 {
		return append(out, span{start, end})
	}
	if x.l.stop.has(toks[i].id) && i == start {
		// The first word of a sentence is capitalized even if it is not part of a name. Only known names may begin with such
		// a word, such as "In These Times".
		x.r.pubs.walk(toks, i, func(end int, _ *publication) {
			if end > i+1 {
				out = append(out, span{start, end})
			}
		})
		return out
	}
	if !nameStart(x.l, toks, i) {
		// Some known names are in lower case: "taz", "brand eins".
		x.r.pubs.walk(toks, i, func(end int, e *publication) {
			if e.isLower() {
				out = append(out, span{start, end})
			}
		})
		k := x.l.skipAdjectives(toks, i)
		if k == i || i == start || !nameStart(x.l, toks, k) {
			return out
		}
		i = k
	}
	return x.capitalizedNames(start, i, out)
}

// markedNames appends to out the spans from start to the end of a link or of emphasized text that begins with the name
// at token i, or with the determiners before it. Such text is a name even if it is in lower case.
func (x *matcher) markedNames(start, i int, out []span) []span {
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
	return out
}

// quotedName returns the position after the name in quotation marks that begins at token i, or 0. Names of newspapers
// are often in quotation marks, except in English: „Süddeutsche Zeitung“.
func (x *matcher) quotedName(i int) int {
	end := x.quotedEnd(i)
	if end <= i+2 || end-i > 9 {
		return 0
	}
	if x.r.pubs.knownSuffix(x.toks[i+1:end-1]) == end-i-2 ||
		x.l.name != fallback && end-i <= 5 && nameStart(x.l, x.toks, i+1) {
		return end
	}
	return 0
}

// skipAdjectives returns the position after the words in lower case at token i that may precede a name, such as "always
// objective".
func (l *language) skipAdjectives(toks []token, i int) int {
	for k := i; k < min(len(toks), i+4); k++ {
		if t := &toks[k]; t.kind != tokWord || t.upper || l.stop.has(t.id) || l.say.has(t.id) {
			return k
		}
	}
	return min(len(toks), i+4)
}

// capitalizedNames appends to out the spans from start that end within the capitalized words at token i: first the
// longest one that ends in a known name, and then the others, longest first.
func (x *matcher) capitalizedNames(start, i int, out []span) []span {
	end := x.l.nameEnd(x.toks[:x.hi], i)
	first := len(out)
	// The possessive ending is part of the name, as in "Harper's".
	if end < x.hi && x.toks[end].kind == tokPoss && x.r.pubs.lookup(x.b.slice(span{i, end + 1})) != nil {
		out = append(out, span{start, end + 1})
	}
	if k := x.knownEnd(i, end); k > 0 {
		out = append(out, span{start, k})
	}
	for k := end; k > i && len(out) < cap(out); k-- {
		if k < end && x.toks[k].upper && x.l.pubWord.has(x.toks[k].id) {
			continue // do not cut "Bangkok Post" before "Post"
		}
		if last := &x.toks[k-1]; last.kind != tokWord || k-1 != i && !x.mayEndName(last) {
			continue
		}
		if s := (span{start, k}); len(out) == first || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}

// knownEnd returns the end of the longest name from token i on, up to token end, that ends in a known name, or 0.
func (x *matcher) knownEnd(i, end int) int {
	for k := end; k > i; k-- {
		if n := x.r.pubs.knownSuffix(x.toks[i:k]); n > 0 && !x.r.endsUnknownName(x.l, x.toks[i:k], n) {
			return k
		}
	}
	return 0
}

// mayEndName reports whether a name of several words may end with the token.
func (x *matcher) mayEndName(t *token) bool {
	return t.upper || t.digit || isDomain(x.b.text[t.start:t.end])
}

// knownSpans appends to out the span of the known publication, with its determiners, that begins at token i.
func (x *matcher) knownSpans(i int, out []span) []span {
	k := x.l.skipDeterminers(x.toks[:x.hi], i)
	if k < x.hi && !x.r.pubs.startsName(&x.toks[k]) {
		return out
	}
	if n := x.r.pubs.knownPrefix(x.toks[k:x.hi], k > i); n > 0 {
		out = append(out, span{i, k + n})
	}
	return out
}

// skipDeterminers returns the position after the determiners that begin at token i: "the", "today's", "the UK's",
// "yesterday's U.K.".
func (l *language) skipDeterminers(toks []token, i int) int {
	for n := 0; n < 6 && i < len(toks) && l.isDeterminer(&toks[i]); n++ {
		t := &toks[i]
		switch {
		case l.det.has(t.id):
			i++
		case i+1 < len(toks) && toks[i+1].kind == tokPoss:
			i += 2
		case l.epithet.has(t.id) && nameStart(l, toks, i+1):
			i++
		default:
			return i
		}
	}
	return i
}

// isDeterminer reports whether t is a determiner or a similar word before a name: "the", "today's", "UK's".
func (l *language) isDeterminer(t *token) bool { return l.flagsOf(t.id)&flagDeterminer != 0 }

// nameStart reports whether a publication's name may begin with token i.
func nameStart(l *language, toks []token, i int) bool {
	return i < len(toks) && startsName(l, &toks[i])
}

// startsName reports whether a publication's name may begin with the token.
func startsName(l *language, t *token) bool {
	return t.kind == tokWord && (t.upper || t.digit || t.ch == '@' || t.inner && t.end-t.start > 3 && !l.stop.has(t.id))
}

// nameEnd returns the end of the run of capitalized words and numbers that begins at token i, including the connecting
// words between them.
func (l *language) nameEnd(toks []token, i int) int {
	end := i
	for k := i; k < len(toks) && k < i+10; k++ {
		switch {
		case nameStart(l, toks, k):
			end = k + 1
		case k == i || !l.continuesName(toks, k):
			return end
		}
	}
	return end
}

// continuesName reports whether token k can occur inside a name but not begin one, such as "of", "'s" or "&".
func (l *language) continuesName(toks []token, k int) bool {
	switch t := &toks[k]; t.kind {
	case tokWord:
		return l.connector.has(t.id)
	case tokPoss:
		return true
	case tokPunct:
		if t.ch == '!' {
			return toks[k-1].kind == tokWord && k+1 < len(toks) && toks[k+1].upper
		}
		return t.ch == '&' || t.ch == '+' || t.ch == '/'
	case tokDash, tokDots, tokOpen, tokClose:
	}
	return false
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

// personSpans is like [matcher.peopleSpans], but appends only the spans that are certainly the name of one person.
func (x *matcher) personSpans(i int, out []span) []span {
	return slices.DeleteFunc(x.peopleSpans(i, out), func(s span) bool {
		return x.l.personScore(x.b.text, x.toks[s.lo:s.hi]) < 2
	})
}

// timeSpans appends to out the spans of the time phrases that begin at token i; see [matcher.timeEnds].
func (x *matcher) timeSpans(i int, strict bool, out []span) []span {
	var buf [8]int
	for _, end := range x.timeEnds(i, strict, buf[:0]) {
		out = append(out, span{i, end})
	}
	return out
}

// maxPeople is the maximum number of people in a list of names.
const maxPeople = 12

// peopleEnds appends to ends every position where a list of people's names that begins at i may end, in ascending
// order.
func (l *language) peopleEnds(toks []token, i int, ends []int) []int {
	for range maxPeople {
		words := 0
		if ends, words = l.personEnds(toks, l.skipHonorifics(toks, i), ends); words == 0 {
			break
		}
		last := ends[len(ends)-1]
		if i = l.skipSeparator(toks, last); i == last {
			break
		}
	}
	return ends
}

// skipHonorifics returns the position after the honorifics that begin at token i: "Dr.", "Sir".
func (l *language) skipHonorifics(toks []token, i int) int {
	for i < len(toks) && l.honorific.has(toks[i].id) {
		i = skipMark(toks, i+1, '.')
	}
	return i
}

// personEnds appends to ends every position where one person's name that begins at token i may end, in ascending order.
// It also returns the number of capitalized words of the longest such name.
func (l *language) personEnds(toks []token, i int, ends []int) ([]int, int) {
	words := 0
	for k := i; k < len(toks) && words < 5; k++ {
		switch t := &toks[k]; {
		case l.isNameWord(t) && !(words == 0 && l.stop.has(t.id)):
			words++
			ends = append(ends, k+1)
		case l.beforeName(toks, k):
		case l.isSuffixComma(toks, k): // names may contain initials and suffixes: "Thomas J. Sugrue", "King, Jr."
			end := skipMark(toks, k+2, '.')
			ends = append(ends, end)
			k = end - 1
		default:
			return ends, words
		}
	}
	return ends, words
}

// isNameWord reports whether the token may be a word of a person's name.
func (l *language) isNameWord(t *token) bool {
	return t.kind == tokWord && t.upper && !l.notName.has(t.id) && !l.isMonth(*t)
}

// beforeName reports whether token k is a particle before a name or before another particle: "van", "de la".
func (l *language) beforeName(toks []token, k int) bool {
	return toks[k].kind == tokWord && l.particle.has(toks[k].id) && k+1 < len(toks) &&
		(toks[k+1].upper || l.particle.has(toks[k+1].id))
}

// isSuffixComma reports whether token k is a comma before a suffix, as in "King, Jr."
func (l *language) isSuffixComma(toks []token, k int) bool {
	return toks[k].kind == tokPunct && toks[k].ch == ',' && k+1 < len(toks) && l.suffix.has(toks[k+1].id)
}

// skipSeparator returns the position after the comma, ampersand or "and" at token k, which separates the names in a
// list, or k if there is none.
func (l *language) skipSeparator(toks []token, k int) int {
	if k < len(toks) && toks[k].kind == tokPunct && (toks[k].ch == ',' || toks[k].ch == '&' || toks[k].ch == '/') {
		k++
	}
	if k < len(toks) && toks[k].kind == tokWord && (l.and.has(toks[k].id) || l.with.has(toks[k].id)) {
		k++
	}
	return k
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
	for i := range toks {
		switch t := &toks[i]; {
		case l.isSuffixComma(toks, i):
		case l.separatesNames(t):
			flush(i)
		case start < 0 && t.kind == tokWord && !l.honorific.has(t.id):
			start = i
		}
	}
	flush(len(toks))
	return names
}

// separatesNames reports whether the token separates two names of a list.
func (l *language) separatesNames(t *token) bool {
	switch t.kind {
	case tokWord:
		return (l.and.has(t.id) || l.with.has(t.id)) && !t.upper
	case tokPunct:
		return t.ch == ',' || t.ch == '&' || t.ch == '/' || t.ch == ';'
	case tokDash, tokDots, tokOpen, tokClose, tokPoss:
	}
	return false
}

// personScore rates whether the tokens are a single person's name: 0 means no, 1 means possibly, 2 means certainly.
func (l *language) personScore(text string, toks []token) int {
	switch words, given := l.personWords(toks); {
	case words == 1 && given:
		return 1
	case words < 2 || words > 4:
		return 0
	case given || strings.HasSuffix(text[toks[1].start:toks[1].end], "."): // the second word is an initial
		return 2
	default:
		return 1
	}
}

// personWords returns the number of words, without particles, in what may be a person's name, and whether the first of
// them is a given name. It returns 0 if the tokens cannot be a name.
func (l *language) personWords(toks []token) (words int, given bool) {
	for i := range toks {
		t := &toks[i]
		switch {
		case t.kind == tokPunct && (t.ch == ',' || t.ch == '.'), i > 0 && t.kind == tokWord && l.particle.has(t.id):
			continue
		case words == 0 && len(toks) > 1 && l.opener.has(t.id) && !l.given.has(t.id):
			return 0, false // a sentence opener precedes the name, as in "Meanwhile Jane Doe"
		case !l.isPersonWord(t, len(toks) == 1):
			return 0, false
		}
		words++
		given = given || words == 1 && l.given.has(t.id)
	}
	return words, given
}

// isPersonWord is like isNameWord, but also excludes words that are common in names of publications. alone is set if
// the name has no other words.
func (l *language) isPersonWord(t *token, alone bool) bool {
	return l.isNameWord(t) && !l.stop.has(t.id) && !l.pubWord.has(t.id) && !(alone && l.place.has(t.id))
}

// tokenEnding searches for a token that ends at the byte offset end, starting at token i. It returns the position after
// that token, or 0 if there is none.
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
