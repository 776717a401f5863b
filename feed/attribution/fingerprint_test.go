package attribution_test

import (
	"testing"

	"feedpub/feed/attribution"
)

// TestFingerprint checks that readers have the same fingerprint if and only if they have the same options.
func TestFingerprint(t *testing.T) {
	options := []attribution.Options{
		{},
		{Threshold: 0.8},
		{RulesOnly: true},
		{Model: attribution.NewModel()},
		{Publications: []attribution.Publication{{Name: "The Daily Example"}}},
		{Publications: []attribution.Publication{{Name: "The Daily Example", Aliases: []string{"Example"}}}},
	}
	seen := map[string]int{}
	for i, o := range options {
		for range 2 {
			r, err := attribution.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if j, ok := seen[r.Fingerprint()]; ok && j != i {
				t.Errorf("readers with %+v and %+v have the same fingerprint, want different ones", options[j], o)
			}
			seen[r.Fingerprint()] = i
		}
	}
	if len(seen) != len(options) {
		t.Errorf("got %[1]d fingerprints for %[2]d different options, want %[2]d", len(seen), len(options))
	}
}
