package transfer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// dataURL returns a data: URL with n bytes that begin like a PNG image.
func dataURL(kind string, n int) string {
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\x89PNG \xff"), n/6+1)[:n])
}

// TestImageFiles checks which images in the content of posts become files. In the contents, BIG and SMALL stand for
// data: URLs, and FILE for the path of a file.
func TestImageFiles(t *testing.T) {
	big, small := dataURL("png", 6000), dataURL("png", 60)
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	jpeg := dataURL("jpeg", 8000)
	md := func(front, body string) string { return "---\ntitle: Pictures\n" + front + "---\n" + body + "\n" }
	item := func(content, more string) string {
		return `<rss version="2.0"><channel><item><guid>a</guid><title>Pictures</title>` + more + `<description><![CDATA[` + content +
			`]]></description></item></channel></rss>`
	}
	for _, tt := range []struct {
		name, file, content string
		want                string // content of the post
		files               int
	}{
		{"RSS", "f.xml", item(`<p>One <img src="BIG" alt="a">.</p>`, ""), `<p>One <img src="FILE" alt="a">.</p>`, 1},
		{"link to the image", "f.xml", item(`<a href="BIG"><img src="BIG"></a>`, ""), `<a href="FILE"><img src="FILE"></a>`, 1},
		{"srcset", "f.xml", item(`<img src="SMALL" srcset="BIG 2x">`, ""), `<img src="SMALL" srcset="FILE 2x">`, 1},
		{"small", "f.xml", item(`<img src="SMALL">`, ""), `<img src="SMALL">`, 0},
		{"code", "f.xml", item(`<pre>&lt;img src="BIG"&gt;</pre>`, ""), `<pre>&lt;img src="BIG"&gt;</pre>`, 0},
		{"code and image", "f.xml", item(`<img src="BIG"><pre>BIG</pre>`, ""), `<img src="BIG"><pre>BIG</pre>`, 0},
		{"not Base64", "f.xml", item(`<img src="BIGA">`, ""), `<img src="BIGA">`, 0},
		{"unknown type", "f.xml", item(`<img src="ODD">`, ""), `<img src="ODD">`, 0},
		{"draft", "f.xml", item(`<img src="BIG">`, `<control xmlns="http://www.w3.org/2007/app"><draft>yes</draft></control>`),
			`<img src="BIG">`, 0},
		{"scheduled", "f.xml", item(`<img src="BIG">`, `<pubDate>Mon, 04 May 2026 10:00:00 GMT</pubDate>`), `<img src="BIG">`, 0},
		{"past date", "f.xml", item(`<img src="BIG">`, `<pubDate>Mon, 04 May 2020 10:00:00 GMT</pubDate>`), `<img src="FILE">`, 1},
		{"two images", "f.xml", item(`<img src="BIG"><img src="JPEG">`, ""), `<img src="FILE"><img src="FILE">`, 2},

		{"Markdown", "a.md", md("", "One ![a](BIG) two."), "One ![a](FILE) two.\n", 1},
		{"Markdown reference", "a.md", md("", "One ![a][x] ![b][x].\n\n[x]: <BIG>"), "One ![a][x] ![b][x].\n\n[x]: <FILE>\n", 1},
		{"HTML in Markdown", "a.md", md("", `<img src="BIG">`), `<img src="FILE">` + "\n", 1},
		{"code in Markdown", "a.md", md("", "    ![a](BIG)\n\n`![a](BIG)`"), "    ![a](BIG)\n\n`![a](BIG)`\n", 0},
		{"draft in Markdown", "a.md", md("draft: true\n", "![a](BIG)"), "![a](BIG)\n", 0},
		{"HTML", "a.html", `<title>Pictures</title><body><p><img src="BIG"></p></body>`, `<p><img src="FILE"/></p>`, 1},
		{"JSON Feed", "a.json", `{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "a", "content_html": "<img src='BIG'>"}]}`,
			`<img src='FILE'>`, 1},
		{"own JSON", "a.json", `{"id": "a", "content_html": "<img src='BIG'>"}`, `<img src='BIG'>`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expand := strings.NewReplacer("BIG", big, "SMALL", small, "JPEG", jpeg, "ODD", dataURL("x-odd", 6000))
			for e, err := range (Options{ImageFiles: true, Now: now}).Read(strings.NewReader(expand.Replace(tt.content)), tt.file) {
				if err != nil {
					t.Fatal(err)
				}
				p, err := intake.Decode(e.Post.ID, e.Post.Raw)
				if err != nil {
					t.Fatal(err)
				}
				got := p.ContentHTML + p.ContentMarkdown
				for _, f := range e.Files {
					if !IsImageFile(e.Post.ID, f.Name, f.Content) || IsImageFile("other", f.Name, f.Content) {
						t.Errorf("the name %s does not identify the file of post %q", f.Name, e.Post.ID)
					}
					if !bytes.HasPrefix(f.Content, []byte("\x89PNG")) || feed.MediaType(f.Name) == "" {
						t.Errorf("file %s has the media type %q and begins with %q", f.Name, feed.MediaType(f.Name), f.Content[:4])
					}
					got = strings.ReplaceAll(got, f.Name, "FILE")
				}
				if want := expand.Replace(tt.want); strings.TrimSpace(got) != strings.TrimSpace(want) || len(e.Files) != tt.files {
					t.Errorf("content with %d files:\n%.300s\nwant %d files:\n%.300s", len(e.Files), got, tt.files, want)
				}
			}
		})
	}
}

// TestLargeImages checks that a post of several MB is read if it consists mostly of images, that the images do not
// affect how the rest is read, and that the length of the text is still limited.
func TestLargeImages(t *testing.T) {
	image := dataURL("png", 1_500_000)
	wxr := func(content string) string {
		return `<rss xmlns:wp="http://wordpress.org/export/1.2/" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>` +
			`<item><guid>a</guid><wp:post_type>post</wp:post_type><wp:status>publish</wp:status><content:encoded><![CDATA[` + content +
			`]]></content:encoded></item></channel></rss>`
	}
	long := strings.Repeat("word ", intake.MaxSize/5)
	for _, tt := range []struct{ name, file, content, want string }{
		{"WordPress", "a.xml", wxr("One\n\n[caption]<img src=\"" + image + "\"> Sea[/caption]"), "<p>One</p>"},
		{"Markdown", "a.md", "---\ntitle: A\n---\nOne ![a](" + image + ")\n", "One ![a](images/"},
		{"long text in Markdown", "a.md", "---\ntitle: A\n---\n" + long + "![a](" + image + ")\n", ""},
		{"long text in WordPress", "a.xml", wxr(long + `<img src="` + image + `">`), ""},
	} {
		for e, err := range (Options{ImageFiles: true}).Read(strings.NewReader(tt.content), tt.file) {
			content := ""
			if err == nil {
				var p feed.Post
				p, err = intake.Decode(e.Post.ID, e.Post.Raw)
				content = p.ContentHTML + p.ContentMarkdown
			}
			if tt.want == "" && err == nil || tt.want != "" && (err != nil || !strings.Contains(content, tt.want) || len(e.Files) != 1) {
				t.Errorf("%s: %d files, content %.100q, error %v; want content with %q", tt.name, len(e.Files), content, err, tt.want)
			}
		}
	}
}

// FuzzImageFiles checks that the content of a post is unchanged except for the data: URLs that became paths of files.
func FuzzImageFiles(f *testing.F) {
	for _, s := range []string{"![a](BIG)", `<img src="BIG"><pre>BIG</pre>`, "`BIG` ![a](BIG)", `<img srcset="BIG 2x, BIG 3x">`,
		"[x]: BIG\n![a][x]", "images/0123456789abcdef0123456789abcdef.png ![](BIG)"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	big := dataURL("gif", minImage)
	f.Fuzz(func(t *testing.T, s string, isHTML bool) {
		text := strings.ToValidUTF8(strings.ReplaceAll(s, "BIG", big), "")
		member := "content_markdown"
		if isHTML {
			member = "content_html"
		}
		raw, err := json.Marshal(map[string]string{"id": "a", "title": text, member: text})
		if err != nil {
			t.Fatal(err)
		}
		e := Options{ImageFiles: true}.withImageFiles(Entry{Post: &feed.RawPost{ID: "a", Raw: raw}})
		var got map[string]string
		if err := json.Unmarshal(e.Post.Raw, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		restored := got[member]
		for _, file := range e.Files {
			restored = strings.ReplaceAll(restored, file.Name, "data:image/gif;base64,"+base64.StdEncoding.EncodeToString(file.Content))
		}
		if restored != text || got["title"] != text {
			t.Errorf("the content or the title of %q has changed: %q", text, restored)
		}
	})
}
