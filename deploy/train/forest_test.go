package main

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"feedpub/feed/attribution"
)

// logOdds returns the sum of the weights that the trees select for the features.
func logOdds(trees []attribution.Tree, features []uint16) float64 {
	has := map[uint16]bool{}
	for _, id := range features {
		has[id] = true
	}
	sum := 0
	for _, t := range trees {
		leaf := 0
		for k, id := range t.Features {
			if has[id] {
				leaf += 1 << k
			}
		}
		sum += int(t.Leaves[leaf])
	}
	return float64(sum) / 100
}

// TestBoost checks that trees learn what no sum of weights can: that exactly one of two features is present. They must
// ignore the samples of the fold that is left out, and be the same each time.
func TestBoost(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var samples []sample
	for i := range 400 {
		a, b := rng.IntN(2) == 1, rng.IntN(2) == 1
		s := sample{features: []uint16{0}, right: a != b, fold: i % 2, weight: 1}
		if a {
			s.features = append(s.features, 7)
		}
		if b {
			s.features = append(s.features, 9)
		}
		for range 3 {
			s.features = append(s.features, uint16(20+rng.IntN(30))) // noise
		}
		if s.fold == 1 {
			s.right = !s.right
		}
		samples = append(samples, s)
	}
	trees := boost(samples, attribution.VerdictSection, 1)
	for _, tt := range []struct {
		features []uint16
		right    bool
	}{{[]uint16{0}, false}, {[]uint16{0, 7}, true}, {[]uint16{0, 9}, true}, {[]uint16{0, 7, 9}, false}} {
		if got := logOdds(trees, tt.features); (got > 0) != tt.right || math.Abs(got) < 1 {
			t.Errorf("log-odds for %v: %v, want right = %v with at least 1", tt.features, got, tt.right)
		}
	}
	if again := boost(samples, attribution.VerdictSection, 1); !reflect.DeepEqual(again, trees) {
		t.Error("the trees are different the second time")
	}
}

// TestBoostWeights checks that the weight of a sample counts.
func TestBoostWeights(t *testing.T) {
	samples := []sample{{features: []uint16{0}, right: true, weight: 3}, {features: []uint16{0}, weight: 1}}
	if got := logOdds(boost(samples, attribution.PassageSection, noFold), []uint16{0}); got < 0.3 || got > math.Log(3) {
		t.Errorf("log-odds of 3 to 1: %v, want 0.3 to %v", got, math.Log(3))
	}
}

// TestFirstTree checks the first tree against a calculation by hand. All scores are 0, so a sample of weight w has the
// derivatives w/2 or -w/2 and w/4.
func TestFirstTree(t *testing.T) {
	samples := []sample{{features: []uint16{0}, weight: 2}}
	for range 3 {
		samples = append(samples, sample{features: []uint16{0, 7}, right: true, weight: 1})
	}
	first := boost(samples, attribution.PassageSection, noFold)[:1]
	for _, tt := range []struct {
		features []uint16
		want     float64
	}{{[]uint16{0, 7}, 0.04 /* 0.1*1.5/(0.75+3) */}, {[]uint16{0}, -0.03 /* -0.1*1/(0.5+3) */}} {
		if got := logOdds(first, tt.features); got != tt.want {
			t.Errorf("log-odds of %v: %v, want %v", tt.features, got, tt.want)
		}
	}
}
