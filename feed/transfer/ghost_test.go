package transfer

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/intake"
)

// ghostExport returns an export with the given rows of the posts and posts_meta tables.
func ghostExport(posts, meta string) string {
	return `{"db":[{"meta":{"exported_on":1767181794691,"version":"6.10.3"},"data":{
"posts":[` + posts + `],
"posts_authors":[{"id":"1","post_id":"p1","author_id":"u2","sort_order":1},{"id":"2","post_id":"p1","author_id":"u1","sort_order":0}],
"posts_meta":[` + meta + `],
"posts_tags":[{"id":"1","post_id":"p1","tag_id":"t2","sort_order":1},{"id":"2","post_id":"p1","tag_id":"t1","sort_order":0},{"id":"3","post_id":"p1","tag_id":"t3","sort_order":2}],
"settings":[{"id":"1","key":"title","value":"The Sea"}],
"tags":[{"id":"t1","name":"Sea","visibility":"public"},{"id":"t2","name":"Land","visibility":"public"},{"id":"t3","name":"#internal","visibility":"internal"}],
"users":[{"id":"u1","name":"Ann Lee","email":"ann@example.com","password":"x"},{"id":"u2","name":"Bob","email":"bob@example.com"}]
}}]}`
}

// TestGhost checks all members of the posts of Ghost exports.
func TestGhost(t *testing.T) {
	const post = `{"id":"p1","uuid":"u-1","title":"A walk & more","slug":"a-walk","mobiledoc":null,"html":"<p><img src=\"__GHOST_URL__/content/a.jpg\">Words</p>",` +
		`"plaintext":"no","feature_image":"__GHOST_URL__/content/b.jpg","featured":0,"type":"post","status":"published","locale":null,"visibility":"public",` +
		`"created_at":"2015-01-01T00:00:00.000Z","updated_at":"2015-02-03T04:05:06.000Z","published_at":"2015-01-02T03:04:05.000Z","custom_excerpt":"Short","canonical_url":null}`
	const want = `{"id":"p1","url":"https://b.example/blog/a-walk/","title":"A walk & more","content_html":"<p><img src=\"https://b.example/blog/content/a.jpg\">Words</p>",` +
		`"summary":"Short","image":"https://b.example/blog/content/b.jpg","date_published":"2015-01-02T03:04:05Z","date_modified":"2015-02-03T04:05:06Z",` +
		`"authors":[{"name":"Ann Lee"},{"name":"Bob"}],"tags":["Sea","Land"]}` + "\n"
	const old = `{"meta":{"exported_on":1400000000000,"version":"003"},"data":{"posts":[{"id":7,"uuid":"u-7","title":"T","slug":"t","markdown":"*Words*","html":"","image":"/content/a.jpg",` +
		`"page":0,"status":"published","language":"en_US","author_id":1,"published_at":1400000000000,"updated_at":1400000000000}],` +
		`"users":[{"id":1,"name":"Ann"}],"settings":[{"key":"permalinks","value":"/:year/:month/:day/:slug/"}]}}`
	const wantOld = `{"id":"u-7","url":"https://b.example/blog/2014/05/13/t/","title":"T","content_markdown":"*Words*","image":"/content/a.jpg",` +
		`"date_published":"2014-05-13T16:53:20Z","authors":[{"name":"Ann"}],"language":"en-US"}` + "\n"
	for _, tt := range []struct{ name, content, want string }{
		{"version 6", ghostExport(post, ""), want},
		{"tables in reverse", `{"db":[{"data":{"users":[{"id":"u1","name":"Ann"}],"posts":[{"id":"p2","slug":"x","title":"T","html":"w","status":"published","visibility":"public","author_id":"u1"}],` +
			`"emails":{"a":[1]}},"meta":{"exported_on":1,"version":"4.1.0"}}]}`,
			`{"id":"p2","url":"https://b.example/blog/x/","title":"T","content_html":"w","authors":[{"name":"Ann"}]}` + "\n"},
		{"version 0.5", old, wantOld},
		{"text only", ghostExport(`{"id":"p3","title":"T","html":null,"plaintext":"Words","status":"published"}`, ""), `{"id":"p3","title":"T","content_text":"Words"}` + "\n"},
		{"empty in the editor's format", ghostExport(`{"id":"p3","title":"T","html":null,"lexical":`+strconv.Quote(`{"root":{"children":[`+
			`{"children":[],"direction":null,"type":"paragraph"}],"type":"root"}}`)+`,"status":"draft"}`, ""), `{"id":"p3","title":"T","status":"draft"}` + "\n"},
		{"empty in the old editor's format", ghostExport(`{"id":"p3","title":"T","html":null,"mobiledoc":`+strconv.Quote(
			`{"version":"0.3.1","atoms":[],"cards":[],"markups":[],"sections":[[1,"p",[[0,[],0,""]]]]}`)+`,"status":"draft"}`, ""), `{"id":"p3","title":"T","status":"draft"}` + "\n"},
		{"a picture in the editor's format", ghostExport(`{"id":"p3","title":"T","html":null,"lexical":`+strconv.Quote(
			`{"root":{"children":[{"type":"image","src":"a.png"}],"type":"root"}}`)+`,"status":"draft"}`, ""),
			"error: f.json:2: post \"T\" has content only in Ghost's editor format; save it in Ghost and export again: invalid\n"},
		{"a card in the old editor's format", ghostExport(`{"id":"p3","title":"T","html":null,"mobiledoc":`+strconv.Quote(
			`{"atoms":[],"cards":[["hr",{}]],"sections":[[10,0]]}`)+`,"status":"draft"}`, ""),
			"error: f.json:2: post \"T\" has content only in Ghost's editor format; save it in Ghost and export again: invalid\n"},
		{"editor format only", ghostExport(`{"id":"p3","title":"T","html":null,"lexical":"{}","status":"published"}`, ""),
			"error: f.json:2: post \"T\" has content only in Ghost's editor format; save it in Ghost and export again: invalid\n"},
		{"broken row", ghostExport(`{"id":{}},{"id":"p4","title":"T","html":"w","status":"published"}`, ""),
			"error: f.json:2: want a string or number, got {}: invalid\n" + `{"id":"p4","title":"T","content_html":"w"}` + "\n"},
		{"cut off", ghostExport(post, "")[:900], "error: f.json: line 6: the JSON ends too early: invalid\n"},
		{"broken metadata", ghostExport(post, `{"post_id":"p1","email_only":[]}`), "error: f.json: f.json:4: posts_meta: want a string or number, got []: invalid\n"},
		{"unknown metadata", ghostExport(`{"id":"p1","title":"T","html":"w","status":"published"}`, `{"post_id":"p1","email_only":"perhaps"}`),
			`{"id":"p1","title":"T","content_html":"w","authors":[{"name":"Ann Lee"},{"name":"Bob"}],"tags":["Sea","Land"],"status":"private"}` + "\n"},
		{"bad date", ghostExport(`{"id":"p4","html":"w","status":"published","published_at":"soon"}`, ""), "error: f.json:2: date \"soon\": unknown format: invalid\n"},
	} {
		for _, options := range []Options{{BaseURL: "https://b.example/blog/"}, {BaseURL: "https://b.example/blog", Format: Ghost}} {
			if diff := cmp.Diff(tt.want, readAll(options, "f.json", tt.content)); diff != "" {
				t.Errorf("%s: posts (-want +got):\n%s", tt.name, diff)
			}
		}
	}
	var notes []string
	for e, err := range (Options{}).Read(strings.NewReader(ghostExport(post, "")), "f.json") {
		if err != nil {
			t.Error(err)
		}
		notes = append(notes, e.Notes...)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "--base-url") {
		t.Errorf("without --base-url: got notes %q, want one that mentions it", notes)
	}
	if posts, err := (Options{}).Decode("f.json", []byte(ghostExport(post, ""))); err == nil || len(posts) > 0 {
		t.Errorf("a Ghost export in a served folder: got %d posts and error %v, want only an error", len(posts), err)
	}
}

// TestGhostVisibility checks the visibility of the rows of a Ghost export by status, visibility, type and metadata.
func TestGhostVisibility(t *testing.T) {
	const public = `"status":"published","visibility":"public"`
	for _, tt := range []struct{ members, meta, want string }{
		{public + `,"type":"post"`, "", "published"},
		{`"status":"published"`, "", "published"}, // versions before 0.8 have no visibility
		{`"status":"published","visibility":null`, "", "published"},
		{`"status":"draft","visibility":"public"`, "", "draft"},
		{`"status":"sent","visibility":"public"`, "", "private"},
		{`"status":"scheduled","published_at":"2099-01-01T00:00:00.000Z"`, "", "published at 2099-01-01T00:00:00Z"},
		{`"status":"scheduled","published_at":null`, "", "rejected: scheduled"},
		{`"status":"scheduled","visibility":"paid","published_at":"2099-01-01T00:00:00.000Z"`, "", "private"},
		{`"visibility":"public"`, "", "rejected: unknown status"},
		{`"status":"archived"`, "", `rejected: unknown status "archived"`},
		{`"status":"published","visibility":"members"`, "", "private"},
		{`"status":"published","visibility":"paid"`, "", "private"},
		{`"status":"published","visibility":"tiers"`, "", "private"},
		{`"status":"published","visibility":"filter"`, "", "private"},
		{`"status":"published","visibility":"none"`, "", "private"},
		{`"status":"published","visibility":"private"`, "", "private"},
		{`"status":"published","visibility":"status:-free"`, "", `rejected: unknown visibility "status:-free"`},
		{`"status":"draft","visibility":"paid"`, "", "private"},
		{public, `{"post_id":"a","email_only":1}`, "private"},
		{public, `{"post_id":"a","email_only":true}`, "private"},
		{public, `{"post_id":"a","email_only":0},{"post_id":"b","email_only":1}`, "published"},
		{public + `,"type":"page"`, "", "skipped: page"},
		{public + `,"page":1`, "", "skipped: page"},
		{public + `,"page":true`, "", "skipped: page"},
		{public + `,"page":0`, "", "published"},
		{public + `,"page":"perhaps"`, "", "rejected: page: want true or false"},
		{public + `,"type":"newsletter"`, "", `rejected: unknown type "newsletter"`},
	} {
		content := ghostExport(fmt.Sprintf(`{"id":"a","title":"T","slug":"t","html":"w",%s}`, tt.members), tt.meta)
		checkVisibility(t, Options{BaseURL: "https://b.example"}, "f.json", content, tt.want)
	}
	content := ghostExport(`{"id":"a","title":"T","html":"w","type":"page","status":"draft"}`, "")
	checkVisibility(t, Options{BaseURL: "https://b.example", Pages: true}, "f.json", content, "draft")
}

// TestBloggerTakeout checks the posts of a Blogger Takeout export. It contains the paths of pages but not the URL of
// the blog, and its titles are HTML.
func TestBloggerTakeout(t *testing.T) {
	entry := func(id, kind, status, more string) string {
		return "<entry><id>tag:blogger.com,1999:blog-1.post-" + id + "</id><blogger:type>" + kind + "</blogger:type><blogger:status>" + status +
			"</blogger:status><author><name>Ann</name><uri></uri><blogger:type>BLOGGER</blogger:type></author><title>The &amp;#39;sea&amp;#39;</title>" +
			"<content type='html'>&lt;p&gt;Words&lt;/p&gt;</content><blogger:metaDescription>Short</blogger:metaDescription><blogger:created>2015-01-01T00:00:00Z</blogger:created>" +
			"<published>2015-01-02T03:04:05Z</published><updated>2015-01-02T03:04:05Z</updated><blogger:location/><category scheme='tag:blogger.com,1999:blog-1' term='Sea'/>" +
			"<blogger:filename>/2015/01/the-sea.html</blogger:filename><link/><enclosure/>" + more + "</entry>"
	}
	const post = `"title":"The 'sea'","content_html":"<p>Words</p>","summary":"Short","date_published":"2015-01-02T03:04:05Z",` +
		`"date_modified":"2015-01-02T03:04:05Z","authors":[{"name":"Ann"}],"tags":["Sea"]`
	for _, space := range []string{"http://schemas.google.com/blogger/2018", "http://schemas.google.com/blogger/2008", "http://www.blogger.com/atom/ns#"} {
		content := "<?xml version='1.0' encoding='utf-8'?><feed xmlns='http://www.w3.org/2005/Atom' xmlns:blogger='" + space + "'><id>tag:blogger.com,1999:blog-1</id><title>Blog</title>" +
			entry("1", "POST", "LIVE", "<blogger:trashed/>") + entry("2", "POST", "DRAFT", "") + entry("3", "POST", "SOFT_TRASHED", "") +
			entry("4", "PAGE", "LIVE", "") + entry("5", "COMMENT", "LIVE", "") + entry("6", "POST", "LIVE", "<blogger:trashed>2016-01-01T00:00:00Z</blogger:trashed>") +
			entry("7", "POST", "", "") + entry("8", "POST", "SCHEDULED", "") + "</feed>"
		want := `{"id":"tag:blogger.com,1999:blog-1.post-1","url":"https://b.example/2015/01/the-sea.html",` + post + "}\n" +
			`{"id":"tag:blogger.com,1999:blog-1.post-2",` + post + `,"status":"draft"}` + "\nskipped: trash\nskipped: page\nskipped: comment\nskipped: trash\n" +
			"error: feed.atom:1: missing blogger:status: it could be a draft: invalid\n" +
			`{"id":"tag:blogger.com,1999:blog-1.post-8",` + post + `,"status":"draft"}` + "\n"
		if diff := cmp.Diff(want, readAll(Options{BaseURL: "https://b.example"}, "feed.atom", content)); diff != "" {
			t.Errorf("posts with the namespace %s (-want +got):\n%s", space, diff)
		}
	}
}

// FuzzGhost checks that reading an export ends, that each post can be read, and that a post that is not public in the
// export does not become public.
func FuzzGhost(f *testing.F) {
	f.Add(ghostExport(`{"id":"a","title":"T","html":"w","status":"draft"}`, ""))
	f.Add(ghostExport(`{"id":"a","html":"w","status":"published","visibility":"paid"},[],"x",{"id":1}`, `{"post_id":1,"email_only":"1"}`))
	f.Add(`{"db":[{"meta":{},"data":{"posts":[{"id":"a","status":"published"`)
	f.Fuzz(func(t *testing.T, content string) {
		for e, err := range (Options{Format: Ghost}).Read(strings.NewReader(content), "f.json") {
			if err != nil || e.Post == nil {
				continue
			}
			if err := intake.CheckID(e.Post.ID); err != nil {
				t.Errorf("Read of %q: id %q: %v", content, e.Post.ID, err)
			}
			p, err := intake.Decode(e.Post.ID, e.Post.Raw)
			lower := strings.ToLower(content)
			stated := strings.Contains(lower, "published") || strings.Contains(lower, "scheduled") || strings.Contains(lower, `\\u`)
			if err == nil && p.Status == "" && !stated {
				t.Errorf("Read of %q: got the public post %s", content, e.Post.Raw)
			}
		}
	})
}
