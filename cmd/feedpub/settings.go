package main

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed/admin"
)

//go:embed samples
var samples embed.FS

// settingFlags are the flags that set a configuration key. Each command has the flags that it needs.
var settingFlags = map[string]struct{ path, usage string }{
	"listen":       {"listen", "serve readers on this `address`"},
	"admin-listen": {"admin.listen", "serve operators and writers on this `address`"},
	"build":        {"build", "build the feeds unless another server does; false needs --redis"},
	"redis":        {"redis", "read posts from the Redis at this `URL`"},
	"dir":          {"dir", "read posts from this `folder`"},
	"site":         {"site.id", "`id` of the site, part of every key in Redis; with several sites, the one to work on"},
	"data":         {"data", "store copies of documents, records and the private socket in this `folder`"},
}

// addSettings adds the flag --config and the named ones of settingFlags to the command.
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

// settings returns the configuration from the file, the environment and the command's flags.
func (env *environment) settings(cmd *cobra.Command) (config.Config, error) {
	o := config.Options{Getenv: env.getenv, Environ: env.environ, CheckSchedule: hosting.CheckSchedule}
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

// siteSettings is like settings, but if there are several sites and --site names one of them, it returns the settings
// of that site.
func (env *environment) siteSettings(cmd *cobra.Command) (config.Config, error) {
	c, err := env.settings(cmd)
	if err != nil || c.Site.ID == "" {
		return c, err
	}
	return hosting.ChooseSite(c)
}

// newLogger returns a logger that writes to w, with the configured level and format.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// process returns the dependencies that sites share.
func (env *environment) process(log *slog.Logger) (hosting.Process, error) {
	files, err := fs.Sub(samples, "samples")
	if err != nil {
		return hosting.Process{}, fmt.Errorf("sample posts: %w", err)
	}
	v := env.release
	return hosting.Process{
		Log: log, Now: now, Samples: files, Versions: env.versions, Try: env.try,
		Build: admin.Build{Version: v.Version, Revision: v.Revision, GoVersion: v.Go},
	}, nil
}

// source returns the source of posts for a command that works on one site.
func (env *environment) source(cmd *cobra.Command, write bool) (hosting.Source, error) {
	c, err := env.settings(cmd)
	if err == nil {
		c, err = hosting.ChooseSite(c)
	}
	if err != nil {
		return hosting.Source{}, err
	}
	return env.quietSource(c, write)
}

// quietSource returns the configured source of posts. Its logger writes warnings and errors only.
func (env *environment) quietSource(c config.Config, write bool) (hosting.Source, error) {
	c.Log.Level = max(c.Log.Level, slog.LevelWarn)
	p, err := env.process(newLogger(env.stderr, c.Log))
	if err != nil {
		return hosting.Source{}, err
	}
	return hosting.ChooseSource(c, p, write)
}

// open opens the site that a command works on. The caller must close it.
func (env *environment) open(cmd *cobra.Command) (*hosting.Site, error) {
	s, err := env.source(cmd, false)
	if err != nil {
		return nil, err
	}
	return s.Open(cmd.Context())
}

// openBuilt opens the site for a command that shows documents. The caller must close it.
func (env *environment) openBuilt(cmd *cobra.Command) (*hosting.Site, error) {
	s, err := env.source(cmd, false)
	if err != nil {
		return nil, err
	}
	return s.OpenBuilt(cmd.Context())
}

// openWriter returns a writer for a command that writes posts. The caller must close it.
func (env *environment) openWriter(cmd *cobra.Command) (hosting.Writer, hosting.Source, error) {
	s, err := env.source(cmd, true)
	if err != nil {
		return nil, s, err
	}
	w, err := s.OpenWriter(cmd.Context())
	return w, s, err
}

// hint is advice about a setting whose default is fine for trying feedpub but probably wrong in production.
type hint struct {
	text  string
	risky bool // the default can cause harm
}

// label returns the word that precedes the hint when it is printed.
func (h hint) label() string {
	if h.risky {
		return "risky"
	}
	return "hint"
}

// hints returns the hints on a configuration.
func hints(c config.Config) []hint {
	if c.Several() {
		return nil // each site has a title, and must have a base_url
	}
	var list []hint
	if !c.Redis.IsZero() && c.Site.BaseURL == "" {
		list = append(list, hint{risky: true, text: fmt.Sprintf("site.base_url is not set, so the documents contain %s, the "+
			"address of this server; other servers on this Redis may use a different one. Set it to the URL that readers use",
			c.FeedSite().BaseURL)})
	}
	if c.Site.Title == config.Default().Site.Title {
		list = append(list, hint{text: fmt.Sprintf("site.title is not set, so the title of the feeds is %q. Set it in the "+
			"configuration or in FEEDPUB_SITE_TITLE", c.Site.Title)})
	}
	if !c.Pages && c.Site.Permalink == "" {
		list = append(list, hint{text: "pages is false and site.permalink is not set, so posts without a url have no link. " +
			"Set site.permalink to the pattern of their URLs on the blog"})
	}
	return list
}
