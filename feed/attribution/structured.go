package attribution

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"
)

// A structured credit is one that markup or template code connects with its passage and divides into its parts: the
// caption of a quotation's figure, the cite element in a quotation, and the arguments of a quotation tag. It is not
// read from prose, so its parts are used unchanged.

// structuredWeight is the confidence of a structured credit.
const structuredWeight = 0.95

// readStructured returns the structured credit in block b, a caption or an element for credits. It returns false if the
// block has no parts that name a source.
func (rd *reading) readStructured(b *block) (citation, bool) {
	whole := span{0, len(b.toks)}
	for whole.lo < whole.hi && (b.toks[whole.lo].kind == tokDash || isMark(b.toks, whole.lo, '~')) {
		whole.lo++
	}
	name, work, ok := rd.splitCredit(b, whole)
	if !ok {
		return citation{}, false
	}
	for name.hi > name.lo && (b.toks[name.hi-1].kind == tokPunct || b.toks[name.hi-1].kind == tokDash ||
		rd.l.in.has(b.toks[name.hi-1].id) && !b.toks[name.hi-1].upper) {
		name.hi-- // skip the connecting word after "Tom Reed in"
	}
	p := creditParts{url: articleOnly(b.linkIn(whole))}
	if !name.empty() {
		p.name = b.slice(name)
	}
	if !work.empty() {
		p.work = b.slice(work)
	}
	return rd.citationOf(p)
}

// splitCredit returns the name and the work in a credit: the work is in a cite element or follows a comma. It returns
// false if words follow the cite element, or if there is no such element and the name is neither a known publication
// nor likely to be a person's.
func (rd *reading) splitCredit(b *block, whole span) (name, work span, ok bool) {
	name = whole
	for _, r := range b.runs {
		if r.kind == runCite {
			name.hi, work = tokensWithin(b.toks, whole, r)
			return name, work, !work.empty() && work.hi == whole.hi
		}
	}
	least := 2
	for k := whole.lo; k < whole.hi; k++ {
		if isMark(b.toks, k, ',') { // as in "Tom Reed, The Salt Almanac"
			name.hi, work = k, span{k + 1, whole.hi}
			if !b.caption {
				least = 1
			}
			break
		}
	}
	known := !name.empty() && rd.r.pubs.lookup(b.slice(name)) != nil
	return name, work, known || rd.l.personScore(b.text, b.toks[name.lo:name.hi]) >= least
}

// tokensWithin returns the end of the span's tokens that precede run r, and the span's tokens that are in r.
func tokensWithin(toks []token, in span, r run) (before int, within span) {
	lo := in.lo
	for lo < in.hi && toks[lo].start < r.start {
		lo++
	}
	hi := lo
	for hi < in.hi && toks[hi].end <= r.end {
		hi++
	}
	return lo, span{lo, hi}
}

// creditParts holds the parts of a structured credit. Each may be empty.
type creditParts struct{ name, work, url, title string }

// citationOf combines the parts into a citation. It returns false if they name no possible source.
func (rd *reading) citationOf(p creditParts) (citation, bool) {
	c := citation{url: articleOnly(p.url)}
	p.work = pageNumber.ReplaceAllString(p.work, "")
	rd.setName(&c, p)
	rd.setWork(&c, p)
	if e := rd.r.pubs.byHost(c.url); e != nil && c.pub.name == "" {
		c.pub = publisher{name: e.Name, known: e}
	} else if c.pub.name == "" && len(c.authors) == 0 && c.url != "" {
		c.pub = rd.publisherOfHost(c.url)
	}
	switch {
	case c.pub.known != nil, c.pub.name != "" && rd.isName(c.pub.name, c.url):
		return c, true
	default:
		return c, len(c.authors) > 0 && !slices.ContainsFunc(c.authors, func(a string) bool { return !rd.isName(a, "") })
	}
}

// setName sets the authors or the publication of c to the name in a structured credit.
func (rd *reading) setName(c *citation, p creditParts) {
	toks := rd.r.lx.tokenize(p.name, nil)
	if n := phraseEnd(rd.l.from, toks); n > 0 && n < len(toks) { // skip the first words of "From the Fixture manual"
		n = min(rd.l.skipDeterminers(toks, n), len(toks)-1)
		p.name = p.name[toks[n].start:]
		toks = rd.r.lx.tokenize(p.name, nil)
	}
	switch pub := rd.publisherNamed(p.name); {
	case p.name == "":
	case pub.known != nil:
		c.pub = pub
	case rd.l.allPeople(toks):
		c.authors = rd.l.splitPeople(p.name, toks)
	case p.work == "" && p.title == "":
		c.pub = pub
	default:
		c.authors = []string{p.name}
	}
}

// setWork sets the publication or the headline of c to the work in a structured credit, and the headline to the title.
func (rd *reading) setWork(c *citation, p creditParts) {
	switch pub := rd.publisherNamed(p.work); {
	case p.work == "":
	case c.pub.name == "" && (pub.known != nil || p.title != "" || hostNamed(p.url, p.work)):
		c.pub = pub // the publication of an article with its own title, or the name of the site
	case !strings.Contains(p.work, "://"):
		c.headline = cleanHeadline(p.work)
	}
	if p.title != "" && c.headline == "" {
		c.headline = cleanHeadline(p.title)
	}
}

// pageNumber matches the page numbers after a work.
var pageNumber = regexp.MustCompile(`,? \(?(?:pp?|S)\. ?\d[\d–-]*\)?$`)

// publisherNamed returns the publisher with the given name, which may be unknown. Unlike [Reader.publisherOf], it
// removes no words from the name.
func (rd *reading) publisherNamed(name string) publisher {
	if e := rd.r.pubs.lookup(name); e != nil {
		return publisher{name: name, known: e}
	}
	return publisher{name: name}
}

// quoteTag matches the opening tag of a quotation in Octopress's Liquid or in a Hugo shortcode, and quoteTagEnd matches
// the closing tag.
var (
	quoteTag    = regexp.MustCompile(`^(?:\{%-?\s*blockquote\b(.*?)-?%\}|\{\{[<%]\s*(?:block)?quote\b(.*?)[>%]\}\})`)
	quoteTagEnd = regexp.MustCompile(`\{%-?\s*endblockquote\s*-?%\}|\{\{[<%]\s*/\s*(?:block)?quote\s*[>%]\}\}`)
	// tagCredit matches arguments that contain a URL: the author and work before it, the URL, and an optional title.
	tagCredit   = regexp.MustCompile(`^(.*?)(?:^|\s+)(https?://\S+)(?:\s+(.+))?$`)
	tagArgument = regexp.MustCompile(`(\w+)\s*=\s*["“”]([^"“”]*)["“”]`)
)

// tagIn returns the length of the quotation tag at the beginning of the block, or 0, and its arguments.
func tagIn(b *block) (length int, arguments string) {
	if b.quotation != nil || !strings.HasPrefix(b.text, "{%") && !strings.HasPrefix(b.text, "{{") {
		return 0, ""
	}
	m := quoteTag.FindStringSubmatchIndex(b.text)
	if m == nil {
		return 0, ""
	}
	at := m[2:]
	if at[0] < 0 {
		at = m[4:]
	}
	return m[1], strings.TrimSpace(b.text[at[0]:at[1]])
}

// hasQuoteTag reports whether the post marks quotations with tags.
func (rd *reading) hasQuoteTag() bool {
	return slices.ContainsFunc(rd.doc.blocks, isTag)
}

// isTag reports whether the block begins with the opening tag of a quotation.
func isTag(b *block) bool {
	n, _ := tagIn(b)
	return n > 0
}

// tagParts returns the parts of the credit in a tag's arguments.
func tagParts(arguments string) creditParts {
	if named := tagArgument.FindAllStringSubmatch(arguments, -1); named != nil {
		var p creditParts
		for _, m := range named {
			switch strings.ToLower(m[1]) {
			case "author", "by", "name":
				p.name = m[2]
			case "source", "cite", "work", "book":
				p.work = m[2]
			case "title":
				p.title = m[2]
			case "url", "link", "href", "sourceurl":
				p.url = m[2]
			}
		}
		if p.url == "" && strings.Contains(p.work, "://") {
			p.url, p.work = p.work, ""
		}
		return p
	}
	var p creditParts
	if m := tagCredit.FindStringSubmatch(arguments); m != nil {
		arguments, p.url, p.title = m[1], m[2], m[3]
	}
	p.name, p.work, _ = strings.Cut(arguments, ",")
	p.name, p.work = strings.Trim(p.name, ` "“”`), strings.Trim(p.work, ` "“”`)
	return p
}

// bindTag reads a quotation between tags that begins at block i:
//
//	{% blockquote AUTHOR, WORK URL TITLE %} … {% endblockquote %}
//	{{< quote author="AUTHOR" source="WORK" url="URL" >}} … {{< /quote >}}
//
// If the tag has no arguments, the quotation is the passage of the credit before it, which may be nil. It returns the
// index of the block to continue with, and whether there is such a quotation.
func (rd *reading) bindTag(i int, before *source) (int, bool) {
	start, arguments := tagIn(rd.doc.blocks[i])
	if start == 0 {
		return 0, false
	}
	last, end := rd.endOfTag(i, start)
	if last < 0 {
		return 0, false
	}
	s := &source{convention: "10", weight: structuredWeight, kind: Excerpt, firstBlock: i, creditBlocks: []int{i},
		marked: true, structured: true, delimited: true}
	c, credited := rd.citationOf(tagParts(arguments))
	s.citation = c
	if !credited && before != nil {
		before.creditBlocks = append(before.creditBlocks, i)
		before.marked, before.delimited = true, true
		s, credited = before, true
	}
	for k := i; k <= last; k++ {
		from, to := 0, len(rd.doc.blocks[k].text)
		if k == i {
			from = start
		}
		if k == last {
			to = end
		}
		rd.addTagged(s, k, from, to, credited)
	}
	if credited {
		rd.addQuote(s)
	}
	return last + 1, true
}

// endOfTag returns the block and the offset at which the closing tag of a quotation begins, or -1 if there is none. The
// text of the quotation begins at the given offset of block i.
func (rd *reading) endOfTag(i, from int) (int, int) {
	for k := i; k < min(len(rd.doc.blocks), i+maxPassage); k++ {
		b := rd.doc.blocks[k]
		if m := quoteTagEnd.FindStringIndex(b.text[from:]); m != nil {
			return k, from + m[0]
		}
		if k > i && isTag(b) || b.quotation != nil {
			return -1, 0
		}
		from = 0
	}
	return -1, 0
}

// addTagged adds the text between two offsets of block k to the passage of s. If the quotation has no credit, it marks
// the block as uncredited instead.
func (rd *reading) addTagged(s *source, k, from, to int, credited bool) {
	b := rd.doc.blocks[k]
	text := strings.TrimSpace(b.text[from:to])
	switch {
	case !credited:
		rd.setRole(b, Uncredited)
		return
	case from == 0 && to == len(b.text):
		rd.addPassage(s, k, k+1)
		return
	case text == "":
		rd.setRole(b, Credit)
	default:
		rd.setRole(b, Passage)
		s.passages = append(s.passages, text)
		s.inline = true
	}
	if !slices.Contains(s.creditBlocks, k) {
		s.creditBlocks = append(s.creditBlocks, k)
	}
}

// namesSource reports whether a pull quote names a source other than the blog, so that it is not the post's own words.
func (rd *reading) namesSource(q *quotation) bool {
	last := q.blocks[len(q.blocks)-1]
	if !rd.doc.blocks[last].credit || last == q.blocks[0] {
		return false
	}
	c, ok := rd.readStructured(rd.doc.blocks[last])
	return ok && !rd.isOwnBlog(&source{citation: c})
}

// isCaptionOf reports whether block i is the caption of the figure that contains the quotation before it.
func (rd *reading) isCaptionOf(i int) bool {
	q := rd.doc.blocks[i-1].quotation
	if q == nil {
		return false
	}
	figure := outermost(q).node.Parent
	if figure == nil || figure.DataAtom != atom.Figure {
		return false
	}
	for _, n := range rd.doc.blocks[i].nodes {
		for ; n != nil; n = n.Parent {
			if n == figure {
				return true
			}
		}
	}
	return false
}

// readClipLine returns the credit in block i below a quotation that has no other credit: "via" and the host of the
// linked article, as Posterous and bookmarklets write below a clip. The link leads to the page that was quoted.
func (rd *reading) readClipLine(i int) (citation, bool) {
	b := rd.doc.blocks[i]
	end := phraseEnd(rd.l.viaWord, b.toks)
	if end == 0 || end >= len(b.toks) || rd.mentioned != nil {
		return citation{}, false
	}
	name := span{end, len(b.toks)}
	u := articleOnly(b.linkIn(name))
	text := strings.TrimPrefix(strings.ToLower(b.slice(name)), "www.")
	if u == "" || text != strings.TrimPrefix(hostOf(u), "www.") || !mayBeArticle(u) || !hasPath(u) {
		return citation{}, false
	}
	return citation{pub: rd.publisherOfHost(u), url: u}, true
}

// hasPath reports whether the URL u leads to a page of its site other than the front page.
func hasPath(u string) bool {
	_, rest, _ := strings.Cut(u, "://")
	_, path, _ := strings.Cut(rest, "/")
	return len(path) > 1
}

// readLinkedTitle returns the credit at the end of block b, a line of a quotation, and the token at which it begins.
// The credit is a dash, a link with the title of the article, and optionally "by" and the authors.
func (rd *reading) readLinkedTitle(b *block) (c citation, cut int, ok bool) {
	link, ok := b.lastLink()
	if !ok {
		return citation{}, 0, false
	}
	at, title := tokensWithin(b.toks, span{0, len(b.toks)}, link)
	cut = at - 1
	if title.hi-title.lo < 2 || cut < 0 || !b.isDashAfterSentence(cut) {
		return citation{}, 0, false
	}
	parts := creditParts{work: b.slice(title), url: articleOnly(link.value)}
	if n := title.hi - 2; n > title.lo && b.toks[n].kind == tokPoss && b.isPostWord(b.toks[n+1]) {
		parts.name, parts.work = b.slice(span{title.lo, n}), "" // as in "Nell Carver's tweet"
	}
	rest := b.toks[title.hi:]
	if by := phraseEnd(rd.l.by, rest); by > 0 && rd.l.allPeople(rest[by:]) {
		parts.name = b.slice(span{title.hi + by, len(b.toks)})
	} else if len(rest) > 0 {
		return citation{}, 0, false
	}
	c, ok = rd.citationOf(parts)
	return c, cut, ok && parts.url != ""
}

// lastLink returns the last link of the block. It returns false if there is none.
func (b *block) lastLink() (run, bool) {
	for _, r := range slices.Backward(b.runs) {
		if r.kind == runLink {
			return r, true
		}
	}
	return run{}, false
}

// isDashAfterSentence reports whether token k is a dash at the start of the block or after the end of a sentence or
// quotation.
func (b *block) isDashAfterSentence(k int) bool {
	if b.toks[k].kind != tokDash {
		return false
	}
	if k == 0 {
		return true
	}
	before := b.toks[k-1]
	return before.kind == tokClose || before.kind == tokDots ||
		before.kind == tokPunct && strings.ContainsRune(".!?", before.ch)
}
