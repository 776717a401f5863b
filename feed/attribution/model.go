package attribution

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"math"
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
	units, tokens   *sequence
	source, passage []int32 // weights for the certainty of a source and of a passage, by feature
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
	sectionLimits  = "limits"
)

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
		source:  make([]int32, sourceFeatures.size),
		passage: make([]int32, passageFeatures.size),
		limits:  []int32{defaultPassageLimit, defaultPassageLimit},
	}
}

// rows calls yield with each of the model's rows of weights: its section, its name and the weights.
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
	for id := range m.source {
		yield(sectionSource, sourceFeatures.name(id), m.source[id:id+1])
	}
	for id := range m.passage {
		yield(sectionPassage, passageFeatures.name(id), m.passage[id:id+1])
	}
	yield(sectionLimits, "passage", m.limits)
}

// WriteTo writes the model as text: for each feature with a nonzero weight, a line with its section, its name and its
// weight for each label.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	m.rows(func(section, name string, weights []int32) {
		if !slices.ContainsFunc(weights, func(v int32) bool { return v != 0 }) {
			return
		}
		b.WriteString(section + " " + name)
		for _, v := range weights {
			b.WriteString(" " + strconv.Itoa(int(v)))
		}
		b.WriteByte('\n')
	})
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// maxWeight bounds the weights of a model. The sum of the weights of a unit's features and of the near features of its
// neighbors, of which there are at most 340, must be below packLimit.
const maxWeight = 3_000

// ReadModel reads a model that [Model.WriteTo] wrote. The error is of kind [feed.ErrInvalid] if a line is malformed or
// names a feature that this version does not have.
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
		row := rows[f[0]+" "+f[1]]
		if row == nil {
			return nil, fmt.Errorf("model: line %d: unknown feature %q: train the model again with this version: %w", n,
				f[0]+" "+f[1], feed.ErrInvalid)
		}
		if len(f)-2 != len(row) {
			return nil, fmt.Errorf("model: line %d: %d weights, want %d: %w", n, len(f)-2, len(row), feed.ErrInvalid)
		}
		for i, s := range f[2:] {
			v, err := strconv.Atoi(s)
			if err != nil || v > maxWeight || v < -maxWeight {
				return nil, fmt.Errorf("model: line %d: weight %q: want an integer from -%d to %d: %w", n, s, maxWeight,
					maxWeight, feed.ErrInvalid)
			}
			row[i] = int32(v)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return m, nil
}

// maxCertainty is the maximum certainty, in hundredths.
const maxCertainty = 99

// certaintyOf returns the probability, in hundredths from 1 to 99, for the sum of the features' weights minus a
// handicap in weight units.
func certaintyOf(weights []int32, features []uint16, handicap int) int {
	sum := -handicap
	for _, id := range features {
		sum += int(weights[id])
	}
	p := math.Round(100 / (1 + math.Exp(-float64(sum)/weightUnit)))
	return int(min(max(p, 1), maxCertainty))
}
