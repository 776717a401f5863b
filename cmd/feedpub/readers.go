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
	// maxReaders bounds the list that a server sends, in bytes.
	maxReaders = 64 << 20
	// maxClients is how many programs are named for each feed in the table.
	maxClients = 3
)

// listReaders prints who reads the feeds of the server whose admin address is configured, the most read feed first.
func (env *environment) listReaders(cmd *cobra.Command, asJSON bool) error {
	c, err := env.settings(cmd)
	if err != nil {
		return err
	}
	status, body, err := askAdmin(cmd.Context(), dialable(string(c.Admin.Listen)), "/readers", maxReaders)
	if err != nil {
		return err
	}
	var answer struct {
		Feeds []feed.Readership `json:"feeds"`
	}
	if status != http.StatusOK {
		return fmt.Errorf("the server answers with %d %s", status, http.StatusText(status))
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the server's list of readers: %w", err)
	}
	slices.SortStableFunc(answer.Feeds, func(a, b feed.Readership) int {
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
			strconv.FormatUint(r.Deltas, 10), clientsOf(r),
		})
	}
	return env.printTable(rows)
}

// clientsOf names the programs that poll a feed most.
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
