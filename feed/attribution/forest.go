package attribution

import (
	"fmt"
	"math"
	"strconv"

	"feedpub/feed"
)

// TreeDepth is the number of features that a tree tests.
const TreeDepth = 5

// Tree is a decision tree that tests the same features in the same order on every path, so that the results of the
// tests are the bits of the index of a leaf.
type Tree struct {
	Features [TreeDepth]uint16
	Leaves   [1 << TreeDepth]int32 // weights, in hundredths; bit k of the index is set if Features[k] is present
}

// forest gives the probability that a source or a passage is correct: its log-odds are the sum of the weights that the
// trees select. Weights are integers, so that the result is the same on every machine.
type forest struct {
	set   *featureSet
	trees []Tree
}

// maxFeatures is the maximum number of features of a forest.
const maxFeatures = 4096

// maxCertainty is the maximum certainty, in hundredths.
const maxCertainty = 99

// certainty returns the probability, in hundredths from 1 to 99, for the features. handicap is subtracted from the
// log-odds, in weight units.
func (f *forest) certainty(features []uint16, handicap int) int {
	var present [maxFeatures / 64]uint64
	for _, id := range features {
		present[id/64] |= 1 << (id % 64)
	}
	sum := -handicap
	for i := range f.trees {
		t := &f.trees[i]
		leaf := 0
		for k, id := range t.Features {
			leaf |= int(present[id/64]>>(id%64)&1) << k
		}
		sum += int(t.Leaves[leaf])
	}
	p := math.Round(100 / (1 + math.Exp(-float64(sum)/weightUnit)))
	return int(min(max(p, 1), maxCertainty))
}

// appendTo appends the forest as text: for each tree, a line with the section, the names of the features and the
// weights of the leaves.
func (f *forest) appendTo(b []byte, section string) []byte {
	for i := range f.trees {
		t := &f.trees[i]
		b = append(b, section...)
		for _, id := range t.Features {
			b = append(append(b, ' '), f.set.name(int(id))...)
		}
		for _, w := range t.Leaves {
			b = strconv.AppendInt(append(b, ' '), int64(w), 10)
		}
		b = append(b, '\n')
	}
	return b
}

// read adds the tree in the fields of a line, without the section.
func (f *forest) read(fields []string) error {
	if want := TreeDepth + 1<<TreeDepth; len(fields) != want {
		return fmt.Errorf("%d features and weights, want %d: train the model again with this version: %w", len(fields), want, feed.ErrInvalid)
	}
	var t Tree
	for k := range t.Features {
		id, ok := f.set.number(fields[k])
		if !ok {
			return fmt.Errorf("unknown feature %q: train the model again with this version: %w", fields[k], feed.ErrInvalid)
		}
		t.Features[k] = id
	}
	for k := range t.Leaves {
		v, err := readWeight(fields[TreeDepth+k])
		if err != nil {
			return err
		}
		t.Leaves[k] = v
	}
	f.trees = append(f.trees, t)
	return nil
}
