package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/config"
	"feedpub/feed"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// checkSchedule is a simple CheckSchedule: specs that begin with "bad" are invalid.
func checkSchedule(spec string, loc *time.Location) error {
	if loc == nil {
		return errors.New("no time zone was passed")
	}
	if strings.HasPrefix(spec, "bad") {
		return fmt.Errorf("want a schedule, got %q", spec)
	}
	return nil
}

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func load(t *testing.T, file string, vars map[string]string, flags ...config.Flag) (config.Config, error) {
	t.Helper()
	return config.Load(config.Options{
		File: file, Getenv: environment(vars), Flags: flags, CheckSchedule: checkSchedule,
	})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultIsValid(t *testing.T) {
	got, err := load(t, "", nil)
	if err != nil {
		t.Fatalf("load nothing: %v", err)
	}
	if diff := cmp.Diff(config.Default(), got, equateUnexported); diff != "" {
		t.Errorf("configuration without any source (-want +got):\n%s", diff)
	}
	want := feed.Site{
		ID: "main", Title: "main", Language: "en",
		BaseURL: "http://127.0.0.1:8080", HomeURL: "http://127.0.0.1:8080",
		Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: 15 * time.Minute,
	}
	if diff := cmp.Diff(want, got.FeedSite()); diff != "" {
		t.Errorf("FeedSite of the defaults (-want +got):\n%s", diff)
	}
}

// TestEveryKey loads a file that sets every key.
func TestEveryKey(t *testing.T) {
	got, err := load(t, filepath.Join("testdata", "every-key.yml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Listen:            "0.0.0.0:80",
		Admin:             config.Admin{Listen: "[::1]:81", Hosts: []config.Host{"admin.example.org"}, TokensFile: "testdata/tokens"},
		Redis:             got.Redis, // compared below
		RedisPassword:     config.NewSecret("hunter2"),
		RedisPasswordFile: "testdata/redis-password",
		Data:              "/var/lib/feedpub",
		Durability:        config.DurabilityReplicas,
		Publishing: config.Publishing{
			Site: config.Site{
				ID: "blog", Title: "A blog: its title", Description: "Two\nlines", Language: "pt-BR",
				BaseURL: "https://feeds.example.org/blog/", HomeURL: "https://example.org/", Permalink: "/:year/:slug/",
				Authors: []config.Author{{Name: "Ann", URL: "https://example.org/ann", Avatar: "https://example.org/a.png"},
					{Name: "Bob"}},
				Copyright: "2024", Icon: "https://example.org/icon.png", Accent: "#bb2266",
				Style: config.StyleFile{Path: "testdata/style.css", CSS: "h1 { font-family: \"Fira Sans\", sans-serif; }\n"},
				Hubs:  []config.Hub{"https://hub.example.org/", "/push/hub"},
				Since: config.Date{Time: time.Date(2010, 2, 3, 0, 0, 0, 0, time.UTC)}, Limit: 20, TTL: time.Hour,
			},
			MediaDir:  "/var/lib/media",
			Schedule:  "@hourly",
			Schedules: map[feed.Name]string{"main": "*/5 * * * *", "tags/go": "@daily"},
			TimeZone:  config.Zone{Location: berlin},
			OnChange:  false,
			Families: map[feed.Family]config.Family{feed.Tags: {
				Limit: 10, Content: "summary", TitleLink: "source", Formats: []config.Format{"json", "rss"}, Archives: "true",
			}},
			Feeds: map[feed.Name]config.Feed{
				"main": {Title: "Everything", Archives: "false"}, "tags/go": {Limit: 5, TitleLink: "permalink"},
				"links": {
					Title: "Links", Description: "What we read", Tags: []string{"link", "Linkblog"}, AllTags: []string{"public"},
					Authors: []string{"Ann"}, Sources: []string{"The Guardian"}, Languages: []config.Language{"en", "de-AT"},
					Quoting: "true",
					Exclude: config.Exclude{
						Tags: []string{"draft"}, AllTags: []string{"a", "b"}, Authors: []string{"Bob"}, Sources: []string{"The Star"},
						Languages: []config.Language{"fr"}, Quoting: "false", IDs: []string{"post-1"},
					},
					Limit: 30, Content: "full", TitleLink: "source", Formats: []config.Format{"atom"}, Archives: "true",
					Schedule: "@weekly",
				},
			},
			Pages:      false,
			Paths:      []config.Preset{"wordpress", "blogger"},
			Aliases:    map[string]config.Alias{"/podcast.rss": {}, "/links/?format=atom": {Feed: "links", Format: "atom"}},
			Moved:      map[string]string{"/old.xml": "https://elsewhere.example/feed.xml", "old-links": "links"},
			Retired:    []string{"/gone.xml", "tags/obsolete"},
			MediaTypes: config.PlainXML,
			Attribution: config.Attribution{Threshold: 0.75, Model: "/etc/feedpub/credits.model", Publications: []config.Publication{{
				Name: "The Daily Example", Aliases: []string{"Daily Example"}, Domains: []string{"daily.example"},
				URL: "https://daily.example/", FeedURL: "https://daily.example/feed", Agency: true,
			}}},
			Push: config.Push{Signature: "sha512", Lease: 24 * time.Hour, Limit: 1000},
			Notify: []config.Webhook{{
				URL: "https://ops.example.org/feedpub", SecretFile: "/etc/feedpub/webhook-secret",
				Events: []config.Event{"held", "failed"},
			}},
		},
		Log: config.Log{Level: slog.LevelDebug, Format: config.LogJSON, Access: 10},
		Polling: config.Polling{Limit: 6, Per: 30 * time.Minute, Proxies: []config.Network{
			{Prefix: netip.MustParsePrefix("10.0.0.0/8")}, {Prefix: netip.MustParsePrefix("192.0.2.1/32")},
		}},
		Server: config.Server{
			Engine: config.EngineStandard, TLSCertFile: "/etc/feedpub/cert.pem", TLSKeyFile: "/etc/feedpub/key.pem",
			MaxConnections: 100, ReadHeaderTimeout: time.Second, ReadTimeout: 2 * time.Second,
			WriteTimeout: 3 * time.Second, IdleTimeout: 4 * time.Second, MaxHeaderBytes: 8192, DrainTimeout: 5 * time.Second,
			Memory: 256 << 20, MaxUnread: 1 << 20,
		},
		Egress: config.Egress{Ports: []int{443}, Allow: []config.Network{
			{Prefix: netip.MustParsePrefix("127.0.0.1/32")}, {Prefix: netip.MustParsePrefix("10.0.0.7/32")},
		}},
	}
	if diff := cmp.Diff(want, got, equateUnexported); diff != "" {
		t.Errorf("testdata/every-key.yml (-want +got):\n%s", diff)
	}
	if got, want := got.Redis.Reveal(), "rediss://user@redis.example.org:6380/2"; got != want {
		t.Errorf("redis = %q, want %q", got, want)
	}
	if got, want := got.FeedSite().BaseURL, "https://feeds.example.org/blog"; got != want {
		t.Errorf("the base URL of documents is %q, want %q, without a slash at its end", got, want)
	}

	hubs := []string{"https://hub.example.org/", "https://feeds.example.org/blog/push/hub"}
	if diff := cmp.Diff(hubs, got.FeedSite().Hubs); diff != "" {
		t.Errorf("hubs in documents (-want +got):\n%s", diff)
	}
	if own, others := got.OwnHub(), got.OtherHubs(); own != "/push/hub" || !slices.Equal(others, hubs[:1]) {
		t.Errorf("built-in hub %q, external hubs %q; want /push/hub and %q", own, others, hubs[:1])
	}

	text, err := os.ReadFile(filepath.Join("testdata", "every-key.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys() {
		last := key.Path[strings.LastIndex(key.Path, ".")+1:]
		// The file does not set these keys, because they cannot be combined with other keys that it sets.
		if slices.Contains([]string{"dir", "redis_password", "sites", "sites_from"}, key.Path) {
			continue
		}
		if !strings.Contains(string(text), last+":") {
			t.Errorf("testdata/every-key.yml does not set %s", key.Path)
		}
	}
}

// TestInvalid checks that every testdata/invalid-*.yml has exactly the errors that its "# want " lines state.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "invalid-*.yml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d files of invalid configuration (%v), want at least 20", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				if message, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "# want "); ok {
					want = append(want, message)
				}
			}
			_, err = load(t, file, nil)
			if !errors.Is(err, feed.ErrInvalid) {
				t.Fatalf("error %v is not of kind ErrInvalid", err)
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), file+":", ""), "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("errors of %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestInvalidVariablesAndFlags(t *testing.T) {
	_, err := load(t, "", map[string]string{
		"FEEDPUB_LISTEN":         "8080",
		"FEEDPUB_SITE_LIMIT":     "0",
		"FEEDPUB_ON_CHANGE":      "yes",
		"FEEDPUB_SCHEDULES":      `{main: bad, "tags/go": [1]}`,
		"FEEDPUB_SITE_AUTHORS":   `[{nam: Ann}]`,
		"FEEDPUB_REDIS_PASSWORD": "",
		"FEEDPUB_PORT":           "tcp://10.0.0.1:80", // as Kubernetes sets it
	}, config.Flag{Name: "redis", Path: "redis", Value: "http://user:hunter2@example.org"})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`FEEDPUB_LISTEN: want host:port such as 127.0.0.1:8080, got "8080"`,
		`FEEDPUB_SITE_AUTHORS: site.authors[0].nam: unknown key, did you mean name?`,
		`FEEDPUB_SITE_LIMIT: want 1 to 10000, got 0`,
		`FEEDPUB_SCHEDULES: schedules.tags/go: want a string, got a list`,
		`FEEDPUB_ON_CHANGE: want true or false, got "yes"`,
		`--redis: want a URL that begins with redis://, redis+sentinel:// or redis+cluster:// ` +
			`(rediss instead of redis for TLS), or unix://, got "http://"`,
		`FEEDPUB_SITE_AUTHORS: site.authors[0].name: is required`,
		`FEEDPUB_SCHEDULES: schedules.main: want a schedule, got "bad"`,
	}
	got := strings.Split(err.Error(), "\n")
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(want, got, sortStrings(less)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "feedpub.yml", "listen: 127.0.0.1:1\nadmin: {listen: 127.0.0.1:2}\nsite: {title: file, limit: "+
		"3}\ndir: posts\nschedules: {main: '@hourly'}\n")
	got, err := load(t, file, map[string]string{
		"FEEDPUB_SITE_TITLE":   "variable",
		"FEEDPUB_ADMIN_LISTEN": "127.0.0.1:3",
		"FEEDPUB_SCHEDULES":    `{"tags/go": "@daily"}`,
	}, config.Flag{Name: "admin-listen", Path: "admin.listen", Value: "127.0.0.1:4"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, got, want string }{
		{"only in the file", string(got.Listen), "127.0.0.1:1"},
		{"variable over file", got.Site.Title, "variable"},
		{"flag over variable and file", string(got.Admin.Listen), "127.0.0.1:4"},
		{"path relative to the file", string(got.Dir), filepath.Join(filepath.Dir(file), "posts")},
		{"default", got.Schedule, "*/15 * * * *"},
		{"a map replaces a weaker one", fmt.Sprint(got.Schedules), "map[tags/go:@daily]"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestFileFromEnvironment(t *testing.T) {
	file := write(t, "feedpub.yml", "site: {title: from the file}\n")
	got, err := load(t, "", map[string]string{"FEEDPUB_CONFIG": file})
	if err != nil {
		t.Fatal(err)
	}
	if got.Site.Title != "from the file" {
		t.Errorf("title %q: the file of FEEDPUB_CONFIG was not read", got.Site.Title)
	}
	if _, err := load(t, "does-not-exist.yml", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got error %v, want os.ErrNotExist", err)
	}
}

// TestStoreOverride checks that a flag or variable for redis or dir overrides the other one in the file.
func TestStoreOverride(t *testing.T) {
	file := write(t, "feedpub.yml", "redis: redis://redis.example.org:6379\n")
	got, err := load(t, file, nil, config.Flag{Name: "dir", Path: "dir", Value: "drafts"})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Redis.IsZero() || got.Dir != "drafts" {
		t.Errorf("redis %q and dir %q, want only dir, as set by the flag", got.Redis, got.Dir)
	}
	got, err = load(t, write(t, "feedpub.yml", "dir: posts\n"),
		map[string]string{"FEEDPUB_REDIS": "redis://127.0.0.1:6379"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Redis.IsZero() || got.Dir != "" {
		t.Errorf("redis %q and dir %q, want only the Redis URL of FEEDPUB_REDIS", got.Redis, got.Dir)
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	const secret = "hunter2"
	passwordFile := write(t, "password", secret+"\n")
	c, err := load(t, "", map[string]string{
		"FEEDPUB_REDIS":               "redis://user:" + secret + "@127.0.0.1:6379/0",
		"FEEDPUB_REDIS_PASSWORD_FILE": passwordFile,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.RedisPassword.Reveal(); got != secret {
		t.Errorf("the password read from its file is %q, want %q without the newline", got, secret)
	}
	if !strings.Contains(c.Redis.Reveal(), secret) {
		t.Error("Reveal does not return the URL with its password")
	}
	yaml, err := c.Dump()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("started", "config", c, "redis", c.Redis, "password", c.RedisPassword)
	for _, dump := range []struct{ name, text string }{
		{"Dump", string(yaml)},
		{"%v", fmt.Sprintf("%v", c)},
		{"%+v", fmt.Sprintf("%+v", c)},
		{"%#v", fmt.Sprintf("%#v", c)},
		{"%x of the secret", fmt.Sprintf("%x", c.RedisPassword)},
		{"%q of the URL", fmt.Sprintf("%q", c.Redis)},
		{"log", log.String()},
	} {
		if strings.Contains(dump.text, secret) || strings.Contains(dump.text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s contains the password:\n%s", dump.name, dump.text)
		}
	}
	if !strings.Contains(string(yaml), "[redacted]") {
		t.Errorf("the dump does not show that there is a password:\n%s", yaml)
	}
}

func TestRedisURLWithPassword(t *testing.T) {
	for _, c := range []struct{ name, url, password, want string }{
		{"none", "redis://127.0.0.1:6379/0", "", "redis://127.0.0.1:6379/0"},
		{"for a URL without a user", "redis://127.0.0.1:6379/0", "hunter2", "redis://:hunter2@127.0.0.1:6379/0"},
		{"for a user", "redis://ann@127.0.0.1:6379/0", "hunter2", "redis://ann:hunter2@127.0.0.1:6379/0"},
		{"replacing one in the URL", "redis://ann:old@127.0.0.1:6379/0", "hunter2", "redis://ann:hunter2@127.0.0.1:6379/0"},
		{"with special characters", "redis://127.0.0.1:6379/0", "a@b/c", "redis://:a%40b%2Fc@127.0.0.1:6379/0"},
		{"for Sentinels", "redis+sentinel://a,b:7000/m?sentinel_password=x", "hunter2",
			"redis+sentinel://:hunter2@a,b:7000/m?sentinel_password=x"},
		{"for a Cluster", "redis+cluster://ann@a,b:7000", "hunter2", "redis+cluster://ann:hunter2@a,b:7000"},
		{"for a socket", "unix:///run/redis.sock", "hunter2", "unix://:hunter2@/run/redis.sock"},
	} {
		var u config.RedisURL
		if err := u.UnmarshalText([]byte(c.url)); err != nil {
			t.Fatal(err)
		}
		got, err := u.WithPassword(config.NewSecret(c.password))
		if err != nil || got.Reveal() != c.want {
			t.Errorf("a password %s: %q, %v, want %q", c.name, got.Reveal(), err, c.want)
		}
	}
}

func TestDumpReadsBack(t *testing.T) {
	want, err := load(t, filepath.Join("testdata", "every-key.yml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	// The password in a dump is "[redacted]", which cannot be combined with a password file.
	want.RedisPasswordFile, want.RedisPassword = "", config.NewSecret("[redacted]")
	want.Admin.TokensFile = "/etc/feedpub/tokens"
	style, err := filepath.Abs(string(want.Site.Style.Path))
	if err != nil {
		t.Fatal(err)
	}
	want.Site.Style.Path = config.Path(style)
	text, err := want.Dump()
	if err != nil {
		t.Fatal(err)
	}
	got, err := load(t, write(t, "dump.yml", string(text)), nil)
	if err != nil {
		t.Fatalf("the dump does not load: %v\n%s", err, text)
	}
	if diff := cmp.Diff(want, got, equateUnexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the configuration loaded from the dump (-want +got):\n%s", diff)
	}
}

func TestVariablesAreDistinct(t *testing.T) {
	seen := map[string]string{"FEEDPUB_CONFIG": "the path of the file"}
	for _, key := range config.Keys() {
		if other, ok := seen[key.Variable]; ok {
			t.Errorf("%s is the variable of both %s and %s", key.Variable, other, key.Path)
		}
		seen[key.Variable] = key.Path
	}
	if got, want := seen["FEEDPUB_ADMIN_TOKENS_FILE"], "admin.tokens_file"; got != want {
		t.Errorf("FEEDPUB_ADMIN_TOKENS_FILE is the variable of %q, want %q", got, want)
	}
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "fuzz.yml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := load(t, path, nil)
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Fatalf("error %v is not of kind ErrInvalid", err)
			}
			return
		}
		// A valid configuration must have a valid site.
		site := c.FeedSite()
		if site.ID.Validate() != nil || site.Title == "" || site.Language == "" || site.Limit < 1 ||
			strings.HasSuffix(site.BaseURL, "/") || !strings.HasPrefix(site.BaseURL, "http") {
			t.Fatalf("the configuration is accepted, but its site is invalid: %+v", site)
		}
	})
}

// TestUnknownVariables checks that variables that look as if they set a key are errors, unless they belong to other
// programs.
func TestUnknownVariables(t *testing.T) {
	_, err := config.Load(config.Options{
		Getenv: func(string) string { return "" },
		Environ: []string{
			"FEEDPUB_SITE_TITEL=x", "FEEDPUB_BASE_URL=https://feeds.example", "FEEDPUB_PORT=8080", "FEEDPUB_XYZZY_QUUX_FOO=1",
			"FEEDPUB_EMPTY=", "FEEDPUB_CONFIG=", "FEEDPUB_SITE_TITLE=A Blog", "HOME=/root", "FEEDPUB_TOKEN=secret",
			"FEEDPUB_SERVICE_HOST=10.0.0.1", "FEEDPUB_ADMIN_SERVICE_PORT=8081", "FEEDPUB_SERVICE_PORT_HTTP=80",
			"FEEDPUB_PORT_80_TCP=tcp://10.0.0.1:80", "FEEDPUB_PORT_80_TCP_ADDR=10.0.0.1", "FEEDPUB_ADMIN_PORT=tcp://10.0.0.1:80",
		},
		CheckSchedule: func(string, *time.Location) error { return nil },
	})
	want := []string{
		"FEEDPUB_SITE_TITEL: does not set any key, did you mean FEEDPUB_SITE_TITLE?",
		"FEEDPUB_BASE_URL: does not set any key, did you mean FEEDPUB_SITE_BASE_URL?",
		"FEEDPUB_PORT: does not set any key, did you mean FEEDPUB_DIR?",
		"FEEDPUB_XYZZY_QUUX_FOO: does not set any key",
	}
	if err == nil {
		t.Fatal("Load: no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}
