package attribution

import (
	"slices"
	"strings"

	"feedpub/feed"
)

// This file checks a credit against the place of its link and its passage: the sentence before a quotation element
// decides where the quotation is from, the name after "via" is not its source, and a passage in the author's own
// sentence is not a quotation.

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

// isOtherSpeaker reports whether the last sentence of the paragraph above the passage of s begins with the name of a
// person who is not an author of s, and neither names nor links to s: "The Bugle wrote about it. Ann Reed answers:".
// The credit is in the block with index at.
func (rd *reading) isOtherSpeaker(s *source, at int) bool {
	b := rd.leadOf(s, at)
	if b == nil || s.convention == "cite" {
		return false
	}
	n := len(b.toks)
	in := rd.sentenceAround(b.toks, span{n - 1, n})
	name := span{in.lo, min(rd.l.nameEnd(b.toks, in.lo), in.hi)}
	if name.empty() || name.hi == in.hi || b.toks[name.hi].kind != tokWord || b.linkIn(in) != "" || rd.containsName(s, b.slice(in)) {
		return false
	}
	person := b.slice(name)
	if name.hi-name.lo == 1 {
		person = rd.fullName(person)
	}
	return rd.isPersonLike(person) && !slices.ContainsFunc(s.authors, func(a string) bool { return strings.Contains(a, b.slice(name)) })
}

// takeNearerLink makes the last link of the sentence before the passage of s the source, if that sentence has a link to
// the article of s and, after it, a link to an article on a different site that no name in the credit has: "After [the
// Bugle](…) wrote about it, [Ann Reed](…) answered:". The credit is in the block with index at. It reports false if the
// text of that link names no known publication and no person.
func (rd *reading) takeNearerLink(s *source, at int) bool {
	b := rd.leadOf(s, at)
	if b == nil || s.url == "" || s.convention == "cite" {
		return true
	}
	n := len(b.toks)
	link, ok := rd.linkAfter(s, b, rd.sentenceAround(b.toks, span{n - 1, n}))
	if !ok {
		return true
	}
	label := b.text[link.start:link.end]
	known := rd.r.pubs.byHost(link.value)
	if known == nil && !rd.isPersonLike(label) {
		return false
	}
	s.citation = citation{url: link.value, date: s.date}
	if known != nil {
		s.pub = publisher{name: known.Name, known: known}
	} else {
		s.authors = []string{label}
	}
	return true
}

// linkAfter returns the link to an article on a different site that follows the URL of s in the given sentence of block
// b. The text of the link must be a name, a title or a word for a text, must not contain a name of s, and must not
// follow "via".
func (rd *reading) linkAfter(s *source, b *block, in span) (last run, ok bool) {
	after := -1
	for _, r := range b.runs {
		_, at := tokensWithin(b.toks, in, r)
		switch {
		case r.kind != runLink || at.empty():
		case r.value == s.url:
			after = at.hi
		case after >= 0 && at.lo > after && !rd.l.viaWord.has(b.toks[at.lo-1].id) && rd.isOtherArticle(s, b, r, at):
			last, ok = r, true
		}
	}
	return last, ok
}

// isOtherArticle reports whether the link r, which is in the given span of block b, leads to an article on a site other
// than that of s, and its text is a name, a title or a word for a text that has nothing in common with the credit.
func (rd *reading) isOtherArticle(s *source, b *block, r run, at span) bool {
	if sameSite(r.value, s.url) || articleOnly(r.value) == "" || !isArticleOfSite(r.value) {
		return false
	}
	label := b.text[r.start:r.end]
	if rd.containsName(s, label) || s.headline != "" && strings.Contains(label, s.headline) {
		return false
	}
	first := b.toks[at.lo]
	return !rd.isFirstPerson(first) && (first.upper || rd.l.piece.has(b.toks[at.hi-1].id) || rd.r.pubs.byHost(r.value) != nil)
}

// takeLinkOfSentence reports whether the sentence around the passage of s, which is part of block b, allows the URL of s
// as its source. If the sentence with the passage has links outside the passage, the URL must be one of them or have
// the same host.
func (rd *reading) takeLinkOfSentence(s *source, b *block) bool {
	if len(s.passages) == 0 || len(s.passageBlocks) > 0 || s.url == "" || s.convention == "cite" {
		return true
	}
	_, at, ok := b.findName(s.passages[0])
	return !ok || at.empty() || rd.isLinkBeside(s, b, at)
}

// isLinkBeside reports whether the sentence around the given span of block b, the passage of s, has a link to the host
// of the URL of s or none outside the passage. A link on what the author of s says before the passage replaces the URL
// and the publication of s.
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
		if within.hi <= at.lo && rd.isLinkOfSpeaker(s, b, r, within) {
			s.url, s.pub = r.value, publisher{}
			return true
		}
		linked = linked || within.hi <= at.lo || within.lo >= at.hi
	}
	return !linked
}

// isLinkOfSpeaker reports whether the link r, whose text is the given span of block b, is on what an author of s says,
// as the first link in "Ann Reed [writes](…) about [the box of the Bugle](…): “…”" is, and no preposition before the
// name of the publication makes that the place of the words, as in "Ann Reed [writes](…) in the Bugle".
func (rd *reading) isLinkOfSpeaker(s *source, b *block, r run, in span) bool {
	if !mayBeArticle(r.value) || !rd.isSaying(b.toks[in.lo:in.hi]) {
		return false
	}
	if slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return c.before > 0 && (rd.l.at.has(c.b.toks[c.before-1].id) || rd.l.in.has(c.b.toks[c.before-1].id)) &&
			!rd.l.genitive.has(c.b.toks[c.before-1].id)
	}) {
		return false
	}
	return b.endOfNames(s.authors, in.lo+1) == in.lo
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

// isFoundThere reports whether the article or the publication of s follows "via" at the beginning of a sentence, before
// a comma and the rest of the sentence, as in "Via the Bugle, Ann Reed writes". If it does, a linked publication
// becomes a via.
func (rd *reading) isFoundThere(s *source) bool {
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		for i := range b.toks {
			names := rd.namesOfVia(b, i)
			if names.empty() {
				continue
			}
			link := b.linkIn(names)
			named := s.pub.name != "" && strings.Contains(b.slice(names), s.pub.name)
			if s.url != "" && link != s.url || s.url == "" && !named {
				continue
			}
			if s.pub.name != "" && link != "" {
				rd.addVias([]feed.Via{{Name: s.pub.name, URL: link}})
			}
			return true
		}
	}
	return false
}

// isViaInBrackets reports whether the publication of s is a via in brackets after a link to a different site: "[Harbour
// Notes](…) (via [The Bugle](…))".
func (rd *reading) isViaInBrackets(s *source, b *block) bool {
	if s.pub.name == "" {
		return false
	}
	_, name, ok := b.findName(s.pub.name)
	if !ok || name.lo < 2 || !isMark(b.toks, name.lo-2, '(') || !rd.l.viaWord.has(b.toks[name.lo-1].id) {
		return false
	}
	return slices.ContainsFunc(b.runs, func(r run) bool {
		return r.kind == runLink && r.end <= b.toks[name.lo-1].start && hostOf(r.value) != hostOf(s.url)
	})
}

// namesOfVia returns the tokens between "via" at token i, which must begin a sentence, and the comma after it. The span
// is empty if there is no such comma or nothing follows it.
func (rd *reading) namesOfVia(b *block, i int) span {
	if i > 0 && !strings.ContainsRune(".!?", b.toks[i-1].ch) {
		return span{}
	}
	end := phraseEnd(rd.l.via, b.toks[i:])
	if end == 0 {
		return span{}
	}
	for k := i + end; k+1 < len(b.toks) && !isMark(b.toks, k, ':'); k++ {
		if isMark(b.toks, k, ',') {
			return span{i + end, k}
		}
	}
	return span{}
}

// isOwnSentence reports whether the passage of s, which is part of block b, is in the author's own clause: a dash, a
// semicolon or a full stop separates it from the name and the link of s, and the clause contains "I" or "we".
func (rd *reading) isOwnSentence(s *source, b *block) bool {
	if len(s.passages) == 0 || len(s.passageBlocks) > 0 || s.convention == "cite" {
		return false
	}
	_, at, ok := b.findName(s.passages[0])
	if !ok || at.empty() {
		return false
	}
	clause := b.clauseBefore(at.lo)
	if clause.lo == 0 || clause.empty() || s.url != "" && b.linkIn(clause) == s.url {
		return false
	}
	text := b.slice(clause)
	for _, name := range append([]string{s.pub.name}, s.authors...) {
		if name != "" && strings.Contains(text, name) {
			return false
		}
	}
	return slices.ContainsFunc(b.toks[clause.lo:clause.hi], rd.isFirstPerson)
}

// clauseBefore returns the tokens before the given one, back to the last dash, semicolon or end of a sentence.
func (b *block) clauseBefore(at int) span {
	for k := at - 1; k >= 0; k-- {
		t := b.toks[k]
		if t.kind == tokDash || t.kind == tokPunct && strings.ContainsRune(";.!?", t.ch) && t.end < b.toks[k+1].start {
			return span{k + 1, at}
		}
	}
	return span{0, at}
}

// dropAdverb removes adverbs from the end of an unknown publication, as in the link "the Bugle again".
func (rd *reading) dropAdverb(s *source) {
	if s.pub.known != nil {
		return
	}
	if name := rd.withoutAdverb(s.pub.name); name != s.pub.name {
		s.pub = publisher{name: name, known: rd.r.pubs.lookup(name)}
	}
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

// takeGivenNameAsAuthor makes an unknown publication the author if it is a single word before a verb of saying, and the
// word is a given name or the text of a link consists of both words, as in "Ann writes".
func (rd *reading) takeGivenNameAsAuthor(s *source) {
	if s.pub.known != nil || s.pub.name == "" || len(s.authors) > 0 || strings.ContainsAny(s.pub.name, " .") || acronym(s.pub.name) {
		return
	}
	if slices.ContainsFunc(rd.contextsOf(s, s.pub.name), rd.isSingleSpeaker) {
		s.pub, s.authors = publisher{}, []string{s.pub.name}
	}
}

// isSingleSpeaker reports whether the name at c is a single word before a verb of saying, and either a given name or in
// the same link as the verb. A word after a preposition, as in "[on Harbournet wrote](…)", is not a speaker.
func (rd *reading) isSingleSpeaker(c nameContext) bool {
	if c.before != c.at.lo || c.before > 0 && rd.isOriginWord(c.b.toks[c.before-1]) || c.at.hi-c.at.lo != 1 ||
		c.at.hi == len(c.b.toks) || !rd.l.say.has(c.b.toks[c.at.hi].id) {
		return false
	}
	link := c.b.linkIn(c.at)
	return rd.l.given.has(c.b.toks[c.at.lo].id) || link != "" && c.b.linkIn(span{c.at.hi, c.at.hi + 1}) == link
}

// isSender reports whether the person only sent the author of the post a link, as in "Ann sent me a post".
func (rd *reading) isSender(s *source, name string) bool {
	for _, c := range rd.contextsOf(s, name) {
		if c.at.hi < len(c.b.toks) && rd.l.send.has(c.b.toks[c.at.hi].id) {
			return true
		}
	}
	return false
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
