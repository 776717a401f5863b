package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/config"
	"feedpub/feed/admin"
)

func newCheck(env *environment) *cobra.Command {
	var dump bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and what it points to",
		Long: `Check the configuration, all of it at once, and what it points to: that Redis
answers and is set up to keep posts, that folders can be written to, that files can
be read. The files of sites_from are read too. Nothing is changed.

With --print, print the configuration in force instead, with secrets left out.`,
		Example: "  feedpub check --config feedpub.yml\n  FEEDPUB_SITE_LIMIT=20 feedpub check --print",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			if c.Site.ID != "" { // of several sites, the one that is chosen
				if c, err = chooseSite(c); err != nil {
					return err
				}
			}
			if dump {
				text, err := c.Dump()
				if err != nil {
					return err
				}
				if _, err := env.stdout.Write(text); err != nil {
					return fmt.Errorf("print the configuration: %w", err)
				}
				return nil
			}
			return env.check(cmd, c)
		},
	}
	addSettings(cmd, "listen", "admin-listen", "redis", "dir", "site", "data")
	cmd.Flags().BoolVar(&dump, "print", false, "print the configuration in force")
	return cmd
}

// check tells what is right and what is wrong with what the configuration points to.
func (env *environment) check(cmd *cobra.Command, c config.Config) error {
	failed := 0
	tell := func(what string, err error) {
		if err != nil {
			failed++
			fmt.Fprintf(env.stdout, "wrong  %s: %s\n", what, oneLine(err))
			return
		}
		fmt.Fprintf(env.stdout, "ok     %s\n", what)
	}
	tell("configuration", nil)
	if !c.Redis.IsZero() {
		warnings, err := checkRedis(cmd, c)
		tell("redis "+c.Redis.String(), err)
		for _, w := range warnings {
			fmt.Fprintf(env.stdout, "risky  redis: %s\n", w)
		}
	}
	if c.Dir != "" {
		tell("dir "+string(c.Dir), checkFolder(string(c.Dir)))
	}
	if c.Data != "" {
		tell("data "+string(c.Data), checkFolder(string(c.Data)))
	}
	if c.Admin.TokensFile != "" {
		_, err := readTokens(c)
		tell("admin.tokens_file "+string(c.Admin.TokensFile), err)
	}
	for _, h := range hints(c) {
		fmt.Fprintf(env.stdout, "%-6s %s\n", h.label(), h.text)
	}
	if c.Several() {
		if err := checkSites(c, tell); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of the things that the configuration points to are wrong", failed)
	}
	return nil
}

// checkSites tells what is right and wrong with several sites.
func checkSites(c config.Config, tell func(what string, err error)) error {
	sites, wrong, err := allSites(c)
	if err != nil {
		return err
	}
	for _, p := range wrong {
		tell(p.ID, errors.New(p.Reason))
	}
	for _, s := range sites {
		tell("site "+string(s.Site.ID)+" at "+strings.Join(s.Hostnames(), ", "), nil)
	}
	return nil
}

func checkRedis(cmd *cobra.Command, c config.Config) (warnings []string, err error) {
	client, err := place{config: c, log: newLogger(cmd.ErrOrStderr(), c.Log)}.redis()
	if err != nil {
		return nil, err
	}
	warnings, err = client.Check(cmd.Context())
	return warnings, errors.Join(err, client.Close())
}

// checkFolder returns nil if files can be made in the folder, or if the folder can be made.
func checkFolder(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it is made when it is needed
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

// readTokens returns the tokens that let operators in, none if no file is configured.
func readTokens(c config.Config) (admin.Tokens, error) {
	if c.Admin.TokensFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(string(c.Admin.TokensFile))
	if err != nil {
		return nil, fmt.Errorf("admin.tokens_file: %w", err)
	}
	tokens, err := admin.ParseTokens(string(text))
	if err != nil {
		return nil, fmt.Errorf("admin.tokens_file %s: %w", c.Admin.TokensFile, err)
	}
	return tokens, nil
}
