package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/feed"
)

const (
	// maxResponse is the maximum size of the server's response, in bytes.
	maxResponse = 64 << 20
	// maxClients is the maximum number of client programs in a row of the table.
	maxClients = 3
)

// siteReadership is the readership of one feed and the id of the feed's site.
type siteReadership struct {
	Site feed.SiteID `json:"site"`
	feed.Readership
}

// listReaders asks the server at the configured admin address for the readers of each feed, and prints them with the
// most read feed first.
func (env *environment) listReaders(cmd *cobra.Command, asJSON bool) error {
	c, err := env.settings(cmd)
	if err != nil {
		return err
	}
	path := "/readers"
	if c.Several() && c.Site.ID != "" {
		path = "/sites/" + string(c.Site.ID) + path
	}
	status, body, err := askAdmin(cmd.Context(), adminRequest{
		method: http.MethodGet, address: dialable(string(c.Admin.Listen)), path: path, timeout: healthTimeout,
		limit: maxResponse,
	})
	if err != nil {
		return err
	}
	var answer struct {
		Feeds []siteReadership `json:"feeds"`
	}
	if status != http.StatusOK {
		return fmt.Errorf("list readers: the server responded with %d %s", status, http.StatusText(status))
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("list readers: decode the server's response: %w", err)
	}
	slices.SortStableFunc(answer.Feeds, func(a, b siteReadership) int {
		return cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), cmp.Compare(b.Polls, a.Polls), cmp.Compare(a.Feed, b.Feed))
	})
	if asJSON {
		return env.printJSON(answer.Feeds)
	}
	rows := [][]string{{"FEED", "SUBSCRIBERS", "DIRECT", "POLLS", "304", "226", "CLIENTS"}}
	for _, r := range answer.Feeds {
		share := "-"
		if r.Polls > 0 {
			share = strconv.FormatUint(100*r.NotModified/r.Polls, 10) + " %"
		}
		rows = append(rows, []string{
			string(r.Feed), strconv.Itoa(r.Subscribers), strconv.Itoa(r.Direct), strconv.FormatUint(r.Polls, 10), share,
			strconv.FormatUint(r.Deltas, 10), clientsOf(r.Readership),
		})
	}
	if c.Several() {
		rows[0] = append([]string{"SITE"}, rows[0]...)
		for i, r := range answer.Feeds {
			rows[i+1] = append([]string{string(r.Site)}, rows[i+1]...)
		}
	}
	return env.printTable(rows)
}

// clientsOf returns the names and counts of the most frequent client programs of a feed.
func clientsOf(r feed.Readership) string {
	names := slices.SortedFunc(maps.Keys(r.Clients), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Clients[b], r.Clients[a]), cmp.Compare(a, b))
	})
	list := make([]string, 0, maxClients+1)
	for i, name := range names {
		if i == maxClients {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprintf("%s %d", name, r.Clients[name]))
	}
	return strings.Join(list, ", ")
}
