package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

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
were rejected since the previous 'feedpub rebuild', by this rebuild or by a server, and
exit with status 3 only for those; 'feedpub problems' lists all.`,
		Example: "  feedpub rebuild\n  feedpub rebuild main tags/go --json\n  feedpub rebuild --quiet",
		RunE: func(cmd *cobra.Command, args []string) error {
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			run := rebuild
			if quiet {
				run = rebuildQuietly
			}
			ctx := feed.WithCause(cmd.Context(), feed.Cause{Trigger: feed.CommandTrigger, By: "rebuild"})
			report, err := run(ctx, site, args, adopt, accept)
			if err != nil {
				return err
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

// rebuild rebuilds the named feeds, or accepts that the store was rolled back and rebuilds all feeds.
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

// rebuildQuietly is like rebuild, but returns only the part of the report that needs attention.
func rebuildQuietly(
	ctx context.Context, site *hosting.Site, feeds []string, adopt, accept bool,
) (feed.Report, error) {
	previous, err := lastRun(ctx, site, feed.CauseOf(ctx))
	if err != nil {
		return feed.Report{}, err
	}
	report, err := rebuild(ctx, site, feeds, adopt, accept)
	if err != nil {
		return report, err
	}
	return needsAttention(ctx, site, previous, report)
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
	if len(r.Feeds) > 0 {
		if err := env.printTable(rows); err != nil {
			return err
		}
	}
	if len(r.Problems) == 0 {
		return nil
	}
	if len(r.Feeds) > 0 {
		fmt.Fprintln(env.stdout)
	}
	return env.printProblems(r.Problems)
}

// needsAttention returns the part of a report that needs attention: the feeds that are not current, and the posts that
// were rejected since the previous rebuild by this command. That rebuild has reported the posts that were rejected
// earlier.
func needsAttention(ctx context.Context, site *hosting.Site, previous feed.Run, r feed.Report) (feed.Report, error) {
	history, err := site.Store.Runs(ctx)
	if err != nil {
		return r, fmt.Errorf("list runs: %w", err)
	}
	end := func(r feed.Run) time.Time { return r.Started.Add(time.Duration(r.Duration) * time.Millisecond) }
	before, since := map[string]bool{}, map[string]bool{} // posts rejected up to the end of the previous rebuild, and after it
	for _, run := range append(history.Runs, r.Run) {
		rejected := since
		if run.ID == previous.ID || end(run).Before(end(previous)) {
			rejected = before
		}
		for _, id := range run.RejectedPosts {
			rejected[id] = true
		}
	}
	isNew := func(p feed.Problem) bool {
		if site.Source.Folder() {
			// A folder's store does not keep problems, so every start finds all of them again.
			return !before[p.ID]
		}
		// A server that has just rejected a post may not have recorded its run yet.
		return since[p.ID] || p.Since.After(previous.Started) && !before[p.ID]
	}
	out := feed.Report{Run: r.Run, Feeds: []feed.FeedReport{}, Problems: []feed.Problem{}}
	for _, f := range r.Feeds {
		if !f.Outcome.Current() {
			out.Feeds = append(out.Feeds, f)
		}
	}
	for _, p := range r.Problems {
		if p.Kind == feed.KindRejected && isNew(p) {
			out.Problems = append(out.Problems, p)
		}
	}
	return out, nil
}

// lastRun returns the latest recorded run with the given cause, or the zero value if there is none.
func lastRun(ctx context.Context, site *hosting.Site, c feed.Cause) (feed.Run, error) {
	history, err := site.Store.Runs(ctx)
	if err != nil {
		return feed.Run{}, fmt.Errorf("list runs: %w", err)
	}
	i := slices.IndexFunc(history.Runs, func(r feed.Run) bool { return r.Cause == c })
	if i < 0 {
		return feed.Run{}, nil
	}
	return history.Runs[i], nil
}
