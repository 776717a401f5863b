package attribution

import (
	"cmp"
	"slices"
	"strings"

	"feedpub/feed"
)

// reading is the state of reading one post.
type reading struct {
	r    *Reader
	l    *language
	doc  *document
	blog struct { // the blog's own hosts and the keys of its names, which never name a source
		hosts, names map[string]bool
	}

	titleBlock  int // index of the block that repeats the title, or -1
	postTitle   string
	headings    map[string]int    // by key of a heading: length of the shortest heading with that key; nil until needed
	linking     map[string][]int  // indexes of blocks by the URLs of their links; nil until needed
	references  []bool            // by block: whether it is in a bibliography; nil until needed
	unnamed     *string           // the result of unnamedAccount; nil until needed
	fullNames   map[string]string // full names in the post by surname; nil until needed
	externalURL string            // the post's external URL, or empty
	titleURL    string            // URL of the link next to the title, or empty
	postedBy    string
	postedOn    date

	sources    []*source
	mentioned  *source // source named in prose, for the next passage without a credit
	lastQuoted *source // the last source with a passage
	vias       []feed.Via
	// commentaryBlocks is the number of blocks marked as commentary so far.
	commentaryBlocks int
	lastProse        int        // index of the last block of prose, or -1
	marksQuotations  bool       // the post has quotation elements
	pending          []*source  // credits that no marked quotation has inherited yet
	analyses         []analysis // by block index
	scratch          *scratch
	link             linkTarget         // the result of the last call of linkTo
	linksByName      map[string]string  // the result of namedLinks, or nil
	listAll          bool               // list all features of units and tokens, for training
	creditsOf        map[int][]*source  // sources that the rules found, by credit block
	listItems        int                // number of list items; negative until needed
	examined         *[]ExaminedVerdict // collects the verdicts for training; nil otherwise
}

// source is a credit and its passage, if any.
type source struct {
	citation
	convention    string
	weight        float64
	kind          Kind
	passages      []string // paragraphs of the passage in order
	passageBlocks []int    // blocks that are entirely in the passage
	creditBlocks  []int    // blocks that contain the credit
	firstBlock    int      // first block of passage or credit; sources are sorted by it
	inline        bool     // the passage shares a block with other text
	marked        bool     // the passage is in a quotation element or quotation marks
	hasHeader     bool     // confirmed by a headline, byline or second credit
	linked        bool     // the publication's name is linked or emphasized
	added         bool     // the source is in reading.sources
	parent        *source  // the source whose passage contains this one, or nil
	continues     *source  // the source whose passage this one continues, or nil
	copiedHeader  bool     // a byline, date or dateline was copied with the passage
	inherited     bool     // a marked quotation has inherited the credit
	structured    bool     // markup or template code contains the parts of the credit
	delimited     bool     // markup or template code connects the credit with its passage
	distant       bool     // the credit is a link, and its sentence comes before the one that introduces the passage
	voiced        bool     // a sentence says that the publication writes what it quotes
	entry         bool     // the source is an entry, including its headline, in a list of links
	hasDeterminer bool     // a determiner precedes the name, which has two or more words
	clear         bool     // the credit has a clear form; see reading.isClear
	linkedArticle bool     // certain only because its URL is that of an article; see reading.isLinkedArticle
	doubtful      bool     // the quoted words in the sentence of the credit may be the author's own, or a title
	clause        span     // the clause of the credit in firstBlock
	year          int      // year of the book, from its imprint, or 0
}

// linkTarget describes the target of a link.
type linkTarget struct {
	url, host string
	known     *publication // the known publication at the host, or nil
	article   bool         // the URL is not that of a front page
}

// linkTo returns the target of a link. Consecutive words and sentences often have the same link.
func (rd *reading) linkTo(url string) *linkTarget {
	if rd.link.url != url {
		rd.link = linkTarget{url: url, host: hostOf(url), known: rd.r.pubs.byHost(url), article: articleOnly(url) != ""}
	}
	return &rd.link
}

// bindBlocks connects each credit with its passage in one pass over the blocks.
func (rd *reading) bindBlocks() {
	rd.lastProse = rd.lastProseBlock()
	rd.marksQuotations = rd.hasMarkedQuotation() || rd.hasQuoteTag()
	for i := 0; i < len(rd.doc.blocks); {
		b := rd.doc.blocks[i]
		next := i + 1
		switch {
		case b.role != "":
		case b.quotation != nil:
			next = rd.bindQuotation(outermost(b.quotation), nil)
		default:
			next = rd.bindBlock(i)
		}
		i = max(next, i+1)
	}
}

// outermost returns the outermost quotation element around q, which may be q itself.
func outermost(q *quotation) *quotation {
	for q.parent != nil {
		q = q.parent
	}
	return q
}

// trustedLead is the minimum weight of a lead rule that takes precedence over a citation on the same line.
const trustedLead = 0.5

// bindBlock reads block i, which is not in a quotation element, and returns the index of the block to continue with.
func (rd *reading) bindBlock(i int) int {
	if next, ok := rd.bindLine(i); ok {
		return next
	}
	a := rd.analyze(i)
	if next, ok := rd.bindCredit(i, a); ok {
		return next
	}
	if a.mention != nil {
		rd.mentioned = rd.newSource(i, a.mention)
	}
	if a.summary != nil {
		rd.bindSummary(i, a.summary)
	}
	rd.markCommentary(i)
	return rd.bindAnnounced(i)
}

// bindLine reads block i if it is only a tag, a via, the label of a link, or a credit for the passage above. It returns
// the index of the block to continue with, and whether the block was one of these.
func (rd *reading) bindLine(i int) (int, bool) {
	b := rd.doc.blocks[i]
	if next, ok := rd.bindTag(i, nil); ok {
		return next, true
	}
	switch {
	case rd.readViaLine(b):
		rd.setRole(b, ViaLine)
		return i + 1, true
	case len(b.toks) <= 4 && rd.l.label.has(b.toks[0].id) && b.isWholly(runLink):
		rd.setRole(b, Noise)
		return i + 1, true
	default:
		return rd.bindTail(i)
	}
}

// bindCredit looks for a credit in block i and links it to its passage. It tries leads, inline credits, citations,
// datelines and tails, in this order, but a citation precedes a lead below trustedLead. It returns the index of the
// block to continue with, and whether it found a credit.
func (rd *reading) bindCredit(i int, a *analysis) (int, bool) {
	if a.lead != nil && a.lead.rule.weight < trustedLead {
		if next, ok := rd.bindCitation(i); ok {
			return next, true
		}
	}
	switch {
	case a.lead != nil:
		return rd.bindLead(i, a), true
	case a.inline != nil:
		rd.bindInline(i, a.inline)
		return i + 1, true
	case a.tail == nil && rd.startsWithQuotation(rd.doc.blocks[i]) && rd.bindTrailingCredit(i):
		return i + 1, true
	}
	if next, ok := rd.bindCitation(i); ok {
		return next, true
	}
	if next, ok := rd.bindDateline(i); ok {
		return next, true
	}
	if a.tail != nil {
		return i + 1, rd.bindTailInBlock(i, a.tail)
	}
	return i + 1, rd.bindTrailingCredit(i)
}

// bindSummary adds the source that a clause of block i summarizes; m is the match of that clause. If the clause
// contains brackets, it is a credit only if it states a headline or a date.
func (rd *reading) bindSummary(i int, m *match) {
	s := rd.newSource(i, m)
	s.kind = Summary
	if !m.quote.empty() && s.headline == "" {
		s.headline = cleanHeadline(rd.doc.blocks[i].slice(m.quote))
	}
	if len(m.cites) == 0 || s.headline != "" || s.date.year != 0 {
		rd.addSource(s)
	}
}

// bindAnnounced connects the text after block i with the source named last, if the block ends in a colon and names no
// source itself. It returns the index of the block to continue with.
func (rd *reading) bindAnnounced(i int) int {
	s := cmp.Or(rd.mentioned, rd.lastQuoted)
	if s == nil || !rd.announcesPassage(i) {
		return i + 1
	}
	next := rd.skipBoilerplate(i + 1)
	if next == len(rd.doc.blocks) {
		return i + 1
	}
	if b := rd.doc.blocks[next]; b.quotation != nil || b.list || isTag(b) {
		return i + 1
	}
	rd.mentioned = nil
	return rd.bindText(next, s)
}

// setRole sets the role of a block and updates the number of commentary blocks.
func (rd *reading) setRole(b *block, role Role) {
	if b.role == Commentary {
		rd.commentaryBlocks--
	}
	if role == Commentary {
		rd.commentaryBlocks++
	}
	b.role = role
}

// markCommentary marks block i as commentary and reads the vias at its end.
func (rd *reading) markCommentary(i int) {
	b := rd.doc.blocks[i]
	rd.setRole(b, Commentary)
	rd.readTrailingVia(b, span{0, len(b.toks)})
}

// announcesPassage reports whether block i ends in a colon, or in dots after naming a source.
func (rd *reading) announcesPassage(i int) bool {
	b := rd.doc.blocks[i]
	n := len(b.toks)
	if n == 0 {
		return false
	}
	t := b.toks[n-1]
	return t.kind == tokPunct && t.ch == ':' || rd.mentioned != nil && rd.mentioned.firstBlock == i && t.kind == tokDots
}

// skipBoilerplate returns the index of the first block from i on that is not noise, a caption or code, or the number of
// blocks.
func (rd *reading) skipBoilerplate(i int) int {
	for i < len(rd.doc.blocks) && slices.Contains([]Role{Noise, Caption, Code}, rd.doc.blocks[i].role) {
		i++
	}
	return i
}

// newSource returns the source that the slots of match m name in block i. It has no passage yet.
func (rd *reading) newSource(i int, m *match) *source {
	b := rd.doc.blocks[i]
	s := &source{convention: m.rule.convention, weight: m.rule.weight, kind: Excerpt, firstBlock: i,
		creditBlocks: []int{i}, clause: m.clause}
	if !m.pub.empty() {
		rd.readPublication(s, b, m)
	}
	if !m.who.empty() {
		s.authors = rd.l.splitPeople(b.text, b.toks[m.who.lo:m.who.hi])
	}
	if !m.head.empty() {
		s.headline = cleanHeadline(b.slice(m.head))
	}
	if !m.when.empty() {
		s.date = rd.dateIn(b, m.when, date{})
	}
	for _, g := range m.cites {
		if in := (span{g.lo + 1, g.hi - 1}); !in.empty() {
			rd.readGroup(s, b, in)
		}
	}
	rd.readAddress(s, b, m)
	if m.rule.convention == "14" && !rd.hasOtherAtCredits(i) {
		s.headline = cleanHeadline(strings.TrimLeft(strings.TrimPrefix(rd.postTitle, b.slice(m.who)), ": "))
	}
	rd.correctByHost(s, b, m.clause)
	rd.addAgencies(s, b, m.clause)
	return s
}

// readPublication sets the publication of s to the name in the PUB slot of match m in block b. If the slot joins a
// publication and an agency, readPublication leaves only the publication in it.
func (rd *reading) readPublication(s *source, b *block, m *match) {
	s.pub = rd.r.publisherOf(rd.l, b.slice(m.pub))
	if joined, p := rd.splitAgency(b, m.pub); p.name != "" {
		if s.pub.known != nil {
			s.agencies = append(s.agencies, s.pub.name)
		}
		s.pub, m.pub = p, joined
	}
	s.linked = b.linkIn(m.pub) != "" || b.isEmphasized(m.pub)
	name := rd.l.skipDeterminers(b.toks[:m.pub.hi], m.pub.lo)
	s.hasDeterminer = name > m.pub.lo && m.pub.hi-name >= 2
	rd.readLinkedHeadline(s, b, m.pub)
}

// readGroup reads the text in brackets after a name in the credit of s, in the given span of block b. It may be a via,
// a publication or a citation.
func (rd *reading) readGroup(s *source, b *block, in span) {
	c := rd.r.readCitation(rd.l, b, in, inGroup)
	switch {
	case len(c.vias) > 0:
		rd.addVias(c.vias)
	case s.pub.name == "" && s.convention != "8" && c.pub.name != "":
		// In "Ann Reed (Hacker News):" the brackets name a via, but in "Cross-Site Scripting (XSS):" they do not.
		if c.pub.known != nil || b.linkIn(in) != "" {
			rd.addVias(rd.r.readVias(rd.l, b, viaPhrase{names: in}))
		}
	default:
		s.fill(&c)
	}
}

// fill sets the empty fields of s, and its date, from the citation.
func (s *source) fill(c *citation) {
	if s.pub.name == "" {
		s.pub = c.pub
	}
	s.headline = cmp.Or(s.headline, c.headline)
	if len(s.authors) == 0 {
		s.authors = c.authors
	}
	if c.date.month != 0 {
		s.date = c.date
	}
}

// readAddress sets the URL of s to the article that is linked in the clause of match m in block b. Links in vias do not
// count.
func (rd *reading) readAddress(s *source, b *block, m *match) {
	probe := s.citation
	probe.vias = rd.vias
	s.url = rd.r.articleURL(b, m.clause, probe)
	switch {
	case m.rule.convention == "17" && !m.name.empty():
		rd.addVias(rd.r.readVias(rd.l, b, viaPhrase{cue: rd.l.viaCueBefore(b.toks, m.name.lo), names: m.name, cited: true}))
		if s.url == b.linkIn(m.name) {
			s.url = articleOnly(b.linkIn(m.pub))
		}
	case m.rule.convention == "13" && s.url == "":
		s.url = rd.titleURL
	}
}

// hasOtherAtCredits reports whether any block except i has an "@" near its beginning, as in "Ann Reed @ The Bugle -
// Fees rise again". If so, the post is a list of credits, and its title is not the headline of any of them.
func (rd *reading) hasOtherAtCredits(i int) bool {
	for k, b := range rd.doc.blocks {
		for _, t := range b.toks[:min(len(b.toks), 14)] {
			if k != i && t.kind == tokPunct && t.ch == '@' && t.space {
				return true
			}
		}
	}
	return false
}

// addAgencies adds the agencies that the clause names in addition to the publication, as in "an AP story in the
// Washington Post". An agency that a person spoke to ("told AP") is not added.
func (rd *reading) addAgencies(s *source, b *block, clause span) {
	if s.pub.known == nil {
		return
	}
	for k := clause.lo; k < clause.hi; k++ {
		t := b.toks[k]
		if t.kind != tokWord || !t.upper || k > clause.lo && rd.l.told.has(b.toks[k-1].id) {
			continue
		}
		rd.r.pubs.walk(b.toks[:clause.hi], k, func(end int, e *publication) {
			if e.Agency && e != s.pub.known {
				s.agencies = append(s.agencies, b.slice(span{k, end}))
			}
		})
	}
}

// readLinkedHeadline handles a PUB slot whose text is a linked headline, as in "from [Rents Rise in Every City]:". The
// slot is the given span of block b. It derives the publication from the link's URL.
func (rd *reading) readLinkedHeadline(s *source, b *block, at span) {
	u := articleOnly(b.linkIn(at))
	if s.pub.known != nil || u == "" || at.hi-at.lo < 3 || hostNamed(u, s.pub.name) {
		return
	}
	for k := at.lo + 1; k < at.hi; k++ { // a publication in the possessive, as in "the OECD's new report"
		if name := (span{rd.l.skipDeterminers(b.toks[:k], at.lo), k}); b.toks[k].kind == tokPoss && !name.empty() &&
			hostNamed(u, b.slice(name)) {
			s.pub = publisher{name: b.slice(name)}
			return
		}
	}
	if name := b.slice(at); at.hi-at.lo < 5 &&
		(rd.l.looksLikePub(b.text, b.toks[at.lo:at.hi]) || strings.HasSuffix(name, "blog")) {
		return // a name rather than a headline, such as "the NYT Well blog"
	}
	if e := rd.r.pubs.byHost(u); e != nil || at.hi-at.lo >= 5 {
		s.headline = cleanHeadline(b.linkText(at))
		s.pub = rd.publisherOfHost(u)
	}
}

// addSource appends s to the sources of the post.
func (rd *reading) addSource(s *source) {
	rd.sources = append(rd.sources, s)
}

// bindLead connects the lead of block i with the passage after it, in the same block or the following ones. It returns
// the index of the block to continue with.
func (rd *reading) bindLead(i int, a *analysis) int {
	b := rd.doc.blocks[i]
	s := rd.leadSource(i, a)
	// The text before the credit is commentary.
	if !a.before.empty() {
		b.ownText = append(b.ownText, b.slice(a.before))
	}
	if s == nil {
		rd.markCommentary(i)
		if a.private {
			return rd.skipPassage(i, a)
		}
		return i + 1
	}
	rest := rd.readLeadingVias(b, a.after)
	rd.mentioned = nil
	switch {
	case rest.empty():
		rd.setRole(b, Credit)
		if len(b.ownText) > 0 || a.back != nil && a.lead.rule.convention != "13" {
			// The paragraph is commentary that ends in the credit.
			rd.setRole(b, Commentary)
			b.ownText = nil
		}
		return rd.bindFollowing(i+1, s)
	case a.lead.rule.position == positionHeadline:
		s.headline, s.kind = cleanHeadline(b.slice(rest)), HeadlineOnly
		rd.setRole(b, Credit)
		rd.addSource(s)
		return i + 1
	case len(b.ownText) == 0 && s.headline == "" && rd.headlineFollows(i, rest):
		s.headline = cleanHeadline(b.slice(rest))
		rd.setRole(b, Credit)
		return rd.bindFollowing(i+1, s)
	default:
		return rd.bindPassageInLine(i, rest, s)
	}
}

// leadSource returns the source that the lead of block i names or refers to, or nil if it names a private person or the
// blog itself, or refers to no source.
func (rd *reading) leadSource(i int, a *analysis) *source {
	switch {
	case a.back != nil && a.mention != nil:
		return rd.newSource(i, a.mention)
	case a.back != nil:
		s := cmp.Or(rd.mentioned, rd.lastQuoted)
		if s == nil && a.lead.rule.convention == "13" {
			s = rd.titleSource()
		}
		return s
	case a.private:
		return nil
	default:
		return rd.newSource(i, a.lead)
	}
}

// readLeadingVias reads the groups in brackets with vias at the beginning of the span, and returns the rest of it.
func (rd *reading) readLeadingVias(b *block, s span) span {
	for s.lo < s.hi {
		end := groupEnd(b.toks, s.lo)
		if end == 0 {
			break
		}
		c := rd.r.readCitation(rd.l, b, span{s.lo, end}, inGroup)
		if len(c.vias) == 0 {
			break
		}
		rd.addVias(c.vias)
		s.lo = end
	}
	return s
}

// headlineFollows reports whether the text after the credit in block i, rest, is the headline of the passage below
// rather than its beginning. A headline is in title case and has no final period, and the block below it is longer or a
// quotation.
func (rd *reading) headlineFollows(i int, rest span) bool {
	b := rd.doc.blocks[i]
	next := rd.nextBlock(i)
	if rest.hi-rest.lo < 2 || rest.hi-rest.lo > 25 || next < 0 || b.toks[rest.lo].kind != tokWord {
		return false
	}
	last := b.toks[rest.hi-1]
	below := rd.doc.blocks[next]
	return last.kind == tokWord && isTitleCase(rd.l, b.toks[rest.lo:rest.hi]) &&
		(below.quotation != nil || len(below.toks) > rest.hi-rest.lo)
}

// skipPassage skips the passage after a lead that names a private person or the blog itself, since neither is a source.
// It returns the index of the block to continue with.
func (rd *reading) skipPassage(i int, a *analysis) int {
	next := rd.skipBoilerplate(i + 1)
	if !a.after.empty() || next >= len(rd.doc.blocks) {
		return i + 1
	}
	if q := rd.doc.blocks[next].quotation; q != nil {
		o := outermost(q)
		for _, k := range o.blocks {
			rd.setRole(rd.doc.blocks[k], Uncredited)
		}
		return o.blocks[len(o.blocks)-1] + 1
	}
	return i + 1
}

// bindFollowing connects s, whose credit ends before block i, with the passage that begins there. It reads the
// headline, byline and date, if present, and then a quotation element or unmarked text. It returns the index of the
// block to continue with.
func (rd *reading) bindFollowing(i int, s *source) int {
	i = rd.readHeader(rd.skipBoilerplate(i), s)
	i = rd.skipBoilerplate(i)
	if i >= len(rd.doc.blocks) || rd.doc.blocks[i].role == Footer || rd.doc.blocks[i].role == Posted {
		if s.headline != "" && s.pub.name != "" {
			s.kind = HeadlineOnly
			rd.addSource(s)
		}
		return i
	}
	if q := rd.doc.blocks[i].quotation; q != nil {
		return rd.bindQuotation(outermost(q), s)
	}
	if next, ok := rd.bindTag(i, s); ok {
		return next
	}
	return rd.bindText(i, s)
}

// nextBlock returns the index of the next block after i that is not boilerplate, or -1.
func (rd *reading) nextBlock(i int) int {
	if n := rd.skipBoilerplate(i + 1); n < len(rd.doc.blocks) && rd.doc.blocks[n].role != Footer &&
		rd.doc.blocks[n].role != Posted {
		return n
	}
	return -1
}
