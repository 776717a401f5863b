package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/publish"
)

// upgrade is what 'feedpub upgrade' finds and does.
type upgrade struct {
	Schema  feed.Schema   `json:"schema"`  // the site's, afterwards
	From    int           `json:"from"`    // the version of the form that the documents had, 0 before the first build
	To      int           `json:"to"`      // the version that they could have, 0 if the processes have none in common
	Blocked []string      `json:"blocked"` // the processes that a newer version waits for
	Stuck   bool          `json:"stuck"`   // there are builders, and none makes the form that the documents have
	Done    bool          `json:"done"`    // the site was upgraded
	Members []feed.Member `json:"members"`
}

func newUpgrade(env *environment) *cobra.Command {
	var check, force, asJSON bool
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Publish in the newest form that all servers know",
		Long: `List the servers and builders of the site, and have its documents rebuilt in the
newest version of the rendered form that all of them know.

A new release may render feeds in a new form, which changes every document once.
So that documents don't change back and forth while old and new releases run side
by side, builders go on making the form of before until this command is run; a
builder that doesn't know the form of the site stands aside. Deploy the release
everywhere, then run this once. It changes nothing if it is not needed.

With --force the newest form is taken that any builder makes, even if others don't
know it; and, after a release was taken back, the form that its builders make. Of
several sites all are upgraded, or that of --site.

The exit code is 1 if servers have to be replaced first.`,
		Example: "  feedpub upgrade --check\n  feedpub upgrade",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			if c.Several() && c.Site.ID == "" {
				return env.upgradeSites(cmd.Context(), c, check, force, asJSON)
			}
			w, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			if w.folder() {
				return usageError{errors.New("a folder of posts has one server, which publishes in its newest form by itself; " +
					"upgrade is for --redis")}
			}
			u, err := w.upgrade(cmd.Context(), check, force)
			if err != nil {
				return err
			}
			if asJSON {
				err = env.printJSON(u)
			} else {
				err = env.printUpgrade(u, check)
			}
			if err != nil {
				return err
			}
			return u.wrong()
		},
	}
	addSettings(cmd, "redis", "site", "data")
	addJSON(cmd, &asJSON)
	cmd.Flags().BoolVar(&check, "check", false, "only say what would be done")
	cmd.Flags().BoolVar(&force, "force", false, "don't wait for servers that don't know the form")
	return cmd
}

// wrong returns what has to be done by hand, nil if there is nothing.
func (u upgrade) wrong() error {
	switch {
	case len(u.Blocked) > 0 && !u.Done:
		return fmt.Errorf("to be replaced first, or --force: %s", strings.Join(u.Blocked, ", "))
	case u.Stuck && !u.Done:
		return fmt.Errorf("no builder makes form %d; start one that does, or go back to an older form with --force", u.From)
	}
	return nil
}

// siteUpgrade is the upgrade of one of several sites.
type siteUpgrade struct {
	Site feed.SiteID `json:"site"`
	upgrade
}

// upgradeSites upgrades all sites. What is wrong with one doesn't keep the others from it.
func (env *environment) upgradeSites(ctx context.Context, c config.Config, check, force, asJSON bool) error {
	c.Log.Level = max(c.Log.Level, slog.LevelWarn)
	p, err := choosePlace(c, newLogger(env.stderr, c.Log), false)
	if err != nil {
		return err
	}
	p.forms = env.forms
	w, err := p.openRedis(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	sites, _, err := allSites(c)
	if err != nil {
		return err
	}
	list := []siteUpgrade{}
	var wrong []error
	for _, s := range sites {
		u, err := w.ofSite(c.ForSite(s)).upgrade(ctx, check, force)
		if err = cmp.Or(err, u.wrong()); err != nil {
			wrong = append(wrong, fmt.Errorf("the site %s: %w", s.Site.ID, err))
		}
		list = append(list, siteUpgrade{s.Site.ID, u})
	}
	if asJSON {
		err = env.printJSON(list)
	} else {
		rows := [][]string{{"SITE", "PROCESSES", "FORM", "IN COMMON", "UPGRADED"}}
		for _, u := range list {
			rows = append(rows, []string{
				string(u.Site), strconv.Itoa(len(u.Members)), strconv.Itoa(u.Schema.Renderer), strconv.Itoa(u.To), strconv.FormatBool(u.Done),
			})
		}
		err = env.printTable(rows)
	}
	return errors.Join(append(wrong, err)...)
}

// upgrade finds out which form the site can have, and decides on it unless check says not to.
func (w *workplace) upgrade(ctx context.Context, check, force bool) (upgrade, error) {
	members, err := w.Members(ctx)
	if err != nil {
		return upgrade{}, fmt.Errorf("upgrade: %w", err)
	}
	schema, err := w.Schema(ctx)
	if err != nil {
		return upgrade{}, fmt.Errorf("upgrade: %w", err)
	}
	u := upgrade{Schema: schema, From: schema.Renderer, To: feed.Common(members), Members: members, Blocked: []string{}}
	possible := 0 // the newest that any builder makes
	for _, m := range members {
		if m.Builds {
			possible = max(possible, m.Renderer.Newest)
			u.Stuck = true
		}
	}
	for _, m := range members {
		u.Stuck = u.Stuck && u.From > 0 && !(m.Builds && m.Renderer.Has(u.From))
	}
	if len(members) == 0 { // nobody is there to be asked: whoever builds next is as this program is
		u.To, possible = w.forms.Newest, w.forms.Newest
	}
	for _, m := range members {
		if possible > u.From && !m.Renderer.Has(possible) {
			u.Blocked = append(u.Blocked, m.ID)
		}
	}
	if force {
		u.To = possible
	}
	// Back to an older form is for those only who say so.
	if u.To == 0 || u.To == u.From || u.To < u.From && !force || check {
		return u, nil
	}
	next := schema
	if next.Since == 0 {
		next = native()
	}
	next.Renderer, next.Since = u.To, feed.Token(time.Now().UnixMilli())
	if u.Schema, err = w.SetSchema(ctx, schema, next); err != nil {
		return u, fmt.Errorf("upgrade: %w", err)
	}
	u.Done = true
	if _, held, err := w.Holder(ctx, publish.Job); err != nil || !held {
		return u, err // the next builder makes it
	}
	if _, err := publish.Ask(ctx, w.Site, nil); err != nil {
		return u, fmt.Errorf("upgrade: the form is decided, and will be built: %w", err)
	}
	return u, nil
}

func (env *environment) printUpgrade(u upgrade, check bool) error {
	rows := [][]string{{"PROCESS", "ROLE", "RELEASE", "FORMS", "SCHEMA", "SEEN"}}
	for _, m := range u.Members {
		r := "serve"
		switch {
		case m.Builds && m.Serves:
			r = "serve, build"
		case m.Builds:
			r = "build"
		}
		seen := "-"
		if m.Seen > 0 {
			seen = strconv.FormatInt(int64(m.Seen), 10)
		}
		id := m.ID
		if i := strings.LastIndexByte(id, ':'); i > 0 { // host and process are enough for a person
			id = id[:i]
		}
		rows = append(rows, []string{
			id, r, cmp.Or(m.Program, "-"), fmt.Sprintf("%d to %d", m.Renderer.Oldest, m.Renderer.Newest), strconv.Itoa(m.Schema), seen,
		})
	}
	if err := env.printTable(rows); err != nil {
		return err
	}
	said := fmt.Sprintf("The documents have form %d.", u.From)
	switch {
	case u.Done:
		said = fmt.Sprintf("The documents now have form %d; it was %d.", u.To, u.From)
	case u.From == 0:
		said = "Nothing has been built yet; the first builder chooses the form."
	case u.To < u.From:
		said += " Not all processes know it."
	case u.To > u.From && check:
		said += fmt.Sprintf(" They could have form %d.", u.To)
	case len(u.Blocked) == 0:
		said += " It is the newest that is known."
	default:
		said += " A newer one is not known to all processes."
	}
	fmt.Fprintf(env.stdout, "\n%s\n", said)
	return nil
}
