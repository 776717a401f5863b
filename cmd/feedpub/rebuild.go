package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
)

func newRebuild(env *environment) *cobra.Command {
	var asJSON, adopt, quiet, accept bool
	cmd := &cobra.Command{
		Use:   "rebuild [FEED...]",
		Short: "Rebuild feeds now",
		Long: `Absorb submitted posts, rebuild the named feeds or all, and print the outcome for each:
committed, unchanged, held because posts vanished from the feed or the store was
rolled back, or failed.

The server that builds the site does the work, on any machine, and this command waits
for it. While that server is busy with a rebuild that takes minutes, it refuses other
requests and reports the reason. If no server builds the site, this command does; for
posts in Redis, that requires the configuration that the documents were last built
with, or --adopt-config to let them change.

If the store was replaced by an older copy while no server was running, changes are
held: check 'feedpub problems', restore the latest copy or write the lost posts again,
and then publish what the store has with --accept-rollback.

The exit status is 1 if a feed was held or failed, 3 if posts were rejected. With
--quiet, for cron, print only the feeds that were held or failed and the posts that
were not rejected before, and exit with status 3 only for those; 'feedpub problems'
lists all.`,
		Example: "  feedpub rebuild\n  feedpub rebuild main tags/go --json\n  feedpub rebuild --quiet",
		RunE: func(cmd *cobra.Command, args []string) error {
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			ctx := feed.WithCause(cmd.Context(), feed.Cause{Trigger: feed.CommandTrigger, By: "rebuild"})
			report, err := rebuild(ctx, site, args, adopt, accept)
			if err != nil {
				return err
			}
			if quiet {
				if report, err = needsAttention(ctx, site, report); err != nil {
					return err
				}
			}
			switch {
			case asJSON:
				err = env.printJSON(report)
			case !quiet || len(report.Feeds)+len(report.Problems) > 0:
				err = env.printReport(report)
			}
			if err != nil {
				return err
			}
			return reportError(report)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	cmd.Flags().BoolVar(&quiet, "quiet", false, "print only what needs attention and is new")
	cmd.Flags().BoolVar(&accept, "accept-rollback", false, "publish the posts of a store that was replaced by an older copy")
	cmd.Flags().BoolVar(&adopt, "adopt-config", false, "build with this configuration even if it changes documents")
	return cmd
}

// rebuild rebuilds the named feeds, or accepts that the store was rolled back, which concerns all feeds.
func rebuild(ctx context.Context, site *hosting.Site, feeds []string, adopt, accept bool) (feed.Report, error) {
	if accept {
		if len(feeds) > 0 {
			return feed.Report{}, errors.New("--accept-rollback rebuilds all feeds; do not name any")
		}
		return site.AcceptRollback(ctx, adopt)
	}
	names := make([]feed.Name, len(feeds))
	for i, f := range feeds {
		names[i] = feed.Name(f)
	}
	return site.Rebuild(ctx, names, adopt)
}

// reportError returns an error if a feed was held or failed, or posts were rejected.
func reportError(r feed.Report) error {
	for _, f := range r.Feeds {
		if !f.Outcome.Current() {
			return fmt.Errorf("feed %s was %s: %s", f.Feed, f.Outcome, f.Reason)
		}
	}
	return rejectedError(r.Problems)
}

// printReport prints the outcome of a rebuild.
func (env *environment) printReport(r feed.Report) error {
	rows := [][]string{{"FEED", "OUTCOME", "ITEMS", "REASON"}}
	for _, f := range r.Feeds {
		rows = append(rows, []string{string(f.Feed), string(f.Outcome), strconv.Itoa(f.Items), f.Reason})
	}
	if err := env.printTable(rows); err != nil {
		return err
	}
	if len(r.Problems) == 0 {
		return nil
	}
	fmt.Fprintln(env.stdout)
	return env.printProblems(r.Problems)
}

// needsAttention returns the part of a report that needs attention: the feeds that are not current, and the posts that
// were not rejected before.
func needsAttention(ctx context.Context, site *hosting.Site, r feed.Report) (feed.Report, error) {
	known := map[string]bool{}
	if site.Source.Folder() {
		// A folder's store does not keep problems, so every start finds all of them again.
		history, err := site.Store.Runs(ctx)
		if err != nil {
			return r, fmt.Errorf("list runs: %w", err)
		}
		for _, run := range history.Runs {
			for _, id := range run.RejectedPosts {
				known[id] = known[id] || run.ID != r.Run.ID
			}
		}
	}
	out := feed.Report{Run: r.Run, Feeds: []feed.FeedReport{}, Problems: []feed.Problem{}}
	for _, f := range r.Feeds {
		if !f.Outcome.Current() {
			out.Feeds = append(out.Feeds, f)
		}
	}
	for _, p := range r.Problems {
		if slices.Contains(r.Run.RejectedPosts, p.ID) && p.Kind == feed.KindRejected && !known[p.ID] {
			out.Problems = append(out.Problems, p)
		}
	}
	return out, nil
}
