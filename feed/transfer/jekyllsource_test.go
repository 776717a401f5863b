package transfer

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/intake"
)

// site reads a folder and returns one line for each of its posts, skipped items, rejected posts and notes.
func site(t *testing.T, o Options, fsys fstest.MapFS) []string {
	t.Helper()
	var lines []string
	for e, err := range o.ReadFolder(fsys) {
		for _, note := range e.Notes {
			lines = append(lines, "note: "+note)
		}
		switch {
		case err != nil:
			lines = append(lines, "error: "+err.Error())
		case e.Skipped != "":
			lines = append(lines, "skipped: "+e.Pos+": "+string(e.Skipped))
		case e.Post != nil:
			p, err := intake.Decode(e.Post.ID, e.Post.Raw)
			if err != nil {
				t.Errorf("%s: %v", e.Post.ID, err)
			}
			date := ""
			if !p.DatePublished.IsZero() {
				date = p.DatePublished.UTC().Format(time.RFC3339)
			}
			parts := []string{e.Post.ID, p.Title, date, p.URL}
			if p.Status != "" {
				parts = append(parts, string(p.Status))
			}
			lines = append(lines, strings.Join(parts, " | "))
		}
	}
	return lines
}

// TestJekyllSources checks where a Jekyll site's posts are found, and which files are posts.
func TestJekyllSources(t *testing.T) {
	const words = "---\ntitle: T\n---\nWords.\n"
	const url = "url: https://b.example\npermalink: /:title/\n"
	for _, tt := range []struct {
		name string
		site fstest.MapFS
		want []string
	}{
		{"source, as in Octopress", files("_config.yml", url+"source: source\ndestination: public\n", "README.md", words,
			"source/_posts/2015-01-02-a.md", words, "public/2015/index.html", "<p>A</p>", "source/atom.xml", "---\n---\n<feed/>",
			"sass/x.txt", "x"), []string{"_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/a/"}},
		{"source outside", files("_config.yml", url+"source: ../elsewhere\n", "_posts/2015-01-02-a.md", words),
			[]string{`note: source "../elsewhere" is not a folder of the site; reading the site's folder`,
				"_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/a/"}},
		{"source is a file", files("_config.yml", url+"source: a.md\n", "a.md", words), []string{"a.md | T |  | "}},
		{"posts in categories only", files("_config.yml", url+"permalink: none\n", "about.md", words, "sea/far/_posts/2015-01-02-a.md", words),
			[]string{"sea/far/_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/sea/far/a.html"}},
		{"collections_dir", files("_config.yml", url+"collections_dir: texts\n", "texts/_posts/2015-01-02-a.md", words,
			"_posts/2015-01-02-b.md", words), []string{"texts/_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/a/"}},
		{"exclude and include", files("_config.yml", url+"exclude: [old, '*/secret-*', vendor/]\ninclude: [old/_posts/2015-01-05-e.md]\n",
			"_posts/2015-01-02-a.md", words, "old/_posts/2015-01-03-b.md", words, "_posts/2015-01-04-c.md", words,
			"sub/secret-x/_posts/2015-01-04-d.md", words, "old/_posts/2015-01-05-e.md", words, "vendor/_posts/2015-01-06-f.md", words,
			"node_modules/x/_posts/2015-01-06-f.md", words, "_site/_posts/2015-01-06-g.md", words),
			[]string{"_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/a/",
				"_posts/2015-01-04-c.md | T | 2015-01-04T00:00:00Z | https://b.example/c/",
				"old/_posts/2015-01-05-e.md | T | 2015-01-05T00:00:00Z | https://b.example/e/"}},
		{"names", files("_config.yml", url, "_posts/2013-5-1-a.mkd", words, "_posts/13-05-02-b.html", words, "_posts/notes.md", words,
			"_posts/_2013-05-03-c.md", words, "_posts/2013-05-04-d.md~", words, "_posts/2013-05-05-e.textile", words, "_posts/x.textile", words,
			"_posts/2013-05-06-f.json", `{"id": "x"}`, "_posts/2013-05-07-g.xml", "<rss/>", "_posts/#x/2013-05-08-h.md", words,
			"_posts/sub/2013-05-09-the-sea..md", "Words.", "_posts/2013-13-45-i.md", words),
			[]string{"_posts/13-05-02-b.html | T | 2013-05-02T00:00:00Z | https://b.example/b/",
				"error: _posts/2013-05-05-e.textile: the format .textile cannot be read; convert the post to Markdown or HTML: invalid",
				"_posts/2013-13-45-i.md | T |  | https://b.example/i/", "_posts/2013-5-1-a.mkd | T | 2013-05-01T00:00:00Z | https://b.example/a/",
				"skipped: _posts/notes.md: undated", "_posts/sub/2013-05-09-the-sea..md | The Sea | 2013-05-09T00:00:00Z | https://b.example/the-sea/"}},
		{"host only", files("_config.yml", "url: //b.example/\npermalink: /:title/\n", "_posts/2015-01-02-a.md", words),
			[]string{`note: the site's URL "//b.example/" has no scheme; using https://b.example`,
				"_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/a/"}},
		{"no URL", files("_config.yml", "url: ''\npermalink: /:title/\n", "CNAME", "b.example\n", "_posts/2015-01-02-a.md", words),
			[]string{`note: the site's URL "b.example" has no scheme; using https://b.example`,
				"_posts/2015-01-02-a.md | T | 2015-01-02T00:00:00Z | https://b.example/a/"}},
		{"titles", files("_config.yml", url, "_posts/2015-01-02-a-long-WALK.md", "---\n---\nWords.", "_posts/2015-01-03-b.md", "---\ntitle: <i>A</i> &amp; B\n---\n",
			"_posts/2015-01-04-c.md", "# Heading\n\nWords."),
			[]string{"_posts/2015-01-02-a-long-WALK.md | A Long Walk | 2015-01-02T00:00:00Z | https://b.example/a-long-WALK/",
				"_posts/2015-01-03-b.md | A & B | 2015-01-03T00:00:00Z | https://b.example/b/",
				"_posts/2015-01-04-c.md | Heading | 2015-01-04T00:00:00Z | https://b.example/c/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, site(t, Options{}, tt.site)); diff != "" {
				t.Errorf("posts and notes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestJekyllDates checks that dates are read as Jekyll reads them: as UTC if YAML defines the format, and otherwise in
// the time zone of the site.
func TestJekyllDates(t *testing.T) {
	for _, tt := range []struct{ date, want, note string }{
		{"2015-07-02 10:00:00", "2015-07-02T10:00:00Z", ""},
		{"2015-07-02T10:00:00", "2015-07-02T10:00:00Z", ""},
		{"'2015-07-02 10:00:00'", "2015-07-02T09:00:00Z", ""},
		{`"2015-07-02 10:00:00 +0200"`, "2015-07-02T08:00:00Z", ""},
		{"2015-07-02 10:00:00 +0200", "2015-07-02T08:00:00Z", ""},
		{"2015-07-02 10:00", "2015-07-02T09:00:00Z", ""},
		{"2015-07-02", "2015-07-01T23:00:00Z", ""},
		{"2015-7-2", "2015-07-01T23:00:00Z", ""},
		{"2015-07-02 10.15", "2015-07-01T23:00:00Z", `date "2015-07-02 10.15" is read as 2015-07-02 00:00:00, as in Jekyll`},
		{"2015-07-02 17:31:22:02", "2015-07-02T16:31:22Z", `date "2015-07-02 17:31:22:02" is read as 2015-07-02 17:31:22, as in Jekyll`},
		{"2015-02-30 10:00 -0200", "2015-03-02T12:00:00Z", `date "2015-02-30 10:00 -0200" is read as 2015-03-02 10:00:00, as in Jekyll`},
		{"2015-02-30", "2015-03-02T00:00:00Z", `date "2015-02-30" is read as 2015-03-02 00:00:00, as in Jekyll`},
		{"", "2015-12-31T00:00:00Z", ""},
	} {
		got := site(t, Options{}, files("_config.yml", "url: https://b.example\ntimezone: Europe/London\npermalink: /:year/:month/:day/:title",
			"_posts/2015-12-31-a.md", "---\ntitle: T\ndate: "+tt.date+"\n---\n"))
		var want []string
		if tt.note != "" {
			want = append(want, "note: _posts/2015-12-31-a.md: "+tt.note)
		}
		day := "2015/07/02"
		switch {
		case tt.date == "":
			day = "2015/12/31"
		case strings.HasPrefix(tt.date, "2015-02"):
			day = "2015/03/02"
		}
		want = append(want, "_posts/2015-12-31-a.md | T | "+tt.want+" | https://b.example/"+day+"/a")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("date %q: (-want +got):\n%s", tt.date, diff)
		}
	}
	got := site(t, Options{}, files("_config.yml", "url: https://b.example\ntimezone: Mars/Sea\npermalink: /:title", "_posts/2015-12-31-a.md", ""))
	want := []string{`note: unknown time zone "Mars/Sea"; using UTC`, "_posts/2015-12-31-a.md | A | 2015-12-31T00:00:00Z | https://b.example/a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unknown time zone (-want +got):\n%s", diff)
	}
}

// TestDuplicateKeys checks that the last of several values of a key is used, with a note, unless the key determines
// whether the post is public.
func TestDuplicateKeys(t *testing.T) {
	for _, tt := range []struct{ front, want string }{
		{"title: A\ntags: [x]\ntitle: B", "note: a.md: line 4: the key \"title\" is given twice, and the last value is used\na.md | B |  | "},
		{"title: A\nimage:\n  src: a\n  src: b", "note: a.md: line 5: the key \"src\" is given twice, and the last value is used\na.md | A |  | "},
		{"draft: true\ndraft: false", `error: a.md: line 3: front matter: the key "draft" has two values: invalid`},
		{"Published: false\nx: 1\nPublished: true", `error: a.md: line 4: front matter: the key "Published" has two values: invalid`},
		{"build: {render: never, render: always}", `error: a.md: line 2: front matter: the key "render" has two values: invalid`},
		{"title: A\ndraft: true\ndraft: true", "note: a.md: line 4: the key \"draft\" is given twice, and the last value is used\na.md | A |  |  | draft"},
	} {
		got := strings.Join(site(t, Options{}, files("a.md", "---\n"+tt.front+"\n---\nWords.\n")), "\n")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("front matter %q (-want +got):\n%s", tt.front, diff)
		}
	}
}
