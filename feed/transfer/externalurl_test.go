package transfer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

// TestFrontMatterAddresses checks which front matter keys set the external URL and the vias of a post.
func TestFrontMatterAddresses(t *testing.T) {
	const there = "https://www.theguardian.com/uk/pier"
	tests := []struct {
		front, external string
		via             []feed.Via
	}{
		{"link: " + there, there, nil},
		{"external_url: " + there, there, nil},
		{"external-url: " + there, there, nil},
		{"targeturl: " + there, there, nil},
		{"targetUrl: " + there, there, nil},
		{"externalUrl: " + there, there, nil},
		{"external_link: " + there, there, nil},
		{"link-url: " + there, there, nil},
		{"bookmark-of: " + there, there, nil},
		{"mf-bookmark-of: [" + there + "]", there, nil},
		{"source: {author: Ann Ross, title: Winter, url: " + there + "}", there, nil},
		{"link: {href: " + there + ", title: Winter, author: {name: Ann Ross, url: https://ross.example/}}", there, nil},
		{"source: {name: The Guardian}", "", nil},
		{"link: " + there + "/\nslug: pier", "", nil},
		{"link: " + there + "\npost_name: quay\nID: 12", "", nil},
		{"link: " + there + "\nwordpress_id: 12", "", nil},
		{"source_url: " + there + "\ncreated_gmt: 2012-05-03 10:00:00", "", nil},
		{"external_url: " + there + "\npost_id: 12", there, nil},
		{"link: " + there + "\nid: 12", there, nil},
		{"link: https://quay.wordpress.com/2012/05/03/winter/", "", nil},
		{"link: https://quay.wordpress.com/2012/05/03/spring/", "https://quay.wordpress.com/2012/05/03/spring/", nil},
		{"link: https://quay.example/winter.html", "https://quay.example/winter.html", nil},
		{"link-url: ''", "", nil},
		{"link_url: " + there, there, nil},
		{"linked: " + there, there, nil},
		{"linked: false", "", nil},
		{"source: " + there, there, nil},
		{"source: The Guardian", "", nil},
		{"source: " + there + "\nlink: https://example.org/", "https://example.org/", nil},
		{"via: " + there, "", []feed.Via{{URL: there}}},
		{"via: Links", "", []feed.Via{{Name: "Links"}}},
		{"via: [" + there + ", {name: Links}]", "", []feed.Via{{URL: there}, {Name: "Links"}}},
	}
	for _, tt := range tests {
		file := "---\ntitle: Winter\n" + tt.front + "\n---\nIt is cold.\n"
		for entry, err := range (transfer.Options{}).Read(strings.NewReader(file), "post.md") {
			if err != nil {
				t.Errorf("front matter %q: %v", tt.front, err)
				continue
			}
			p, err := intake.Decode(entry.Post.ID, entry.Post.Raw)
			if err != nil {
				t.Errorf("front matter %q produces an invalid post: %v", tt.front, err)
				continue
			}
			if p.ExternalURL != tt.external {
				t.Errorf("front matter %q results in the external URL %q, want %q", tt.front, p.ExternalURL, tt.external)
			}
			if diff := cmp.Diff(tt.via, p.Via); diff != "" {
				t.Errorf("vias of front matter %q (-want +got):\n%s", tt.front, diff)
			}
		}
	}
}

// TestFrontMatterSource checks that an object in front matter describes the source of the only quotation.
func TestFrontMatterSource(t *testing.T) {
	const there = "https://news.example/uk/pier"
	for _, tt := range []struct{ front, want string }{
		{"source: {title: Winter on the Pier, author: Ann Ross, date: 2012-05-03, url: " + there + ", name: Ferry Gazette}",
			"Ferry Gazette|Winter on the Pier|Ann Ross|2012-05-03|" + there},
		{"source: [{title: Winter on the Pier, authors: [{name: Ann Ross}], url: " + there + "}]",
			"news.example|Winter on the Pier|Ann Ross||" + there},
		{"link: {href: " + there + ", title: Winter on the Pier, year: 2012}", "news.example|Winter on the Pier||2012|" + there},
		{"source: {title: The Salt Road, author: Ann Ross}", "|The Salt Road|Ann Ross||"},
		{"source: {name: Ferry Gazette}", "Ferry Gazette||||"},
		{"source: {title: The Salt Road, date: soon}", ""},
		{"source: {title: The Salt Road, author: Ann Ross}\nlink: " + there, "news.example||||" + there},
		{"link: {url: " + there + "/, title: Winter}\nslug: pier", ""},
	} {
		file := "---\ntitle: Cold\n" + tt.front + "\n---\nThe water is frozen.\n\n> The pier will be shut from Friday until March.\n\nI shall walk.\n"
		for entry, err := range (transfer.Options{}).Read(strings.NewReader(file), "post.md") {
			if err != nil {
				t.Fatalf("front matter %q: %v", tt.front, err)
			}
			if got := creditsIn(t, entry.Post); got != tt.want {
				t.Errorf("front matter %q: got the credit %q, want %q", tt.front, got, tt.want)
			}
		}
	}
}

// creditsIn returns the published credits of the post, with the parts of a credit joined by bars.
func creditsIn(t *testing.T, p *feed.RawPost) string {
	t.Helper()
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := intake.New(feed.Site{ID: "quay"}, reader).Item(p.ID, p.Raw, feed.Record{ID: p.ID, FirstSeen: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var credits []string
	for _, c := range result.Credits {
		if c.State != intake.CreditPublished {
			continue
		}
		var authors []string
		for _, a := range c.Source.Authors {
			authors = append(authors, a.Name)
		}
		credits = append(credits, strings.Join([]string{c.Source.Publication, c.Source.Headline, strings.Join(authors, ", "),
			c.Source.DatePublished, c.Source.URL}, "|"))
	}
	return strings.Join(credits, "\n")
}
