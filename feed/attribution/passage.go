package attribution

import (
	"slices"
	"strings"
)

// startsWithQuotation reports whether the block begins with a quotation rather than a headline in quotation marks: it
// is long, not in title case, ends like a sentence, or precedes a bracket.
func (rd *reading) startsWithQuotation(b *block) bool {
	end := quotedEnd(b.toks, 0)
	if end < 3 {
		return false
	}
	before := b.toks[end-2]
	return end > 16 || !isTitleCase(rd.l, b.toks[1:end-1]) || before.kind == tokDots ||
		before.kind == tokPunct && strings.ContainsRune(".!?", before.ch) ||
		end < len(b.toks) && b.toks[end].kind == tokPunct && b.toks[end].ch == '('
}

// bindText assigns the unmarked blocks that begin at i to s as its passage if both ends of the passage are certain. The
// start is certain if a byline, date or dateline was copied with the passage; the end is certain if the text marks it
// and the voice changes there. Quotation marks around the whole passage make both certain. Otherwise s is kept as a
// credit without a passage. bindText returns the index of the block to continue with.
func (rd *reading) bindText(i int, s *source) int {
	end := rd.passageLimit(i)
	if marked := rd.quotedBlocksEnd(i, end); marked > i {
		s.marked = true
		rd.addPassage(s, i, marked)
		rd.addQuote(s)
		return marked
	}
	if rd.marksQuotations {
		rd.keepWithoutPassage(s, true)
		return i
	}
	at, voices := rd.voicesIn(i, end)
	quoted := quotedParagraphs(voices, rd.commentCost(s))
	if !s.copiedHeader && !rd.startsWithDateline(i) || !rd.endIsCertain(at, quoted, end) {
		// The author of these blocks is unknown, so they are not searched for credits.
		for n, k := range at {
			if !quoted[n] {
				break
			}
			rd.markCommentary(k)
		}
		rd.keepWithoutPassage(s, true)
		return i
	}
	for n, k := range at {
		if quoted[n] {
			rd.addPassage(s, k, k+1)
		} else {
			rd.markCommentary(k)
		}
	}
	for _, b := range rd.doc.blocks[i:end] {
		if b.role == "" {
			rd.setRole(b, Note) // dots that mark an omission within the passage
		}
	}
	rd.addQuote(s)
	return end
}

// voicesIn returns the indexes of the paragraphs in the blocks [i, end) that have no role yet, and their voices.
func (rd *reading) voicesIn(i, end int) (at []int, voices []voice) {
	for k := i; k < end; k++ {
		b := rd.doc.blocks[k]
		if b.role != "" || isElision(b) {
			continue
		}
		v := rd.voiceOf(b, k == rd.lastProse)
		if v.last && rd.commentaryBlocks > 0 {
			v.score += weightEarlier
		}
		at, voices = append(at, k), append(voices, v)
	}
	return at, voices
}

// commentCost returns the cost of a change from the passage of s to commentary.
func (rd *reading) commentCost(s *source) float64 {
	if (s.convention == "9" || s.convention == "11") && rd.commentaryBlocks == 0 {
		return costToCommentWhole
	}
	return costToComment
}

// voiceOf returns the voice of a block, ignoring the notes and link labels at its end.
func (rd *reading) voiceOf(b *block, last bool) voice {
	s := span{0, len(b.toks)}
	for s.hi > 1 {
		cut := rd.trailingNoise(b, s)
		if cut == 0 {
			break
		}
		s.hi -= cut
	}
	return rd.l.voiceOf(b.toks[:s.hi], last)
}

// maxPassage bounds the number of blocks in an unmarked passage. It keeps repeated searches for the end of a passage
// linear in the size of the post.
const maxPassage = 500

// passageLimit returns the index of the first block that cannot be in an unmarked passage that begins at block i: the
// next quotation element, credit, heading or footer.
func (rd *reading) passageLimit(i int) int {
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

// startsCredit reports whether block k is a credit, rather than reported speech within a passage.
func (rd *reading) startsCredit(k int) bool {
	b := rd.doc.blocks[k]
	if rd.readViaLine(b) || rd.isTailCredit(k) {
		return true
	}
	a := rd.analyze(k)
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

// lastProseBlock returns the index of the last block of prose, or -1.
func (rd *reading) lastProseBlock() int {
	for k, v := range slices.Backward(rd.doc.blocks) {
		if b := v; b.role == "" && !rd.readViaLine(b) {
			return k
		}
	}
	return -1
}

// quotedBlocksEnd returns the end of the passage that begins at block i if it is in quotation marks, as a whole or
// block by block. Otherwise it returns i.
func (rd *reading) quotedBlocksEnd(i, end int) int {
	open := rd.doc.blocks[i].toks[0]
	if open.kind != tokOpen {
		return i
	}
	for k := i; k < end; k++ {
		b := rd.doc.blocks[k]
		if b.role != "" || len(b.toks) == 0 {
			continue
		}
		toks := withoutFinalMarks(b.toks)
		if b.opensWith(open.ch) {
			if inner := quotedEnd(toks, 0); inner > 0 && inner < len(toks) {
				return i // “We know,” he said: speech at the start of a paragraph, not a quoted passage
			}
		}
		if last := toks[len(toks)-1]; last.kind != tokClose || !isClosing(open.ch, last.ch) {
			continue
		}
		// Each paragraph may have its own pair of marks.
		if k+1 == end || rd.doc.blocks[k+1].role != "" || !rd.doc.blocks[k+1].opensWith(open.ch) {
			return k + 1
		}
	}
	return i
}

// opensWith reports whether the block begins with the opening quotation mark.
func (b *block) opensWith(mark rune) bool {
	return len(b.toks) > 0 && b.toks[0].kind == tokOpen && b.toks[0].ch == mark
}

// withoutFinalMarks returns toks without the dots and punctuation marks at its end, but at least the first token.
func withoutFinalMarks(toks []token) []token {
	n := len(toks)
	for n > 1 && (toks[n-1].kind == tokDots || toks[n-1].kind == tokPunct) {
		n--
	}
	return toks[:n]
}

// addPassage adds the blocks [i, end) that have no role yet to the passage of s.
func (rd *reading) addPassage(s *source, i, end int) {
	for k := i; k < end; k++ {
		b := rd.doc.blocks[k]
		if b.role != "" && b.role != Code {
			continue
		}
		if isElision(b) {
			rd.setRole(b, Note)
			continue
		}
		text, whole := rd.trimPassage(b, span{0, len(b.toks)})
		if text == "" {
			rd.setRole(b, Note)
			continue
		}
		rd.setRole(b, Passage)
		s.passages = append(s.passages, text)
		if whole {
			s.passageBlocks = append(s.passageBlocks, k)
		} else {
			s.inline = true
			s.creditBlocks = append(s.creditBlocks, k)
		}
	}
}

// trimPassage returns the text of the span without the notes, link labels and vias at its end. whole reports whether
// the span is the whole block and nothing except notes was removed.
func (rd *reading) trimPassage(b *block, s span) (text string, whole bool) {
	whole = s.lo == 0 && s.hi == len(b.toks)
	if cite := rd.citeAtEnd(b); cite > s.lo && s.hi == len(b.toks) {
		s.hi, whole = cite, false
	}
	for s.lo < s.hi {
		cut := rd.trailingNoise(b, s)
		if cut == 0 {
			break
		}
		note := b.toks[s.hi-cut].kind == tokPunct
		s.hi -= cut
		whole = whole && note
	}
	return b.slice(s), whole
}

// trailingNoise returns the number of tokens at the end of the span that are a note, a via or a link label, or 0. It
// adds the vias.
func (rd *reading) trailingNoise(b *block, s span) int {
	if !b.marks.brackets {
		return rd.trailingLabel(b, s)
	}
	if k := finalBracket(b.toks, s); k > 0 && (rd.readViaInBrackets(b, s, k) || rd.hasNoteWord(b.toks[k:s.hi])) {
		return s.hi - k
	}
	return rd.trailingLabel(b, s)
}

// finalBracket returns the position of the opening bracket if the span ends in brackets, as in "[Emphasis added]" and
// "(via X).", or 0. One punctuation mark may follow the closing bracket.
func finalBracket(toks []token, s span) int {
	for k := s.hi - 1; k > s.lo && k > s.hi-16; k-- {
		if !isMark(toks, k, '[') && !isMark(toks, k, '(') {
			continue
		}
		if end := groupEnd(toks[:s.hi], k); end == s.hi || end == s.hi-1 && toks[end].kind == tokPunct {
			return k
		}
		return 0
	}
	return 0
}

// hasNoteWord reports whether one of the tokens is a word of an editor's note, such as "emphasis".
func (rd *reading) hasNoteWord(toks []token) bool {
	return slices.ContainsFunc(toks, func(t token) bool { return rd.l.note.has(t.id) })
}

// trailingLabel returns the number of tokens at the end of the span that are a link label, such as "Read more", or 0.
func (rd *reading) trailingLabel(b *block, s span) int {
	var buf [4]int
	for k := s.hi - 1; k > s.lo && k > s.hi-7; k-- {
		if b.toks[k-1].kind == tokWord {
			continue
		}
		for _, end := range rd.l.more.phraseEnds(b.toks[:s.hi], k, buf[:0]) {
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

// addQuote adds s to the sources if it has a passage and has not been added yet.
func (rd *reading) addQuote(s *source) {
	if len(s.passages) > 0 && !s.added {
		s.added = true
		rd.addSource(s)
		rd.lastQuoted = s
		rd.mentioned = nil
	}
}

// bindPassageInLine makes the text after the credit in block i the passage of s if it is in quotation marks or
// emphasized. It returns the index of the block to continue with.
func (rd *reading) bindPassageInLine(i int, rest span, s *source) int {
	b := rd.doc.blocks[i]
	rd.setRole(b, Passage)
	s.inline = true
	if b.toks[rest.lo].kind == tokOpen {
		if end := quotedEnd(b.toks[:rest.hi], rest.lo); end > 0 {
			s.marked = true
			s.passages = append(s.passages, unquote(b.slice(span{rest.lo, end})))
			after := rd.bindFurtherQuotations(b, span{end, rest.hi}, s)
			rd.readTrailingVia(b, after)
			if text, _ := rd.trimPassage(b, after); hasWords(b.toks[after.lo:after.hi]) && text != "" {
				b.ownText = append(b.ownText, text)
			}
			rd.addQuote(s)
			return i + 1
		}
	}
	// Some sites set the passage in italics.
	if end := rd.emphasisEnd(b, rest); end > 0 && end < rest.hi {
		s.marked = true
		rd.bindEmphasizedText(b, rest, s)
		rd.addQuote(s)
		return i + 1
	} else if end == rest.hi {
		s.marked = true
	}
	if !s.marked {
		b.ownText = nil
		s.inline = false
		rd.markCommentary(i)
		rd.keepWithoutPassage(s, false)
		return i + 1
	}
	text, _ := rd.trimPassage(b, rest)
	s.passages = append(s.passages, text)
	return rd.bindEmphasizedBlocks(i, s)
}

// bindEmphasizedBlocks adds the emphasized blocks after block i to a passage that began in it. It returns the index of
// the block to continue with.
func (rd *reading) bindEmphasizedBlocks(i int, s *source) int {
	end := rd.passageLimit(i)
	k := i + 1
	for ; k < end; k++ {
		c := rd.doc.blocks[k]
		if c.role != "" || isElision(c) {
			continue
		}
		if !c.isWholly(runEmphasis) {
			break
		}
		rd.addPassage(s, k, k+1)
	}
	if k < end && rd.emphasisEnd(rd.doc.blocks[k], span{0, len(rd.doc.blocks[k].toks)}) > 0 {
		// The emphasized text ends within this block.
		rd.setRole(rd.doc.blocks[k], Passage)
		rd.bindEmphasizedText(rd.doc.blocks[k], span{0, len(rd.doc.blocks[k].toks)}, s)
		k++
	}
	rd.addQuote(s)
	return k
}

// emphasisEnd returns the position after the emphasized run at the start of the span, or 0.
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

// bindFurtherQuotations adds the other quotations from the same source in the block, as in: "…" From the report: "…".
// It returns the rest of the span.
func (rd *reading) bindFurtherQuotations(b *block, rest span, s *source) span {
	for k := rest.lo; k < rest.hi-1 && k < rest.lo+14; k++ {
		if !announces(b.toks[k]) || b.toks[k+1].kind != tokOpen {
			continue
		}
		end := quotedEnd(b.toks[:rest.hi], k+1)
		m := rd.matcherFor(b).bestMatch(span{rest.lo, k + 1})
		if end == 0 || m == nil || m.rule.position != positionBack {
			return rest
		}
		s.passages = append(s.passages, unquote(b.slice(span{k + 1, end})))
		rest.lo = end
		k = end - 1
	}
	return rest
}

// bindEmphasizedText adds the emphasized parts of the span to the passage of s. The text between them either introduces
// the next part ("From the report:") or is the author's own.
func (rd *reading) bindEmphasizedText(b *block, rest span, s *source) {
	s.inline = true
	own := span{rest.lo, rest.lo}
	leads := false
	flush := func() {
		if !own.empty() && !leads && hasWords(b.toks[own.lo:own.hi]) {
			b.ownText = append(b.ownText, b.slice(own))
		}
	}
	for k := rest.lo; k < rest.hi; {
		end := 0
		if k == rest.lo || leads {
			end = rd.emphasisEnd(b, span{k, rest.hi})
		}
		if end > k {
			flush()
			s.passages = append(s.passages, b.slice(span{k, end}))
			k, own, leads = end, span{end, end}, false
			continue
		}
		k++
		own.hi = k
		if announces(b.toks[k-1]) {
			m := rd.matcherFor(b).bestMatch(own)
			leads = m != nil && m.rule.position == positionBack
		}
	}
	flush()
}

// bindInline adds the source of match m, whose passage is in quotation marks within the same sentence.
func (rd *reading) bindInline(i int, m *match) {
	b := rd.doc.blocks[i]
	s := rd.newSource(i, m)
	q := m.quote
	if q.empty() {
		rd.markCommentary(i)
		return
	}
	s.inline, s.marked = true, true
	s.passages = []string{unquote(b.slice(q))}
	between := span{m.pub.hi, q.lo}
	if q.hi <= m.pub.lo {
		between = span{q.hi, m.pub.lo}
	}
	s.doubtful = rd.isQuotedName(b, q) || rd.isDoubtful(b, between)
	rd.setRole(b, Passage)
	if m.clause.lo > 0 {
		b.ownText = append(b.ownText, b.slice(span{0, m.clause.lo}))
	}
	if m.clause.hi < len(b.toks) {
		b.ownText = append(b.ownText, b.slice(span{m.clause.hi, len(b.toks)}))
	}
	rd.addQuote(s)
}

// isTitleCase reports whether most of the longer words are capitalized, as in English headlines. It is always true for
// other languages.
func isTitleCase(l *language, toks []token) bool {
	upper, all := 0, 0
	if l.name != fallback {
		return true
	}
	for i := range toks {
		t := &toks[i]
		if t.kind == tokWord && !t.digit && t.end-t.start > 3 && i > 0 && !l.stop.has(t.id) {
			all++
			if t.upper {
				upper++
			}
		}
	}
	return all == 0 || upper*3 >= all*2
}
