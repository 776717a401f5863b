package build_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/build"
)

var since = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func site() feed.Site {
	return feed.Site{ID: "main", Title: "Front Page", Description: "News and remarks", Language: "en",
		Since: since, Limit: 3}
}

func day(d int) time.Time { return time.Date(2014, 6, d, 12, 0, 0, 0, time.UTC) }

func item(id string, published, updated time.Time) *feed.Item {
	return &feed.Item{ID: id, Published: published, Updated: updated}
}

func ids(f feed.Feed) []string {
	var ids []string
	for _, i := range f.Items {
		ids = append(ids, i.ID)
	}
	return ids
}

func TestFeedOrderAndLimit(t *testing.T) {
	items := []*feed.Item{
		item("a", day(1), day(9)),
		item("b", day(3), day(3)),
		item("c", day(2), day(2)),
		item("d", day(3), day(3)),
	}
	f := build.Feed(site(), feed.Main, "", items, time.Time{})

	if diff := cmp.Diff([]string{"d", "b", "c"}, ids(f)); diff != "" {
		t.Errorf("items of a feed with limit 3 (-want +got):\n%s", diff)
	}
	if items[0].ID != "a" || items[3].ID != "d" {
		t.Error("Feed reordered the caller's items")
	}
	if want := day(3); !f.Updated.Equal(want) {
		t.Errorf("Updated = %v, want %v: the item updated on day 9 is not in the feed", f.Updated, want)
	}
}

func TestFeedIgnoresOrderOfItems(t *testing.T) {
	items := []*feed.Item{item("a", day(1), day(1)), item("b", day(1), day(2)), item("c", day(1), day(1))}
	want := ids(build.Feed(site(), feed.Main, "", items, time.Time{}))
	for _, order := range [][]int{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var shuffled []*feed.Item
		for _, i := range order {
			shuffled = append(shuffled, items[i])
		}
		got := ids(build.Feed(site(), feed.Main, "", shuffled, time.Time{}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("items given in the order %v (-want +got):\n%s", order, diff)
		}
	}
}

func TestFeedUpdated(t *testing.T) {
	east := time.FixedZone("", 9*60*60)
	for _, tt := range []struct {
		name    string
		items   []*feed.Item
		removed time.Time
		want    time.Time
	}{
		{"no items", nil, time.Time{}, since},
		{"latest update, not latest publication", []*feed.Item{item("a", day(5), day(5)), item("b", day(2), day(7))},
			time.Time{}, day(7)},
		{"later removal", []*feed.Item{item("a", day(5), day(5))}, day(6), day(6)},
		{"earlier removal", []*feed.Item{item("a", day(5), day(5))}, day(4), day(5)},
		{"removal of the last item", nil, day(6), day(6)},
		{"before the site's Since", []*feed.Item{item("a", time.Unix(0, 0), time.Unix(0, 0))}, time.Time{}, time.Unix(0, 0)},
		{"removal in another zone", nil, day(6).In(east), day(6)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := build.Feed(site(), feed.Main, "", tt.items, tt.removed).Updated
			if got.Location() != time.UTC || !got.Equal(tt.want) {
				t.Errorf("Updated = %v, want %v", got, tt.want.UTC())
			}
		})
	}
}

func TestFeedNaming(t *testing.T) {
	for _, tt := range []struct {
		language, title, description string
		name                         feed.Name
		fullName                     string
		wantTitle, wantDescription   string
	}{
		{"en", "Front Page", "News and remarks", feed.Main, "", "Front Page", "News and remarks"},
		{"en", "Front Page", "", feed.Main, "", "Front Page", "Front Page"},
		{"en", "Front Page", "x", "tags/foreign-policy", "Foreign Policy",
			"Front Page: Foreign Policy", "Posts of Front Page tagged “Foreign Policy”"},
		{"en-GB", "Front Page", "x", "authors/steve", "Steve",
			"Front Page: posts by Steve", "Posts of Front Page by Steve"},
		{"EN", "Front Page", "x", "sources/guardian", "The Guardian",
			"Front Page: quoted from The Guardian", "Posts of Front Page that quote The Guardian"},
		{"de", "Titelseite", "x", "sources/zeit", "DIE ZEIT",
			"Titelseite: zitiert aus DIE ZEIT", "Beiträge von Titelseite, die DIE ZEIT zitieren"},
		{"ja", "日誌", "x", "sources/asahi", "朝日新聞", "日誌: 朝日新聞", "日誌: 朝日新聞"},
		{"en", "Front Page", "x", "tags/go", "", "Front Page: go", "Posts of Front Page tagged “go”"},
		{"en", "Front Page", "x", "tags/x", "{site}", "Front Page: {site}", "Posts of Front Page tagged “{site}”"},
		{"en", "Front Page", "x", "podcast", "", "Front Page: podcast", "Front Page: podcast"},
		{"en", "Front Page", "News", feed.Main.Archive(3), "", "Front Page", "News"},
		{"en", "Front Page", "x", "tags/go/archive/3", "Go", "Front Page: Go", "Posts of Front Page tagged “Go”"},
		{"en", " ", "x", feed.Main, "", "main", "x"},
	} {
		t.Run(fmt.Sprintf("%s %s", tt.language, tt.name), func(t *testing.T) {
			s := site()
			s.Language, s.Title, s.Description = tt.language, tt.title, tt.description
			f := build.Feed(s, tt.name, tt.fullName, nil, time.Time{})
			if f.Title != tt.wantTitle {
				t.Errorf("title of %s (%q) in %q = %q, want %q", tt.name, tt.fullName, tt.language, f.Title, tt.wantTitle)
			}
			if f.Description != tt.wantDescription {
				t.Errorf("description of %s (%q) in %q = %q, want %q",
					tt.name, tt.fullName, tt.language, f.Description, tt.wantDescription)
			}
		})
	}
}

func TestChannel(t *testing.T) {
	var items []*feed.Item
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		items = append(items, item(id, day(i+1), day(i+1)))
	}
	for _, tt := range []struct {
		name            string
		feed            feed.Name
		channel         feed.Channel
		wantTitle, want string
		wantItems       int
	}{
		{"nothing", "tags/go", feed.Channel{}, "Front Page: Go", "Posts of Front Page tagged “Go”", 3},
		{"a title", "tags/go", feed.Channel{Title: " Gophers "}, "Gophers", "Gophers", 3},
		{"a title of an archive", "tags/go/archive/1", feed.Channel{Title: "Gophers"}, "Gophers", "Gophers", 3},
		{"a title of the main feed", feed.Main, feed.Channel{Title: "All"}, "All", "News and remarks", 3},
		{"a description", "tags/go", feed.Channel{Description: "On Go"}, "Front Page: Go", "On Go", 3},
		{"both", "links", feed.Channel{Title: "Links", Description: "What we read"}, "Links", "What we read", 3},
		{"a greater limit", "tags/go", feed.Channel{Title: "G", Limit: 4}, "G", "G", 4},
		{"a smaller limit", "tags/go", feed.Channel{Title: "G", Limit: 1}, "G", "G", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.channel.Content, tt.channel.TitleLink = feed.SummaryContent, feed.SourceTitle
			f := build.Channel(site(), tt.feed, "Go", tt.channel, items, time.Time{})
			if f.Title != tt.wantTitle || f.Description != tt.want || len(f.Items) != tt.wantItems {
				t.Errorf("the feed has the title %q, the description %q and %d items; want %q, %q and %d",
					f.Title, f.Description, len(f.Items), tt.wantTitle, tt.want, tt.wantItems)
			}
			if f.Content != feed.SummaryContent || f.TitleLink != feed.SourceTitle {
				t.Errorf("content %q and title link %q are not the configured ones", f.Content, f.TitleLink)
			}
		})
	}
}
