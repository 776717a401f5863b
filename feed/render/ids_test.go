package render_test

import (
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/render"
)

func TestAtomID(t *testing.T) {
	for _, tt := range []struct{ name, id, want string }{
		{"a web address", "https://blog.example.org/2014/06/17/post?p=1&q=%20#c", "same"},
		{"an address that is not normalized", "HTTP://Blog.example.org:80", "same"},
		{"a tag", "tag:blog.example.org,2014:1", "same"},
		{"a tag by e-mail and day", "tag:steve@example.org,2014-06-17:/a?b#c", "same"},
		{"a UUID", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "same"},
		{"a book", "urn:isbn:0451450523", "same"},
		{"a word", "post", "urn:feedpub:main:post"},
		{"a path", "2014/06/a b.md", "urn:feedpub:main:2014%2F06%2Fa%20b.md"},
		{"a number", "17", "urn:feedpub:main:17"},
		{"non-ASCII", "ärger", "urn:feedpub:main:%C3%A4rger"},
		{"non-ASCII, decomposed", "a\u0308rger", "urn:feedpub:main:a=CC=88rger"},
		{"characters that normalization changes", "~a%41=", "urn:feedpub:main:=7Ea=2541%3D"},
		{"an unknown scheme", "post:1", "urn:feedpub:main:post%3A1"},
		{"a scheme of scripts", "javascript:alert(1)", "urn:feedpub:main:javascript%3Aalert%281%29"},
		{"a non-ASCII address", "https://example.org/ä", "urn:feedpub:main:https%3A%2F%2Fexample.org%2F%C3%A4"},
		{"an address with a blank", "https://example.org/a b", "urn:feedpub:main:https%3A%2F%2Fexample.org%2Fa%20b"},
		{"an address with a broken escape", "https://example.org/%4", "urn:feedpub:main:https%3A%2F%2Fexample.org%2F=254"},
		{"an address with two fragments", "https://example.org/#a#b", "urn:feedpub:main:https%3A%2F%2Fexample.org%2F%23a%23b"},
		{"no host", "http:///a", "urn:feedpub:main:http%3A%2F%2F%2Fa"},
		{"no authority", "http:a", "urn:feedpub:main:http%3Aa"},
		{"a tag without a date", "tag:example.org:1", "urn:feedpub:main:tag%3Aexample.org%3A1"},
		{"a tag with a bad date", "tag:example.org,14:1", "urn:feedpub:main:tag%3Aexample.org%2C14%3A1"},
		{"a tag of an upper-case authority", "tag:Example.org,2014:1", "urn:feedpub:main:tag%3AExample.org%2C2014%3A1"},
		{"a broken UUID", "urn:uuid:1", "urn:feedpub:main:urn%3Auuid%3A1"},
		{"a urn without a namespace", "urn:x", "urn:feedpub:main:urn%3Ax"},
		{"an id made by AtomID", "urn:feedpub:main:post", "urn:feedpub:main:urn%3Afeedpub%3Amain%3Apost"},
		{"an id made by AtomID in another case", "URN:FeedPub:main:post", "urn:feedpub:main:URN%3AFeedPub%3Amain%3Apost"},
		{"like the id of a feed", "feed:main", "urn:feedpub:main:feed%3Amain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "same" {
				tt.want = tt.id
			}
			if got := render.AtomID("main", tt.id); got != tt.want {
				t.Errorf("AtomID(main, %q) = %q, want %q", tt.id, got, tt.want)
			}
		})
	}
}

func TestFeedID(t *testing.T) {
	for name, want := range map[feed.Name]string{
		feed.Main:                     "urn:feedpub:main:feed:main",
		feed.Join(feed.Tags, "go"):    "urn:feedpub:main:feed:tags%2Fgo",
		feed.Join(feed.Sources, "日本"): "urn:feedpub:main:feed:sources%2F%E6%97%A5%E6%9C%AC",
	} {
		if got := render.FeedID("main", name); got != want {
			t.Errorf("FeedID(main, %q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzAtomID(f *testing.F) {
	f.Add("a", "b")
	f.Add("~", "%7E")
	f.Add("%", "%25")
	f.Add("=7E", "~")
	f.Add("urn:feedpub:main:a", "a")
	f.Add("ä", "a\u0308")
	f.Add("https://example.org/", "https://example.org/ ")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := render.AtomID("main", a), render.AtomID("main", b)
		if a != b && x == y {
			t.Errorf("AtomID returns %[3]q for both %[1]q and %[2]q, want different results", a, b, x)
		}
		scheme, _, ok := strings.Cut(x, ":")
		if !ok || strings.ContainsAny(scheme, "/?# ") {
			t.Errorf("AtomID(%q) = %q is not absolute", a, x)
		}
		for i := range len(x) {
			if x[i] <= ' ' || x[i] >= 0x7F || strings.IndexByte("<>\"{}|\\^`", x[i]) >= 0 {
				t.Errorf("AtomID(%q) = %q contains %q, which is not valid in a URI", a, x, x[i])
			}
		}
	})
}
