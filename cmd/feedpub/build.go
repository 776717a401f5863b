package main

import (
	"errors"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
)

func newBuild(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the feeds for servers on other machines",
		Long: `Build the feeds and keep them up to date on schedule and on change, without serving
readers. To serve them, run 'feedpub serve --build=false' with the same configuration, on
this machine or others. Operators and writers are served at the admin address.

If several builders use the same Redis, one of them builds, and another takes over within
five seconds if it stops. On SIGTERM or SIGINT, finish an active rebuild and exit with
status 0. On SIGHUP, read the configuration, site files and tokens again.`,
		Example: `  feedpub build --redis redis://redis.internal:6379
  feedpub build --config /etc/feedpub/feedpub.yml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.siteSettings(cmd)
			if err != nil {
				return err
			}
			switch {
			case c.Redis.IsZero():
				return usageError{errors.New("build requires --redis, because other servers read the documents from Redis; " +
					"to build from a folder of posts, run 'feedpub serve'")}
			case !c.Build:
				return usageError{errors.New("build is false in the configuration; use it only for 'feedpub serve' on a " +
					"machine that never builds")}
			}
			return env.serve(cmd, c, hosting.Role{Builds: true})
		},
	}
	addSettings(cmd, "admin-listen", "redis", "site", "data")
	return cmd
}
