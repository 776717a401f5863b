package attribution

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"feedpub/feed"
)

// modelData is the built-in model, trained by deploy/train.
//
//go:embed model.txt
var modelData string

// The labels of units.
const (
	labelOwn     = iota // the author's own words
	labelLead           // names the source of the passage after it
	labelTail           // names the source of the passage before it
	labelMention        // names a source without a passage
	labelPassage        // quoted words
	labelOther          // boilerplate, titles, vias and dates of the post
	unitLabels
)

// UnitLabels lists the names of unit labels, by number.
var UnitLabels = []string{"own", "lead", "tail", "mention", "passage", "other"}

// The labels of the tokens of a credit. A field's first token has the field's label, and its other tokens have that
// label plus one.
const (
	labelNone        = 0
	labelPublication = 1
	labelHeadline    = 3
	labelAuthor      = 5
	labelDate        = 7
	labelVia         = 9
	tokenLabels      = 11
)

// TokenLabels lists the names of token labels, by number.
var TokenLabels = []string{"none", "publication", "publication+", "headline", "headline+", "author", "author+", "date",
	"date+", "via", "via+"}

// Model holds the trained weights that a [Reader] uses. It is immutable.
type Model struct {
	units, tokens *sequence
	// source and passage determine the certainty of a reading of a source and of a passage, and verdict that of a source
	// as it would be published.
	source, passage, verdict forest
	// limits holds the minimum certainties, in hundredths, for publishing a passage: the first is for passages that the
	// model found, the second for those that the rules found.
	limits []int32
}

// The sections of a model file.
const (
	sectionUnits   = "units"
	sectionTokens  = "tokens"
	sectionSource  = "source"
	sectionPassage = "passage"
	sectionVerdict = "verdict"
	sectionLimits  = "limits"
)

// treeSections lists the sections that consist of trees.
var treeSections = [...]string{sectionSource, sectionPassage, sectionVerdict}

// newSequence returns a sequence model whose weights are all zero.
func newSequence(labels, contexts int, features *featureSet) *sequence {
	s := &sequence{labels: labels, features: features}
	s.own = make([]int32, features.size*labels)
	s.previous = make([]int32, features.size*labels)
	s.next = make([]int32, features.size*labels)
	for range contexts {
		s.change = append(s.change, make([]int32, labels*labels))
	}
	return s
}

// defaultPassageLimit is the limit for models whose file does not specify one.
const defaultPassageLimit = 90

// NewModel returns a model whose weights are all zero.
func NewModel() *Model {
	return &Model{
		units:   newSequence(unitLabels, borders, unitFeatures),
		tokens:  newSequence(tokenLabels, 1, tokenFeatures),
		source:  forest{set: sourceFeatures},
		passage: forest{set: passageFeatures},
		verdict: forest{set: verdictFeatures},
		limits:  []int32{defaultPassageLimit, defaultPassageLimit},
	}
}

// forestOf returns the forest of a section, or nil if the section contains none.
func (m *Model) forestOf(section string) *forest {
	switch section {
	case sectionSource:
		return &m.source
	case sectionPassage:
		return &m.passage
	case sectionVerdict:
		return &m.verdict
	default:
		return nil
	}
}

// rows calls yield with each row of weights of the sequence models and the limits: its section, its name and the
// weights.
func (m *Model) rows(yield func(section, name string, weights []int32)) {
	for _, s := range []struct {
		section string
		seq     *sequence
	}{{sectionUnits, m.units}, {sectionTokens, m.tokens}} {
		L := s.seq.labels
		for id := range s.seq.features.size {
			name := s.seq.features.name(id)
			yield(s.section, name, s.seq.own[id*L:id*L+L])
			yield(s.section, "previous."+name, s.seq.previous[id*L:id*L+L])
			yield(s.section, "next."+name, s.seq.next[id*L:id*L+L])
		}
		for c, w := range s.seq.change {
			for y := range L {
				yield(s.section, fmt.Sprintf("change=%d,%d", c, y), w[y*L:y*L+L])
			}
		}
	}
	yield(sectionLimits, "passage", m.limits)
}

// WriteTo writes the model as text: for each feature of a sequence model with a nonzero weight, a line with its
// section, its name and its weight for each label, and for each tree, a line with its section, its features and the
// weights of its leaves.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	var b []byte
	m.rows(func(section, name string, weights []int32) {
		if !slices.ContainsFunc(weights, func(v int32) bool { return v != 0 }) {
			return
		}
		b = append(append(append(b, section...), ' '), name...)
		for _, v := range weights {
			b = strconv.AppendInt(append(b, ' '), int64(v), 10)
		}
		b = append(b, '\n')
	})
	for _, section := range treeSections {
		b = m.forestOf(section).appendTo(b, section)
	}
	n, err := w.Write(b)
	return int64(n), err
}

// maxWeight bounds the weights of a model. The sum of the weights of a unit's features and of the near features of its
// neighbors, of which there are at most 340, must be below packLimit.
const maxWeight = 3_000

// ReadModel reads a model that [Model.WriteTo] wrote. The error is of kind [feed.ErrInvalid] if a line is malformed or
// names a feature that this version does not have, or if the trees of a section are missing.
func ReadModel(r io.Reader) (*Model, error) {
	m := NewModel()
	rows := make(map[string][]int32)
	m.rows(func(section, name string, weights []int32) { rows[section+" "+name] = weights })
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 3 {
			return nil, fmt.Errorf("model: line %d: want a section, a feature and weights: %w", n, feed.ErrInvalid)
		}
		if trees := m.forestOf(f[0]); trees != nil {
			if err := trees.read(f[1:]); err != nil {
				return nil, fmt.Errorf("model: line %d: %w", n, err)
			}
			continue
		}
		row := rows[f[0]+" "+f[1]]
		if row == nil {
			return nil, fmt.Errorf("model: line %d: unknown feature %q: train the model again with this version: %w", n,
				f[0]+" "+f[1], feed.ErrInvalid)
		}
		if len(f)-2 != len(row) {
			return nil, fmt.Errorf("model: line %d: %d weights, want %d: %w", n, len(f)-2, len(row), feed.ErrInvalid)
		}
		for i, s := range f[2:] {
			v, err := readWeight(s)
			if err != nil {
				return nil, fmt.Errorf("model: line %d: %w", n, err)
			}
			row[i] = v
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	for _, section := range treeSections {
		if len(m.forestOf(section).trees) == 0 {
			return nil, fmt.Errorf("model: no trees for %q: train the model again with this version: %w", section, feed.ErrInvalid)
		}
	}
	return m, nil
}

// readWeight reads a weight.
func readWeight(s string) (int32, error) {
	v, err := strconv.Atoi(s)
	if err != nil || v > maxWeight || v < -maxWeight {
		return 0, fmt.Errorf("weight %q: want an integer from -%d to %d: %w", s, maxWeight, maxWeight, feed.ErrInvalid)
	}
	return int32(v), nil
}
