package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed"
)

// upgradeFlags are the values of the command's own flags.
type upgradeFlags struct{ check, force, asJSON bool }

func newUpgrade(env *environment) *cobra.Command {
	var flags upgradeFlags
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Move to the newest rendering version that all servers can render",
		Long: `List the servers and builders of the site, and rebuild its documents in the newest
rendering version that all of them can render.

A new release may have a new rendering version, which changes every document once,
or a new model for reading credits, which changes the posts that it reads differently.
So that documents do not change back and forth while old and new releases run side
by side, builders keep the version of the site until this command is run. A builder
that cannot render it does not build. Install the release on all machines, then run
this once. If no upgrade is needed, it changes nothing.

With --force, move to the newest version that any builder can render, even if others
cannot; and, after going back to an older release, to the version that its builders
render. If there are several sites, upgrade all of them, or the one named by --site.

The exit status is 1 if servers must be replaced first.`,
		Example: "  feedpub upgrade --check\n  feedpub upgrade",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			if c.Several() && c.Site.ID == "" {
				return env.upgradeSites(cmd.Context(), c, flags)
			}
			return env.upgradeSite(cmd, flags)
		},
	}
	addSettings(cmd, "redis", "site", "data")
	addJSON(cmd, &flags.asJSON)
	cmd.Flags().BoolVar(&flags.check, "check", false, "print what would be done, and change nothing")
	cmd.Flags().BoolVar(&flags.force, "force", false, "ignore servers that cannot render the version")
	return cmd
}

// upgradeSite upgrades a single site.
func (env *environment) upgradeSite(cmd *cobra.Command, flags upgradeFlags) error {
	site, err := env.open(cmd)
	if err != nil {
		return err
	}
	defer site.Close()
	if site.Source.Folder() {
		return usageError{errors.New("a folder of posts has only one server, which always uses the newest version of the renderer; " +
			"upgrade is for --redis")}
	}
	u, err := site.Upgrade(cmd.Context(), flags.check, flags.force)
	if err != nil {
		return err
	}
	if flags.asJSON {
		err = env.printJSON(u)
	} else {
		err = env.printUpgrade(u, flags.check)
	}
	if err != nil {
		return err
	}
	return u.Err()
}

// siteUpgrade is the result of upgrading one of several sites.
type siteUpgrade struct {
	Site feed.SiteID `json:"site"`
	hosting.Upgrade
}

// upgradeSites upgrades all sites. An error on one site does not affect the others.
func (env *environment) upgradeSites(ctx context.Context, c config.Config, flags upgradeFlags) error {
	source, err := env.quietSource(c, false)
	if err != nil {
		return err
	}
	shared, err := source.OpenRedis(ctx)
	if err != nil {
		return err
	}
	defer shared.Close()
	sites, _, err := hosting.AllSites(c)
	if err != nil {
		return err
	}
	list := []siteUpgrade{}
	var errs []error
	for _, s := range sites {
		u, err := shared.ForSite(c.ForSite(s)).Upgrade(ctx, flags.check, flags.force)
		if err = cmp.Or(err, u.Err()); err != nil {
			errs = append(errs, fmt.Errorf("site %s: %w", s.Site.ID, err))
		}
		list = append(list, siteUpgrade{s.Site.ID, u})
	}
	if flags.asJSON {
		err = env.printJSON(list)
	} else {
		rows := [][]string{{"SITE", "PROCESSES", "VERSION", "IN COMMON", "UPGRADED"}}
		for _, u := range list {
			rows = append(rows, []string{
				string(u.Site), strconv.Itoa(len(u.Members)), strconv.Itoa(u.Schema.Renderer), strconv.Itoa(u.To),
				strconv.FormatBool(u.Done),
			})
		}
		err = env.printTable(rows)
	}
	return errors.Join(append(errs, err)...)
}

// printUpgrade prints the processes of a site and what was done.
func (env *environment) printUpgrade(u hosting.Upgrade, check bool) error {
	rows := [][]string{{"PROCESS", "ROLE", "RELEASE", "VERSIONS", "SCHEMA", "SEEN"}}
	for _, m := range u.Members {
		role := "serve"
		switch {
		case m.Builds && m.Serves:
			role = "serve, build"
		case m.Builds:
			role = "build"
		}
		seen := "-"
		if m.Seen > 0 {
			seen = strconv.FormatInt(int64(m.Seen), 10)
		}
		id := m.ID
		if i := strings.LastIndexByte(id, ':'); i > 0 { // omit the random part
			id = id[:i]
		}
		rows = append(rows, []string{
			id, role, cmp.Or(m.Program, "-"), fmt.Sprintf("%d to %d", m.Renderer.Oldest, m.Renderer.Newest),
			strconv.Itoa(m.Schema), seen,
		})
	}
	if err := env.printTable(rows); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "\n%s\n", upgradeText(u, check))
	return nil
}

// upgradeText returns a sentence that describes the result of an upgrade.
func upgradeText(u hosting.Upgrade, check bool) string {
	current := fmt.Sprintf("The documents have rendering version %d.", u.From)
	switch {
	case u.Done:
		return fmt.Sprintf("The documents now have rendering version %d; it was %d.", u.To, u.From)
	case u.From == 0:
		return "Nothing has been built yet; the first builder chooses the rendering version."
	case u.To < u.From:
		return current + " Not all processes can render it."
	case u.To > u.From && check:
		return current + fmt.Sprintf(" They could have version %d.", u.To)
	case len(u.Blocked) == 0:
		return current + " It is the newest."
	default:
		return current + " Not all processes can render a newer one."
	}
}
