package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/store"
)

// feedLine describes a feed.
type feedLine struct {
	Feed     feed.Name              `json:"feed"`
	Name     string                 `json:"name,omitempty"`     // tag, author or publication; empty for the main feed
	Posts    int                    `json:"posts"`              // number of posts in the feed
	Items    int                    `json:"items"`              // number of items in the feed's documents, not counting archives
	Archives int                    `json:"archives,omitempty"` // number of archives
	Modified time.Time              `json:"modified"`
	URLs     map[feed.Format]string `json:"urls"`
}

func newFeeds(env *environment) *cobra.Command {
	var asJSON, snippet, readers bool
	cmd := &cobra.Command{
		Use:   "feeds",
		Short: "List the published feeds",
		Long: `List the published feeds: the main feed, the configured feeds, and one for each tag,
author and quoted source, with the number of posts that belong to each.

With --snippet, print the links to add to the head of the blog's pages, so that
feed readers find the main feed and the configured feeds. With --readers, ask the
server on this machine for the number of readers of each feed, estimated from polls.`,
		Example: "  feedpub feeds\n  feedpub feeds --json | jq -r '.[].urls.atom'\n  feedpub feeds --snippet >> head.html",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if readers {
				return env.listReaders(cmd, asJSON)
			}
			site, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			lines, err := listFeeds(cmd.Context(), site.Store)
			if err != nil {
				return err
			}
			if snippet {
				_, err := fmt.Fprint(env.stdout, snippetOf(site.Source.Config, lines))
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
	cmd.Flags().BoolVar(&readers, "readers", false,
		"list the number of readers of each feed, which the server at --admin-listen counts")
	cmd.Flags().BoolVar(&snippet, "snippet", false, "print the links for the head of the blog's pages")
	cmd.MarkFlagsMutuallyExclusive("json", "snippet")
	cmd.MarkFlagsMutuallyExclusive("readers", "snippet")
	return cmd
}

// snippetOf returns the links to the main feed and the configured feeds, with the URLs of the committed documents. Only
// the titles come from the configuration, because this process may have a different configuration from the server.
func snippetOf(c config.Config, lines []feedLine) string {
	site, catalog := c.FeedSite(), c.Catalog()
	urls := map[feed.Name]map[feed.Format]string{}
	var entries []render.Entry
	for _, l := range lines {
		if family, _ := l.Feed.Split(); family == "" {
			entry := publish.Entry(site, catalog, l.Feed, l.Name)
			entry.Formats = feed.Formats()
			entries, urls[l.Feed] = append(entries, entry), l.URLs
		}
	}
	return render.Snippet(site, entries, func(n feed.Name, f feed.Format) string { return urls[n][f] })
}

// listFeeds returns the committed feeds of a site, the main feed first and the others by name.
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
	listed := make([]feed.Name, len(heads))
	for i, h := range heads {
		listed[i] = h.Feed
	}
	posts, err := site.Counts(ctx, listed...)
	if err != nil {
		return nil, fmt.Errorf("list feeds: %w", err)
	}
	lines := make([]feedLine, 0, len(heads))
	for _, h := range heads {
		l := feedLine{
			Feed: h.Feed, Name: names[h.Feed], Posts: posts[h.Feed], Items: len(h.IDs), Archives: archives[h.Feed],
			URLs: make(map[feed.Format]string),
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

// selfURL returns the URL of the document, from its Link header, because this process may have a different
// configuration from the server that built the document.
func selfURL(d feed.DocumentRef) string {
	target, params, _ := strings.Cut(strings.TrimPrefix(d.Link, "<"), ">")
	if !strings.HasPrefix(params, `; rel="self"`) {
		return d.Path
	}
	return target
}
