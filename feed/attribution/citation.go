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

// part is the text between two separators of a citation.
type part struct {
	span            // token range
	sep        rune // the separator before the part: '(' for a group, ' ' after a date or quotation, 0 for the first
	text       string
	link       string // URL of the first link in the part, or empty
	emphasized bool
	quoted     bool
}

// readCitation reads the tokens of the span as a citation.
func (r *Reader) readCitation(l *language, b *block, s span, where setting) citation {
	c := citation{}
	toks := b.toks
	for s.lo < s.hi && (toks[s.lo].kind == tokDash || toks[s.lo].kind == tokDots ||
		toks[s.lo].kind == tokPunct && toks[s.lo].ch != '(' && toks[s.lo].ch != '[' && toks[s.lo].ch != '<') {
		s.lo++
	}
	for s.hi > s.lo && toks[s.hi-1].kind == tokPunct && strings.ContainsRune(".:;,|•·", toks[s.hi-1].ch) {
		s.hi--
	}
	// Remove brackets around the whole citation.
	if s.hi-s.lo > 2 && toks[s.lo].kind == tokPunct && (toks[s.lo].ch == '(' || toks[s.lo].ch == '[') &&
		groupEnd(toks[:s.hi], s.lo) == s.hi {
		s.lo++
		s.hi--
	}
	if s.lo >= s.hi {
		return c
	}
	parts := r.splitParts(l, b, s, where)
	var open []part // parts not yet classified
	for i := range parts {
		if !r.readPart(l, b, &c, parts[i], where, i) {
			open = append(open, parts[i])
		}
	}
	r.assignRest(l, b, &c, open, where)
	if c.url == "" {
		c.url = r.articleURL(b, s, c)
	}
	return c
}

// splitParts splits the span at its separators. It never splits a date, a quotation or a group in brackets.
func (r *Reader) splitParts(l *language, b *block, s span, where setting) []part {
	var parts []part
	toks := b.toks[:s.hi]
	lo, sep := s.lo, rune(0)
	flush := func(hi int, next rune) {
		if hi > lo {
			parts = append(parts, newPart(b, span{lo, hi}, sep))
			sep = next
		} else if next != ',' {
			sep = next
		}
	}
	for i := s.lo; i < s.hi; {
		t := toks[i]
		if i == lo {
			if end, _ := l.date(b.text, toks, i); end > 0 {
				flush(i, 0)
				parts = append(parts, newPart(b, span{i, end}, sep))
				i, lo, sep = end, end, ' '
				continue
			}
			if end := linkedEnd(b, toks, i); end > 0 && end-i < s.hi-s.lo {
				i = end
				if end == s.hi {
					break
				}
				continue
			}
		}
		if where == inByline && i > lo && (l.weekday.has(t.id) || t.upper && l.month(t.id) > 0) {
			if end, _ := l.date(b.text, toks, i); end > 0 {
				flush(i, 0)
				parts = append(parts, newPart(b, span{i, end}, sep))
				i, lo, sep = end, end, ' '
				continue
			}
		}
		if t.kind == tokOpen && (t.ch != '‘' || i == lo) {
			if end := quotedEnd(toks, i); end > 0 {
				if i == lo {
					flush(i, 0)
					parts = append(parts, newPart(b, span{i, end}, sep))
					i, lo, sep = end, end, ' '
				} else {
					i = end
				}
				continue
			}
		}
		if end := groupEnd(toks, i); end > 0 {
			flush(i, '(')
			p := newPart(b, span{i, end}, '(')
			parts = append(parts, p)
			i, lo, sep = end, end, ' '
			continue
		}
		switch {
		case t.kind == tokDash && (t.space || i+1 < s.hi && toks[i+1].space):
			flush(i, '-')
			i++
			lo = i
			continue
		case t.kind == tokPunct && (strings.ContainsRune(",;|•·»", t.ch) || t.ch == '/' && t.space):
			flush(i, t.ch)
			i++
			lo = i
			continue
		}
		i++
	}
	flush(s.hi, 0)
	return parts
}

// newPart returns the part with the tokens of the span.
func newPart(b *block, s span, sep rune) part {
	p := part{span: s, sep: sep, text: b.slice(s)}
	first, last := b.toks[s.lo].start, b.toks[s.hi-1].end
	for _, r := range b.runs {
		if r.start >= last {
			break
		}
		if r.end <= first {
			continue
		}
		switch r.kind {
		case runLink:
			if p.link == "" && r.start >= first-1 {
				p.link = r.value
			} else if p.link == "" {
				p.link = r.value
			}
		case runEmphasis, runCite:
			p.emphasized = p.emphasized || r.start <= first && r.end >= last
		default:
		}
	}
	if b.toks[s.lo].kind == tokOpen && quotedEnd(b.toks[:s.hi], s.lo) == s.hi {
		p.quoted = true
		p.text = unquote(p.text)
	}
	return p
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

// linkedEnd returns the position after the linked or emphasized range of at least two tokens that begins at token i, or
// 0.
func linkedEnd(b *block, toks []token, i int) int {
	for _, r := range b.runs {
		if r.start > toks[i].start {
			return 0
		}
		if r.start == toks[i].start && (r.kind == runLink || r.kind == runEmphasis || r.kind == runCite) {
			if end := tokenEnding(toks, i, r.end); end > i+1 {
				return end
			}
		}
	}
	return 0
}

// readPart classifies part p, which has index i, without considering the other parts, and adds it to c. It reports
// whether p could be classified.
func (r *Reader) readPart(l *language, b *block, c *citation, p part, where setting, i int) bool {
	toks := b.toks[p.lo:p.hi]
	if end, d := l.date(b.text, toks, 0); end == len(toks) {
		if c.date.month == 0 {
			c.date = d
		}
		return true
	}
	if len(toks) == 1 {
		if d, ok := compactDate(p.text); ok {
			c.date = d
			return true
		}
	}
	if p.sep == '(' {
		return r.readGroup(l, b, c, p)
	}
	if _, ok := year(p.text); ok && len(toks) == 1 {
		return true // a year alone is not a date
	}
	if l.isMonthAndYear(b.text, toks) {
		return true // "May 2002" has no day
	}
	if l.isTime(b.text, toks) || l.label.has(toks[0].id) && len(toks) == 1 {
		return true
	}
	if p.quoted {
		if c.headline != "" {
			return false
		}
		c.headline = p.text
		return true
	}
	if end := phraseEnd(l.via, toks); end > 0 && end < len(toks) {
		c.vias = append(c.vias, r.readVias(l, b, viaPhrase{cue: span{p.lo, p.lo + end}, names: span{p.lo + end, p.hi}, cited: true})...)
		return true
	}
	if end := phraseEnd(l.by, toks); end > 0 && end < len(toks) && r.readPeople(l, b, c, span{p.lo + end, p.hi}, where) {
		return true
	}
	for k := 1; k < len(toks)-1; k++ { // a form such as "interviewed by X"
		if l.by.has(toks[k].id) && !toks[k-1].upper && len(toks) < 10 &&
			r.pubs.knownPrefix(toks[l.skipDeterminers(toks, k+1):], true) > 0 {
			if r.readPublication(l, b, c, span{p.lo + k + 1, p.hi}, false) {
				return true
			}
		}
	}
	// The form "H by A".
	for k := len(toks) - 2; k > 0 && where != inByline; k-- {
		if toks[k].kind == tokWord && !toks[k].upper && l.by.has(toks[k].id) && c.headline == "" &&
			(where != inLine || linkedEnd(b, b.toks[:p.hi], p.lo) == p.lo+k) &&
			l.allPeople(toks[k+1:]) && l.personScore(b.text, toks[k+1:]) > 0 {
			c.authors = append(c.authors, l.splitPeople(b.text, toks[k+1:])...)
			c.headline = cleanHeadline(b.slice(span{p.lo, p.lo + k}))
			return true
		}
	}
	// The forms "A in X", "A for X" and "inscription quoted in X".
	for k := len(toks) - 2; k > 0; k-- {
		if toks[k].kind != tokWord || !l.in.has(toks[k].id) || toks[k].upper {
			continue
		}
		people := l.allPeople(toks[:k])
		sure := people && l.surePeople(b.text, toks[:k], false)
		if p.emphasized && !sure {
			people = false // the title of a work: "Birds of America"
		}
		if (people || where == inCredit && len(toks) < 16) &&
			r.readPublication(l, b, c, span{p.lo + k + 1, p.hi}, sure || people && where == inCredit) {
			if people {
				c.authors = append(c.authors, l.splitPeople(b.text, toks[:k])...)
			}
			return true
		}
	}
	// The form "New York Times journalist A".
	for k := 1; k < len(toks)-1; k++ {
		if (l.role.has(toks[k].id) || toks[k].kind == tokPoss) && r.pubs.lookup(b.slice(span{p.lo, p.lo + k})) != nil {
			name := k
			for name < len(toks)-1 && (l.role.has(toks[name].id) || toks[name].kind == tokPoss) {
				name++
			}
			if l.personScore(b.text, toks[name:]) > 0 {
				r.readPublication(l, b, c, span{p.lo, p.lo + k}, false)
				c.authors = append(c.authors, l.splitPeople(b.text, toks[name:])...)
				return true
			}
			break
		}
	}
	if where == inByline && i == 0 {
		return r.readPeople(l, b, c, p.span, where)
	}
	if l.allRoles(toks) {
		return true
	}
	// The forms "Associated Press Writer" and "AP Business Writer".
	for n := 1; n <= l.trailingRoles(toks) && n < len(toks); n++ {
		if r.readPublication(l, b, c, span{p.lo, p.hi - n}, false) {
			return true
		}
	}
	if r.readPublication(l, b, c, p.span, false) {
		return true
	}
	if l.surePeople(b.text, toks, len(c.authors) == 0) {
		c.authors = append(c.authors, l.splitPeople(b.text, toks)...)
		return true
	}
	return false
}

// readGroup adds a part in brackets to c: vias, a publication, or a nested citation.
func (r *Reader) readGroup(l *language, b *block, c *citation, p part) bool {
	in := span{p.lo + 1, p.hi - 1}
	if in.empty() {
		return true
	}
	if end := phraseEnd(l.via, b.toks[in.lo:in.hi]); end > 0 {
		c.vias = append(c.vias, r.readVias(l, b, viaPhrase{cue: span{in.lo, in.lo + end}, names: span{in.lo + end, in.hi}, cited: !c.empty()})...)
		return true
	}
	inner := r.readCitation(l, b, in, inGroup)
	if inner.date.month != 0 && c.date.month == 0 {
		c.date = inner.date
	}
	if inner.pub.name != "" {
		c.addPub(inner.pub)
	}
	if len(inner.authors) > 0 && len(c.authors) == 0 {
		c.authors = inner.authors
	}
	if inner.headline != "" && c.headline == "" {
		c.headline = inner.headline
	}
	c.vias = append(c.vias, inner.vias...)
	c.guessed = c.guessed || inner.guessed
	return true
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

// readPublication adds the text of the span to c if it is a publication: a known name, a host name, a name with a word
// typical of publications, or a linked name that is part of the host. If loose is set, any name is accepted.
func (r *Reader) readPublication(l *language, b *block, c *citation, s span, loose bool) bool {
	if s.empty() || s.hi-s.lo > 9 {
		return false
	}
	text := b.slice(s)
	p := r.publisherOf(l, text)
	link := b.linkIn(s)
	sure := p.known != nil && r.coversName(l, b, s)
	if !sure && p.known != nil {
		p = publisher{name: p.name}
	}
	toks := b.toks[s.lo:s.hi]
	k := l.skipDeterminers(toks, 0)
	named := k < len(toks) && nameStart(l, toks, k) && l.nameEnd(toks, k) == len(toks)
	switch {
	case sure:
	case !named:
		return false
	case isDomain(text), l.looksLikePub(b.text, toks), loose, hostNamed(link, p.name):
	default:
		return false
	}
	c.addPub(p)
	return true
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
func hostNamed(link, name string) bool {
	h := hostOf(link)
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

// readPeople adds the people named in the span to c, without the place or role that follows them in a byline: "A, B and
// C in Washington", "A of the Post". It reports whether it found any.
func (r *Reader) readPeople(l *language, b *block, c *citation, s span, where setting) bool {
	toks := b.toks[s.lo:s.hi]
	// A place or a publication follows the names.
	for k := 1; k < len(toks)-1; k++ {
		if toks[k].kind != tokWord || toks[k].upper || !l.in.has(toks[k].id) || !l.allPeople(toks[:k]) {
			continue
		}
		c.authors = append(c.authors, l.splitPeople(b.text, toks[:k])...)
		return true
	}
	if r.readPublication(l, b, c, s, false) && where == inByline {
		return true // "By Associated Press": the agency, not a person
	}
	if n := l.trailingRoles(toks); n > 0 {
		if n < len(toks) && l.corporate.has(toks[len(toks)-1].id) {
			// "By DAILY MAIL REPORTER" is a byline without a person; it is kept unchanged.
			c.authors = append(c.authors, b.slice(s))
			return true
		}
		toks = toks[:len(toks)-n]
	}
	if len(toks) > 0 && l.allPeople(toks) {
		c.authors = append(c.authors, l.splitPeople(b.text, toks)...)
		return true
	}
	return false
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

// assignRest classifies the open parts according to which fields of the citation are still empty.
func (r *Reader) assignRest(l *language, b *block, c *citation, open []part, where setting) {
	if len(open) == 0 {
		return
	}
	// In a page title, the publication follows the headline after the last dash or bar.
	if last := open[len(open)-1]; c.pub.name == "" && len(open) > 1 && strings.ContainsRune("-|•·(»", last.sep) &&
		last.hi-last.lo <= 5 && r.isCapitalized(l, b, last) && where != inByline {
		if where != inLine || l.personScore(b.text, b.toks[last.lo:last.hi]) < 2 {
			c.pub = r.publisherOf(l, last.text)
			c.guessed = true
			open = open[:len(open)-1]
		}
	}
	for len(open) > 0 {
		p := open[0]
		name := r.isCapitalized(l, b, p) && p.hi-p.lo <= 4
		person := l.personScore(b.text, b.toks[p.lo:p.hi])
		switch {
		case name && where == inGroup && c.pub.name == "" && len(open) == 1:
			c.pub = r.publisherOf(l, p.text)
			c.guessed = true
		case name && where == inSource && c.pub.name == "" && person < 2 && len(open) == 1:
			c.pub = r.publisherOf(l, p.text)
			c.guessed = true
		case p.link != "" && person < 2 && p.hi-p.lo > 1 && c.headline == "" && c.pub.name != "" &&
			articleOnly(p.link) != "" && where != inByline,
			p.emphasized && person < 2 && c.headline == "" && c.pub.name != "" && where == inCredit:
			c.headline = cleanHeadline(p.text)
			if c.url == "" {
				c.url = articleOnly(p.link)
			}
		case name && person > 0 && len(c.authors) == 0 &&
			(where == inCredit || where == inByline || where == inLine && c.pub.name != "") &&
			!(p.link != "" && person < 2 && c.pub.name == "" && len(open) == 1):
			c.authors = l.splitPeople(b.text, b.toks[p.lo:p.hi])
			c.guessed = c.guessed || person < 2
		case name && where == inCredit && len(c.authors) == 0 && c.pub.name == "" && p.link == "" && p.hi-p.lo == 1 &&
			len(open) == 1:
			c.authors = []string{p.text} // a single word, as in "— Voltaire"
			c.guessed = true
		case name && c.pub.name == "" && (where == inCredit || where == inSource) &&
			(p.link != "" || c.headline != "" || p.emphasized && len(open) == 1) &&
			len(c.authors)+len(open) > 0 && !(len(c.authors) > 0 && c.headline == "" && p.link == ""):
			c.pub = r.publisherOf(l, p.text)
			c.guessed = true
		case c.headline == "" && where != inByline:
			// The rest is the headline, including the parts that its own commas and dashes separated. The deck follows
			// a semicolon.
			n := 1
			for n < len(open) && open[n].lo <= open[n-1].hi+1 && open[n].sep != ';' && open[n].sep != '|' && open[n].sep != '(' {
				n++
			}
			c.headline = cleanHeadline(b.slice(span{p.lo, open[n-1].hi}))
			if open[n-1].link != "" && c.url == "" {
				c.url = articleOnly(open[n-1].link)
			}
			open = open[n-1:]
		default:
			c.leftover = true
		}
		open = open[1:]
	}
}

// isCapitalized reports whether the whole part is a run of capitalized words.
func (r *Reader) isCapitalized(l *language, b *block, p part) bool {
	toks := b.toks[p.lo:p.hi]
	k := l.skipDeterminers(toks, 0)
	return k < len(toks) && nameStart(l, toks, k) && l.nameEnd(toks, k) == len(toks)
}

// cleanHeadline removes the quotation marks around a headline and the comma or period after it.
func cleanHeadline(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ",;:| ")
	if strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "..") && strings.Count(s, ".") == 1 {
		s = s[:len(s)-1]
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
	best, score := "", 0
	for _, l := range b.runs {
		if l.kind != runLink || l.start >= last || l.end <= first {
			continue
		}
		text := b.text[l.start:l.end]
		n := 0
		u := articleOnly(l.value)
		switch {
		case u == "":
			continue
		case c.headline != "" && strings.Contains(text, c.headline):
			n = 5
		case c.pub.name != "" && strings.Contains(text, c.pub.name):
			n = 4
		case len(c.authors) > 0 && text == c.authors[0]:
			n = 2
		case len(c.vias) > 0 && hasViaURL(c.vias, l.value):
			continue
		default:
			n = 3
		}
		if n > score {
			best, score = u, n
		}
	}
	return best
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
