package config_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/config"
	"feedpub/feed"
)

func TestCatalog(t *testing.T) {
	c, err := load(t, filepath.Join("testdata", "every-key.yml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := feed.Catalog{
		Feeds: map[feed.Name]feed.Channel{
			"main": {Title: "Everything"},
			"tags/go": {
				Limit: 5, TitleLink: feed.PermalinkTitle, Archives: true, // inherited from the family
			},
			"links": {
				Title: "Links", Description: "What we read", Limit: 30, Content: feed.FullContent, TitleLink: feed.SourceTitle,
				Formats: []feed.Format{feed.Atom}, Archives: true,
			},
		},
		Families: map[feed.Family]feed.Channel{feed.Tags: {
			Limit: 10, Content: feed.SummaryContent, TitleLink: feed.SourceTitle, Formats: []feed.Format{feed.RSS, feed.JSON},
			Archives: true,
		}},
		Selections: []feed.Selection{{
			Name: "links",
			Criteria: feed.Criteria{
				Tags: []string{"link", "Linkblog"}, AllTags: []string{"public"}, Authors: []string{"Ann"},
				Sources:   []string{"The Guardian"},
				Languages: []string{"en", "de-AT"}, Quoting: feed.Yes,
			},
			Exclude: feed.Criteria{
				Tags: []string{"draft"}, AllTags: []string{"a", "b"}, Authors: []string{"Bob"}, Sources: []string{"The Star"},
				Languages: []string{"fr"}, Quoting: feed.No,
			},
			ExcludeIDs: []string{"post-1"},
		}},
		Presets: []feed.Preset{"wordpress", "blogger"},
		Aliases: []feed.Alias{
			{Target: "/links/?format=atom", Feed: "links", Format: feed.Atom},
			{Target: "/podcast.rss", Feed: feed.Main, Format: feed.RSS},
		},
		PlainXML: true,
		Unlisted: []feed.Name{"old-links", "tags/obsolete"},
	}
	if diff := cmp.Diff(want, c.Catalog()); diff != "" {
		t.Errorf("catalog (-want +got):\n%s", diff)
	}
	schedules := c.FeedSchedules()
	if schedules["links"] != "@weekly" || schedules["tags/go"] != "@daily" || len(schedules) != 3 {
		t.Errorf("schedules of feeds are %v, want those in schedules and feeds", schedules)
	}
}

func TestDefaultArchives(t *testing.T) {
	c := config.Default().Catalog()
	for name, want := range map[feed.Name]bool{feed.Main: true, "tags/go": false, "links": false} {
		if got := c.Channel(config.Default().FeedSite(), name).Archives; got != want {
			t.Errorf("%s has archives: %v, want %v", name, got, want)
		}
	}
	if !c.Pages {
		t.Error("there are no pages by default")
	}
}

func TestRetiredAndMoved(t *testing.T) {
	c, err := load(t, filepath.Join("testdata", "every-key.yml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	retired, moved := c.RetiredAndMoved()
	for _, target := range []string{
		"/gone.xml", "/tags/obsolete/feed.xml", "/tags/obsolete/atom.xml", "/tags/obsolete/feed.json", "/tags/obsolete/",
		"/comments/feed/", "/?feed=comments-rss2", "/feeds/comments/default",
	} {
		if !slices.Contains(retired, target) {
			t.Errorf("%s is not retired: %q", target, retired)
		}
	}
	const base = "https://feeds.example.org/blog"
	want := map[string]string{
		"/old.xml":             "https://elsewhere.example/feed.xml",
		"/old-links/feed.xml":  base + "/links/feed.xml",
		"/old-links/atom.xml":  base + "/links/atom.xml",
		"/old-links/feed.json": base + "/links/feed.json",
		"/old-links/":          base + "/links/",
		"/favicon.ico":         "https://example.org/icon.png",
	}
	if diff := cmp.Diff(want, moved); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}
