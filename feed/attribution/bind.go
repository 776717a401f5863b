package attribution

import (
	"slices"
	"strings"

	"feedpub/feed"
)

// reading is a post being read.
type reading struct {
	r   *Reader
	l   *language
	doc *document

	title    int // the block that is the title, or -1
	heading  string
	titleURL string // of the link beside the title, if it leads to another site
	by       string
	postedOn date

	found   []*source
	mention *source // named in the prose; the next passage without a credit of its own is taken to be from it
	last    *source // the last one that has a passage
	vias    []feed.Via
	// comments counts the blocks that are commentary so far.
	comments int
	final    int         // the last block of prose
	tried    []*analysis // by block
	m        matcher
}

// source is a credit, joined with its passage as far as there is one.
type source struct {
	citation
	convention string
	weight     float64
	kind       Kind
	passages   []string // paragraphs of the passage, in order
	blocks     []int    // those wholly in the passage
	credit     []int    // those that hold the credit
	at         int      // the first block of it all, for the order
	inline     bool
	marked     bool    // the passage is marked: a quotation element or quotation marks
	byline     bool    // a headline or byline stands with it
	linked     bool    // the credit is a link or emphasised
	sentence   bool    // the credit is a whole line
	listed     bool    // among those found
	parent     *source // of a nested quotation
	joins      *source // whose passage this one goes on with
}

// analysis is what the clauses of a block say.
type analysis struct {
	lead, inline, mention, tail, back, summary *match
	private                                    bool // the lead names a private person, or the blog itself
	after                                      span // the tokens after the lead
	before                                     span // and before it
	// The block read as a credit of what stands before it; nil if that was not tried.
	line *citation
	sure float64
}

func (rd *reading) matcher(b *block) *matcher {
	rd.m.r, rd.m.l, rd.m.b, rd.m.toks, rd.m.names = rd.r, rd.l, b, b.toks, rd.names
	return &rd.m
}

// analyse searches the clauses of block i for credits. The result is kept.
func (rd *reading) analyse(i int) *analysis {
	if rd.tried[i] != nil {
		return rd.tried[i]
	}
	a := &analysis{}
	rd.tried[i] = a
	b := rd.doc.blocks[i]
	if b.code || len(b.toks) == 0 {
		return a
	}
	x := rd.matcher(b)
	rd.r.clauses(rd.l, b.text, b.toks, func(s span) bool {
		m := x.best(s)
		if m == nil {
			return true
		}
		switch m.rule.place {
		case placeLead, placeBack, placeLetter, placeSelf:
			// A credit without a publication has to begin a line, end a paragraph, or stand before quotation marks; within a
			// paragraph it is more likely speech that is reported.
			weak := m.pub.empty() && m.rule.place == placeLead
			followed := s.hi < len(b.toks)
			if a.lead != nil || weak && followed && b.toks[s.hi].kind != tokOpen {
				return true
			}
			a.lead, a.before, a.after = m, span{0, s.lo}, span{s.hi, len(b.toks)}
			a.private = m.rule.place == placeLetter || m.rule.place == placeSelf
			if m.rule.place == placeBack {
				a.back = m
			}
		case placeTail:
			if s.hi == len(b.toks) || rd.onlyGroups(b, s.hi) {
				a.tail = m
			}
		case placeInline:
			if a.inline == nil {
				a.inline = m
			}
		case placeMention:
			a.mention = m
		case placeSummary:
			if a.summary == nil {
				a.summary = m
			}
		default:
		}
		return true
	})
	return a
}

// onlyGroups reports whether only brackets stand after token k.
func (rd *reading) onlyGroups(b *block, k int) bool {
	for k < len(b.toks) {
		end := groupEnd(b.toks, k)
		if end == 0 {
			return false
		}
		k = end
	}
	return true
}

// names reports whether what the match found in its slots can be what it should be: a publication that is not a
// month, a place or a common word, persons that look like persons.
func (rd *reading) names(b *block, m *match) bool {
	if !m.pub.empty() {
		p := rd.r.publisherOf(rd.l, b.slice(m.pub))
		if p.known == nil && rd.unlikely(b, m, p) {
			return false
		}
	}
	if !m.head.empty() && m.rule.convention == "1b" && !b.toks[m.head.lo].upper && b.toks[m.head.lo].kind == tokWord {
		return false
	}
	if !m.who.empty() && m.rule.convention != "13" {
		sure := 0
		for _, n := range splitSpans(rd.l, b, m.who) {
			if rd.r.pubs.lookup(b.slice(n)) != nil {
				return false
			}
			p := rd.l.plausiblePerson(b.text, b.toks[n.lo:n.hi])
			// A word that is in the lexicon for something else is hardly a surname.
			if p == 0 && (n.hi-n.lo > 1 || rd.l.known(b.toks[n.lo].id)) {
				return false
			}
			sure += p
		}
		if m.pub.empty() && sure == 0 {
			return false
		}
	}
	return true
}

// splitSpans cuts a list of persons into the spans of the single names.
func splitSpans(l *language, b *block, s span) []span {
	var out []span
	lo := s.lo
	for k := s.lo; k <= s.hi; k++ {
		if k == s.hi || b.toks[k].kind == tokPunct && (b.toks[k].ch == ',' || b.toks[k].ch == '&') || l.and.has(b.toks[k].id) || l.with.has(b.toks[k].id) {
			for lo < k && l.honorific.has(b.toks[lo].id) {
				lo++
			}
			if k > lo {
				out = append(out, span{lo, k})
			}
			lo = k + 1
		}
	}
	return out
}

// unlikely reports whether an unknown name in a PUB slot is more likely something else.
func (rd *reading) unlikely(b *block, m *match, p publisher) bool {
	toks := b.toks[m.pub.lo:m.pub.hi]
	k := rd.l.skipDeterminers(toks, 0)
	toks = toks[k:]
	if len(toks) == 0 {
		return true
	}
	linked := b.linkIn(m.pub) != "" || b.emphasised(m.pub)
	t := toks[0]
	if _, month := rd.l.months[t.id]; month || rd.l.weekday.has(t.id) || t.digit && len(toks) == 1 {
		return true
	}
	if (rd.l.notName.has(t.id) || rd.l.stop.has(t.id)) && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	if len(toks) == 1 && (rd.l.place.has(t.id) || rd.l.epithet.has(t.id) || rd.l.given.has(t.id) && !linked) {
		return true
	}
	// Two capitalised words with a given name are a person, unless they link elsewhere.
	if m.who.empty() && !linked && rd.l.plausiblePerson(b.text, toks) == 2 && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	// Where the name is all there is, or the subject of the sentence, it is as likely a person's.
	if m.who.empty() && k == 0 && !hostNamed(b.linkIn(m.pub), p.name) && !rd.l.looksLikePub(b.text, toks) {
		person := rd.l.plausiblePerson(b.text, toks)
		subject := m.pub.lo == 0 || !rd.l.at.has(b.toks[m.pub.lo-1].id) || rd.l.by.has(b.toks[m.pub.lo-1].id)
		if person == 2 || person == 1 && subject || rd.l.allPeople(rd.r, b.text, toks) && hasAnd(rd.l, toks) {
			return true
		}
	}
	// "Krugman writes", but "Engadget reports"
	if next := m.pub.hi; (m.rule.convention == "3" || m.rule.convention == "7" && m.pub.lo == 0) && len(toks) == 1 && k == 0 && !linked && !isDomain(p.name) &&
		next < len(b.toks) && !rd.l.class("report").has(b.toks[next].id) && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	return m.rule.convention == "2" && !linked && !isDomain(p.name) && !rd.l.looksLikePub(b.text, toks)
}

func hasAnd(l *language, toks []token) bool {
	return slices.ContainsFunc(toks, func(t token) bool { return l.and.has(t.id) })
}

// emphasised reports whether the stretch, determiners aside, is set in italics or the like.
func (b *block) emphasised(s span) bool {
	last := b.toks[s.hi-1].end
	for _, r := range b.runs {
		if (r.kind == runEmphasis || r.kind == runCite) && r.end == last && r.start >= b.toks[s.lo].start {
			return true
		}
	}
	return false
}

// bind goes through the post once and joins credits with passages.
func (rd *reading) bind() {
	rd.final = rd.finalBlock()
	for i := 0; i < len(rd.doc.blocks); {
		b := rd.doc.blocks[i]
		switch {
		case b.role != "":
			i++
		case b.quotation != nil:
			i = rd.bindQuotation(outermost(b.quotation), nil)
		default:
			i = rd.bindBlock(i)
		}
	}
}

func outermost(q *quotation) *quotation {
	for q.parent != nil {
		q = q.parent
	}
	return q
}

// bindBlock reads the block i outside of quotation elements and returns where to go on.
func (rd *reading) bindBlock(i int) int {
	b := rd.doc.blocks[i]
	if rd.viaLine(b) {
		rd.mark(b, ViaLine)
		return i + 1
	}
	if next, ok := rd.bindTail(i); ok {
		return next
	}
	a := rd.analyse(i)
	switch {
	case a.lead != nil:
		return rd.bindLead(i, a)
	case a.inline != nil:
		rd.bindInline(i, a.inline)
		return i + 1
	}
	if rd.saysInQuotes(b) && a.tail == nil && rd.bindTrailing(i) {
		return i + 1
	}
	if next, ok := rd.bindCitation(i); ok {
		return next
	}
	if next, ok := rd.bindDateline(i); ok {
		return next
	}
	if a.tail != nil && rd.bindTailWithin(i, a.tail) {
		return i + 1
	}
	if a.tail == nil && rd.bindTrailing(i) {
		return i + 1
	}
	if a.mention != nil {
		rd.mention = rd.newSource(i, a.mention)
	}
	if a.summary != nil {
		s := rd.newSource(i, a.summary)
		s.kind = Summary
		rd.add(s)
	}
	rd.prose(i)
	// A paragraph that ends in a colon and names nobody leads in a passage of the source named before.
	if (rd.mention != nil || rd.last != nil) && rd.leadsIn(i) {
		s := rd.mention
		if s == nil {
			s = rd.last
		}
		if next := rd.nextText(i + 1); next < len(rd.doc.blocks) && rd.doc.blocks[next].quotation == nil && !rd.doc.blocks[next].list {
			rd.mention = nil
			return rd.bindText(next, s)
		}
	}
	return i + 1
}

// saysInQuotes reports whether the block begins with a quotation rather than with a headline in quotation marks: it is
// long, or ends like a sentence.
func (rd *reading) saysInQuotes(b *block) bool {
	end := quotedEnd(b.toks, 0)
	if end < 3 {
		return false
	}
	before := b.toks[end-2]
	return end > 16 || before.kind == tokDots || before.kind == tokPunct && strings.ContainsRune(".!?", before.ch) ||
		end < len(b.toks) && b.toks[end].kind == tokPunct && b.toks[end].ch == '('
}

// mark gives a block its role.
func (rd *reading) mark(b *block, role Role) {
	if b.role == Commentary {
		rd.comments--
	}
	if role == Commentary {
		rd.comments++
	}
	b.role = role
}

// prose makes the block commentary, and reads the vias at its end.
func (rd *reading) prose(i int) {
	b := rd.doc.blocks[i]
	rd.mark(b, Commentary)
	rd.trailingVia(b, span{0, len(b.toks)})
}

// leadsIn reports whether the block announces something: it ends in a colon, or in dots after the mention of a source.
func (rd *reading) leadsIn(i int) bool {
	b := rd.doc.blocks[i]
	n := len(b.toks)
	if n == 0 {
		return false
	}
	t := b.toks[n-1]
	return t.kind == tokPunct && t.ch == ':' || rd.mention != nil && rd.mention.at == i && t.kind == tokDots
}

// nextText returns the next block that is neither noise nor a caption.
func (rd *reading) nextText(i int) int {
	for i < len(rd.doc.blocks) {
		switch rd.doc.blocks[i].role {
		case Noise, Caption, Code:
			i++
		default:
			return i
		}
	}
	return i
}

// newSource reads the slots of a match.
func (rd *reading) newSource(i int, m *match) *source {
	b := rd.doc.blocks[i]
	s := &source{convention: m.rule.convention, weight: m.rule.weight, kind: Excerpt, at: i, credit: []int{i}}
	if !m.pub.empty() {
		s.pub = rd.r.publisherOf(rd.l, b.slice(m.pub))
		s.linked = b.linkIn(m.pub) != "" || b.emphasised(m.pub)
		rd.linkedHeadline(s, b, m.pub)
	}
	if !m.who.empty() {
		s.who = rd.l.people(b.text, b.toks[m.who.lo:m.who.hi])
	}
	if !m.head.empty() {
		s.head = headline(b.slice(m.head))
	}
	if !m.when.empty() {
		s.date = rd.dateIn(b, m.when, date{})
	}
	for _, g := range m.cites {
		in := span{g.lo + 1, g.hi - 1}
		if in.empty() {
			continue
		}
		c := rd.r.cite(rd.l, b, in, inGroup)
		switch {
		case len(c.vias) > 0:
			rd.addVias(c.vias)
		case s.pub.name == "" && m.rule.convention != "8" && c.pub.name != "":
			// "A (Hacker News):" names where A was found.
			rd.addVias(rd.r.vias(rd.l, b, in))
		default:
			if c.pub.name != "" && s.pub.name == "" {
				s.pub = c.pub
			}
			if c.head != "" && s.head == "" {
				s.head = c.head
			}
			if len(c.who) > 0 && len(s.who) == 0 {
				s.who = c.who
			}
			if c.date.month != 0 {
				s.date = c.date
			}
		}
	}
	probe := s.citation
	probe.vias = rd.vias // their links are not the article
	s.url = rd.r.articleURL(b, m.clause, probe)
	if m.rule.convention == "17" && !m.name.empty() {
		rd.addVias([]feed.Via{{Name: b.slice(m.name), URL: b.linkIn(m.name)}})
		if s.url == b.linkIn(m.name) {
			s.url = articleOnly(b.linkIn(m.pub))
		}
	}
	if m.rule.convention == "14" {
		s.head = headline(strings.TrimLeft(strings.TrimPrefix(rd.heading, b.slice(m.who)), ": "))
	}
	if s.url == "" && rd.titleURL != "" && m.rule.convention == "13" {
		s.url = rd.titleURL
	}
	s.sentence = m.clause.lo == 0
	return s
}

// linkedHeadline is for a link in the place of the publication whose text is the headline: "from [H]:". The address
// tells the publication.
func (rd *reading) linkedHeadline(s *source, b *block, at span) {
	u := articleOnly(b.linkIn(at))
	if s.pub.known != nil || u == "" || at.hi-at.lo < 3 || hostNamed(u, s.pub.name) {
		return
	}
	if e := rd.r.pubs.host(u); e != nil || at.hi-at.lo >= 5 {
		s.head = headline(b.slice(at))
		s.pub = rd.pubOfHost(u)
	}
}

func (rd *reading) add(s *source) {
	rd.found = append(rd.found, s)
}

// maxVias bounds the vias of a post.
const maxVias = 50

func (rd *reading) addVias(vias []feed.Via) {
next:
	for _, v := range vias {
		if v.Name == "" {
			continue
		}
		if len(rd.vias) == maxVias {
			return
		}
		for _, old := range rd.vias {
			if old.Name == v.Name {
				continue next
			}
		}
		rd.vias = append(rd.vias, v)
	}
}

// bindLead joins the lead of block i with what follows it, in the block or after it.
func (rd *reading) bindLead(i int, a *analysis) int {
	b := rd.doc.blocks[i]
	var s *source
	switch {
	case a.back != nil:
		s = cmpSource(rd.mention, rd.last)
		if a.mention != nil {
			s = rd.newSource(i, a.mention)
		}
		if s == nil && a.lead.rule.convention == "13" {
			s = rd.titleSource()
		}
	case a.private:
		s = nil
	default:
		s = rd.newSource(i, a.lead)
	}
	// What stands before the credit in the block is the blogger's.
	if !a.before.empty() {
		b.own = append(b.own, b.slice(a.before))
		if own := rd.mentionIn(i, a.before); own != nil && s != nil && s.pub.name == "" && len(s.who) == 0 {
			s.citation = own.citation
		}
	}
	if s == nil {
		rd.prose(i)
		if a.private {
			return rd.skipPassage(i, a)
		}
		return i + 1
	}
	rest := a.after
	for rest.lo < rest.hi {
		end := groupEnd(b.toks, rest.lo)
		if end == 0 {
			break
		}
		c := rd.r.cite(rd.l, b, span{rest.lo, end}, inGroup)
		if len(c.vias) == 0 {
			break
		}
		rd.addVias(c.vias)
		rest.lo = end
	}
	rd.mention = nil
	if rest.empty() {
		rd.mark(b, Credit)
		if len(b.own) > 0 || a.back != nil && a.lead.rule.convention != "13" {
			// The whole paragraph is the blogger's, with the credit at its end.
			rd.mark(b, Commentary)
			b.own = nil
		}
		return rd.bindFollowing(i+1, s)
	}
	return rd.bindRunIn(i, rest, s)
}

func cmpSource(a, b *source) *source {
	if a != nil {
		return a
	}
	return b
}

// mentionIn is for a lead that names nobody at the end of a paragraph that did.
func (rd *reading) mentionIn(i int, _ span) *source {
	if m := rd.analyse(i).mention; m != nil {
		return rd.newSource(i, m)
	}
	return nil
}

// skipPassage steps over the passage of a private person or of the blog itself, which is no quote.
func (rd *reading) skipPassage(i int, a *analysis) int {
	next := rd.nextText(i + 1)
	if !a.after.empty() || next >= len(rd.doc.blocks) {
		return i + 1
	}
	if q := rd.doc.blocks[next].quotation; q != nil {
		o := outermost(q)
		for _, k := range o.blocks {
			rd.mark(rd.doc.blocks[k], Uncredited)
		}
		return o.blocks[len(o.blocks)-1] + 1
	}
	return i + 1
}

// bindFollowing joins a credit that ends before block i with the passage that begins there: headline, byline and date
// first, if there are any, then a quotation element, or text as far as its voice goes.
func (rd *reading) bindFollowing(i int, s *source) int {
	i = rd.header(rd.nextText(i), s)
	i = rd.nextText(i)
	if i >= len(rd.doc.blocks) || rd.doc.blocks[i].role == Footer || rd.doc.blocks[i].role == Posted {
		if s.head != "" && s.pub.name != "" {
			s.kind = HeadlineOnly
			rd.add(s)
		}
		return i
	}
	if q := rd.doc.blocks[i].quotation; q != nil {
		return rd.bindQuotation(outermost(q), s)
	}
	return rd.bindText(i, s)
}

// header reads the lines between a credit and its passage: the headline, the byline, the date and a deck.
func (rd *reading) header(i int, s *source) int {
	for n := 0; n < 4 && i < len(rd.doc.blocks); n++ {
		b := rd.doc.blocks[i]
		if b.role == Noise && n > 0 {
			i++
			continue
		}
		if b.role != "" && b.role != Posted || b.list || b.credit {
			return i
		}
		inside := b.quotation != nil
		switch {
		case rd.byline(i, s):
		case rd.dateLine(b, s):
		case s.head == "" && n < 2 && rd.headlineLine(i, inside):
			s.head = headline(b.text)
			if u := b.linkIn(span{0, len(b.toks)}); u != "" && s.url == "" {
				s.url = articleOnly(u)
			}
		default:
			return i
		}
		s.byline = true
		s.credit = append(s.credit, i)
		rd.mark(b, Credit)
		i = rd.nextText(i + 1)
	}
	return i
}

// byline reads a line such as "By A, B and C in Washington | June 16, 2014".
func (rd *reading) byline(i int, s *source) bool {
	b := rd.doc.blocks[i]
	if len(b.toks) < 2 || len(b.toks) > 40 {
		return false
	}
	end := firstEnd(rd.l.by, b.toks)
	if end == 0 || end >= len(b.toks) || !b.toks[end].upper || !b.toks[0].upper {
		return false
	}
	c := rd.r.cite(rd.l, b, span{end, len(b.toks)}, inByline)
	if len(c.who) == 0 && c.pub.name == "" || c.head != "" {
		return false
	}
	if c.deck && strings.HasSuffix(b.text, ".") {
		return false
	}
	s.take(c)
	return true
}

// take adds what a second credit line says.
func (s *source) take(c citation) {
	if len(s.who) == 0 {
		s.who = c.who
	}
	if s.date.year == 0 && c.date.month != 0 {
		s.date = c.date
	}
	if s.head == "" {
		s.head = c.head
	}
	switch {
	case c.pub.name == "":
	case s.pub.name == "":
		s.pub = c.pub
	case c.pub.known != nil && c.pub.known.Agency && c.pub.known != s.pub.known:
		s.agencies = append(s.agencies, c.pub.name) // "From the Guardian:", "By A, Associated Press"
	}
	s.agencies = append(s.agencies, c.agencies...)
	if s.url == "" {
		s.url = c.url
	}
}

// dateLine reads a line that holds only a date or a time.
func (rd *reading) dateLine(b *block, s *source) bool {
	if len(b.toks) > 14 {
		return false
	}
	lo := 0
	for lo < len(b.toks) && (rd.l.timeWord.has(b.toks[lo].id) || b.toks[lo].kind == tokPunct || clock(b.text[b.toks[lo].start:b.toks[lo].end])) {
		lo++
	}
	if end, d := rd.l.date(b.text, b.toks, lo); end > 0 && end == len(b.toks) {
		if s.date.year == 0 {
			s.date = d
		}
		return true
	}
	return rd.l.timeOnly(b.text, b.toks)
}

// headlineLine reports whether block i is a headline above a passage: short, without a full stop, and before something
// longer, a byline or a date.
func (rd *reading) headlineLine(i int, inside bool) bool {
	b := rd.doc.blocks[i]
	n := len(b.toks)
	if n < 2 || n > 45 || len(b.text) > 260 || rd.next(i) < 0 {
		return false
	}
	next := rd.doc.blocks[rd.next(i)]
	if next.quotation != b.quotation && !inside && next.quotation == nil {
		return false
	}
	last := b.toks[n-1]
	if last.kind == tokDots || last.kind == tokPunct && strings.ContainsRune(".:,;", last.ch) {
		return false
	}
	if last.kind == tokPunct && n > 3 && b.toks[n-2].kind == tokDots { // "[...]"
		return false
	}
	if b.toks[0].kind == tokDots {
		return false
	}
	if last.kind == tokClose && n > 1 && b.toks[n-2].kind == tokPunct && b.toks[n-2].ch == '.' {
		return false
	}
	var probe source
	below := rd.byline(rd.next(i), &probe) || rd.dateLine(next, &probe)
	if below || isHeading(b.elem) || b.wholly(runBold) || b.wholly(runLink) {
		return true
	}
	if inside {
		return false
	}
	return len(next.text) > len(b.text) || next.quotation != nil || len(next.text) > 60
}

// next returns the block after i that is not noise, or -1.
func (rd *reading) next(i int) int {
	if n := rd.nextText(i + 1); n < len(rd.doc.blocks) && rd.doc.blocks[n].role != Footer && rd.doc.blocks[n].role != Posted {
		return n
	}
	return -1
}

// wholly reports whether all of the block is marked so.
func (b *block) wholly(kind runKind) bool {
	for _, r := range b.runs {
		if r.kind == kind && r.start == 0 && r.end >= len(strings.TrimRight(b.text, ".:!? ")) {
			return true
		}
	}
	return false
}

// bindText takes the passage of s from the blocks at i on, as far as the voice goes that speaks there.
func (rd *reading) bindText(i int, s *source) int {
	end := rd.limit(i)
	if marked := rd.quotedBlocks(i, end); marked > i {
		s.marked = true
		rd.takeBlocks(s, i, marked)
		rd.commit(s)
		return marked
	}
	var at []int
	var voices []voice
	for k := i; k < end; k++ {
		b := rd.doc.blocks[k]
		if b.role != "" || isElision(b) {
			continue
		}
		at = append(at, k)
		voices = append(voices, rd.voiceOf(b, k == rd.final))
	}
	cost := costComment
	if (s.convention == "9" || s.convention == "11") && rd.comments == 0 {
		cost = costWhole
	}
	quoted := speakers(voices, cost)
	next := end
	for n, k := range at {
		b := rd.doc.blocks[k]
		if quoted[n] {
			rd.takeBlocks(s, k, k+1)
		} else if rd.viaLine(b) {
			rd.mark(b, ViaLine)
		} else {
			rd.prose(k)
		}
	}
	for k := i; k < end; k++ {
		if b := rd.doc.blocks[k]; b.role == "" {
			rd.mark(b, Note) // what was left out, within the passage
		}
	}
	rd.commit(s)
	return next
}

// voiceOf reads the voice of a block, without the notes and link labels at its end.
func (rd *reading) voiceOf(b *block, last bool) voice {
	s := span{0, len(b.toks)}
	for s.hi > 1 {
		cut := rd.tailNoise(b, s)
		if cut == 0 {
			break
		}
		s.hi -= cut
	}
	return rd.l.voiceOf(b.text, b.toks[:s.hi], last)
}

// maxPassage bounds the blocks of a passage in text. Nobody quotes at such length, and looking for the end of a
// passage must not take the whole of a huge post again and again.
const maxPassage = 500

// limit returns where at the latest a passage in text that begins at block i ends: before the next quotation element,
// credit or footer.
func (rd *reading) limit(i int) int {
	end := min(len(rd.doc.blocks), i+maxPassage)
	for k := i; k < end; k++ {
		b := rd.doc.blocks[k]
		if b.quotation != nil || b.role == Footer || b.role == Posted || b.role == Title || b.role == Credit {
			return k
		}
		if b.role != "" || k == i {
			continue
		}
		if isHeading(b.elem) || rd.startsCredit(k) {
			return k
		}
	}
	return end
}

// startsCredit reports whether block k, met within a passage, is a credit of its own rather than reported speech.
func (rd *reading) startsCredit(k int) bool {
	b := rd.doc.blocks[k]
	if rd.viaLine(b) || rd.isTail(k) {
		return true
	}
	a := rd.analyse(k)
	if a.lead == nil || a.private {
		return a.tail != nil
	}
	if a.back != nil {
		return a.after.empty()
	}
	if a.lead.pub.empty() {
		return a.before.empty() && a.after.empty()
	}
	known := rd.r.publisherOf(rd.l, b.slice(a.lead.pub)).known != nil
	return a.before.empty() && a.after.empty() || known && (a.after.empty() || a.before.empty())
}

// finalBlock returns the last block of prose.
func (rd *reading) finalBlock() int {
	for k := len(rd.doc.blocks) - 1; k >= 0; k-- {
		if b := rd.doc.blocks[k]; b.role == "" && !rd.viaLine(b) {
			return k
		}
	}
	return -1
}

// quotedBlocks returns the end of the passage that begins at block i if it stands in quotation marks, each block of it
// or the whole; else i.
func (rd *reading) quotedBlocks(i, end int) int {
	k := i
	open := rd.doc.blocks[i].toks[0]
	if open.kind != tokOpen {
		return i
	}
	for k < end {
		b := rd.doc.blocks[k]
		if b.role != "" || len(b.toks) == 0 {
			k++
			continue
		}
		n := len(b.toks)
		for n > 1 && (b.toks[n-1].kind == tokDots || b.toks[n-1].kind == tokPunct) {
			n--
		}
		last := b.toks[n-1]
		ends := last.kind == tokClose && closes(open.ch, last.ch)
		begins := b.toks[0].kind == tokOpen && b.toks[0].ch == open.ch
		inner := 0
		if begins {
			inner = quotedEnd(b.toks[:n], 0)
		}
		switch {
		case begins && inner > 0 && inner < n:
			// “We know,” he said: speech at the beginning of a paragraph, not a passage in marks.
			return i
		case ends:
			// Every paragraph may have its own pair.
			if k+1 < end && rd.doc.blocks[k+1].role == "" && rd.doc.blocks[k+1].toks[0].kind == tokOpen &&
				rd.doc.blocks[k+1].toks[0].ch == open.ch {
				k++
				continue
			}
			return k + 1
		}
		k++
	}
	return i
}

// takeBlocks makes the blocks of [i, end) passage of s.
func (rd *reading) takeBlocks(s *source, i, end int) {
	for k := i; k < end; k++ {
		b := rd.doc.blocks[k]
		if b.role != "" && b.role != Code {
			continue
		}
		if isElision(b) {
			rd.mark(b, Note)
			continue
		}
		text, whole := rd.passageText(b, span{0, len(b.toks)})
		if text == "" {
			rd.mark(b, Note)
			continue
		}
		rd.mark(b, Passage)
		s.passages = append(s.passages, text)
		if whole {
			s.blocks = append(s.blocks, k)
		} else {
			s.inline = true
			s.credit = append(s.credit, k)
		}
	}
}

// passageText returns the quoted text of the tokens without what bloggers put at the end of a passage: notes, link
// labels and vias. whole says that nothing, or only a note, was cut.
func (rd *reading) passageText(b *block, s span) (text string, whole bool) {
	whole = s.lo == 0 && s.hi == len(b.toks)
	for s.lo < s.hi {
		cut := rd.tailNoise(b, s)
		if cut == 0 {
			break
		}
		note := b.toks[s.hi-cut].kind == tokPunct
		s.hi -= cut
		whole = whole && note
	}
	return b.slice(s), whole
}

// tailNoise returns how many tokens at the end of the stretch are not part of a passage.
func (rd *reading) tailNoise(b *block, s span) int {
	// "[Emphasis added]", "(via X)"
	for k := s.hi - 1; k > s.lo && k > s.hi-16; k-- {
		if t := b.toks[k]; t.kind == tokPunct && (t.ch == '[' || t.ch == '(') {
			end := groupEnd(b.toks[:s.hi], k)
			rest := s.hi - end
			if end == 0 || rest > 1 || rest == 1 && b.toks[end].kind != tokPunct {
				break
			}
			if firstEnd(rd.l.via, b.toks[k+1:end-1]) > 0 {
				rd.addVias(rd.r.cite(rd.l, b, span{k, end}, inGroup).vias)
				return s.hi - k
			}
			for _, t := range b.toks[k:end] {
				if rd.l.note.has(t.id) {
					return s.hi - k
				}
			}
			break
		}
	}
	// "Read more."
	var buf [4]int
	for k := s.hi - 1; k > s.lo && k > s.hi-7; k-- {
		if p := b.toks[k-1]; p.kind == tokWord {
			continue
		}
		for _, end := range rd.l.more.ends(b.toks[:s.hi], k, buf[:0]) {
			for end < s.hi && b.toks[end].kind != tokWord {
				end++
			}
			if end == s.hi {
				return s.hi - k
			}
		}
	}
	return 0
}

// commit adds the source once its passage is complete.
func (rd *reading) commit(s *source) {
	if len(s.passages) > 0 && !s.listed {
		s.listed = true
		rd.add(s)
		rd.last = s
		rd.mention = nil
	}
}

// bindRunIn takes the passage that follows its credit within block i.
func (rd *reading) bindRunIn(i int, rest span, s *source) int {
	b := rd.doc.blocks[i]
	rd.mark(b, Passage)
	s.inline = true
	if b.toks[rest.lo].kind == tokOpen {
		if end := rd.closingQuote(b, rest); end > 0 {
			s.marked = true
			s.passages = append(s.passages, unquote(b.slice(span{rest.lo, end})))
			after := span{end, rest.hi}
			rd.trailingVia(b, after)
			if text, _ := rd.passageText(b, after); hasWords(b.toks[after.lo:after.hi]) && text != "" {
				b.own = append(b.own, text)
			}
			rd.commit(s)
			return i + 1
		}
		// The marks close in a later block.
		if end := rd.closingBlock(i+1, b.toks[rest.lo].ch); end > 0 {
			s.marked = true
			s.passages = append(s.passages, b.slice(rest))
			rd.takeBlocks(s, i+1, end)
			rd.commit(s)
			return end
		}
	}
	// An emphasised stretch is the passage; Slashdot sets it in italics.
	if end := rd.emphasisEnd(b, rest); end > 0 && end < rest.hi {
		s.marked = true
		s.passages = append(s.passages, b.slice(span{rest.lo, end}))
		b.own = append(b.own, b.slice(span{end, rest.hi}))
		rd.commit(s)
		return i + 1
	} else if end == rest.hi {
		s.marked = true
	}
	// Not marked: the sentences up to where the voice changes.
	cut := rd.voiceCut(b, rest)
	text, _ := rd.passageText(b, span{rest.lo, cut})
	s.passages = append(s.passages, text)
	if cut < rest.hi {
		b.own = append(b.own, b.slice(span{cut, rest.hi}))
		rd.commit(s)
		return i + 1
	}
	if s.convention == "14" || s.pub.name == "" && !s.marked {
		rd.commit(s)
		return i + 1
	}
	return rd.bindMore(i, s)
}

// bindMore takes the blocks after i that go on with a passage that began within i.
func (rd *reading) bindMore(i int, s *source) int {
	end := rd.limit(i)
	b := rd.doc.blocks[i]
	voices := []voice{rd.l.voiceOf(b.text, b.toks, false)}
	var at []int
	for k := i + 1; k < end; k++ {
		c := rd.doc.blocks[k]
		if c.role != "" || isElision(c) {
			continue
		}
		if s.marked && !c.wholly(runEmphasis) {
			end = k
			break
		}
		at = append(at, k)
		voices = append(voices, rd.voiceOf(c, k == rd.final))
	}
	quoted := speakers(voices, costComment)
	for n, k := range at {
		if s.marked || quoted[n+1] {
			rd.takeBlocks(s, k, k+1)
		} else if rd.viaLine(rd.doc.blocks[k]) {
			rd.mark(rd.doc.blocks[k], ViaLine)
		} else {
			rd.prose(k)
		}
	}
	rd.commit(s)
	return max(end, i+1)
}

// voiceCut returns where in the stretch the blogger takes over again, by sentences; its end if nowhere.
func (rd *reading) voiceCut(b *block, s span) int {
	toks := b.toks[s.lo:s.hi]
	var spans []span
	rd.r.clauses(rd.l, b.text, toks, func(c span) bool {
		spans = append(spans, c)
		return len(spans) < 200
	})
	if len(spans) < 2 || len(spans) >= 200 {
		return s.hi
	}
	voices := make([]voice, len(spans))
	for i, c := range spans {
		voices[i] = rd.l.voiceOf(b.text, toks[c.lo:c.hi], false)
		// Single sentences are short and bare in either voice.
		voices[i].score -= 1
	}
	for i, q := range speakers(voices, costComment) {
		if !q {
			return s.lo + spans[i].lo
		}
	}
	return s.hi
}

// emphasisEnd returns the position after the emphasised stretch that begins where s does, or 0.
func (rd *reading) emphasisEnd(b *block, s span) int {
	for _, r := range b.runs {
		if r.kind == runEmphasis && r.start <= b.toks[s.lo].start && r.end > b.toks[s.lo].end {
			k := s.lo
			for k < s.hi && b.toks[k].start < r.end {
				k++
			}
			return k
		}
	}
	return 0
}

// closingQuote returns the position after the last mark that closes the one at the beginning of s, as long as what
// stands between two quotations is not longer than a speaker's tag.
func (rd *reading) closingQuote(b *block, s span) int {
	return quotedEnd(b.toks[:s.hi], s.lo)
}

// closingBlock returns the position after the block that ends in the mark closing open, or 0.
func (rd *reading) closingBlock(i int, open rune) int {
	for k := i; k < len(rd.doc.blocks) && k < i+30; k++ {
		b := rd.doc.blocks[k]
		if b.quotation != nil || b.role == Footer {
			return 0
		}
		if n := len(b.toks); n > 0 && b.toks[n-1].kind == tokClose && closes(open, b.toks[n-1].ch) {
			return k + 1
		}
	}
	return 0
}

// bindInline takes a passage that stands in quotation marks within its credit's sentence.
func (rd *reading) bindInline(i int, m *match) {
	b := rd.doc.blocks[i]
	s := rd.newSource(i, m)
	q := m.quote
	if q.empty() {
		rd.prose(i)
		return
	}
	s.inline, s.marked = true, true
	s.passages = []string{unquote(b.slice(q))}
	rd.mark(b, Passage)
	if m.clause.lo > 0 {
		b.own = append(b.own, b.slice(span{0, m.clause.lo}))
	}
	if m.clause.hi < len(b.toks) {
		b.own = append(b.own, b.slice(span{m.clause.hi, len(b.toks)}))
	}
	rd.commit(s)
}

// viaLine reads a line that says only where something was found, and keeps its vias.
func (rd *reading) viaLine(b *block) bool {
	if len(b.toks) > 30 || len(b.toks) < 2 || b.quotation != nil {
		return false
	}
	s := span{0, len(b.toks)}
	if b.toks[0].ch == '(' || b.toks[0].ch == '[' {
		if groupEnd(b.toks, 0) != s.hi {
			return false
		}
		s = span{1, s.hi - 1}
	}
	for s.lo < s.hi && b.toks[s.lo].kind == tokDash {
		s.lo++
	}
	if s.empty() {
		return false
	}
	end := firstEnd(rd.l.via, b.toks[s.lo:s.hi])
	if end == 0 && b.toks[0].ch == '(' {
		// "(Source: blog)" is how Tumblr shows the root of a chain.
		end = firstEnd(rd.l.source, b.toks[s.lo:s.hi])
		if end == 0 || s.hi-s.lo > end+3 {
			return false
		}
	}
	if end == 0 || s.lo+end >= s.hi {
		return false
	}
	vias := rd.r.vias(rd.l, b, span{s.lo + end, s.hi})
	if len(vias) == 0 || b.toks[s.hi-1].kind == tokPunct && b.toks[s.hi-1].ch == ':' {
		return false
	}
	rd.addVias(vias)
	return true
}

// trailingVia reads a via in brackets, or after a dash, at the end of the stretch.
func (rd *reading) trailingVia(b *block, s span) {
	for k := s.lo; k < s.hi; k++ {
		t := b.toks[k]
		if t.kind == tokPunct && (t.ch == '(' || t.ch == '[') && k+1 < s.hi {
			if end := firstEnd(rd.l.via, b.toks[k+1:s.hi]); end > 0 {
				if g := groupEnd(b.toks, k); g > 0 {
					rd.addVias(rd.r.vias(rd.l, b, span{k + 1 + end, g}))
				}
			}
		}
		if k > s.lo && k > s.hi-12 && t.kind == tokWord && (b.toks[k-1].kind == tokDash || b.toks[k-1].kind == tokPunct && strings.ContainsRune(".!?", b.toks[k-1].ch)) {
			if end := firstEnd(rd.l.via, b.toks[k:s.hi]); end > 0 && k+end < s.hi && (t.upper || b.toks[k-1].kind == tokDash) {
				rd.addVias(rd.r.vias(rd.l, b, span{k + end, s.hi}))
			}
		}
	}
}
