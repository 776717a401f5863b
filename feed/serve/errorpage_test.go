package serve

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/coding"
)

const (
	chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8," +
		"application/signed-exchange;v=b3;q=0.7"
	netNewsWire = "application/rss+xml, application/rdf+xml;q=0.8, application/atom+xml;q=0.6, application/xml;q=0.4, text/html;q=0.2"
)

func TestPrefersHTML(t *testing.T) {
	for accept, want := range map[string]bool{
		chrome: true, "text/html": true, "TEXT/HTML;q=0.5, */*": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"": false, "*/*": false, "text/*": false, netNewsWire: false, "text/html;q=0": false, "text/html;q=x": false,
		"text/plain, text/html": false,
		"application/atom+xml,application/rss+xml,application/json,text/html":   false,
		"application/xml, text/xml, application/atom+xml, text/html;q=0.9, */*": false,
	} {
		if got := prefersHTML(accept); got != want {
			t.Errorf("prefersHTML(%q) = %t, want %t", accept, got, want)
		}
	}
}

// TestErrorPages checks that browsers get pages for missing and withdrawn documents, and feed readers get text.
func TestErrorPages(t *testing.T) {
	blobs := map[feed.Hash]feed.Blob{}
	ref := func(name feed.Name, f feed.Format, body string) feed.DocumentRef {
		b := feed.Blob{Hash: feed.HashOf([]byte(body)), Gzip: coding.GzipSmall([]byte(body)), Size: len(body)}
		blobs[b.Hash] = b
		return feed.DocumentRef{Format: f, Path: name.Path(f), MediaType: f.MediaType(), Hash: b.Hash, Length: b.Size,
			Modified: noon, MaxAge: time.Hour, Policy: "default-src 'none'", Link: "<https://feeds.example/x>; rel=\"self\""}
	}
	missing, gone := ref(feed.Pages, feed.NotFoundPage, "<p>missing</p>"), ref(feed.Pages, feed.GonePage, "<p>gone</p>")
	s, err := NewSnapshot(Options{Retired: []string{"/old.xml", "/q?feed=rss"}}, []feed.Head{
		{Feed: feed.Main, Token: 1, Config: "c", IDs: []string{"a"}, Documents: []feed.DocumentRef{ref(feed.Main, feed.RSS, "<rss/>")}},
		{Feed: feed.Pages, Token: 1, Config: "c", Documents: []feed.DocumentRef{missing, gone}},
		{Feed: "posts/a", Token: 1, Config: "c", Documents: []feed.DocumentRef{ref("posts/a", feed.HTML, "<p>a</p>")}},
	}, func(h feed.Hash) (feed.Blob, bool) { b, ok := blobs[h]; return b, ok })
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, query string
		status      int
		body        string
	}{
		{path: "/nothing", status: 404, body: "<p>missing</p>"},
		{path: "/posts/a/", status: 410, body: "<p>gone</p>"},
		{path: "/old.xml", status: 410, body: "<p>gone</p>"},
		{path: "/q", query: "feed=rss", status: 410, body: "<p>gone</p>"},
		{path: "/404.html", status: 200, body: "<p>missing</p>"},
		{path: "/feed.xml", status: 200, body: "<rss/>"},
	} {
		r := Request{Method: "GET", Path: tt.path, Query: tt.query, Accept: chrome, IfNoneMatch: `"` + string(missing.Hash) + `"`}
		if tt.status == 200 {
			r.IfNoneMatch = ""
		}
		res := Answer(s, r)
		if res.Status != tt.status || string(res.Body) != tt.body {
			t.Errorf("a browser gets %d %q from %s, want %d %q", res.Status, res.Body, tt.path, tt.status, tt.body)
		}
		if tt.status == 200 {
			continue
		}
		got := map[string]string{}
		for _, f := range res.Header {
			got[f.Name] = f.Values[0]
		}
		want := map[string]string{"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding", "Etag": "", "Link": "",
			"Last-Modified": "", "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'"}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: %s is %q, want %q", tt.path, name, got[name], value)
			}
		}
		if res.Feed != "" || res.Format != "" || res.modified != 0 {
			t.Errorf("%s: the error is counted as a response of %s in %s", tt.path, res.Feed, res.Format)
		}
		r.AcceptEncoding = "gzip"
		if res := Answer(s, r); res.Status != tt.status || res.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s with gzip: %d %q", tt.path, res.Status, res.Get("Content-Encoding"))
		}
		r.Method = "HEAD"
		head := Answer(s, r)
		if head.Status != tt.status || head.Body != nil || head.Get("Content-Length") == "" {
			t.Errorf("HEAD %s = %d with %d bytes", tt.path, head.Status, len(head.Body))
		}
		for _, accept := range []string{"", "*/*", netNewsWire} {
			res := Answer(s, Request{Method: "GET", Path: tt.path, Query: tt.query, Accept: accept})
			if res.Status != tt.status || res.Get("Content-Type") != "text/plain; charset=utf-8" || res.Get("Vary") != "Accept" {
				t.Errorf("%s with Accept %q = %d %q, want %d and text", tt.path, accept, res.Status, res.Body, tt.status)
			}
		}
	}
	if diff := cmp.Diff(notFound.Body, Answer(nil, Request{Method: "GET", Path: "/x", Accept: chrome}).Body); diff != "" {
		t.Errorf("a site without pages (-want +got):\n%s", diff)
	}
}
