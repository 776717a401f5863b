package attribution

import (
	"slices"
	"strings"
)

// The feature templates for a source.
const (
	sBias = iota
	sOrigin
	sConvention
	sRuleConfidence
	sKnown
	sHost
	sNameLength
	sNameShape
	sPerson
	sWeak
	sAuthors
	sFacts
	sHeadline
	sDate
	sAddress
	sPassage
	sCreditMargin
	sPublicationMargin
	sAuthorMargin
	sHeadlineMargin
	sLabel
	sSilent
	sLinked
	sHeader
	sCopied
	sGuessed
	sDeterminer
	sCreditLength
	sColon
	sAmongOwn
	sPosition
	sMarks
	sEnglish
	sCredits
	sOriginKnown
	sMarginKnown
	sMarginLabel
	sRival
	sRivalOrigin
	sNear
	sNearKnown
	sNearOrigin
	sNearAddress
	sAddressKind
	sAddressKnown
	sBefore
	sAfter
	sBeside
	sTold
	sToldKnown
	sToldNear
	sAnchor
	sAnchorKnown
	sAnchorNear
	sCaption
	sLinks
	sLinksNear
	sLinksAddress
	sOthers
	sOthersNear
	sOthersKnown
	sPlace
	sPlaceNear
	sPlaceAnchor
	sPiece
	sPieceKnown
	sPieceAnchor
	sPieceLinks
	sSentence
	sSentenceNear
	sGap
	sGapPlace
	sTemplates
)

// sourceFeatures numbers the features that determine the certainty of a source.
var sourceFeatures = newFeatureSet([]template{
	sBias:              {name: "bias"},
	sOrigin:            {name: "origin", values: 6},
	sConvention:        {name: "convention", values: len(conventions)},
	sRuleConfidence:    {name: "rule-confidence", values: 8},
	sKnown:             {name: "known-name", values: 4},
	sHost:              {name: "host", values: 5},
	sNameLength:        {name: "name-length", values: 5},
	sNameShape:         {name: "name-shape", values: 5},
	sPerson:            {name: "name-is-person", values: 3},
	sWeak:              {name: "weak", values: 4},
	sAuthors:           {name: "authors", values: 5},
	sFacts:             {name: "facts", values: 5},
	sHeadline:          {name: "headline", values: 3},
	sDate:              {name: "date", values: 2},
	sAddress:           {name: "address", values: 2},
	sPassage:           {name: "passage", values: 5},
	sCreditMargin:      {name: "credit-margin", values: 8},
	sPublicationMargin: {name: "publication-margin", values: 8},
	sAuthorMargin:      {name: "author-margin", values: 8},
	sHeadlineMargin:    {name: "headline-margin", values: 8},
	sLabel:             {name: "label", values: unitLabels},
	sSilent:            {name: "model-at-rule-credit", values: unitLabels * 3},
	sLinked:            {name: "linked"},
	sHeader:            {name: "header"},
	sCopied:            {name: "copied-header"},
	sGuessed:           {name: "guessed"},
	sDeterminer:        {name: "determiner"},
	sCreditLength:      {name: "credit-length", values: 6},
	sColon:             {name: "credit-ends", values: 10},
	sAmongOwn:          {name: "credit-in-paragraph", values: 2},
	sPosition:          {name: "position", values: 4},
	sMarks:             {name: "post-marks-quotations", values: 2},
	sEnglish:           {name: "english", values: 2},
	sCredits:           {name: "credits", values: 5},
	sOriginKnown:       {name: "origin-and-name", values: 6 * 6},
	sMarginKnown:       {name: "credit-margin-and-name", values: 8 * 6},
	sMarginLabel:       {name: "credit-margin-and-label", values: 8 * unitLabels},
	sRival:             {name: "rival", values: 6},
	sRivalOrigin:       {name: "rival-and-origin", values: 6 * 6},
	sNear:              {name: "quotation-near", values: nearPlaces},
	sNearKnown:         {name: "quotation-near-and-name", values: nearPlaces * 6},
	sNearOrigin:        {name: "quotation-near-and-origin", values: nearPlaces * 6},
	sNearAddress:       {name: "quotation-near-and-address", values: nearPlaces * addressKinds},
	sAddressKind:       {name: "address-kind", values: addressKinds},
	sAddressKnown:      {name: "address-kind-and-name", values: addressKinds * 6},
	sBefore:            {name: "before-name", values: besideKinds},
	sAfter:             {name: "after-name", values: besideKinds},
	sBeside:            {name: "beside-name", values: besideKinds * besideKinds},
	sTold:              {name: "told", values: toldKinds},
	sToldKnown:         {name: "told-and-name", values: toldKinds * 6},
	sToldNear:          {name: "told-and-quotation-near", values: toldKinds * nearPlaces},
	sAnchor:            {name: "anchor", values: anchorKinds},
	sAnchorKnown:       {name: "anchor-and-name", values: anchorKinds * 6},
	sAnchorNear:        {name: "anchor-and-quotation-near", values: anchorKinds * nearPlaces},
	sCaption:           {name: "caption"},
	sLinks:             {name: "links", values: linkKinds},
	sLinksNear:         {name: "links-and-quotation-near", values: linkKinds * nearPlaces},
	sLinksAddress:      {name: "links-and-address-kind", values: linkKinds * addressKinds},
	sOthers:            {name: "other-names", values: otherKinds},
	sOthersNear:        {name: "other-names-and-quotation-near", values: otherKinds * nearPlaces},
	sOthersKnown:       {name: "other-names-and-name", values: otherKinds * 6},
	sPlace:             {name: "place", values: placeKinds},
	sPlaceNear:         {name: "place-and-quotation-near", values: placeKinds * nearPlaces},
	sPlaceAnchor:       {name: "place-and-anchor", values: placeKinds * anchorKinds},
	sPiece:             {name: "piece", values: pieceKinds},
	sPieceKnown:        {name: "piece-and-name", values: pieceKinds * 6},
	sPieceAnchor:       {name: "piece-and-anchor", values: pieceKinds * anchorKinds},
	sPieceLinks:        {name: "piece-and-links", values: pieceKinds * linkKinds},
	sSentence:          {name: "sentence", values: sentenceKinds},
	sSentenceNear:      {name: "sentence-and-quotation-near", values: sentenceKinds * nearPlaces},
	sGap:               {name: "quotation-gap", values: gapKinds},
	sGapPlace:          {name: "quotation-gap-and-place", values: gapKinds * placeKinds},
})

// conventions lists the credit conventions, numbered by index. The last one represents all others.
var conventions = []string{"1", "1a", "1b", "1c", "2", "3", "4", "5", "6", "6a", "7", "8", "9", "10", "11", "12", "13", "14", "15",
	"16", "17", "18", "card", "cite", "tweet", learnedConvention, ""}

func conventionNumber(c string) int {
	if i := slices.Index(conventions, c); i >= 0 {
		return i
	}
	return len(conventions) - 1
}

// The origins of a source: the rules, the model or both.
const (
	originRule = iota
	originModel
	originBoth        // both found the source and agree on its publication
	originRuleOfTwo   // both found a source here but disagree; this is the rules' source
	originModelOfTwo  // both found a source here but disagree; this is the model's source
	originPersonAgree // both found the source and agree on its authors; no publication is named
)

// marginBucket returns the feature value for a margin.
func marginBucket(m int) int { return bucket(m, -300, -100, 0, 100, 250, 500, 900) }

// evidenceList collects the features of a source or a passage.
type evidenceList struct {
	set *featureSet
	ids []uint16
}

func (e *evidenceList) add(t, value int) { e.ids = append(e.ids, e.set.id(t, value)) }

// upTo adds the features of template t with the values from 0 to value, so that neighboring values get similar weights.
func (e *evidenceList) upTo(t, value int) {
	for v := range value + 1 {
		e.add(t, v)
	}
}

func (e *evidenceList) flag(t int, ok bool) {
	if ok {
		e.add(t, 0)
	}
}

func (e *evidenceList) bool(t int, ok bool) {
	if ok {
		e.add(t, 1)
	} else {
		e.add(t, 0)
	}
}

// sourceEvidence returns the features of r, a reading of the names of candidate c. all holds all candidates of the
// post.
func (rd *reading) sourceEvidence(d *decisions, c *candidate, r *sourceReading, all []*candidate) []uint16 {
	s := r.source
	e := &evidenceList{set: sourceFeatures, ids: make([]uint16, 0, 64)}
	e.add(sBias, 0)
	origin := originRule
	switch {
	case c.rule == nil:
		origin = originModel
	case c.learned != nil && r.isLearned:
		origin = originModelOfTwo
	case c.learned != nil && !rd.agrees(c.rule, c.learned):
		origin = originRuleOfTwo
	case c.learned != nil && s.pub.name == "":
		origin = originPersonAgree
	case c.learned != nil:
		origin = originBoth
	}
	e.add(sOrigin, origin)
	e.add(sConvention, conventionNumber(s.convention))
	name := rd.nameKind(s)
	e.add(sOriginKnown, origin*6+name)
	if c.learned != nil {
		e.add(sMarginKnown, marginBucket(c.learned.creditMargin)*6+name)
		e.add(sMarginLabel, marginBucket(c.learned.creditMargin)*unitLabels+c.learned.label)
	}
	if c.rule != nil {
		e.upTo(sRuleConfidence, bucket(int(rd.ruleConfidence(c.rule)*100), 20, 35, 50, 65, 80, 90, 98))
		e.flag(sHeader, s.hasHeader)
		e.flag(sCopied, s.copiedHeader)
		e.flag(sGuessed, s.guessed)
		e.flag(sDeterminer, s.hasDeterminer)
	}
	rd.nameEvidence(e, s)
	e.bool(sMarks, rd.marksQuotations)
	e.bool(sEnglish, rd.l.name == fallback)
	e.upTo(sCredits, bucket(len(all), 1, 2, 4, 8))
	rival := rd.rivalOf(d, c, s, all)
	e.add(sRival, rival)
	e.add(sRivalOrigin, rival*6+origin)
	rd.placeEvidence(e, creditBlock(d, c), r, name, origin)
	rd.creditEvidence(e, d, c, s)
	return e.ids
}

// placeEvidence adds the features of what is beside the names of r in block k.
func (rd *reading) placeEvidence(e *evidenceList, k int, r *sourceReading, name, origin int) {
	s, near := r.source, r.near
	address := rd.addressKind(k, s)
	e.add(sNear, near)
	e.add(sNearKnown, near*6+name)
	e.add(sNearOrigin, near*6+origin)
	e.add(sNearAddress, near*addressKinds+address)
	e.add(sAddressKind, address)
	e.add(sAddressKnown, address*6+name)
	if k < 0 {
		return
	}
	b := rd.doc.blocks[k]
	at := b.nameOf(s)
	before, after := rd.wordsBeside(b, at)
	e.add(sBefore, before)
	e.add(sAfter, after)
	e.add(sBeside, before*besideKinds+after)
	told := rd.toldBy(b, at)
	e.add(sTold, told)
	e.add(sToldKnown, told*6+name)
	e.add(sToldNear, near*toldKinds+told)
	anchor := rd.anchorKind(b, s)
	e.add(sAnchor, anchor)
	e.add(sAnchorKnown, anchor*6+name)
	e.add(sAnchorNear, near*anchorKinds+anchor)
	rd.surroundingEvidence(e, k, at, r, name, address, anchor)
	e.flag(sCaption, slices.ContainsFunc(b.toks, func(t token) bool { return rd.l.photo.has(t.id) }))
}

// surroundingEvidence adds the features of what else is around the name of r in block k. It adds none in long blocks,
// where every name would take time in proportion to the length of the block.
func (rd *reading) surroundingEvidence(e *evidenceList, k int, at span, r *sourceReading, name, address, anchor int) {
	b := rd.doc.blocks[k]
	if len(b.toks) == 0 || len(b.toks) > maxSentenceBlock {
		return
	}
	links := rd.sentenceLinks(b, at, r.source)
	e.add(sLinks, links)
	e.add(sLinksNear, links*nearPlaces+r.near)
	e.add(sLinksAddress, links*addressKinds+address)
	publications, persons := rd.otherNames(b, rd.sentenceAround(b.toks, at), at, r.source)
	others := publications*(maxOthers+1) + persons
	e.add(sOthers, others)
	e.add(sOthersNear, others*nearPlaces+r.near)
	e.add(sOthersKnown, others*6+name)
	place := rd.placeOf(k)
	e.add(sPlace, place)
	e.add(sPlaceNear, place*nearPlaces+r.near)
	e.add(sPlaceAnchor, place*anchorKinds+anchor)
	piece := rd.pieceNear(b, at)
	e.add(sPiece, piece)
	e.add(sPieceKnown, piece*6+name)
	e.add(sPieceAnchor, piece*anchorKinds+anchor)
	e.add(sPieceLinks, piece*linkKinds+links)
	sentence := rd.sentencePlace(b, at)
	e.add(sSentence, sentence)
	e.add(sSentenceNear, sentence*nearPlaces+r.near)
	gap := rd.quotationGap(k)
	e.add(sGap, gap)
	e.add(sGapPlace, gap*placeKinds+place)
}

// rivalOf returns a code for the credits that compete with candidate c: 0 for none nearby, 1 for one in an adjacent
// block, 2 for one in the same block, 3 for the publication of s elsewhere, 4 for the publication of s nearby, and 5
// for a via of that name.
func (rd *reading) rivalOf(d *decisions, c *candidate, s *source, all []*candidate) int {
	if rd.isVia(s.pub.name) {
		return 5
	}
	at := creditBlock(d, c)
	best := 0
	for _, o := range all[:min(len(all), maxRivals)] {
		if o == c {
			continue
		}
		near := 0
		switch k := creditBlock(d, o); {
		case k == at:
			near = 2
		case k == at+1 || k == at-1:
			near = 1
		}
		if s.pub.name != "" && o.named(rd, s.pub.name) {
			near = 3 + min(near, 1)
		}
		best = max(best, near)
	}
	return best
}

// maxRivals bounds the number of other candidates that rivalOf compares a candidate with.
const maxRivals = 50

// creditBlock returns the index of the block with the candidate's credit. If there is none, it returns -9, which is not
// next to any block.
func creditBlock(d *decisions, c *candidate) int {
	switch {
	case c.learned != nil:
		return d.units[c.learned.credit[0]].block
	case len(c.rule.creditBlocks) > 0:
		return c.rule.creditBlocks[0]
	default:
		return -9
	}
}

// named reports whether the rules or the model found the publication called name in the candidate's credit.
func (c *candidate) named(rd *reading, name string) bool {
	return c.rule != nil && c.rule.pub.name != "" && rd.samePublication(c.rule.pub.name, name) ||
		c.learned != nil && c.learned.pub.name != "" && rd.samePublication(c.learned.pub.name, name)
}

// nameKind returns how the source is named: 0 by a known publication, 1 by a name that the URL's host contains, 2 by a
// name that looks like a publication's, 3 by any other name, 4 only by authors, 5 not at all.
func (rd *reading) nameKind(s *source) int {
	var buf [nameTokens]token
	switch {
	case s.pub.known != nil:
		return 0
	case s.pub.name != "" && hostNamed(s.url, s.pub.name):
		return 1
	case s.pub.name != "" && rd.l.looksLikePub(s.pub.name, rd.r.lx.tokenize(s.pub.name, buf[:0])):
		return 2
	case s.pub.name != "":
		return 3
	case len(s.authors) > 0:
		return 4
	default:
		return 5
	}
}

// nameEvidence adds the features of a source's names.
func (rd *reading) nameEvidence(e *evidenceList, s *source) {
	e.add(sKnown, s.pub.kind())
	e.add(sHost, rd.hostKind(s))
	var buf [nameTokens]token
	if name := s.pub.name; name != "" {
		toks := rd.r.lx.tokenize(name, buf[:0])
		e.upTo(sNameLength, bucket(len(toks), 1, 2, 3, 5))
		e.add(sNameShape, rd.nameShape(name, toks))
		e.add(sPerson, rd.l.personScore(name, toks))
	}
	e.add(sWeak, rd.weakness(s))
	authors := 0
	switch len(s.authors) {
	case 0:
	case 1:
		authors = 1 + rd.l.personScore(s.authors[0], rd.r.lx.tokenize(s.authors[0], buf[:0]))
	default:
		authors = 4
	}
	e.add(sAuthors, authors)
	facts := -1
	for _, ok := range [...]bool{s.pub.name != "", len(s.authors) > 0, s.headline != "", s.date.month != 0, s.url != ""} {
		if ok {
			facts++
		}
	}
	e.upTo(sFacts, facts)
	headline := 0
	if s.headline != "" {
		headline = 1
		if s.pub.name == "" {
			headline = 2
		}
	}
	e.add(sHeadline, headline)
	e.bool(sDate, s.date.month != 0)
	e.bool(sAddress, s.url != "")
	e.flag(sLinked, s.linked)
}

// kind returns the kind of a publication: 0 unknown, 1 an agency, 2 one whose name is also a common word, 3 any other
// known publication.
func (p publisher) kind() int {
	switch {
	case p.known == nil:
		return 0
	case p.known.Agency:
		return 1
	case p.known.Word:
		return 2
	default:
		return 3
	}
}

// hostKind returns how the URL of a source matches its name: 0 there is no URL, 1 the publication is known to own the
// host, 2 the host contains the name, 3 the name is the host, 4 no match.
func (rd *reading) hostKind(s *source) int {
	switch byHost := rd.r.pubs.byHost(s.url); {
	case hostOf(s.url) == "":
		return 0
	case byHost != nil && byHost == s.pub.known:
		return 1
	case hostNamed(s.url, s.pub.name):
		return 2
	case s.pub.name == hostOf(s.url):
		return 3
	default:
		return 4
	}
}

// nameShape returns what a name looks like: 1 a publication, 2 a host, 3 all capitals, 4 lower case, 0 none of these.
func (rd *reading) nameShape(name string, toks []token) int {
	switch {
	case rd.l.looksLikePub(name, toks):
		return 1
	case isDomain(strings.ToLower(name)):
		return 2
	case acronym(name):
		return 3
	case len(toks) > 0 && !toks[0].upper:
		return 4
	default:
		return 0
	}
}

// weakness returns why a source's names are weak: 1 the name is taken for a publication only because of its position, 2
// the people's names are ambiguous, 3 the name is unlikely to be a publication's, 0 they are not weak.
func (rd *reading) weakness(s *source) int {
	switch {
	case rd.isWeakName(s):
		return 1
	case rd.isWeakPerson(s):
		return 2
	case s.pub.name != "" && s.pub.known == nil && !rd.isName(s.pub.name, s.url):
		return 3
	default:
		return 0
	}
}

// creditEvidence adds the features of the credit's position, and of the labels that the model gives it.
func (rd *reading) creditEvidence(e *evidenceList, d *decisions, c *candidate, s *source) {
	if len(s.creditBlocks) > 0 {
		b := rd.doc.blocks[s.creditBlocks[0]]
		e.upTo(sCreditLength, bucket(len(b.toks), 4, 8, 16, 32, 64))
		if len(b.toks) > 0 {
			e.add(sColon, endNumber(b.toks))
		}
		e.add(sPosition, bucket(s.creditBlocks[0]*4/max(len(rd.doc.blocks), 1), 0, 1, 2))
	}
	if d == nil {
		return
	}
	l := c.learned
	if l == nil {
		// How the model labels the credit that the rules found.
		best, margin := labelOther, maxMargin
		for _, k := range s.creditBlocks[:min(len(s.creditBlocks), 1)] {
			for i := d.ofBlock[k].lo; i < d.ofBlock[k].hi; i++ {
				m := min(-d.labels.margin(i, labelLead), -d.labels.margin(i, labelTail), -d.labels.margin(i, labelMention))
				if m < margin {
					best, margin = int(d.labels.best[i]), m
				}
			}
		}
		e.add(sSilent, best*3+bucket(margin, 150, 400))
		return
	}
	e.upTo(sCreditMargin, marginBucket(l.creditMargin))
	e.add(sLabel, l.label)
	if l.pub.name != "" {
		e.upTo(sPublicationMargin, marginBucket(l.pubMargin))
	}
	if len(l.authors) > 0 {
		e.upTo(sAuthorMargin, marginBucket(l.authorMargin))
	}
	if l.headline != "" {
		e.upTo(sHeadlineMargin, marginBucket(l.headlineMargin))
	}
	among := false
	for i := d.ofBlock[d.units[l.credit[0]].block].lo; i < d.ofBlock[d.units[l.credit[0]].block].hi; i++ {
		among = among || d.labels.best[i] == labelOwn
	}
	e.bool(sAmongOwn, among)
	mark := 0
	if len(l.passage) > 0 {
		mark = 1 + rd.markOf(d, l.passage)
	}
	e.add(sPassage, mark)
}

// How the units of a passage are marked as a quotation. The numbers are values of features.
const (
	markNone     = iota // not at all
	markPartly          // some of them
	markQuoted          // by quotation marks or emphasis
	markElements        // by elements
)

// markOf returns how the units of a passage are marked as a quotation.
func (rd *reading) markOf(d *decisions, units []int) int {
	elements, quoted := 0, 0
	for _, i := range units {
		u := &d.units[i]
		b := rd.doc.blocks[u.block]
		switch {
		case b.quotation != nil:
			elements++
		case u.kind == unitQuoted, b.toks[0].kind == tokOpen && (b.toks[len(b.toks)-1].kind == tokClose), b.isWholly(runEmphasis):
			quoted++
		}
	}
	switch n := len(units); {
	case elements == n:
		return markElements
	case elements+quoted == n:
		return markQuoted
	case elements+quoted > 0:
		return markPartly
	default:
		return markNone
	}
}

// The feature templates for a passage.
const (
	pBias = iota
	pOrigin
	pMark
	pMarkStart
	pMarkEnd
	pStartMargin
	pEndMargin
	pInnerMargin
	pStart
	pEnd
	pUnits
	pBlocks
	pElided
	pCopied
	pVoiceAfter
	pMarks
	pRuleCertainty
	pEnglish
	pTitle
	pTemplates
)

// passageFeatures numbers the features that determine the certainty of a passage.
var passageFeatures = newFeatureSet([]template{
	pBias:          {name: "bias"},
	pOrigin:        {name: "origin", values: 5},
	pMark:          {name: "mark", values: 4},
	pMarkStart:     {name: "mark-and-start", values: 4 * 6},
	pMarkEnd:       {name: "mark-and-end", values: 4 * 9},
	pStartMargin:   {name: "start-margin", values: 8},
	pEndMargin:     {name: "end-margin", values: 8},
	pInnerMargin:   {name: "inner-margin", values: 8},
	pStart:         {name: "start", values: 6},
	pEnd:           {name: "end", values: 9},
	pUnits:         {name: "units", values: 5},
	pBlocks:        {name: "blocks", values: 5},
	pElided:        {name: "elided", values: 2},
	pCopied:        {name: "copied-header", values: 2},
	pVoiceAfter:    {name: "voice-after", values: 7},
	pMarks:         {name: "post-marks-quotations", values: 2},
	pRuleCertainty: {name: "rule-passage-exists", values: 2},
	pEnglish:       {name: "english", values: 2},
	pTitle:         {name: "like-a-headline", values: 4},
})

// passageEvidence returns the features of r, a reading of a candidate's passage. rule and learned are the units of the
// rules' passage and the model's.
func (rd *reading) passageEvidence(d *decisions, c *candidate, r passageReading, rule, learned []int) []uint16 {
	e := &evidenceList{set: passageFeatures, ids: make([]uint16, 0, 48)}
	e.add(pBias, 0)
	units := r.units
	origin := 0
	switch same := slices.Equal(rule, learned); {
	case same:
		origin = 1
	case r.isLearned && len(rule) == 0:
		origin = 2
	case r.isLearned:
		origin = 3
	case len(learned) > 0:
		origin = 4
	}
	e.add(pOrigin, origin)
	mark := rd.markOf(d, units)
	e.add(pMark, mark)
	first, last := units[0], units[len(units)-1]
	start, end := rd.passageStartKind(d, first), rd.passageEndKind(d, last)
	e.add(pStart, start)
	e.add(pEnd, end)
	e.add(pMarkStart, mark*6+start)
	e.add(pMarkEnd, mark*9+end)
	margin := d.labels.margin(first, labelPassage)
	if first > 0 {
		margin = min(margin, -d.labels.margin(first-1, labelPassage))
	}
	e.upTo(pStartMargin, marginBucket(margin))
	margin = d.labels.margin(last, labelPassage)
	if last+1 < len(d.units) {
		margin = min(margin, -d.labels.margin(last+1, labelPassage))
	}
	e.upTo(pEndMargin, marginBucket(margin))
	margin = maxMargin
	for _, i := range units {
		margin = min(margin, d.labels.margin(i, labelPassage))
	}
	e.upTo(pInnerMargin, marginBucket(margin))
	e.upTo(pUnits, bucket(len(units), 1, 3, 6, 12))
	e.upTo(pBlocks, bucket(d.units[last].block-d.units[first].block+1, 1, 2, 4, 8))
	e.bool(pElided, endNumber(rd.doc.blocks[d.units[last].block].toks[:d.units[last].hi]) == 1)
	e.bool(pCopied, c.source.copiedHeader)
	if last+1 < len(d.units) {
		v := rd.voiceOf(rd.doc.blocks[d.units[last+1].block], d.units[last+1].block == rd.lastProse).score
		e.upTo(pVoiceAfter, bucket(int(v*2), -6, -4, -2, 0, 2, 4))
	}
	e.bool(pMarks, rd.marksQuotations)
	e.bool(pRuleCertainty, len(rule) > 0)
	if u := &d.units[first]; len(units) == 1 && u.hi-u.lo <= 16 {
		b := rd.doc.blocks[u.block]
		e.add(pTitle, 1+caseNumber(rd.l, b, b.toks[u.lo:u.hi]))
	} else {
		e.add(pTitle, 0)
	}
	e.bool(pEnglish, rd.l.name == fallback)
	return e.ids
}

// passageStartKind returns what precedes the passage that begins with unit i.
func (rd *reading) passageStartKind(d *decisions, i int) int {
	if i == 0 {
		return 0
	}
	before := d.units[i-1]
	b := rd.doc.blocks[before.block]
	switch {
	case before.block == d.units[i].block:
		return 1
	case announces(b.toks[before.hi-1]):
		return 2
	case d.labels.best[i-1] == labelLead:
		return 3
	case d.labels.best[i-1] == labelOther:
		return 4
	default:
		return 5
	}
}

// passageEndKind returns what follows the passage that ends with unit i.
func (rd *reading) passageEndKind(d *decisions, i int) int {
	if i+1 == len(d.units) {
		return 0
	}
	u, after := &d.units[i], &d.units[i+1]
	a, b := rd.doc.blocks[u.block], rd.doc.blocks[after.block]
	switch label := d.labels.best[i+1]; {
	case after.block == u.block:
		return 1
	case a.quotation != nil && b.quotation != a.quotation:
		return 2
	case isHeading(b.elem):
		return 3
	case label == labelTail:
		return 4
	case label == labelOther && after.block > rd.lastProse:
		return 5
	case label == labelOther:
		return 6
	case label == labelLead:
		return 7
	default:
		return 8
	}
}
