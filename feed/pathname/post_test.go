package pathname_test

import (
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/pathname"
)

func TestPost(t *testing.T) {
	for id, want := range map[string]feed.Name{
		"hello.md":                        "posts/hello",
		"2024/05/2024-05-06-Hello You.md": "posts/hello-you",
		"notes/trip/index.md":             "posts/trip",
		"index.md":                        "posts/index",
		"https://example.org/2024/a-b/":   "posts/a-b",
		"https://example.org/?p=12":       "posts/p-12",
		"2024-05-06.txt":                  "posts/2024-05-06",
		"release 1.2":                     "posts/release-1-2",
		"!!.md":                           feed.Name("posts/-" + feed.HashOf([]byte("!!.md"))[:6]),
	} {
		if got := pathname.PlainPost(id); got != want {
			t.Errorf("PlainPost(%q) = %q, want %q", id, got, want)
		}
	}
	taken := map[feed.Name]string{"posts/hello": "hello.md"}
	recorded := func(n feed.Name) (string, bool) { id, ok := taken[n]; return id, ok }
	if got := pathname.Post("hello.md", recorded); got != "posts/hello" {
		t.Errorf("the post has the name %q, want the recorded one", got)
	}
	if got := pathname.Post("sub/hello.md", recorded); got != "posts/hello-"+feed.Name(feed.HashOf([]byte("sub/hello.md"))[:6]) {
		t.Errorf("a second post with the same file name has the name %q, want one with digits of its id", got)
	}
}

func FuzzPost(f *testing.F) {
	for _, s := range []string{"a.md", "/", "index.md", "a/index.html/", "//", ".md", "\xff", strings.Repeat("x/", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		n := pathname.PlainPost(id)
		if _, slug := n.Split(); !n.OfPost() || slug == "" || strings.ContainsAny(slug, "/.\\?#% \x00") || len(slug) > 200 {
			t.Errorf("PlainPost(%q) = %q, want a single safe path segment", id, n)
		}
	})
}
