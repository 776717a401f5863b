package feed_test

import (
	"testing"

	"feedpub/feed"
)

func TestMediaType(t *testing.T) {
	for name, want := range map[string]string{
		"a.jpg": "image/jpeg", "2024/A B.PNG": "image/png", "talk.mp3": "audio/mpeg",
		"post.md": "", "post.html": "", "post.json": "", "note.txt": "", "feedpub.yml": "", "tokens": "", "key.pem": "",
		".hidden.jpg": "", ".git/a.jpg": "", "a.jpg~": "", "a.jpg.part": "", "": "", "a//b.jpg": "", "../a.jpg": "",
		"a (conflicted copy 2024-01-02).jpg": "",
	} {
		if got := feed.MediaType(name); got != want {
			t.Errorf("MediaType(%q) = %q, want %q", name, got, want)
		}
	}
}
