package serve

import (
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// TestWithdrawnPost checks that the page of a post that is no longer published answers 410, also after a restart.
func TestWithdrawnPost(t *testing.T) {
	for _, ids := range [][]string{{"hello"}, nil} {
		page := []byte("<html>words</html>")
		blob := feed.Blob{Hash: feed.HashOf(page), Gzip: coding.GzipSmall(page), Size: len(page)}
		head := feed.Head{Feed: "posts/hello", Token: 1, Config: "c", IDs: ids, Documents: []feed.DocumentRef{{
			Format: feed.HTML, Path: "/posts/hello/", MediaType: feed.HTML.MediaType(), Hash: blob.Hash, Length: blob.Size,
			Modified: noon,
		}}}
		s, err := NewSnapshot(Options{}, []feed.Head{head}, func(feed.Hash) (feed.Blob, bool) { return blob, true })
		if err != nil {
			t.Fatal(err)
		}
		res := Answer(s, Request{Method: "GET", Path: "/posts/hello/"})
		want := 200
		if ids == nil {
			want = 410
		}
		if res.Status != want || ids == nil && strings.Contains(string(res.Body), "words") {
			t.Errorf("the page of a post with the ids %v answers %d %q; want %d", ids, res.Status, res.Body, want)
		}
	}
}
