package attribution

import (
	"slices"
	"strings"
)

// This file checks a credit against the place of its link and its passage: the sentence before a quotation element
// decides where the quotation is from.

// takeLinkOfLead reports whether the paragraph above a quotation element allows the URL of s as the source of the
// quotation. If the last sentence of the paragraph has links, the URL must be one of them or have the same host. A link
// on a verb of saying, as in "Ann Reed recently wrote", replaces the URL of s. The credit is in the block with index
// at.
func (rd *reading) takeLinkOfLead(s *source, at int) bool {
	lead := rd.leadOf(s, at)
	if lead == nil || s.url == "" || s.convention == "cite" {
		return true
	}
	n := len(lead.toks)
	in := rd.sentenceAround(lead.toks, span{n - 1, n})
	linked, found := false, false
	for _, r := range lead.runs {
		_, within := tokensWithin(lead.toks, in, r)
		if r.kind != runLink || within.empty() || hostOf(r.value) == "" {
			continue
		}
		same := hostOf(r.value) == hostOf(s.url)
		if !same && mayBeArticle(r.value) && rd.isSaying(lead.toks[within.lo:within.hi]) {
			s.url = r.value
			return s.pub.name == "" || strings.Contains(lead.slice(in), s.pub.name) // otherwise, the name belongs to the old URL
		}
		linked, found = true, found || same
	}
	return found || !linked
}

// isLinkOfSentence reports whether the sentence around the passage of s, which is part of block b, allows the URL of s
// as its source. If the sentence with the passage has links outside the passage, the URL must be one of them or have
// the same host.
func (rd *reading) isLinkOfSentence(s *source, b *block) bool {
	if len(s.passages) == 0 || len(s.passageBlocks) > 0 || s.url == "" || s.convention == "cite" {
		return true
	}
	_, at, ok := b.findName(s.passages[0])
	return !ok || at.empty() || rd.isLinkBeside(s, b, at)
}

// isLinkBeside reports whether the sentence around the given span of block b, the passage of s, has a link to the host
// of the URL of s or none outside the passage.
func (rd *reading) isLinkBeside(s *source, b *block, at span) bool {
	in := rd.sentenceAround(b.toks, at)
	linked := false
	for _, r := range b.runs {
		_, within := tokensWithin(b.toks, in, r)
		if r.kind != runLink || within.empty() || hostOf(r.value) == "" {
			continue
		}
		if hostOf(r.value) == hostOf(s.url) {
			return true
		}
		linked = linked || within.hi <= at.lo || within.lo >= at.hi
	}
	return !linked
}

// isReference reports whether s, whose credit is in the block with index at, has no passage and is an entry of a
// bibliography: the block begins with a number in square brackets, or is below a heading such as "References".
func (rd *reading) isReference(s *source, at int) bool {
	if len(s.passages) > 0 {
		return false
	}
	if b := rd.doc.blocks[at]; b.hasFootnote(0) {
		return true
	}
	if rd.references == nil {
		rd.references = make([]bool, len(rd.doc.blocks))
		below := false
		for i, b := range rd.doc.blocks {
			n := len(b.toks)
			for n > 0 && b.toks[n-1].kind == tokPunct {
				n--
			}
			if isHeading(b.elem) || n <= 4 && (b.isWholly(runBold) || n < len(b.toks)) {
				var ends [4]int
				below = n > 0 && slices.Contains(rd.l.references.phraseEnds(b.toks, 0, ends[:0]), n)
			}
			rd.references[i] = below
		}
	}
	return rd.references[at]
}

// leadOf returns the block directly above the passage of s. It returns nil if the passage is not a quotation element,
// or if the credit, which is in the block with index at, is below it.
func (rd *reading) leadOf(s *source, at int) *block {
	if len(s.passageBlocks) == 0 {
		return nil
	}
	first := s.passageBlocks[0]
	if first == 0 || at > first || rd.doc.blocks[first].quotation == nil {
		return nil
	}
	if lead := rd.doc.blocks[first-1]; lead.quotation == nil && len(lead.toks) > 0 {
		return lead
	}
	return nil
}

// isSaying reports whether the tokens of a link are a verb of saying, perhaps after an adverb.
func (rd *reading) isSaying(toks []token) bool {
	said := false
	for _, t := range toks {
		if t.upper {
			return false
		}
		said = said || rd.l.say.has(t.id) && !rd.l.stop.has(t.id)
	}
	return said && len(toks) <= 4
}

// withoutAdverb returns the name without adverbs at its end.
func (rd *reading) withoutAdverb(name string) string {
	toks := rd.r.lx.tokenize(name, nil)
	n := len(toks)
	for n > 1 && !toks[n-1].upper && rd.l.again.has(toks[n-1].id) {
		n--
	}
	if n == len(toks) {
		return name
	}
	return name[:toks[n-1].end]
}

// isMediaHost reports whether u, a URL or a domain, belongs to a site that hosts videos, slides, pictures, code or the
// posts of others, and publishes nothing itself.
func isMediaHost(u string) bool {
	h := hostOf(u)
	if h == "" {
		h = u
	}
	return slices.ContainsFunc(strings.Split(h, "."), func(l string) bool { return mediaHosts[l] })
}

// mediaHosts lists labels in the host names of sites that host videos, slides, pictures, code or the posts of others.
var mediaHosts = map[string]bool{
	"bitbucket": true, "bsky": true, "codeberg": true, "codepen": true, "dailymotion": true, "flickr": true,
	"github": true, "gitlab": true, "imgur": true, "instagram": true, "mastodon": true, "slideshare": true,
	"soundcloud": true, "sourceforge": true, "speakerdeck": true, "vimeo": true, "youtu": true, "youtube": true,
}
