package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed"
)

func newProblems(env *environment) *cobra.Command {
	var asJSON, fresh bool
	cmd := &cobra.Command{
		Use:   "problems",
		Short: "List what is not published and why",
		Long: `List rejected posts and files, posts that are missing although they were not deleted,
credits that are not certain enough to publish, replaced characters, missing images
and other files, and feeds that are held because posts vanished from them. If there are several sites, list the
problems of all of them, or of the one named by --site, and the sites whose settings
have errors. With --new, list only problems that were found in the last 24 hours. The
exit status is 3 if rejected posts are listed.`,
		Example: "  feedpub problems\n  feedpub problems --new\n  feedpub problems --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			if c.Several() && c.Site.ID == "" {
				return env.problemsOfSites(cmd.Context(), c, asJSON, fresh)
			}
			site, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			problems, err := site.Store.Problems(cmd.Context())
			if err != nil {
				return fmt.Errorf("list problems: %w", err)
			}
			if fresh {
				problems = slices.DeleteFunc(problems, isOld)
			}
			if asJSON {
				err = env.printJSON(problems)
			} else {
				err = env.printProblems(problems)
			}
			if err != nil {
				return err
			}
			return rejectedError(problems)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	cmd.Flags().BoolVar(&fresh, "new", false, "list only problems that were found in the last 24 hours")
	return cmd
}

// isOld reports whether a problem was found more than 24 hours ago.
func isOld(p feed.Problem) bool { return time.Since(p.Since) > 24*time.Hour }

// siteProblem is a problem of a site, or a problem with site settings if Site is empty.
type siteProblem struct {
	Site feed.SiteID `json:"site,omitempty"`
	feed.Problem
}

// problemsOfSites runs the command for a configuration with several sites.
func (env *environment) problemsOfSites(ctx context.Context, c config.Config, asJSON, fresh bool) error {
	list, err := env.siteProblems(ctx, c)
	if err != nil {
		return err
	}
	if fresh {
		list = slices.DeleteFunc(list, func(p siteProblem) bool { return isOld(p.Problem) })
	}
	problems := make([]feed.Problem, len(list))
	for i, x := range list {
		problems[i] = x.Problem
	}
	switch {
	case asJSON:
		err = env.printJSON(list)
	case len(list) == 0:
		err = env.printProblems(nil)
	default:
		rows := problemRows(problems)
		rows[0] = append([]string{"SITE"}, rows[0]...)
		for i, x := range list {
			rows[i+1] = append([]string{cmp.Or(string(x.Site), "-")}, rows[i+1]...)
		}
		err = env.printTable(rows)
	}
	if err != nil {
		return err
	}
	return rejectedError(problems)
}

// siteProblems returns the problems of all sites.
func (env *environment) siteProblems(ctx context.Context, c config.Config) ([]siteProblem, error) {
	source, err := env.quietSource(c, false)
	if err != nil {
		return nil, err
	}
	shared, err := source.OpenRedis(ctx)
	if err != nil {
		return nil, err
	}
	defer shared.Close()
	sites, invalid, err := hosting.AllSites(c)
	if err != nil {
		return nil, err
	}
	list := []siteProblem{}
	for _, p := range invalid {
		list = append(list, siteProblem{Problem: p})
	}
	for _, s := range sites {
		problems, err := shared.ForSite(c.ForSite(s)).Store.Problems(ctx)
		if err != nil {
			return nil, fmt.Errorf("list problems of the site %s: %w", s.Site.ID, err)
		}
		for _, p := range problems {
			list = append(list, siteProblem{s.Site.ID, p})
		}
	}
	return list, nil
}

// printProblems prints problems as a table, or a message if there are none.
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
		case p.Kind.Known() && p.Kind.Published() != "":
			published = p.Kind.Published()
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

// rejectedError returns errRejected if there is a rejected post or file among the problems.
func rejectedError(problems []feed.Problem) error {
	for _, p := range problems {
		if p.Kind.Known() && p.Kind.Rejects() {
			return errRejected
		}
	}
	return nil
}
