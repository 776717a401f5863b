package attribution

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// Read finds the sources that a post quotes. It takes time linear in the size of the post.
func (r *Reader) Read(in Input) Result {
	s := r.takeScratch()
	rd := r.readRules(in, s)
	res := rd.result()
	r.returnScratch(s)
	return res
}

// readRules splits the post into blocks and applies the rules. The result uses s, which the caller may
// reuse once it no longer needs the result.
func (r *Reader) readRules(in Input, s *scratch) *reading {
	body := in.Body
	if body == nil {
		body = &html.Node{Type: html.ElementNode}
	}
	rd := &reading{r: r, scratch: s, doc: segment(body, s), titleBlock: -1, listItems: -1, postTitle: collapseSpace(in.Title),
		externalURL: in.ExternalURL}
	joinWrappedLines(rd.doc)
	words := 0
	for _, b := range rd.doc.blocks {
		words += len(b.text)/4 + 4
	}
	toks := slices.Grow(s.tokens[:0], words)
	for _, b := range rd.doc.blocks {
		from := len(toks)
		toks = r.lx.tokenize(b.text, toks)
		b.toks = r.splitGlued(b.text, toks[from:len(toks):len(toks)])
	}
	s.tokens = toks
	rd.l = r.lx.detectLanguage(in.Language, rd.doc.blocks)
	for _, b := range rd.doc.blocks {
		b.marks = rd.l.marksOf(b.toks)
	}
	s.analyses = resized(s.analyses, len(rd.doc.blocks))
	clear(s.analyses)
	rd.analyses = s.analyses
	rd.blog.hosts, rd.blog.names = in.blogKeys()
	rd.findBoilerplate(in.Title)
	rd.bindBlocks()
	rd.addPending()
	rd.bindTitle()
	rd.bindCards()
	return rd
}

// result chooses between the findings of the rules and the model, and returns the result.
func (rd *reading) result() Result {
	rd.prepareSources()
	d := rd.decide()
	cs := rd.candidates(d)
	res := rd.publish(d, cs)
	res.ExternalTitle = rd.externalTitle(rd.externalURL)
	return res
}

// prepareSources sorts the sources that the rules found, joins those that continue each other, and removes those that
// cannot be sources.
func (rd *reading) prepareSources() {
	rd.vias = slices.DeleteFunc(rd.vias, func(v feed.Via) bool { return rd.blog.hosts[hostOf(v.URL)] })
	slices.SortStableFunc(rd.sources, func(a, b *source) int { return cmp.Compare(a.firstBlock, b.firstBlock) })
	rd.mergeContinued()
	rd.sources = slices.DeleteFunc(rd.sources, func(s *source) bool {
		if s.pub.known == nil && s.url != "" && s.pub.name != "" && rd.isHeading(s.pub.name) {
			s.pub = rd.publisherOfHost(s.url) // the post repeats the title of the linked page
		}
		if !rd.isOwnBlog(s) && rd.isSource(s) {
			return false
		}
		rd.releaseBlocks(s, nil)
		return true
	})
}

// minMention is the confidence of the rules, in hundredths, below which a source without a passage is only suggested.
// Most such names are mentioned, not quoted. A threshold below the default lowers it in proportion.
const minMention = 90

// isListed reports whether the source is a bare name in a list item, as in a list of sites.
func (rd *reading) isListed(s *source) bool {
	return s.url == "" && s.headline == "" && s.date.month == 0 && (s.pub.name == "" || len(s.authors) == 0) &&
		len(s.creditBlocks) > 0 && rd.doc.blocks[s.creditBlocks[0]].list
}

// isUnlinked reports whether s, a source without a passage, has no URL and is only named in running text. A credit
// needs no URL if its clause ends in a colon, dots or a dash, if it is a separate line, or if it is a header copied
// with a passage: it then names the origin of text that is not marked as a quotation.
func (rd *reading) isUnlinked(s *source) bool {
	if s.url != "" || s.copiedHeader || s.hasHeader || s.convention != "7" && s.convention != learnedConvention ||
		s.headline != "" && s.date.month != 0 { // a citation of a printed article
		return false
	}
	return !slices.ContainsFunc(s.creditBlocks, func(k int) bool {
		b := rd.doc.blocks[k]
		end := len(b.toks)
		if at := s.clause.hi; k == s.firstBlock && at > 0 && at < end {
			end = at
		}
		return b.role == Credit || end > 0 && announces(b.toks[end-1])
	})
}

// publish returns the result: the certain candidates as quotes, and the others as suggestions.
func (rd *reading) publish(d *decisions, cs []*candidate) Result {
	res := Result{PostedBy: rd.postedBy, PostedOn: rd.postedOn.String()}
	if d != nil {
		rd.findForms(cs)
	}
	cs = slices.DeleteFunc(cs, func(c *candidate) bool {
		return c.rule == nil && (rd.isOwnBlog(c.source) || !rd.isSource(c.source) || c.certainty < minSuggestion)
	})
	if d != nil {
		cs = rd.addClearLines(d, cs)
	}
	published, suggestions := rd.divide(d, cs)
	for _, c := range cs {
		if q, ok := suggestions[c]; ok && rd.addsToPublished(c, q, published) {
			res.Suggestions = append(res.Suggestions, q)
		}
	}
	for _, c := range published {
		s := c.source
		rd.claimBlocks(d, c)
		for _, k := range slices.Concat(s.passageBlocks, s.creditBlocks) {
			if b := rd.doc.blocks[k]; b.quote < 0 && (s.kind != Summary || b.role == Credit) {
				b.quote = len(res.Quotes)
			}
		}
		res.Quotes = append(res.Quotes, rd.newQuote(c))
	}
	res.Via = rd.vias
	rd.listBlocks(&res)
	return res
}

// minVerdict is the certainty of names, in hundredths, below which a candidate is suggested without a verdict.
const minVerdict = 5

// divide returns the candidates to publish, with their final passages, and the quotes of those to suggest.
func (rd *reading) divide(d *decisions, cs []*candidate) (published []*candidate, suggestions map[*candidate]Quote) {
	threshold := int(math.Round(rd.r.threshold * 100))
	suggestions = make(map[*candidate]Quote)
	for _, c := range cs {
		suggestions[c] = rd.newQuote(c)
	}
	for _, c := range cs {
		if rd.finish(d, c, cs, threshold) {
			published = append(published, c)
			delete(suggestions, c)
			continue
		}
		suggestions[c] = suggested(suggestions[c], c, threshold)
	}
	rd.release(cs, suggestions)
	all := slices.Clone(published)
	published = slices.DeleteFunc(published, func(c *candidate) bool {
		if rd.isRepeated(c.source, all) {
			suggestions[c] = suggested(rd.newQuote(c), c, threshold) // its blocks may be those of the other source
			return true
		}
		return isSameArticle(c.source, all)
	})
	return published, suggestions
}

// suggested returns q, the quote of candidate c, as a suggestion: with its certainty, which is below the threshold.
func suggested(q Quote, c *candidate, threshold int) Quote {
	q.Confidence = float64(min(cmp.Or(c.verdict, c.certainty), threshold-1)) / 100
	return q
}

// release changes the blocks of the candidates that are only suggested back to commentary or to uncredited quotations,
// except those that also belong to a published one.
func (rd *reading) release(cs []*candidate, suggestions map[*candidate]Quote) {
	taken := make(map[int]bool)
	for _, c := range cs {
		if _, ok := suggestions[c]; !ok {
			for _, k := range slices.Concat(c.source.passageBlocks, c.source.creditBlocks) {
				taken[k] = true
			}
		}
	}
	for _, c := range cs {
		if _, ok := suggestions[c]; ok {
			rd.releaseBlocks(c.source, taken)
			if c.rule != nil {
				rd.releaseBlocks(c.rule, taken)
			}
		}
	}
}

// finish corrects the source of candidate c, sets its final passage, and reports whether it is published: whether the
// verdict on it is at least the threshold, in hundredths. Where the markup alone determines the source, or there is no
// model, there is no verdict, and the certainty of the names decides. all holds all candidates of the post.
func (rd *reading) finish(d *decisions, c *candidate, all []*candidate, threshold int) bool {
	s, hasVerdict, least := c.source, d != nil && !c.isMarkup(), minVerdict
	if !hasVerdict {
		least = threshold
	}
	if c.certainty < least {
		return false
	}
	rd.setPassage(d, c, threshold)
	if c.doubts = rd.verify(s); c.doubts&vetoes != 0 {
		return false
	}
	rd.completeHeadline(s)
	rd.cutSite(s)
	if !hasVerdict {
		return c.doubts == 0 && !rd.isMention(c, threshold)
	}
	rd.judge(c, all)
	return c.verdict >= threshold
}

// maxRepeated is the maximum number of published sources among which repeated ones are searched for. The time would
// grow with the square of their number.
const maxRepeated = 50

// isRepeated reports whether s has no passage, and another of the published sources is the same article or, if one of
// them has no URL, the same publication, with a passage.
func (rd *reading) isRepeated(s *source, published []*candidate) bool {
	if len(s.passages) > 0 || len(published) > maxRepeated {
		return false
	}
	return slices.ContainsFunc(published, func(c *candidate) bool {
		o := c.source
		switch {
		case o == s || len(o.passages) == 0:
			return false
		case s.url != "" && o.url != "":
			return s.url == o.url
		case s.pub.name == "" || o.pub.name == "":
			return false
		default:
			return rd.samePublication(s.pub.name, o.pub.name) || hostNamed(s.url, o.pub.name) || hostNamed(o.url, s.pub.name)
		}
	})
}

// isIncluded reports whether q, an unlikely suggestion, has names, no passage, headline or URL, and its names are those
// of one of the published sources.
func (rd *reading) isIncluded(q Quote, published []*candidate) bool {
	src := &q.Source
	if q.Text != "" || src.Headline != "" || src.URL != "" || src.Publication == "" && len(src.Authors) == 0 ||
		len(published) > maxRepeated {
		return false
	}
	return slices.ContainsFunc(published, func(c *candidate) bool {
		return (src.Publication == "" || rd.samePublication(src.Publication, c.source.pub.name)) &&
			!slices.ContainsFunc(src.Authors, func(a feed.Author) bool { return !slices.Contains(c.source.authors, a.Name) })
	})
}

// minNamed is the certainty of names, in hundredths, from which a suggestion is listed even if it has no names that the
// published sources do not have.
const minNamed = 15

// addsToPublished reports whether q, a suggestion for c, says something that the published sources do not.
func (rd *reading) addsToPublished(c *candidate, q Quote, published []*candidate) bool {
	return !rd.isSamePage(q, published) && (c.certainty >= minNamed || !rd.isIncluded(q, published))
}

// isSamePage reports whether q, a suggestion, has no passage, and one of the published sources has the same URL and
// publication.
func (rd *reading) isSamePage(q Quote, published []*candidate) bool {
	src := &q.Source
	return q.Text == "" && src.URL != "" && len(published) <= maxRepeated && slices.ContainsFunc(published, func(c *candidate) bool {
		return src.URL == c.source.url && rd.samePublication(src.Publication, c.source.pub.name)
	})
}

// isSameArticle reports whether s has no passage, and one of the published sources before it is the same article
// without a passage. Several sentences of a credit may name the same article.
func isSameArticle(s *source, published []*candidate) bool {
	if s.url == "" || len(s.passages) > 0 || len(published) > maxRepeated {
		return false
	}
	before := published[:slices.IndexFunc(published, func(c *candidate) bool { return c.source == s })]
	return slices.ContainsFunc(before, func(c *candidate) bool {
		return c.source.url == s.url && len(c.source.passages) == 0
	})
}

// isMention reports whether the source of c, on which there is no verdict, has no passage and is more likely mentioned
// than quoted.
func (rd *reading) isMention(c *candidate, threshold int) bool {
	s := c.source
	return len(s.passages) == 0 && !s.entry && (c.certainty < minMention*min(threshold, defaultLimit)/defaultLimit ||
		rd.isListed(s) || rd.isUnlinked(s))
}

// isAmongLinks reports whether a paragraph that links to the article of s also links to a different site.
func (rd *reading) isAmongLinks(s *source) bool {
	return s.url != "" && slices.ContainsFunc(s.creditBlocks, func(k int) bool {
		b := rd.doc.blocks[k]
		all := span{0, len(b.toks)}
		return !b.list && b.linkIn(all) != "" && !rd.isOnlyLink(b, all, s.url)
	})
}

// listBlocks adds the blocks and the commentary to the result.
func (rd *reading) listBlocks(res *Result) {
	res.Blocks = make([]Block, 0, len(rd.doc.blocks))
	for _, b := range rd.doc.blocks {
		role := b.role
		if role == "" {
			role = Commentary
		}
		res.Blocks = append(res.Blocks, Block{Role: role, Text: b.text, Nodes: b.nodes, Quote: b.quote})
		switch {
		case len(b.ownText) > 0:
			for _, t := range b.ownText {
				if t = collapseSpace(t); t != "" && fold(t) != "" {
					res.Commentary = append(res.Commentary, t)
				}
			}
		case role == Commentary && !isHeading(b.elem):
			res.Commentary = append(res.Commentary, b.text)
		}
	}
}

// releaseBlocks changes the blocks of s back to commentary, or to an uncredited quotation, except those in taken.
func (rd *reading) releaseBlocks(s *source, taken map[int]bool) {
	for _, k := range slices.Concat(s.passageBlocks, s.creditBlocks) {
		if taken[k] {
			continue
		}
		b := rd.doc.blocks[k]
		b.ownText = nil
		switch {
		case b.quotation != nil:
			b.role = Uncredited
		case b.role == Passage || b.role == Credit:
			b.role = Commentary
		}
	}
}

// mergeContinued merges each source into the source that it continues, if any.
func (rd *reading) mergeContinued() {
	kept := rd.sources[:0]
	for _, s := range rd.sources {
		into := s.continues
		for into != nil && into.continues != nil {
			into = into.continues
		}
		if into == nil {
			kept = append(kept, s)
			continue
		}
		into.passages = append(into.passages, s.passages...)
		into.passageBlocks = append(into.passageBlocks, s.passageBlocks...)
		into.inline = into.inline || s.inline
	}
	rd.sources = kept
}

func (rd *reading) newQuote(c *candidate) Quote {
	s := c.source
	q := Quote{Kind: s.kind, Passage: s.passageBlocks, Credit: s.creditBlocks, Inline: s.inline, Convention: s.convention}
	q.Text = strings.Join(s.passages, "\n\n")
	q.Confidence = float64(cmp.Or(c.verdict, c.certainty)) / 100
	if len(s.passages) > 0 {
		q.PassageConfidence = float64(c.passageCertain) / 100
	}
	src := &q.Source
	src.Publication, src.Headline, src.URL = rd.publishedName(s), s.headline, s.url
	if s.headline == "" {
		q.LinkedTitle = rd.linkedTitle(s)
	}
	if s.pub.known != nil {
		src.PublicationURL, src.FeedURL = s.pub.known.URL, s.pub.known.FeedURL
	}
	q.Certain = s.pub.known != nil || hostNamed(s.url, s.pub.name)
	if d := rd.dateOf(s); d.valid() {
		src.DatePublished = d.String()
	} else if s.year != 0 {
		src.DatePublished = strconv.Itoa(s.year)
	}
	for _, name := range s.authors {
		src.Authors = append(src.Authors, feed.Author{Name: name})
	}
	src.Agencies = rd.agenciesOf(s)
	return q
}

// dateOf returns the date of the source. If the credit states no year, it is derived from the date of the post.
func (rd *reading) dateOf(s *source) date {
	d := s.date
	if d.month != 0 && d.year == 0 && rd.postedOn.year != 0 {
		d.year = rd.postedOn.year
		if d.month > rd.postedOn.month+1 {
			d.year-- // a December report in a January post
		}
	}
	return d
}

// agenciesOf returns the agencies of the source: its publication if that is an agency, and the agencies named with it.
func (rd *reading) agenciesOf(s *source) []string {
	var agencies []string
	if s.pub.known != nil && s.pub.known.Agency {
		agencies = append(agencies, rd.publishedName(s))
	}
	for _, a := range s.agencies {
		if !rd.samePublication(a, s.pub.name) &&
			!slices.ContainsFunc(agencies, func(b string) bool { return rd.samePublication(a, b) }) {
			agencies = append(agencies, a)
		}
	}
	return agencies
}

// samePublication reports whether two names denote the same publication.
func (rd *reading) samePublication(a, b string) bool {
	if sameName(a, b) {
		return true
	}
	e := rd.r.pubs.lookup(a)
	return e != nil && e == rd.r.pubs.lookup(b)
}
