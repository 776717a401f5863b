package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"feedpub/config"
)

// settingFlags are the flags that set a configuration key, each for the commands that need it.
var settingFlags = map[string]struct{ path, usage string }{
	"listen":       {"listen", "serve readers on this `address`"},
	"admin-listen": {"admin.listen", "serve operators and writers on this `address`"},
	"build":        {"build", "build the feeds too, unless another server does; false needs --redis"},
	"redis":        {"redis", "take posts from the Redis at this `URL`"},
	"dir":          {"dir", "take posts from this `folder`"},
	"site":         {"site.id", "`id` of the site, part of every key in Redis; of several sites, the one meant"},
	"data":         {"data", "`folder` for documents' copies, records and the private socket"},
}

// addSettings gives the command the flag --config and those of settingFlags that are named.
func addSettings(cmd *cobra.Command, names ...string) {
	cmd.Flags().String("config", "", "read the configuration from this `file`")
	for _, name := range names {
		if name == "build" {
			cmd.Flags().Bool(name, true, settingFlags[name].usage)
			continue
		}
		cmd.Flags().String(name, "", settingFlags[name].usage)
	}
}

// storeFlags are the flags of every command that works on posts.
var storeFlags = []string{"redis", "dir", "site", "data"}

// settings returns the configuration that file, environment and the command's flags make.
func (env *environment) settings(cmd *cobra.Command) (config.Config, error) {
	o := config.Options{Getenv: env.getenv, CheckSchedule: checkSchedule}
	for name, setting := range settingFlags {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			o.Flags = append(o.Flags, config.Flag{Name: name, Path: setting.path, Value: f.Value.String()})
		}
	}
	if f := cmd.Flags().Lookup("config"); f != nil {
		o.File = f.Value.String()
	}
	return config.Load(o)
}

// newLogger returns a logger to w as the configuration says.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
