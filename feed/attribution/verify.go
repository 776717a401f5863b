package attribution

import (
	"slices"
	"strings"
	"unicode"
)

// Verification is the last check of a candidate before the verdict on it. It compares each name with the text and the
// links around it: the names of a credit are in its own paragraph or list item, and the link of a credit leads to the
// publication that the text names.

// verify corrects the names of a source. It returns the doubts that only the uncorrected source raises, or that need
// the place of its credit; see [reading.doubtsAbout] for the others.
func (rd *reading) verify(s *source) (found doubts) {
	rd.replaceArchive(s)
	if s.dropNumbers() && s.pub.name == "" && len(s.authors) == 0 {
		found.add(doubtNames, true)
		return found
	}
	rd.dropOtherQuotation(s)
	rd.dropNameAsHeadline(s)
	if s.structured {
		rd.dropReferencePage(s)
		if rd.takeNameFromHeadline(s); s.headline != "" && !rd.isQuotedTitle(s) {
			s.headline = ""
		}
		return found
	}
	if s.kind == Tweet {
		found.add(doubtOwn, !rd.verifyEmbed(s))
		return found
	}
	if s.kind == Reblog || s.convention == "card" {
		return found
	}
	at := rd.creditBlock(s)
	if at < 0 {
		found.add(doubtPlace, !rd.isTitleOfSource(s))
		return found
	}
	b := rd.doc.blocks[at]
	found = rd.checkPlace(s, at)
	rd.cutName(s)
	rd.correctAuthors(s)
	rd.correctTitle(s)
	rd.correctHeadline(s, at)
	rd.dropSentencePart(s)
	rd.dropReferenceHost(s, b)
	rd.recognizeInflected(s)
	rd.takePersonAsAuthor(s)
	rd.dropUncertainMembers(s, b)
	rd.dropSubjectOfLink(s)
	found.add(doubtNames, s.pub.name == "" && len(s.authors) == 0 && s.headline == "")
	found.add(doubtNamed, rd.isOnlyNamed(s))
	found.add(doubtMentioned, rd.isOnlyMentioned(s, b))
	found.add(doubtReference, rd.isReference(s, at))
	found.add(doubtFragment, rd.isPartialName(s))
	return found
}

// checkPlace returns the doubts whether the credit of s, which is in the block with index at, belongs to the passage
// and to its link. A link on what the author of s says replaces the URL of s.
func (rd *reading) checkPlace(s *source, at int) (found doubts) {
	b := rd.doc.blocks[at]
	found.add(doubtPlace, !rd.isCreditOfPassage(s, at))
	found.add(doubtLink, !rd.takeLinkOfLead(s, at))
	found.add(doubtLink, !rd.isLinkOfSentence(s, b))
	found.add(doubtOwn, rd.isPictureOrOwnText(s, b) || rd.isCrossPost(s, b))
	return found
}

// dropOtherQuotation removes the paragraphs of the passage of s up to the last one that is a quotation of its own in
// quotation marks, if the last paragraph of the passage shares its block with the credit: only that one is signed.
func (rd *reading) dropOtherQuotation(s *source) {
	n := len(s.passages) - 1
	if n < 1 || len(s.passageBlocks) != n {
		return
	}
	for k := n - 1; k >= 0; k-- {
		if toks := rd.doc.blocks[s.passageBlocks[k]].toks; quotedEnd(toks, 0) == len(toks) {
			for _, own := range s.passageBlocks[:k+1] {
				rd.setRole(rd.doc.blocks[own], Uncredited)
			}
			s.passages, s.passageBlocks = s.passages[k+1:], s.passageBlocks[k+1:]
			return
		}
	}
}

// creditBlock returns the index of the block of the credit that is nearest to the passage: the last one before it, or
// the first one after it. If the passage shares a block with other text, creditBlock returns that block. The result is
// -1 if the source has no credit block.
func (rd *reading) creditBlock(s *source) int {
	if len(s.creditBlocks) == 0 {
		return -1
	}
	if len(s.passages) > 0 && len(s.passageBlocks) == 0 {
		for _, k := range s.creditBlocks {
			if strings.Contains(rd.doc.blocks[k].text, s.passages[0]) {
				return k
			}
		}
	}
	if len(s.passageBlocks) == 0 {
		return s.creditBlocks[0]
	}
	before, after := -1, -1
	for _, k := range s.creditBlocks {
		switch {
		case k <= s.passageBlocks[0]:
			before = max(before, k)
		case after < 0 || k < after:
			after = k
		}
	}
	if before >= 0 {
		return before
	}
	return after
}

// isCreditOfPassage reports whether the credit in the block with index at can belong to the passage of s. A heading
// below a passage begins the next section, a list item names the source of its own text only, and a paragraph that ends
// in a colon and links to a different site introduces a passage from that site.
func (rd *reading) isCreditOfPassage(s *source, at int) bool {
	b := rd.doc.blocks[at]
	if len(s.passageBlocks) == 0 {
		return len(s.passages) == 0 || !b.list || rd.isNamedIn(s, b)
	}
	first := s.passageBlocks[0]
	if at > first {
		return !isHeading(b.elem)
	}
	if first == 0 || s.clear && isHeading(b.elem) {
		return true
	}
	lead := rd.doc.blocks[first-1]
	if lead.quotation != nil || !isLead(lead) || rd.isNamedIn(s, lead) {
		return true
	}
	if s.pub.known == nil && s.pub.name != "" {
		return false
	}
	return !slices.ContainsFunc(lead.runs, func(r run) bool {
		return r.kind == runLink && hostOf(r.value) != "" && hostOf(r.value) != hostOf(s.url)
	})
}

// isNamedIn reports whether block b contains the name of the publication or an author of s, or links to its article.
func (rd *reading) isNamedIn(s *source, b *block) bool {
	if s.pub.name != "" && strings.Contains(b.text, s.pub.name) ||
		slices.ContainsFunc(s.authors, func(a string) bool { return strings.Contains(b.text, a) }) {
		return true
	}
	return s.url != "" && slices.ContainsFunc(b.runs, func(r run) bool { return r.kind == runLink && r.value == s.url })
}

// dropNumbers removes authors whose names contain numbers, and reports whether there were any. It keeps the names of
// accounts.
func (s *source) dropNumbers() bool {
	if s.kind == Tweet || s.kind == Reblog || !slices.ContainsFunc(s.authors, hasNumber) {
		return false
	}
	s.authors = slices.DeleteFunc(slices.Clone(s.authors), hasNumber)
	return true
}

// hasNumber reports whether a word of the name begins with a digit, as in a date that is written before a name.
func hasNumber(name string) bool {
	return slices.ContainsFunc(strings.Fields(name), func(w string) bool { return w[0] >= '0' && w[0] <= '9' })
}

// correctAuthors removes the authors of s who are not people or did not write the passage.
func (rd *reading) correctAuthors(s *source) {
	var kept []string
	for _, name := range s.authors {
		toks := rd.r.lx.tokenize(name, nil)
		for len(toks) > 1 && rd.l.piece.has(toks[len(toks)-1].id) {
			toks = toks[:len(toks)-1] // skip the last word of "Ann Reed Interview"
		}
		if toks = rd.withoutEmployer(toks); len(toks) == 0 {
			continue
		}
		name = rd.linkedName(s, name[:toks[len(toks)-1].end])
		if rd.isPersonName(toks) && !sameName(name, s.pub.name) && (rd.isPersonLike(name) || !rd.isHeading(name)) && rd.isAuthorInCredit(s, name) {
			kept = append(kept, name)
		}
	}
	s.authors = rd.withoutSurnames(kept)
}

// linkedName returns the part of a name that is the text of a link, if that text is a person's name: the words before
// it, such as a title, are not part of the name.
func (rd *reading) linkedName(s *source, name string) string {
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		for _, r := range b.runs {
			if label := b.text[r.start:r.end]; r.kind == runLink && strings.HasSuffix(name, " "+label) && strings.Contains(label, " ") {
				return label
			}
		}
	}
	return name
}

// isPersonName reports whether the tokens can be a person's name. They must not begin with a sentence opener such as
// "Meanwhile", and must not be a single word for a text or a publication.
func (rd *reading) isPersonName(toks []token) bool {
	first := toks[0]
	if rd.l.opener.has(first.id) && !rd.l.given.has(first.id) {
		return false
	}
	return !slices.ContainsFunc(toks, func(t token) bool {
		return t.kind == tokWord && (rd.l.piece.has(t.id) || rd.l.pubWord.has(t.id)) && !rd.l.given.has(t.id) && len(toks) == 1
	})
}

// isAuthorInCredit reports whether the credit names the person as an author. A name that is part of a longer one, as in
// "Reed Family Cyclery", or before a word such as "page" is not a person's. A person named in a sentence without the
// publication, the link or a verb of saying is the subject of the article.
func (rd *reading) isAuthorInCredit(s *source, name string) bool {
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		_, at, ok := b.findName(name)
		if !ok || at.empty() {
			continue
		}
		if next := at.hi; next < len(b.toks) && (rd.continuesName(b, next) || rd.l.page.hasLower(b.toks[next])) ||
			rd.isSubject(b, at) {
			return false
		}
		return rd.isCreditSentence(s, b, at)
	}
	return true
}

// continuesName reports whether token i of the block, which follows a name, is also part of it.
func (rd *reading) continuesName(b *block, i int) bool {
	t := b.toks[i]
	return t.kind == tokWord && t.upper && t.start == b.toks[i-1].end+1 && !rd.l.stop.has(t.id) && !rd.l.known(t.id) &&
		rd.l.month(t.id) == 0 && !rd.l.weekday.has(t.id) && rd.r.pubs.knownPrefix(b.toks[i:], true) == 0
}

// isCreditSentence reports whether the sentence with the given tokens names the publication, contains the link or a
// word of saying, or is the only or last sentence of the block.
func (rd *reading) isCreditSentence(s *source, b *block, at span) bool {
	in := rd.sentenceAround(b.toks, at)
	if in.hi == len(b.toks) || s.pub.name == "" || strings.Contains(b.slice(in), s.pub.name) ||
		s.url != "" && b.linkIn(in) == s.url {
		return true
	}
	return slices.ContainsFunc(b.toks[in.lo:in.hi], func(t token) bool {
		return rd.l.say.has(t.id) && !rd.l.stop.has(t.id) || rd.l.by.has(t.id)
	})
}

// maxInitial is the maximum length of an initial or an abbreviation in capitals, in bytes.
const maxInitial = 2

// sentenceAround returns the span of the sentence in toks that contains the given span.
func (rd *reading) sentenceAround(toks []token, at span) span {
	in := span{0, len(toks)}
	for k := 1; k+1 < len(toks); k++ {
		t, before, next := toks[k], toks[k-1], toks[k+1]
		if t.kind != tokPunct || !strings.ContainsRune(".!?", t.ch) || !next.upper || !next.space ||
			before.upper && before.end-before.start <= maxInitial || rd.l.abbreviation.has(before.id) {
			continue
		}
		if k >= at.lo {
			in.hi = k + 1
			return in
		}
		in.lo = k + 1
	}
	return in
}

// correctHeadline removes a headline that is only a label, such as "Obituary", a date or an unmarked number, or that is
// part of a sentence outside the paragraph of the credit. If the headline consists of the author and the place of the
// article, as in the link "Ann Reed at the Harbour blog", it becomes the author.
func (rd *reading) correctHeadline(s *source, at int) {
	if s.headline == "" {
		return
	}
	toks := rd.r.lx.tokenize(s.headline, nil)
	if rd.isLabel(toks) || rd.isDate(s.headline, toks) || isNumber(toks) && !rd.isMarkedIn(rd.doc.blocks[at], s.headline) {
		s.headline = ""
		return
	}
	if strings.Contains(rd.doc.blocks[at].text, s.headline) || strings.Contains(rd.postTitle, s.headline) {
		return
	}
	for k := max(0, at-3); k < at; k++ {
		b := rd.doc.blocks[k]
		if strings.Contains(b.text, s.headline) && len(b.text) > 2*len(s.headline) && !b.list && b.quotation == nil {
			s.headline = ""
			return
		}
	}
}

// isLabel reports whether the tokens are a single word for a text, or a label such as "Source".
func (rd *reading) isLabel(toks []token) bool {
	return len(toks) == 1 && (rd.l.piece.has(toks[0].id) || rd.l.label.has(toks[0].id))
}

// isDate reports whether the text, whose tokens are toks, is a date, perhaps after one word: "Added 2021-03-12".
func (rd *reading) isDate(text string, toks []token) bool {
	for k := range min(len(toks), 2) {
		if end, _ := rd.l.date(text, toks, k); end == len(toks) {
			return true
		}
	}
	return false
}

// isNumber reports whether the tokens contain no words but numbers.
func isNumber(toks []token) bool {
	return len(toks) > 0 && !slices.ContainsFunc(toks, func(t token) bool { return t.kind == tokWord && !t.digit })
}

// isMarkedIn reports whether the block contains the text in quotation marks, emphasized or linked.
func (rd *reading) isMarkedIn(b *block, text string) bool {
	_, in, ok := b.findName(text)
	return ok && !in.empty() && (b.isQuoted(in) || b.isEmphasized(in) || b.linkIn(in) != "")
}

// dropReferenceHost removes the URL, and a publication that only the URL names, if the host is an encyclopedia, a shop
// or another site that describes people and works: a link from a name to such a site does not say where the passage was
// printed.
func (rd *reading) dropReferenceHost(s *source, b *block) {
	if s.url == "" || s.convention == "cite" || !isReferenceHost(s.url) || s.pub.name != "" &&
		(!rd.samePublication(s.pub.name, rd.publisherOfHost(s.url).name) || strings.Contains(b.text, s.pub.name)) {
		return
	}
	text := b.textOfLink(s.url)
	// If the text of the link contains more than the author's name, it is the name of a work or a law.
	s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(a string) bool {
		return text != a && strings.Contains(text, a)
	})
	s.pub, s.url = publisher{}, ""
	rd.takeHeadlineAsAuthor(s)
}

// textOfLink returns the text of the first link in the block with the URL u, or "".
func (b *block) textOfLink(u string) string {
	for _, r := range b.runs {
		if r.kind == runLink && r.value == u {
			return b.text[r.start:r.end]
		}
	}
	return ""
}

// dropReferencePage removes the publication of a structured credit that consists of a person's name or a work with a
// link to a reference site. The link of a work is kept.
func (rd *reading) dropReferencePage(s *source) {
	if len(s.authors) > 0 || s.headline == "" || !isReferenceHost(s.url) ||
		!rd.samePublication(s.pub.name, rd.publisherOfHost(s.url).name) {
		return
	}
	s.pub = publisher{}
	if rd.takeHeadlineAsAuthor(s) {
		s.url = ""
	}
}

// takeHeadlineAsAuthor makes the headline the author if it is a person's name and the source has no author. It reports
// whether it did.
func (rd *reading) takeHeadlineAsAuthor(s *source) bool {
	if len(s.authors) > 0 || s.headline == "" || rd.l.personScore(s.headline, rd.r.lx.tokenize(s.headline, nil)) == 0 {
		return false
	}
	s.authors, s.headline = []string{s.headline}, ""
	return true
}

// isReferenceHost reports whether the host of u is that of a shop or one of referenceHosts, and so publishes no
// articles of its own.
func isReferenceHost(u string) bool {
	labels := strings.Split(hostOf(u), ".")
	return slices.ContainsFunc(labels, func(l string) bool { return referenceHosts[l] || shopHosts[l] && len(l) > 4 })
}

// referenceHosts lists labels of hosts that describe people and works, collect quotations, or archive the articles of
// others.
var referenceHosts = map[string]bool{
	"azquotes": true, "brainyquote": true, "britannica": true, "facebook": true, "goodreads": true, "jstor": true,
	"librarything": true, "linkedin": true, "quoteinvestigator": true, "twitter": true, "wikidata": true,
	"wikimedia": true, "wikipedia": true, "wikiquote": true,
}

// findName finds the first occurrence of a name in the block. It returns the index of the first token that is not
// before the occurrence, and the tokens of the occurrence, or false if the block does not contain the name.
func (b *block) findName(name string) (before int, within span, ok bool) {
	from := strings.Index(b.text, name)
	if from < 0 {
		return 0, span{}, false
	}
	before, within = tokensWithin(b.toks, span{0, len(b.toks)}, run{start: from, end: from + len(name)})
	return before, within, true
}

// isPublicationCertain reports whether the publication of s, whose credit is in block b, is certain. For a known
// publication, the evidence is the host of the article or the position of the name in its sentence. For an unknown one,
// it is the host, the form of the name or the markup. A source without a publication needs an author.
func (rd *reading) isPublicationCertain(s *source, b *block) bool {
	switch {
	case s.pub.name == "":
		return len(s.authors) > 0
	case rd.isMedia(s) && len(s.authors) == 0:
		return false
	case s.pub.known == nil:
		return rd.isUnknownCertain(s, b)
	case len(s.passages) > 0 && s.url == "" || s.pub.known.Agency || len(s.pub.known.Domains) == 0:
		return s.voiced || rd.isNamedAsOrigin(s)
	default:
		return s.url == "" || rd.isHostOfKnown(s)
	}
}

// isUnknownCertain reports whether the unknown publication of s is certain, because of the host of the article, the
// form of the name, the markup, a copied header or a short line that announces the passage.
func (rd *reading) isUnknownCertain(s *source, b *block) bool {
	return s.clear || rd.isLeadLine(b) || hostNamed(s.url, s.pub.name) || s.convention == "cite" || s.hasHeader ||
		rd.isMarkedName(s) || len(s.authors) > 0 && len(s.passages) == 0 || rd.l.looksLikePub(s.pub.name, rd.r.lx.tokenize(s.pub.name, nil))
}

// isLeadLine reports whether block b is a short line without links that announces a passage, such as "From the Bugle:"
// or "Ann Reed of the Bugle reports:".
func (rd *reading) isLeadLine(b *block) bool {
	n := len(b.toks)
	return n > 0 && n <= 10 && announces(b.toks[n-1]) &&
		!slices.ContainsFunc(b.runs, func(r run) bool { return r.kind == runLink })
}

// isHostOfKnown reports whether the article's URL can be that of an article in the known publication of s. The URL may
// have any host, such as that of an archive, if the credit is in an element for credits or its link contains the
// publication's name.
func (rd *reading) isHostOfKnown(s *source) bool {
	return rd.isAtURL(s) || slices.ContainsFunc(s.creditBlocks, func(k int) bool {
		b := rd.doc.blocks[k]
		return b.credit || slices.ContainsFunc(b.runs, func(r run) bool {
			text := b.text[r.start:r.end]
			return r.kind == runLink && r.value == s.url && strings.Contains(text, s.pub.name) && !beginsHeadline(text, s.pub.name)
		})
	})
}

// dropSubjectOfLink removes a known publication if the URL has a different host, and the text of the link contains the
// only author instead of the publication, which is then the subject of the article.
func (rd *reading) dropSubjectOfLink(s *source) {
	if s.pub.known == nil || s.url == "" || len(s.authors) != 1 || rd.isAtURL(s) {
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		text := b.textOfLink(s.url)
		if b.credit || strings.Contains(text, s.pub.name) {
			return
		}
		if strings.Contains(text, s.authors[0]) {
			s.pub = publisher{}
			return
		}
	}
}

// beginsHeadline reports whether the text of a link begins with the name and continues in lower case, as a headline
// about the publication does: "The Bugle wins a prize".
func beginsHeadline(text, name string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "The "), strings.TrimPrefix(name, "The "))
	words := strings.Fields(rest)
	return ok && strings.HasPrefix(rest, " ") && len(words) >= 3 && unicode.IsLower([]rune(words[0])[0])
}

// isMarkedName reports whether the name of the publication is the whole text of a link or of emphasized text in the
// credit, apart from determiners and adverbs at its end.
func (rd *reading) isMarkedName(s *source) bool {
	key := nameKey(s.pub.name)
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		for _, r := range b.runs {
			if (r.kind == runLink || r.kind == runEmphasis || r.kind == runCite) && nameKey(rd.withoutAdverb(b.text[r.start:r.end])) == key {
				return true
			}
		}
	}
	return false
}
