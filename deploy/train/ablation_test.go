package main

import (
	"slices"
	"strings"
	"testing"
)

// TestWithoutKind checks that leaving out a kind of feature removes its lines, or makes trees treat it as absent.
func TestWithoutKind(t *testing.T) {
	leaves := func(of func(i int) string) string {
		var list []string
		for i := range 32 {
			list = append(list, of(i))
		}
		return strings.Join(list, " ") + "\n"
	}
	number := func(i int) string { return []string{"0", "1", "2", "3"}[i%4] }
	tree := "source voice=1 bias voice=2 bias bias "
	model := []byte("# comment\nunits bias 1 2 3 4 5 6\nunits next.voice=2 1 2 3 4 5 6\nunits voice=1 1 2 3 4 5 6\nunits change=0,1 1 2 3 4 5 6\n" +
		"limits passage 60 70\n" + tree + leaves(number))
	if kinds, want := featureKinds(model), []string{"units bias", "units voice", "units change", "source voice", "source bias"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %q, want %q", kinds, want)
	}
	want := "# comment\nunits bias 1 2 3 4 5 6\nunits change=0,1 1 2 3 4 5 6\nlimits passage 60 70\n" + tree + leaves(number)
	if got := string(withoutKind(model, "units voice")); got != want {
		t.Errorf("without units voice:\n%s\nwant\n%s", got, want)
	}
	// Bit 0 of a leaf's index is the first feature, so only the second bit of the number still counts.
	want = tree + leaves(func(i int) string { return []string{"0", "0", "2", "2"}[i%4] })
	if got := string(withoutKind(model, "source voice")); !strings.HasSuffix(got, want) {
		t.Errorf("without source voice:\n%s\nwant at its end\n%s", got, want)
	}
}
