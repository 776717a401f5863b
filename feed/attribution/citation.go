package attribution

import (
	"bytes"
	"slices"
	"strings"

	"feedpub/feed"
)

// setting is the position of a citation. It determines what an unknown name in the citation most likely is.
type setting uint8

const (
	inLine   setting = iota // an unmarked line: every part must be certain
	inCredit                // after a dash, or in a cite or footer element: a person
	inSource                // after "Source:": a publication or a headline
	inGroup                 // in brackets, after a headline or at the end of a passage: a publication
	inByline                // after "By": a person
)

// citation is the content of a credit whose parts have no fixed order, such as "— Katherine Gammon in The Guardian,
// 11 February 2021", "H; DECK, by A (X)" or "By A, AP | June 16, 2014". It is read by splitting it at its separators
// and classifying each part.
type citation struct {
	pub      publisher
	authors  []string
	headline string
	date     date
	url      string // URL of the article
	vias     []feed.Via
	agencies []string
	// guessed reports whether a part was classified only by elimination.
	guessed bool
	// leftover reports whether a part could not be classified, such as a headline's deck.
	leftover bool
}

// empty reports whether the citation names no publication, author, headline or year.
func (c *citation) empty() bool {
	return c.pub.name == "" && len(c.authors) == 0 && c.headline == "" && c.date.year == 0
}

// addPub sets the publication of c. If c already has one and one of the two is an agency, the other is the publication
// that carried the agency's report.
func (c *citation) addPub(p publisher) {
	switch {
	case c.pub.name == "":
		c.pub = p
	case p.known != nil && p.known.Agency:
		c.agencies = append(c.agencies, p.name)
	case c.pub.known != nil && c.pub.known.Agency:
		c.agencies = append(c.agencies, c.pub.name)
		c.pub = p
	}
}

// citationReader reads one citation.
type citationReader struct {
	r     *Reader
	l     *language
	b     *block
	where setting
	all   span // the citation
	parts []part
	c     citation
}

// readCitation reads the tokens of the span as a citation.
func (r *Reader) readCitation(l *language, b *block, s span, where setting) citation {
	x := r.citationReader(l, b, s, where)
	return x.read()
}

// citationReader returns a reader for the tokens of the span.
func (r *Reader) citationReader(l *language, b *block, s span, where setting) citationReader {
	x := citationReader{r: r, l: l, b: b, where: where, all: trimCitation(b.toks, s)}
	if !x.all.empty() {
		x.parts = splitParts(l, b, x.all, where)
	}
	return x
}

// read returns the citation.
func (x *citationReader) read() citation {
	if x.all.empty() {
		return citation{}
	}
	var open []part // parts not yet classified
	for i, p := range x.parts {
		if !x.readPart(p, i == 0) {
			open = append(open, p)
		}
	}
	x.readOpenParts(open)
	if x.c.url == "" {
		x.c.url = x.r.articleURL(x.b, x.all, x.c)
	}
	return x.c
}

// isPlain reports whether the citation has only one part, which does not name both a publication and people. Most
// lines of prose are like that, and reading them as citations finds at most one fact.
func (x *citationReader) isPlain() bool {
	if len(x.parts) != 1 || x.parts[0].sep == '(' {
		return false
	}
	probe := *x
	return !probe.readPersonIn(x.parts[0]) && !probe.readJournalist(x.parts[0])
}

// trimCitation removes from the span the punctuation before and after a citation, and brackets around it.
func trimCitation(toks []token, s span) span {
	for s.lo < s.hi && isCitationMark(toks[s.lo]) {
		s.lo++
	}
	for s.hi > s.lo && toks[s.hi-1].isPunct(".:;,|•·") {
		s.hi--
	}
	if s.hi-s.lo > 2 && groupEnd(toks[:s.hi], s.lo) == s.hi {
		s.lo++
		s.hi--
	}
	return s
}

// isCitationMark reports whether the token is a mark that may precede a citation, such as a dash or a bullet.
func isCitationMark(t token) bool {
	return t.kind == tokDash || t.kind == tokDots || t.kind == tokPunct && !t.isPunct("([<")
}

// slice returns the text of the tokens in the span.
func (b *block) slice(s span) string {
	if s.empty() {
		return ""
	}
	return b.text[b.toks[s.lo].start:b.toks[s.hi-1].end]
}

// unquote removes quotation marks around s and a comma before the closing mark.
func unquote(s string) string {
	s = strings.TrimSpace(strings.Trim(strings.TrimSpace(s), `"“”„«»‹› `))
	return strings.TrimSpace(strings.TrimRight(s, ",;"))
}

// coversName reports whether the span is a known name, apart from determiners and epithets.
func (r *Reader) coversName(l *language, b *block, s span) bool {
	toks := b.toks[s.lo:s.hi]
	n := r.pubs.knownSuffix(toks)
	if n == len(toks) || r.pubs.lookup(b.slice(s)) != nil {
		return true
	}
	k := l.skipDeterminers(toks, 0)
	return n > 0 && n >= len(toks)-k || n > 0 && k > 0 && len(toks)-n <= 4
}

// looksLikePub reports whether the tokens contain a word typical of publications' names, such as "Times" or "Journal".
func (l *language) looksLikePub(text string, toks []token) bool {
	if len(toks) > 6 {
		return false
	}
	for _, t := range toks {
		if t.upper && (l.pubWord.has(t.id) || strings.Contains(strings.ToLower(text[t.start:t.end]), "blog")) {
			return true
		}
	}
	return false
}

// hostNamed reports whether the link's host contains the name written as one word: hotair.com for "Hot Air".
func hostNamed(link, name string) bool { return hostContains(hostOf(link), name) }

// hostContains reports whether the host h, which may be empty, contains the name written as one word.
func hostContains(h, name string) bool {
	if h == "" || name == "" {
		return false
	}
	var keyBuf, hostBuf [96]byte
	key := without(cutArticle(appendFold(keyBuf[:0], name)), ' ', ' ')
	return len(key) >= 3 && bytes.Contains(without(append(hostBuf[:0], h...), '-', '.'), key)
}

// without removes all occurrences of the bytes a and b from text, in place, and returns the shortened text.
func without(text []byte, a, b byte) []byte {
	kept := text[:0]
	for _, c := range text {
		if c != a && c != b {
			kept = append(kept, c)
		}
	}
	return kept
}

// linkIn returns the URL of the first link that overlaps the span, or "".
func (b *block) linkIn(s span) string {
	first, last := b.toks[s.lo].start, b.toks[s.hi-1].end
	for _, r := range b.runs {
		if r.start >= last {
			break
		}
		if r.kind == runLink && r.end > first {
			return r.value
		}
	}
	return ""
}

// linkText returns the text of the span, extended to include all of the first link that overlaps it, if any.
func (b *block) linkText(s span) string {
	first, last := b.toks[s.lo].start, b.toks[s.hi-1].end
	for _, r := range b.runs {
		if r.kind == runLink && r.start < last && r.end > first {
			return b.text[min(r.start, first):max(r.end, last)]
		}
	}
	return b.slice(s)
}

// allPeople reports whether the tokens form a list of possible personal names.
func (l *language) allPeople(toks []token) bool {
	if len(toks) == 0 {
		return false
	}
	var buf [24]int
	return slices.Contains(l.peopleEnds(toks, 0, buf[:0]), len(toks))
}

// surePeople reports whether the tokens are almost certainly personal names: one of them is certain, or, if surnames is
// set, names are joined by "and".
func (l *language) surePeople(text string, toks []token, surnames bool) bool {
	if !l.allPeople(toks) {
		return false
	}
	best, joined, start := 0, false, 0
	for i := 0; i <= len(toks); i++ {
		if i == len(toks) || toks[i].kind == tokPunct && toks[i].ch == ',' || l.and.has(toks[i].id) {
			best = max(best, l.personScore(text, toks[start:i]))
			joined = joined || i < len(toks) && l.and.has(toks[i].id)
			start = i + 1
		}
	}
	return best == 2 || joined && surnames
}

// cleanHeadline removes the quotation marks around a headline, a closing mark without an opening one, and the comma or
// period after it.
func cleanHeadline(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ",;:| ")
	if strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "..") && strings.Count(s, ".") == 1 {
		s = s[:len(s)-1]
	}
	if strings.HasSuffix(s, "»") && !strings.Contains(s, "«") {
		s = strings.TrimSpace(strings.TrimSuffix(s, "»"))
	}
	for _, q := range [...][2]string{{"“", "”"}, {"\"", "\""}, {"«", "»"}, {"„", "“"}} {
		if strings.HasPrefix(s, q[0]) && strings.HasSuffix(s, q[1]) && strings.Count(s, q[0]) <= 2 &&
			len(s) > len(q[0])+len(q[1]) {
			return strings.TrimRight(strings.TrimSpace(s[len(q[0]):len(s)-len(q[1])]), ",")
		}
	}
	return s
}

// articleURL returns the most likely URL of the article among the links in the span, or "": the link on the
// headline, then the link on the publication, then any other link that is not to the front page of a site.
func (r *Reader) articleURL(b *block, s span, c citation) string {
	if s.empty() {
		return ""
	}
	first, last := b.toks[s.lo].start, b.toks[s.hi-1].end
	best, rank := "", 0
	for _, l := range b.runs {
		if l.kind != runLink || l.start >= last || l.end <= first || articleOnly(l.value) == "" {
			continue
		}
		if n := c.rankLink(b.text[l.start:l.end], l.value); n > rank {
			best, rank = l.value, n
		}
	}
	return best
}

// rankLink returns how likely a link with the given text and URL leads to the article, from 5 for a link on the
// headline to 0 for the link of a via.
func (c *citation) rankLink(text, u string) int {
	switch {
	case c.headline != "" && strings.Contains(text, c.headline):
		return 5
	case c.pub.name != "" && strings.Contains(text, c.pub.name):
		return 4
	case len(c.authors) > 0 && text == c.authors[0]:
		return 2
	case len(c.vias) > 0 && hasViaURL(c.vias, u):
		return 0
	}
	return 3
}

// articleOnly returns the URL u, or "" if u is the front page of a site, which is not an article.
func articleOnly(u string) string {
	h := hostOf(u)
	if h == "" {
		return ""
	}
	_, rest, _ := strings.Cut(u, "//")
	_, path, _ := strings.Cut(rest, "/")
	if strings.Trim(path, "/") == "" {
		return ""
	}
	return u
}

// isMonthAndYear reports whether the tokens are a month or season with a year but without a day: "May 2002".
func (l *language) isMonthAndYear(text string, toks []token) bool {
	month := false
	for _, t := range toks {
		if t.kind == tokPunct && t.ch == '.' {
			continue // "Sept. 2011"
		}
		isMonth := l.month(t.id) > 0
		_, isYear := year(text[t.start:t.end])
		if !isMonth && !isYear && !l.period.has(t.id) {
			return false
		}
		month = month || isMonth || l.period.has(t.id)
	}
	return month && len(toks) > 1
}

// isTime reports whether the tokens are only a time of day and words about it: "Updated 12:30 PM EDT".
func (l *language) isTime(text string, toks []token) bool {
	for _, t := range toks {
		if t.kind == tokWord && !l.timeWord.has(t.id) && !isClockTime(text[t.start:t.end]) {
			return false
		}
	}
	return true
}

// allRoles reports whether all tokens describe a role: "Staff Writer".
func (l *language) allRoles(toks []token) bool { return l.trailingRoles(toks) == len(toks) }

// trailingRoles returns the number of tokens at the end that describe a role.
func (l *language) trailingRoles(toks []token) int {
	n := 0
	for n < len(toks) && (l.role.has(toks[len(toks)-1-n].id) || l.corporate.has(toks[len(toks)-1-n].id)) {
		n++
	}
	return n
}

// phraseEnd returns the end of the longest phrase of the class at the start of toks, or 0.
func phraseEnd(c *class, toks []token) int {
	var buf [4]int
	if ends := c.phraseEnds(toks, 0, buf[:0]); len(ends) > 0 {
		return ends[0]
	}
	return 0
}
