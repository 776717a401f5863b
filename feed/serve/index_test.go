package serve

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestIndex(t *testing.T) {
	s := site(t, Options{
		Retired: []string{"/tags/go/feed.json", "/tags/old/feed.xml", "/tags/old/atom.xml", "/tags/old/feed.json"},
	}, "tags/go", feed.Main, "tags/日本", "tags/old", "archive/1", "tags/go/archive/2", feed.Pages)
	got := Answer(s, Request{Method: "GET", Path: "/"})
	want := `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Feeds</title>
<link rel="alternate" type="application/rss+xml" title="RSS" href="./feed.xml">
<link rel="alternate" type="application/atom+xml" title="Atom" href="./atom.xml">
<link rel="alternate" type="application/feed+json" title="JSON Feed" href="./feed.json">
</head>
<body>
<h1>Feeds</h1>
<ul>
<li>main: <a href="./feed.xml">RSS</a> <a href="./atom.xml">Atom</a> <a href="./feed.json">JSON Feed</a></li>
<li>tags/go: <a href="./tags/go/feed.xml">RSS</a> <a href="./tags/go/atom.xml">Atom</a></li>
<li>tags/日本: <a href="./tags/%E6%97%A5%E6%9C%AC/feed.xml">RSS</a> ` +
		`<a href="./tags/%E6%97%A5%E6%9C%AC/atom.xml">Atom</a> ` +
		`<a href="./tags/%E6%97%A5%E6%9C%AC/feed.json">JSON Feed</a></li>
</ul>
</body>
</html>
`
	if diff := cmp.Diff(want, string(got.Body)); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'", "Last-Modified": "",
	} {
		if got := got.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if again := Answer(s, Request{Method: "GET", Path: "/", IfNoneMatch: got.Get("Etag")}); again.Status != 304 {
		t.Errorf("status for the index with its tag is %d, want 304", again.Status)
	}
}

func TestIndexIsReused(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	e := s.edition(feed.Main)
	if next := s.with(map[feed.Name]*edition{feed.Main: e}, nil); next.index != s.index {
		t.Errorf("the index was recreated although no feed was added or removed")
	}
}

func TestIndexEscapesNames(t *testing.T) {
	s := site(t, Options{}, feed.Main, `tags/<b>&"`)
	got := string(Answer(s, Request{Method: "GET", Path: "/"}).Body)
	if strings.Contains(got, "<b>") || !strings.Contains(got, "tags/&lt;b&gt;&amp;&#34;") ||
		!strings.Contains(got, `href="./tags/%3Cb%3E&amp;%22/feed.xml"`) {
		t.Errorf("index with a feed name that contains HTML:\n%s", got)
	}
}

func TestCommittedPageReplacesIndex(t *testing.T) {
	head, blobs := commit(feed.Main, 1, noon, "page")
	head.Documents[0].Path = "/"
	s, err := NewSnapshot(Options{}, []feed.Head{head}, func(h feed.Hash) (feed.Blob, bool) {
		for _, b := range blobs {
			if b.Hash == h {
				return b, true
			}
		}
		return feed.Blob{}, false
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := Answer(s, Request{Method: "GET", Path: "/"}); !strings.Contains(string(got.Body), "page") {
		t.Errorf("body of / is %q, want the committed page", got.Body)
	}
}
