package transfer

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// readFolder returns the decoded posts of a folder.
func readFolder(t *testing.T, fsys fs.FS) []feed.Post {
	t.Helper()
	var posts []feed.Post
	for e, err := range (Options{}).ReadFolder(fsys) {
		if err != nil {
			t.Errorf("%s: %v", e.Pos, err)
			continue
		}
		if e.Post == nil {
			continue
		}
		p, err := intake.Decode(e.Post.ID, e.Post.Raw)
		if err != nil {
			t.Errorf("%s: %v", e.Pos, err)
		}
		posts = append(posts, p)
	}
	return posts
}

// outline summarizes each post in one line.
func outline(posts []feed.Post) []string {
	var lines []string
	for _, p := range posts {
		date := ""
		if !p.DatePublished.IsZero() {
			date = p.DatePublished.Format(time.RFC3339)
		}
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%s|%s|%v|%v", p.ID, p.Title, date, p.URL, p.Status, p.Tags, p.Authors))
	}
	return lines
}

// TestReadSiteFolder checks that only the posts of a Hugo or Jekyll site are read.
func TestReadSiteFolder(t *testing.T) {
	for folder, want := range map[string][]string{
		"testdata/hugo": {
			"posts/sea.md|The sea|2020-05-01T10:00:00+02:00|https://blog.example/sea/||[sea walks Notes]|[{Ann Lee  }]",
			"posts/walk/index.md|A walk|2021-01-02T00:00:00Z|https://blog.example/posts/walk/|draft|[]|[]",
		},
		"testdata/jekyll": {
			"_drafts/idea.md|Idea||/idea/|draft|[]|[]",
			"_posts/2015-03-04-hello.md|Hello|2015-03-04T00:00:00Z|/hello/||[a b notes]|[{Ann  }]",
			"_posts/2016-01-01-later.markdown|Later|2016-01-01T08:00:00-05:00|/later.html|draft|[]|[]",
		},
	} {
		if diff := cmp.Diff(want, outline(readFolder(t, os.DirFS(folder)))); diff != "" {
			t.Errorf("posts in %s (-want +got):\n%s", folder, diff)
		}
	}
}

// TestReadZip checks that a zip archive has the same posts as the folder, and that a decompression bomb in the archive
// does not affect other files.
func TestReadZip(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := w.AddFS(files("a.md", "One", "notes/b.md", "Two", "notes/c.md", "Three")); err != nil {
		t.Fatal(err)
	}
	bomb, err := w.Create("notes/bomb.txt.gz.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bomb.Write([]byte(`{"id":"a","x":`)); err != nil {
		t.Fatal(err)
	}
	// Spaces are compressed by a factor of about 1000, so this is too large by 5 MB.
	if _, err := bomb.Write(bytes.Repeat([]byte(" "), freeBytes+freeBytes/3)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	posts, damaged := 0, 0
	for e, err := range (Options{}).ReadFolder(archive) {
		if errors.Is(err, ErrDamaged) {
			damaged++
		} else if err == nil && e.Post != nil {
			posts++
		}
	}
	if posts != 3 || damaged != 1 {
		t.Errorf("got %d posts and %d damaged files, want 3 and 1", posts, damaged)
	}
}

// TestReadWXR checks all members of the posts of an export.
func TestReadWXR(t *testing.T) {
	const n = 1000
	var b strings.Builder
	name, head := wrap("wxr", "")
	b.WriteString(strings.TrimSuffix(head, "</channel></rss>"))
	statuses := []struct {
		wp   string
		want feed.Status
	}{{"publish", ""}, {"draft", feed.Draft}, {"private", feed.Private}, {"future", ""}, {"pending", feed.Draft}}
	start := time.Date(2004, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, `<item><title>Post %d &amp; more</title><guid isPermaLink="false">https://b.example/?p=%d</guid><dc:creator>ann</dc:creator>`+
			`<category domain="category" nicename="c"><![CDATA[C %d]]></category><category domain="post_tag" nicename="t"><![CDATA[T]]></category>`+
			`<content:encoded><![CDATA[First.`+"\n\n"+`[caption width="1"]<img src="https://b.example/%d.jpg" /> Sea[/caption] <!--more-->`+"\n\n"+`<blockquote>Quoted.</blockquote>]]></content:encoded>`+
			`<wp:post_id>%d</wp:post_id><wp:post_date_gmt>%s</wp:post_date_gmt><wp:status>%s</wp:status><wp:post_type>post</wp:post_type></item>`+"\n",
			i, i, i%7, i, i, start.Add(time.Duration(i)*time.Hour).Format(time.DateTime), statuses[i%len(statuses)].wp)
	}
	b.WriteString("</channel></rss>")
	i := 0
	for e, err := range (Options{}).Read(strings.NewReader(b.String()), name) {
		if err != nil {
			t.Fatal(err)
		}
		var got feed.Post
		if err := json.Unmarshal(e.Post.Raw, &got); err != nil {
			t.Fatal(err)
		}
		want := feed.Post{
			ID: fmt.Sprintf("https://b.example/?p=%d", i), Title: fmt.Sprintf("Post %d & more", i), Status: statuses[i%len(statuses)].want,
			ContentHTML: fmt.Sprintf("<p>First.</p>\n<figure><img src=\"https://b.example/%d.jpg\" /><figcaption>Sea</figcaption>\n</figure>\n<blockquote><p>Quoted.</p>\n</blockquote>", i),
			Authors:     []feed.Author{{Name: "Ann Lee"}}, Tags: []string{fmt.Sprintf("C %d", i%7), "T"}, DatePublished: start.Add(time.Duration(i) * time.Hour),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("post %d (-want +got):\n%s", i, diff)
		}
		i++
	}
	if i != n {
		t.Errorf("read %d posts, want %d", i, n)
	}
}
