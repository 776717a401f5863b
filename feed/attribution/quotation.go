package attribution

import (
	"strings"
)

// bindQuotation joins a quotation element with its credit: the lead before it, if there is one, what the element
// holds, the line after it, a source named in the prose, its cite attribute, or the source of the passage before. It
// returns the block to go on with.
func (rd *reading) bindQuotation(q *quotation, lead *source) int {
	blocks := rd.doc.blocks
	if len(q.blocks) == 0 {
		return len(blocks)
	}
	first, end := q.blocks[0], q.blocks[len(q.blocks)-1]+1
	switch q.kind {
	case quotationPlugin:
		rd.setRole(first, end, Noise)
		return end
	case quotationPull:
		rd.setRole(first, end, Uncredited)
		return end
	case quotationTweet:
		rd.bindTweet(q)
		return end
	default:
	}
	if rd.isCode(first, end) {
		rd.setRole(first, end, Code)
		return end
	}
	s := lead
	if s == nil {
		s = &source{kind: Excerpt, at: first}
	}
	s.marked = true
	if rd.reblog(q, first) {
		return end
	}
	// Quotation elements that follow one another directly are one passage, as editors make one of every paragraph.
	last := end
	// The bound keeps a long row of them, each of which looks for its passage's end, from taking quadratic time.
	for last < min(len(blocks), first+maxPassage) && (lead != nil || !rd.credited(first, last)) && blocks[last].quotation != nil && blocks[last].role == "" {
		next := outermost(blocks[last].quotation)
		if next.kind != quotationPlain || len(next.blocks) == 0 {
			break
		}
		last = next.blocks[len(next.blocks)-1] + 1
	}
	tail := rd.innerCredit(s, first, last)
	body := rd.header(first, s)
	if body >= tail {
		body = first
	}
	next := last
	if rd.outerCredit(last, s) {
		next = last + 1
	}
	if s.convention == "" {
		rd.inherit(q, s)
	}
	if s.convention == "" {
		rd.setRole(first, end, Uncredited)
		return end
	}
	rd.nested(q, s)
	if body == first {
		body = rd.answered(q, body, tail)
	}
	if s.url == "" && q.cite != "" {
		s.url = articleOnly(q.cite)
	}
	for k := body; k < tail; k++ {
		if blocks[k].role == "" {
			rd.takeBlocks(s, k, k+1)
		}
	}
	rd.setRole(first, last, Note)
	if len(s.passages) == 0 {
		return next
	}
	rd.commit(s)
	return next
}

// credited reports whether the quotation of the blocks [i, end) holds its credit at its end.
func (rd *reading) credited(i, end int) bool {
	b := rd.doc.blocks[end-1]
	return b.credit || end-1 > i && rd.isDashLine(b) || rd.trailingDash(b) > 0
}

func (rd *reading) setRole(i, end int, role Role) {
	for k := i; k < end; k++ {
		if rd.doc.blocks[k].role == "" {
			rd.mark(rd.doc.blocks[k], role)
		}
	}
}

// isCode reports whether the blocks are a program or a shell's session: old templates set those in blockquotes.
func (rd *reading) isCode(i, end int) bool {
	code := 0
	for _, b := range rd.doc.blocks[i:end] {
		if b.code || looksLikeCode(b.text) {
			code++
		}
	}
	return code*2 > end-i
}

// looksLikeCode reports whether a line is more likely typed into a machine than written for readers.
func looksLikeCode(s string) bool {
	if strings.HasPrefix(s, "$ ") || strings.HasPrefix(s, "# ") || strings.HasPrefix(s, "> ") || strings.HasPrefix(s, "sudo ") ||
		strings.HasPrefix(s, "//") || strings.HasPrefix(s, "./") {
		return true
	}
	if strings.HasSuffix(s, ";") || strings.HasSuffix(s, "{") || strings.HasSuffix(s, "}") || strings.HasSuffix(s, "\\") {
		return true
	}
	marks, letters := 0, 0
	for _, c := range s {
		switch {
		case strings.ContainsRune("{}[]<>=;$|\\_/&*+#`", c):
			marks++
		case c != ' ':
			letters++
		}
	}
	return marks*6 > letters && letters > 0
}

// innerCredit reads the credit that stands inside the quotation: in a cite or footer, or after a dash at its end. It
// returns where the passage ends.
func (rd *reading) innerCredit(s *source, first, end int) int {
	blocks := rd.doc.blocks
	tail := end
	for k := end - 1; k >= first; k-- {
		b := blocks[k]
		if b.role == Noise || isElision(b) {
			continue
		}
		if rd.viaLine2(b) {
			rd.mark(b, ViaLine)
			tail = k
			continue
		}
		if k > first && !b.credit && !rd.isDashLine(b) && rd.bareCredit(b) {
			c := rd.r.cite(rd.l, b, span{0, len(b.toks)}, inGroup)
			rd.takeCitation(s, k, c, 0.7)
			rd.mark(b, Credit)
			return k
		}
		if b.credit || k > first && rd.isDashLine(b) {
			c := rd.r.cite(rd.l, b, span{0, len(b.toks)}, afterAll)
			if c.empty() && len(c.vias) == 0 {
				return tail
			}
			rd.takeCitation(s, k, c, 0.75)
			rd.mark(b, Credit)
			return k
		}
		break
	}
	if tail == first || tail == 0 {
		return tail
	}
	// “…” – A, at the end of the last line itself
	k := tail - 1
	b := blocks[k]
	if cut := rd.trailingDash(b); cut > 0 {
		c := rd.r.cite(rd.l, b, span{cut, len(b.toks)}, afterAll)
		if !c.empty() && !c.deck {
			rd.takeCitation(s, k, c, 0.75)
			rd.mark(b, Passage)
			s.inline = true
			for j := first; j < k; j++ {
				if blocks[j].role == "" {
					rd.takeBlocks(s, j, j+1)
				}
			}
			s.passages = append(s.passages, unquote(b.slice(span{0, cut})))
			return k
		}
	}
	return tail
}

// trailingDash returns the token of a dash that parts a quotation from its credit in one line, or 0: the dash stands
// after a closing mark or a full stop and only a few words follow.
func (rd *reading) trailingDash(b *block) int {
	for k := len(b.toks) - 2; k > 1 && k > len(b.toks)-24; k-- {
		t := b.toks[k]
		if t.kind != tokDash || !t.space {
			continue
		}
		p := b.toks[k-1]
		if (p.kind == tokClose || p.kind == tokDots || p.kind == tokPunct && strings.ContainsRune(".!?", p.ch)) &&
			(nameStart(rd.l, b.toks, k+1) || rd.r.pubs.suffix(b.toks[k+1:]) > 0) {
			return k
		}
	}
	return 0
}

// outerCredit reads the line after the quotation, if it is its credit.
func (rd *reading) outerCredit(i int, s *source) bool {
	if i >= len(rd.doc.blocks) {
		return false
	}
	b := rd.doc.blocks[i]
	if b.role != "" && b.role != Caption || b.quotation != nil {
		return false
	}
	if b.credit && b.caption {
		c := rd.r.cite(rd.l, b, span{0, len(b.toks)}, afterAll)
		if !c.empty() {
			rd.takeCitation(s, i, c, 0.8)
			rd.mark(b, Credit)
			return true
		}
		return false
	}
	c, weight := rd.tailLine(i)
	if weight == 0 && s.convention == "" {
		c, weight = rd.lineAfter(i)
	}
	if weight == 0 {
		return false
	}
	rd.takeCitation(s, i, c, weight)
	rd.mark(b, Credit)
	return true
}

// bareCredit reports whether the block is a credit without a mark that it is one: a known publication in brackets, or
// beside a person.
func (rd *reading) bareCredit(b *block) bool {
	n := len(b.toks)
	if n < 2 || n > 20 || b.list || b.toks[n-1].kind == tokPunct && strings.ContainsRune(".:", b.toks[n-1].ch) {
		return false
	}
	c := rd.r.cite(rd.l, b, span{0, n}, inLine)
	if c.pub.known == nil || c.deck || c.unknown && c.head == "" && len(c.who) == 0 {
		return false
	}
	return len(c.who) > 0 || b.toks[0].kind == tokPunct && groupEnd(b.toks, 0) == n
}

// lineAfter reads block i, after a quotation that nothing credits so far, as its credit although it looks like a lead
// or has no mark at all: "From H by A", "A, X". It must not lead in something else.
func (rd *reading) lineAfter(i int) (citation, float64) {
	b := rd.doc.blocks[i]
	if len(b.toks) == 0 || isColon(b.toks[len(b.toks)-1]) || rd.beforeQuotation(i) {
		return citation{}, 0
	}
	if rd.bareCredit(b) {
		return rd.r.cite(rd.l, b, span{0, len(b.toks)}, inLine), 0.6
	}
	if end := firstEnd(rd.l.from, b.toks); end > 0 && end < len(b.toks) && len(b.toks) <= 30 && b.linkIn(span{0, len(b.toks)}) != "" {
		c := rd.r.cite(rd.l, b, span{end, len(b.toks)}, inSource)
		if c.pub.name == "" && c.url != "" {
			c.pub = rd.pubOfHost(c.url)
		}
		if c.pub.name != "" && !c.deck {
			return c, 0.65
		}
	}
	return citation{}, 0
}

// takeCitation joins a citation to a source; the rule's weight counts if the source had no credit before.
func (rd *reading) takeCitation(s *source, i int, c citation, weight float64) {
	rd.addVias(c.vias)
	if c.empty() {
		return
	}
	s.take(c)
	s.unknown = s.unknown || c.unknown
	s.credit = append(s.credit, i)
	if s.convention == "" {
		s.convention, s.weight = "10", weight
	} else {
		s.byline = true
	}
}

// inherit gives a quotation without a credit of its own the source that the post has named for it.
func (rd *reading) inherit(q *quotation, s *source) {
	first := q.blocks[0]
	from := (*source)(nil)
	before := rd.previous(first)
	switch {
	case rd.mention != nil && before >= 0 && first-rd.mention.at <= 3:
		from = rd.mention
	case rd.linkBefore(before, s):
		return
	case rd.last != nil && rd.last.marked && before >= 0 && rd.mention == nil && rd.goesOn(rd.last, first):
		from = rd.last
	}
	if from != nil {
		if from == rd.last {
			*s = *from
			s.passages, s.blocks, s.credit, s.parent, s.listed = nil, nil, nil, nil, false
			s.at = first
			s.marked = true
			// The same source goes on: its passages are one quote in several pieces.
			s.joins = from
			return
		}
		at := s.at
		*s = *from
		from.used = true
		if before >= 0 && !rd.leadsTo(from, before) {
			s.weight -= unsureLead
		}
		s.kind = Excerpt
		s.marked = true
		s.at, s.listed = at, false
		return
	}
	if u := articleOnly(q.cite); u != "" {
		s.url = u
		s.convention, s.weight = "cite", 0.6
		s.pub = rd.pubOfHost(u)
	}
}

// pubOfHost names a publication by an article's address.
func (rd *reading) pubOfHost(u string) publisher {
	if e := rd.r.pubs.host(u); e != nil {
		return publisher{name: e.Name, known: e}
	}
	return publisher{name: hostOf(u)}
}

// linkBefore reads a paragraph that leads in a quotation with a link to the source as its only credit, as Drupal and
// many other blogs have it: only the link's host names the publication.
func (rd *reading) linkBefore(i int, s *source) bool {
	if i < 0 {
		return false
	}
	b := rd.doc.blocks[i]
	if b.role != Commentary || b.quotation != nil || len(b.toks) == 0 || !rd.leadsIn(i) && !b.wholly(runLink) {
		return false
	}
	var u string
	text := ""
	for _, r := range b.runs {
		if r.kind == runLink {
			if a := articleOnly(r.value); a != "" {
				u, text = a, b.text[r.start:r.end] // the last one stands nearest to the passage
			}
		}
	}
	if u == "" {
		return false
	}
	if !holdsArticles(u) {
		return false
	}
	s.url = u
	s.pub = rd.pubOfHost(u)
	s.convention, s.weight = "7", 0.6
	if !b.wholly(runLink) && !rd.saysWhence(b) {
		s.weight -= unsureLead
	}
	if (b.wholly(runLink) || len(rd.r.lx.tokenize(text, nil)) > max(3, len(b.toks)-3)) && (isHeading(b.elem) || titleCase(rd.l, b.toks)) && len(b.toks) <= 30 {
		s.head = headline(text)
	}
	if p := rd.r.pubs.lookup(text); p != nil {
		s.pub = publisher{name: text, known: p}
	} else if word := b.hostWord(span{0, len(b.toks)}, u); s.pub.known == nil && word != "" {
		s.pub.name = word
	} else if s.pub.known == nil && hostNamed(u, text) && len(text) < len(s.pub.name) {
		s.pub.name = text // as the blogger writes it: "io9" for io9.com
	}
	s.credit = append(s.credit, i)
	return true
}

// previous returns the block before i that is not noise, or -1.
func (rd *reading) previous(i int) int {
	for i--; i >= 0; i-- {
		switch rd.doc.blocks[i].role {
		case Noise, Caption, Note, ViaLine:
		default:
			return i
		}
	}
	return -1
}

// answered returns where the passage begins if the quotation begins with another one that it answers, as replies in
// mail and in threads do; else i.
func (rd *reading) answered(q *quotation, i, end int) int {
	for _, inner := range q.inner {
		n := len(inner.blocks)
		if n > 0 && inner.blocks[0] == i && inner.blocks[n-1]+1 < end {
			return inner.blocks[n-1] + 1
		}
	}
	return i
}

// nested finds quotations within the passage that have a lead of their own there.
func (rd *reading) nested(q *quotation, parent *source) {
	blocks := rd.doc.blocks
	for _, inner := range q.inner {
		if len(inner.blocks) == 0 {
			continue
		}
		i := inner.blocks[0] - 1
		if i < 0 || blocks[i].quotation != q {
			continue
		}
		a := rd.analyse(i)
		if a.lead == nil || a.private || a.back != nil || !a.after.empty() {
			continue
		}
		s := rd.newSource(i, a.lead)
		s.kind, s.parent, s.marked = Nested, parent, true
		s.at = inner.blocks[0]
		for _, k := range inner.blocks {
			if text, _ := rd.passageText(blocks[k], span{0, len(blocks[k].toks)}); text != "" {
				s.passages = append(s.passages, text)
			}
		}
		if len(s.passages) > 0 {
			rd.found = append(rd.found, s)
		}
	}
}
