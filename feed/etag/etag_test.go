package etag_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/etag"
)

func all(list string) []etag.Tag {
	var tags []etag.Tag
	for {
		tag, rest, ok := etag.Next(list)
		if !ok {
			return tags
		}
		tags = append(tags, tag)
		list = rest
	}
}

func TestNext(t *testing.T) {
	for _, test := range []struct {
		list string
		want []etag.Tag
	}{
		{"", nil},
		{" ,\t,", nil},
		{`"a"`, []etag.Tag{{Opaque: "a"}}},
		{`""`, []etag.Tag{{}}},
		{`"a,b"`, []etag.Tag{{Opaque: "a,b"}}},
		{`W/"a", "b"	,,"c"`, []etag.Tag{{Opaque: "a", Weak: true}, {Opaque: "b"}, {Opaque: "c"}}},
		{`a, "b"`, []etag.Tag{{Opaque: "a", Form: etag.Unquoted}, {Opaque: "b"}}},
		{`W/a `, []etag.Tag{{Opaque: "a", Weak: true, Form: etag.Unquoted}}},
		{`"a"b, "c"`, []etag.Tag{{Form: etag.Malformed}, {Opaque: "c"}}},
		{`"a" "b"`, []etag.Tag{{Form: etag.Malformed}}},
		{`"a`, []etag.Tag{{Form: etag.Malformed}}},
		{`"a", "`, []etag.Tag{{Opaque: "a"}, {Form: etag.Malformed}}},
		{`*`, []etag.Tag{{Opaque: "*", Form: etag.Unquoted}}},
	} {
		if diff := cmp.Diff(test.want, all(test.list)); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", test.list, diff)
		}
	}
}

func TestIsAny(t *testing.T) {
	for value, want := range map[string]bool{"*": true, " * ": true, "": false, `"*"`: false, "**": false, "*, a": false} {
		if got := etag.IsAny(value); got != want {
			t.Errorf("IsAny(%q) = %t, want %t", value, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, list := range []string{`"a", W/"b"`, `"a`, `a,`, `"a"b,"c"`, "*"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		for {
			_, rest, ok := etag.Next(list)
			if !ok {
				return
			}
			if len(rest) >= len(list) {
				t.Fatalf("Next(%q) leaves %q, want a shorter list", list, rest)
			}
			list = rest
		}
	})
}
