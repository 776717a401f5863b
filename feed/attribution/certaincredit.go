package attribution

import (
	"slices"
	"strings"
)

// certainBonus is added to the evidence, in weight units, for a credit that needs no further evidence: a work and its
// author next to a marked quotation, or a known publication in a sentence that quotes it.
const certainBonus = 150

// bonus returns the weight that is added to the evidence for s, which is a reading of the candidate's source.
func (rd *reading) bonus(c *candidate, s *source) int {
	if rd.isCitedWork(c, s) {
		return certainBonus
	}
	return 0
}

// maxWorkCredit is the maximum number of tokens in the credit of a work, and maxBesideWork is the maximum number of
// tokens in it that are part of neither the title nor the authors.
const maxWorkCredit, maxBesideWork = 20, 6

// isCitedWork reports whether the credit of s consists of a person and the title of a work, which is emphasized or in
// quotation marks, directly above or below a quotation element: "Ann Reed, in *The Salt Road*:".
func (rd *reading) isCitedWork(c *candidate, s *source) bool {
	title, authors := c.workOf(s)
	if title == "" || s.pub.name != "" && !sameName(s.pub.name, title) || !slices.ContainsFunc(authors, rd.isPersonLike) {
		return false
	}
	b := rd.creditBeside(c, s)
	if b == nil {
		return false
	}
	_, at, ok := b.findName(title)
	if !ok || at.empty() || !b.toks[at.lo].upper {
		return false
	}
	names := len(rd.r.lx.tokenize(strings.Join(authors, " "), nil))
	return len(b.toks)-(at.hi-at.lo)-names <= maxBesideWork &&
		(b.isEmphasized(at) || at.lo > 0 && b.toks[at.lo-1].kind == tokOpen)
}

// workOf returns the title and the authors of the work that s credits. Those that s lacks are taken from the learned
// reading of the candidate.
func (c *candidate) workOf(s *source) (title string, authors []string) {
	title, authors = s.headline, s.authors
	if c.learned == nil {
		return title, authors
	}
	if title == "" {
		title = c.learned.headline
	}
	if len(authors) == 0 {
		authors = c.learned.authors
	}
	return title, authors
}

// creditBeside returns the block of the credit of s if it is a short line directly below the quotation element that the
// rules found as the passage, or directly above it and announces it. Otherwise it returns nil.
func (rd *reading) creditBeside(c *candidate, s *source) *block {
	if c.rule == nil || len(c.rule.passageBlocks) == 0 || len(s.creditBlocks) != 1 {
		return nil
	}
	at, first, last := s.creditBlocks[0], c.rule.passageBlocks[0], c.rule.passageBlocks[len(c.rule.passageBlocks)-1]
	b := rd.doc.blocks[at]
	n := len(b.toks)
	if rd.doc.blocks[first].quotation == nil || n == 0 || n > maxWorkCredit {
		return nil
	}
	if at == last+1 || at == first-1 && announces(b.toks[n-1]) {
		return b
	}
	return nil
}

// minQuotedWords is the minimum number of words of a quotation within a sentence. Fewer words are a term or a title.
const minQuotedWords = 5

// sentenceIn returns the clause up to the end of a quotation that ends a sentence, if another sentence follows it.
func (b *block) sentenceIn(clause span) span {
	for k := clause.lo; k < clause.hi; k++ {
		end := quotedEnd(b.toks[:clause.hi], k)
		if end == 0 {
			continue
		}
		if end < clause.hi && end > 1 && endsSentence(b.toks[end-1], b.toks[end-2]) && b.toks[end].upper {
			return span{clause.lo, end}
		}
		k = end - 1
	}
	return clause
}

// isDoubtful reports whether the quoted words in the sentence may be the author's own or a title: outside quotation
// marks, the sentence contains a pronoun in the first person, a dash, or a word such as "but", "not" or "would".
func (rd *reading) isDoubtful(b *block, sentence span) bool {
	for k := sentence.lo; k < sentence.hi; k++ {
		t := b.toks[k]
		if end := quotedEnd(b.toks[:sentence.hi], k); end > 0 {
			if countWords(b.toks[k:end]) >= minQuotedWords && rd.isQuotedName(b, span{k, end}) {
				return true
			}
			k = end - 1
			continue
		}
		if rd.isFirstPerson(t) || rd.l.contrast.has(t.id) || t.kind == tokDash ||
			t.kind == tokPunct && (t.ch == '?' || t.ch == ';') {
			return true
		}
	}
	return false
}

// hasSecondSpeaker reports whether "and", a capitalized word and a verb of saying follow each other in the span.
// Somebody else may have said what is quoted after them: The Guardian writes about it, and Anna says.
func (rd *reading) hasSecondSpeaker(b *block, s span) bool {
	and := false
	for k := s.lo; k < s.hi; k++ {
		t := b.toks[k]
		switch {
		case and && !t.upper && rd.l.say.has(t.id):
			return true
		case rd.l.and.has(t.id) && k+1 < s.hi && b.toks[k+1].upper:
			and = true
		}
	}
	return false
}

// countWords returns the number of words among the tokens.
func countWords(toks []token) int {
	n := 0
	for _, t := range toks {
		if t.kind == tokWord {
			n++
		}
	}
	return n
}

// isQuotedName reports whether the quotation is a title: it is in title case, or follows a word for a text such as
// "article" or a word such as "titled".
func (rd *reading) isQuotedName(b *block, quotation span) bool {
	inner := b.toks[quotation.lo+1 : quotation.hi-1]
	if rd.l.name == fallback && len(inner) > 3 && inner[0].upper && isTitleCase(rd.l, inner) {
		return true
	}
	if quotation.lo == 0 {
		return false
	}
	before := b.toks[quotation.lo-1].id
	return rd.l.piece.has(before) || rd.l.titled.has(before)
}

// sentenceQuotation is a sentence that names a publication and quotes it.
type sentenceQuotation struct {
	b        *block
	sentence span
	passages []string
}

// minNamed is the certainty, in hundredths, below which a block does not count as naming a candidate.
const minNamed = 15

// quoteSentences finds the passages of the candidates that name a known publication in a sentence that quotes it, such
// as: According to the Guardian, "…". Such a candidate is more certain.
func (rd *reading) quoteSentences(cs []*candidate) {
	names := make(map[int]int) // by block: the number of candidates that it names
	for _, c := range cs {
		if len(c.source.creditBlocks) > 0 && c.certainty >= minNamed {
			names[c.source.creditBlocks[0]]++
		}
	}
	for _, c := range cs {
		s := c.source
		if len(s.creditBlocks) != 1 || c.certainty < minNamed || names[s.creditBlocks[0]] > 1 || len(s.passageBlocks) > 0 || s.structured || c.keepsPassage() {
			continue
		}
		if c.sentence = rd.sentenceOf(s); c.sentence == nil {
			continue
		}
		for _, r := range c.sources {
			if r.source == s {
				c.certainty = rd.r.model.source.certainty(r.evidence, rd.handicap(c)-certainBonus)
			}
		}
		c.passageCertain = maxCertainty
	}
}

// maxSentenceBlock is the maximum number of tokens of a block in which the passage of a credit is searched for.
const maxSentenceBlock = 400

// sentenceOf returns the sentence that names the known publication of s and quotes it, or nil.
func (rd *reading) sentenceOf(s *source) *sentenceQuotation {
	b := rd.doc.blocks[s.creditBlocks[0]]
	if s.pub.known == nil || !b.mayQuoteInSentence() {
		return nil
	}
	lo, at, ok := b.findName(s.pub.name)
	if !ok || at.empty() {
		return nil
	}
	in := rd.sentenceWith(b, at)
	if in.empty() || announces(b.toks[in.hi-1]) || rd.isDoubtful(b, in) || !rd.isQuotedIn(s, b, in, lo) || !rd.namesOnly(s, b, in) {
		return nil
	}
	if q := rd.quotationsIn(b, in); len(q) > 0 && !slices.Contains(q, s.headline) {
		return &sentenceQuotation{b: b, sentence: in, passages: q}
	}
	return nil
}

// mayQuoteInSentence reports whether a sentence of the block may quote its source: the block is a paragraph of prose,
// and not too long to search.
func (b *block) mayQuoteInSentence() bool {
	return b.quotation == nil && !b.list && !isHeading(b.elem) && len(b.toks) <= maxSentenceBlock &&
		(b.role == "" || b.role == Commentary || b.role == Passage)
}

// sentenceWith returns the sentence of block b that contains the given tokens, or an empty span.
func (rd *reading) sentenceWith(b *block, at span) span {
	in := span{}
	rd.r.clauses(rd.l, b.toks, func(c span) bool {
		if c.lo <= at.lo && at.hi <= c.hi {
			in = b.sentenceIn(c)
		}
		return in.empty()
	})
	if at.hi > in.hi {
		return span{}
	}
	return in
}

// isQuotedIn reports whether the sentence says that the publication of s, or an author in it, said what the sentence
// quotes. The name of the publication is preceded by the tokens up to the index before.
func (rd *reading) isQuotedIn(s *source, b *block, in span, before int) bool {
	for before > in.lo && (rd.l.det.has(b.toks[before-1].id) || rd.l.epithet.has(b.toks[before-1].id)) {
		before--
	}
	verbs := rd.verbsOfSaying(b, in)
	if verbs > 1 {
		return false // of two speakers
	}
	if rd.isCitingBefore(b, before) || rd.hasCiting(b, span{in.lo, before}) {
		return true
	}
	return verbs == 1 && (before == in.lo || rd.isSubjectAfter(s, b.toks[before-1], before-in.lo))
}

// verbsOfSaying returns the number of verbs of saying in the sentence, outside quotation marks.
func (rd *reading) verbsOfSaying(b *block, in span) int {
	verbs := 0
	for k := in.lo; k < in.hi; k++ {
		t := b.toks[k]
		if end := quotedEnd(b.toks[:in.hi], k); end > 0 {
			k = end - 1
		} else if !t.upper && rd.l.say.has(t.id) && !rd.l.stop.has(t.id) {
			verbs++
		}
	}
	return verbs
}

// isSubjectAfter reports whether the publication of s can be the origin of the quotation in a sentence in which its
// name follows token t, the n-th token of the sentence, counted from 1. After "of" or "in", an author says it, or the
// sentence begins with these words.
func (rd *reading) isSubjectAfter(s *source, t token, n int) bool {
	switch {
	case rd.l.say.has(t.id), t.kind == tokPunct && t.ch == ',', t.kind == tokClose:
		return true
	case len(s.authors) > 0:
		return rd.l.at.has(t.id) || rd.l.employ.has(t.id) || t.kind == tokPoss
	default:
		return rd.l.at.has(t.id) && !rd.l.genitive.has(t.id) && n <= 2
	}
}

// hasCiting reports whether the tokens of the span begin with a phrase such as "according to".
func (rd *reading) hasCiting(b *block, s span) bool {
	var ends [4]int
	return len(rd.l.citing.phraseEnds(b.toks[:s.hi], s.lo, ends[:0])) > 0
}

// isCitingBefore reports whether a phrase such as "according to" ends before token i.
func (rd *reading) isCitingBefore(b *block, i int) bool {
	var ends [4]int
	for k := max(0, i-2); k < i; k++ {
		if slices.Contains(rd.l.citing.phraseEnds(b.toks, k, ends[:0]), i) {
			return true
		}
	}
	return false
}

// namesOnly reports whether the capitalized words of the sentence that are outside quotation marks are its first word
// or parts of the names in the credit. In German, which capitalizes nouns, it only looks for known publications.
func (rd *reading) namesOnly(s *source, b *block, in span) bool {
	for k := in.lo; k < in.hi; k++ {
		t := b.toks[k]
		if end := quotedEnd(b.toks[:in.hi], k); end > 0 {
			k = end - 1
			continue
		}
		if !t.upper || k == in.lo || rd.l.month(t.id) > 0 || rd.l.weekday.has(t.id) {
			continue
		}
		word := b.text[t.start:t.end]
		if strings.Contains(s.pub.name, word) || slices.ContainsFunc(s.authors, func(a string) bool { return strings.Contains(a, word) }) {
			continue
		}
		if !rd.l.nouns || rd.r.pubs.knownPrefix(b.toks[k:in.hi], false) > 0 {
			return false
		}
	}
	return true
}

// maxBetweenQuotations is the maximum number of tokens between two quotations that form one passage in a sentence.
const maxBetweenQuotations = 4

// quotationsIn returns the quotations of at least minQuotedWords words in the sentence, or nil if more than a few words
// separate two of them.
func (rd *reading) quotationsIn(b *block, in span) []string {
	var found []string
	last := 0
	for k := in.lo; k < in.hi; k++ {
		end := quotedEnd(b.toks[:in.hi], k)
		if end == 0 {
			continue
		}
		if countWords(b.toks[k:end]) >= minQuotedWords {
			if len(found) > 0 && k-last > maxBetweenQuotations {
				return nil
			}
			found = append(found, unquote(strings.TrimRight(b.slice(span{k, end}), ",;")))
			last = end
		}
		k = end - 1
	}
	return found
}

// takeSentence makes the quotations in the sentence of the candidate's credit its passage.
func (rd *reading) takeSentence(c *candidate) {
	s, q := c.source, c.sentence
	s.passages, s.passageBlocks, s.inline, s.marked, s.kind = q.passages, nil, true, true, Excerpt
	rd.setRole(q.b, Passage)
	q.b.ownText = nil
	for _, own := range []span{{0, q.sentence.lo}, {q.sentence.hi, len(q.b.toks)}} {
		if !own.empty() {
			q.b.ownText = append(q.b.ownText, q.b.slice(own))
		}
	}
}
