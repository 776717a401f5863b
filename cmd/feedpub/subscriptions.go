package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
)

func newSubscriptions(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "subscriptions",
		Short: "List the subscribers of the built-in hub",
		Long: `List the subscriptions through the built-in hub (a path in site.hubs), with the
version that each subscriber has, the last failure, and the next attempt. Secrets are
not printed, nor are the query strings of callback URLs, which may contain secrets.`,
		Example: `  feedpub subscriptions
  feedpub subscriptions --json
  feedpub subscriptions remove --host spam.example.org`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			list, err := subscriptionsOf(cmd.Context(), site)
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(list)
			}
			return env.printSubscriptions(list)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	cmd.AddCommand(newSubscriptionsRemove(env))
	return cmd
}

// subscription is a subscription as it is printed.
type subscription struct {
	ID       string                `json:"id"`
	Feed     feed.Name             `json:"feed"`
	Format   feed.Format           `json:"format"`
	Topic    string                `json:"topic"`
	Callback string                `json:"callback"` // without its query
	Signed   bool                  `json:"signed"`   // the subscriber has a secret
	Created  time.Time             `json:"created"`
	Expires  time.Time             `json:"expires"`
	Version  time.Time             `json:"version,omitzero"` // Last-Modified of the version that was or is being delivered
	Next     time.Time             `json:"next,omitzero"`    // time of the next attempt, if there is one
	Failure  *feed.DeliveryFailure `json:"failure,omitempty"`

	stored feed.Subscription
}

// subscriptionsOf returns a site's subscriptions, sorted by feed, format and callback.
func subscriptionsOf(ctx context.Context, site *hosting.Site) ([]subscription, error) {
	list := []subscription{}
	for s, err := range site.Store.Subscriptions(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list subscriptions: %w", err)
		}
		callback, _, _ := strings.Cut(s.Callback, "?")
		list = append(list, subscription{
			ID: s.ID, Feed: s.Feed, Format: s.Format, Topic: s.Topic, Callback: callback, Signed: s.Secret != "",
			Created: s.Created, Expires: s.Expires, Version: s.Version, Next: s.Next, Failure: s.Failure,
			stored: s.Subscription,
		})
	}
	slices.SortFunc(list, func(a, b subscription) int {
		return cmp.Or(a.Feed.Compare(b.Feed), cmp.Compare(a.Format, b.Format), cmp.Compare(a.stored.Callback, b.stored.Callback))
	})
	return slices.CompactFunc(list, func(a, b subscription) bool { return a.ID == b.ID }), nil
}

// printSubscriptions prints subscriptions as a table, or a message if there are none.
func (env *environment) printSubscriptions(list []subscription) error {
	if len(list) == 0 {
		fmt.Fprintln(env.stdout, "no subscriptions")
		return nil
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format(time.RFC3339)
	}
	rows := [][]string{{"ID", "FEED", "FORMAT", "CALLBACK", "EXPIRES", "VERSION", "NEXT ATTEMPT", "LAST FAILURE"}}
	for _, s := range list {
		failure := "-"
		if s.Failure != nil {
			failure = at(s.Failure.At) + " " + s.Failure.Reason
		}
		rows = append(rows, []string{
			s.ID, string(s.Feed), string(s.Format), s.Callback, at(s.Expires), at(s.Version), at(s.Next), failure,
		})
	}
	return env.printTable(rows)
}

func newSubscriptionsRemove(env *environment) *cobra.Command {
	var host, reason string
	cmd := &cobra.Command{
		Use:   "remove [ID...]",
		Short: "Remove subscriptions",
		Long: `Remove the named subscriptions, or all subscriptions with a callback on one host. A server of the
site informs the subscribers that their subscriptions were denied, and why. Print the number
of removed subscriptions.`,
		Example: `  feedpub subscriptions remove yZ8hJq0bTnqz1Z4kqkHVvQ
  feedpub subscriptions remove --host spam.example.org --reason "not welcome"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			if (len(ids) == 0) == (host == "") {
				return misused(cmd, "want either subscription ids or --host")
			}
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			n, err := removeSubscriptions(cmd.Context(), site, ids, host, reason)
			fmt.Fprintf(env.stdout, "%d removed\n", n)
			return err
		},
	}
	addSettings(cmd, storeFlags...)
	cmd.Flags().StringVar(&host, "host", "", "remove the subscriptions with callbacks on this `host`")
	cmd.Flags().StringVar(&reason, "reason", "removed by the publisher", "send subscribers this `reason`")
	return cmd
}

// removeSubscriptions removes the subscriptions with the given ids or host, and returns their number. The error lists
// ids that do not exist.
func removeSubscriptions(
	ctx context.Context, site *hosting.Site, ids []string, host, reason string,
) (int, error) {
	list, err := subscriptionsOf(ctx, site)
	if err != nil {
		return 0, err
	}
	removed := 0
	missing := slices.Clone(ids)
	for _, s := range list {
		i := slices.Index(missing, s.ID)
		if i < 0 && (host == "" || s.stored.Host() != strings.ToLower(host)) {
			continue
		}
		if i >= 0 {
			missing = slices.Delete(missing, i, i+1)
		}
		ok, err := site.Store.Revoke(ctx, s.stored, reason)
		if err != nil {
			return removed, fmt.Errorf("remove the subscription %s: %w", s.ID, err)
		}
		if ok {
			removed++
		}
	}
	if len(missing) > 0 {
		return removed, fmt.Errorf("no subscription has the id %s; see feedpub subscriptions", strings.Join(missing, ", "))
	}
	return removed, nil
}
