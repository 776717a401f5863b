package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"feedpub/feed"
)

func newProblems(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "problems",
		Short: "List what is not published, and why",
		Long: `List posts and files that were set aside, posts that are gone without having been deleted,
sources that were read with too little confidence, characters that no document can
hold and that are shown as U+FFFD, and feeds that are held back
because posts vanished from them. The exit code is 3 if posts are set aside.`,
		Example: "  feedpub problems\n  feedpub problems --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			problems, err := w.Problems(cmd.Context())
			if err != nil {
				return fmt.Errorf("list problems: %w", err)
			}
			if asJSON {
				err = env.printJSON(problems)
			} else {
				err = env.printProblems(problems)
			}
			if err != nil {
				return err
			}
			return setAside(problems)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	return cmd
}

// printProblems writes problems as a table, or that there are none.
func (env *environment) printProblems(problems []feed.Problem) error {
	if len(problems) == 0 {
		fmt.Fprintln(env.stdout, "no problems")
		return nil
	}
	rows := [][]string{{"KIND", "ID", "SINCE", "PUBLISHED", "REASON"}}
	for _, p := range problems {
		published := "no"
		switch {
		case p.Kind == feed.KindMissing:
			published = "yes"
		case p.Kind == feed.KindDoubtful:
			published = "without it"
		case p.Kind == feed.KindCharacters:
			published = "with U+FFFD"
		case p.Serving:
			published = "earlier version"
		}
		reason := p.Reason
		if p.Place != "" {
			reason = p.Place + ": " + reason
		}
		rows = append(rows, []string{string(p.Kind), p.ID, p.Since.Format(time.RFC3339), published, reason})
	}
	return env.printTable(rows)
}

// setAside returns errSetAside if posts among the problems are not published as they are.
func setAside(problems []feed.Problem) error {
	for _, p := range problems {
		if p.Kind == feed.KindInvalid || p.Kind == feed.KindFile {
			return errSetAside
		}
	}
	return nil
}
