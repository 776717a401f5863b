package attribution

import (
	"fmt"
	"slices"
	"strings"

	"feedpub/feed"
)

// Examination shows how a post was read, for deploy/train to learn from. The caller owns its contents.
type Examination struct {
	// Units are the parts of the post that the model labels, in order.
	Units []ExaminedUnit
	// Candidates are the sources that were found, published or not.
	Candidates []ExaminedCandidate

	rd *reading
	d  *decisions
}

// ExaminedUnit is a unit of a post.
type ExaminedUnit struct {
	Block int    // index of the block
	Text  string // plain text
	// Features lists the numbers of the unit's features, and Near lists those that also affect the labels of its
	// neighbors.
	Features, Near []uint16
	Border         uint8 // kind of the border before the unit
	Heading        bool  // the unit is in a heading
	Label          int   // the label that the model assigns
	Links          []string
}

// ExaminedToken is a token of a unit.
type ExaminedToken struct {
	Text           string
	Features, Near []uint16
	Date           string // date that begins at the token, as YYYY-MM-DD or 0000-MM-DD, or empty
	DateTokens     int    // number of tokens of the date
}

// ExaminedCandidate is a candidate source with its evidence.
type ExaminedCandidate struct {
	// Sources and Passages are the possible readings of the candidate's names and of its passage.
	Sources    []ExaminedSource
	Passages   []ExaminedPassage
	Origin     string // rule, model or both
	Convention string
	Kind       Kind
	Certainty  float64 // probability that the chosen source is correct
	Chosen     feed.Source
}

// ExaminedSource is a reading of the names of a source.
type ExaminedSource struct {
	Source   feed.Source
	Evidence []uint16
}

// ExaminedPassage is a reading of a passage.
type ExaminedPassage struct {
	Text     string
	Learned  bool // the model found it
	Mark     int  // how it is marked: 0 not at all, 1 partly, 2 by quotation marks, 3 by elements
	Copied   bool // a byline, date or dateline was copied with it
	Evidence []uint16
}

// Examine reads a post like [Reader.Read], and returns the evidence instead of the result.
func (r *Reader) Examine(in Input) *Examination {
	rd := r.readRules(in, &scratch{})
	rd.prepareSources()
	x := &Examination{rd: rd}
	x.d = rd.decide()
	if x.d == nil {
		return x
	}
	rd.scratch = &scratch{} // the evidence outlives the reading, so it needs memory of its own
	rd.listAll = true
	features, contexts := rd.evidence(x.d.units)
	for i := range x.d.units {
		u := &x.d.units[i]
		b := rd.doc.blocks[u.block]
		one := ExaminedUnit{Block: u.block, Text: b.slice(u.span), Features: features.of(i),
			Near: features.nearOf(unitFeatures, i), Border: contexts[i], Heading: isHeading(b.elem), Label: int(x.d.labels.best[i])}
		for _, run := range b.runs {
			if run.kind == runLink && run.start < b.toks[u.hi-1].end && run.end > b.toks[u.lo].start {
				one.Links = append(one.Links, run.value)
			}
		}
		x.Units = append(x.Units, one)
	}
	for _, c := range rd.candidates(x.d) {
		if c.rule == nil && (rd.isOwnBlog(c.source) || !rd.isSource(c.source)) {
			continue
		}
		x.Candidates = append(x.Candidates, x.candidate(c))
	}
	return x
}

func (x *Examination) candidate(c *candidate) ExaminedCandidate {
	out := ExaminedCandidate{Origin: "both", Convention: c.source.convention, Kind: c.source.kind,
		Certainty: float64(c.certainty) / 100, Chosen: x.rd.newQuote(c).Source}
	switch {
	case c.rule == nil:
		out.Origin = "model"
	case c.learned == nil:
		out.Origin = "rule"
	}
	for _, r := range c.sources {
		one := *c
		one.source = r.source
		source := x.rd.newQuote(&one).Source
		source.Publication = r.source.pub.name // the name as written in the post, which is what the labels contain
		out.Sources = append(out.Sources, ExaminedSource{Source: source, Evidence: r.evidence})
	}
	for _, r := range c.passages {
		s := *c.source
		if r.isLearned {
			s.passages, s.passageBlocks, s.inline = nil, nil, false
			x.rd.takePassage(x.d, &candidate{source: &s, passage: r})
		}
		out.Passages = append(out.Passages, ExaminedPassage{Text: strings.Join(s.passages, "\n\n"), Evidence: r.evidence,
			Learned: r.isLearned, Mark: x.rd.markOf(x.d, r.units), Copied: c.source.copiedHeader})
	}
	return out
}

// Tokens returns the tokens of unit i, with the features that they have if the unit has the given label.
func (x *Examination) Tokens(i, label int) []ExaminedToken {
	u := &x.d.units[i]
	b := x.rd.doc.blocks[u.block]
	s := creditTokens(u, label)
	x.rd.scratch = &scratch{} // the evidence outlives the reading, so it needs memory of its own
	features := x.rd.tokenEvidence(u, s, label)
	out := make([]ExaminedToken, 0, features.len())
	for k := range features.len() {
		t := ExaminedToken{Text: b.slice(span{s.lo + k, s.lo + k + 1}), Features: features.of(k),
			Near: features.nearOf(tokenFeatures, k)}
		if end, d := x.rd.l.date(b.text, b.toks[:s.hi], s.lo+k); end > 0 {
			t.Date, t.DateTokens = fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day), end-s.lo-k
		}
		out = append(out, t)
	}
	return out
}

// Shape describes the sequence models of this version: the number of labels, features and contexts.
type Shape struct{ Labels, Features, Contexts int }

// UnitShape returns the shape of the unit model.
func UnitShape() Shape { return Shape{unitLabels, unitFeatures.size, borders} }

// TokenShape returns the shape of the token model.
func TokenShape() Shape { return Shape{tokenLabels, tokenFeatures.size, 1} }

// Section is a section of a model that consists of trees.
type Section string

// The sections of trees.
const (
	SourceSection  Section = sectionSource  // the certainty of a reading of the names in a credit
	PassageSection Section = sectionPassage // the certainty of a reading of a passage
	VerdictSection Section = sectionVerdict // the certainty of a source as it would be published
)

// Features returns the number of features of the section's trees.
func (s Section) Features() int { return NewModel().forestOf(string(s)).set.size }

// WithTrees returns a copy of the model with the given trees in a section.
func (m *Model) WithTrees(s Section, trees []Tree) *Model {
	c := *m
	c.forestOf(string(s)).trees = slices.Clone(trees)
	return &c
}

// ExaminedVerdict is a source as it would be published, with the evidence for the verdict on it.
type ExaminedVerdict struct {
	Source   feed.Source
	Text     string // the passage, or empty
	Evidence []uint16
}

// Verdicts reads a post like [Reader.Read] and returns the sources on which there is a verdict, published or not.
func (r *Reader) Verdicts(in Input) []ExaminedVerdict {
	rd := r.readRules(in, &scratch{})
	var list []ExaminedVerdict
	rd.examined = &list
	rd.result()
	return list
}

// Weights holds the weights of a sequence model, in hundredths. Own, Previous and Next are indexed by feature and
// label, for the features of the item itself, the previous item and the next item. Change holds, for each context, the
// weights of the pairs of consecutive labels.
type Weights struct {
	Own, Previous, Next []int32
	Change              [][]int32
}

// With returns a copy of the model with the given weights of the sequence models.
func (m *Model) With(units, tokens *Weights) *Model {
	c := *m
	set := func(s *sequence, w *Weights) *sequence {
		n := *s
		n.own, n.previous, n.next, n.change = w.Own, w.Previous, w.Next, w.Change
		return &n
	}
	c.units, c.tokens = set(m.units, units), set(m.tokens, tokens)
	return &c
}

// FromRules reports whether a feature depends on what the rules found. id is the number of a unit feature if units is
// set, and of a token feature otherwise. In posts that the rules were written for, training ignores such features.
func FromRules(id uint16, units bool) bool {
	set, templates := tokenFeatures, []int{kRule, kField}
	if units {
		set, templates = unitFeatures, []int{uRole, uRoleKind, uRule, uRuleWeight}
	}
	for _, t := range templates {
		if set.templateOf(int(id)) == t {
			return true
		}
	}
	return false
}

// WithPassageLimits returns a copy of the model with the given minimum certainties, in hundredths, for publishing
// passages that the model found and passages that the rules found.
func (m *Model) WithPassageLimits(model, rules int) *Model {
	c := *m
	c.limits = []int32{int32(model), int32(rules)}
	return &c
}
