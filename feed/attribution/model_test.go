package attribution

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// TestModelReadsBack checks that reading and writing the built-in model reproduces its file, and that the file is
// small.
func TestModelReadsBack(t *testing.T) {
	m, err := ReadModel(strings.NewReader(modelData))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(modelData, b.String()); diff != "" {
		t.Errorf("model.txt after reading and writing it (-want +got):\n%s", diff)
	}
	if b.Len() > 2<<20 {
		t.Errorf("model.txt has %d bytes, want at most 2 MiB", b.Len())
	}
}

func TestReadModelErrors(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"no weights", "units bias", "want a section, a feature and weights"},
		{"unknown feature", "units phase=3 1 2 3 4 5 6", "unknown feature"},
		{"unknown section", "moons bias 1 2 3 4 5 6", "unknown feature"},
		{"too few weights", "units bias 1 2 3", "3 weights, want 6"},
		{"not a number", "limits passage x 1", "want an integer"},
		{"too great", "limits passage 100000 1", "want an integer"},
		{"short tree", "source bias bias bias bias bias 1 2", "7 features and weights, want 37"},
		{"unknown feature of a tree", "verdict bias bias phase=3 bias bias" + strings.Repeat(" 1", 32), `unknown feature "phase=3"`},
		{"unknown value", "verdict bias bias origin=6 bias bias" + strings.Repeat(" 1", 32), `unknown feature "origin=6"`},
		{"no value", "verdict bias bias origin bias bias" + strings.Repeat(" 1", 32), `unknown feature "origin"`},
		{"value of a flag", "verdict bias bias linked=0 bias bias" + strings.Repeat(" 1", 32), `unknown feature "linked=0"`},
		{"not a number in a tree", "passage bias bias bias bias bias x" + strings.Repeat(" 1", 31), "want an integer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadModel(strings.NewReader("# comment\n" + tt.line + "\n"))
			if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), "line 2") ||
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadModel of %q: %v, want an ErrInvalid for line 2 with %q", tt.line, err, tt.want)
			}
		})
	}
}

// TestUnits checks how a line is split into units.
func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"It rained. Ann Ross in the Gazette: the pier is shut.", []string{"It rained.", "Ann Ross in the Gazette:", "the pier is shut."}},
		{"“The pier is shut until the spring,” she writes. I know.", []string{"“The pier is shut until the spring,”", "she writes.", "I know."}},
		{"The pier is shut (The Gazette)", []string{"The pier is shut", "(The Gazette)"}},
		{"“The pier is shut until the spring.” — Ann Ross", []string{"“The pier is shut until the spring.”", "— Ann Ross"}},
		{"Source: The Gazette", []string{"Source: The Gazette"}},
		{"{% quote Ann Ross %} The pier is shut. {% endquote %}", []string{"{% quote Ann Ross %}", "The pier is shut.", "{% endquote %}"}},
		{"[quote=Ann] The pier is shut. [/quote]", []string{"[quote=Ann]", "The pier is shut.", "[/quote]"}},
	} {
		r := newReader(t)
		rd := r.readRules(parsed(t, "text", tt.text), &scratch{})
		var got []string
		for _, u := range rd.units() {
			got = append(got, rd.doc.blocks[u.block].slice(u.span))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("units of %q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestSequence checks the labels and margins that decoding finds against an exhaustive search.
func TestSequence(t *testing.T) {
	s := newSequence(3, 1, newFeatureSet([]template{{name: "a", values: 2, near: true}, {name: "b", values: 2, near: true}}))
	for i := range s.own {
		s.own[i], s.previous[i], s.next[i] = int32(i*37%23-11), int32(i*53%17-8), int32(i*29%13-6)
	}
	for i := range s.change[0] {
		s.change[0][i] = int32(i*41%19 - 9)
	}
	features := &featureList{ids: []uint16{0, 2, 1, 3, 1, 0, 3}, ends: []int{2, 4, 5, 7}}
	d := newDecoder(s)
	var buf decodeBuffers
	got := d.decode(&buf, features, make([]uint8, features.len()))
	emit := buf.scores
	with, without := make(map[[2]int]int32), make(map[[2]int]int32)
	for code := range 81 {
		labels := [4]int{code % 3, code / 3 % 3, code / 9 % 3, code / 27}
		total := int32(0)
		for i, y := range labels {
			total += emit[i*d.labels+y]
			if i > 0 {
				total += s.change[0][labels[i-1]*3+y]
			}
		}
		for i, y := range labels {
			for label := range 3 {
				best, key := with, [2]int{i, label}
				if y != label {
					best = without
				}
				if old, ok := best[key]; !ok || total > old {
					best[key] = total
				}
			}
		}
	}
	for i := range features.len() {
		for label := range 3 {
			key := [2]int{i, label}
			if want := int(with[key] - without[key]); got.margin(i, label) != want {
				t.Errorf("margin of label %d of item %d is %d, want %d", label, i, got.margin(i, label), want)
			}
		}
	}
}
