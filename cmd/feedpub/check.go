package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
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
the files in sites_from, are readable and valid. Warn of risks, such as secrets that
other users of the machine can read; the exit status stays 0. Change nothing.

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
	secrets := processSecrets(c)
	if c.Several() {
		sites, err := checkSites(c, report)
		if err != nil {
			return err
		}
		for _, s := range sites {
			secrets = append(secrets, siteSecrets(s)...)
		}
	}
	for _, risk := range append(readableSecrets(secrets), exposedAdmin(c)...) {
		fmt.Fprintf(env.stdout, "risky  %s\n", risk)
	}
	if failed > 0 {
		return fmt.Errorf("%s failed", count(failed, "check"))
	}
	return nil
}

// checkSites reports valid and invalid sites. It returns the valid ones.
func checkSites(c config.Config, report func(what string, err error)) ([]config.SiteSettings, error) {
	sites, invalid, err := hosting.AllSites(c)
	if err != nil {
		return nil, err
	}
	for _, p := range invalid {
		report(p.ID, errors.New(p.Reason))
	}
	for _, s := range sites {
		report("site "+string(s.Site.ID)+" at "+strings.Join(s.Hostnames(), ", "), nil)
	}
	return sites, nil
}

// secretFile is a file with secrets, and the key that names it.
type secretFile struct{ key, path string }

// processSecrets returns the files with secrets that the top level of the configuration names.
func processSecrets(c config.Config) []secretFile {
	list := []secretFile{
		{"admin.tokens_file", string(c.Admin.TokensFile)},
		{"redis_password_file", string(c.RedisPasswordFile)},
		{"server.tls_key_file", string(c.Server.TLSKeyFile)},
	}
	return append(list, webhookSecrets("", c.Publishing)...)
}

// siteSecrets returns the files with secrets that the settings of one of several sites name.
func siteSecrets(s config.SiteSettings) []secretFile {
	prefix := "site " + string(s.Site.ID) + ": "
	return append(webhookSecrets(prefix, s.Publishing), secretFile{prefix + "tokens_file", string(s.TokensFile)})
}

func webhookSecrets(prefix string, p config.Publishing) (list []secretFile) {
	for i, w := range p.Notify {
		list = append(list, secretFile{fmt.Sprintf("%snotify[%d].secret_file", prefix, i), string(w.SecretFile)})
	}
	return list
}

// readableSecrets returns a warning for each file that all users of this machine can read. Each file is reported only
// once. Windows has no such permissions.
func readableSecrets(files []secretFile) (risks []string) {
	const othersRead = 0o004
	seen := make(map[string]bool)
	for _, f := range files {
		info, err := os.Stat(f.path)
		if f.path == "" || err != nil || runtime.GOOS == "windows" || seen[f.path] {
			continue
		}
		seen[f.path] = true
		if info.Mode().Perm()&othersRead != 0 {
			risks = append(risks, fmt.Sprintf("%s %s: every user of this machine can read the secrets; run chmod o= %[2]s",
				f.key, f.path))
		}
	}
	return risks
}

// exposedAdmin returns a warning if other machines can reach the admin address, which has no TLS.
func exposedAdmin(c config.Config) []string {
	if c.Admin.Listen.Loopback() {
		return nil
	}
	return []string{fmt.Sprintf("admin.listen %s: other machines can reach this address, and tokens are sent to it without "+
		"encryption; listen on loopback behind a proxy with TLS, or allow only a private network to reach it", c.Admin.Listen)}
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
