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

// TestMediaOfPostWithPage checks that a post with a page on the blog refers to files there, unless they are in the
// folder.
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
