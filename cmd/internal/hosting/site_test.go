package hosting

import (
	"os"
	"path/filepath"
	"testing"

	"feedpub/config"
	"feedpub/feed"
)

// TestPublicationsKeepMedia checks that files next to posts are still found once the site has a table of publications.
func TestPublicationsKeepMedia(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "talk.mp3"), []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Dir = config.Path(dir)
	site := &Site{Source: Source{Config: c}}
	publishing, err := site.publishing(newShared(feed.Versions{Oldest: 1, Newest: 1}, false))
	if err != nil {
		t.Fatal(err)
	}
	in, _, err := publishing.WithPublications([]feed.Publication{{Name: "Aunt Mary"}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := in.Item("a", []byte(`{"id": "a", "content_text": "A talk.", "date_published": "2026-01-02T03:04:05Z",
		"attachments": [{"url": "talk.mp3", "mime_type": "audio/mpeg"}]}`), feed.Record{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if a := result.Item.Attachments; len(a) != 1 || a[0].SizeInBytes != 4 || len(result.Missing) > 0 {
		t.Errorf("attachments are %+v and missing files %q, want talk.mp3 with its 4 bytes", a, result.Missing)
	}
}
