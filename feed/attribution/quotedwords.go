package attribution

import "slices"

// This file tells words that are quoted from somebody from titles, terms and the author's own words.

// minQuotedWords is the minimum number of words of a quotation within a sentence. Fewer words are a term or a title.
const minQuotedWords = 5

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

// maxSentenceBlock is the maximum number of tokens of a block in which the passage of a credit is searched for.
const maxSentenceBlock = 400

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
