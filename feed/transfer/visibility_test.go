package transfer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// visibilities returns what becomes of each entry of a file: "published", "draft", "private", "skipped: " or
// "rejected: " with the reason, and the date of a post with a date to come.
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
		case p.Status == "" && p.DatePublished.Year() > 2090:
			list = append(list, "published at "+p.DatePublished.UTC().Format(time.RFC3339))
		case p.Status == "":
			list = append(list, "published")
		default:
			list = append(list, string(p.Status))
		}
	}
	return list
}

// checkVisibility checks what becomes of the only entry of a file. For a rejected post, want is a part of the reason.
func checkVisibility(t *testing.T, o Options, name, content, want string) {
	t.Helper()
	got := visibilities(o, name, content)
	rejected := strings.HasPrefix(want, "rejected") && len(got) == 1 && strings.HasPrefix(got[0], "rejected: ") &&
		strings.Contains(got[0], strings.TrimPrefix(want, "rejected: "))
	if !rejected && !slices.Equal(got, []string{want}) {
		t.Errorf("Read of %s\n%s\ngot %q, want %q", name, content, got, want)
	}
}

// wxrItem returns an item with the elements in it.
func wxrItem(elements string) string {
	return "<item><title>T</title><guid>g</guid><content:encoded>Words</content:encoded>" + elements + "</item>"
}

// TestWXRVisibility checks what becomes of an item of a WordPress export with each type, status and password.
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
		{post + "<wp:status>future</wp:status><wp:post_date_gmt>0000-00-00 00:00:00</wp:post_date_gmt>", "rejected: scheduled"},
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

// TestWXRNamespaces checks that statuses are read whatever the namespaces of an export are.
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
		content := `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"` + declaration + "><channel>" +
			tt.head + "<PREFIX:author><PREFIX:author_login>ann</PREFIX:author_login>" +
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

// TestWXRForcedOnFeed checks that a plain feed that is read as a WordPress export is rejected, and that an export
// which does not declare itself is not published as a feed.
func TestWXRForcedOnFeed(t *testing.T) {
	_, plain := wrap("rss", wxrItem(""))
	checkVisibility(t, Options{Format: WXR}, "f.xml", plain, "rejected: missing wp:post_type")
	_, undeclared := wrap("rss", wxrItem("<w:post_type>post</w:post_type><w:status>publish</w:status>"))
	checkVisibility(t, Options{}, "f.xml", undeclared, "rejected: --format wxr")
	checkVisibility(t, Options{Format: WXR}, "f.xml", undeclared, "published")
	_, undeclared = wrap("rss", wxrItem("<wp:status>draft</wp:status>"))
	checkVisibility(t, Options{}, "f.xml", undeclared, "rejected: --format wxr")
}
