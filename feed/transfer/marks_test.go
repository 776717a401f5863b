package transfer

import (
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// TestFrontMatterBehindMarks checks that byte order marks and invisible characters do not hide front matter, since a
// draft would then be published.
func TestFrontMatterBehindMarks(t *testing.T) {
	for _, before := range []string{"", "\ufeff", "\ufeff\ufeff", "\ufeff\n", "\u200b", "\u00a0\n\ufeff"} {
		for _, front := range []string{"---\ndraft: true\n---\n", "--- \ndraft: true\n...\n", "+++\ndraft = true\n+++\n"} {
			for _, name := range []string{"a.md", "a.html"} {
				file := before + front + "Words."
				posts, err := Options{}.Decode(name, []byte(file))
				if err != nil || len(posts) != 1 || intake.StatusOf(posts[0].Raw) != feed.Draft {
					t.Errorf("Decode(%s, %q) = %s, %v; want a draft", name, file, posts, err)
				}
				for e, err := range (Options{}).Read(strings.NewReader(file), name) {
					if err != nil || e.Post == nil || intake.StatusOf(e.Post.Raw) != feed.Draft {
						t.Errorf("Read(%s, %q) = %+v, %v; want a draft", name, file, e.Post, err)
					}
				}
			}
		}
	}
	config := files("config.yaml", "\ufeff\ufeffbaseURL: https://b.example/\n", "content/s/a.md", "\ufeff\ufeff---\ntitle: A\n---\nWords.")
	if got := strings.Join(site(t, Options{}, config), "\n"); !strings.Contains(got, "https://b.example/s/a/") {
		t.Errorf("a site with byte order marks gives %s, want the URL https://b.example/s/a/", got)
	}
}
