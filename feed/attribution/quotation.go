package attribution

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// bindQuotation connects a quotation element with its credit, unless the element does not contain a quotation, as with
// code. It returns the index of the block to continue with.
func (rd *reading) bindQuotation(q *quotation, lead *source) int {
	if len(q.blocks) == 0 {
		return len(rd.doc.blocks)
	}
	first, end := q.blocks[0], q.blocks[len(q.blocks)-1]+1
	switch q.kind {
	case quotationPlugin:
		rd.setRoles(first, end, Noise)
		return end
	case quotationPull:
		if !rd.namesSource(q) {
			rd.setRoles(first, end, Uncredited)
			return end
		}
	case quotationTweet:
		rd.bindTweet(q.blocks)
		return end
	case quotationPlain:
	}
	if rd.isCode(first, end) {
		rd.setRoles(first, end, Code)
		return end
	}
	if next := rd.endOfPlainTweet(q); next > 0 {
		blocks := slices.Clone(q.blocks)
		if next > end {
			blocks = append(blocks, end)
		}
		rd.bindTweet(blocks)
		return next
	}
	s := lead
	if s == nil {
		s = &source{kind: Excerpt, firstBlock: first}
	}
	s.marked = true
	if rd.bindReblog(q, first) {
		return end
	}
	return rd.bindQuotedText(q, s, rd.adjacentEnd(span{first, end}, lead != nil))
}

// bindQuotedText connects the text of quotation q, which ends before block last, with its credit, which is the first of
// these that exists: the lead before it (which s already contains), a credit inside it, the line after it, a source
// mentioned before, its cite attribute, or the source of the previous passage. It returns the index of the block to
// continue with.
func (rd *reading) bindQuotedText(q *quotation, s *source, last int) int {
	first := q.blocks[0]
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
		end := q.blocks[len(q.blocks)-1] + 1
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
	rd.addPassages(s, body, tail)
	rd.setRoles(first, last, Note)
	if len(s.passages) > 0 {
		rd.addQuote(s)
	}
	return next
}

// adjacentEnd returns the end of the passage that begins with a quotation element in the given blocks. Adjacent
// elements are one passage: some editors make one element for each paragraph. Without a lead, the passage ends with the
// first element that has a credit inside.
func (rd *reading) adjacentEnd(element span, hasLead bool) int {
	blocks := rd.doc.blocks
	end := element.hi
	// The bound prevents quadratic time for a long sequence of quotation elements.
	for end < min(len(blocks), element.lo+maxPassage) && (hasLead || !rd.hasInnerCredit(element.lo, end)) &&
		blocks[end].quotation != nil && blocks[end].role == "" {
		next := outermost(blocks[end].quotation)
		if next.kind != quotationPlain || len(next.blocks) == 0 {
			break
		}
		end = next.blocks[len(next.blocks)-1] + 1
	}
	return end
}

// addPassages adds the blocks [i, end) that have no role to the passage of s.
func (rd *reading) addPassages(s *source, i, end int) {
	for k := i; k < end; k++ {
		if rd.doc.blocks[k].role == "" {
			rd.addPassage(s, k, k+1)
		}
	}
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
	for _, prefix := range [...]string{"$ ", "# ", "> ", "sudo ", "//", "./"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	if s != "" && strings.IndexByte(";{}\\", s[len(s)-1]) >= 0 {
		return true
	}
	marks, letters := 0, 0
	for _, c := range s {
		switch {
		case c < utf8.RuneSelf && codeMark[c]:
			marks++
		case c != ' ':
			letters++
		}
	}
	return marks*6 > letters && letters > 0
}

// codeMark reports for each ASCII character whether it is more frequent in programs than in prose.
var codeMark = func() (table [utf8.RuneSelf]bool) {
	for _, c := range "{}[]<>=;$|\\_/&*+#`" {
		table[c] = true
	}
	return table
}()

// readInnerCredit adds to s the credit inside the quotation: in a cite or footer element, or after a dash at its end.
// It returns the index after the last block of the passage.
func (rd *reading) readInnerCredit(s *source, first, end int) int {
	k := end - 1
	for k >= first && (rd.doc.blocks[k].role == Noise || isElision(rd.doc.blocks[k])) {
		k--
	}
	if k > first && s.convention == "" && rd.readDelimitedLine(s, k) {
		return k
	}
	if k >= first && (rd.doc.blocks[k].credit || k > first && rd.isDashLine(rd.doc.blocks[k])) {
		if rd.readCreditLine(s, k) {
			return k
		}
		return end
	}
	if rd.readCreditAtEnd(s, first, end-1) {
		return end - 1
	}
	return end
}

// readDelimitedLine handles block k, the last line of a quotation that has no credit yet. If the block is a clip line
// or the linked title of the article, readDelimitedLine adds its credit to s and returns true.
func (rd *reading) readDelimitedLine(s *source, k int) bool {
	if c, ok := rd.readClipLine(k); ok {
		rd.addDelimited(s, k, c)
		return true
	}
	if c, cut, ok := rd.readLinkedTitle(rd.doc.blocks[k]); ok && cut == 0 {
		rd.addDelimited(s, k, c)
		return true
	}
	return false
}

// addDelimited adds to s the credit in block i, which markup connects with its passage.
func (rd *reading) addDelimited(s *source, i int, c citation) {
	rd.addCitation(s, i, c, structuredWeight)
	s.structured, s.delimited = true, true
	rd.setRole(rd.doc.blocks[i], Credit)
}

// readCreditLine adds to s the credit in block k, which is a cite or footer element or begins with a dash. It reports
// whether the block names a source or a via.
func (rd *reading) readCreditLine(s *source, k int) bool {
	b := rd.doc.blocks[k]
	c := rd.r.readCitation(rd.l, b, span{0, len(b.toks)}, inCredit)
	if c.empty() && len(c.vias) == 0 {
		return false
	}
	if parts, ok := rd.readStructured(b); ok && b.credit && s.convention == "" && len(c.vias) == 0 {
		c, s.structured, s.delimited = parts, true, true
	}
	rd.addCitation(s, k, c, 0.75)
	rd.setRole(b, Credit)
	return true
}

// readCreditAtEnd adds to s the credit after a dash at the end of block k, the last of a passage that begins with block
// first: “…” – A. It adds the passage too, without the credit. It reports whether there is such a credit.
func (rd *reading) readCreditAtEnd(s *source, first, k int) bool {
	b := rd.doc.blocks[k]
	linked, at, ok := rd.readLinkedTitle(b)
	cut := max(at, rd.creditDash(b))
	if cut == 0 {
		return false
	}
	c := rd.r.readCitation(rd.l, b, span{cut, len(b.toks)}, inCredit)
	if ok && s.convention == "" {
		c, cut, s.structured, s.delimited = linked, at, true, true
	}
	if c.empty() || c.leftover {
		return false
	}
	rd.addCitation(s, k, c, 0.75)
	rd.setRole(b, Passage)
	s.inline = true
	rd.addPassages(s, first, k)
	s.passages = append(s.passages, unquote(b.slice(span{0, cut})))
	return true
}

// citeAtEnd returns the position of a cite element that ends a line of a quotation and contains only a person's name,
// or 0: <blockquote>… <cite>A</cite></blockquote>.
func (rd *reading) citeAtEnd(b *block) int {
	for _, r := range b.runs {
		if r.kind != runCite {
			continue
		}
		before, name := tokensWithin(b.toks, span{0, len(b.toks)}, r)
		if before > 0 && name.hi == len(b.toks) && rd.l.personScore(b.text, b.toks[name.lo:name.hi]) > 1 {
			return before
		}
	}
	return 0
}

// creditDash returns the position of the dash between a quotation and its credit in one line, or 0. The dash follows a
// closing mark or a period, and precedes a name of a few words.
func (rd *reading) creditDash(b *block) int {
	if !b.marks.dash {
		return 0
	}
	for k := len(b.toks) - 2; k > 1 && k > len(b.toks)-24; k-- {
		if t := &b.toks[k]; t.kind != tokDash || !t.space {
			continue
		}
		p := &b.toks[k-1]
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
		rd.addDelimited(s, i, c)
		return true
	}
	if b.credit && b.caption {
		return rd.readCaptionCredit(i, s)
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

// readCaptionCredit adds to s the credit in block i, a caption below the quotation. It reports whether the caption is a
// credit.
func (rd *reading) readCaptionCredit(i int, s *source) bool {
	b := rd.doc.blocks[i]
	c := rd.r.readCitation(rd.l, b, span{0, len(b.toks)}, inCredit)
	if parts, ok := rd.readStructured(b); ok && s.convention == "" && len(c.vias) == 0 && rd.isCaptionOf(i) {
		c, s.structured, s.delimited = parts, true, true
	}
	if c.empty() {
		return false
	}
	rd.addCitation(s, i, c, 0.8)
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
	whole := b.isWholly(runLink)
	if b.role != Commentary || b.quotation != nil || len(b.toks) == 0 || !rd.announcesPassage(i) && !whole {
		return false
	}
	link, ok := b.lastArticleLink()
	if !ok || !mayBeArticle(link.value) {
		return false
	}
	s.url = link.value
	s.pub = rd.publisherOfLink(b, link)
	s.convention, s.weight = "7", 0.6
	if !whole && !rd.namesOrigin(b) {
		s.weight -= vagueLeadPenalty
		last := rd.lastClause(b)
		s.distant = last.lo > 0 && link.start < b.toks[last.lo].start
	}
	if rd.isLinkedHeadline(b, link) {
		s.headline = cleanHeadline(b.text[link.start:link.end])
	}
	s.creditBlocks = append(s.creditBlocks, i)
	return true
}

// lastArticleLink returns the last link in the block that does not lead to a front page. It is the nearest to a passage
// below the block.
func (b *block) lastArticleLink() (run, bool) {
	for _, r := range slices.Backward(b.runs) {
		if r.kind == runLink && articleOnly(r.value) != "" {
			return r, true
		}
	}
	return run{}, false
}

// publisherOfLink returns the publisher of the article that the link in the block leads to, with its name as the author
// writes it: the text of the link, or a word of the block that is also in the host.
func (rd *reading) publisherOfLink(b *block, link run) publisher {
	text := b.text[link.start:link.end]
	if p := rd.r.pubs.lookup(text); p != nil {
		return publisher{name: text, known: p}
	}
	pub := rd.publisherOfHost(link.value)
	if pub.known != nil {
		return pub
	}
	if word := b.wordOfHost(span{0, len(b.toks)}, link.value); word != "" {
		pub.name = word
	} else if hostNamed(link.value, text) && len(text) < len(pub.name) {
		pub.name = text // "io9" for io9.com
	}
	return pub
}

// isLinkedHeadline reports whether the link has nearly all words of the block, which is a heading or is capitalized as
// titles are.
func (rd *reading) isLinkedHeadline(b *block, link run) bool {
	words := rd.r.lx.tokenize(b.text[link.start:link.end], make([]token, 0, nameTokens))
	return (b.isWholly(runLink) || len(words) > max(3, len(b.toks)-3)) && len(b.toks) <= 30 &&
		(isHeading(b.elem) || isTitleCase(rd.l, b.toks))
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
