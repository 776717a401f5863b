package attribution

import (
	"slices"
	"strings"
)

// isDashLine reports whether the block is a credit after a dash or a tilde: "— A, X".
func (rd *reading) isDashLine(b *block) bool {
	n := len(b.toks)
	if n < 2 || n > 40 || b.toks[0].kind != tokDash {
		return false
	}
	// After the dash of a list item or a line of dialogue, a sentence follows instead.
	return b.toks[1].upper || b.toks[1].kind == tokOpen ||
		n <= 16 && rd.r.pubs.knownSuffix(b.toks[:n]) > 0 // as in "— sign quoted in the Denver Post"
}

// tailCitation reads block i as the credit of the passage before it: after a dash, after "Source:", in brackets, or by
// a rule such as "Read entire article at X". The weight is 0 if the block is not such a credit. The result is cached.
func (rd *reading) tailCitation(i int) (citation, float64) {
	a := rd.analyze(i)
	if !a.tailRead {
		a.tailRead = true
		if c, weight := rd.readTailCitation(i); weight > 0 {
			a.tailCitation, a.tailWeight = &citation{}, weight
			*a.tailCitation = c
		}
	}
	if a.tailWeight == 0 {
		return citation{}, 0
	}
	return *a.tailCitation, a.tailWeight
}

// readTailCitation computes the result that tailCitation caches.
func (rd *reading) readTailCitation(i int) (citation, float64) {
	b := rd.doc.blocks[i]
	if !mayBeTail(b) {
		return citation{}, 0
	}
	if c, k := rd.bulletCredit(b); k > 0 {
		return c, 0.75
	}
	label := rd.sourceLabel(b)
	switch {
	case rd.isDashLine(b), b.isWholly(runCite):
		return rd.readSignedLine(b)
	case label > 0:
		return rd.readLabeledSource(b, label)
	case b.toks[0].isPunct("([") && !(len(b.toks) > 2 && rd.l.label.has(b.toks[1].id)):
		return rd.readBracketedCredit(b)
	}
	if m := rd.analyze(i).tail; m != nil && tailStart(b, m) == 0 {
		s := rd.newSource(i, m)
		return s.citation, m.rule.weight
	}
	return rd.readLinkedPublication(b)
}

// mayBeTail reports whether the block may be the credit of the passage before it: a line of at most 45 tokens, or one
// with a bullet near its start, that is not code, not a list item and does not end in a colon.
func mayBeTail(b *block) bool {
	n := len(b.toks)
	if n == 0 || b.toks[n-1].isPunct(":") || b.list || b.code {
		return false
	}
	return n <= 45 || slices.ContainsFunc(b.toks[:14], func(t token) bool { return t.ch == '•' })
}

// readSignedLine reads a credit after a dash or in a cite element. The weight is 0 if it names neither a publication
// nor an author, or if a part of it could not be read.
func (rd *reading) readSignedLine(b *block) (citation, float64) {
	c := rd.r.readCitation(rd.l, b, span{0, len(b.toks)}, inCredit)
	if c.leftover || c.pub.name == "" && len(c.authors) == 0 {
		return citation{}, 0
	}
	return c, 0.7
}

// sourceLabel returns the position after "Source:" at the start of the block, or 0.
func (rd *reading) sourceLabel(b *block) int {
	end := phraseEnd(rd.l.source, b.toks)
	if end > 0 && end < len(b.toks) && b.toks[end].isPunct(":") && b.toks[0].upper {
		return end + 1
	}
	return 0
}

// readLabeledSource reads the credit from the token at start, which follows "Source:". The weight is 0 if it has
// neither a publication nor the URL of an article.
func (rd *reading) readLabeledSource(b *block, start int) (citation, float64) {
	named := span{start, len(b.toks)}
	if u := strings.TrimSpace(b.slice(named)); hostOf(u) != "" && !strings.Contains(u, " ") {
		return citation{url: articleOnly(u), pub: rd.publisherOfHost(u)}, 0.7 // a URL in plain text
	}
	c := rd.r.readCitation(rd.l, b, named, inSource)
	if c.pub.name == "" && c.url == "" {
		return citation{}, 0
	}
	return c, 0.7
}

// readBracketedCredit reads a block that begins with a bracket. The weight is 0 if the group in brackets is not the
// whole block, or is not certainly a credit.
func (rd *reading) readBracketedCredit(b *block) (citation, float64) {
	n := len(b.toks)
	end := groupEnd(b.toks, 0)
	if end == 0 || end < n-1 || end == n-1 && b.toks[end].kind != tokPunct {
		return citation{}, 0
	}
	c := rd.r.readCitation(rd.l, b, span{0, end}, inGroup)
	if c.pub.name == "" || c.leftover || c.pub.known == nil && len(c.authors) == 0 && c.headline == "" &&
		b.linkIn(span{0, n}) == "" {
		return citation{}, 0
	}
	return c, 0.65
}

// readLinkedPublication reads a block that is only the name of a publication with a link to the article. The weight is
// 0 if the block is anything else.
func (rd *reading) readLinkedPublication(b *block) (citation, float64) {
	all := span{0, len(b.toks)}
	if !b.isWholly(runLink) || all.hi > 8 {
		return citation{}, 0
	}
	u := articleOnly(b.linkIn(all))
	p := rd.r.publisherOf(rd.l, b.text)
	if u != "" && (p.known != nil && rd.r.coversName(rd.l, b, all) || hostNamed(u, p.name)) {
		return citation{url: u, pub: p}, 0.6
	}
	return citation{}, 0
}

// tailStart returns the token at which a tail credit begins in a block that also contains the end of the passage, as in
// "…but now......more from the Washington Post.", or 0.
func tailStart(b *block, m *match) int {
	for k := m.pub.lo - 1; k > m.clause.lo; k-- {
		if b.toks[k].kind == tokDots {
			return k
		}
	}
	return m.clause.lo
}

// bindTailInBlock adds the tail credit m, whose passage ends in the same block, without the passage. It reports whether
// there is text before the credit.
func (rd *reading) bindTailInBlock(i int, m *match) bool {
	if tailStart(rd.doc.blocks[i], m) == 0 {
		return false
	}
	s := rd.newSource(i, m)
	rd.markCommentary(i)
	rd.keepWithoutPassage(s, false)
	return true
}

// bulletCredit reads a line with a credit, a bullet and a comment, as some Tumblr themes format quotes. It returns the
// position after the bullet, or 0.
func (rd *reading) bulletCredit(b *block) (citation, int) {
	for k := 2; k < min(len(b.toks)-1, 14); k++ {
		if t := b.toks[k]; t.kind == tokPunct && (t.ch == '•' || t.ch == '·') {
			c := rd.r.readCitation(rd.l, b, span{0, k}, inCredit)
			if c.pub.known != nil && len(c.authors) > 0 && !c.leftover && c.headline == "" {
				return c, k + 1
			}
			return citation{}, 0
		}
	}
	return citation{}, 0
}

// isTailCredit reports whether block i is the credit of the passage before it.
func (rd *reading) isTailCredit(i int) bool {
	_, weight := rd.tailCitation(i)
	return weight > 0
}

// bindTail adds the credit in block i, which is below a passage. If the passage has a source, the credit completes that
// source. Otherwise the passage is not certain, and the credit is kept without it. bindTail returns the index of the
// block to continue with, and whether the block is a credit.
func (rd *reading) bindTail(i int) (int, bool) {
	b := rd.doc.blocks[i]
	c, weight := rd.tailCitation(i)
	if weight == 0 {
		return 0, false
	}
	rd.addVias(c.vias)
	if !rd.followsPassage(i) {
		return 0, false
	}
	if f := rd.sourceOfPassage(i - 1); f != nil {
		if f.pub.name == "" || sameName(f.pub.name, c.pub.name) || hostNamed(c.url, f.pub.name) ||
			c.pub.known != nil && f.pub.known == c.pub.known {
			f.merge(c)
			f.creditBlocks = append(f.creditBlocks, i)
			rd.setRole(b, Credit)
			return i + 1, true
		}
		return 0, false
	}
	rd.setRole(b, Credit)
	if _, k := rd.bulletCredit(b); k > 0 {
		if text, _ := rd.trimPassage(b, span{k, len(b.toks)}); text != "" {
			b.ownText = append(b.ownText, text)
			rd.setRole(b, Commentary)
		}
	}
	s := &source{citation: c, convention: "10", weight: weight, kind: Excerpt, creditBlocks: []int{i}, firstBlock: i}
	rd.keepWithoutPassage(s, false)
	return i + 1, true
}

// sourceOfPassage returns the source of the passage that contains block i or the nearest block before it that is not
// boilerplate, or nil.
func (rd *reading) sourceOfPassage(i int) *source {
	k := rd.previousBlock(i + 1)
	if k < 0 || rd.doc.blocks[k].role != Passage || len(rd.sources) == 0 {
		return nil
	}
	return rd.sources[len(rd.sources)-1]
}

// followsPassage reports whether the block before block i may be the end of a passage.
func (rd *reading) followsPassage(i int) bool {
	k := rd.previousBlock(i)
	if k < 0 {
		return false
	}
	b := rd.doc.blocks[k]
	return b.role == Passage || b.role == Commentary && len(b.ownText) == 0
}

// bindTrailingCredit reads a credit in brackets or after a dash at the end of block i: "… (A in X).", "(H | X)",
// "“…” — A". It reports whether there is such a credit.
func (rd *reading) bindTrailingCredit(i int) bool {
	b := rd.doc.blocks[i]
	end := len(b.toks)
	for end > 0 && b.toks[end-1].isPunct(".") {
		end--
	}
	if end < 3 || !b.toks[end-1].isPunct(")]") {
		return rd.bindSignedQuotation(i)
	}
	open := groupStart(b.toks, end)
	return open > 0 && rd.bindTrailingGroup(i, span{open, end})
}

// bindSignedQuotation reads block i as a quotation with its credit after a dash: "“…” — A". It reports whether block i
// has that form.
func (rd *reading) bindSignedQuotation(i int) bool {
	b := rd.doc.blocks[i]
	cut := rd.creditDash(b)
	if cut == 0 || b.toks[0].kind != tokOpen {
		return false
	}
	c := rd.r.readCitation(rd.l, b, span{cut, len(b.toks)}, inCredit)
	if c.empty() || c.leftover {
		return false
	}
	s := &source{citation: c, convention: "10", weight: 0.7, kind: Excerpt, creditBlocks: []int{i}, firstBlock: i,
		marked: true, inline: true}
	s.passages = []string{unquote(b.slice(span{0, cut}))}
	rd.setRole(b, Passage)
	rd.addVias(c.vias)
	rd.addQuote(s)
	return true
}

// groupStart returns the position of the bracket that opens the group before toks[end], or 0 if there is none or the
// group is longer than a credit.
func groupStart(toks []token, end int) int {
	for k := end - 1; k > 0 && k > end-45; k-- {
		if toks[k].isPunct("([") && groupEnd(toks, k) == end {
			return k
		}
	}
	return 0
}

// bindTrailingGroup reads the group in brackets at the end of block i as the credit of a quotation before it, of the
// author's summary, or of a passage that is not certain. It reports whether the group is a credit.
func (rd *reading) bindTrailingGroup(i int, group span) bool {
	b := rd.doc.blocks[i]
	c := rd.r.readCitation(rd.l, b, group, inGroup)
	if c.pub.name == "" || c.leftover || c.guessed && c.headline == "" && len(c.authors) == 0 {
		return false
	}
	s := &source{citation: c, convention: "10", weight: 0.6, kind: Excerpt, creditBlocks: []int{i}, firstBlock: i,
		inline: true}
	quoted := firstQuotation(b.toks[:group.lo])
	switch {
	case !quoted.empty() && quoted.hi >= group.lo-2:
		// “…” (A in X): the passage is the quotation before the brackets.
		s.marked = true
		s.passages = []string{unquote(b.slice(quoted))}
		if quoted.lo > 0 {
			b.ownText = append(b.ownText, b.slice(span{0, quoted.lo}))
		}
		rd.setRole(b, Passage)
		rd.addVias(c.vias)
		rd.addQuote(s)
	case c.headline != "":
		// A headline in brackets is the source of the author's summary.
		s.kind = Summary
		s.inline = false
		rd.markCommentary(i)
		rd.addSource(s)
	case len(c.authors) > 0, c.date.year != 0, c.pub.known != nil && c.pub.known.Agency:
		rd.markCommentary(i)
		rd.keepWithoutPassage(s, false)
	default:
		return false
	}
	return true
}

// firstQuotation returns the first quotation of more than two words, including its marks, or an empty span.
func firstQuotation(toks []token) span {
	for k := range toks {
		if end := quotedEnd(toks, k); end > k+4 {
			return span{k, end}
		}
	}
	return span{}
}
