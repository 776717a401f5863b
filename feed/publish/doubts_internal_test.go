package publish

import (
	"testing"

	"feedpub/feed"
)

// TestDoubts checks that only suggestions that are likely enough are a problem.
func TestDoubts(t *testing.T) {
	quote := func(name string, confidence float64) feed.Quote {
		return feed.Quote{Source: feed.Source{Publication: name}, Confidence: confidence}
	}
	const want = "sources left out because their confidence is too low: The Bugle (confidence 0.15); The Lantern (confidence 0.60)"
	if got := doubts([]feed.Quote{quote("The Bugle", 0.15), quote("The Quay", 0.14), quote("The Lantern", 0.6)}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := doubts([]feed.Quote{quote("The Quay", 0.05)}); got != "" {
		t.Errorf("unlikely suggestions: got %q, want none", got)
	}
}
