package attribution

import (
	"slices"
	"strings"

	"feedpub/feed"
)

// maxUnits is the maximum number of units in a post that the model labels. Longer posts are read by the rules alone.
const maxUnits = 4000

// maxMargin is the greatest value that the margin of a credit can have.
const maxMargin = 10_000

// learnedCredit is a credit that the model found, with its passage.
type learnedCredit struct {
	citation
	credit  []int // units of the credit, in order
	passage []int // units of the passage, in order
	label   int   // label of the first credit unit
	// Margins, in weight units: of the credit's labels, and of the labels of each field's tokens.
	creditMargin                            int
	pubMargin, authorMargin, headlineMargin int
	dateMargin                              int
	linked                                  bool
}

// decisions holds the labels that the model gave to the units of a post, and the credits that follow from them.
type decisions struct {
	units   []unit
	labels  decoded
	credits []*learnedCredit
	ofBlock []span // units of each block
}

// decide labels the units of the post and returns the resulting credits. It returns nil if the rules alone decide.
func (rd *reading) decide() *decisions {
	if rd.r.model == nil {
		return nil
	}
	d := &decisions{units: rd.units()}
	if len(d.units) == 0 || len(d.units) > maxUnits {
		return nil
	}
	d.ofBlock = make([]span, len(rd.doc.blocks))
	for i := range d.units {
		s := &d.ofBlock[d.units[i].block]
		if s.hi == 0 {
			s.lo = i
		}
		s.hi = i + 1
	}
	rd.creditsOf = make(map[int][]*source)
	for _, s := range rd.sources {
		for _, k := range s.creditBlocks {
			rd.creditsOf[k] = append(rd.creditsOf[k], s)
		}
	}
	features, contexts := rd.evidence(d.units)
	d.labels = rd.r.units.decode(&rd.scratch.decodedUnits, features, contexts)
	rd.collect(d)
	return d
}

// collector builds credits and passages from the labels of the units, in one pass over them.
type collector struct {
	rd   *reading
	d    *decisions
	lead *learnedCredit // the last credit that announced a passage, if no passage has followed yet
	open *learnedCredit // the credit of the current passage
	last int            // label of the last unit that is not boilerplate
}

// collect sets d.credits to the credits that the labels of the units form.
func (rd *reading) collect(d *decisions) {
	x := &collector{rd: rd, d: d, last: labelOther}
	for i := range d.units {
		x.unit(i, int(d.labels.best[i]))
	}
	x.finish(x.lead)
	rd.addWeak(d)
	d.credits = slices.DeleteFunc(d.credits, func(c *learnedCredit) bool { return len(c.credit) == 0 })
	for _, c := range d.credits {
		rd.addAddress(d, c)
	}
}

// finish adds the credit, unless it is nil, to the credits of the post.
func (x *collector) finish(c *learnedCredit) {
	if c != nil {
		x.d.credits = append(x.d.credits, c)
	}
}

// unit adds unit i, which has the given label.
func (x *collector) unit(i, label int) {
	switch label {
	case labelLead:
		c := x.rd.readCredit(x.d, i, label)
		if x.lead != nil && x.last == labelLead && x.rd.continuesCredit(x.lead, c) {
			x.lead.join(c)
			break
		}
		x.finish(x.lead)
		x.lead, x.open = c, nil
	case labelPassage:
		if x.open == nil || x.last != labelPassage {
			if x.open = x.lead; x.open == nil {
				x.open = &learnedCredit{creditMargin: maxMargin}
			}
			x.lead = nil
			x.finish(x.open)
		}
		x.open.passage = append(x.open.passage, i)
	case labelTail:
		c := x.rd.readCredit(x.d, i, label)
		if x.open != nil && x.rd.continuesCredit(x.open, c) {
			x.open.join(c)
			break
		}
		x.finish(c)
	case labelMention:
		x.finish(x.lead)
		x.lead, x.open = nil, nil
		x.finish(x.rd.readCredit(x.d, i, label))
	case labelOwn:
		x.finish(x.lead)
		x.lead, x.open = nil, nil
	default:
		return
	}
	x.last = label
}

// weakMargin is the minimum margin of a credit label at which a unit is still a candidate.
const weakMargin = -500

// unlikelyMargin is the margin below which only a unit that may name a source is read as a credit.
const unlikelyMargin = -250

// mayNameSource reports whether the span of the block has a link, a capitalized word after its first word, or a verb of
// saying after that word.
func (rd *reading) mayNameSource(b *block, in span) bool {
	for k := in.lo + 1; k < in.hi; k++ {
		if t := &b.toks[k]; t.upper && !rd.l.stop.has(t.id) || k == in.lo+1 && rd.l.say.has(t.id) {
			return true
		}
	}
	return !in.empty() && b.linkIn(in) != ""
}

// addWeak adds a credit for each unit with a credit label whose margin is at least weakMargin. If the unit is next to a
// passage without a credit, it becomes the credit of the passage.
func (rd *reading) addWeak(d *decisions) {
	taken := make([]bool, len(d.units))
	begins, ends := make(map[int]*learnedCredit), make(map[int]*learnedCredit)
	for _, c := range d.credits {
		for _, i := range c.credit {
			taken[i] = true
		}
		if n := len(c.passage); n > 0 && len(c.credit) == 0 {
			begins[c.passage[0]], ends[c.passage[n-1]] = c, c
		}
	}
	quoted := rd.onlyPassages()
	for i := range d.units {
		label, margin := d.creditLabel(i)
		if taken[i] || margin < weakMargin || quoted[d.units[i].block] {
			continue
		}
		c := rd.readWeak(d, i, label, margin)
		if c == nil {
			continue
		}
		d.addWeakCredit(c, begins[i+1], ends[i-1])
	}
}

// readWeak returns the credit of unit i, which has the given margin for a credit label, or nil if it names no source.
func (rd *reading) readWeak(d *decisions, i, label, margin int) *learnedCredit {
	b := rd.doc.blocks[d.units[i].block]
	in := creditTokens(&d.units[i], label)
	if b.isEmbedded() || margin < unlikelyMargin && !rd.mayNameSource(b, in) {
		return nil
	}
	c := rd.readCredit(d, i, label)
	if c.pub.name == "" && c.headline == "" && !rd.nameWeak(c, b, in) && c.empty() {
		return nil
	}
	return c
}

// addWeakCredit adds c to the credits. If its label fits, it becomes the credit of the passage that begins after its
// unit, or of the one that ends before it, unless that passage has one or is nil.
func (d *decisions) addWeakCredit(c, below, above *learnedCredit) {
	open := below
	if c.label == labelTail {
		open = above
	}
	if open != nil && len(open.credit) == 0 {
		open.join(c)
		return
	}
	d.credits = append(d.credits, c)
}

// isEmbedded reports whether the block is in an element, such as an embedded tweet, of which the markup alone
// determines the source.
func (b *block) isEmbedded() bool {
	return b.quotation != nil && outermost(b.quotation).kind != quotationPlain
}

// onlyPassages returns, for each block, whether it is in a passage that the rules found and in no credit. A credit that
// the model finds in such a block is redundant; see [reading.isRedundant].
func (rd *reading) onlyPassages() []bool {
	quoted := make([]bool, len(rd.doc.blocks))
	for _, s := range rd.sources {
		for _, k := range s.passageBlocks {
			quoted[k] = true
		}
	}
	for _, s := range rd.sources {
		for _, k := range s.creditBlocks {
			quoted[k] = false
		}
	}
	return quoted
}

// creditLabel returns the credit label with the greatest margin at unit i, and that margin.
func (d *decisions) creditLabel(i int) (label, margin int) {
	label, margin = labelMention, d.labels.margin(i, labelMention)
	for _, l := range [...]int{labelLead, labelTail} {
		if m := d.labels.margin(i, l); m > margin {
			label, margin = l, m
		}
	}
	return label, margin
}

// continuesCredit reports whether c may be part of the credit before it: at most one of them names a publication, they
// name the same one, or one of them names an agency.
func (rd *reading) continuesCredit(before, c *learnedCredit) bool {
	return before.pub.name == "" || c.pub.name == "" || rd.samePublication(before.pub.name, c.pub.name) ||
		before.pub.known != nil && before.pub.known.Agency || c.pub.known != nil && c.pub.known.Agency
}

// join adds the fields of c, which continues the credit.
func (d *learnedCredit) join(c *learnedCredit) {
	if len(d.credit) == 0 {
		d.label = c.label
	}
	d.credit = append(d.credit, c.credit...)
	d.creditMargin = min(d.creditMargin, c.creditMargin)
	if c.pub.name != "" {
		if d.pub.name == "" {
			d.pubMargin = c.pubMargin
		}
		d.addPub(c.pub)
	}
	if len(d.authors) == 0 && len(c.authors) > 0 {
		d.authors, d.authorMargin = c.authors, c.authorMargin
	}
	if d.headline == "" && c.headline != "" {
		d.headline, d.headlineMargin = c.headline, c.headlineMargin
	}
	if d.date.month == 0 && c.date.month != 0 {
		d.date, d.dateMargin = c.date, c.dateMargin
	}
	if d.url == "" {
		d.url = c.url
	}
	d.vias = append(d.vias, c.vias...)
	d.linked = d.linked || c.linked
}

// readCredit labels the tokens of unit i and returns the fields that the labels form.
func (rd *reading) readCredit(d *decisions, i, label int) *learnedCredit {
	u := &d.units[i]
	b := rd.doc.blocks[u.block]
	s := creditTokens(u, label)
	features := rd.tokenEvidence(u, s, label)
	sc := rd.scratch
	if len(sc.tokenContexts) < features.len() {
		sc.tokenContexts = make([]uint8, max(features.len(), maxCredit))
	}
	tags := rd.r.tokens.decode(&sc.decodedToken, features, sc.tokenContexts[:features.len()])
	c := &learnedCredit{credit: []int{i}, label: label, creditMargin: d.labels.margin(i, label)}
	for lo := 0; lo < len(tags.best); {
		field := fieldOf(tags.best[lo])
		if field == labelNone {
			lo++
			continue
		}
		hi, margin := lo+1, tags.margin(lo, int(tags.best[lo]))
		for hi < len(tags.best) && int(tags.best[hi]) == field+1 {
			margin = min(margin, tags.margin(hi, field+1))
			hi++
		}
		rd.addField(c, b, span{s.lo + lo, s.lo + hi}, field, margin)
		lo = hi
	}
	return c
}

// fieldOf returns the field of a token with the given label, which is the label of the field's first token.
func fieldOf(label uint8) int {
	if label == labelNone {
		return labelNone
	}
	return (int(label)-1)/2*2 + 1
}

// addField adds the tokens of the span to the credit as a field.
func (rd *reading) addField(c *learnedCredit, b *block, s span, field, margin int) {
	if s = b.trimMarks(s, field); s.empty() {
		return
	}
	switch field {
	case labelPublication:
		rd.addNamed(c, b, s, margin)
	case labelHeadline:
		if h := cleanHeadline(b.slice(s)); c.headline == "" && h != "" {
			c.headline, c.headlineMargin = h, margin
		}
	case labelAuthor:
		if names := rd.l.splitPeople(b.text, b.toks[s.lo:s.hi]); len(names) > 0 {
			if len(c.authors) == 0 {
				c.authorMargin = margin
			}
			c.authors = append(c.authors, names...)
			c.authorMargin = min(c.authorMargin, margin)
		}
	case labelDate:
		rd.addDate(c, b, s, margin)
	case labelVia:
		c.vias = append(c.vias, feed.Via{Name: strings.TrimPrefix(b.slice(s), "@"), URL: b.linkIn(s)})
	}
}

// addNamed adds the publication that the span names.
func (rd *reading) addNamed(c *learnedCredit, b *block, s span, margin int) {
	p := rd.namedPublisher(b, s)
	if p.name == "" {
		return
	}
	if c.pub.name == "" {
		c.pubMargin = margin
	}
	c.linked = c.linked || b.linkIn(s) != "" || b.isEmphasized(s)
	c.addPub(p)
}

// addDate adds the date in the span, unless the credit already has one.
func (rd *reading) addDate(c *learnedCredit, b *block, s span, margin int) {
	for k := s.lo; k < s.hi && c.date.month == 0; k++ {
		if end, d := rd.l.date(b.text, b.toks, k); end > 0 {
			c.date, c.dateMargin = d, margin
		}
	}
}

// trimMarks removes the punctuation around the span of a field, except brackets and marks that may be part of the
// field.
func (b *block) trimMarks(s span, field int) span {
	mark := func(t token) bool {
		return t.kind == tokDash || t.kind == tokPunct && t.ch != '@' && !(field == labelHeadline && (t.ch == '?' || t.ch == '!')) &&
			!(t.ch == ')' || t.ch == '(' || t.ch == '!')
	}
	for s.lo < s.hi && mark(b.toks[s.lo]) {
		s.lo++
	}
	for s.hi > s.lo && mark(b.toks[s.hi-1]) {
		s.hi--
	}
	return s
}

// namedPublisher returns the publisher that the span names. The name of an unknown publisher is kept, except for
// determiners in lower case.
func (rd *reading) namedPublisher(b *block, s span) publisher {
	p := rd.r.publisherOf(rd.l, b.slice(s))
	if p.known != nil {
		return p
	}
	for s.hi-s.lo > 1 && b.toks[s.lo].kind == tokWord && !b.toks[s.lo].upper && rd.l.det.has(b.toks[s.lo].id) {
		s.lo++
	}
	return publisher{name: strings.Trim(b.slice(s), " ,;:\"“”‘’«»„[]_*")}
}

// addAddress adds the article's URL to the credit, and the publication if only the URL identifies it.
func (rd *reading) addAddress(d *decisions, c *learnedCredit) {
	for _, i := range c.credit {
		if c.url == "" {
			c.url = rd.addressIn(&d.units[i], c)
		}
	}
	if len(c.passage) > 0 && c.url == "" {
		if q := rd.doc.blocks[d.units[c.passage[0]].block].quotation; q != nil {
			c.url = articleOnly(q.cite)
		}
	}
	if c.pub.name != "" || c.url == "" {
		return
	}
	if len(c.authors) == 0 {
		c.pub, c.pubMargin = rd.publisherOfHost(c.url), 0
	} else if e := rd.r.pubs.byHost(c.url); e != nil {
		c.pub = publisher{name: e.Name, known: e}
	}
}

// addressIn returns the URL of the article in a unit of the credit, as a link or in plain text, or "".
func (rd *reading) addressIn(u *unit, c *learnedCredit) string {
	b := rd.doc.blocks[u.block]
	if a := rd.r.articleURL(b, u.span, c.citation); a != "" {
		return a
	}
	if u.kind != unitPlain || u.hi-u.lo >= 24 {
		return ""
	}
	return articleOnly(plainAddress(b.slice(u.span)))
}

// plainAddress returns the URL that the text contains, or "".
func plainAddress(s string) string {
	i := strings.Index(s, "http")
	if i < 0 {
		return ""
	}
	s, _, _ = strings.Cut(s[i:], " ")
	s = strings.TrimRight(s, ".,;)]>")
	if hostOf(s) == "" {
		return ""
	}
	return s
}
