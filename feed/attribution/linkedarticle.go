package attribution

import (
	"regexp"
	"slices"
)

// This file finds credits in which little can be wrong: links to articles of known publications that the text retells
// or comments on, and marked quotations of an article or a person.

// minLinkedArticle and minCertainExcerpt are the minimum certainties, in hundredths, of such credits.
const minLinkedArticle, minCertainExcerpt = 50, 50

// isLinkedArticle reports whether the URL of the candidate is that of an article on the site of a known publication,
// and the text around the link does not only refer the reader to it.
func (rd *reading) isLinkedArticle(c *candidate) bool {
	s := c.source
	if c.certainty < minLinkedArticle || s.pub.known == nil || rd.r.pubs.byHost(s.url) != s.pub.known ||
		!isArticlePath(s.url) || !isArticleOfSite(s.url) || isCatalog(s.pub.known) {
		return false
	}
	return !slices.ContainsFunc(s.creditBlocks, func(k int) bool {
		b := rd.doc.blocks[k]
		return len(b.toks) > maxSentenceBlock || isHeading(b.elem) || rd.isBareEntry(b) || slices.ContainsFunc(b.runs, func(r run) bool {
			return r.kind == runLink && r.value == s.url && rd.isReferral(s, b, r)
		})
	})
}

// minExcerptPassage is the minimum certainty, in hundredths, of the passage of a certain excerpt.
const minExcerptPassage = 85

// isCertainExcerpt reports whether the candidate has a certain passage and either the URL of an article on the site of
// its publication or only the names of people.
func (rd *reading) isCertainExcerpt(c *candidate) bool {
	s := c.source
	if c.certainty < minCertainExcerpt || len(s.passages) == 0 || c.passageCertain < minExcerptPassage {
		return false
	}
	if isArticlePath(s.url) && isArticleOfSite(s.url) && (s.pub.name == "" || rd.isAtURL(s)) {
		return true
	}
	return s.pub.name == "" && s.headline == "" && len(s.authors) > 0 &&
		!slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isPersonLike(name) }) &&
		!slices.ContainsFunc(s.creditBlocks, func(k int) bool {
			b := rd.doc.blocks[k]
			_, known := rd.knownIn(b, span{0, min(len(b.toks), maxSentenceBlock)})
			return known != nil || len(b.toks) > maxSentenceBlock // a known name may be the publication of the quotation
		})
}

// articlePath matches a URL with a number of at least three digits, or with three words in a part of its path.
var articlePath = regexp.MustCompile(`^https?://[^/]+/(?:.*\d{3}|(?:[^?]*/)?[^/?]+[-_][^/?]+[-_][^/?])`)

// yearPath matches the URL of the pages of a year, such as those of a conference.
var yearPath = regexp.MustCompile(`^https?://[^/]+/\d{4}/?$`)

// isArticlePath reports whether the path of u can be that of an article.
func isArticlePath(u string) bool { return articlePath.MatchString(u) && !yearPath.MatchString(u) }

// isCatalog reports whether the pages of a known publication are rarely articles of its own.
func isCatalog(p *publication) bool {
	return slices.ContainsFunc(p.Domains, func(d string) bool { return aggregatorHosts[d] || catalogHosts[d] })
}

// catalogHosts lists the hosts of catalogs, archives, and sites on which people answer questions.
var catalogHosts = map[string]bool{
	"archive.org": true, "gutenberg.org": true, "imdb.com": true, "metacritic.com": true, "rottentomatoes.com": true,
	"stackexchange.com": true, "stackoverflow.com": true, "wikileaks.org": true,
}

// minEntryWords is the number of words outside links that a list item needs to say something about an article.
const minEntryWords = 4

// isBareEntry reports whether block b is a list item that only names articles, as in a list of reviews or of further
// reading. Names are capitalized, so only other words count.
func (rd *reading) isBareEntry(b *block) bool {
	if !b.list {
		return false
	}
	words := 0
	for i, t := range b.toks {
		if t.kind == tokWord && !t.upper && !b.inLink(i) && !rd.isPlacePreposition(t) && !rd.l.by.has(t.id) {
			words++
		}
	}
	return words < minEntryWords
}

// inLink reports whether the token with index i is in a link.
func (b *block) inLink(i int) bool { return b.linkIn(span{i, i + 1}) != "" }

// isReferral reports whether link r of block b only refers the reader to the article of s: its sentence recommends it
// ("check out"), it follows "my", its text is only the name of the publication in a sentence without a verb of saying,
// or the publication only "has" it.
func (rd *reading) isReferral(s *source, b *block, r run) bool {
	before, label := tokensWithin(b.toks, span{0, len(b.toks)}, r)
	if label.empty() {
		return false
	}
	in := rd.sentenceAround(b.toks, label)
	if before > in.lo && rd.l.possessive.has(b.toks[before-1].id) {
		return true
	}
	for k := in.lo; k < in.hi; k++ {
		if phraseEnd(rd.l.recommending, b.toks[k:in.hi]) > 0 {
			return true
		}
	}
	if sameName(b.text[r.start:r.end], s.pub.name) && !slices.ContainsFunc(b.toks[in.lo:in.hi], rd.isVerbOfSaying) {
		return true
	}
	_, name, ok := b.findName(s.pub.name)
	return ok && name.hi < len(b.toks) && rd.l.having.has(b.toks[name.hi].id)
}

// dropUncertainMembers removes the headline of a linked article if it is more likely part of a sentence, and the
// authors of one without a headline and a byline. They are often people whom the article is about.
func (rd *reading) dropUncertainMembers(s *source, b *block) {
	if !s.linkedArticle || len(s.passages) > 0 {
		return
	}
	if s.headline != "" && !rd.isCertainHeadline(b, s.headline) {
		s.headline = ""
	}
	if s.headline == "" {
		s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(name string) bool { return !rd.isNamedAsAuthor(b, name) })
	}
}

// isNamedAsAuthor reports whether the person follows a word such as "by" in block b, or is before one such as "in": "by
// Ann Reed", "Ann Reed in the Bugle".
func (rd *reading) isNamedAsAuthor(b *block, name string) bool {
	_, at, ok := b.findName(name)
	if !ok || at.empty() {
		return false
	}
	return at.lo > 0 && rd.l.by.has(b.toks[at.lo-1].id) || at.hi < len(b.toks) && rd.isPlacePreposition(b.toks[at.hi])
}

// maxQuotedTitle is the maximum number of words of a headline that is not in title case. Longer texts in quotation
// marks are usually quotations.
const maxQuotedTitle = 15

// isCertainHeadline reports whether the headline is in title case, or is quoted, emphasized or in a list item. It must
// not be a single word or end in one such as "article".
func (rd *reading) isCertainHeadline(b *block, headline string) bool {
	toks := rd.r.lx.tokenize(headline, nil)
	if len(toks) < 2 || rd.l.piece.has(toks[len(toks)-1].id) {
		return false
	}
	return isTitleCase(rd.l, toks) || countWords(toks) <= maxQuotedTitle && (b.list || b.isQuotedOrEmphasized(headline))
}

// isQuotedOrEmphasized reports whether the block contains the text in quotation marks or emphasized.
func (b *block) isQuotedOrEmphasized(text string) bool {
	_, in, ok := b.findName(text)
	return ok && !in.empty() && (b.isQuoted(in) || b.isEmphasized(in))
}

// isArticleOfSite reports whether u can be the URL of an article on a site that publishes articles of its own.
func isArticleOfSite(u string) bool {
	return u != "" && mayBeArticle(u) && !isMediaHost(u) && !isReferenceHost(u)
}
