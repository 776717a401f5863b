package attribution

import (
	"slices"
	"strings"

	"feedpub/feed"
)

// This file checks the links of a credit. A picture, or what the author of the post published elsewhere, is not a
// source.

// isPictureOrOwnText reports whether the URL of s, whose credit is in block b, is that of a picture or of the author's
// own words.
func (rd *reading) isPictureOrOwnText(s *source, b *block) bool {
	return s.url != "" && (isPicture(s.url) || rd.isOwnText(s, b))
}

// maxCrossPost is the maximum number of tokens of a note on where else a post was published.
const maxCrossPost = 30

// isCrossPost reports whether block b, which contains the credit of s, is a note on where else the post was published:
// "This post originally appeared on the Bugle."
func (rd *reading) isCrossPost(s *source, b *block) bool {
	if len(s.passages) > 0 || len(b.toks) > maxCrossPost {
		return false
	}
	for k := range b.toks {
		if phraseEnd(rd.l.crossPosted, b.toks[k:]) > 0 {
			return true
		}
	}
	return false
}

// isPicture reports whether u is the URL of a picture.
func isPicture(u string) bool {
	if i := strings.IndexAny(u, "?#"); i >= 0 {
		u = u[:i]
	}
	return strings.HasPrefix(feed.MediaType(u[strings.LastIndexByte(u, '/')+1:]), "image/")
}

// maxOwnLink is the maximum number of tokens in a link to what the author of the post wrote.
const maxOwnLink = 3

// isOwnText reports whether block b links to the article of s as the author's own words: the text of the link is a verb
// of saying after "I" or "we", as in "I have [asked](…) this on Reddit", or a word for a text after "my" or "our", as
// in "my [article](…)".
func (rd *reading) isOwnText(s *source, b *block) bool {
	return slices.ContainsFunc(b.runs, func(r run) bool {
		if r.kind != runLink || r.value != s.url {
			return false
		}
		k, label := tokensWithin(b.toks, span{0, len(b.toks)}, r)
		if label.empty() || label.hi-label.lo > maxOwnLink {
			return false
		}
		last := b.toks[label.hi-1]
		if rd.l.piece.hasLower(last) && !rd.l.say.has(last.id) {
			return label.hi-label.lo == 1 && k > 0 && rd.l.possessive.has(b.toks[k-1].id)
		}
		if !rd.l.say.hasLower(last) {
			return false
		}
		k = label.hi - 1
		for k > 0 && rd.isAuxiliary(b.toks[k-1]) {
			k-- // "I have [asked](…)"
		}
		return k > 0 && rd.l.subject.has(b.toks[k-1].id)
	})
}

// isAuxiliary reports whether t can be a word such as "have" between "I" and a verb.
func (rd *reading) isAuxiliary(t token) bool {
	return t.kind == tokWord && rd.l.stop.has(t.id) && !rd.l.det.has(t.id) && !rd.isFirstPerson(t)
}
