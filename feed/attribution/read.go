package attribution

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// Read finds the sources that a post quotes. It takes time linear in the size of the post.
func (r *Reader) Read(in Input) Result {
	body := in.Body
	if body == nil {
		body = &html.Node{Type: html.ElementNode}
	}
	rd := &reading{r: r, doc: segment(body), titleBlock: -1, postTitle: collapseSpace(in.Title)}
	joinWrappedLines(rd.doc)
	words := 0
	for _, b := range rd.doc.blocks {
		words += len(b.text)/4 + 4
	}
	toks := make([]token, 0, words)
	for _, b := range rd.doc.blocks {
		from := len(toks)
		toks = r.lx.tokenize(b.text, toks)
		b.toks = r.splitGlued(b.text, toks[from:len(toks):len(toks)])
	}
	rd.l = r.lx.detectLanguage(in.Language, rd.doc.blocks)
	rd.analyses = make([]*analysis, len(rd.doc.blocks))
	rd.blog.hosts, rd.blog.names = in.blogKeys()
	rd.findBoilerplate(in.Title)
	rd.bindBlocks()
	rd.addPending()
	rd.bindTitle()
	rd.bindCards()
	return rd.result()
}

// unglue splits an agency and a weekday that a lost line break has joined: "By A, APSunday, August 22".
func (r *Reader) splitGlued(text string, toks []token) []token {
	for k, t := range toks[:min(len(toks), 14)] {
		if t.kind != tokWord || !t.inner || !t.upper {
			continue
		}
		for cut := t.start + 2; cut < t.end-2; cut++ {
			if c := text[cut]; c < 'A' || c > 'Z' {
				continue
			}
			day := r.lx.lookup(text[cut:t.end])
			if day == 0 || !r.lx.langs[fallback].weekday.has(day) {
				continue
			}
			if e := r.pubs.lookup(text[t.start:cut]); e == nil || !e.Agency {
				continue
			}
			left, right := t, t
			left.end, right.start = cut, cut
			right.space = false
			return slices.Concat(toks[:k], []token{r.lx.finishWord(text, left), r.lx.finishWord(text, right)}, toks[k+1:])
		}
	}
	return toks
}

// bindTitle credits the source that the post's title names, if no other credit was found.
func (rd *reading) bindTitle() {
	s := rd.titleSource()
	if s == nil {
		return
	}
	for _, f := range rd.sources {
		if f.pub.known == s.pub.known || f.kind == Excerpt {
			if f.pub.known == s.pub.known && f.headline == "" || f.headline == rd.postTitle {
				f.headline = s.headline
			}
			return
		}
	}
	if rd.bindTitleQuotation(s) {
		return
	}
	if !slices.ContainsFunc(rd.doc.blocks, func(b *block) bool { return b.role == Commentary && len(b.ownText) == 0 }) {
		return
	}
	s.kind = HeadlineOnly
	rd.addSource(s)
}

// bindTitleQuotation makes the quotation elements without a credit the passage of the source that the title names. It
// reports whether there are any.
func (rd *reading) bindTitleQuotation(s *source) bool {
	for k, b := range rd.doc.blocks {
		if b.role != Uncredited || b.quotation == nil || b.quotation.kind != quotationPlain {
			continue
		}
		if len(s.passages) == 0 {
			s.firstBlock, s.marked = k, true
		}
		rd.setRole(b, "")
		rd.addPassage(s, k, k+1)
	}
	if len(s.passages) == 0 {
		return false
	}
	rd.addQuote(s)
	return true
}

// bindCards adds the sources of bookmark cards. Ghost swaps the spans of author and publisher, so the table of known
// publications decides which is which.
func (rd *reading) bindCards() {
	for _, c := range rd.doc.cards {
		s := &source{convention: "card", weight: 0.7, kind: HeadlineOnly, firstBlock: c.block, creditBlocks: []int{c.block}}
		pub, who := c.author, c.publication
		if rd.r.pubs.lookup(c.publication) != nil && rd.r.pubs.lookup(c.author) == nil {
			pub, who = who, pub
		}
		if pub == "" {
			pub, who = who, ""
		}
		s.pub = rd.r.publisherOf(rd.l, pub)
		if s.pub.name == "" {
			s.pub = rd.publisherOfHost(c.url)
		}
		s.headline, s.url = c.title, articleOnly(c.url)
		if toks := rd.r.lx.tokenize(who, nil); len(toks) > 0 {
			s.authors = rd.l.splitPeople(who, toks)
		}
		rd.addSource(s)
	}
}

// sureRule is the weight of a rule from which its place alone makes a word a name: "Read entire article at X".
const sureRule = 0.8

// The weights of the evidence for and against a credit, added to the weight of its rule.
const (
	sureKnown    = 0.15  // the publication is in the table
	sureMarked   = 0.15  // the passage is marked as a quotation
	sureLinked   = 0.1   // the name is a link or emphasised
	sureHeader   = 0.1   // a headline or a byline stands with it
	sureAuthor   = 0.05  // an author is named beside the publication
	unsureParts  = -0.1  // a part of the citation was taken for what was missing
	unsureNobody = -0.1  // an author and no publication, and no marked passage
	unsureName   = -0.45 // nothing but its place tells that the publication's name is one
	unsurePerson = -0.35 // nothing but its place tells that the author's name is one, and no publication is named
	unsureLead   = 0.35  // taken from a rule's weight where what leads in the passage says little of its source
)

// confidence returns the confidence of a source, from 0.05 to 0.99.
func (s *source) confidence() float64 {
	c := s.weight
	add := func(ok bool, w float64) {
		if ok {
			c += w
		}
	}
	add(s.pub.known != nil, sureKnown)
	add(s.marked, sureMarked)
	add(s.linked, sureLinked)
	add(s.hasHeader, sureHeader)
	add(len(s.authors) > 0 && s.pub.name != "", sureAuthor)
	add(s.guessed, unsureParts)
	add(s.pub.name == "" && !s.marked, unsureNobody)
	add(s.weakName, unsureName)
	add(s.weakPerson, unsurePerson)
	return math.Round(min(max(c, 0.05), 0.99)*100) / 100
}

// result returns the quotes and blocks in the order of the post.
func (rd *reading) result() Result {
	rd.vias = slices.DeleteFunc(rd.vias, func(v feed.Via) bool { return rd.blog.hosts[hostOf(v.URL)] })
	res := Result{Via: rd.vias, PostedBy: rd.postedBy, PostedOn: rd.postedOn.String()}
	slices.SortStableFunc(rd.sources, func(a, b *source) int { return cmp.Compare(a.firstBlock, b.firstBlock) })
	rd.mergeContinued()
	for _, s := range rd.sources {
		if s.pub.known == nil && s.url != "" && s.pub.name != "" && rd.isHeading(s.pub.name) {
			s.pub = rd.publisherOfHost(s.url) // the post has the title of what it links to
		}
		if rd.isOwnBlog(s) || !rd.isSource(s) {
			rd.dropSource(s)
			continue
		}
		s.weakName, s.weakPerson = rd.isWeakName(s), rd.isWeakPerson(s)
		q := rd.newQuote(s)
		if q.Confidence < rd.r.threshold {
			res.Suggestions = append(res.Suggestions, q)
			rd.dropSource(s)
			continue
		}
		for _, k := range slices.Concat(s.passageBlocks, s.creditBlocks) {
			if b := rd.doc.blocks[k]; b.quote < 0 && (s.kind != Summary || b.role == Credit) {
				b.quote = len(res.Quotes)
			}
		}
		res.Quotes = append(res.Quotes, q)
	}
	res.Blocks = make([]Block, 0, len(rd.doc.blocks))
	for _, b := range rd.doc.blocks {
		role := b.role
		if role == "" {
			role = Commentary
		}
		if role == Title && b.role != Title {
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
		case role == Commentary:
			if isHeading(b.elem) {
				continue
			}
			res.Commentary = append(res.Commentary, b.text)
		}
	}
	return res
}

// disown resets the blocks of a source that is not published: they are commentary, or an uncredited quotation.
func (rd *reading) dropSource(s *source) {
	for _, k := range slices.Concat(s.passageBlocks, s.creditBlocks) {
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

// join merges the sources that continue another one.
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

func (rd *reading) newQuote(s *source) Quote {
	q := Quote{Kind: s.kind, Passage: s.passageBlocks, Credit: s.creditBlocks, Inline: s.inline, Convention: s.convention}
	q.Text = strings.Join(s.passages, "\n\n")
	q.Confidence = s.confidence()
	src := &q.Source
	src.Publication, src.Headline, src.URL = s.pub.name, s.headline, s.url
	if s.pub.known != nil {
		src.PublicationURL, src.FeedURL = s.pub.known.URL, s.pub.known.FeedURL
	}
	q.Certain = s.pub.known != nil || hostNamed(s.url, s.pub.name)
	d := s.date
	if d.month != 0 && d.year == 0 && rd.postedOn.year != 0 {
		d.year = rd.postedOn.year
		if d.month > rd.postedOn.month+1 {
			d.year-- // a December report in a January post
		}
	}
	if d.valid() {
		src.DatePublished = d.String()
	}
	for _, name := range s.authors {
		src.Authors = append(src.Authors, feed.Author{Name: name})
	}
	if s.pub.known != nil && s.pub.known.Agency {
		src.Agencies = append(src.Agencies, s.pub.name)
	}
	for _, a := range s.agencies {
		if !slices.ContainsFunc(src.Agencies, func(b string) bool { return rd.samePublication(a, b) }) &&
			!rd.samePublication(a, s.pub.name) {
			src.Agencies = append(src.Agencies, a)
		}
	}
	return q
}

// same reports whether two names denote the same publication.
func (rd *reading) samePublication(a, b string) bool {
	e := rd.r.pubs.lookup(a)
	return nameKey(a) == nameKey(b) || e != nil && e == rd.r.pubs.lookup(b)
}

// detect returns the language of a post: the declared one, if there is a file for it, else the one whose common words
// are most frequent.
func (lx *lexicon) detectLanguage(declared string, blocks []*block) *language {
	tag, _, _ := strings.Cut(strings.ToLower(declared), "-")
	if l := lx.langs[tag]; l != nil {
		return l
	}
	best, most := lx.langs[fallback], 0
	counts := make([]int, len(lx.sorted))
	seen := 0
	for _, b := range blocks {
		for _, t := range b.toks {
			if t.id == 0 {
				continue
			}
			for k, l := range lx.sorted {
				if l.common.has(t.id) {
					counts[k]++
				}
			}
			if seen++; seen > 600 {
				break
			}
		}
	}
	for k, l := range lx.sorted {
		if counts[k] > most || counts[k] == most && l.name == fallback {
			best, most = l, counts[k]
		}
	}
	if most < 3 {
		return lx.langs[fallback]
	}
	return best
}

// unwrap joins the lines of plain text that was broken at a fixed width. A line that goes on with a small letter after
// a long one was broken by a machine; if a paragraph has one, all its long lines were.
func joinWrappedLines(doc *document) {
	blocks := doc.blocks
	kept := blocks[:0]
	for i := 0; i < len(blocks); {
		end := i + 1
		for end < len(blocks) && blocks[end].paragraph == blocks[i].paragraph &&
			blocks[end].quotation == blocks[i].quotation {
			end++
		}
		if end-i < 2 || !isWrapped(blocks[i:end]) {
			kept = append(kept, blocks[i:end]...)
			i = end
			continue
		}
		cur := blocks[i]
		var text strings.Builder
		text.WriteString(cur.text)
		flush := func() {
			cur.text = text.String()
			kept = append(kept, cur)
		}
		for k := i + 1; k < end; k++ {
			b := blocks[k]
			if len(blocks[k-1].text) < wrapMin {
				flush()
				cur = b
				text.Reset()
				text.WriteString(b.text)
				continue
			}
			offset := text.Len() + 1
			text.WriteString(" " + b.text)
			for _, r := range b.runs {
				r.start += offset
				r.end += offset
				cur.runs = append(cur.runs, r)
			}
			cur.nodes = nodesThrough(cur.nodes, b.nodes)
		}
		flush()
		i = end
	}
	doc.blocks = kept
	for _, q := range doc.quotations {
		q.blocks = q.blocks[:0]
	}
	for i, b := range kept {
		for q := b.quotation; q != nil; q = q.parent {
			q.blocks = append(q.blocks, i)
		}
	}
}

// wrapMin and wrapMax are the widths, in bytes, between which programs break lines.
const wrapMin, wrapMax = 50, 90

func isWrapped(lines []*block) bool {
	small := 0
	for i, b := range lines {
		if len(b.text) > wrapMax {
			return false
		}
		if i > 0 && len(lines[i-1].text) >= wrapMin && b.text[0] >= 'a' && b.text[0] <= 'z' {
			small++
		}
	}
	return small > 0
}

// through returns the siblings from the first of a to the last of b.
func nodesThrough(a, b []*html.Node) []*html.Node {
	if len(a) == 0 || len(b) == 0 || a[0].Parent != b[0].Parent {
		return nil
	}
	for n := a[len(a)-1].NextSibling; n != nil && n != b[0]; n = n.NextSibling {
		a = append(a, n)
	}
	return append(a, b...)
}
