package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"feedpub/config"
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
because posts vanished from them. Of several sites it lists those of all, or of --site,
and the sites whose configuration can't be taken. The exit code is 3 if posts are set aside.`,
		Example: "  feedpub problems\n  feedpub problems --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			if c.Several() && c.Site.ID == "" {
				return env.problemsOfSites(cmd.Context(), c, asJSON)
			}
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

// siteProblem is a problem of a site; of a site's configuration if Site is empty.
type siteProblem struct {
	Site feed.SiteID `json:"site,omitempty"`
	feed.Problem
}

// problemsOfSites lists the problems of all of several sites.
func (env *environment) problemsOfSites(ctx context.Context, c config.Config, asJSON bool) error {
	c.Log.Level = max(c.Log.Level, slog.LevelWarn)
	p, err := choosePlace(c, newLogger(env.stderr, c.Log), false)
	if err != nil {
		return err
	}
	w, err := p.openRedis(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	sites, wrong, err := allSites(c)
	if err != nil {
		return err
	}
	list := []siteProblem{}
	for _, x := range wrong {
		list = append(list, siteProblem{Problem: x})
	}
	for _, s := range sites {
		problems, err := w.ofSite(c.ForSite(s)).Problems(ctx)
		if err != nil {
			return fmt.Errorf("list problems of the site %s: %w", s.Site.ID, err)
		}
		for _, x := range problems {
			list = append(list, siteProblem{s.Site.ID, x})
		}
	}
	plain := make([]feed.Problem, len(list))
	for i, x := range list {
		plain[i] = x.Problem
	}
	switch {
	case asJSON:
		err = env.printJSON(list)
	case len(list) == 0:
		err = env.printProblems(nil)
	default:
		rows := problemRows(plain)
		rows[0] = append([]string{"SITE"}, rows[0]...)
		for i, x := range list {
			rows[i+1] = append([]string{cmp.Or(string(x.Site), "-")}, rows[i+1]...)
		}
		err = env.printTable(rows)
	}
	if err != nil {
		return err
	}
	return setAside(plain)
}

// printProblems writes problems as a table, or that there are none.
func (env *environment) printProblems(problems []feed.Problem) error {
	if len(problems) == 0 {
		fmt.Fprintln(env.stdout, "no problems")
		return nil
	}
	return env.printTable(problemRows(problems))
}

// problemRows returns the table of problems, with its heading.
func problemRows(problems []feed.Problem) [][]string {
	rows := [][]string{{"KIND", "ID", "SINCE", "PUBLISHED", "REASON"}}
	for _, p := range problems {
		published := "no"
		switch {
		case p.Kind == feed.KindMissing:
			published = "yes"
		case p.Kind == feed.KindSuggestion:
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
		since := "-"
		if !p.Since.IsZero() {
			since = p.Since.Format(time.RFC3339)
		}
		rows = append(rows, []string{string(p.Kind), p.ID, since, published, reason})
	}
	return rows
}

// setAside returns errSetAside if posts among the problems are not published as they are.
func setAside(problems []feed.Problem) error {
	for _, p := range problems {
		if p.Kind == feed.KindRejected || p.Kind == feed.KindFile {
			return errSetAside
		}
	}
	return nil
}
