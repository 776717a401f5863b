package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
)

// followInterval is the interval at which runs --follow looks for new runs.
const followInterval = time.Second

func newRuns(env *environment) *cobra.Command {
	var asJSON, failed, follow bool
	var name string
	var limit int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List what the builder did, and why",
		Long: `List the recorded runs of the builder, newest first: when each started, what caused it,
the outcome of each feed, how many posts were absorbed, and the reason if a feed was
held or failed. Runs that had nothing to do, and runs that failed again for the same
reason, are counted together.

The last 500 runs are kept for 30 days, and 500 more that failed or rejected posts for
180 days. With --follow, print new runs as they end until interrupted.`,
		Example: "  feedpub runs\n  feedpub runs --feed main --failed\n  feedpub runs --json | jq '.[0].feeds'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			filter := feed.RunFilter{Feed: feed.Name(name), Failed: failed, Limit: limit}
			if follow {
				return env.followRuns(cmd.Context(), site, filter, asJSON)
			}
			history, err := site.Store.Runs(cmd.Context())
			if err != nil {
				return fmt.Errorf("list runs: %w", err)
			}
			runs := filter.Select(history.Runs)
			if asJSON {
				return env.printJSON(runs)
			}
			if len(runs) == 0 {
				fmt.Fprintln(env.stdout, "no runs")
				return nil
			}
			return env.printTable(runRows(runs))
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	cmd.Flags().StringVar(&name, "feed", "", "list only the runs that built this `feed`")
	cmd.Flags().BoolVar(&failed, "failed", false, "list only the runs that failed, held a feed or rejected posts")
	cmd.Flags().BoolVar(&follow, "follow", false, "print new runs as they end")
	cmd.Flags().IntVar(&limit, "limit", 0, "list at most `n` runs")
	return cmd
}

// runRows returns the table of runs, with its heading.
func runRows(runs []feed.Run) [][]string {
	rows := [][]string{{"STARTED", "TRIGGER", "OUTCOME", "FEEDS", "ABSORBED", "REJECTED", "TOOK", "ID", "REASON"}}
	for _, r := range runs {
		reason := r.Reason()
		if r.Times > 1 {
			reason = strings.TrimSpace(fmt.Sprintf("%d times since %s  %s", r.Times, r.Since.Format(time.RFC3339), reason))
		}
		rows = append(rows, []string{
			r.Started.Format(time.RFC3339), r.Cause.String(), r.Outcome(), countedFeeds(r), strconv.Itoa(r.Absorbed),
			strconv.Itoa(r.Rejected), (time.Duration(r.Duration) * time.Millisecond).String(), r.ID, reason,
		})
	}
	return rows
}

// countedFeeds returns the number of feeds of a run by outcome, such as "3 committed, 1 held".
func countedFeeds(r feed.Run) string {
	var parts []string
	for _, o := range feed.Outcomes() {
		if n := r.Outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	return strings.Join(parts, ", ")
}

// followRuns prints the runs that are recorded from now on, until ctx is done.
func (env *environment) followRuns(ctx context.Context, site *hosting.Site, filter feed.RunFilter, asJSON bool) error {
	if err := site.CheckFollow(ctx); err != nil {
		return err
	}
	history, err := site.Store.Runs(ctx)
	if err != nil {
		return fmt.Errorf("follow runs: %w", err)
	}
	printed := map[string]bool{}
	for _, r := range history.Runs {
		printed[r.ID] = true
	}
	filter.Limit = 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followInterval):
		}
		history, err := site.Store.Runs(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, feed.ErrUnavailable):
			continue
		case err != nil:
			return fmt.Errorf("follow runs: %w", err)
		}
		seen := make(map[string]bool, len(history.Runs))
		runs := filter.Select(history.Runs)
		for _, r := range history.Runs {
			seen[r.ID] = true
		}
		for _, r := range slices.Backward(runs) {
			if !printed[r.ID] {
				if err := env.printRun(r, asJSON); err != nil {
					return err
				}
			}
		}
		printed = seen
	}
}

// printRun prints a run on one line.
func (env *environment) printRun(r feed.Run, asJSON bool) error {
	if asJSON {
		b, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
		_, err = fmt.Fprintf(env.stdout, "%s\n", b)
		return err
	}
	parts := []string{r.Started.Format(time.RFC3339), r.Cause.String(), r.Outcome()}
	if feeds := countedFeeds(r); feeds != "" {
		parts = append(parts, feeds)
	}
	parts = append(parts, fmt.Sprintf("%d absorbed", r.Absorbed), fmt.Sprintf("%d rejected", r.Rejected),
		(time.Duration(r.Duration) * time.Millisecond).String())
	if reason := r.Reason(); reason != "" {
		parts = append(parts, visible(reason))
	}
	_, err := fmt.Fprintln(env.stdout, strings.Join(parts, "  "))
	return err
}

func newSchedule(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "List when the feeds are rebuilt next",
		Long: `List the main feed, the configured feeds, and all others ("*") with their cron specs
and the times of the last recorded and the next scheduled run, in the configured time
zone. Feeds are also rebuilt when posts change, unless on_change is false.`,
		Example: "  feedpub schedule\n  feedpub schedule --json | jq -r '.[0].next'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, err := env.source(cmd, false)
			if err != nil {
				return err
			}
			list, err := env.schedule(cmd.Context(), source)
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(list)
			}
			rows := [][]string{{"FEED", "SPEC", "LAST", "NEXT", "ZONE"}}
			for _, x := range list {
				last := "-"
				if !x.Last.IsZero() {
					last = x.Last.Format(time.RFC3339)
				}
				rows = append(rows, []string{string(x.Feed), x.Spec, last, x.Next.Format(time.RFC3339), x.Zone})
			}
			return env.printTable(rows)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	return cmd
}

// schedule returns the schedule of a site. If its store cannot be opened, the times of the last runs are missing.
func (env *environment) schedule(ctx context.Context, source hosting.Source) ([]feed.Scheduled, error) {
	site, err := source.Open(ctx)
	if err != nil {
		fmt.Fprintf(env.stderr, "feedpub: the times of the last runs are unknown: %s\n", hosting.OneLine(err))
		return hosting.Schedule(source.Config, nil, time.Now())
	}
	defer site.Close()
	return site.Schedule(ctx)
}
