package transfer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// visibilities returns the result of reading each entry of a file: "published", "draft" or "private", "skipped: " or
// "rejected: " with the reason, or "published at " with the date of a scheduled post.
func visibilities(o Options, name, content string) []string {
	var list []string
	for e, err := range o.Read(strings.NewReader(content), name) {
		var p feed.Post
		if err == nil && e.Post != nil {
			p, err = intake.Decode(e.Post.ID, e.Post.Raw)
		}
		switch {
		case err != nil:
			list = append(list, "rejected: "+err.Error())
		case e.Skipped != "":
			list = append(list, "skipped: "+string(e.Skipped))
		case p.Status != feed.Draft && p.Status != feed.Private && p.DatePublished.Year() > 2090:
			list = append(list, "published at "+p.DatePublished.UTC().Format(time.RFC3339))
		case p.Status != feed.Draft && p.Status != feed.Private:
			list = append(list, "published")
		default:
			list = append(list, string(p.Status))
		}
	}
	return list
}

// checkVisibility checks the visibility of the only entry of a file. For a rejected post, want is a substring of the
// reason.
func checkVisibility(t *testing.T, o Options, name, content, want string) {
	t.Helper()
	got := visibilities(o, name, content)
	rejected := strings.HasPrefix(want, "rejected") && len(got) == 1 && strings.HasPrefix(got[0], "rejected: ") &&
		strings.Contains(got[0], strings.TrimPrefix(want, "rejected: "))
	if !rejected && !slices.Equal(got, []string{want}) {
		t.Errorf("Read of %s\n%s\ngot %q, want %q", name, content, got, want)
	}
}

// wxrItem returns an item with the given child elements.
func wxrItem(elements string) string {
	return "<item><title>T</title><guid>g</guid><content:encoded>Words</content:encoded>" + elements + "</item>"
}

// TestWXRVisibility checks the visibility of items in a WordPress export by type, status and password.
func TestWXRVisibility(t *testing.T) {
	const post, published = "<wp:post_type>post</wp:post_type>", "<wp:status>publish</wp:status>"
	tests := []struct{ elements, want string }{
		{post + published, "published"},
		{"<wp:post_type>Post</wp:post_type><wp:status> Publish </wp:status>", "published"},
		{post + "<wp:status>draft</wp:status>", "draft"},
		{post + "<wp:status>pending</wp:status>", "draft"},
		{post + "<wp:status>private</wp:status>", "private"},
		{post + "<wp:status>trash</wp:status>", "skipped: trash"},
		{post + "<wp:status>trash</wp:status><wp:post_password>x</wp:post_password>", "skipped: trash"},
		{post + "<wp:status>auto-draft</wp:status>", "skipped: auto-draft"},
		{post + "<wp:status>inherit</wp:status>", `rejected: unknown wp:status "inherit"`},
		{post + "<wp:status>wc-on-hold</wp:status>", `rejected: unknown wp:status "wc-on-hold"`},
		{post + "<wp:status></wp:status>", "rejected: missing wp:status"},
		{post, "rejected: missing wp:status"},
		{post + "<status>publish</status>", "rejected: missing wp:status"},
		{published, "rejected: missing wp:post_type"},
		{"", "rejected: missing wp:post_type"},
		{post + published + "<wp:status>draft</wp:status>", `rejected: wp:status is both "publish" and "draft"`},
		{post + "<wp:status>future</wp:status><wp:post_date_gmt>2099-01-01 00:00:00</wp:post_date_gmt>",
			"published at 2099-01-01T00:00:00Z"},
		{post + "<wp:status>future</wp:status><wp:post_date_gmt>0000-00-00 00:00:00</wp:post_date_gmt>",
			"rejected: scheduled"},
		{post + published + "<wp:post_password>secret</wp:post_password>", "private"},
		{post + published + "<wp:post_password> </wp:post_password>", "private"},
		{post + published + "<wp:post_password>\n\t</wp:post_password>", "published"},
		{post + published + "<wp:post_password/>", "published"},
		{post + "<wp:status>draft</wp:status><wp:post_password>secret</wp:post_password>", "private"},
		{post + "<wp:status>future</wp:status><wp:post_password>secret</wp:post_password>", "private"},
	}
	for _, kind := range []string{"page", "attachment", "nav_menu_item", "revision", "custom_css", "customize_changeset",
		"oembed_cache", "user_request", "wp_block", "wp_template", "wp_template_part", "wp_global_styles", "wp_navigation",
		"wp_font_family", "wp_font_face", "product", "shop_order"} {
		tests = append(tests, struct{ elements, want string }{
			"<wp:post_type>" + kind + "</wp:post_type>" + published, "skipped: " + kind})
	}
	for _, tt := range tests {
		_, content := wrap("wxr", wxrItem(tt.elements))
		checkVisibility(t, Options{}, "f.xml", content, tt.want)
	}
	for elements, want := range map[string]string{
		published: "published", "<wp:status>draft</wp:status>": "draft", "": "rejected: missing wp:status",
		published + "<wp:post_password>x</wp:post_password>": "private",
	} {
		_, content := wrap("wxr", wxrItem("<wp:post_type>page</wp:post_type>"+elements))
		checkVisibility(t, Options{Pages: true}, "f.xml", content, want)
	}
}

// TestWXRNamespaces checks that statuses are read from exports with unusual namespaces.
func TestWXRNamespaces(t *testing.T) {
	const version = "<PREFIX:wxr_version>1.2</PREFIX:wxr_version>"
	for _, tt := range []struct{ name, prefix, uri, head string }{
		{"version 1.0", "wp", "http://wordpress.org/export/1.0/", ""},
		{"version 1.1 with https", "wp", "https://wordpress.org/export/1.1/", ""},
		{"other prefix", "wordpress", "http://wordpress.org/export/1.2/", ""},
		{"unknown namespace", "wp", "https://plugins.example/wxr/", version},
		{"unknown namespace and prefix", "w", "https://plugins.example/wxr/", version},
		{"undeclared", "wp", "", version},
		{"undeclared prefix", "w", "", version},
	} {
		declaration := ""
		if tt.uri != "" {
			declaration = fmt.Sprintf(` xmlns:PREFIX="%s" xmlns:excerpt="%sexcerpt/"`, tt.uri, tt.uri)
		}
		content := `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"` + declaration +
			"><channel>" + tt.head + "<PREFIX:author><PREFIX:author_login>ann</PREFIX:author_login>" +
			"<PREFIX:author_display_name>Ann Lee</PREFIX:author_display_name></PREFIX:author>"
		for _, status := range []string{"publish", "draft", "private"} {
			content += "<item><title>" + status + "</title><guid>" + status + "</guid><dc:creator>ann</dc:creator>" +
				"<content:encoded>Words</content:encoded><excerpt:encoded>Short</excerpt:encoded>" +
				"<PREFIX:status>" + status + "</PREFIX:status><PREFIX:post_type>post</PREFIX:post_type>" +
				"<PREFIX:postmeta><PREFIX:meta_key>_thumbnail_id</PREFIX:meta_key><PREFIX:meta_value>9</PREFIX:meta_value>" +
				"</PREFIX:postmeta></item>"
		}
		content += "<item><PREFIX:post_id>9</PREFIX:post_id><PREFIX:post_type>attachment</PREFIX:post_type>" +
			"<PREFIX:attachment_url>https://b.example/a.jpg</PREFIX:attachment_url></item></channel></rss>"
		content = strings.ReplaceAll(content, "PREFIX", tt.prefix)
		for _, format := range []Format{Detect, WXR, FeedXML} {
			got := visibilities(Options{Format: format}, "f.xml", content)
			if want := []string{"published", "draft", "private", "skipped: attachment"}; !slices.Equal(got, want) {
				t.Errorf("%s, format %q: got %q, want %q", tt.name, format, got, want)
			}
		}
		for e, err := range (Options{}).Read(strings.NewReader(content), "f.xml") {
			if err != nil || e.Post == nil {
				break
			}
			p, err := intake.Decode(e.Post.ID, e.Post.Raw)
			if err != nil || p.Summary != "Short" || p.Image != "https://b.example/a.jpg" ||
				!slices.Equal(p.Authors, []feed.Author{{Name: "Ann Lee"}}) {
				t.Errorf("%s: got summary %q, image %q, authors %v and error %v", tt.name, p.Summary, p.Image, p.Authors, err)
			}
		}
	}
}

// TestWXRForcedOnFeed checks that items are rejected if an ordinary feed is read as a WordPress export, and that an
// export without the WordPress namespace is not imported as a feed.
func TestWXRForcedOnFeed(t *testing.T) {
	_, plain := wrap("rss", wxrItem(""))
	checkVisibility(t, Options{Format: WXR}, "f.xml", plain, "rejected: missing wp:post_type")
	_, undeclared := wrap("rss", wxrItem("<w:post_type>post</w:post_type><w:status>publish</w:status>"))
	checkVisibility(t, Options{}, "f.xml", undeclared, "rejected: --format wxr")
	checkVisibility(t, Options{Format: WXR}, "f.xml", undeclared, "published")
	_, undeclared = wrap("rss", wxrItem("<wp:status>draft</wp:status>"))
	checkVisibility(t, Options{}, "f.xml", undeclared, "rejected: --format wxr")
}

// TestFrontMatterVisibility checks every key of front matter that determines whether a post is public.
func TestFrontMatterVisibility(t *testing.T) {
	tests := []struct{ front, want string }{
		{"title: T", "published"},
		{"draft: true", "draft"},
		{`draft: "true"`, "draft"},
		{"draft: yes", "draft"},
		{"draft: On", "draft"},
		{"draft: 1", "draft"},
		{"Draft: true", "draft"},
		{"DRAFT: 'TRUE'", "draft"},
		{"draft: false", "published"},
		{`draft: "no"`, "published"},
		{"draft:", "published"},
		{"draft: maybe", "rejected: draft: want true or false"},
		{"draft: [true]", "rejected: draft"},
		{"draft: false\nDraft: true", "draft"}, {"draft: {a: b}", "rejected: draft"},
		{"published: false", "draft"},
		{`published: "false"`, "draft"},
		{"published: no", "draft"},
		{"published: true", "published"},
		{"published: 2015-01-02", "published"}, {"published: 2099-01-02", "published at 2099-01-02T00:00:00Z"},
		{"published: soon", "rejected: published: want true, false or a date"},
		{`published: "2020"`, "published"}, {"published: 2020", "published"}, {"published: June 2020", "published"},
		{"published: 2999", "draft"}, {"published: June 2999", "draft"},
		{"status: publish", "published"}, {"status: Published", "published"}, {"status: public", "published"},
		{"status:", "published"},
		{"status: draft", "draft"},
		{"status: Draft", "draft"},
		{"status: pending", "draft"},
		{"status: auto-draft", "draft"},
		{"status: unpublished", "draft"},
		{"status: trash", "draft"},
		{"status: deleted", "draft"},
		{"status: private", "private"},
		{"status: hidden", "private"},
		{"status: in review", "draft"}, {"status: revised twice, last in spring", "draft"},
		{"post_status: noch nicht fertig", "draft"}, {"status: reviewed", "rejected: status: want one of"},
		{"status: à relire encore\nprivate: true", "private"},
		{"status: [draft]", "rejected: status"},
		{"status: 5", "rejected: status"},
		{"post_status: private", "private"},
		{"status: future", "rejected: scheduled"},
		{"status: scheduled\ndate: 2099-01-02", "published at 2099-01-02T00:00:00Z"},
		{"status: published\ndraft: true", "draft"}, {"status: private\ndraft: true", "private"},
		{"draft: false\nprivate: true", "private"},
		{"private: true", "private"}, {"private: false", "published"}, {"private: Ann", "rejected: private"},
		{"protected: true", "private"},
		{"hidden: true", "private"},
		{"unlisted: yes", "private"},
		{"deleted: true", "draft"},
		{"password: secret", "private"},
		{"password: 1234", "private"},
		{"password: ' '", "private"},
		{"Password: x", "private"},
		{"password:", "published"}, {"password: ''", "published"}, {"password: false", "published"},
		{"visibility: public", "published"}, {"visibility: members", "private"}, {"visibility: paid", "private"},
		{"visibility: tiers", "private"}, {"visibility: private", "private"}, {"visibility: password", "private"},
		{"visibility: protected", "private"},
		{"visibility: hidden", "private"},
		{"visibility: unlisted", "private"},
		{"visibility: draft", "draft"}, {"visibility: friends", "rejected: visibility: want one of"},
		{"headless: true", "draft"}, {"headless: false", "published"},
		{"build: {render: never}", "draft"},
		{"_build: {render: false}", "draft"},
		{"build: {render: link}", "draft"},
		{"build: {list: never}", "draft"}, {"build: {list: local}", "draft"}, {"_build: {list: false}", "draft"},
		{"build: {render: always, list: always, publishResources: false}", "published"},
		{"build: {render: true}", "published"},
		{"build: {render: sometimes}", "rejected: build.render"}, {"build: 42", "published"},
		{"expiryDate: 2020-01-01", "draft"},
		{"expirydate: 2020-01-01T00:00:00Z", "draft"},
		{"unpublishdate: 2020-01-01", "draft"},
		{"expiryDate: 2030-01-01", "published"},
		{"expiryDate:", "published"},
		{"expiryDate: soon", "rejected: expiryDate: want a date"},
		{"publishDate: 2099-01-02\ndate: 2015-01-02", "published at 2099-01-02T00:00:00Z"},
		{"publishDate: 2015-01-02", "published"},
		{"pubdate: 2099-01-02", "published at 2099-01-02T00:00:00Z"},
		{"publishDate: soon", "rejected: publishDate: want a date"},
		{"date: 2099-01-02", "published at 2099-01-02T00:00:00Z"},
		{"robots: noindex\nsearch: false", "published"}, // these keys only affect search engines
	}
	seen := ""
	for _, tt := range tests {
		seen += "\n" + strings.ToLower(tt.front)
		checkVisibility(t, optionsIn2025, "a.md", "---\n"+tt.front+"\n---\nWords\n", tt.want)
		checkVisibility(t, optionsIn2025, "a.md", "\n\n---\n"+tt.front+"\n---\nWords\n", tt.want)
		checkVisibility(t, optionsIn2025, "a.html", "---\n"+tt.front+"\n---\n<p>Words</p>\n", tt.want)
		checkServedVisibility(t, "---\n"+tt.front+"\n---\nWords\n", tt.want)
	}
	for key := range frontVisibility {
		if !strings.Contains(seen, "\n"+key+":") {
			t.Errorf("no test for the key %s", key)
		}
	}
	for key, values := range map[string]map[string]visibility{"status": frontStatuses, "visibility": frontAudiences} {
		for value := range values {
			if !strings.Contains(seen, strings.TrimSpace("\n"+key+": "+value)) {
				t.Errorf("no test for %s: %s", key, value)
			}
		}
	}
}

// optionsIn2025 are options with a fixed current time.
var optionsIn2025 = Options{Now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}

// checkServedVisibility checks the visibility of a file in a served folder.
func checkServedVisibility(t *testing.T, content, want string) {
	t.Helper()
	posts, err := optionsIn2025.Decode("a.md", []byte(content))
	if rejected := strings.HasPrefix(want, "rejected"); err != nil || rejected {
		if err == nil || !rejected {
			t.Errorf("Decode of %q: got error %v, want an error: %t", content, err, rejected)
		}
		return
	}
	p, err := intake.Decode(posts[0].ID, posts[0].Raw)
	hidden := p.Status == feed.Draft || p.Status == feed.Private
	if err != nil || hidden != (want == "draft" || want == "private") {
		t.Errorf("Decode of %q: got status %q and error %v, want %s", content, p.Status, err, want)
	}
	for key := range p.Unknown {
		if frontVisibility[strings.ToLower(key)] != nil {
			t.Errorf("Decode of %q: the post has the %s member in addition to the status", content, key)
		}
	}
}

// TestFileVisibility checks drafts in the other front matter formats, in draft folders, and in HTML.
func TestFileVisibility(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"toml.md", "+++\ndraft = true\n+++\nWords\n", "draft"},
		{"json.md", "{\"draft\": true}\nWords\n", "draft"},
		{"date.md", "+++\nexpiryDate = 2020-01-01\n+++\nWords\n", "draft"},
		{"_drafts/a.md", "Words\n", "draft"},
		{"a/_drafts/b.md", "Words\n", "draft"},
		{"_drafts/published.md", "---\nstatus: published\n---\nWords\n", "draft"},
		{"_drafts/c.html", "<p>Words</p>\n", "draft"},
		{"_drafts/private.md", "---\nprivate: true\n---\nWords\n", "private"},
		{"drafts-of-mine/a.md", "Words\n", "published"},
		// These only affect search engines.
		{"a.html", `<html><head><meta name="robots" content="noindex"></head><body><p>Words</p></body></html>`, "published"},
	} {
		checkVisibility(t, optionsIn2025, tt.name, tt.content, tt.want)
	}
}

// TestExpiryNote checks that an expiry date in the future produces a note.
func TestExpiryNote(t *testing.T) {
	for e, err := range optionsIn2025.Read(strings.NewReader("---\nexpiryDate: 2030-01-01\n---\nWords\n"), "a.md") {
		want := []string{"a.md: expiryDate 2030-01-01T00:00:00Z is ignored: the post stays published after this date"}
		if err != nil || !slices.Equal(e.Notes, want) {
			t.Errorf("got notes %q and error %v, want %q", e.Notes, err, want)
		}
	}
}

// TestSiteVisibility checks that the defaults of a Jekyll site, and the keys of a Hugo site in upper or lower case,
// determine which posts are public.
func TestSiteVisibility(t *testing.T) {
	for _, tt := range []struct {
		config, configuration string
		post, front           string
		want                  feed.Status
	}{
		{"_config.yml", "defaults:\n- scope: {path: ''}\n  values: {published: false}\n", "_posts/2015-01-02-a.md", "",
			feed.Draft},
		{"_config.yml", "defaults:\n- scope: {type: posts}\n  values: {password: x}\n", "_posts/2015-01-02-a.md", "",
			feed.Private},
		{"_config.yml", "", "_drafts/a.md", "", feed.Draft},
		{"hugo.toml", "", "content/posts/a.md", "Draft: true\nDate: 2015-01-02", feed.Draft},
	} {
		posts := readFolder(t, fstest.MapFS{
			tt.config: {Data: []byte(tt.configuration)},
			tt.post:   {Data: []byte("---\n" + tt.front + "\n---\nWords\n")},
		})
		if len(posts) != 1 || posts[0].Status != tt.want {
			t.Errorf("%s with %q and %q: got posts %v, want one with the status %s",
				tt.post, tt.configuration, tt.front, posts, tt.want)
		}
	}
}

// TestFeedVisibility checks the visibility of feed items with a status or a future date.
func TestFeedVisibility(t *testing.T) {
	const control = `<app:control xmlns:app="http://www.w3.org/2007/app"><app:draft>%s</app:draft></app:control>`
	for _, tt := range []struct{ kind, elements, want string }{
		{"atom", "", "published"},
		{"atom", fmt.Sprintf(control, "no"), "published"},
		{"atom", fmt.Sprintf(control, "yes"), "draft"},
		{"atom", fmt.Sprintf(control, " YES "), "draft"},
		{"atom", fmt.Sprintf(control, "maybe"), "rejected: unknown status"},
		{"atom", "<published>2099-01-02T00:00:00Z</published>", "published at 2099-01-02T00:00:00Z"},
		{"rss", "", "published"},
		{"rss", fmt.Sprintf(control, "no"), "published"},
		{"rss", fmt.Sprintf(control, "yes"), "draft"},
		{"rss", fmt.Sprintf(control, "maybe"), "rejected: unknown status"},
		{"rss", "<pubDate>Fri, 02 Jan 2099 00:00:00 GMT</pubDate>", "published at 2099-01-02T00:00:00Z"},
		{"rss", "<itunes:block>yes</itunes:block>", "published"}, // affects only Apple's directory
	} {
		entry := "<item><guid>a</guid><title>T</title>" + tt.elements + "</item>"
		if tt.kind == "atom" {
			entry = "<entry><id>a</id><title>T</title>" + tt.elements + "</entry>"
		}
		_, content := wrap(tt.kind, entry)
		checkVisibility(t, Options{}, "f.xml", content, tt.want)
	}
}

// TestJSONVisibility checks the visibility of JSON Feed items, and of feedpub's own posts, with members that mark them
// as drafts or as private.
func TestJSONVisibility(t *testing.T) {
	for _, tt := range []struct{ members, item, own string }{
		{`"title":"T"`, "published", "published"},
		{`"status":"published"`, "published", "published"},
		{`"status":"draft"`, "draft", "draft"},
		{`"status":"private"`, "private", "private"},
		{`"status":null`, "published", "published"},
		{`"status":"publish"`, "published", "rejected: status"},
		{`"status":"pending"`, "draft", "rejected: status"},
		{`"status":"friends"`, "rejected: status", "rejected: status"},
		{`"status":5`, "rejected: status", "rejected: status"},
		{`"status":"scheduled"`, "rejected: scheduled", "rejected: status"},
		{`"status":"scheduled","date_published":"2099-01-02T00:00:00Z"`, "published at 2099-01-02T00:00:00Z",
			"rejected: status"},
		{`"draft":true`, "draft", "rejected: the draft member"},
		{`"draft":"perhaps"`, "rejected: draft", "rejected: the draft member"},
		{`"published":false`, "draft", "rejected: the published member"},
		{`"visibility":"members"`, "private", "rejected: the visibility member"},
		{`"password":"x"`, "private", "rejected: the password member"},
		{`"status":"published","draft":true`, "draft", "published"},
		{`"status":"private","draft":true`, "private", "private"},
		{`"draft":false,"password":""`, "published", "published"},
		{`"date_published":"2099-01-02T00:00:00Z"`, "published at 2099-01-02T00:00:00Z",
			"published at 2099-01-02T00:00:00Z"},
	} {
		post := `{"id":"a","content_text":"Words",` + tt.members + `}`
		document := `{"version":"https://jsonfeed.org/version/1.1","items":[` + post + `]}`
		checkVisibility(t, optionsIn2025, "f.json", document, tt.item)
		checkVisibility(t, optionsIn2025, "f.jsonl", post+"\n", tt.own)
		checkVisibility(t, optionsIn2025, "f.json", "["+post+"]", tt.own)
	}
}

// TestFolderJSONVisibility checks that a post in a served folder is rejected if it has no status, but has a member that
// other programs use to mark drafts.
func TestFolderJSONVisibility(t *testing.T) {
	for content, want := range map[string]string{
		`{"content_text":"Words","draft":true}`:                      "the draft member marks",
		`{"id":"a","content_text":"Words","draft":true}`:             "the draft member marks",
		`[{"id":"a","content_text":"Words","password":"x"}]`:         "the password member marks",
		`{"content_text":"Words","draft":true,"status":"draft"}`:     "",
		`{"content_text":"Words","draft":true,"status":"published"}`: "",
		`{"content_text":"Words","draft":false}`:                     "",
	} {
		posts, err := Options{}.Decode("f.json", []byte(content))
		if want == "" && (err != nil || len(posts) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Decode of %s: got %d posts and error %v, want the error %q", content, len(posts), err, want)
		}
	}
}
