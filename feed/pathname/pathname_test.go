package pathname_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"feedpub/feed"
	"feedpub/feed/pathname"
)

func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		family feed.Family
		full   string
		want   feed.Name
	}{
		{feed.Tags, "Go", "tags/go"},
		{feed.Tags, "Foreign Policy", "tags/foreign-policy"},
		{feed.Tags, "  Foreign \t Policy ", "tags/foreign-policy"},
		{feed.Tags, "The Wire", "tags/the-wire"},
		{feed.Sources, "The Guardian", "sources/guardian"},
		{feed.Sources, "the Guardian", "sources/guardian"},
		{feed.Sources, "Yahoo! News", "sources/yahoo-news"},
		{feed.Authors, "Flann O’Brien", "authors/flann-obrien"},
		{feed.Tags, "Ｆｕｌｌ ｗｉｄｔｈ", "tags/full-width"},
		{feed.Tags, "Żółw", "tags/żółw"},
		{feed.Tags, "../../etc/passwd", "tags/etc-passwd"},
		{feed.Tags, "!!!", "tags/-e84c53"},
		{feed.Tags, "", "tags/-e3b0c4"},
	} {
		if got := pathname.Plain(tt.family, tt.full); got != tt.want {
			t.Errorf("Plain(%s, %q) = %q, want %q", tt.family, tt.full, got, tt.want)
		}
	}
}

func TestAssign(t *testing.T) {
	names := map[feed.Name]string{}
	assign := func(full string) feed.Name {
		n := pathname.Assign(feed.Tags, full, func(n feed.Name) (string, bool) { s, ok := names[n]; return s, ok })
		if _, ok := names[n]; !ok {
			names[n] = full
		}
		return n
	}
	first := assign("C++")
	if first != "tags/c" {
		t.Fatalf("Assign(C++) = %q, want tags/c", first)
	}
	second := assign("C#")
	if second == first || !strings.HasPrefix(string(second), "tags/c-") || len(second) != len("tags/c-")+6 {
		t.Errorf("Assign(C#) = %q, want tags/c- and six hexadecimal digits", second)
	}
	for range 2 { // recorded names do not change
		if got := assign("c++"); got != first {
			t.Errorf("Assign(c++) = %q, want %q as for C++", got, first)
		}
		if got := assign("C#"); got != second {
			t.Errorf("Assign(C#) = %q, want %q as before", got, second)
		}
	}
}

func FuzzAssign(f *testing.F) {
	for _, s := range []string{"Go", "", "!!", "\xff", strings.Repeat("x", 300), "İ", "a/../b", "ﷺ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, full string) {
		n := pathname.Plain(feed.Tags, full)
		family, slug := n.Split()
		if family != feed.Tags || slug == "" || strings.ContainsAny(slug, "/.\\?#% \x00") {
			t.Errorf("Plain(%q) = %q, want a single safe path segment", full, n)
		}
		if !utf8.ValidString(slug) || len(slug) > 200 {
			t.Errorf("Plain(%q) = %q, want at most 200 bytes of valid UTF-8", full, n)
		}
		if again := pathname.Plain(feed.Tags, full); again != n {
			t.Errorf("Plain(%q) = %q, then %q", full, n, again)
		}
	})
}
