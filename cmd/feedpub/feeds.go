package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/store"
)

// feedLine is what the feeds command says of a feed.
type feedLine struct {
	Feed feed.Name `json:"feed"`
	// Name is the tag, author or publication as people write it; empty for the main feed.
	Name     string                 `json:"name,omitempty"`
	Posts    int                    `json:"posts"`              // that belong to the feed
	Items    int                    `json:"items"`              // in its documents, but for those in archives
	Archives int                    `json:"archives,omitempty"` // how many archives it has
	Modified time.Time              `json:"modified"`
	URLs     map[feed.Format]string `json:"urls"`
}

func newFeeds(env *environment) *cobra.Command {
	var asJSON, snippet, readers bool
	cmd := &cobra.Command{
		Use:   "feeds",
		Short: "List the published feeds",
		Long: `List the feeds that have been published: the main feed, those that are configured,
and one for each tag, author and quoted source, with the number of posts that belong
to each. --snippet prints what the pages of the blog should have in their head so
that readers find its feeds: of the main feed and those that are configured. --readers
asks the server on this machine who reads the feeds, as far as polls tell.`,
		Example: "  feedpub feeds\n  feedpub feeds --json | jq -r '.[].urls.atom'\n  feedpub feeds --snippet >> head.html",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if readers {
				return env.listReaders(cmd, asJSON)
			}
			w, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			lines, err := listFeeds(cmd.Context(), w.Site)
			if err != nil {
				return err
			}
			if snippet {
				_, err := fmt.Fprint(env.stdout, w.snippet(lines))
				return err
			}
			if asJSON {
				return env.printJSON(lines)
			}
			rows := [][]string{{"FEED", "POSTS", "ITEMS", "MODIFIED", "NAME", "ATOM"}}
			for _, l := range lines {
				rows = append(rows, []string{
					string(l.Feed), strconv.Itoa(l.Posts), strconv.Itoa(l.Items), l.Modified.Format(time.RFC3339), l.Name,
					l.URLs[feed.Atom],
				})
			}
			return env.printTable(rows)
		},
	}
	addSettings(cmd, append([]string{"admin-listen"}, storeFlags...)...)
	addJSON(cmd, &asJSON)
	cmd.Flags().BoolVar(&readers, "readers", false, "list who reads the feeds, by asking a server's admin address")
	cmd.Flags().BoolVar(&snippet, "snippet", false, "print links for the head of the blog's pages")
	cmd.MarkFlagsMutuallyExclusive("json", "snippet")
	cmd.MarkFlagsMutuallyExclusive("readers", "snippet")
	return cmd
}

// snippet returns the links by which readers find the main feed and those that are configured, out of those there are.
func (w *workplace) snippet(lines []feedLine) string {
	site, catalog := w.config.FeedSite(), w.config.Catalog()
	var entries []render.Entry
	for _, l := range lines {
		if _, configured := catalog.Feeds[l.Feed]; configured {
			entries = append(entries, publish.Entry(site, catalog, l.Feed, l.Name))
		}
	}
	return render.Snippet(site, entries)
}

// listFeeds returns the committed feeds of a site, the main feed first and then by name.
func listFeeds(ctx context.Context, site *store.Site) ([]feedLine, error) {
	heads, err := site.Heads(ctx)
	if err != nil {
		return nil, fmt.Errorf("list feeds: %w", err)
	}
	names, err := site.Names(ctx)
	if err != nil {
		return nil, fmt.Errorf("list feeds: %w", err)
	}
	heads, archives := feed.FeedsOf(heads)
	slices.SortFunc(heads, func(a, b feed.Head) int { return a.Feed.Compare(b.Feed) })
	lines := make([]feedLine, 0, len(heads))
	for _, h := range heads {
		posts, err := site.Count(ctx, h.Feed)
		if err != nil {
			return nil, fmt.Errorf("list feeds: %w", err)
		}
		l := feedLine{
			Feed: h.Feed, Name: names[h.Feed], Posts: posts, Items: len(h.IDs), Archives: archives[h.Feed], URLs: make(map[feed.Format]string),
		}
		for _, d := range h.Documents {
			l.URLs[d.Format] = selfURL(d)
			if d.Modified.After(l.Modified) {
				l.Modified = d.Modified
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// selfURL returns the URL that readers get the document at. It stands in the document's Link header: the configuration
// here may be another one than that of the server that built it.
func selfURL(d feed.DocumentRef) string {
	target, params, _ := strings.Cut(strings.TrimPrefix(d.Link, "<"), ">")
	if !strings.HasPrefix(params, `; rel="self"`) {
		return d.Path
	}
	return target
}
