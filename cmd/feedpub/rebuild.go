package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/publish"
)

func newRebuild(env *environment) *cobra.Command {
	var asJSON, adopt bool
	cmd := &cobra.Command{
		Use:   "rebuild [FEED...]",
		Short: "Rebuild feeds now",
		Long: `Take in what was submitted and rebuild the named feeds, or all, and print what
became of each: committed, unchanged, held because posts vanished from it, or failed.

The server that builds does the work, wherever it runs, and this command waits for
its answer. If none runs, the work is done here; on Redis only if the configuration
here makes the same documents as the one that was last used (--adopt-config if it
is meant to differ).

The exit code is 1 if a feed was held or failed, 3 if posts are set aside.`,
		Example: "  feedpub rebuild\n  feedpub rebuild main tags/go --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			names := make([]feed.Name, 0, len(args))
			for _, arg := range args {
				names = append(names, feed.Name(arg))
			}
			report, err := w.rebuild(cmd.Context(), names, adopt)
			if err != nil {
				return err
			}
			if asJSON {
				err = env.printJSON(report)
			} else {
				err = env.printReport(report)
			}
			if err != nil {
				return err
			}
			for _, f := range report.Feeds {
				if f.Outcome == feed.Held || f.Outcome == feed.Failed {
					return fmt.Errorf("feed %s was %s: %s", f.Feed, f.Outcome, f.Reason)
				}
			}
			return setAside(report.Problems)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	cmd.Flags().BoolVar(&adopt, "adopt-config", false, "build with this configuration even if documents change by it")
	return cmd
}

// rebuild has the builder rebuild the named feeds, or builds here if there is none.
func (w *workplace) rebuild(ctx context.Context, names []feed.Name, adopt bool) (feed.Report, error) {
	_, running, err := w.Holder(ctx, publish.Job)
	if err != nil {
		return feed.Report{}, fmt.Errorf("rebuild: %w", err)
	}
	if !running && !adopt && !w.folder() {
		if err := w.sameConfig(ctx); err != nil {
			return feed.Report{}, err
		}
	}
	c, err := w.publisher(newTools())
	if err != nil {
		return feed.Report{}, err
	}
	if !w.folder() {
		c.Fleet = w.fleet(c, role{builds: true}, nil, nil)
	}
	return publish.New(c).Rebuild(ctx, names...)
}

// sameConfig returns an error if the committed documents were made with another configuration: an operator's machine
// whose configuration is old or missing must not publish its version of the feeds.
func (w *workplace) sameConfig(ctx context.Context) error {
	head, err := w.Head(ctx, feed.Main)
	if errors.Is(err, feed.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if publish.Configuration(head) == publish.Fingerprint(w.config.FeedSite(), w.config.Catalog()) {
		return nil
	}
	return errors.New("no server is building, and the documents there were made with another configuration than the one " +
		"here; give its --config, or --adopt-config if the documents are to change")
}

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
