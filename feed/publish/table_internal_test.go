package publish

import (
	"testing"

	"feedpub/feed/intake"
	"feedpub/feed/render"
)

// TestGenerations checks that the generation of the tables used to read credits increases by at most one with each
// rendering version, and that the newest version has the newest generation.
func TestGenerations(t *testing.T) {
	last := 0
	for version := render.Oldest; version <= render.Version+1; version++ {
		n := generationAt(version)
		if n < last || n > last+1 {
			t.Errorf("generation of rendering version %d is %d, want %d or %d", version, n, last, last+1)
		}
		last = n
	}
	if got := generationAt(render.Version); got != intake.Generation {
		t.Errorf("generation of the newest rendering version is %d, want %d", got, intake.Generation)
	}
}
