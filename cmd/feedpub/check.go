package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
)

func newCheck(env *environment) *cobra.Command {
	var dump bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and the files and servers it names",
		Long: `Check the configuration and report all errors together. Also check that Redis responds
and is configured to keep posts, that folders are writable, and that files, including
the files in sites_from, are readable and valid. Change nothing.

With --print, print the configuration in use instead, without secrets.`,
		Example: "  feedpub check --config feedpub.yml\n  FEEDPUB_SITE_LIMIT=20 feedpub check --print",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.siteSettings(cmd)
			if err != nil {
				return err
			}
			if !dump {
				return env.check(cmd, c)
			}
			text, err := c.Dump()
			if err != nil {
				return err
			}
			if _, err := env.stdout.Write(text); err != nil {
				return fmt.Errorf("print the configuration: %w", err)
			}
			return nil
		},
	}
	addSettings(cmd, "listen", "admin-listen", "redis", "dir", "site", "data")
	cmd.Flags().BoolVar(&dump, "print", false, "print the configuration in use")
	return cmd
}

// check prints a line for each file, folder or server that the configuration names.
func (env *environment) check(cmd *cobra.Command, c config.Config) error {
	failed := 0
	report := func(what string, err error) {
		if err != nil {
			failed++
			fmt.Fprintf(env.stdout, "wrong  %s: %s\n", what, hosting.OneLine(err))
			return
		}
		fmt.Fprintf(env.stdout, "ok     %s\n", what)
	}
	report("configuration", nil)
	if !c.Redis.IsZero() {
		source, err := env.quietSource(c, false)
		if err != nil {
			return err
		}
		warnings, err := source.CheckRedis(cmd.Context())
		report("redis "+c.Redis.String(), err)
		for _, w := range warnings {
			fmt.Fprintf(env.stdout, "risky  redis: %s\n", w)
		}
	}
	if c.Dir != "" {
		report("dir "+string(c.Dir), checkFolder(string(c.Dir)))
	}
	if c.Data != "" {
		report("data "+string(c.Data), checkFolder(string(c.Data)))
	}
	if c.Admin.TokensFile != "" {
		_, err := hosting.ReadTokens(c)
		report("admin.tokens_file "+string(c.Admin.TokensFile), err)
	}
	for _, h := range hints(c) {
		fmt.Fprintf(env.stdout, "%-6s %s\n", h.label(), h.text)
	}
	if c.Several() {
		if err := checkSites(c, report); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%s failed", count(failed, "check"))
	}
	return nil
}

// checkSites reports valid and invalid sites.
func checkSites(c config.Config, report func(what string, err error)) error {
	sites, invalid, err := hosting.AllSites(c)
	if err != nil {
		return err
	}
	for _, p := range invalid {
		report(p.ID, errors.New(p.Reason))
	}
	for _, s := range sites {
		report("site "+string(s.Site.ID)+" at "+strings.Join(s.Hostnames(), ", "), nil)
	}
	return nil
}

// checkFolder returns an error if files cannot be created in the folder. A folder that does not exist is not an error:
// it is created when it is needed.
func checkFolder(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	f, err := os.CreateTemp(path, ".feedpub-check-")
	if err != nil {
		return fmt.Errorf("cannot write to the folder: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
