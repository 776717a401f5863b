package attribution

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file checks the headline of a credit: it is a whole title, and not a few words of a sentence.

// correctTitle makes the headline of s the whole text of the link that contains it, and removes a headline that is not
// a title, such as a link in running text, a few quoted words or the name of the publication.
func (rd *reading) correctTitle(s *source) {
	rd.splitPageTitle(s)
	rd.takePublicationAsHeadline(s)
	rd.takeNameFromHeadline(s)
	rd.joinRelativeClause(s)
	rd.cutHeadline(s)
	if s.headline != "" && rd.isClause(s.headline) {
		s.headline, s.hasHeader = "", false
	}
	if s.headline == "" {
		return
	}
	if s.pub.name != "" && sameName(s.headline, s.pub.name) {
		if rd.isWork(s) {
			s.pub = publisher{}
		} else {
			s.headline = ""
		}
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		for _, r := range b.runs {
			if r.kind == runLink && rd.correctByLabel(s, b, r) {
				return
			}
		}
	}
	if !rd.isQuotedTitle(s) {
		s.headline = ""
	}
}

// cutHeadline removes a label such as "Source:" and the number of an entry from the headline of s. It removes a
// headline that is a URL, a kind of page, the name of something other than a text, or begins with "according to".
func (rd *reading) cutHeadline(s *source) {
	toks := rd.r.lx.tokenize(s.headline, nil)
	if end := phraseEnd(rd.l.source, toks); end > 0 && isMark(toks, end, ':') && end+1 < len(toks) {
		s.headline = s.headline[toks[end+1].start:]
		return
	}
	if number := enumeration.FindString(s.headline); number != "" && !rd.l.nouns { // in German, an ordinal: "1. FC"
		s.headline = s.headline[len(number):]
	}
	if strings.Contains(s.headline, "://") || isDomainPath(s.headline) || rd.isNameOfThing(s) || rd.isKindOfPage(s, s.headline) ||
		phraseEnd(rd.l.citing, toks) > 1 {
		s.headline = ""
	}
}

// enumeration matches the number of an entry of a list before a title.
var enumeration = regexp.MustCompile(`^\d{1,2}[./)] `)

// isNameOfThing reports whether the headline of s is the name of something other than a text: it is unmarked, and
// follows a word such as "called" and no word for a text, as in "a plan called Sand for All".
func (rd *reading) isNameOfThing(s *source) bool {
	return s.headline != "" && slices.ContainsFunc(rd.contextsOf(s, s.headline), func(c nameContext) bool {
		i := c.at.lo - 1
		if i < 0 || !rd.l.titled.hasLower(c.b.toks[i]) {
			return false
		}
		link, title := rd.linkAt(c.b, c.at.lo)
		if title.empty() {
			link.value = ""
		}
		return !rd.isTitled(s, c.b, i, link.value)
	})
}

// isDomainPath reports whether the text is a URL without its scheme, such as "bugle.example/2020/sand".
func isDomainPath(text string) bool {
	host, path, ok := strings.Cut(text, "/")
	return ok && path != "" && !strings.Contains(text, " ") && isDomain(strings.ToLower(host))
}

// isWork reports whether the publication of s, whose name is also the headline, is a work by the authors of s.
func (rd *reading) isWork(s *source) bool {
	toks := rd.r.lx.tokenize(s.pub.name, nil)
	return s.pub.known == nil && s.url == "" && len(s.authors) > 0 && rd.r.pubs.knownPrefix(toks, true) == 0 &&
		!rd.l.looksLikePub(s.pub.name, toks)
}

// correctByLabel corrects the headline of s if it is, or is a part of, the text of the link r in block b, or begins or
// ends with that text. It reports whether one of these is the case.
func (rd *reading) correctByLabel(s *source, b *block, r run) bool {
	label := cleanHeadline(b.text[r.start:r.end])
	if label == "" {
		return false
	}
	if before, after, within := strings.Cut(label, s.headline); within {
		rd.correctWithin(s, b, r, before, after)
		return true
	}
	prefix, suffixed := strings.CutSuffix(s.headline, label)
	if !suffixed || !rd.l.from.has(rd.wordOf(prefix)) && !rd.endsInPossessive(prefix) || !rd.isTitleLabel(b, r) {
		return false
	}
	s.headline = label // "From H" or "A's H"
	return true
}

// endsInPossessive reports whether the last word of the text is a possessive, as in "Ann Reed's".
func (rd *reading) endsInPossessive(text string) bool {
	toks := rd.r.lx.tokenize(text, nil)
	return len(toks) > 1 && toks[len(toks)-1].kind == tokPoss
}

// correctWithin corrects the headline of s, which is in the text of the link r in block b. The text before and after
// the headline is given.
func (rd *reading) correctWithin(s *source, b *block, r run, before, after string) {
	longer := fold(before+after) != "" // the link has more text than the headline
	switch {
	case longer && rd.containsName(s, before+" "+after):
		// "H | X": the headline is right
	case longer && rd.isPersonLike(s.headline):
		s.headline = "" // a name in the title of a work
	case rd.isTitleLabel(b, r):
		s.headline = before + s.headline + after
	default:
		rd.dropLabel(s, b, r)
	}
}

// joinRelativeClause adds the only author of s to the headline if that begins with a word such as "who", and the link
// to the article contains both: "[Ann Reed, Who Dug the Harbour, Dies at 85](…)" has no author.
func (rd *reading) joinRelativeClause(s *source) {
	toks := rd.r.lx.tokenize(s.headline, nil)
	if len(toks) < 2 || len(s.authors) != 1 || s.url == "" || !rd.l.relative.has(toks[0].id) {
		return
	}
	joined := s.authors[0] + ", " + s.headline
	if slices.ContainsFunc(rd.blocksLinkingTo(s.url), func(k int) bool {
		return strings.Contains(rd.doc.blocks[k].textOfLink(s.url), joined)
	}) {
		s.headline, s.authors = joined, nil
	}
}

// wordOf returns the number of the only word of the text, or 0.
func (rd *reading) wordOf(text string) int32 {
	if toks := rd.r.lx.tokenize(text, nil); len(toks) == 1 {
		return toks[0].id
	}
	return 0
}

// containsName reports whether the text contains the publication or an author of s.
func (rd *reading) containsName(s *source, text string) bool {
	text = strings.ToLower(text)
	return s.pub.name != "" && strings.Contains(text, strings.ToLower(s.pub.name)) ||
		slices.ContainsFunc(s.authors, func(a string) bool { return strings.Contains(text, strings.ToLower(a)) })
}

// isPersonLike reports whether the text is almost certainly a person's name.
func (rd *reading) isPersonLike(text string) bool {
	return rd.l.personScore(text, rd.r.lx.tokenize(text, nil)) == 2
}

// dropLabel removes the headline of s, which is running text of the link r in block b. If that text is a single word,
// such as a name, the article is at the link that has a word for a type of text: "Ann sent me [a post]".
func (rd *reading) dropLabel(s *source, b *block, r run) {
	s.headline = ""
	if _, in := tokensWithin(b.toks, span{0, len(b.toks)}, r); s.url != r.value || in.hi-in.lo != 1 ||
		rd.l.piece.has(b.toks[in.lo].id) {
		return
	}
	for _, o := range b.runs {
		_, in := tokensWithin(b.toks, span{0, len(b.toks)}, o)
		if o.kind == runLink && !in.empty() && rd.l.piece.has(b.toks[in.hi-1].id) {
			s.url = articleOnly(o.value)
			return
		}
	}
	if s.pub.name == "" {
		s.url = ""
	}
}

// linkedTitle returns the text of the link to the article if it is a title of 3 to 15 words, not counting numbers, that
// contains neither the publication nor an author, and is in the credit or has a block of its own. Otherwise it returns
// "".
func (rd *reading) linkedTitle(s *source) string {
	if s.url == "" {
		return ""
	}
	for _, k := range rd.blocksLinkingTo(s.url) {
		b := rd.doc.blocks[k]
		if slices.Contains(s.passageBlocks, k) || !slices.Contains(s.creditBlocks, k) && !b.isWholly(runLink) {
			continue
		}
		for _, r := range b.runs {
			if r.kind == runLink && r.value == s.url {
				return rd.titleOfLink(s, b, r)
			}
		}
	}
	return ""
}

// titleOfLink returns the text of the link r in block b if it is a title of 3 to 15 words, not counting numbers, that
// contains neither the publication nor an author of s. Otherwise it returns "".
func (rd *reading) titleOfLink(s *source, b *block, r run) string {
	label := strings.Trim(b.text[r.start:r.end], "“”\"«»‘’ ")
	if strings.HasSuffix(label, ",") {
		return "" // part of a sentence
	}
	words := slices.DeleteFunc(strings.Fields(label), func(w string) bool { return !strings.ContainsFunc(w, unicode.IsLetter) })
	first, _ := utf8.DecodeRuneInString(label)
	if len(words) < 3 || len(words) > 15 || !unicode.IsUpper(first) && !unicode.IsDigit(first) ||
		rd.containsName(s, label) || rd.isKindOfPage(s, label) || !rd.isTitleLabel(b, r) {
		return ""
	}
	return label
}

// externalTitle returns the title that the post gives to the page at u, the post's external URL: the text of the first
// link to it outside quotation elements, if it is a title. Otherwise it returns "".
func (rd *reading) externalTitle(u string) string {
	if u == "" {
		return ""
	}
	for _, k := range rd.blocksLinkingTo(u) {
		b := rd.doc.blocks[k]
		if b.quotation != nil {
			continue
		}
		for _, r := range b.runs {
			if r.kind == runLink && r.value == u {
				return rd.titleOfLink(&source{citation: citation{pub: rd.publisherOfHost(u)}}, b, r)
			}
		}
	}
	return ""
}

// maxLinkingBlocks bounds the blocks that are searched for a link to an article.
const maxLinkingBlocks = 20

// blocksLinkingTo returns the indexes of the first blocks that contain a link to u.
func (rd *reading) blocksLinkingTo(u string) []int {
	if rd.linking == nil {
		rd.linking = make(map[string][]int)
		for k, b := range rd.doc.blocks {
			for _, r := range b.runs {
				if at := rd.linking[r.value]; r.kind == runLink && len(at) < maxLinkingBlocks && !slices.Contains(at, k) {
					rd.linking[r.value] = append(at, k)
				}
			}
		}
	}
	return rd.linking[u]
}

// isTitleLabel reports whether the text of the link r in block b is a title: it is quoted, emphasized, the title of the
// post or a heading, the whole block, the beginning of a list item, or in title case, and it does not end in a word
// such as "article". In a sentence, a capital letter within the sentence begins a title of at least four words.
func (rd *reading) isTitleLabel(b *block, r run) bool {
	_, in := tokensWithin(b.toks, span{0, len(b.toks)}, r)
	if in.empty() {
		return false
	}
	label := strings.TrimSpace(b.text[r.start:r.end])
	first, last := b.toks[in.lo], b.toks[in.hi-1]
	switch {
	case b.isQuoted(in), b.isEmphasized(in), fold(label) == fold(rd.postTitle):
		return in.hi-in.lo > 1
	case rd.l.piece.has(last.id):
		return false // "the article"
	case b.isWholly(runLink), rd.beginsEntry(b, in), rd.isHeading(label):
		return true
	case !first.upper && !first.digit, in.hi-in.lo == 1 && rd.l.given.has(first.id):
		return false
	}
	return rd.beginsCitation(b, in) || in.lo > 0 && isSeparator(b.toks[in.lo-1]) || rd.isTitleInSentence(b, in)
}

// beginsEntry reports whether the given tokens begin a list item, or a line in which only text in brackets follows.
func (rd *reading) beginsEntry(b *block, in span) bool {
	return in.lo == 0 && (b.list || in.hi < len(b.toks) && rd.onlyBracketsFrom(b, in.hi))
}

// isQuoted reports whether the span begins with an opening quotation mark or follows one.
func (b *block) isQuoted(in span) bool {
	return b.toks[in.lo].kind == tokOpen || in.lo > 0 && b.toks[in.lo-1].kind == tokOpen
}

// beginsCitation reports whether the given tokens are at the beginning of block b, or after its number, and
// punctuation or a word such as "by" follows them. A comma and "and" continue a sentence.
func (rd *reading) beginsCitation(b *block, in span) bool {
	lo := in.lo
	for lo > 0 && (b.toks[lo-1].digit || b.toks[lo-1].kind == tokPunct) {
		lo--
	}
	if lo > 0 || in.hi >= len(b.toks) {
		return false
	}
	next := b.toks[in.hi]
	if next.isPunct(",") && in.hi+1 < len(b.toks) && rd.l.and.hasLower(b.toks[in.hi+1]) {
		return false
	}
	return next.kind == tokPunct && strings.ContainsRune(",;|(", next.ch) || next.kind == tokDash || rd.l.by.has(next.id)
}

// isSeparator reports whether the token separates the parts of a citation.
func isSeparator(t token) bool {
	return t.kind == tokDash || t.kind == tokPunct && strings.ContainsRune(",:;(|", t.ch)
}

// isTitleInSentence reports whether the given tokens, which are the text of a link in a sentence and begin with a
// capital letter, are a title. In English, it is in title case or has four words. In German, a preposition or an
// article before a noun makes it part of the sentence.
func (rd *reading) isTitleInSentence(b *block, in span) bool {
	words, upper := countCapitalized(b.toks[in.lo:in.hi])
	within := in.lo > 0 && (b.toks[in.lo-1].kind == tokWord || b.toks[in.lo-1].kind == tokPoss)
	switch {
	case words < 2:
		return false
	case rd.l.nouns:
		return words >= 3 && (!within || b.toks[in.lo-1].upper)
	case rd.l.name == fallback:
		return isTitleCase(rd.l, b.toks[in.lo:in.hi]) || words >= 4 && within && !rd.isTold(b, in)
	default:
		return within && (words >= 3 || upper == words)
	}
}

// countCapitalized returns the number of words among the tokens, and the number of those that begin with a capital
// letter.
func countCapitalized(toks []token) (words, upper int) {
	for _, t := range toks {
		if t.kind == tokWord {
			words++
			if t.upper {
				upper++
			}
		}
	}
	return words, upper
}

// isTold reports whether the second or third token of the given span of block b, which is in English, is a verb of
// saying that is not in the present, as in "Ann said this about sand". Headlines are in the present.
func (rd *reading) isTold(b *block, in span) bool {
	return slices.ContainsFunc(b.toks[in.lo+1:min(in.hi, in.lo+3)], func(t token) bool {
		return (rd.l.say.hasLower(t) || rd.l.saidVerb.hasLower(t)) && !strings.HasSuffix(b.text[t.start:t.end], "s")
	})
}

// maxKindOfPage is the maximum number of words that say what kind of page a publication has.
const maxKindOfPage = 2

// isKindOfPage reports whether the text, which may be the headline of s, is only the known publication and a word or
// two in lower case, as in "New York Times interactive".
func (rd *reading) isKindOfPage(s *source, text string) bool {
	toks := rd.r.lx.tokenize(text, nil)
	toks = toks[rd.l.skipDeterminers(toks, 0):]
	n := rd.r.pubs.knownPrefix(toks, true)
	return n > 0 && n < len(toks) && len(toks)-n <= maxKindOfPage && s.pub.known != nil &&
		rd.r.pubs.lookup(text[toks[0].start:toks[n-1].end]) == s.pub.known &&
		!slices.ContainsFunc(toks[n:], func(t token) bool { return t.kind != tokWord || t.upper || rd.l.say.has(t.id) })
}

// takePublicationAsHeadline makes the text of a link the headline of s if the unknown publication is only the beginning
// of that text, such as the text before a bracket. The publication is then that of the link's host.
func (rd *reading) takePublicationAsHeadline(s *source) {
	if s.pub.known != nil || s.pub.name == "" || s.headline != "" || hostNamed(s.url, s.pub.name) {
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		for _, r := range b.runs {
			if r.kind != runLink || articleOnly(r.value) == "" {
				continue
			}
			label := cleanHeadline(b.text[r.start:r.end])
			rest, ok := strings.CutPrefix(label, s.pub.name)
			if ok && strings.Trim(rest, " .,:") != "" && !strings.HasPrefix(rest, "'") && !strings.HasPrefix(rest, "’") && rd.isTitleLabel(b, r) {
				s.headline, s.url, s.pub = label, r.value, rd.publisherOfHost(r.value)
				return
			}
		}
	}
}

// takeNameFromHeadline makes a given name before a comma the author of s, as in "Ann, Harbour Forum", which is not a
// headline.
func (rd *reading) takeNameFromHeadline(s *source) {
	toks := rd.r.lx.tokenize(s.headline, nil)
	if len(toks) < 3 || len(toks) > 7 || !rd.l.given.has(toks[0].id) || toks[1].ch != ',' || len(s.authors) > 0 || !toks[2].upper {
		return
	}
	s.authors, s.headline = []string{s.headline[:toks[0].end]}, ""
}

// isQuotedTitle reports whether the headline of s, which must not be a link, can be a title. Up to three quoted words
// that are not in title case are a term, and several quoted sentences are a quotation. A credit in an element for
// credits may describe the author after the name.
func (rd *reading) isQuotedTitle(s *source) bool {
	toks := rd.r.lx.tokenize(s.headline, nil)
	titled := rd.l.name == fallback && isTitleCase(rd.l, toks)
	if rd.isPosition(s, toks) || strings.Count(s.headline, `"`)%2 == 1 {
		return false
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		_, at, ok := b.findName(s.headline)
		if !ok || at.empty() || at.lo == 0 || s.entry || b.toks[at.lo-1].kind != tokOpen {
			continue
		}
		return titled || rd.isQuotedTitleAt(b, at, len(toks))
	}
	return true
}

// isPosition reports whether the headline of s, whose tokens are toks, describes the author before it, as in "— Ann
// Reed, director of the Harbour Society", and is neither marked nor begins with a capitalized article, as titles do.
func (rd *reading) isPosition(s *source, toks []token) bool {
	if len(s.authors) == 0 || !s.structured && !rd.followsAuthor(s) || !rd.describesPerson(toks) {
		return false
	}
	return !(toks[0].upper && rd.l.det.has(toks[0].id)) && !slices.ContainsFunc(s.creditBlocks, func(k int) bool {
		return rd.isMarkedIn(rd.doc.blocks[k], s.headline)
	})
}

// followsAuthor reports whether the headline of s is the text after its only author and a comma in the credit.
func (rd *reading) followsAuthor(s *source) bool {
	return len(s.authors) == 1 && s.pub.name == "" && slices.ContainsFunc(s.creditBlocks, func(k int) bool {
		return strings.Contains(rd.doc.blocks[k].text, s.authors[0]+", "+s.headline)
	})
}

// isQuotedTitleAt reports whether the quoted text in the given tokens of block b can be a title even though it is not
// in title case: it does not consist of several sentences, and is longer than a term. n is the number of its words and
// marks.
func (rd *reading) isQuotedTitleAt(b *block, at span, n int) bool {
	text := b.text[b.toks[at.lo].start:b.toks[at.hi-1].end]
	sentences := strings.Count(strings.TrimRight(text, ".!?…")+" ", ". ")
	ended := at.hi < len(b.toks) && b.toks[at.hi].kind == tokPunct && b.toks[at.hi].ch == '.' || b.toks[at.hi-1].ch == '.'
	if sentences > 0 && ended {
		return false
	}
	before := at.lo - 2 // a word in lower case makes the quotation a term
	return n > 3 || before < 0 || b.toks[before].kind != tokWord || b.toks[before].upper || rd.l.piece.has(b.toks[before].id)
}

// splitPageTitle takes the headline and the publication from the link to the article if its text is a page title such
// as "H | X", in which X is the publication at the URL.
func (rd *reading) splitPageTitle(s *source) {
	if s.url == "" {
		return
	}
	for _, k := range s.creditBlocks {
		label := rd.doc.blocks[k].textOfLink(s.url)
		headline := rd.r.HeadlineIn(label, s.url)
		if headline == "" {
			continue
		}
		s.headline = cleanHeadline(headline)
		if e := rd.r.pubs.byHost(s.url); e == nil || e != s.pub.known {
			s.pub = rd.publisherNamed(strings.Trim(strings.Replace(label, headline, "", 1), " |-–—·•»:"))
		}
		s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(a string) bool { return strings.Contains(headline, a) })
		return
	}
}

// isClause reports whether the text begins with a function word in lower case, as the remark "if you like that sort of
// thing" does.
func (rd *reading) isClause(text string) bool {
	toks := rd.r.lx.tokenize(text, nil)
	return len(toks) > 1 && toks[0].kind == tokWord && !toks[0].upper && !toks[0].digit && !toks[0].inner && rd.l.stop.has(toks[0].id)
}

// describesPerson reports whether the tokens after a person's name describe the person: they are a position or end in
// one, or a position or role precedes a comma or a word such as "of", as in "Roman historian, on the army".
func (rd *reading) describesPerson(toks []token) bool {
	for i, t := range toks {
		if t.kind == tokPunct && t.ch == ',' || t.kind == tokWord && rd.l.employ.has(t.id) {
			return i > 0 && (rd.endsWithPosition(toks[:i]) || !toks[i-1].upper && rd.l.role.has(toks[i-1].id))
		}
	}
	n := len(toks)
	return n > 0 && (phraseEnd(rd.l.position, toks) == n ||
		!toks[n-1].upper && (rd.endsWithPosition(toks) || rd.l.role.has(toks[n-1].id)))
}
