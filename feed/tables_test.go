package feed

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// panics calls do and returns its panic message, or "" if it does not panic.
func panics(do func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text, _ = r.(string)
		}
	}()
	do()
	return ""
}

// TestNewMembers adds a member to each closed set, first without a row in its table: every method must panic and name
// the member. With the row, the lists that other packages range over must contain it.
func TestNewMembers(t *testing.T) {
	formats, kinds, outcomes := formatTable, kindTable, outcomeTable
	defer func() { formatTable, kindTable, outcomeTable = formats, kinds, outcomes }()
	uses := map[string]func(){
		"Format.File":           func() { Format("fake").File() },
		"Format.Label":          func() { Format("fake").Label() },
		"Format.MediaType":      func() { Format("fake").MediaType() },
		"Format.PlainMediaType": func() { Format("fake").PlainMediaType() },
		"Format.Subscribed":     func() { Format("fake").Subscribed() },
		"Format.Page":           func() { Format("fake").Page() },
		"Format.Delta":          func() { Format("fake").Delta() },
		"Name.Path":             func() { Main.Path("fake") },
		"ProblemKind.Rejects":   func() { ProblemKind("fake").Rejects() },
		"ProblemKind.Published": func() { ProblemKind("fake").Published() },
		"Outcome.Current":       func() { Outcome("fake").Current() },
	}
	for name, use := range uses {
		if got := panics(use); !strings.Contains(got, `"fake"`) {
			t.Errorf("%s of an unknown member panics with %q, want a message that names it", name, got)
		}
	}
	formatTable = append(slices.Clone(formats), formatInfo{format: "fake", subscribed: true, perFeed: true, perSite: true})
	kindTable = append(slices.Clone(kinds), kindInfo{kind: "fake"})
	outcomeTable = append(slices.Clone(outcomes), outcomeInfo{outcome: "fake"})
	for name, use := range uses {
		if got := panics(use); got != "" {
			t.Errorf("%s of a member with a row panics with %q", name, got)
		}
	}
	for name, list := range map[string][]Format{
		"AllFormats": AllFormats(), "Formats": Formats(), "FeedFormats": FeedFormats(), "SiteFormats": SiteFormats(),
	} {
		if !slices.Contains(list, "fake") {
			t.Errorf("%s lacks a format of the table: %v", name, list)
		}
	}
	if !slices.Contains(ProblemKinds(), "fake") || !slices.Contains(Outcomes(), "fake") {
		t.Errorf("ProblemKinds and Outcomes lack a member of the table: %v, %v", ProblemKinds(), Outcomes())
	}
}

func TestFormatTable(t *testing.T) {
	for _, row := range formatTable {
		if row.label == "" || row.file == "" || row.mediaType == "" || !row.perFeed && !row.perSite {
			t.Errorf("the row of format %q is incomplete: %+v", row.format, row)
		}
	}
}

func TestBoundsRoundTrip(t *testing.T) {
	for _, b := range []Bounds{nil, {0, 1}, {10, 200, 70_000, math.MaxUint32}} {
		data := append(b.Append([]byte("head")), "rest"...)
		got, rest, err := DecodeBounds(data[len("head"):])
		if err != nil || !slices.Equal(got, b) || string(rest) != "rest" {
			t.Errorf("%v decodes to %v and the rest %q, error %v", b, got, rest, err)
		}
	}
}

func TestDamagedBounds(t *testing.T) {
	good := Bounds{10, 200, 70_000}.Append(nil)
	for i := range good {
		for bit := range 8 {
			damaged := slices.Clone(good)
			damaged[i] ^= 1 << bit
			if b, _, err := DecodeBounds(damaged); !errors.Is(err, ErrInvalid) {
				t.Errorf("with bit %d of byte %d inverted, bounds decode to %v, %v", bit, i, b, err)
			}
		}
		if b, _, err := DecodeBounds(good[:i]); !errors.Is(err, ErrInvalid) {
			t.Errorf("the first %d bytes of bounds decode to %v, %v", i, b, err)
		}
	}
	for _, b := range []Bounds{{5}, {5, 5}, {5, 4}, {5, 101}, {101, 102}} {
		if err := b.Validate(100); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v.Validate(100) = %v, want an error of kind invalid", b, err)
		}
	}
	if err := (Bounds{0, 100}).Validate(100); err != nil {
		t.Error(err)
	}
}

func TestOneOf(t *testing.T) {
	for want, values := range map[string][]string{
		"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"},
	} {
		if got := OneOf(values); got != want {
			t.Errorf("OneOf(%q) = %q, want %q", values, got, want)
		}
	}
}

func FuzzDecodeBounds(f *testing.F) {
	f.Add(Bounds{10, 200, 70_000}.Append(nil))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, rest, err := DecodeBounds(data)
		if err != nil {
			return
		}
		if got := append(b.Append(nil), rest...); len(got) > len(data) {
			t.Errorf("%x decodes to %v, whose encoding is %d bytes longer", data, b, len(got)-len(data))
		}
		_ = b.Validate(1000)
	})
}
