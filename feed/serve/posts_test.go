package serve

import (
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// TestWithdrawnPost checks that a request for the page of a post that is no longer published receives 410, even after a
// restart.
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
			t.Errorf("response for the page of a post with the ids %v: %d %q; want %d", ids, res.Status, res.Body, want)
		}
	}
}

// TestPageWithoutSlash checks that the path of a page without its trailing slash is redirected to the page, and that no
// other path is.
func TestPageWithoutSlash(t *testing.T) {
	page := []byte("<html>words</html>")
	blob := feed.Blob{Hash: feed.HashOf(page), Gzip: coding.GzipSmall(page), Size: len(page)}
	var heads []feed.Head
	for _, name := range []feed.Name{"main", "links", "tags/żółw go"} {
		heads = append(heads, feed.Head{Feed: name, Token: 1, Config: "c", IDs: []string{"a"}, Documents: []feed.DocumentRef{{
			Format: feed.HTML, Path: name.Path(feed.HTML), MediaType: feed.HTML.MediaType(), Hash: blob.Hash, Length: blob.Size,
			Modified: noon,
		}}})
	}
	s, err := NewSnapshot(Options{}, heads, func(feed.Hash) (feed.Blob, bool) { return blob, true })
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/links": "./links/", "/tags/żółw go": "./%C5%BC%C3%B3%C5%82w%20go/", "/nothing": "", "/links/": "", "/tags": "", "": "",
	} {
		res := Answer(s, Request{Method: "GET", Path: path})
		if got := res.Get("Location"); got != want || want != "" && res.Status != 301 {
			t.Errorf("response for %q: %d with the location %q; want %q", path, res.Status, got, want)
		}
	}
}
