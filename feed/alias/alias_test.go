package alias_test

import (
	"errors"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/alias"
)

// TestPaths checks paths that blogs on each platform are known to use.
func TestPaths(t *testing.T) {
	const none = feed.Format("")
	for _, tt := range []struct {
		preset feed.Preset
		target string
		feed   feed.Name
		full   string
		want   feed.Format
	}{
		{alias.WordPress, "/feed/", feed.Main, "", feed.RSS},
		{alias.WordPress, "/feed", feed.Main, "", feed.RSS},
		{alias.WordPress, "/feed/rss2/", feed.Main, "", feed.RSS},
		{alias.WordPress, "/feed/rdf/", feed.Main, "", feed.RSS},
		{alias.WordPress, "/feed/atom/", feed.Main, "", feed.Atom},
		{alias.WordPress, "/feed/json/", feed.Main, "", feed.JSON},
		{alias.WordPress, "/?feed=rss2", feed.Main, "", feed.RSS},
		{alias.WordPress, "/?feed=atom", feed.Main, "", feed.Atom},
		{alias.WordPress, "/wp-rss2.php", feed.Main, "", feed.RSS},
		{alias.WordPress, "/category/news/feed/", "tags/news", "News", feed.RSS},
		{alias.WordPress, "/category/news/feed/atom/", "tags/news", "News", feed.Atom},
		{alias.WordPress, "/tag/foreign-policy/feed/", "tags/foreign-policy", "Foreign Policy", feed.RSS},
		{alias.WordPress, "/tag/foreign-policy/?feed=rss2", "tags/foreign-policy", "Foreign Policy", feed.RSS},
		{alias.WordPress, "/?feed=rss2&tag=go", "tags/go", "Go", feed.RSS},
		{alias.WordPress, "/?tag=go&feed=atom", "tags/go", "Go", feed.Atom},
		{alias.WordPress, "/author/steve/feed/", "authors/steve", "Steve", feed.RSS},
		{alias.WordPress, "/?feed=rss2&author_name=steve", "authors/steve", "Steve", feed.RSS},
		{alias.WordPress, "/comments/feed/", feed.Main, "", none},
		{alias.WordPress, "/feed/", "tags/go", "Go", none},
		{alias.WordPress, "/feed/", "sources/guardian", "The Guardian", none},
		{alias.Ghost, "/rss/", feed.Main, "", feed.RSS},
		{alias.Ghost, "/rss", feed.Main, "", feed.RSS},
		{alias.Ghost, "/tag/go/rss/", "tags/go", "Go", feed.RSS},
		{alias.Ghost, "/author/ann-lee/rss/", "authors/ann-lee", "Ann Lee", feed.RSS},
		{alias.Hugo, "/index.xml", feed.Main, "", feed.RSS},
		{alias.Hugo, "/posts/index.xml", feed.Main, "", feed.RSS},
		{alias.Hugo, "/tags/go/index.xml", "tags/go", "Go", feed.RSS},
		{alias.Hugo, "/categories/go/index.xml", "tags/go", "Go", feed.RSS},
		{alias.Jekyll, "/feed/by_tag/go.xml", "tags/go", "Go", feed.Atom},
		{alias.Jekyll, "/feed/go.xml", "tags/go", "Go", feed.Atom},
		{alias.Jekyll, "/feed.xml", feed.Main, "", feed.RSS},
		{alias.Blogger, "/feeds/posts/default", feed.Main, "", feed.Atom},
		{alias.Blogger, "/feeds/posts/default?alt=rss", feed.Main, "", feed.RSS},
		{alias.Blogger, "/feeds/posts/summary", feed.Main, "", feed.Atom},
		{alias.Blogger, "/rss.xml", feed.Main, "", feed.RSS},
		{alias.Blogger, "/atom.xml", feed.Main, "", feed.Atom},
		{alias.Blogger, "/feeds/posts/default/-/Foreign Policy", "tags/foreign-policy", "Foreign Policy", feed.Atom},
		{alias.Blogger, "/feeds/posts/default/-/Foreign Policy?alt=rss", "tags/foreign-policy", "Foreign Policy", feed.RSS},
		{alias.Blogger, "/feeds/posts/default/-/foreign-policy", "tags/foreign-policy", "Foreign Policy", none},
	} {
		got := none
		for _, a := range alias.Paths(tt.preset, tt.feed, tt.full) {
			if a.Target == tt.target {
				got = a.Format
			}
		}
		if got != tt.want {
			t.Errorf("%s: format of feed %s at %s is %q, want %q", tt.preset, tt.feed, tt.target, got, tt.want)
		}
	}
}

func TestPathsAreUnique(t *testing.T) {
	names := map[feed.Name]string{
		feed.Main: "", "tags/go": "Go", "authors/go": "Go", "sources/go": "Go", "go": "", "archive/1": "",
		"tags/go/archive/1": "Go",
	}
	for _, p := range alias.Presets() {
		seen := map[string]feed.Name{}
		for _, target := range alias.Retired(p) {
			seen[target] = "none"
		}
		for n, full := range names {
			for _, a := range alias.Paths(p, n, full) {
				if a.Feed != n || !strings.HasPrefix(a.Target, "/") {
					t.Errorf("%s: Paths(%s) includes %+v, want that feed and a path target", p, n, a)
				}
				if other, ok := seen[a.Target]; ok {
					t.Errorf("%s: %s is a path of both %s and %s", p, a.Target, other, n)
				}
				seen[a.Target] = n
			}
		}
		if len(seen) < 5 {
			t.Errorf("%s: got %d distinct paths, want at least 5", p, len(seen))
		}
		if got, err := alias.Parse(string(p)); got != p || err != nil {
			t.Errorf("Parse(%q) = %q, %v", p, got, err)
		}
	}
	if _, err := alias.Parse("movabletype"); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Parse of an unknown platform = %v, want an error of kind invalid", err)
	}
}
