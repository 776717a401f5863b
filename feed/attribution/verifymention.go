package attribution

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file holds back sources that are only mentioned, and corrects names with other words or brackets in them.

// isTitleOfSource reports whether the post's title names the publication of s, which only the title credits. If there
// is no passage, the name must be in brackets: after a dash, as in "Rents Rise - The Bugle", it is usually part of the
// title of a page that the post is about.
func (rd *reading) isTitleOfSource(s *source) bool {
	if s.convention != "12" {
		return true
	}
	if len(s.passages) == 0 && !strings.HasSuffix(rd.postTitle, ")") {
		return false
	}
	if s.pub.known == nil {
		return true
	}
	title := rd.titleSource()
	return title != nil && title.pub.known == s.pub.known
}

// isUnquoted reports whether s has no passage and no headline, and its URL is that of a list of articles, such as the
// results of a search or the articles about a person.
func (s *source) isUnquoted() bool {
	return len(s.passages) == 0 && s.headline == "" && listPath.MatchString(s.url)
}

// listPath matches the URL of search results or of the articles of a category or about a person.
var listPath = regexp.MustCompile(`^https?://[^/]+(?:/[^?]*)?/` +
	`(?:(?:search|category|tag)(?:[/?].*)?|people(?:/[^/?]+){1,2}/?)$`)

// isListHeading reports whether the unknown publication of s is only named in the block with index at, which is the
// heading of a list: "Supplies for Paper Boats:".
func (rd *reading) isListHeading(s *source, at int) bool {
	return s.pub.known == nil && len(s.passages) == 0 && s.url == "" && at+1 < len(rd.doc.blocks) &&
		rd.isLeadLine(rd.doc.blocks[at]) && rd.doc.blocks[at+1].list
}

// isMixed reports whether a passage of s contains the source of its beginning: a source line with a URL of a different
// site, as in "… by the quay. -- https://bugle.example/a", or a name at the end of a paragraph that is not the last, as
// in "… by the quay. - Ann Reed".
func (s *source) isMixed() bool {
	if n := len(s.passages); n > 1 && slices.ContainsFunc(s.passages[:n-1], signature.MatchString) {
		return true
	}
	if s.url == "" {
		return false
	}
	text := strings.Join(s.passages, "\n")
	return slices.ContainsFunc(sourceLine.FindAllStringSubmatchIndex(text, -1), func(m []int) bool {
		return strings.TrimSpace(text[m[1]:]) != "" && !sameSite(text[m[2]:m[3]], s.url)
	})
}

// sourceLine matches a dash and a URL.
var sourceLine = regexp.MustCompile(`(?:^|\s)(?:--|–|—)\s*(https?://\S+)`)

// signature matches a paragraph that ends in the name of its author after a dash: capitalized words, or an account such
// as "_reed" first.
var signature = regexp.MustCompile(`[.!?…"”»]\s+(?:--?|–|—)\s*(?:[_*]?\p{Lu}[\p{L}.'’-]*|_\p{L}+)` +
	`(?:,? (?:\p{Lu}[\p{L}.'’-]*|de|du|la|le|of|the|van|von))*[_*]?$`)

// isReportedOn reports whether the given span of block b is the name of a person whom a publication reports on: the
// name, or the list of names that contains it, follows a verb of saying and a word such as "that", and no verb of
// saying follows it.
func (rd *reading) isReportedOn(b *block, at span) bool {
	if at.hi < len(b.toks) && rd.l.say.has(b.toks[at.hi].id) {
		return false
	}
	k := at.lo - 1
	for k > 0 && (b.toks[k].upper || rd.l.and.has(b.toks[k].id) || isMark(b.toks, k, ',') && b.toks[k-1].upper) {
		k--
	}
	if k < 1 || !rd.l.clause.hasLower(b.toks[k]) {
		return false
	}
	if isMark(b.toks, k-1, ',') && k > 1 {
		k--
	}
	return rd.l.say.has(b.toks[k-1].id)
}

// minTitleLink is the minimum number of words of a title that is the text of a link and is taken for a publication.
const minTitleLink = 3

// takeTitleAsHeadline makes an unknown publication the headline of s if the name is the text of the link to the article
// and follows a word such as "article", or has at least minTitleLink words, does not look like the name of a
// publication and does not follow a preposition in the credit of a person: "She wrote an article [Sand and Time](…)",
// "Ann Reed asks us to [Stop the Sand](…)".
func (rd *reading) takeTitleAsHeadline(s *source) {
	if s.pub.known != nil || s.pub.name == "" || s.headline != "" || s.url == "" || hostNamed(s.url, s.pub.name) {
		return
	}
	for _, c := range rd.contextsOf(s, s.pub.name) {
		if c.at.hi-c.at.lo > 1 && c.before > 0 && c.b.textOfLink(s.url) == s.pub.name && rd.isTitleAt(s, c) {
			s.headline, s.pub = s.pub.name, publisher{}
			return
		}
	}
}

// isTitleAt reports whether the name at c is a title because of the words before it; see [reading.takeTitleAsHeadline].
func (rd *reading) isTitleAt(s *source, c nameContext) bool {
	if rd.l.piece.hasLower(c.b.toks[c.at.lo-1]) {
		return true
	}
	before := c.b.toks[c.before-1]
	return len(s.authors) > 0 && c.at.hi-c.at.lo >= minTitleLink && !rd.l.looksLikePub(c.b.text, c.b.toks[c.at.lo:c.at.hi]) &&
		before.kind == tokWord && !before.upper && !rd.isOriginWord(before)
}

// isOriginWord reports whether the token is a preposition such as "in", "at", "from", "of" or "by", which may precede
// the name of a publication.
func (rd *reading) isOriginWord(t token) bool {
	return rd.l.in.has(t.id) || rd.l.at.has(t.id) || rd.l.from.has(t.id) || rd.l.by.has(t.id) || rd.l.employ.has(t.id)
}

// maxAbbreviation is the maximum length in bytes of an abbreviation such as "Corp.", including its period.
const maxAbbreviation = 5

// cutName removes a closing bracket and the period of the sentence from the end of the name of s, and from an unknown
// name a word for a text, as in "FAZ-Artikel" and "Harbour Notes article".
func (rd *reading) cutName(s *source) {
	name := s.pub.name
	if !strings.Contains(name, "(") {
		name = strings.TrimRight(name, ").")
	}
	if s.pub.known == nil {
		name = rd.withoutKind(name)
	}
	last := name[strings.LastIndexByte(name, ' ')+1:]
	abbreviated := name+"." == s.pub.name && (len(last) < maxAbbreviation || strings.Contains(last, "."))
	switch e := rd.r.pubs.lookup(name); {
	case name == s.pub.name:
	case e != nil && (s.pub.known == nil || e == s.pub.known):
		s.pub = publisher{name: name, known: e}
	case s.pub.known == nil && !abbreviated:
		s.pub.name = name
	}
}

// withoutKind returns the name without a word for a text at its end, as in "Harbour Notes article" and "FAZ-Artikel".
func (rd *reading) withoutKind(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 && rd.l.piece.has(rd.wordOf(name[i+1:])) {
		return name[:i]
	}
	toks := rd.r.lx.tokenize(name, nil)
	if n := len(toks) - 1; n > 0 && rd.l.piece.hasLower(toks[n]) && toks[n-1].kind == tokWord && toks[n-1].upper {
		return name[:toks[n-1].end]
	}
	return name
}

// wholeName makes the text of the link of s its publication if the link leads to a different site than that of the
// known publication, and the known name is only the beginning of a name that the host contains, as in "[The State of
// the Sand](https://stateofthesand.example/)", or the end of a text all of whose words are capitalized.
func (rd *reading) wholeName(s *source) {
	if s.pub.known == nil || s.url == "" || rd.r.pubs.byHost(s.url) != nil {
		return
	}
	for _, k := range s.creditBlocks {
		label := rd.doc.blocks[k].textOfLink(s.url)
		if strings.HasPrefix(label, s.pub.name+" ") && hostNamed(s.url, label) {
			s.pub = publisher{name: label, known: rd.r.pubs.lookup(label)}
			return
		}
		if !strings.HasSuffix(label, " "+s.pub.name) {
			continue
		}
		toks := rd.r.lx.tokenize(label, nil)
		for len(toks) > 1 && rd.l.det.has(toks[0].id) {
			toks = toks[1:]
		}
		name := label[toks[0].start:]
		if sameName(name, s.pub.name) || slices.ContainsFunc(toks, func(t token) bool { return t.kind != tokWord || !t.upper }) {
			return
		}
		s.pub = publisher{name: name, known: rd.r.pubs.lookup(name)}
		return
	}
}

// isCutTitle reports whether the text of the block before the given offset is the beginning of a longer title in
// quotation marks: a word in lower case follows directly.
func (b *block) isCutTitle(to int) bool {
	rest, ok := strings.CutPrefix(b.text[to:], " ")
	first, _ := utf8.DecodeRuneInString(rest)
	return ok && unicode.IsLower(first)
}

// correctName corrects the name of the publication of s, which may be cut, have other words in it or be a title.
func (rd *reading) correctName(s *source) {
	rd.cutName(s)
	rd.wholeName(s)
	rd.takeTitleAsHeadline(s)
}
