package build_test

import (
	"slices"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/build"
)

// canonical returns The Guardian for its alias Guardian UK.
func canonical(publication string) feed.Source {
	if strings.EqualFold(publication, "Guardian UK") {
		publication = "The Guardian"
	}
	return feed.Source{Publication: publication}
}

func TestSelector(t *testing.T) {
	quote := func(publication string) []feed.Quote {
		return []feed.Quote{{Source: feed.Source{Publication: publication}}}
	}
	full := &feed.Item{
		ID: "full", Tags: []string{"Go", "Feed  Readers"}, Authors: []feed.Author{{Name: "Ann Lee"}},
		Quotes: quote("Guardian UK"), Language: "en-GB",
	}
	bare := &feed.Item{ID: "bare"}
	other := &feed.Item{ID: "other", Tags: []string{"go"}, Quotes: quote("Le Monde"), Language: "fr"}
	anonymous := &feed.Item{ID: "anonymous", Quotes: quote("")}

	type criteria = feed.Criteria
	for _, tt := range []struct {
		name      string
		selection feed.Selection
		want      []*feed.Item
	}{
		{"no criteria", feed.Selection{}, []*feed.Item{full, bare, other, anonymous}},
		{"a tag in different case", feed.Selection{Criteria: criteria{Tags: []string{"GO"}}}, []*feed.Item{full, other}},
		{"any of the tags", feed.Selection{Criteria: criteria{Tags: []string{"feed readers", "none"}}}, []*feed.Item{full}},
		{"all of the tags", feed.Selection{Criteria: criteria{AllTags: []string{"go", "feed readers"}}}, []*feed.Item{full}},
		{"an author", feed.Selection{Criteria: criteria{Authors: []string{"ann lee"}}}, []*feed.Item{full}},
		{"a source without the article", feed.Selection{Criteria: criteria{Sources: []string{"Guardian"}}},
			[]*feed.Item{full}},
		{"a source by an alias", feed.Selection{Criteria: criteria{Sources: []string{"guardian uk"}}}, []*feed.Item{full}},
		{"a language with a region", feed.Selection{Criteria: criteria{Languages: []string{"EN"}}}, []*feed.Item{full}},
		{"a region that the item does not have", feed.Selection{Criteria: criteria{Languages: []string{"fr-CA"}}}, nil},
		{"the site's language", feed.Selection{Criteria: criteria{Languages: []string{"de"}}}, []*feed.Item{bare, anonymous}},
		{"quoting", feed.Selection{Criteria: criteria{Quoting: feed.Yes}}, []*feed.Item{full, other, anonymous}},
		{"not quoting", feed.Selection{Criteria: criteria{Quoting: feed.No}}, []*feed.Item{bare}},
		{"several criteria", feed.Selection{Criteria: criteria{Tags: []string{"go"}, Languages: []string{"en"}}},
			[]*feed.Item{full}},
		{"excluded by any of several criteria",
			feed.Selection{Exclude: criteria{Authors: []string{"Ann Lee"}, Languages: []string{"fr"}}},
			[]*feed.Item{bare, anonymous}},
		{"excluded by all of several tags", feed.Selection{Exclude: criteria{AllTags: []string{"go", "feed readers"}}},
			[]*feed.Item{bare, other, anonymous}},
		{"excluded by quoting", feed.Selection{Exclude: criteria{Quoting: feed.Yes}}, []*feed.Item{bare}},
		{"excluded by id", feed.Selection{ExcludeIDs: []string{"full", "none"}}, []*feed.Item{bare, other, anonymous}},
		{"included and excluded",
			feed.Selection{Criteria: criteria{Tags: []string{"go"}}, Exclude: criteria{Sources: []string{"Le Monde"}}},
			[]*feed.Item{full}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.selection.Name = "x"
			s := build.NewSelector(feed.Catalog{Selections: []feed.Selection{tt.selection}}, "de", canonical)
			for _, it := range []*feed.Item{full, bare, other, anonymous} {
				got, want := slices.Contains(s.Select(it), "x"), slices.Contains(tt.want, it)
				if got != want {
					t.Errorf("the selection has %s: %v, want %v", it.ID, got, want)
				}
			}
		})
	}
}

func TestSelectorOrder(t *testing.T) {
	s := build.NewSelector(feed.Catalog{Selections: []feed.Selection{
		{Name: "z"}, {Name: "no", Criteria: feed.Criteria{Tags: []string{"x"}}}, {Name: "a"},
	}}, "en", canonical)
	if got := s.Select(&feed.Item{ID: "1"}); !slices.Equal(got, []feed.Name{"a", "z"}) {
		t.Errorf("selections %v, want [a z]", got)
	}
}
