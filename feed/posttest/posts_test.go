package posttest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/posttest"
)

// TestGeneratedPosts checks the properties that benchmarks depend on: posts are valid, and half of them quote a source,
// whose credit is certain and, for two thirds of these posts, names an author.
func TestGeneratedPosts(t *testing.T) {
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := intake.New(feed.Site{ID: "main", HomeURL: "https://blog.example/"}, reader)
	const n = 400
	size, quoting, certain, named := 0, 0, 0, 0
	for p := range posttest.All(n) {
		size += len(p.Raw)
		got, err := in.Item(p.ID, p.Raw, feed.Record{})
		if err != nil || got.Item == nil {
			t.Fatalf("post %s is not published: %+v, %v", p.ID, got, err)
		}
		if len(got.Item.Quotes) > 0 {
			quoting++
		}
		for _, q := range got.Item.Quotes {
			if q.Certain {
				certain++
			}
			if len(q.Source.Authors) > 0 {
				named++
			}
		}
	}
	if average := size / n; average < 2800 || average > 3800 {
		t.Errorf("posts have %d bytes on average, want about 3 KB", average)
	}
	if quoting < n*2/5 || quoting > n*3/5 {
		t.Errorf("found quotes in %d of %d posts, want about half", quoting, n)
	}
	if certain < quoting*19/20 {
		t.Errorf("%d of %d credits are certain, want nearly all: the others have no feed of their source", certain, quoting)
	}
	if named < quoting*3/5 || named > quoting*3/4 {
		t.Errorf("%d of %d credits name an author, want two thirds", named, quoting)
	}
	if a, b := posttest.Post(7), posttest.Post(7); string(a.Raw) != string(b.Raw) {
		t.Error("two calls to Post(7) returned different posts")
	}
	if a, b := posttest.Post(7), posttest.Version(7, 1); string(a.Raw) == string(b.Raw) || a.ID != b.ID {
		t.Error("Version(7, 1) has the same content as Post(7) or a different id, want an edited post with the same id")
	}
}

// TestCompression checks that gzip compresses the text of posts as well as English prose, by a factor of about 2.7. The
// posts' HTML is compressed slightly better than their text.
func TestCompression(t *testing.T) {
	var text strings.Builder
	tags := regexp.MustCompile(`<[^>]*>`)
	for p := range posttest.All(50) {
		var post struct {
			ContentHTML string `json:"content_html"`
		}
		if err := json.Unmarshal(p.Raw, &post); err != nil {
			t.Fatal(err)
		}
		text.WriteString(tags.ReplaceAllString(post.ContentHTML, ""))
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := io.WriteString(w, text.String()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ratio := float64(text.Len()) / float64(compressed.Len()); ratio < 2.5 || ratio > 2.9 {
		t.Errorf("gzip compresses %d bytes of text to %d, a ratio of %.2f, want about 2.7", text.Len(), compressed.Len(), ratio)
	}
}
