package main

import (
	"slices"
	"testing"
)

func TestFeatureKinds(t *testing.T) {
	model := []byte("# comment\nunits length=3 1 2 3 4 5 6\nunits previous.length=1 1 2 3 4 5 6\nunits change=0,1 1 2 3 4 5 6\n" +
		"source bias 7\nlimits passage 60 70\n")
	if got, want := featureKinds(model), []string{"units length", "units change", "source bias"}; !slices.Equal(got, want) {
		t.Errorf("featureKinds returned %q, want %q", got, want)
	}
	want := "# comment\nunits change=0,1 1 2 3 4 5 6\nsource bias 7\nlimits passage 60 70\n"
	if got := string(withoutKind(model, "units length")); got != want {
		t.Errorf("the model without the feature \"units length\" is\n%s\nwant\n%s", got, want)
	}
	if got := withoutKind(model, ""); string(got) != string(model) {
		t.Errorf("the model is\n%s\nafter no feature was removed, want it unchanged", got)
	}
}
