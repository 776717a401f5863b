package attribution_test

import (
	"testing"

	"feedpub/feed/attribution"
)

func TestFingerprintTellsReadersApart(t *testing.T) {
	options := []attribution.Options{
		{},
		{Threshold: 0.7},
		{Publications: []attribution.Publication{{Name: "The Daily Example"}}},
		{Publications: []attribution.Publication{{Name: "The Daily Example", Aliases: []string{"Example"}}}},
	}
	seen := map[string]int{}
	for i, o := range options {
		for range 2 { // equal options, equal fingerprints
			r, err := attribution.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if j, ok := seen[r.Fingerprint()]; ok && j != i {
				t.Errorf("readers with %+v and %+v have one fingerprint: posts would not be read anew", options[j], o)
			}
			seen[r.Fingerprint()] = i
		}
	}
	if len(seen) != len(options) {
		t.Errorf("%d fingerprints of %d kinds of readers", len(seen), len(options))
	}
}
