package intake_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// mediaSizes maps media files to their sizes.
type mediaSizes map[string]int64

func (m mediaSizes) Size(name string) (int64, bool) { size, ok := m[name]; return size, ok }

func TestMediaReferences(t *testing.T) {
	const at = "https://feeds.example/media/"
	site := testSite
	site.BaseURL, site.HomeURL = "https://feeds.example", "https://blog.example/"
	in := intake.New(site, nil).WithMedia(mediaSizes{"trip/sea 1.jpg": 10, "top.png": 20, "trip/talk.mp3": 30})
	for _, tt := range []struct{ name, ref, want, missing string }{
		{"beside the post", "sea%201.jpg", at + "trip/sea%201.jpg", ""},
		{"with a space", "./sea 1.jpg", at + "trip/sea%201.jpg", ""},
		{"in the folder above", "../top.png", at + "top.png", ""},
		{"from the root", "/top.png", at + "top.png", ""},
		{"not in the folder, from the root", "/none.png", "https://blog.example/none.png", ""},
		{"outside the folder", "../../top.png", "https://blog.example/top.png", ""},
		{"missing", "none.png", at + "trip/none.png", "trip/none.png"},
		{"a hidden file", ".sea.jpg", "https://blog.example/.sea.jpg", ""},
		{"a post", "other.md", "https://blog.example/other.md", ""},
		{"absolute", "https://cdn.example/sea.jpg", "https://cdn.example/sea.jpg", ""},
	} {
		raw := fmt.Sprintf(`{"id":"1","_file":"trip/post.md","content_html":"<p><img src=%q></p>"}`, strings.ReplaceAll(tt.ref, `"`, ""))
		raw = strings.ReplaceAll(strings.ReplaceAll(raw, `src="`, `src='`), `"></p>`, `'></p>`)
		result, err := in.Item("1", []byte(raw), feed.Record{ID: "1", FirstSeen: firstSeen})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if want := `<img src="` + tt.want + `"/>`; !strings.Contains(result.Item.HTML, want) {
			t.Errorf("%s: the content is %s, want %s", tt.name, result.Item.HTML, want)
		}
		if got := strings.Join(result.Missing, " "); got != tt.missing {
			t.Errorf("%s: missing files are %q, want %q", tt.name, got, tt.missing)
		}
	}
}

// postFiles maps the paths of files to their posts.
type postFiles map[string]string

func (p postFiles) PostAt(name string) (feed.StoredPost, bool) {
	raw, ok := p[name]
	st := feed.StoredPost{ID: name, Raw: []byte(raw)}
	if name == "trip/absorbed.md" {
		st.Item = &feed.Item{URL: "https://feeds.example/posts/recorded/", RawSum: feed.HashOf(st.Raw)}
	}
	return st, ok
}

// TestLinksToPosts checks that a link to the file of another post becomes the URL of that post.
func TestLinksToPosts(t *testing.T) {
	posts := postFiles{
		"trip/sea.md":        `{"id":"trip/sea.md","content_text":"The sea."}`,
		"trip/absorbed.md":   `{"id":"trip/absorbed.md","content_text":"The sea."}`,
		"trip/a b.md":        `{"id":"trip/a b.md","url":"https://elsewhere.example/a/","content_text":"The sea."}`,
		"Über.md":            `{"id":"Über.md","content_text":"The sea."}`,
		"trip/draft.md":      `{"id":"trip/draft.md","status":"draft","content_text":"The sea."}`,
		"trip/private.html":  `{"id":"trip/private.html","status":"private","content_text":"The sea."}`,
		"trip/bad.md":        `{"id":"trip/bad.md","title":1}`,
		"trip/2020-01-02.md": `{"id":"trip/2020-01-02.md","date_published":"2020-01-02","content_text":"The sea."}`,
	}
	site := testSite
	site.BaseURL, site.HomeURL = "https://feeds.example", "https://blog.example/"
	for _, tt := range []struct{ name, permalink, ref, want, missing string }{
		{"beside the post", "", "sea.md", "https://feeds.example/posts/sea/", ""},
		{"with a fragment", "", "./sea.md#top", "https://feeds.example/posts/sea/#top", ""},
		{"with a recorded name", "", "absorbed.md", "https://feeds.example/posts/recorded/", ""},
		{"with a space", "", "a%20b.md", "https://elsewhere.example/a/", ""},
		{"in the folder above", "", "../Über.md", "https://feeds.example/posts/%C3%BCber/", ""},
		{"from the root", "", "/trip/sea.md", "https://feeds.example/posts/sea/", ""},
		{"a draft", "", "draft.md", "https://blog.example/draft.md", "trip/draft.md"},
		{"a private post", "", "private.html", "https://blog.example/private.html", ""},
		{"a rejected post", "", "bad.md", "https://blog.example/bad.md", "trip/bad.md"},
		{"a missing file", "", "none.md", "https://blog.example/none.md", "trip/none.md"},
		{"a page of the blog", "", "about.html", "https://blog.example/about.html", ""},
		{"outside the folder", "", "../../sea.md", "https://blog.example/sea.md", ""},
		{"absolute", "", "https://blog.example/sea.md", "https://blog.example/sea.md", ""},
		{"with permalinks", "/:year/:slug/", "2020-01-02.md", "https://blog.example/2020/2020-01-02/", ""},
	} {
		site.Permalink = tt.permalink
		in := intake.New(site, nil).WithMedia(mediaSizes{}).WithPosts(posts, true)
		raw := fmt.Sprintf(`{"id":"1","_file":"trip/post.md","content_html":"<a href='%s'>x</a>"}`, tt.ref)
		if tt.permalink != "" {
			raw = strings.Replace(raw, "{", `{"date_published":"2021-01-01",`, 1)
		}
		result, err := in.Item("1", []byte(raw), feed.Record{ID: "1", FirstSeen: firstSeen})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if want := `<a href="` + tt.want + `"`; !strings.Contains(result.Item.HTML, want) {
			t.Errorf("%s: the content is %s, want %s", tt.name, result.Item.HTML, want)
		}
		if got := strings.Join(result.Missing, " "); got != tt.missing {
			t.Errorf("%s: missing files are %q, want %q", tt.name, got, tt.missing)
		}
	}
}

// TestMediaOfPostWithPage checks that the references of a post with a page on the blog are resolved to files in the
// folder or, if there are none, against the URL of that page.
func TestMediaOfPostWithPage(t *testing.T) {
	site := testSite
	site.BaseURL = "https://feeds.example"
	in := intake.New(site, nil).WithMedia(mediaSizes{"a.jpg": 10, "talk.mp3": 30})
	raw := `{"id":"1","url":"https://blog.example/post/","image":"a.jpg","content_html":"<img src='a.jpg'><img src='b.jpg'>",
		"attachments":[{"url":"talk.mp3","mime_type":"audio/mpeg"},{"url":"b.mp3","mime_type":"audio/mpeg"}]}`
	result, err := in.Item("1", []byte(raw), feed.Record{ID: "1", FirstSeen: firstSeen})
	if err != nil {
		t.Fatal(err)
	}
	item := result.Item
	if len(result.Missing) > 0 || item.Image != "https://feeds.example/media/a.jpg" ||
		!strings.Contains(item.HTML, `"https://feeds.example/media/a.jpg"`) ||
		!strings.Contains(item.HTML, `"https://blog.example/post/b.jpg"`) {
		t.Errorf("missing %v, image %s, content %s", result.Missing, item.Image, item.HTML)
	}
	want := []feed.Attachment{
		{URL: "https://feeds.example/media/talk.mp3", MIMEType: "audio/mpeg", SizeInBytes: 30},
		{URL: "https://blog.example/post/b.mp3", MIMEType: "audio/mpeg"},
	}
	if !slices.Equal(item.Attachments, want) {
		t.Errorf("attachments are %+v, want %+v", item.Attachments, want)
	}
}
