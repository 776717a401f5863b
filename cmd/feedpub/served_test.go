package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/store/storetest"
)

// servedPost is an item of a document in any format.
type servedPost struct {
	Title, URL string
	Published  string // RFC 3339, in UTC
	Authors    string // joined with ", "
	Tags       []string
	Related    []string // URLs of quoted articles
	Via        []string
	Enclosures []string
}

// blog is a served site, whose posts were imported from files into its own Redis server.
type blog struct {
	base string // the base URL
}

// serveBlog imports files and serves them. It also returns the output of the import.
func serveBlog(t *testing.T, dir string, arguments ...string) (b blog, output string) {
	t.Helper()
	redis := storetest.StartRedis(t)
	listen, admin := freeAddress(t), freeAddress(t)
	b.base = "http://" + listen
	common := []string{"--redis", redis.URL()}
	do := func(args ...string) string {
		cmd := process(t, dir, append(args, common...)...)
		cmd.Env = append(os.Environ(), "FEEDPUB_LISTEN="+listen, "FEEDPUB_ADMIN_LISTEN="+admin, "FEEDPUB_SITE_BASE_URL="+b.base)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("feedpub %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	output = do(append([]string{"import"}, arguments...)...)
	do("rebuild")
	ready := process(t, dir, append([]string{"serve"}, common...)...)
	// Do not use the test's context, which is canceled before the cleanup.
	server := exec.Command(ready.Path, ready.Args[1:]...)
	server.Dir = dir
	server.Env = append(os.Environ(), "FEEDPUB_LISTEN="+listen, "FEEDPUB_ADMIN_LISTEN="+admin, "FEEDPUB_SITE_BASE_URL="+b.base)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		res, err := http.Get(b.base + "/feed.xml")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return b, output
			}
		}
		if time.Now().After(end) {
			t.Fatalf("after %v, %s is not served: %v", patience, b.base, err)
		}
	}
}

// get returns the body of the response, whose status must be 200.
func (b blog) get(t *testing.T, address string) []byte {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", address, res.Status, err)
	}
	return body
}

// xmlLink is an Atom link element, which RSS documents also contain, or an RSS link element, whose URL is its text.
type xmlLink struct {
	XMLName xml.Name
	Rel     string `xml:"rel,attr"`
	Href    string `xml:"href,attr"`
	Text    string `xml:",chardata"`
}

// hrefs returns the URLs of the links with the given relation.
func hrefs(links []xmlLink, rel string) []string {
	var list []string
	for _, l := range links {
		if l.Rel == rel {
			list = append(list, l.Href)
		}
	}
	return list
}

// follow reads a feed and all of its archives. The function read returns the posts in a document and the URL of the
// previous archive.
func (b blog) follow(
	t *testing.T, path string, read func(doc []byte) (map[string]servedPost, string),
) (all map[string]servedPost, text string) {
	t.Helper()
	all = map[string]servedPost{}
	var docs strings.Builder
	for next := b.base + path; next != ""; {
		doc := b.get(t, next)
		docs.Write(doc)
		posts, before := read(doc)
		for id, p := range posts {
			if _, twice := all[id]; twice {
				t.Errorf("%s: the post %s is in more than one document", path, id)
			}
			all[id] = p
		}
		next = before
	}
	return all, docs.String()
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func utc(t *testing.T, layout, date string) string {
	t.Helper()
	parsed, err := time.Parse(layout, date)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UTC().Format(time.RFC3339)
}

// rss returns a reader of RSS documents for follow.
func (b blog) rss(t *testing.T) func(doc []byte) (map[string]servedPost, string) {
	return func(doc []byte) (map[string]servedPost, string) {
		var d struct {
			Channel struct {
				Links []xmlLink `xml:"link"`
				Items []struct {
					GUID      string    `xml:"guid"`
					Title     string    `xml:"title"`
					Date      string    `xml:"pubDate"`
					Creator   string    `xml:"http://purl.org/dc/elements/1.1/ creator"`
					Tags      []string  `xml:"category"`
					Links     []xmlLink `xml:"link"`
					Enclosure struct {
						URL string `xml:"url,attr"`
					} `xml:"enclosure"`
				} `xml:"item"`
			} `xml:"channel"`
		}
		if err := xml.Unmarshal(doc, &d); err != nil {
			t.Fatal(err)
		}
		posts := map[string]servedPost{}
		for _, i := range d.Channel.Items {
			p := servedPost{Title: i.Title, Published: utc(t, time.RFC1123Z, i.Date), Authors: i.Creator, Tags: i.Tags,
				Related: hrefs(i.Links, "related"), Via: hrefs(i.Links, "via")}
			for _, l := range i.Links {
				if l.XMLName.Space == "" {
					p.URL = l.Text
				}
			}
			if i.Enclosure.URL != "" {
				p.Enclosures = []string{i.Enclosure.URL}
			}
			posts[i.GUID] = p
		}
		return posts, firstOf(hrefs(d.Channel.Links, "prev-archive"))
	}
}

// atom returns a reader of Atom documents for follow. It converts ids to the form that they have in the other formats.
func (b blog) atom(t *testing.T) func(doc []byte) (map[string]servedPost, string) {
	return func(doc []byte) (map[string]servedPost, string) {
		var d struct {
			Links   []xmlLink `xml:"link"`
			Entries []struct {
				ID      string `xml:"id"`
				Title   string `xml:"title"`
				Date    string `xml:"published"`
				Authors []struct {
					Name string `xml:"name"`
				} `xml:"author"`
				Tags []struct {
					Term string `xml:"term,attr"`
				} `xml:"category"`
				Links []xmlLink `xml:"link"`
			} `xml:"entry"`
		}
		if err := xml.Unmarshal(doc, &d); err != nil {
			t.Fatal(err)
		}
		posts := map[string]servedPost{}
		for _, e := range d.Entries {
			var names, tags []string
			for _, a := range e.Authors {
				names = append(names, a.Name)
			}
			for _, c := range e.Tags {
				tags = append(tags, c.Term)
			}
			id := e.ID
			if own, ok := strings.CutPrefix(id, "urn:feedpub:main:"); ok {
				var err error
				if id, err = url.PathUnescape(own); err != nil {
					t.Fatal(err)
				}
			}
			posts[id] = servedPost{
				Title: e.Title, URL: firstOf(hrefs(e.Links, "alternate")), Published: utc(t, time.RFC3339, e.Date),
				Authors: strings.Join(names, ", "),
				Tags:    tags, Related: hrefs(e.Links, "related"), Via: hrefs(e.Links, "via"),
				Enclosures: hrefs(e.Links, "enclosure"),
			}
		}
		return posts, firstOf(hrefs(d.Links, "prev-archive"))
	}
}

// json returns a reader of JSON Feed documents for follow.
func (b blog) json(t *testing.T) func(doc []byte) (map[string]servedPost, string) {
	return func(doc []byte) (map[string]servedPost, string) {
		type named struct{ Name, URL string }
		var d struct {
			NextURL string `json:"next_url"`
			Items   []struct {
				ID, URL, Title string
				Date           string `json:"date_published"`
				Authors        []named
				Tags           []string
				Attachments    []named
				Own            struct {
					Quotes []struct{ Source named }
					Via    []named
				} `json:"_feedpub"`
			}
		}
		if err := json.Unmarshal(doc, &d); err != nil {
			t.Fatal(err)
		}
		posts := map[string]servedPost{}
		for _, i := range d.Items {
			p := servedPost{Title: i.Title, URL: i.URL, Published: utc(t, time.RFC3339, i.Date), Tags: i.Tags}
			var names []string
			for _, a := range i.Authors {
				names = append(names, a.Name)
			}
			p.Authors = strings.Join(names, ", ")
			for _, q := range i.Own.Quotes {
				p.Related = append(p.Related, q.Source.URL)
			}
			for _, v := range i.Own.Via {
				p.Via = append(p.Via, v.URL)
			}
			for _, a := range i.Attachments {
				p.Enclosures = append(p.Enclosures, a.URL)
			}
			posts[i.ID] = p
		}
		return posts, d.NextURL
	}
}

// wantServed checks that the documents in all three formats contain exactly these posts, every text in shown and no
// text in hidden.
func (b blog) wantServed(t *testing.T, want map[string]servedPost, shown, hidden []string) {
	t.Helper()
	for path, read := range map[string]func(*testing.T) func([]byte) (map[string]servedPost, string){
		"/feed.xml": b.rss, "/atom.xml": b.atom, "/feed.json": b.json,
	} {
		got, text := b.follow(t, path, read(t))
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("posts of %s and its archives (-want +got):\n%s", path, diff)
		}
		wrong := 0
		for _, id := range slices.Sorted(maps.Keys(want)) {
			if diff := cmp.Diff(want[id], got[id]); diff != "" && wrong < 5 {
				wrong++
				t.Errorf("%s: the post %s (-want +got):\n%s", path, id, diff)
			}
		}
		for _, words := range shown {
			if !strings.Contains(text, words) && !strings.Contains(text, jsonWords(words)) {
				t.Errorf("%s and its archives do not contain %q", path, words)
			}
		}
		for _, words := range hidden {
			if strings.Contains(text, words) {
				t.Errorf("%s or one of its archives contains %q, which must not be published", path, words)
			}
		}
	}
}

// jsonWords returns s as it is written in a JSON string.
func jsonWords(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return strings.Trim(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted)), `"`)
}

// TestServeWordPress checks that the posts of a large WordPress export are served in every format with their ids,
// dates, authors, tags and credits, and that posts that were not public are not served.
func TestServeWordPress(t *testing.T) {
	t.Parallel()
	const n = 1000
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8" ?>
<!-- generator="WordPress/6.4" -->
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
	xmlns:content="http://purl.org/rss/1.0/modules/content/"
	xmlns:wfw="http://wellformedweb.org/CommentAPI/" xmlns:dc="http://purl.org/dc/elements/1.1/"
	xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>Blog</title><link>https://b.example</link><wp:wxr_version>1.2</wp:wxr_version>
<wp:base_site_url>https://b.example</wp:base_site_url><wp:base_blog_url>https://b.example</wp:base_blog_url>
<wp:author><wp:author_id>1</wp:author_id><wp:author_login><![CDATA[ann]]></wp:author_login>
<wp:author_display_name><![CDATA[Ann Lee]]></wp:author_display_name></wp:author>
<wp:author><wp:author_id>2</wp:author_id><wp:author_login><![CDATA[bob]]></wp:author_login>
<wp:author_display_name><![CDATA[]]></wp:author_display_name>
<wp:author_first_name><![CDATA[Bob]]></wp:author_first_name>
<wp:author_last_name><![CDATA[Möller]]></wp:author_last_name></wp:author>
<wp:category><wp:category_nicename>walks</wp:category_nicename>
<wp:cat_name><![CDATA[Walks &amp; Seas]]></wp:cat_name></wp:category>
`)
	want := map[string]servedPost{}
	start := time.Date(2004, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range n {
		writeWordPressPost(&b, want, i, start.Add(time.Duration(i)*37*time.Hour))
	}
	b.WriteString(`<item><title>About</title><link>https://b.example/about/</link>
<guid isPermaLink="false">https://b.example/?page_id=9001</guid>
<content:encoded><![CDATA[Words of a page.]]></content:encoded><wp:post_id>9001</wp:post_id>
<wp:post_date_gmt>2010-01-01 00:00:00</wp:post_date_gmt>
<wp:status>publish</wp:status><wp:post_type>page</wp:post_type></item>
<item><title>Menu</title><guid>https://b.example/?p=9002</guid><wp:post_id>9002</wp:post_id>
<wp:status>publish</wp:status><wp:post_type>nav_menu_item</wp:post_type></item>
<item><title>sea.jpg</title><guid>https://b.example/wp-content/sea.jpg</guid><wp:post_id>9003</wp:post_id>
<wp:status>inherit</wp:status>
<wp:post_type>attachment</wp:post_type>
<wp:attachment_url><![CDATA[https://b.example/wp-content/sea.jpg]]></wp:attachment_url></item>
</channel></rss>
`)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "wordpress.xml"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	site, output := serveBlog(t, dir, "wordpress.xml")
	for _, line := range []string{
		"skipped: 1 attachment", "skipped: 1 nav_menu_item", "skipped: 1 page", "skipped: 50 trash", "950 posts stored in",
	} {
		if !strings.Contains(output, line) {
			t.Errorf("the output of the import does not contain %q:\n%s", line, output)
		}
	}
	site.wantServed(t, want, []string{
		"<p>First line<br", "<p>A paragraph.</p>",
		`<figcaption>Low tide</figcaption>`, `src="https://b.example/wp-content/sea.jpg"`,
		"[contact-form id=7]", "<p>A block.</p>", "An excerpt of 13.",
		`<a href="https://video.example/4">https://video.example/4</a>`,
	}, []string{
		"wp:paragraph", "[caption", "[gallery", "[embed", "<!--more-->", "Words of a comment", "Words of a page",
		"Words of a secret", "nav_menu_item",
	})
}

// writeWordPressPost writes post number i, and adds it to want if it is public.
func writeWordPressPost(b *strings.Builder, want map[string]servedPost, i int, date time.Time) {
	id := fmt.Sprintf("https://b.example/?p=%d", i)
	address := fmt.Sprintf("https://b.example/%s/post-%d/", date.Format("2006/01"), i)
	switch i % 3 {
	case 1:
		id = address // a URL, as in very old exports
	case 2:
		id = fmt.Sprintf("post-%d", i) // not a URL
	}
	p := servedPost{Title: fmt.Sprintf("Post %d & “more”", i), URL: address, Published: date.Format(time.RFC3339)}
	login := []string{"ann", "bob", "cy"}[i%3]
	p.Authors = []string{"Ann Lee", "Bob Möller", "cy"}[i%3]
	p.Tags = []string{"Walks & Seas", fmt.Sprintf("Tag %d", i%7)}
	content, meta, excerpt := "", "", ""
	switch i % 10 {
	case 0:
		content = "First line\nsecond line\n\n<!--more-->\n\nA paragraph."
	case 1:
		content = `[caption id="attachment_1" align="alignnone" width="300"]` +
			`<img src="https://b.example/tide.jpg" alt="" /> Low tide[/caption]` + "\n\n[contact-form id=7]"
	case 2:
		content = `Pictures: [gallery ids="9003"]`
	case 3:
		content = "<!-- wp:paragraph -->\n<p>A block.</p>\n<!-- /wp:paragraph -->"
		excerpt = fmt.Sprintf("An excerpt of %d.", i)
	case 4:
		content = "Look:\n\n[embed]https://video.example/4[/embed]\n\nhttps://video.example/5"
	case 5: // a credit in prose
		content = fmt.Sprintf("From <a href=\"https://www.theguardian.com/%d\">the Guardian</a>:\n\n<blockquote>The sea "+
			"rose by a metre that night, and nobody slept.</blockquote>\n\nI saw it too.", i)
		p.Related = []string{fmt.Sprintf("https://www.theguardian.com/%d", i)}
	case 6: // a credit in markup, and a via
		content = fmt.Sprintf(`<figure><blockquote cite="https://star.example/%d"><p>Houses fall.</p></blockquote>`+
			`<figcaption>Ann Reed, <cite>`+
			`<a href="https://star.example/%d">Sea and sand</a></cite>, The Star</figcaption></figure>`+
			"\n\nI saw it. (via <a href=\"https://cy.example/%d\">Cy’s Notes</a>)", i, i, i)
		p.Related, p.Via = []string{fmt.Sprintf("https://star.example/%d", i)}, []string{fmt.Sprintf("https://cy.example/%d",
			i)}
	case 7: // quotes as data, as in feedpub's exports
		content = "Words of my own."
		meta = fmt.Sprintf(`<wp:postmeta><wp:meta_key>_feedpub</wp:meta_key><wp:meta_value>`+
			`<![CDATA[{"quotes":[{"source":{"publication":"The Star",`+
			`"url":"https://star.example/%d"}}],"via":[{"name":"Cy","url":"https://cy.example/%d"}]}]]>`+
			`</wp:meta_value></wp:postmeta>`, i, i)
		p.Related, p.Via = []string{fmt.Sprintf("https://star.example/%d", i)}, []string{fmt.Sprintf("https://cy.example/%d",
			i)}
	case 8: // an episode
		content = `[audio mp3="https://b.example/8.mp3"][/audio]`
		meta = `<wp:postmeta><wp:meta_key>enclosure</wp:meta_key>` +
			`<wp:meta_value><![CDATA[https://b.example/8.mp3` + "\n12345\naudio/mpeg\n" + `]]></wp:meta_value></wp:postmeta>`
		p.Enclosures = []string{"https://b.example/8.mp3"}
	case 9: // a post with a picture and comments
		content = "Seen from afar."
		meta = `<wp:postmeta><wp:meta_key>_thumbnail_id</wp:meta_key>` +
			`<wp:meta_value><![CDATA[9003]]></wp:meta_value></wp:postmeta>` +
			`<wp:comment><wp:comment_id>1</wp:comment_id>` +
			`<wp:comment_content><![CDATA[Words of a comment]]></wp:comment_content></wp:comment>`
	}
	status, password := "publish", ""
	switch i % 20 {
	case 0:
		status = "draft"
	case 1:
		status = "private"
	case 2:
		status = "pending"
	case 3:
		password = "secret"
	case 4:
		status, date = "future", time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	case 5:
		status = "trash"
	default:
		want[id] = p
	}
	if _, public := want[id]; !public {
		content = "Words of a secret"
	}
	fmt.Fprintf(b, "<item><title><![CDATA[Post %d &amp; "+
		"“more”]]></title><link>%s</link><pubDate>%s</pubDate><dc:creator><![CDATA[%s]]></dc:creator>\n"+
		"<guid isPermaLink=\"%t\">%s</guid><description></description>"+
		"<content:encoded><![CDATA[%s]]></content:encoded>"+
		"<excerpt:encoded><![CDATA[%s]]></excerpt:encoded>\n"+
		"<wp:post_id>%d</wp:post_id><wp:post_date><![CDATA[%s]]></wp:post_date>"+
		"<wp:post_date_gmt><![CDATA[%s]]></wp:post_date_gmt><wp:status><![CDATA[%s]]></wp:status>"+
		"<wp:post_type><![CDATA[post]]></wp:post_type><wp:post_password><![CDATA[%s]]></wp:post_password>\n"+
		"<category domain=\"category\" nicename=\"walks\"><![CDATA[Walks &amp; Seas]]></category>"+
		"<category domain=\"category\" nicename=\"uncategorized\"><![CDATA[Uncategorized]]></category>"+
		"<category domain=\"post_tag\" nicename=\"t\"><![CDATA[Tag %d]]></category>%s</item>\n",
		i, address, date.Format(time.RFC1123Z), login, i%3 == 1, id, content, excerpt, i,
		date.Add(time.Hour).Format(time.DateTime), date.Format(time.DateTime),
		status, password, i%7, meta)
}

// writeFiles writes files, given by name, into a folder.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServeHugo checks that the posts of a Hugo folder are served with their URLs, dates, authors, tags and credits.
func TestServeHugo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"site/hugo.toml": "baseURL = 'https://b.example/blog/'\n[permalinks]\nposts = '/:year/:month/:slug/'\n",
		"site/content/posts/sea.md": "+++\ntitle = 'The sea'\ndate = 2020-05-01T10:00:00+02:00\ntags = ['sea', 'walks']\n" +
			"categories = ['Notes']\nauthors = ['Ann Lee', 'Bob']\nslug = 'By the Sea'\n+++\n" +
			"From [the Guardian](https://www.theguardian.com/1):\n\n> The sea rose by a metre that night, " +
			"and nobody slept.\n\n" +
			"I saw it too.\n\n{{< youtube w7Ft2ymGmfc >}}\n",
		"site/content/posts/walk/index.md": "---\ntitle: A walk\ndate: 2021-01-02\nguid: https://old.example/walk\n---\n" +
			"{{< figure src=\"tide.jpg\" caption=\"Low tide\" >}}\n\n" +
			"See [the sea]({{< relref \"sea.md\" >}}).\n\n{{< chart 7 >}}\n",
		"site/content/posts/walk/notes.md": "A part of the walk.",
		"site/content/posts/_index.md":     "---\ntitle: Posts\n---\nWords of a section.",
		"site/content/links/star.md": "---\ntitle: Star\ndate: 2021-02-03T04:05:06Z\nurl: /star.html\n" +
			"quotes: [{source: {publication: The Star, url: 'https://star.example/1'}}]\n" +
			"via: [{name: Cy, url: 'https://cy.example/'}]\n---\nWords of my own.\n",
		"site/content/posts/draft.md":   "---\ntitle: Draft\ndate: 2021-01-02\ndraft: true\n---\nWords of a draft.",
		"site/content/about.md":         "---\ntitle: About\n---\nWords of a page.",
		"site/archetypes/default.md":    "Words of a template.",
		"site/layouts/_default/x.html":  "Words of a template.",
		"site/content/posts/future.md":  "---\ntitle: Later\ndate: 2999-01-01\n---\nWords of the future.",
		"site/public/posts/x/index.htm": "Words of the output.",
	})
	b, output := serveBlog(t, dir, "site")
	for _, line := range []string{
		"posts/walk/index.md:10: {{< chart 7 >}} is unknown", "skipped: 1 page", "5 posts stored in",
	} {
		if !strings.Contains(output, line) {
			t.Errorf("the output of the import does not contain %q:\n%s", line, output)
		}
	}
	b.wantServed(t, map[string]servedPost{
		"posts/sea.md": {Title: "The sea", URL: "https://b.example/blog/2020/05/by-the-sea/",
			Published: "2020-05-01T08:00:00Z", Authors: "Ann Lee, Bob",
			Tags: []string{"sea", "walks", "Notes"}, Related: []string{"https://www.theguardian.com/1"}},
		"https://old.example/walk": {Title: "A walk", URL: "https://b.example/blog/2021/01/a-walk/",
			Published: "2021-01-02T00:00:00Z"},
		"links/star.md": {Title: "Star", URL: "https://b.example/blog/star.html", Published: "2021-02-03T04:05:06Z",
			Related: []string{"https://star.example/1"}, Via: []string{"https://cy.example/"}},
	}, []string{
		`src="https://b.example/blog/2021/01/a-walk/tide.jpg"`, "Low tide",
		`href="https://b.example/blog/2020/05/by-the-sea/"`,
		`href="https://www.youtube.com/watch?v=w7Ft2ymGmfc"`, "chart 7",
	}, []string{
		"A part of the walk", "Words of a draft", "Words of a page", "Words of a template", "Words of the",
		"Words of a section", "youtube w7F", "relref",
	})
}

// TestServeJekyll is like TestServeHugo, but for a Jekyll folder.
func TestServeJekyll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"site/_config.yml": "url: https://b.example\nbaseurl: /blog\n" +
			"permalink: /:categories/:year/:title/\nauthor: The site\n" +
			"defaults:\n- scope: {path: '', type: posts}\n  values: {author: Ann Lee}\n",
		"site/_posts/2015-03-04-by-the-sea.md": "---\nlayout: post\ntitle: \"The sea\"\n" +
			"categories: notes\ntags: sea walks\n---\n" +
			"From [the Guardian](https://www.theguardian.com/1):\n\n> The sea rose by a metre that night, " +
			"and nobody slept.\n\n" +
			"I saw it too.\n\n" +
			"{% highlight ruby %}\nputs 1 < 2\n{% endhighlight %}\n",
		"site/_posts/2016-01-01-later.markdown": "---\ntitle: Later\ndate: 2016-01-01 08:00:00 -0500\n" +
			"permalink: /later.html\nauthor: Bob\n---\n" +
			"![Tide]({{ '/tide.jpg' | relative_url }}) and [the sea]({% post_url 2015-03-04-by-the-sea %}).\n\n" +
			"{% include chart.html %}\n",
		"site/_posts/2016-02-03-star.html": "---\ntitle: Star\n" +
			"quotes: [{source: {publication: The Star, url: 'https://star.example/1'}}]\n" +
			"via: [{name: Cy, url: 'https://cy.example/'}]\n---\n<p>Words of my own.</p>\n",
		"site/_posts/2016-02-04-hidden.md": "---\npublished: false\n---\nWords of a draft.",
		"site/_drafts/idea.md":             "Words of a draft.",
		"site/_layouts/post.html":          "Words of a template.",
		"site/_site/2015/x.html":           "Words of the output.",
		"site/about.md":                    "Words of a page.",
	})
	b, output := serveBlog(t, dir, "site")
	for _, line := range []string{
		"_posts/2016-01-01-later.markdown:9: {% include chart.html %} is unknown", "5 posts stored in",
	} {
		if !strings.Contains(output, line) {
			t.Errorf("the output of the import does not contain %q:\n%s", line, output)
		}
	}
	b.wantServed(t, map[string]servedPost{
		"_posts/2015-03-04-by-the-sea.md": {Title: "The sea", URL: "https://b.example/blog/notes/2015/by-the-sea/",
			Published: "2015-03-04T00:00:00Z", Authors: "Ann Lee",
			Tags: []string{"sea", "walks", "notes"}, Related: []string{"https://www.theguardian.com/1"}},
		"_posts/2016-01-01-later.markdown": {Title: "Later", URL: "https://b.example/blog/later.html",
			Published: "2016-01-01T13:00:00Z", Authors: "Bob"},
		"_posts/2016-02-03-star.html": {Title: "Star", URL: "https://b.example/blog/2016/star/",
			Published: "2016-02-03T00:00:00Z", Authors: "Ann Lee",
			Related: []string{"https://star.example/1"}, Via: []string{"https://cy.example/"}},
	}, []string{
		`src="https://b.example/blog/tide.jpg"`, `href="https://b.example/blog/notes/2015/by-the-sea/"`, "puts 1 &lt; 2",
		"include chart.html", "Words of my own",
	}, []string{
		"Words of a draft", "Words of a template", "Words of the output", "Words of a page", "endhighlight", "post_url",
	})
}
