package attribution

import (
	"slices"
	"strings"
)

// This file decides whether a known publication is the origin of a passage or only a subject of the post.

// isNamedAsOrigin reports whether the known publication is named as the origin of the passage, rather than as a
// subject.
func (rd *reading) isNamedAsOrigin(s *source) bool {
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		if lo, at, ok := b.findName(s.pub.name); ok {
			return at.empty() || rd.isOrigin(b, lo, at)
		}
	}
	return true
}

// isOrigin reports whether the given span of block b is the name of an origin: it begins a clause, follows a
// preposition or a verb of saying, or is followed by a verb of saying, a possessive or punctuation. lo is the end of
// the tokens before the name.
func (rd *reading) isOrigin(b *block, lo int, at span) bool {
	for lo > 0 && b.toks[lo-1].kind == tokWord && (rd.l.det.has(b.toks[lo-1].id) || rd.l.epithet.has(b.toks[lo-1].id)) {
		lo--
	}
	if at.hi == len(b.toks) || lo == 0 || rd.isSpeaker(b.toks[at.hi]) || rd.precedesOrigin(b.toks[lo-1]) {
		return true
	}
	// After a word such as "as" or "what", a verb of saying must follow the name: "as the Bugle put it".
	before := b.toks[lo-1]
	return rd.l.stop.has(before.id) && !rd.l.common.has(before.id) && (rd.sayingAfter(b, at.hi) >= 0 ||
		slices.ContainsFunc(b.toks[at.hi:min(at.hi+4, len(b.toks))], func(t token) bool { return rd.l.saying.has(t.id) }))
}

// isVerbOfSaying reports whether t can be a verb such as "writes" or "reported".
func (rd *reading) isVerbOfSaying(t token) bool {
	return rd.l.say.has(t.id) && !rd.l.stop.has(t.id) || rd.l.saidVerb.has(t.id)
}

// isSpeaker reports whether a name before token t is that of a speaker or the owner of a text: t is a verb of saying, a
// word for a text, a possessive or punctuation.
func (rd *reading) isSpeaker(t token) bool {
	return t.kind != tokWord || rd.isVerbOfSaying(t) || rd.l.piece.has(t.id)
}

// precedesOrigin reports whether a name after token t is an origin: t is a preposition such as "from", a verb of
// saying, a part of the name or punctuation.
func (rd *reading) precedesOrigin(t token) bool {
	return t.kind != tokWord || t.upper || slices.ContainsFunc(
		[]*class{rd.l.in, rd.l.from, rd.l.by, rd.l.at, rd.l.on, rd.l.say}, func(c *class) bool { return c.has(t.id) })
}

// sayingAfter returns the index of the first verb of saying from token k to the end of the sentence, or -1.
func (rd *reading) sayingAfter(b *block, k int) int {
	for ; k < len(b.toks); k++ {
		t := b.toks[k]
		if t.kind == tokPunct && strings.ContainsRune(".;!?", t.ch) {
			break
		}
		if end := phraseEnd(rd.l.say, b.toks[k:]); end > 1 || end == 1 && !rd.l.stop.has(t.id) {
			return k
		}
	}
	return -1
}

// isCommonNoun reports whether the two tokens of block b from token i, which follow a known name, show that the name is
// a common noun, as in "the times of Ann Reed". A date may follow a name: "Le Monde du 5 mai".

// isPlacePreposition reports whether the token is a preposition such as "at" or "in".
func (rd *reading) isPlacePreposition(t token) bool {
	return rd.l.in.hasLower(t) || rd.l.at.hasLower(t)
}
