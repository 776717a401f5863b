package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newBuild(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the feeds for servers elsewhere",
		Long: `Build the feeds and keep them up to date on schedule and on change, without serving
readers: those are for servers that run 'feedpub serve --build=false' with the same
configuration, on this machine or others. The admin side is served.

Of several builders of a site one builds, and another takes over within five
seconds of its end. SIGTERM and SIGINT let a running build end and exit with 0.`,
		Example: `  feedpub build --redis redis://redis.internal:6379
  feedpub build --config /etc/feedpub/feedpub.yml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			switch {
			case c.Redis.IsZero():
				return usageError{errors.New("build needs a Redis, from which others serve what is built; a folder of posts " +
					"is built by 'feedpub serve'")}
			case !c.Build:
				return usageError{errors.New("build: is false in the configuration, which is for 'feedpub serve' on a machine " +
					"that never builds")}
			}
			return env.serve(cmd.Context(), c, role{builds: true})
		},
	}
	addSettings(cmd, "admin-listen", "redis", "site", "data")
	return cmd
}
