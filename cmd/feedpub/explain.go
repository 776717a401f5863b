package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/feed"
)

func newExplain(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain POST [FEED]",
		Short: "Explain why a post is or is not in the feeds",
		Long: `Print the status of the post with the given id and the reason for it (published,
scheduled, draft, private, rejected, waiting, removed or unknown), the feeds and
documents that contain it, when it was absorbed, committed and first served, the sources
that it credits, and what to do if something is wrong. With a feed, also explain why the post is or is not in that feed.

If there is no such post, look for keys under which it may have been stored by mistake:
with a wrong prefix, a wrong site, or an id that differs from the one in the post.`,
		Example: "  feedpub explain hello\n  feedpub explain hello tags/go\n  feedpub explain hello --json | jq -r .status",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return misused(cmd, fmt.Sprintf("%s takes the id of a post and optionally a feed, got %d arguments",
				cmd.CommandPath(), len(args)))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			site, err := env.openBuilt(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			name := feed.Name("")
			if len(args) == 2 {
				name = feed.Name(args[1])
			}
			x, err := site.Explain(cmd.Context(), args[0], name)
			if err != nil {
				return err
			}
			if asJSON {
				return env.printJSON(x)
			}
			return env.printExplanation(x)
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	return cmd
}

// printExplanation prints an explanation as text.
func (env *environment) printExplanation(x feed.Explanation) error {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(visible(fmt.Sprintf(format, args...)) + "\n") }
	at := func(what string, t time.Time) {
		if !t.IsZero() {
			line("%-15s %s", what, t.UTC().Format(time.RFC3339))
		}
	}
	line("%s: %s", x.Status, x.Reason)
	if x.Question != "" {
		line("%s", x.Question)
	}
	for _, h := range x.Hints {
		line("hint: %s", h)
	}
	if x.Key != "" {
		line("%-15s %s", "key", x.Key)
	}
	at("first seen", x.FirstSeen)
	at("published", x.Published)
	at("removed", x.Removed)
	at("absorbed", x.Absorbed)
	at("first committed", x.FirstCommitted)
	at("first served", x.FirstServed)
	if reason := x.NotServed(); reason != "" {
		line("%-15s %s", "first served", reason)
	}
	at("last committed", x.Committed)
	for _, p := range x.Feeds {
		where := "in " + string(p.Feed)
		if !p.Listed {
			where = "not in " + string(p.Feed)
		}
		if p.Reason != "" {
			where += ": " + p.Reason
		}
		line("%-15s %s", "feed", strings.TrimSpace(where+"  "+strings.Join(p.Paths, " ")))
	}
	for _, s := range x.Credited {
		line("%-15s %s", "credits", strings.TrimSpace(cmp.Or(s.Publication, s.Headline)+"  "+s.URL))
	}
	if x.Suggestion != "" {
		line("%-15s %s", "suggestion", x.Suggestion)
	}
	_, err := fmt.Fprint(env.stdout, b.String())
	return err
}
