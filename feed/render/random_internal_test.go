//go:build !race

// The race detector would find nothing in these tests, which use one goroutine, and make them ten times slower.
// "make test" runs this file without it.

package render

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestFragmentRandom checks the fragments of random items.
func TestFragmentRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		checkAgainstOracle(t, arbitraryItem(rng), Variant{Fraction: time.Duration(rng.IntN(2)) * time.Microsecond})
		if t.Failed() {
			return
		}
	}
}
