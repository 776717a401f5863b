package attribution

import (
	"strings"
)

// bindQuotation connects a quotation element with its credit, which is the first of these that exists: the lead before
// it, a credit inside it, the line after it, a source mentioned before, its cite attribute, or the source of the
// previous passage. It returns the index of the block to continue with.
func (rd *reading) bindQuotation(q *quotation, lead *source) int {
	blocks := rd.doc.blocks
	if len(q.blocks) == 0 {
		return len(blocks)
	}
	first, end := q.blocks[0], q.blocks[len(q.blocks)-1]+1
	switch q.kind {
	case quotationPlugin:
		rd.setRoles(first, end, Noise)
		return end
	case quotationPull:
		if rd.namesSource(q) {
			break
		}
		rd.setRoles(first, end, Uncredited)
		return end
	case quotationTweet:
		rd.bindTweet(q)
		return end
	default:
	}
	if rd.isCode(first, end) {
		rd.setRoles(first, end, Code)
		return end
	}
	s := lead
	if s == nil {
		s = &source{kind: Excerpt, firstBlock: first}
	}
	s.marked = true
	if rd.bindReblog(q, first) {
		return end
	}
	// Adjacent quotation elements are one passage: some editors make one element for each paragraph.
	last := end
	// The bound prevents quadratic time for a long sequence of quotation elements.
	for last < min(len(blocks), first+maxPassage) && (lead != nil || !rd.hasInnerCredit(first, last)) &&
		blocks[last].quotation != nil && blocks[last].role == "" {
		next := outermost(blocks[last].quotation)
		if next.kind != quotationPlain || len(next.blocks) == 0 {
			break
		}
		last = next.blocks[len(next.blocks)-1] + 1
	}
	tail := rd.readInnerCredit(s, first, last)
	body := rd.readHeader(first, s)
	if body >= tail {
		body = first
	}
	next := last
	if rd.readOuterCredit(last, s) {
		next = last + 1
	}
	if s.convention == "" {
		rd.inheritSource(q, s)
	}
	if s.convention == "" {
		rd.setRoles(first, end, Uncredited)
		return end
	}
	rd.addNested(q, s)
	if body == first {
		body = rd.skipAnswered(q, body, tail)
	}
	if s.url == "" && q.cite != "" {
		s.url = articleOnly(q.cite)
	}
	for k := body; k < tail; k++ {
		if blocks[k].role == "" {
			rd.addPassage(s, k, k+1)
		}
	}
	rd.setRoles(first, last, Note)
	if len(s.passages) == 0 {
		return next
	}
	rd.addQuote(s)
	return next
}

// hasInnerCredit reports whether the quotation in the blocks [i, end) ends in a credit.
func (rd *reading) hasInnerCredit(i, end int) bool {
	b := rd.doc.blocks[end-1]
	return b.credit || end-1 > i && rd.isDashLine(b) || rd.creditDash(b) > 0
}

// setRoles sets the role of the blocks [i, end) that have none.
func (rd *reading) setRoles(i, end int, role Role) {
	for k := i; k < end; k++ {
		if rd.doc.blocks[k].role == "" {
			rd.setRole(rd.doc.blocks[k], role)
		}
	}
}

// isCode reports whether most of the blocks [i, end) are lines of a program or shell session. Old templates put code in
// blockquotes.
func (rd *reading) isCode(i, end int) bool {
	code := 0
	for _, b := range rd.doc.blocks[i:end] {
		if b.code || looksLikeCode(b.text) {
			code++
		}
	}
	return code*2 > end-i
}

// looksLikeCode reports whether a line looks like a command or a line of a program.
func looksLikeCode(s string) bool {
	if strings.HasPrefix(s, "$ ") || strings.HasPrefix(s, "# ") || strings.HasPrefix(s, "> ") ||
		strings.HasPrefix(s, "sudo ") ||
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

// readInnerCredit adds to s the credit inside the quotation: in a cite or footer element, or after a dash at its end.
// It returns the index after the last block of the passage.
func (rd *reading) readInnerCredit(s *source, first, end int) int {
	blocks := rd.doc.blocks
	tail := end
	for k := end - 1; k >= first; k-- {
		b := blocks[k]
		if b.role == Noise || isElision(b) {
			continue
		}
		if c, ok := rd.readClipLine(k); ok && k > first && s.convention == "" {
			rd.addCitation(s, k, c, structuredWeight)
			s.structured, s.delimited = true, true
			rd.setRole(b, Credit)
			return k
		}
		if c, cut, ok := rd.readLinkedTitle(b); ok && cut == 0 && k > first && s.convention == "" {
			rd.addCitation(s, k, c, structuredWeight)
			s.structured, s.delimited = true, true
			rd.setRole(b, Credit)
			return k
		}
		if b.credit || k > first && rd.isDashLine(b) {
			c := rd.r.readCitation(rd.l, b, span{0, len(b.toks)}, inCredit)
			if c.empty() && len(c.vias) == 0 {
				return tail
			}
			if parts, ok := rd.readStructured(b); ok && b.credit && s.convention == "" && len(c.vias) == 0 {
				c, s.structured, s.delimited = parts, true, true
			}
			rd.addCitation(s, k, c, 0.75)
			rd.setRole(b, Credit)
			return k
		}
		break
	}
	if tail == first || tail == 0 {
		return tail
	}
	// The credit may be in the last line of the passage: “…” – A
	k := tail - 1
	b := blocks[k]
	linked, at, ok := rd.readLinkedTitle(b)
	if cut := max(at, rd.creditDash(b)); cut > 0 {
		c := rd.r.readCitation(rd.l, b, span{cut, len(b.toks)}, inCredit)
		if ok && s.convention == "" {
			c, cut, s.structured, s.delimited = linked, at, true, true
		}
		if !c.empty() && !c.leftover {
			rd.addCitation(s, k, c, 0.75)
			rd.setRole(b, Passage)
			s.inline = true
			for j := first; j < k; j++ {
				if blocks[j].role == "" {
					rd.addPassage(s, j, j+1)
				}
			}
			s.passages = append(s.passages, unquote(b.slice(span{0, cut})))
			return k
		}
	}
	return tail
}

// creditDash returns the position of the dash between a quotation and its credit in one line, or 0. The dash follows a
// closing mark or a period, and precedes a name of a few words.
func (rd *reading) creditDash(b *block) int {
	for k := len(b.toks) - 2; k > 1 && k > len(b.toks)-24; k-- {
		t := b.toks[k]
		if t.kind != tokDash || !t.space {
			continue
		}
		p := b.toks[k-1]
		if (p.kind == tokClose || p.kind == tokDots || p.kind == tokPunct && strings.ContainsRune(".!?", p.ch)) &&
			(nameStart(rd.l, b.toks, k+1) || rd.r.pubs.knownSuffix(b.toks[k+1:]) > 0) {
			return k
		}
	}
	return 0
}

// readOuterCredit adds to s the credit in block i, the line after the quotation. It reports whether the line is a
// credit.
func (rd *reading) readOuterCredit(i int, s *source) bool {
	if i >= len(rd.doc.blocks) {
		return false
	}
	b := rd.doc.blocks[i]
	if b.role != "" && b.role != Caption || b.quotation != nil {
		return false
	}
	if c, ok := rd.readClipLine(i); ok && s.convention == "" {
		rd.addCitation(s, i, c, structuredWeight)
		s.structured, s.delimited = true, true
		rd.setRole(b, Credit)
		return true
	}
	if b.credit && b.caption {
		c := rd.r.readCitation(rd.l, b, span{0, len(b.toks)}, inCredit)
		if parts, ok := rd.readStructured(b); ok && s.convention == "" && len(c.vias) == 0 && rd.isCaptionOf(i) {
			c, s.structured, s.delimited = parts, true, true
		}
		if !c.empty() {
			rd.addCitation(s, i, c, 0.8)
			rd.setRole(b, Credit)
			return true
		}
		return false
	}
	c, weight := rd.tailCitation(i)
	if weight == 0 && s.convention == "" {
		c, weight = rd.readLineAfter(i)
	}
	if weight == 0 {
		return false
	}
	rd.addCitation(s, i, c, weight)
	rd.setRole(b, Credit)
	return true
}

// isBareCredit reports whether the block is a credit without a mark: a known publication in brackets or with a person.
func (rd *reading) isBareCredit(b *block) bool {
	n := len(b.toks)
	if n < 2 || n > 20 || b.list || b.toks[n-1].kind == tokPunct && strings.ContainsRune(".:", b.toks[n-1].ch) {
		return false
	}
	c := rd.r.readCitation(rd.l, b, span{0, n}, inLine)
	if c.pub.known == nil || c.leftover || c.guessed && c.headline == "" && len(c.authors) == 0 {
		return false
	}
	return len(c.authors) > 0 || b.toks[0].kind == tokPunct && groupEnd(b.toks, 0) == n
}

// readLineAfter reads block i, the line after a quotation without a credit, as its credit, even if it has the form of a
// lead or has no mark: "From H by A", "A, X". The line must not introduce a second quotation. The weight is 0 if the
// line is not a credit.
func (rd *reading) readLineAfter(i int) (citation, float64) {
	b := rd.doc.blocks[i]
	if len(b.toks) == 0 || announces(b.toks[len(b.toks)-1]) || rd.precedesQuotation(i) {
		return citation{}, 0
	}
	if rd.isBareCredit(b) {
		return rd.r.readCitation(rd.l, b, span{0, len(b.toks)}, inLine), 0.6
	}
	return citation{}, 0
}

// addCitation adds the citation in block i to s. The weight is used only if s has no credit yet.
func (rd *reading) addCitation(s *source, i int, c citation, weight float64) {
	rd.addVias(c.vias)
	if c.empty() {
		return
	}
	s.merge(c)
	s.guessed = s.guessed || c.guessed
	s.creditBlocks = append(s.creditBlocks, i)
	if s.convention == "" {
		s.convention, s.weight = "10", weight
	} else {
		s.hasHeader = true
	}
}

// inheritSource sets s, the source of a quotation q without a credit, to a source that the post names elsewhere: a
// mentioned source, the link before q, or the source of the previous passage.
func (rd *reading) inheritSource(q *quotation, s *source) {
	first := q.blocks[0]
	from := (*source)(nil)
	before := rd.previousBlock(first)
	switch {
	case rd.mentioned != nil && before >= 0 && first-rd.mentioned.firstBlock <= 3:
		from = rd.mentioned
	case rd.readLinkBefore(before, s):
		return
	case rd.lastQuoted != nil && rd.lastQuoted.marked && before >= 0 && rd.mentioned == nil &&
		rd.continuesSource(rd.lastQuoted, first):
		from = rd.lastQuoted
	}
	if from != nil {
		if from == rd.lastQuoted {
			*s = *from
			s.passages, s.passageBlocks, s.creditBlocks, s.parent, s.added = nil, nil, nil, nil, false
			s.firstBlock = first
			s.marked = true
			// The passage continues the previous passage from the same source. Together they are one quote.
			s.continues = from
			return
		}
		at := s.firstBlock
		*s = *from
		from.inherited = true
		if before >= 0 && !rd.announcesSource(from, before) {
			s.weight -= vagueLeadPenalty
		}
		s.kind = Excerpt
		s.marked = true
		s.firstBlock, s.added = at, false
		return
	}
	if u := articleOnly(q.cite); u != "" {
		s.url = u
		s.convention, s.weight = "cite", 0.6
		s.pub = rd.publisherOfHost(u)
	}
}

// publisherOfHost returns the publisher that owns the host of an article's URL, or one with the host as its name. A
// link shortener has no publisher.
func (rd *reading) publisherOfHost(u string) publisher {
	if isWrapper(u) {
		return publisher{}
	}
	if e := rd.r.pubs.byHost(u); e != nil {
		return publisher{name: e.Name, known: e}
	}
	return publisher{name: hostOf(u)}
}

// readLinkBefore adds to s the link in block i, a paragraph that introduces a quotation with that link as its only
// credit. The link's host identifies the publication. It reports whether there is such a link.
func (rd *reading) readLinkBefore(i int, s *source) bool {
	if i < 0 {
		return false
	}
	b := rd.doc.blocks[i]
	if b.role != Commentary || b.quotation != nil || len(b.toks) == 0 || !rd.announcesPassage(i) && !b.isWholly(runLink) {
		return false
	}
	var u string
	text, at := "", 0
	for _, r := range b.runs {
		if r.kind == runLink {
			if a := articleOnly(r.value); a != "" {
				u, text, at = a, b.text[r.start:r.end], r.start // the last link is nearest to the passage
			}
		}
	}
	if u == "" {
		return false
	}
	if !mayBeArticle(u) {
		return false
	}
	s.url = u
	s.pub = rd.publisherOfHost(u)
	s.convention, s.weight = "7", 0.6
	if !b.isWholly(runLink) && !rd.namesOrigin(b) {
		s.weight -= vagueLeadPenalty
		last := rd.lastClause(b)
		s.distant = last.lo > 0 && at < b.toks[last.lo].start
	}
	linked := b.isWholly(runLink) || len(rd.r.lx.tokenize(text, make([]token, 0, nameTokens))) > max(3, len(b.toks)-3)
	if linked && len(b.toks) <= 30 && (isHeading(b.elem) || isTitleCase(rd.l, b.toks)) {
		s.headline = cleanHeadline(text)
	}
	if p := rd.r.pubs.lookup(text); p != nil {
		s.pub = publisher{name: text, known: p}
	} else if word := b.wordOfHost(span{0, len(b.toks)}, u); s.pub.known == nil && word != "" {
		s.pub.name = word
	} else if s.pub.known == nil && hostNamed(u, text) && len(text) < len(s.pub.name) {
		s.pub.name = text // as the author writes it: "io9" for io9.com
	}
	s.creditBlocks = append(s.creditBlocks, i)
	return true
}

// previousBlock returns the index of the last block before i that is not boilerplate, a note or a via, or -1.
func (rd *reading) previousBlock(i int) int {
	for i--; i >= 0; i-- {
		if r := rd.doc.blocks[i].role; r != Noise && r != Caption && r != Note && r != ViaLine {
			return i
		}
	}
	return -1
}

// skipAnswered returns the index of the first block after an inner quotation that begins at block i, as in a reply to a
// message, or i if there is no inner quotation.
func (rd *reading) skipAnswered(q *quotation, i, end int) int {
	for _, inner := range q.inner {
		n := len(inner.blocks)
		if n > 0 && inner.blocks[0] == i && inner.blocks[n-1]+1 < end {
			return inner.blocks[n-1] + 1
		}
	}
	return i
}

// addNested adds the quotations inside q that have their own lead in q. Their parent is the source of q.
func (rd *reading) addNested(q *quotation, parent *source) {
	blocks := rd.doc.blocks
	for _, inner := range q.inner {
		if len(inner.blocks) == 0 {
			continue
		}
		i := inner.blocks[0] - 1
		if i < 0 || blocks[i].quotation != q {
			continue
		}
		a := rd.analyze(i)
		if a.lead == nil || a.private || a.back != nil || !a.after.empty() {
			continue
		}
		s := rd.newSource(i, a.lead)
		s.kind, s.parent, s.marked = Nested, parent, true
		s.firstBlock = inner.blocks[0]
		for _, k := range inner.blocks {
			if text, _ := rd.trimPassage(blocks[k], span{0, len(blocks[k].toks)}); text != "" {
				s.passages = append(s.passages, text)
			}
		}
		if len(s.passages) > 0 {
			rd.sources = append(rd.sources, s)
		}
	}
}
