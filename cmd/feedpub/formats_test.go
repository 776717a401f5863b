package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
	"feedpub/store/embedded"
)

func TestDecodeFile(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		want                string // JSON
	}{
		{"JSON is unchanged", "a.json", `{"id":"a",  "x":1}`, `{"id":"a","x":1}`},
		{"JSON without an id", "notes/a.json", `{"title":"A"}`, `{"title":"A"}`},
		{"byte order mark", "a.json", "\ufeff{\"id\":\"a\"}", `{"id":"a"}`},
		{
			"Markdown without front matter takes its first heading as title", "notes/walk.md", "# A walk\n\nWe went *out*.\n",
			`{"id":"notes/walk.md","_file":"notes/walk.md","title":"A walk","content_markdown":"We went *out*.\n"}`,
		},
		{
			"Markdown without a title", "walk.md", "We went out.\n\n# Later\n",
			`{"id":"walk.md","content_markdown":"We went out.\n\n# Later\n"}`,
		},
		{
			"front matter", "walk.md",
			"---\ntitle: A walk\ndate: 2025-08-09T07:00:00Z\nlastmod: 2025-08-10\nauthor: Ann\ntags: [Books, Walking]\n" +
				"description: Out.\nlang: en-GB\npermalink: https://example.org/walk\nlink: https://example.com/\n" +
				"---\n\nWe went out.\n",
			`{"id":"walk.md","title":"A walk","date_published":"2025-08-09T07:00:00Z","date_modified":"2025-08-10",
			  "authors":[{"name":"Ann"}],"tags":["Books","Walking"],"summary":"Out.","language":"en-GB",
			  "url":"https://example.org/walk","external_url":"https://example.com/","content_markdown":"We went out.\n"}`,
		},
		{
			"members of a post in front matter", "walk.md",
			"---\nid: walk\nauthors: [Ann, {name: Bob, url: 'https://example.org/bob'}]\nvia: [{name: Cy}]\n" +
				"quotes: [{source: {publication: The Star}, text: Out}]\nattribution: given\nmood: fine\n---\nOut\n",
			`{"id":"walk","authors":[{"name":"Ann"},{"name":"Bob","url":"https://example.org/bob"}],"via":[{"name":"Cy"}],
			  "quotes":[{"source":{"publication":"The Star"},"text":"Out"}],"attribution":"given","mood":"fine",
			  "content_markdown":"Out\n"}`,
		},
		{
			"id before guid", "walk.md", "---\nguid: old\nid: new\n---\nOut\n",
			`{"id":"new","content_markdown":"Out\n"}`,
		},
		{"an id that is a number", "walk.md", "---\nguid: 2024\n---\nOut\n", `{"id":"2024","content_markdown":"Out\n"}`},
		{
			"categories and tags are tags", "walk.md", "---\ntags: a, b\ncategories: [c]\n---\nOut\n",
			`{"id":"walk.md","tags":["a","b","c"],"content_markdown":"Out\n"}`,
		},
		{
			"Hugo's draft", "walk.md", "---\ndraft: true\n---\nOut\n",
			`{"id":"walk.md","status":"draft","content_markdown":"Out\n"}`,
		},
		{
			"Jekyll's draft", "walk.md", "---\npublished: false\n---\nOut\n",
			`{"id":"walk.md","status":"draft","content_markdown":"Out\n"}`,
		},
		{
			"a private draft is private", "walk.md", "---\ndraft: true\nstatus: private\n---\nOut\n",
			`{"id":"walk.md","status":"private","content_markdown":"Out\n"}`,
		},
		{
			"not a draft", "walk.md", "---\ndraft: false\n---\nOut\n",
			`{"id":"walk.md","content_markdown":"Out\n"}`,
		},
		{"empty front matter", "walk.md", "---\n---\nOut\n", `{"id":"walk.md","content_markdown":"Out\n"}`},
		{"a thematic break is not front matter", "walk.md", "Out\n\n---\n\nIn\n",
			`{"id":"walk.md","content_markdown":"Out\n\n---\n\nIn\n"}`},
		{
			"HTML document", "walk.html",
			`<!DOCTYPE html><html lang=en><head><title>A walk</title><meta name=author content=Ann>` +
				`<meta name="date" content="2025-08-09"><meta name="keywords" content="Books, Walking">` +
				`<link rel=canonical href="https://example.org/walk"></head>` +
				`<body><h1>A  walk</h1><p>We went <em>out</em>.</body></html>`,
			`{"id":"walk.html","title":"A walk","authors":[{"name":"Ann"}],"date_published":"2025-08-09",
			  "tags":["Books","Walking"],"language":"en","url":"https://example.org/walk",
			  "content_html":"<p>We went <em>out</em>.</p>"}`,
		},
		{
			"HTML fragment", "walk.html", `<h1>A walk</h1><p>Out</p>`,
			`{"id":"walk.html","title":"A walk","content_html":"<p>Out</p>"}`,
		},
		{
			"a heading that is not the title is kept", "walk.html", `<title>A walk</title><h1>Morning</h1><p>Out</p>`,
			`{"id":"walk.html","title":"A walk","content_html":"<h1>Morning</h1><p>Out</p>"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decodeOne(t, c.file, []byte(c.content)).Raw
			if diff := cmp.Diff(parseJSON(t, []byte(c.want)), parseJSON(t, got)); diff != "" {
				t.Errorf("post in %s (-want +got):\n%s", c.file, diff)
			}
			if again := decodeOne(t, c.file, []byte(c.content)).Raw; string(again) != string(got) {
				t.Errorf("decoding %s twice gives\n%s and\n%s", c.file, got, again)
			}
		})
	}
}

// decoder returns the decoder of files for the default configuration.
func decoder(t testing.TB) embedded.Decode {
	t.Helper()
	reader, err := hosting.NewReader(config.Default().Attribution)
	if err != nil {
		t.Fatal(err)
	}
	return transfer.Options{Reader: reader}.Decode
}

// decodeOne returns the only post in a file.
func decodeOne(t *testing.T, name string, content []byte) feed.RawPost {
	t.Helper()
	posts, err := decoder(t)(name, content)
	if err != nil || len(posts) != 1 {
		t.Fatalf("%s has %d posts, want 1 (error %v)", name, len(posts), err)
	}
	return posts[0]
}

func parseJSON(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func TestDecodeFileErrors(t *testing.T) {
	decodeFile := decoder(t)
	for _, c := range []struct{ name, file, content, want string }{
		{"JSON cut off", "a.json", "{\n\"id\": \"a", "a.json:2: the JSON ends too early: invalid"},
		{"no end of front matter", "a.md", "---\ntitle: A\n",
			`line 1: front matter has no end: want a second line "---": invalid`},
		{"front matter that is not YAML", "a.md", "---\ntitle: [A\n---\n",
			"line 2: front matter: sequence end token ']' not found: invalid"},
		{"front matter that is a list", "a.md", "---\n- A\n---\n", "front matter: want a YAML mapping of keys to values: invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decodeFile(c.file, []byte(c.content))
			if !errors.Is(err, feed.ErrInvalid) || err.Error() != c.want {
				t.Errorf("got error %v, want %s", err, c.want)
			}
		})
	}
	if posts, err := decodeFile("picture.jpg", []byte("JFIF")); err != nil || len(posts) > 0 {
		t.Errorf("a picture is decoded as %d posts (error %v), want no posts", len(posts), err)
	}
}

// TestSamples checks that the sample posts have no problems and that their quotes are credited.
func TestSamples(t *testing.T) {
	reader, err := hosting.NewReader(config.Default().Attribution)
	if err != nil {
		t.Fatal(err)
	}
	in := intake.New(feed.Site{ID: "main", Title: "main", Language: "en", HomeURL: "http://127.0.0.1:8080"}, reader)
	entries, err := fs.ReadDir(samples, "samples")
	if err != nil || len(entries) < 6 {
		t.Fatalf("found %d sample posts: %v", len(entries), err)
	}
	// The publications and authors of the quotes, by file.
	want := map[string][]string{
		"about-these-posts.md":   nil,
		"analytical-engine.json": {"Scientific Memoirs: Ada Lovelace"},
		"coffee-houses.html":     {"Spectator: Joseph Addison"},
		"endless-forms.json":     {"On the Origin of Species: Charles Darwin"},
		"first-sentences.md": {"Pride and Prejudice: Jane Austen", "Moby-Dick: Herman Melville",
			"Frankenstein: Mary Shelley"},
		"hope.json":      {"Poems by Emily Dickinson, Second Series: Emily Dickinson"},
		"north-star.txt": {"North Star: Frederick Douglass"},
		"walden.md":      {"Walden: Henry David Thoreau"},
	}
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			content, err := samples.ReadFile("samples/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			post := decodeOne(t, e.Name(), content)
			result, err := in.Item(post.ID, post.Raw, feed.Record{})
			if err != nil {
				t.Fatalf("the post is rejected: %v", err)
			}
			if result.Item == nil {
				t.Fatalf("the post is withheld: %s", result.Withheld)
			}
			if result.Item.Published.IsZero() {
				t.Error("the post has no date, so its documents would differ between machines")
			}
			var got []string
			for _, q := range result.Item.Quotes {
				var authors []string
				for _, a := range q.Source.Authors {
					authors = append(authors, a.Name)
				}
				got = append(got, strings.TrimPrefix(q.Source.Publication, "The ")+": "+strings.Join(authors, ", "))
			}
			if diff := cmp.Diff(want[e.Name()], got); diff != "" {
				t.Errorf("quotes of %s (-want +got):\n%s\nsuggestions: %+v", e.Name(), diff, result.Suggestions)
			}
		})
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("there is no sample post %s", name)
	}
}

func FuzzDecodeFile(f *testing.F) {
	entries, err := fs.ReadDir(samples, "samples")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		content, err := samples.ReadFile("samples/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Name(), content)
	}
	f.Add("a.md", []byte("---\ntitle: {\n---\n"))
	f.Add("a.html", []byte("<body><svg><title>x</title><h1>"))
	decodeFile := decoder(f)
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		posts, err := decodeFile(name, content)
		if err != nil && (!errors.Is(err, feed.ErrInvalid) || len(posts) > 0) {
			t.Fatalf("got %d posts and error %v, want no posts and an error of kind ErrInvalid", len(posts), err)
		}
		for _, p := range posts {
			if !json.Valid(p.Raw) || p.ID == "" {
				t.Errorf("the post %q is not JSON or has no id: %q", p.ID, p.Raw)
			}
			if err := intake.CheckID(p.ID); err == nil && !strings.HasSuffix(strings.ToLower(name), ".json") {
				again, err := decodeFile("post.json", p.Raw)
				if err != nil || len(again) != 1 || again[0].ID != p.ID {
					t.Errorf("the post %q is decoded from its JSON as %+v (error %v): %s", p.ID, again, err, p.Raw)
				}
			}
		}
	})
}
