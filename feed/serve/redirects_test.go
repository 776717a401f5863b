package serve

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"feedpub/feed"
	"feedpub/feed/alias"
)

// siteWith returns a snapshot of feeds whose documents have the given aliases.
func siteWith(t testing.TB, o Options, aliases []feed.Alias, names ...feed.Name) *Snapshot {
	t.Helper()
	var heads []feed.Head
	blobs := map[feed.Hash]feed.Blob{}
	for _, name := range names {
		head, committed := commit(name, 1, noon, string(name))
		for i := range head.Documents {
			for _, a := range aliases {
				if a.Feed == name && a.Format == head.Documents[i].Format {
					head.Documents[i].Aliases = append(head.Documents[i].Aliases, a.Target)
				}
			}
		}
		heads = append(heads, head)
		for _, b := range committed {
			blobs[b.Hash] = b
		}
	}
	s, err := NewSnapshot(o, heads, func(h feed.Hash) (feed.Blob, bool) { b, ok := blobs[h]; return b, ok })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAliases requests the aliases of each platform over HTTP.
func TestAliases(t *testing.T) {
	for _, tt := range []struct {
		preset feed.Preset
		target string
		want   string // the document's own path, or a status
	}{
		{alias.WordPress, "/feed/", "/feed.xml"},
		{alias.WordPress, "/feed", "/feed.xml"},
		{alias.WordPress, "/feed/?utm_source=x", "/feed.xml"},
		{alias.WordPress, "/feed/atom/", "/atom.xml"},
		{alias.WordPress, "/?feed=rss2", "/feed.xml"},
		{alias.WordPress, "/?feed=atom", "/atom.xml"},
		{alias.WordPress, "/?feed=comments-rss2", "410"},
		{alias.WordPress, "/comments/feed/", "410"},
		{alias.WordPress, "/tag/foreign-policy/feed/", "/tags/foreign-policy/feed.xml"},
		{alias.WordPress, "/category/foreign-policy/feed/atom/", "/tags/foreign-policy/atom.xml"},
		{alias.WordPress, "/?feed=rss2&tag=foreign-policy", "/tags/foreign-policy/feed.xml"},
		{alias.WordPress, "/author/z%C3%BCrich/feed/", "/authors/zürich/feed.xml"},
		{alias.WordPress, "/tag/unknown/feed/", "404"},
		{alias.WordPress, "/rss/", "404"},
		{alias.Ghost, "/rss/", "/feed.xml"},
		{alias.Ghost, "/tag/foreign-policy/rss/", "/tags/foreign-policy/feed.xml"},
		{alias.Ghost, "/author/z%C3%BCrich/rss/", "/authors/zürich/feed.xml"},
		{alias.Hugo, "/index.xml", "/feed.xml"},
		{alias.Hugo, "/posts/index.xml", "/feed.xml"},
		{alias.Hugo, "/tags/foreign-policy/index.xml", "/tags/foreign-policy/feed.xml"},
		{alias.Jekyll, "/feed.xml", "/feed.xml"},
		{alias.Jekyll, "/feed/by_tag/foreign-policy.xml", "/tags/foreign-policy/atom.xml"},
		{alias.Blogger, "/feeds/posts/default", "/atom.xml"},
		{alias.Blogger, "/feeds/posts/default?alt=rss", "/feed.xml"},
		{alias.Blogger, "/feeds/posts/default?orderby=published", "/atom.xml"},
		{alias.Blogger, "/feeds/posts/default/-/Foreign%20Policy", "/tags/foreign-policy/atom.xml"},
		{alias.Blogger, "/feeds/posts/default/-/Foreign%20Policy?alt=rss", "/tags/foreign-policy/feed.xml"},
		{alias.Blogger, "/rss.xml", "/feed.xml"},
		{alias.Blogger, "/atom.xml", "/atom.xml"},
		{alias.Blogger, "/feeds/comments/default", "410"},
	} {
		t.Run(string(tt.preset)+tt.target, func(t *testing.T) {
			var aliases []feed.Alias
			for n, full := range map[feed.Name]string{feed.Main: "", "tags/foreign-policy": "Foreign Policy",
				"authors/zürich": "Zürich"} {
				aliases = append(aliases, alias.Paths(tt.preset, n, full)...)
			}
			s := siteWith(t, Options{Retired: alias.Retired(tt.preset)}, aliases, feed.Main, "tags/foreign-policy",
				"authors/zürich")
			res := httptest.NewRecorder()
			NewHandler(&Front{Documents: fixed{s}}).ServeHTTP(res, httptest.NewRequest(http.MethodGet, tt.target, nil))
			got := fmt.Sprint(res.Code)
			if res.Code == http.StatusOK {
				own := s.document(tt.want)
				if own == nil {
					t.Fatalf("%s is served, but not %s, the document's own path", tt.target, tt.want)
				}
				if tag := res.Header().Get("Etag"); tag == `"`+string(own.ref.Hash)+`"` {
					got = tt.want
				}
			}
			if got != tt.want {
				t.Errorf("%s: %s, want %s", tt.target, got, tt.want)
			}
		})
	}
}

func TestMovedFeeds(t *testing.T) {
	s := siteWith(t, Options{
		Moved: map[string]string{
			"/old.xml": "https://feeds.example/né/feed.xml", "/tags/go/feed.xml": "https://x.example/",
			"/?p=1": "https://y.example/",
		},
		Retired: []string{"/?gone=1"},
	}, nil, feed.Main, "tags/go")
	for _, tt := range []struct {
		path, query, location string
		status                int
	}{
		{"/old.xml", "", "https://feeds.example/n%C3%A9/feed.xml", 301},
		{"/old.xml", "any=query", "https://feeds.example/n%C3%A9/feed.xml", 301},
		{"/tags/go/feed.xml", "", "https://x.example/", 301}, // a committed document
		{"/tags/go/atom.xml", "", "", 200},
		{"/", "p=1", "https://y.example/", 301},
		{"/", "p=2", "", 200},
		{"/", "gone=1", "", 410},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := Answer(s, Request{Method: method, Path: tt.path, Query: tt.query})
			if res.Status != tt.status || res.Get("Location") != tt.location {
				t.Errorf("%s %s?%s: status %d with Location %q, want %d with %q", method, tt.path, tt.query, res.Status,
					res.Get("Location"), tt.status, tt.location)
			}
			if method == "HEAD" && res.Body != nil {
				t.Errorf("the response to HEAD %s has a body", tt.path)
			}
		}
	}
}

func TestPathPrecedesAlias(t *testing.T) {
	s := siteWith(t, Options{}, []feed.Alias{
		{Target: "/tags/go/feed.xml", Feed: feed.Main, Format: feed.RSS},
		{Target: "/contested", Feed: "tags/go", Format: feed.RSS},
		{Target: "/contested", Feed: feed.Main, Format: feed.Atom},
	}, feed.Main, "tags/go")
	if got, want := hashAt(t, s, "/tags/go/feed.xml"), s.edition("tags/go").documents[0].ref.Hash; got != string(want) {
		t.Error("an alias of the main feed is served at the path of another feed")
	}
	if got, want := hashAt(t, s, "/contested"), hashAt(t, s, "/atom.xml"); got != want {
		t.Error("an alias of two feeds does not select the first feed by name")
	}
}

// TestUnknownPathBeforeAllFeedsAreKnown checks that an unknown path that may be an alias is answered with 503 until all
// feeds are known, because readers may give up on a feed after a 404.
func TestUnknownPathBeforeAllFeedsAreKnown(t *testing.T) {
	for aliases, want := range map[bool]int{true: 503, false: 404} {
		s := emptySnapshot(newRedirects(Options{Aliases: aliases}))
		if got := Answer(s, Request{Method: "GET", Path: "/feed"}).Status; got != want {
			t.Errorf("status of /feed with aliases %v is %d, want %d", aliases, got, want)
		}
	}
	s := siteWith(t, Options{Aliases: true}, nil, feed.Main)
	if got := Answer(s, Request{Method: "GET", Path: "/feed"}).Status; got != 404 {
		t.Errorf("status of an unknown path is %d when all feeds are known, want 404", got)
	}
}

func TestAnswerWithQueryDoesNotAllocate(t *testing.T) {
	s := siteWith(t, Options{}, []feed.Alias{{Target: "/?feed=rss2", Feed: feed.Main, Format: feed.RSS}}, feed.Main)
	r := Request{Method: "GET", Path: "/", Query: "feed=rss2", AcceptEncoding: "gzip"}
	if n := testing.AllocsPerRun(100, func() { Answer(s, r) }); n != 0 {
		t.Errorf("Answer for a path with a query makes %v allocations, want none", n)
	}
}

func TestContentSecurityPolicy(t *testing.T) {
	head, blobs := commit(feed.Main, 1, noon, "page")
	const policy = "default-src 'none'"
	head.Documents[0].Policy = policy
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
	for path, want := range map[string]string{"/feed.xml": policy, "/atom.xml": ""} {
		if got := Answer(s, Request{Method: "GET", Path: path}).Get("Content-Security-Policy"); got != want {
			t.Errorf("%s is served with Content-Security-Policy %q, want %q", path, got, want)
		}
	}
}
