package fast

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzPathOf compares pathOf with net/http.
func FuzzPathOf(f *testing.F) {
	for _, target := range []string{
		"/", "/feed.xml", "/feed.xml?a=b?c", "/%66eed.xml", "//x/y", "/a%2fb", "/日本", "http://x/feed.xml?y", "*", "",
		"/#a", "/%zz", "x:y", "/a:b", "?",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		// fasthttp rejects control characters.
		if strings.ContainsFunc(target, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return
		}
		path, ok := pathOf([]byte(target))
		u, err := url.ParseRequestURI(target)
		if ok != (err == nil) {
			t.Fatalf("pathOf(%q) is valid: %t, but the error from net/http is %v", target, ok, err)
		}
		if ok && path != u.Path {
			t.Errorf("pathOf(%q) = %q, want %q", target, path, u.Path)
		}
	})
}
