package attribution

import (
	"math/bits"
	"slices"
)

// The feature templates for a verdict, which follow those for a source.
const (
	vCertainty = iota + sTemplates
	vPassage
	vPassageCertainty
	vDoubt
	vDoubts
	vForm
	vForms
	vKind
	vMembers
	vName
	vOthers
	vFormsDoubts
	vNameDoubts
	vCertaintyDoubts
	vList
)

// maxCounted is the maximum number of doubts that is a feature, and maxForms that of forms.
const maxCounted, maxForms = 4, 2

// verdictFeatures numbers the features that determine whether a source is published.
var verdictFeatures = newFeatureSet(append(slices.Clone(sourceFeatures.templates), []template{
	{name: "certainty", values: 20},
	{name: "has-passage", values: 3},
	{name: "passage-certainty", values: 8},
	{name: "doubt", values: int(doubtCount)},
	{name: "doubts", values: maxCounted + 1},
	{name: "form", values: int(formCount)},
	{name: "forms", values: maxForms + 1},
	{name: "kind", values: len(kinds)},
	{name: "members", values: 16},
	{name: "final-name", values: 3},
	{name: "certain-others", values: 4},
	{name: "forms-and-doubts", values: (maxForms + 1) * (maxCounted + 1)},
	{name: "final-name-and-doubts", values: 3 * (maxCounted + 1)},
	{name: "certainty-and-doubts", values: 20 * 2},
	{name: "list", values: 5},
}...))

// kinds lists the kinds of quotes, numbered by index.
var kinds = []Kind{Excerpt, Summary, HeadlineOnly, Nested, Tweet, Reblog}

// judge sets the verdict on candidate c, whose source is as it would be published. all holds all candidates of the
// post.
func (rd *reading) judge(c *candidate, all []*candidate) {
	evidence := rd.verdictEvidence(c, all)
	c.verdict = rd.r.model.verdict.certainty(evidence, 0)
	if rd.examined != nil {
		q := rd.newQuote(c)
		*rd.examined = append(*rd.examined, ExaminedVerdict{q.Source, q.Text, evidence})
	}
}

// verdictEvidence returns the features of the verdict on c: those of the chosen reading of its source, its certainties,
// doubts and forms, and the members of the source after all corrections.
func (rd *reading) verdictEvidence(c *candidate, all []*candidate) []uint16 {
	s := c.source
	e := &evidenceList{set: verdictFeatures, ids: c.chosenEvidence()}
	level := bucket(c.certainty, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 93, 96)
	e.upTo(vCertainty, level)
	passage := 0
	switch {
	case len(s.passages) > 0:
		passage = 1
	case len(c.passage.units) > 0: // it was not certain
		passage = 2
	}
	e.add(vPassage, passage)
	if passage > 0 {
		e.upTo(vPassageCertainty, bucket(c.passageCertain, 30, 50, 70, 80, 90, 95, 98))
	}
	about := c.doubts | rd.doubtsAbout(s)
	for x := range doubtCount {
		if about.has(x) {
			e.add(vDoubt, int(x))
		}
	}
	for _, x := range c.forms {
		e.add(vForm, int(x))
	}
	doubts, forms, name := min(bits.OnesCount32(uint32(about)), maxCounted), min(len(c.forms), maxForms), s.pub.status()
	e.upTo(vDoubts, doubts)
	e.upTo(vForms, forms)
	e.add(vKind, slices.Index(kinds, s.kind))
	e.add(vMembers, s.members())
	e.add(vName, name)
	e.upTo(vOthers, min(otherCertain(c, all), 3))
	e.add(vFormsDoubts, forms*(maxCounted+1)+doubts)
	e.add(vNameDoubts, name*(maxCounted+1)+doubts)
	e.add(vCertaintyDoubts, level*2+min(doubts, 1))
	if at := rd.creditBlock(s); at >= 0 && rd.doc.blocks[at].list {
		e.upTo(vList, 1+bucket(rd.listLength(), 5, 15, 40))
	} else {
		e.add(vList, 0)
	}
	return e.ids
}

// listLength returns the number of list items of the post.
func (rd *reading) listLength() int {
	if rd.listItems < 0 {
		rd.listItems = 0
		for _, b := range rd.doc.blocks {
			if b.list {
				rd.listItems++
			}
		}
	}
	return rd.listItems
}

// chosenEvidence returns the features of the chosen reading of the source, in memory of their own.
func (c *candidate) chosenEvidence() []uint16 {
	for _, r := range c.sources {
		if r.source == c.source {
			return slices.Clone(r.evidence)
		}
	}
	return []uint16{sourceFeatures.id(sBias, 0)}
}

// members returns the set of the members of the source other than its publication, as a number.
func (s *source) members() int {
	n := 0
	for k, ok := range [...]bool{s.headline != "", len(s.authors) > 0, s.date.month != 0, s.url != ""} {
		if ok {
			n |= 1 << k
		}
	}
	return n
}

// status returns 0 if there is no publication, 1 if it is unknown, and 2 if it is known.
func (p publisher) status() int {
	switch {
	case p.known != nil:
		return 2
	case p.name != "":
		return 1
	default:
		return 0
	}
}

// certainOther is the certainty, in hundredths, from which otherCertain counts a candidate.
const certainOther = 80

// otherCertain returns the number of candidates other than c that are certain, among the first of all candidates.
func otherCertain(c *candidate, all []*candidate) int {
	n := 0
	for _, o := range all[:min(len(all), maxRivals)] {
		if o != c && o.certainty >= certainOther {
			n++
		}
	}
	return n
}
