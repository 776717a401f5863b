package render

import (
	"strings"
	"testing"

	"feedpub/feed"
)

// TestAccent checks that links have the accent color, and that colors without enough contrast are changed.
func TestAccent(t *testing.T) {
	css := string(pages().style)
	for accent, want := range map[string][]string{
		"#0b5394": {"--link: #0b5394;"},                  // dark enough for the light scheme
		"#ffff00": {"solid #ffff00", "--link: #ffff00;"}, // light enough for the dark scheme
		"#777777": {"solid #777777"},
	} {
		style := accentStyle(css, accent)
		for _, w := range want {
			if !strings.Contains(style, w) {
				t.Errorf("the rules for the accent %s lack %q:\n%s", accent, w, style)
			}
		}
		var links []color
		for _, part := range strings.Split(style, "--link: ")[1:] {
			links = append(links, parseColor(part[:len("#rrggbb")]))
		}
		backgrounds := background.FindAllStringSubmatch(css, -1)
		if len(links) != 2 || len(backgrounds) != 4 {
			t.Fatalf("the accent %s has %d colors for %d backgrounds, want 2 for 4", accent, len(links), len(backgrounds))
		}
		for i, m := range backgrounds {
			if link := links[i/2]; !link.isReadable(parseColor(m[1])) {
				t.Errorf("with the accent %s, links of the color %s are not readable on %s", accent, link, m[1])
			}
		}
	}
}

func TestSiteStyle(t *testing.T) {
	site := versionFeed("en").Site
	if _, ok := SiteStyle(site); ok {
		t.Error("SiteStyle returns a style sheet for a site without one")
	}
	site.Accent, site.Style = "#aa0000", "h1 { color: red; }"
	style, ok := SiteStyle(site)
	if !ok || string(style.Body) != site.Style || feed.Pages.Path(style.Format) != "/style.css" {
		t.Errorf("the style sheet is %q at %s, want %q at /style.css", style.Body, feed.Pages.Path(style.Format), site.Style)
	}
	f := versionFeed("en")
	f.Site = site
	page, err := New().Page(f)
	if err != nil {
		t.Fatal(err)
	}
	const address = "https://feeds.example.org/style.css"
	if want := `<link rel="stylesheet" href="` + address + "?v=" + string(style.Hash[:12]) + `">`; !strings.Contains(string(page.Body), want) {
		t.Errorf("the page lacks %s:\n%s", want, page.Body)
	}
	if want := " " + address + "; font-src 'self';"; !strings.Contains(page.Policy, want) {
		t.Errorf("the policy %q lacks %q", page.Policy, want)
	}
}
