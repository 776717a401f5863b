package attribution

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// This file finds headlines for published credits that contain none. It adds a headline only if it is certain.

// minFoundTitle and maxFoundTitle are the minimum and maximum number of tokens of a headline that is found outside its
// credit.
const minFoundTitle, maxFoundTitle = 2, 30

// completeHeadline sets the headline of s if it has none and the post certainly contains it.
func (rd *reading) completeHeadline(s *source) {
	if s.headline != "" || s.kind == Tweet || s.kind == Reblog || s.structured || s.pub.name == "" && s.url == "" && !s.clear {
		return
	}
	for _, find := range []func(*source) string{
		rd.titledHeadline, rd.bylinedHeadline, rd.quotedPostTitle, rd.prefixedHeadline, rd.markedLineAbove, rd.headlineOfSlug, rd.headlineOfTail, rd.possessiveHeadline,
		rd.entryHeadline,
	} {
		if h := find(s); h != "" && !sameName(h, s.pub.name) && !slices.Contains(s.passages, h) {
			s.headline = h
			return
		}
	}
}

// entryHeadline returns the text of the link to the article at the beginning of the list item that contains the credit
// of s, if that text is a title. Otherwise it returns "".
func (rd *reading) entryHeadline(s *source) string {
	if len(s.creditBlocks) != 1 {
		return ""
	}
	b := rd.doc.blocks[s.creditBlocks[0]]
	for _, r := range b.runs {
		if r.kind == runLink && r.start == 0 && s.url != "" && r.value == s.url && b.list {
			return rd.titleOfLink(s, b, r)
		}
	}
	return ""
}

// titledHeadline returns the title that follows a word such as "entitled" in the credit of s, as in 'a story titled
// "The Pier"' or "schreibt unter dem Titel „Die Mole“". It returns "" if there is no such title or more than one, or if
// the title is not that of the source; see [reading.isTitled].
func (rd *reading) titledHeadline(s *source) string {
	found := ""
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		if b.quotation != nil {
			continue
		}
		for i := 1; i+1 < len(b.toks); i++ {
			title, u := rd.titledAt(b, i)
			switch {
			case title == "":
			case found != "" || !rd.isTitled(s, b, i, u):
				return ""
			default:
				found = title
			}
		}
	}
	return found
}

// titledAt returns the title that follows token i of block b if the token is a word such as "entitled", and the URL
// that the title links to. Otherwise, or if no title follows, the title is "".
func (rd *reading) titledAt(b *block, i int) (title, u string) {
	if !rd.l.titled.has(b.toks[i].id) || b.toks[i].upper && !rd.l.nouns {
		return "", ""
	}
	return rd.titleAt(b, i+1)
}

// isTitled reports whether the title after token i of block b is that of the source. u is the URL that the title links
// to, or "". A linked title must link to the article; for any other title, see [reading.isTitleOfText].
func (rd *reading) isTitled(s *source, b *block, i int, u string) bool {
	return u != "" && u == s.url || u == "" && rd.isTitleOfText(s, b, i)
}

// titleAt returns the title that begins at token i of block b, or after the comma or colon there, and the URL that the
// title links to. The title is "" if there is none. A title must be in quotation marks, emphasized or linked.
func (rd *reading) titleAt(b *block, i int) (title, link string) {
	if t := b.toks[i]; t.kind == tokPunct && (t.ch == ',' || t.ch == ':') && i+1 < len(b.toks) {
		i++
	}
	end, u := b.markedEnd(i)
	if end == 0 {
		return "", ""
	}
	title = cleanHeadline(b.slice(span{i, end}))
	if toks := rd.r.lx.tokenize(title, nil); !isTitleSized(toks) || toks[0].kind != tokWord {
		return "", ""
	}
	return title, u
}

// markedEnd returns the position after the text in quotation marks, the emphasized text or the link that begins at
// token i, and the URL of the link. It returns 0 if no such text begins there.
func (b *block) markedEnd(i int) (end int, u string) {
	end = quotedEnd(b.toks, i)
	for _, r := range b.runs {
		_, in := tokensWithin(b.toks, span{i, len(b.toks)}, r)
		if in.empty() || r.start < b.toks[i].start || in.lo > i+1 || in.lo > i && b.toks[i].kind != tokOpen {
			continue
		}
		if r.kind == runLink {
			u = articleOnly(r.value)
		}
		if r.kind == runLink || r.kind == runEmphasis || r.kind == runCite {
			end = max(end, tokenEnding(b.toks, i, r.end))
		}
	}
	return end, u
}

// isTitleSized reports whether the tokens have the length of a title and do not begin with a word in lower case.
func isTitleSized(toks []token) bool {
	return len(toks) >= minFoundTitle && len(toks) <= maxFoundTitle && (toks[0].upper || toks[0].digit || toks[0].kind == tokOpen)
}

// isLead reports whether block b ends in a colon, dots or a dash.
func isLead(b *block) bool {
	return len(b.toks) > 0 && announces(b.toks[len(b.toks)-1])
}

// isTitleOfText reports whether token i of block b, a word such as "entitled", introduces the title of the source. It
// does if the last word before it, not counting function words and the name of the publication, is a word for a text
// such as "article", the name of an author, or a verb of saying that is not directly before it.
func (rd *reading) isTitleOfText(s *source, b *block, i int) bool {
	in := rd.sentenceAround(b.toks, span{i, i + 1})
	author := slices.ContainsFunc(s.authors, func(a string) bool { return strings.Contains(b.slice(span{in.lo, i}), a) })
	for k := i - 1; k >= in.lo; k-- {
		t := b.toks[k]
		word := b.text[t.start:t.end]
		switch {
		case t.kind == tokOpen, t.kind == tokClose:
			return false
		case t.kind != tokWord:
		case rd.l.piece.has(t.id), author && slices.ContainsFunc(s.authors, func(a string) bool { return strings.HasSuffix(a, word) }):
			return true
		case rd.l.stop.has(t.id), strings.Contains(s.pub.name, word):
		default:
			return rd.l.say.has(t.id) && k < i-1
		}
	}
	return false
}

// maxLead is the maximum number of tokens of a line such as "From the Guardian:".
const maxLead = 10

// bylinedHeadline returns the line between the credit of s and a byline, or "". If the credit names no authors, it sets
// the authors of s to those in the byline.
func (rd *reading) bylinedHeadline(s *source) string {
	if len(s.creditBlocks) == 0 || rd.marksQuotations {
		return ""
	}
	k := s.creditBlocks[0]
	if k+2 >= len(rd.doc.blocks) {
		return ""
	}
	b, line, byline := rd.doc.blocks[k], rd.doc.blocks[k+1], rd.doc.blocks[k+2]
	if !isLead(b) || len(b.toks) > maxLead || line.list || !isTitleSized(line.toks) {
		return ""
	}
	by := phraseEnd(rd.l.by, byline.toks)
	if by == 0 || by == len(byline.toks) || !rd.l.allPeople(byline.toks[by:]) {
		return ""
	}
	if len(s.authors) == 0 {
		s.authors = rd.l.splitPeople(byline.text, byline.toks[by:])
	}
	return line.text
}

// quotedPostTitle returns the post's title if it is in quotation marks and no text precedes the credit of s, which is a
// line that announces the text below. Otherwise it returns "".
func (rd *reading) quotedPostTitle(s *source) string {
	toks := rd.r.lx.tokenize(rd.postTitle, nil)
	if len(s.creditBlocks) != 1 || len(toks) < minFoundTitle+2 || quotedEnd(toks, 0) != len(toks) {
		return ""
	}
	k := s.creditBlocks[0]
	if !isLead(rd.doc.blocks[k]) || slices.ContainsFunc(rd.doc.blocks[:k], func(b *block) bool { return b.isText() }) {
		return ""
	}
	return strings.Trim(rd.postTitle, `"“”„«»‘’ `)
}

// prefixedHeadline returns the headline in a credit such as "Reuters: Fees Rise in Small Harbours", which consists of a
// known publication and a headline, or "". It returns "" if the post marks its quotations.
func (rd *reading) prefixedHeadline(s *source) string {
	const least = 4
	if s.pub.known == nil || rd.marksQuotations || len(s.creditBlocks) != 1 {
		return ""
	}
	text := rd.doc.blocks[s.creditBlocks[0]].text
	name, rest, ok := strings.Cut(text, ": ")
	if !ok || !sameName(name, s.pub.name) || strings.ContainsAny(rest[max(0, len(rest)-3):], ".!?…:") ||
		len(strings.Fields(rest)) < least || !rd.isTitle(rest) || slices.Contains(s.passages, rest) {
		return ""
	}
	if first := rd.r.lx.tokenize(rest, nil)[0]; first.kind == tokOpen {
		return ""
	}
	return cleanHeadline(rest)
}

// markedLineAbove returns the line between the credit of s and its passage, if there is one line, the passage is a
// quotation element, and the whole line is marked as a title; see [reading.isMarkedTitle]. Otherwise it returns "".
func (rd *reading) markedLineAbove(s *source) string {
	if len(s.creditBlocks) == 0 || len(s.passageBlocks) == 0 {
		return ""
	}
	f := s.passageBlocks[0]
	if f < 2 || rd.doc.blocks[f].quotation == nil || !slices.Contains(s.creditBlocks, f-2) {
		return ""
	}
	lead, line := rd.doc.blocks[f-2], rd.doc.blocks[f-1]
	if !isLead(lead) || isLead(line) || line.list || line.quotation != nil || !isTitleSized(line.toks) || strings.HasSuffix(line.text, ".") {
		return ""
	}
	if rd.isMarkedTitle(s, line) {
		return cleanHeadline(line.text)
	}
	return ""
}

// isMarkedTitle reports whether the whole line is emphasized, in quotation marks or a link to the article of s. A line
// with any other link is not a title.
func (rd *reading) isMarkedTitle(s *source, line *block) bool {
	n := len(line.toks)
	if u := line.linkIn(span{0, n}); u != "" {
		return u == s.url && line.isWholly(runLink)
	}
	return line.isWholly(runEmphasis) || line.isWholly(runCite) || quotedEnd(line.toks, 0) == n
}

// possessiveHeadline returns the title in a link to the article of s that consists of the name of the author or the
// publication, a possessive and a title in title case, as in "Ann Reed's Salt and Water". Otherwise it returns "".
func (rd *reading) possessiveHeadline(s *source) string {
	if s.url == "" || rd.l.name != fallback {
		return ""
	}
	for _, k := range s.creditBlocks {
		label := rd.doc.blocks[k].textOfLink(s.url)
		toks := rd.r.lx.tokenize(label, nil)
		at := slices.IndexFunc(toks, func(t token) bool { return t.kind == tokPoss })
		if at < 1 || at+minFoundTitle >= len(toks) {
			continue
		}
		if name := label[:toks[at-1].end]; !slices.Contains(s.authors, name) && !sameName(s.pub.name, name) {
			continue
		}
		if title := toks[at+1:]; title[0].upper && isTitleCase(rd.l, title) && !rd.l.piece.has(title[len(title)-1].id) {
			return cleanHeadline(label[title[0].start:])
		}
	}
	return ""
}

// minTailTitle is the minimum number of words in the post's title if it is the headline of the article to which the
// post's last line refers.
const minTailTitle = 6

// headlineOfTail returns the post's title if the post begins with a line such as "The Bugle, by Ann Reed, June 16,
// 2014" or ends in a line such as "Read the entire article at the Bugle", which names the known publication of s, and
// the post contains no other credit and no word in the first or second person: the title is then that of the article.
// Otherwise it returns "".
func (rd *reading) headlineOfTail(s *source) string {
	if s.pub.known == nil || rd.marksQuotations || len(strings.Fields(rd.postTitle)) < minTailTitle ||
		strings.HasSuffix(rd.postTitle, "?") || !rd.refersToTitle(s) {
		return ""
	}
	for k, b := range rd.doc.blocks {
		if b.role == Noise || b.role == Footer || b.role == Posted || b.role == Title {
			continue
		}
		if b.role == Credit && !slices.Contains(s.creditBlocks, k) || slices.ContainsFunc(b.toks, rd.isPersonal) {
			return ""
		}
	}
	return cleanHeadline(rd.postTitle)
}

// isPersonal reports whether the token is a word in the first or second person.
func (rd *reading) isPersonal(t token) bool { return rd.isFirstPerson(t) || rd.l.second.has(t.id) }

// refersToTitle reports whether the last block of the credit of s ends the post and refers to an article to read.
func (rd *reading) refersToTitle(s *source) bool {
	if len(s.creditBlocks) == 0 {
		return false
	}
	last := slices.Max(s.creditBlocks)
	b := rd.doc.blocks[last]
	if b.list || len(b.toks) == 0 || slices.ContainsFunc(rd.doc.blocks[last+1:], func(b *block) bool { return b.isText() }) {
		return false
	}
	from := b.toks
	if at := slices.IndexFunc(b.toks, func(t token) bool { return t.kind == tokDots }); at >= 0 && at+1 < len(b.toks) {
		from = b.toks[at+1:]
	}
	return rd.l.readOn.has(from[0].id) // "Read the entire article at the Bugle"
}

// isText reports whether the block is a part of the post's text, or a credit in it.
func (b *block) isText() bool {
	return b.role == "" || b.role == Commentary || b.role == Passage || b.role == Credit || b.role == Uncredited
}

// isTitle reports whether the text can be a headline rather than a remark: it is one sentence without a final period,
// and not in the first person.
func (rd *reading) isTitle(text string) bool {
	toks := rd.r.lx.tokenize(text, nil)
	return len(toks) > 1 && len(toks) <= 40 && toks[0].upper && !slices.ContainsFunc(toks, func(t token) bool {
		return rd.l.first.has(t.id) || t.kind == tokPunct && (t.ch == '.' || t.ch == ';')
	})
}

// minSlugWords is the minimum number of words that the post's title and the URL of an article must share for the title
// to be the headline of the article.
const minSlugWords = 4

// headlineOfSlug returns the post's title if the URL of s contains the words of the title, and "" otherwise. It removes
// the name of the author or the publication from the beginning or the end of the title.
func (rd *reading) headlineOfSlug(s *source) string {
	u, err := url.Parse(s.url)
	if err != nil || s.url == "" || rd.postTitle == "" {
		return ""
	}
	title, least := rd.postTitle, minSlugWords
	for _, name := range append(slices.Clone(s.authors), s.pub.name) {
		if h := withoutName(title, name); h != title {
			title, least = h, 2
			break
		}
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if slugMatches(segment, fold(title), least, s.authors) {
			return cleanHeadline(title)
		}
	}
	return ""
}

// withoutName returns the title without the name at its beginning or end and the separator, as in "Ann Reed: Containing
// Sand", "Containing Sand – Ann Reed" and "Containing Sand, by Ann Reed".
func withoutName(title, name string) string {
	if name == "" {
		return title
	}
	if rest, ok := strings.CutPrefix(title, name+": "); ok {
		return rest
	}
	rest, ok := strings.CutSuffix(title, name)
	if !ok {
		return title
	}
	for _, separator := range []string{" - ", " – ", " — ", " | ", ", by ", " by "} {
		if h, ok := strings.CutSuffix(rest, separator); ok {
			return h
		}
	}
	return title
}

// slugMatches reports whether segment, a part of a URL's path, and the folded title consist of the same words in the
// same order. Numbers, words of up to three letters, and the names of authors at the end of the segment are ignored.
// The title must have at least the given number of words.
func slugMatches(segment, title string, least int, authors []string) bool {
	if i := strings.LastIndexByte(segment, '.'); i >= 0 {
		segment = segment[:i]
	}
	long := func(text string) []string {
		return slices.DeleteFunc(strings.Fields(text), func(w string) bool {
			return len(w) <= 3 || strings.ContainsFunc(w, unicode.IsDigit)
		})
	}
	words, in := long(fold(segment)), long(title)
	for _, a := range authors {
		if names := long(fold(a)); len(names) > 0 && len(words) > len(in) && len(words) >= len(names) &&
			slices.Equal(words[len(words)-len(names):], names) {
			words = words[:len(words)-len(names)]
		}
	}
	return len(in) > 1 && len(strings.Fields(title)) >= least && slices.Equal(words, in)
}
