package attribution

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"feedpub/feed"
)

// candidate is a source that the rules, the model or both found, with the evidence for it.
type candidate struct {
	rule    *source        // the source that the rules found, or nil
	learned *learnedCredit // the credit that the model found, or nil
	// The possible readings, from which source and passage are chosen.
	sources  []sourceReading
	passages []passageReading
	// The decision.
	source         *source
	passage        passageReading
	certainty      int    // certainty of the source, in hundredths
	passageCertain int    // certainty of the passage, in hundredths
	near           int    // place of the quotation nearest to the names
	forms          []form // set by findForms
	verdict        int    // certainty of the source as it would be published, in hundredths
	doubts         doubts // what verification found
}

// sourceReading is one interpretation of the names in a credit.
type sourceReading struct {
	source    *source
	isLearned bool // the names are from the model
	near      int  // place of the quotation nearest to the names
	evidence  []uint16
}

// passageReading is one interpretation of where the passage of a credit begins and ends.
type passageReading struct {
	units     []int // in order; empty if there is no passage
	isLearned bool  // the passage is from the model
	evidence  []uint16
}

// candidates pairs the sources that the rules found with the credits that the model found, and chooses between their
// readings.
func (rd *reading) candidates(d *decisions) []*candidate {
	var cs []*candidate
	for _, s := range rd.sources {
		cs = append(cs, &candidate{rule: s})
	}
	if d != nil {
		cs = append(cs, rd.pairCredits(d, cs)...)
	}
	if d == nil {
		for _, c := range cs {
			c.source, c.certainty, c.passageCertain = c.rule, int(math.Round(rd.ruleConfidence(c.rule)*100)), maxCertainty
		}
		return cs
	}
	for _, c := range cs {
		if rd.mixesQuotations(d, c) {
			c.learned = nil
		}
		rd.chooseSource(d, c, cs)
	}
	rd.choosePassages(d, cs)
	slices.SortStableFunc(cs, func(a, b *candidate) int { return cmp.Compare(a.source.firstBlock, b.source.firstBlock) })
	return cs
}

// pairCredits assigns each credit that the model found to the source that has the most in common with it among those
// that the rules found, and returns candidates for the remaining credits, except redundant ones.
func (rd *reading) pairCredits(d *decisions, cs []*candidate) []*candidate {
	type pair struct{ score, rule, learned int }
	var pairs []pair
	for i, c := range cs {
		for j, l := range d.credits {
			if n := shared(d, c.rule, l); n > 0 {
				pairs = append(pairs, pair{n, i, j})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.score, a.score) })
	taken := make([]bool, len(d.credits))
	for _, p := range pairs {
		if cs[p.rule].learned == nil && !taken[p.learned] {
			cs[p.rule].learned, taken[p.learned] = d.credits[p.learned], true
		}
	}
	var rest []*candidate
	for j, l := range d.credits {
		if !taken[j] && !l.empty() && !rd.isRedundant(d, l) {
			rest = append(rest, &candidate{learned: l})
		}
	}
	return rest
}

// mixesQuotations reports whether the credit that the model found for the candidate includes the credit inside a
// quotation element other than that of the candidate's passage.
func (rd *reading) mixesQuotations(d *decisions, c *candidate) bool {
	if c.rule == nil || c.learned == nil || len(c.rule.passageBlocks) == 0 {
		return false
	}
	own := rd.doc.blocks[c.rule.passageBlocks[0]].quotation
	if own == nil {
		return false
	}
	return slices.ContainsFunc(c.learned.credit, func(i int) bool {
		k := d.units[i].block
		q := rd.doc.blocks[k].quotation
		return q != nil && outermost(q) != outermost(own) && !slices.Contains(c.rule.creditBlocks, k)
	})
}

// isVia reports whether the name is one of the post's vias.
func (rd *reading) isVia(name string) bool {
	return name != "" && slices.ContainsFunc(rd.vias, func(v feed.Via) bool { return rd.samePublication(v.Name, name) })
}

// isRedundant reports whether a credit that only the model found adds nothing: it is in a boilerplate block, it names a
// via, or the rules have found its publication in the same block or as an agency.
func (rd *reading) isRedundant(d *decisions, l *learnedCredit) bool {
	k := d.units[l.credit[0]].block
	if rd.doc.blocks[k].role.isBoilerplate() || rd.analyses[k].private {
		return true
	}
	if slices.ContainsFunc(rd.sources, func(s *source) bool { return slices.Contains(s.passageBlocks, k) }) {
		return true // a mention within a passage, such as "the mayor told Yahoo News"
	}
	if slices.ContainsFunc(l.authors, func(name string) bool { return !rd.isName(name, "") }) {
		return true
	}
	if l.pub.name == "" {
		return false
	}
	return rd.isVia(l.pub.name) || slices.ContainsFunc(rd.sources, func(s *source) bool {
		return (slices.Contains(s.creditBlocks, k) || len(l.passage) == 0) && rd.samePublication(s.pub.name, l.pub.name) ||
			slices.ContainsFunc(s.agencies, func(a string) bool { return rd.samePublication(a, l.pub.name) })
	})
}

// isBoilerplate reports whether blocks with the role contain no credit.
func (r Role) isBoilerplate() bool {
	switch r {
	case Noise, Footer, Posted, Caption, Code, ViaLine:
		return true
	case Commentary, Credit, Passage, Title, Uncredited, Note:
	}
	return false
}

// shared returns a score for how much a source that the rules found and a credit that the model found have in common:
// blocks of the credit, blocks of the passage, and the name.
func shared(d *decisions, s *source, l *learnedCredit) int {
	n := 0
	for _, i := range l.credit {
		if slices.Contains(s.creditBlocks, d.units[i].block) {
			n += 2
			break
		}
	}
	for _, i := range l.passage {
		if slices.Contains(s.passageBlocks, d.units[i].block) || s.inline && slices.Contains(s.creditBlocks, d.units[i].block) {
			n += 3
			break
		}
	}
	if n > 0 && s.pub.name != "" && sameName(s.pub.name, l.pub.name) {
		n += 2
	}
	return n
}

// newLearnedSource returns the source of a credit that only the model found.
func (rd *reading) newLearnedSource(d *decisions, l *learnedCredit) *source {
	s := &source{citation: l.citation, convention: learnedConvention, kind: Summary, firstBlock: d.units[l.credit[0]].block,
		linked: l.linked}
	if l.headline != "" {
		s.kind = HeadlineOnly
	}
	for _, i := range l.credit {
		if k := d.units[i].block; !slices.Contains(s.creditBlocks, k) {
			s.creditBlocks = append(s.creditBlocks, k)
		}
	}
	return s
}

// learnedConvention is the convention of a credit that only the model found.
const learnedConvention = "model"

// chooseSource sets the source of the candidate to the names that the rules or the model found, whichever are more
// certain.
func (rd *reading) chooseSource(d *decisions, c *candidate, all []*candidate) {
	rd.addReadings(d, c, all)
	if c.isMarkup() {
		c.source, c.certainty = c.sources[0].source, int(math.Round(rd.ruleConfidence(c.rule)*100))
		return
	}
	handicap := rd.handicap(c)
	for _, r := range c.sources {
		if certainty := rd.r.model.source.certainty(r.evidence, handicap); c.source == nil || certainty > c.certainty {
			c.source, c.certainty, c.near = r.source, certainty, r.near
		}
		if c.learned != nil && c.rule != nil {
			rd.fillFields(r.source, c.learned)
		}
	}
}

// isMarkup reports whether the markup alone determines the source of the candidate.
func (c *candidate) isMarkup() bool {
	return c.rule != nil && (c.rule.kind == Tweet || c.rule.kind == Reblog || c.rule.convention == "card" || c.rule.structured)
}

// addReadings adds the readings of the candidate's names: the rules' reading, and the model's if it differs.
func (rd *reading) addReadings(d *decisions, c *candidate, all []*candidate) {
	add := func(s *source, isLearned bool) {
		rd.nameSite(d, c, s)
		r := sourceReading{source: s, isLearned: isLearned, near: rd.quotationNear(d, creditBlock(d, c), s)}
		r.evidence = rd.sourceEvidence(d, c, &r, all)
		c.sources = append(c.sources, r)
	}
	if c.rule == nil {
		add(rd.newLearnedSource(d, c.learned), true)
		return
	}
	byRule := *c.rule
	add(&byRule, false)
	if c.learned == nil || rd.agrees(c.rule, c.learned) || rd.isVia(c.learned.pub.name) {
		return
	}
	s := byRule
	s.pub, s.authors, s.linked = c.learned.pub, c.learned.authors, c.learned.linked
	s.headline, s.url = cmp.Or(c.learned.headline, s.headline), cmp.Or(c.learned.url, s.url)
	if rd.isSource(&s) && !rd.isOwnBlog(&s) {
		add(&s, true)
	}
}

// modelHandicap is subtracted from the evidence, in weight units, for a source that only the model found. The rules
// were written for different kinds of posts than the model was trained on, so sources that both find are more reliable.
const modelHandicap = 60

// weakHandicap is subtracted for a name that is taken for a source only because of its position, as in "From Aunt
// Mary:".
const weakHandicap = 80

// unsureHandicap is subtracted for a source whose rule confidence is below unsureRule, unless the model also finds a
// credit there, and for a link in an earlier sentence than the one that introduces the passage.
const unsureHandicap, unsureRule = 120, 0.5

// handicap returns what is subtracted from the evidence for the candidate's source.
func (rd *reading) handicap(c *candidate) int {
	switch {
	case c.rule == nil:
		return modelHandicap
	case rd.isRelative(c.rule):
		return maxMargin
	case c.rule.distant:
		return unsureHandicap
	case c.rule.convention == "cite" && c.rule.pub.known != nil:
		return -modelHandicap * 2 // a bonus: the markup identifies the article
	case rd.isWeakPerson(c.rule) || rd.isWeakName(c.rule):
		return weakHandicap
	case rd.ruleConfidence(c.rule) < unsureRule && (c.learned == nil || c.learned.creditMargin < 0):
		return unsureHandicap
	default:
		return 0
	}
}

// isRelative reports whether the source is a relative or friend of the author: "From Aunt Mary:".
func (rd *reading) isRelative(s *source) bool {
	name := s.pub.name
	if name == "" && len(s.authors) > 0 {
		name = s.authors[0]
	}
	return s.pub.known == nil && rd.isRelativeName(name)
}

// isRelativeName reports whether the name begins with a word for a relative or friend, such as "Aunt".
func (rd *reading) isRelativeName(name string) bool {
	var buf [nameTokens]token
	toks := rd.r.lx.tokenize(name, buf[:0])
	friend := rd.l.classes["friend"]
	return friend != nil && len(toks) > 0 && friend.has(toks[0].id)
}

// agrees reports whether the rules and the model name the same publication, or the same authors if neither names a
// publication.
func (rd *reading) agrees(s *source, l *learnedCredit) bool {
	switch {
	case l.pub.name == "" && len(l.authors) == 0:
		return true // the model finds a credit there, but no names in it
	case s.pub.name == "" && l.pub.name == "":
		return slices.Equal(s.authors, l.authors)
	}
	return s.pub.name != "" && l.pub.name != "" && rd.samePublication(s.pub.name, l.pub.name)
}

// fillFields sets the empty fields of s that the model found.
func (rd *reading) fillFields(s *source, l *learnedCredit) {
	// The people in these credits ("Ann sends this", "via Ann") passed the text on, but did not write it.
	if len(s.authors) == 0 && s.convention != "13" && s.convention != "17" {
		s.authors = l.authors
	}
	if s.headline == "" {
		s.headline = l.headline
	}
	if s.date.month == 0 || s.date.year == 0 && l.date.year != 0 {
		if l.date.month != 0 {
			s.date = l.date
		}
	}
	if s.url == "" {
		s.url = l.url
	}
}

// choosePassages gives each candidate the passage that the rules or the model found, whichever is more certain. No text
// becomes part of two passages.
func (rd *reading) choosePassages(d *decisions, cs []*candidate) {
	for _, c := range cs {
		rd.choosePassage(d, c)
	}
	order := slices.Clone(cs)
	slices.SortStableFunc(order, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.passageCertain, a.passageCertain), cmp.Compare(b.certainty, a.certainty))
	})
	taken := make([]bool, len(d.units))
	for _, c := range order {
		if c.keepsPassage() {
			continue
		}
		if slices.ContainsFunc(c.passage.units, func(i int) bool { return taken[i] }) {
			c.passage, c.passageCertain = passageReading{}, 0
		}
		for _, i := range c.passage.units {
			taken[i] = true
		}
	}
}

// keepsPassage reports whether the candidate is of a kind whose passage is determined by the markup alone.
func (c *candidate) keepsPassage() bool {
	return c.source.kind == Nested || c.source.kind == Reblog || c.source.kind == Tweet
}

// choosePassage chooses between the rules' passage and the model's for one candidate.
func (rd *reading) choosePassage(d *decisions, c *candidate) {
	var rule, learned []int
	if c.rule != nil {
		rule = rd.unitsOfPassage(d, c.rule)
	}
	if c.learned != nil && rd.mayBePassage(d, c.learned.passage) {
		learned = c.learned.passage
	}
	add := func(units []int, isLearned bool) {
		if len(units) == 0 {
			return
		}
		r := passageReading{units: units, isLearned: isLearned}
		r.evidence = rd.passageEvidence(d, c, r, rule, learned)
		c.passages = append(c.passages, r)
	}
	add(rule, false)
	if len(rule) > 0 && rd.hasCertainPassage(d, c.rule, rule, learned) {
		c.passage, c.passageCertain = c.passages[0], maxCertainty
		return
	}
	if !slices.Equal(rule, learned) {
		add(learned, true)
	}
	for _, r := range c.passages {
		certainty := rd.r.model.passage.certainty(r.evidence, 0)
		if rd.isCited(d, c.rule, r.units) || c.rule == nil && rd.isAnnounced(d, c.source, r.units) {
			certainty = maxCertainty
		}
		if certainty > c.passageCertain {
			c.passage, c.passageCertain = r, certainty
		}
	}
}

// isCited reports whether the units are all of the only block of the passage of s, and a cite element in this block,
// which is in a quotation element, shows where the passage ends.
func (rd *reading) isCited(d *decisions, s *source, units []int) bool {
	if s == nil || !s.marked || len(s.passages) != 1 || len(units) == 0 {
		return false
	}
	k := d.units[units[0]].block
	b := rd.doc.blocks[k]
	of := d.ofBlock[k]
	if units[0] != of.lo || units[len(units)-1] != of.hi-1 || len(units) != of.hi-of.lo || b.quotation == nil {
		return false
	}
	at := rd.citeAtEnd(b)
	return at > 0 && s.passages[0] == b.slice(span{0, at})
}

// hasCertainPassage reports whether the passage of s, which consists of the units in rule, is certain without the
// model: markup or template code connects it with its credit; or it is not marked and begins with a dateline or a
// copied header; or it is marked, its credit announces it, and the model found no passage. learned holds the units of
// the model's passage.
func (rd *reading) hasCertainPassage(d *decisions, s *source, rule, learned []int) bool {
	switch {
	case s.convention == "cite", s.delimited:
		return true
	case rd.markOf(d, rule) < markQuoted:
		return s.copiedHeader || rd.startsWithDateline(d.units[rule[0]].block)
	default:
		return len(learned) == 0 && rd.isAnnounced(d, s, rule)
	}
}

// isAnnounced reports whether the units of the passage of s form a whole quotation element directly below a credit that
// ends in a colon, dots or a dash, and the model labels none of the units as a credit.
func (rd *reading) isAnnounced(d *decisions, s *source, units []int) bool {
	first := d.units[units[0]].block
	q := rd.doc.blocks[first].quotation
	if q == nil || first == 0 || rd.markOf(d, units) < markElements || !slices.Contains(s.creditBlocks, first-1) {
		return false
	}
	for _, i := range units {
		if l := d.labels.best[i]; l == labelTail || l == labelLead {
			return false
		}
	}
	q = outermost(q)
	lead := rd.doc.blocks[first-1]
	return lead.quotation == nil && announces(lead.toks[len(lead.toks)-1]) && q.blocks[0] == first &&
		d.units[units[len(units)-1]].block >= q.blocks[len(q.blocks)-1]
}

// mayBePassage reports whether the units can be a passage: in a post that marks its quotations, only marked text can be
// one.
func (rd *reading) mayBePassage(d *decisions, units []int) bool {
	if len(units) == 0 || !rd.marksQuotations {
		return len(units) > 0
	}
	return !slices.ContainsFunc(units, func(i int) bool {
		u := &d.units[i]
		b := rd.doc.blocks[u.block]
		if b.quotation != nil {
			return outermost(b.quotation).kind != quotationPlain
		}
		return u.kind != unitQuoted && !b.isWholly(runEmphasis)
	})
}

// unitsOfPassage returns the units of the passage that the rules found.
func (rd *reading) unitsOfPassage(d *decisions, s *source) []int {
	if len(s.passages) == 0 {
		return nil
	}
	var units []int
	for _, k := range s.passageBlocks {
		for i := d.ofBlock[k].lo; i < d.ofBlock[k].hi; i++ {
			units = append(units, i)
		}
	}
	if s.inline && len(s.passages) < 20 {
		text := strings.Join(s.passages, "\n\n")
		for _, k := range s.creditBlocks {
			b := rd.doc.blocks[k]
			for i := d.ofBlock[k].lo; i < d.ofBlock[k].hi; i++ {
				if t := unquote(strings.TrimRight(b.slice(d.units[i].span), ",.")); len(t) > 2 && strings.Contains(text, t) {
					units = append(units, i)
				}
			}
		}
		slices.Sort(units)
		units = slices.Compact(units)
	}
	return units
}

// minSuggestion is the certainty, in hundredths, below which a credit that only the model found is not suggested.
const minSuggestion = 5

// setPassage sets the passage of a published candidate's source to the chosen one, or to none if it is not certain.
func (rd *reading) setPassage(d *decisions, c *candidate, threshold int) {
	s := c.source
	if d == nil || c.keepsPassage() {
		return
	}
	certain := rd.isPassageCertain(d, c, threshold)
	if c.rule != nil && c.rule.doubtful {
		certain = false
	}
	if certain && !c.passage.isLearned {
		return
	}
	if c.rule != nil {
		rd.clearPassage(s)
	}
	if certain {
		rd.takePassage(d, c)
		return
	}
	s.kind = Summary
	if s.headline != "" {
		s.kind = HeadlineOnly
	}
}

// unmarkedLimit is the minimum certainty, in hundredths, for publishing a passage that is not marked as a quotation.
const unmarkedLimit = 98

// isPassageCertain reports whether the chosen passage is certain enough to be published. Of passages that are marked as
// quotations, what both the rules and the model found has the limit of the rules.
func (rd *reading) isPassageCertain(d *decisions, c *candidate, threshold int) bool {
	limit := int(rd.r.model.limits[0])
	switch {
	case len(c.passage.units) == 0:
	case rd.markOf(d, c.passage.units) < markQuoted && !rd.isEmphasizedPassage(d, c.passage.units):
		limit = unmarkedLimit
	case !c.passage.isLearned || c.rule != nil && isPart(c.passage.units, rd.unitsOfPassage(d, c.rule)):
		limit = int(rd.r.model.limits[1])
	}
	return c.passageCertain >= min(limit+max(0, threshold-defaultLimit), maxCertainty)
}

// isEmphasizedPassage reports whether each of the units is emphasized.
func (rd *reading) isEmphasizedPassage(d *decisions, units []int) bool {
	return !slices.ContainsFunc(units, func(i int) bool {
		u := &d.units[i]
		return u.span.empty() || !rd.doc.blocks[u.block].isEmphasized(u.span)
	})
}

// isPart reports whether whole contains each of the units in part.
func isPart(part, whole []int) bool {
	return !slices.ContainsFunc(part, func(i int) bool { return !slices.Contains(whole, i) })
}

// defaultLimit is the default threshold in hundredths. A higher threshold also raises the limits for passages.
const defaultLimit = int(DefaultThreshold * 100)

// clearPassage removes the passage of s. Its blocks become commentary or an uncredited quotation.
func (rd *reading) clearPassage(s *source) {
	reset := func(b *block) {
		b.ownText = nil
		role := Commentary
		if b.quotation != nil {
			role = Uncredited
		}
		rd.setRole(b, role)
	}
	for _, k := range s.passageBlocks {
		reset(rd.doc.blocks[k])
	}
	for _, k := range s.creditBlocks {
		if b := rd.doc.blocks[k]; b.role == Passage {
			reset(b)
		}
	}
	s.passages, s.passageBlocks, s.inline, s.marked = nil, nil, false, false
}

// takePassage makes the units of the candidate's passage the passage of its source.
func (rd *reading) takePassage(d *decisions, c *candidate) {
	s := c.source
	s.kind = Excerpt
	for n := 0; n < len(c.passage.units); {
		k := d.units[c.passage.units[n]].block
		end := n + 1
		for end < len(c.passage.units) && c.passage.units[end] == c.passage.units[end-1]+1 &&
			d.units[c.passage.units[end]].block == k {
			end++
		}
		rd.takeUnits(d, s, c.passage.units[n], c.passage.units[end-1])
		n = end
	}
	s.marked = rd.markOf(d, c.passage.units) >= markQuoted
}

// takeUnits adds the units from first to last, which are in the same block, to the passage of s.
func (rd *reading) takeUnits(d *decisions, s *source, first, last int) {
	k := d.units[first].block
	b := rd.doc.blocks[k]
	if isElision(b) {
		rd.setRole(b, Note)
		return
	}
	all := d.ofBlock[k]
	at := span{d.units[first].lo, d.units[last].hi}
	text, whole := rd.trimPassage(b, at)
	if text == "" {
		return
	}
	whole = whole && first == all.lo && last == all.hi-1
	if !whole && first == last && d.units[first].kind == unitQuoted {
		text = unquote(strings.TrimRight(text, ",;"))
	}
	s.passages = append(s.passages, text)
	rd.setRole(b, Passage)
	if whole {
		s.passageBlocks = append(s.passageBlocks, k)
		b.ownText = nil
		return
	}
	s.inline = true
	if !slices.Contains(s.creditBlocks, k) {
		s.creditBlocks = append(s.creditBlocks, k)
	}
	b.ownText = nil
	for i := all.lo; i < all.hi; i++ {
		if d.labels.best[i] == labelOwn && (i < first || i > last) {
			b.ownText = append(b.ownText, b.slice(d.units[i].span))
		}
	}
}

// claimBlocks sets the roles of the blocks of a published candidate.
func (rd *reading) claimBlocks(d *decisions, c *candidate) {
	s := c.source
	if s.kind != Nested {
		for _, k := range s.passageBlocks {
			rd.setRole(rd.doc.blocks[k], Passage)
		}
	}
	if c.rule != nil || d == nil {
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		if b.role != Commentary && b.role != "" || len(b.ownText) > 0 {
			continue
		}
		own := false
		for i := d.ofBlock[k].lo; i < d.ofBlock[k].hi; i++ {
			own = own || d.labels.best[i] == labelOwn || d.labels.best[i] == labelPassage
		}
		if !own {
			rd.setRole(b, Credit)
		}
	}
}
