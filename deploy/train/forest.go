package main

import (
	"math"
	"slices"

	"feedpub/feed/attribution"
)

// sample is a training example for a certainty.
type sample struct {
	features []uint16
	right    bool
	fold     int
	weight   float64
}

// The parameters of the trees, which were chosen by cross-validation.
const (
	treeCount   = 200
	treeRate    = 0.1 // the share of the best step that each tree takes
	leafPenalty = 3   // regularization of the leaves
)

// booster fits trees to samples one after another, each to what those before it leave unexplained: gradient boosting of
// the logistic loss, with trees that test the same feature in all nodes of a level.
type booster struct {
	samples  []sample
	size     int           // number of features
	score    []float64     // by sample: sum of the trees' weights
	gradient []derivatives // by sample
	leaf     []int         // by sample: its leaf in the current tree
	sums     []derivatives // by leaf and feature
	totals   []derivatives // by leaf
}

// derivatives holds the first derivative of the loss, negated, and the second one.
type derivatives struct{ first, second float64 }

func (g *derivatives) add(o derivatives) {
	g.first += o.first
	g.second += o.second
}

// gain returns by how much a leaf whose samples have these derivatives reduces the loss, up to a constant factor.
func (g derivatives) gain() float64 { return g.first * g.first / (g.second + leafPenalty) }

// boost returns trees for the samples outside a fold.
func boost(samples []sample, section attribution.Section, without int) []attribution.Tree {
	samples = slices.DeleteFunc(slices.Clone(samples), func(s sample) bool { return s.fold == without })
	n, leaves := len(samples), 1<<attribution.TreeDepth
	b := &booster{samples: samples, size: section.Features(), score: make([]float64, n), gradient: make([]derivatives, n),
		leaf: make([]int, n), totals: make([]derivatives, leaves)}
	b.sums = make([]derivatives, b.size*leaves)
	trees := make([]attribution.Tree, treeCount)
	for i := range trees {
		b.fit(&trees[i])
	}
	return trees
}

// fit fits the next tree.
func (b *booster) fit(t *attribution.Tree) {
	for i, s := range b.samples {
		p := 1 / (1 + math.Exp(-b.score[i]))
		b.gradient[i] = derivatives{-p * s.weight, p * (1 - p) * s.weight}
		if s.right {
			b.gradient[i].first += s.weight
		}
		b.leaf[i] = 0
	}
	for k := range t.Features {
		t.Features[k] = b.bestFeature(1 << k)
		for i, s := range b.samples {
			if slices.Contains(s.features, t.Features[k]) {
				b.leaf[i] |= 1 << k
			}
		}
	}
	clear(b.totals)
	for i := range b.samples {
		b.totals[b.leaf[i]].add(b.gradient[i])
	}
	for l, g := range b.totals {
		t.Leaves[l] = int32(math.Round(100 * treeRate * g.first / (g.second + leafPenalty)))
	}
	for i := range b.samples {
		b.score[i] += float64(t.Leaves[b.leaf[i]]) / 100
	}
}

// bestFeature returns the feature that divides the samples best if it divides each of the current leaves.
func (b *booster) bestFeature(leaves int) uint16 {
	clear(b.sums)
	clear(b.totals)
	for i, s := range b.samples {
		b.totals[b.leaf[i]].add(b.gradient[i])
		for _, id := range s.features {
			b.sums[b.leaf[i]*b.size+int(id)].add(b.gradient[i])
		}
	}
	best, most := 0, -1.0
	for id := range b.size {
		gain := 0.0
		for l := range leaves {
			with := b.sums[l*b.size+id]
			without := derivatives{b.totals[l].first - with.first, b.totals[l].second - with.second}
			gain += with.gain() + without.gain()
		}
		if gain > most+1e-9 { // of equal features, the first, whatever the order of the additions
			best, most = id, gain
		}
	}
	return uint16(best)
}
