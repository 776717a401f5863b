package attribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestForest checks the certainties of a random forest against a sum over its trees, and that the forest is the same
// after writing and reading.
func TestForest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := forest{set: verdictFeatures}
	for range 40 {
		var x Tree
		for k := range x.Features {
			x.Features[k] = uint16(rng.IntN(f.set.size))
		}
		for k := range x.Leaves {
			x.Leaves[k] = int32(rng.IntN(41) - 20)
		}
		f.trees = append(f.trees, x)
	}
	read := forest{set: verdictFeatures}
	for line := range strings.Lines(string(f.appendTo(nil, sectionVerdict))) {
		if err := read.read(strings.Fields(line)[1:]); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(read.trees, f.trees) {
		t.Fatal("the forest is different after writing and reading")
	}
	for range 200 {
		var features []uint16
		for range 600 {
			features = append(features, uint16(rng.IntN(f.set.size)))
		}
		handicap := rng.IntN(200)
		sum := -handicap
		for _, x := range f.trees {
			leaf := 0
			for k, id := range x.Features {
				if slices.Contains(features, id) {
					leaf += int(math.Pow(2, float64(k)))
				}
			}
			sum += int(x.Leaves[leaf])
		}
		want := min(max(int(math.Round(100/(1+math.Exp(-float64(sum)/100)))), 1), 99)
		if got := f.certainty(features, handicap); got != want {
			t.Errorf("certainty %d, want %d", got, want)
		}
	}
}

// TestFeatureCount checks that the features of each forest fit into the set that certainty uses.
func TestFeatureCount(t *testing.T) {
	for _, s := range []*featureSet{sourceFeatures, passageFeatures, verdictFeatures} {
		if s.size > maxFeatures {
			t.Errorf("%d features, want at most %d", s.size, maxFeatures)
		}
	}
}
