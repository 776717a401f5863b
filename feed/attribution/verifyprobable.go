package attribution

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file finds credits and fields that are probably wrong: a headline that is only part of a sentence, a name
// that is no publication or person, and a publication, an author and a URL that come from different links.

// isPartialName reports whether a name of s, whose credit is in block b, is probably only a part of a name, or something
// other than a publication or a person.
func (rd *reading) isPartialName(s *source, b *block) bool {
	return rd.isFragment(s) || rd.isPartOfWork(s) || rd.isPublisher(s) || rd.isCompany(s, b) ||
		slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isName(name, "") })
}

// isImprobable reports whether the credit in the block with index at is probably wrong.
func (rd *reading) isImprobable(s *source, at int) bool {
	b := rd.doc.blocks[at]
	return rd.isAmbiguous(s, b) || rd.isDisclaimer(s, b) || rd.isMotto(s, b) || rd.isLinkedElsewhere(s, b) ||
		rd.hasAuthorElsewhere(s, b) || rd.isListHeading(s, at) || s.isMixed()
}

// isOnlyNamed reports whether s, a known publication, has no passage and no link, and the sentence does not name it as
// the origin of what it says: "the Guardian should report it".
func (rd *reading) isOnlyNamed(s *source) bool {
	return s.pub.known != nil && len(s.passages) == 0 && !s.clear && rd.isUnlinked(s) && !rd.isNamedAsOrigin(s)
}

// isFragment reports whether the publication of s is only a title before a person's name, the suffix of a company's
// name, up to two letters, a common noun, or a name with other words before or after it, and is not marked as a name:
// "Rt Hon Ann Reed", "Acme, Inc".
func (rd *reading) isFragment(s *source) bool {
	name := strings.TrimSuffix(s.pub.name, ".")
	if name == "" || rd.isMarkedName(s) || rd.isAtURL(s) || rd.isInQuotationMarks(s) {
		return false
	}
	if s.pub.known == nil && rd.hasOtherWords(name) || s.isCommonNoun() {
		return true
	}
	if letters := utf8.RuneCountInString(name); letters <= 2 && (s.pub.known == nil || !acronym(name)) {
		return true
	}
	return !slices.ContainsFunc(strings.Fields(name), func(w string) bool {
		w = strings.Trim(w, ".,")
		id := rd.r.lx.lookup(w)
		return !rd.l.nameAffix.has(id) && !rd.l.companySuffix.has(id) || w == strings.ToUpper(w) && s.pub.known != nil
	})
}

// isCommonNoun reports whether the known publication of s is written in lower case, like a common noun, and the credit
// states nothing else. Agencies such as "dpa" are written in lower case.
func (s *source) isCommonNoun() bool {
	name := s.pub.name
	return s.pub.known != nil && !s.pub.known.Agency && !isDomain(name) && name == strings.ToLower(name) && s.url == "" &&
		s.headline == "" && len(s.authors) == 0
}

// hasOtherWords reports whether an unknown name begins with the words of a clause, as in "As Ann Reed", unless the
// first is also a given name, or with the whole name of a known publication, and does not end in a word such as
// "Magazine": "New York Times Election".
func (rd *reading) hasOtherWords(name string) bool {
	toks := rd.r.lx.tokenize(name, nil)
	if n := phraseEnd(rd.l.citing, toks); n > 0 && n < len(toks) && !rd.l.given.has(toks[0].id) {
		return true
	}
	toks = toks[rd.l.skipDeterminers(toks, 0):]
	n := rd.r.pubs.knownPrefix(toks, true)
	return n > 1 && n < len(toks) && toks[n].kind == tokWord && !rd.l.pubWord.has(toks[len(toks)-1].id)
}

// isPartOfWork reports whether the publication of s is only a part of a work: a word such as "Preamble", or one such as
// "Chapter" and a number.
func (rd *reading) isPartOfWork(s *source) bool {
	if s.pub.known != nil || s.pub.name == "" || rd.isAtURL(s) {
		return false
	}
	toks := rd.r.lx.tokenize(s.pub.name, nil)
	toks = toks[rd.l.skipDeterminers(toks, 0):]
	if len(toks) == 1 {
		return rd.l.frontMatter.has(toks[0].id)
	}
	return len(toks) > 1 && rd.l.workPart.has(toks[0].id) && !slices.ContainsFunc(toks[1:], func(t token) bool {
		return t.kind == tokWord && !t.digit && !isRoman(s.pub.name[t.start:t.end])
	})
}

// isRoman reports whether the word is a number in Roman numerals, or a single capital letter.
func isRoman(word string) bool {
	return len(word) == 1 && word >= "A" && word <= "Z" || word != "" && strings.Trim(word, "IVXLC") == ""
}

// isPublisher reports whether the known publication of s is only the beginning of the name of a publishing house: "The
// Bugle Press".
func (rd *reading) isPublisher(s *source) bool {
	return s.pub.known != nil && !rd.isAtURL(s) && slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return c.at.hi < len(c.b.toks) && c.b.toks[c.at.hi].upper && rd.l.publisherWord.has(c.b.toks[c.at.hi].id)
	})
}

// isCompany reports whether s has no publication, and the suffix of a company follows the only author: "Acme Tools,
// Inc".
func (rd *reading) isCompany(s *source, b *block) bool {
	if s.pub.name != "" || len(s.authors) != 1 {
		return false
	}
	_, name, ok := b.findName(s.authors[0])
	if !ok {
		return false
	}
	k := skipMark(b.toks, name.hi, ',')
	return k < len(b.toks) && b.toks[k].upper && rd.l.companySuffix.has(b.toks[k].id)
}

// isAmbiguous reports whether s has only authors, and after the name of the first the sentence says something of "he"
// or "she", who may be another person before that word: "Ann Reed met Tom Hale, and he told the council:".
func (rd *reading) isAmbiguous(s *source, b *block) bool {
	if s.pub.name != "" || len(s.authors) == 0 {
		return false
	}
	_, name, ok := b.findName(s.authors[0])
	if !ok || name.empty() || len(b.toks) > maxSentenceBlock {
		return false
	}
	in := rd.sentenceAround(b.toks, name)
	for k := name.hi; k+1 < in.hi; k++ {
		id := b.toks[k+1].id
		if rd.l.third.hasLower(b.toks[k]) && !rd.l.stop.has(id) && (rd.l.say.has(id) || rd.l.saidVerb.has(id)) {
			_, persons := rd.otherNames(b, span{in.lo, k}, name, s)
			return persons > 0 || len(s.authors) > 1
		}
	}
	return false
}

// isInQuotationMarks reports whether quotation marks surround the publication of s in its credit.
func (rd *reading) isInQuotationMarks(s *source) bool {
	return slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return c.at.lo > 0 && c.b.toks[c.at.lo-1].kind == tokOpen
	})
}

// minRemark is the minimum number of tokens of a remark in brackets that is not a credit.
const minRemark = 12

// isDisclaimer reports whether block b, which contains the credit of s, is a long remark in square brackets, such as a
// disclaimer of the author, and does not link to the article.
func (rd *reading) isDisclaimer(s *source, b *block) bool {
	return len(s.passages) == 0 && len(b.toks) >= minRemark && strings.HasPrefix(b.text, "[") && strings.HasSuffix(b.text, "]") &&
		(s.url == "" || b.textOfLink(s.url) == "")
}

// isMotto reports whether the headline of s, or the quoted words at the end of block b, describe the site that block b
// links to: the credit consists of a link to the front page of the site and these words, as in
// `[The Bugle](https://bugle.example) -- "News from the coast"`.
func (rd *reading) isMotto(s *source, b *block) bool {
	described := b.list && rd.endsInDescription(b)
	if s.headline == "" && !described || s.url != "" || len(s.passageBlocks) > 0 || len(s.passages) > 0 && !described {
		return false
	}
	return slices.ContainsFunc(b.runs, func(r run) bool {
		return r.kind == runLink && hostOf(r.value) != "" && articleOnly(r.value) == "" && sameName(b.text[r.start:r.end], s.pub.name)
	})
}

// endsInDescription reports whether the block ends in words in quotation marks, which a dash precedes.
func (rd *reading) endsInDescription(b *block) bool {
	for k := 1; k < len(b.toks); k++ {
		if end := quotedEnd(b.toks, k); end > 0 {
			return end == len(b.toks) && b.toks[k-1].kind == tokDash
		}
	}
	return false
}

// isLinkedElsewhere reports whether block b links the name of the publication of s to one site, and the article is on a
// different one.
func (rd *reading) isLinkedElsewhere(s *source, b *block) bool {
	if s.pub.name == "" || s.url == "" || rd.isAtURL(s) || originalOf(s.url) != "" || isWrapper(s.url) {
		return false
	}
	elsewhere := false
	for _, r := range b.runs {
		if r.kind != runLink || !sameName(rd.withoutAdverb(b.text[r.start:r.end]), s.pub.name) {
			continue
		}
		if sameSite(r.value, s.url) {
			return false
		}
		elsewhere = elsewhere || hostOf(r.value) != ""
	}
	return elsewhere
}

// sameSite reports whether the hosts of two URLs have the same last two labels.
func sameSite(a, b string) bool { return parentDomain(hostOf(a)) == parentDomain(hostOf(b)) }

// hasAuthorElsewhere reports whether an author of s is the whole text of a link in block b to a site other than the
// article's, and is not almost certainly a person: it is then the name of that site.
func (rd *reading) hasAuthorElsewhere(s *source, b *block) bool {
	if s.url == "" {
		return false
	}
	return slices.ContainsFunc(s.authors, func(name string) bool {
		return !rd.isPersonLike(name) && slices.ContainsFunc(b.runs, func(r run) bool {
			return r.kind == runLink && b.text[r.start:r.end] == name && hostOf(r.value) != "" && !sameSite(r.value, s.url)
		})
	})
}

// dropNamedThings removes authors that are only positions such as "professor" or the names of things: "an idea she
// calls The Harbour Option", and a section or column of the publication, as in "the Bugle's Harbour Watch".
func (rd *reading) dropNamedThings(s *source) {
	s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(name string) bool {
		if toks := rd.r.lx.tokenize(name, nil); rd.l.position.has(toks[0].id) && len(toks) == 1 {
			return true
		}
		person := rd.isPersonLike(name)
		return slices.ContainsFunc(rd.contextsOf(s, name), func(c nameContext) bool {
			return (!person || c.before < c.at.lo) && rd.isNamedThing(s, c) // a person's name has no article
		})
	})
}

// isNamedThing reports whether the name at c follows a word such as "calls", or the publication of s and a possessive.
func (rd *reading) isNamedThing(s *source, c nameContext) bool {
	k := c.before - 1
	for k > 0 && (rd.l.det.has(c.b.toks[k].id) || c.b.toks[k].kind == tokOpen) {
		k--
	}
	if k < 0 {
		return false
	}
	t := c.b.toks[k]
	if t.kind == tokPoss && c.before == c.at.lo {
		if c.at.hi == len(c.b.toks) || rd.isSpeaker(c.b.toks[c.at.hi]) {
			return false // "the Bugle's Ann Reed:"
		}
		return s.pub.name != "" && strings.HasSuffix(strings.TrimRight(c.b.text[:c.b.toks[k].start], " "), s.pub.name)
	}
	return t.kind == tokWord && rd.l.calling.has(t.id)
}

// wholeLabel makes the headline of s the whole text of its link if the text is a sentence whose first words were read
// as an author or left out, as in the link "Ann Reed opens the harbour". The people in these words are subjects and not
// authors.
func (rd *reading) wholeLabel(s *source) {
	if s.url == "" {
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		label := cleanHeadline(b.textOfLink(s.url))
		before := rd.subjectOf(s, b, label)
		if before == "" {
			continue
		}
		if s.headline = label; s.pub.name != "" && strings.Contains(before, s.pub.name) {
			s.headline = "" // "The Bugle opens a harbour office" may be a sentence of the author
		}
		s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(a string) bool { return strings.Contains(before, a) })
		return
	}
}

// subjectOf returns the words of the label before the headline of s, if the headline begins in lower case and only a
// space separates them, or an author of s with whom the label begins, if the label is all of block b and a verb other
// than one of saying follows. Otherwise it returns "".
func (rd *reading) subjectOf(s *source, b *block, label string) string {
	const least = 6 // tokens of a sentence
	if s.headline != "" {
		first, _ := utf8.DecodeRuneInString(s.headline)
		before, _, found := strings.Cut(label, s.headline)
		last, _ := utf8.DecodeLastRuneInString(strings.TrimRight(before, " "))
		if found && unicode.IsLower(first) && unicode.IsLetter(last) {
			return before
		}
		return ""
	}
	toks := rd.r.lx.tokenize(label, nil)
	if len(toks) < least || !b.isWholly(runLink) || b.list {
		return ""
	}
	for _, a := range s.authors {
		if !strings.HasPrefix(label, a+" ") {
			continue
		}
		i := slices.IndexFunc(toks, func(t token) bool { return t.start > len(a) })
		if t := toks[i]; t.kind == tokWord && !t.upper && !rd.l.stop.has(t.id) && rd.sayingAfter(&block{text: label, toks: toks}, i) < 0 {
			return a
		}
	}
	return ""
}

// dropSentencePart removes a headline that is only part of a sentence or of several sentences: nothing marks it as a
// title, and it contains a link and other words, a full stop before a new sentence, or is followed by a word in lower
// case that does not belong to a credit.
func (rd *reading) dropSentencePart(s *source) {
	if s.headline == "" || strings.Contains(rd.postTitle, s.headline) || rd.isHeading(s.headline) {
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		from := strings.Index(b.text, s.headline)
		if from < 0 {
			continue
		}
		if to := from + len(s.headline); !b.marksTitle(from, to) && (rd.isSentencePart(b, from, to) || rd.isBracketRemark(b, from, to)) {
			s.headline = ""
		}
		return
	}
}

// marksTitle reports whether the text between two offsets is in quotation marks, in emphasized text, in the text of a
// link, or all of the block.
func (b *block) marksTitle(from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(b.text[:from])
	first, _ := utf8.DecodeRuneInString(b.text[from:])
	if strings.ContainsRune(`"“”„«»‘‚'`, before) && !b.isCutTitle(to) || strings.ContainsRune(`"“„«‘`, first) || from == 0 && to >= len(b.text)-1 {
		return true
	}
	return slices.ContainsFunc(b.runs, func(r run) bool {
		return (r.kind == runLink || r.kind == runEmphasis || r.kind == runCite) && r.start <= from && r.end >= to
	})
}

// sentenceEnd matches the end of a sentence and the beginning of the next one.
var sentenceEnd = regexp.MustCompile(`\p{Ll}[.!?] \p{Lu}`)

// isSentencePart reports whether the unmarked text of block b between two offsets is part of a sentence.
func (rd *reading) isSentencePart(b *block, from, to int) bool {
	if sentenceEnd.MatchString(b.text[from:to]) {
		return true
	}
	if slices.ContainsFunc(b.runs, func(r run) bool { return r.kind == runLink && r.start < to && r.end > from }) {
		return true
	}
	i := slices.IndexFunc(b.toks, func(t token) bool { return t.start >= to })
	if i < 0 {
		return false
	}
	t := b.toks[i]
	return t.kind == tokWord && !t.upper && !t.digit && !slices.ContainsFunc(
		[]*class{rd.l.by, rd.l.in, rd.l.from, rd.l.at, rd.l.on, rd.l.via}, func(c *class) bool { return c.has(t.id) })
}

// isBracketRemark reports whether the text of block b between two offsets is all of the text in brackets and is not in
// title case: "The Bugle (worth reading)".
func (rd *reading) isBracketRemark(b *block, from, to int) bool {
	if from == 0 || b.text[from-1] != '(' || !strings.HasPrefix(b.text[to:], ")") {
		return false
	}
	return !isTitleCase(rd.l, rd.r.lx.tokenize(b.text[from:to], nil))
}

// imprint matches the place, publisher and year of a book after its title, and page numbers: "(Oslo: Quay, 1998), 12".
var imprint = regexp.MustCompile(`^(.*\S) \((?:\p{Lu}[^():]*: )?[^():]*?(1[5-9]\d\d|20\d\d)\)[,.]?(?: (?:pp?\.|S\.|p[áa]gs?\.)?\s?\d+(?:[–-]\d+)?\.?)?$`)

// cutImprint removes the imprint of a book from the headline of s, and keeps its year if s has no date.
func (s *source) cutImprint() {
	m := imprint.FindStringSubmatch(s.headline)
	if m == nil || strings.Contains(m[1], "(") {
		return
	}
	s.headline = m[1]
	if year, err := strconv.Atoi(m[2]); err == nil && s.date == (date{}) {
		s.year = year
	}
}

// isTitleAsName reports whether the unknown publication of a structured credit without an author is a sentence, and so
// the title of a text: at least three of its words, and twice as many as the others, are in lower case.
func (rd *reading) isTitleAsName(s *source) bool {
	if s.pub.known != nil || len(s.authors) > 0 || s.headline != "" || s.url != "" {
		return false
	}
	lower, upper := 0, 0
	for _, t := range rd.r.lx.tokenize(s.pub.name, nil) {
		switch {
		case t.kind != tokWord:
		case t.upper:
			upper++
		default:
			lower++
		}
	}
	return lower >= 3 && lower >= 2*upper
}

// isAffiliation reports whether the unknown publication of s, which occurs at c, is where an author works: the author's
// name, a comma and a position such as "professor" precede it.
func (rd *reading) isAffiliation(s *source, c nameContext) bool {
	if s.pub.known != nil || rd.isMarkedName(s) {
		return false
	}
	in := rd.sentenceAround(c.b.toks, c.at)
	return slices.ContainsFunc(s.authors, func(author string) bool {
		_, at, ok := c.b.findName(author)
		if !ok || at.empty() || at.lo < in.lo || at.hi+1 >= c.at.lo || !isMark(c.b.toks, at.hi, ',') {
			return false
		}
		for k := at.hi + 1; k < min(at.hi+4, c.at.lo); k++ {
			if phraseEnd(rd.l.position, c.b.toks[k:c.at.lo]) > 0 || rd.l.academic.has(c.b.toks[k].id) {
				return true
			}
		}
		return false
	})
}
