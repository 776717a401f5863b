package transfer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
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
