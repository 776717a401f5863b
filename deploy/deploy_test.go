package deploy_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/schedule"
)

// program is the path of the program that the examples run.
type program string

// check reports unknown commands and flags in a feedpub command line, which is given without the program's name.
func (p program) check(t *testing.T, args []string) {
	t.Helper()
	if len(args) == 0 {
		t.Errorf("no command")
		return
	}
	help, err := exec.Command(string(p), args[0], "--help").Output()
	if err != nil {
		t.Errorf("feedpub has no command %q: %v", args[0], err)
		return
	}
	for _, arg := range args[1:] {
		flag, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(flag, "--") && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).Match(help) {
			t.Errorf("%q: the command %s has no flag %s", args, args[0], flag)
		}
	}
}

// TestCommandLines checks that the program accepts the command lines in the examples.
func TestCommandLines(t *testing.T) {
	p := buildProgram(t)
	t.Run("unit", p.testUnit)
	t.Run("compose", p.testCompose)
	t.Run("compose with roles", p.testComposeRoles)
	t.Run("container", p.testContainerfile)
}

// checkVariables reports environment variables that do not set a configuration key.
func checkVariables(t *testing.T, names []string) {
	t.Helper()
	for _, name := range names {
		known := name == "FEEDPUB_CONFIG" ||
			slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Variable == name })
		if !known {
			t.Errorf("the variable %s sets no key of the configuration", name)
		}
	}
}

func TestExampleConfiguration(t *testing.T) {
	const example = "feedpub.example.yml"
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	// The example refers to this file, so it must exist.
	secret := filepath.Join(t.TempDir(), "redis-password")
	if err := os.WriteFile(secret, []byte("swordfish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), example)
	changed := bytes.ReplaceAll(text, []byte("/etc/feedpub/redis-password"), []byte(secret))
	if err := os.WriteFile(copied, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Options{
		File:   copied,
		Getenv: func(string) string { return "" },
		CheckSchedule: func(spec string, loc *time.Location) error {
			_, err := schedule.Parse(spec, loc)
			return err
		},
	})
	if err != nil {
		t.Fatalf("%s does not load:\n%v", example, err)
	}
	if got := c.RedisPassword.Reveal(); got != "swordfish" {
		t.Errorf("got password %q from the example's file", got)
	}

	// The example must show every key. Keys that cannot be combined with other keys may be in comments.
	for _, key := range config.Keys() {
		parts := strings.Split(key.Path, ".")
		pattern := `(?m)^#?` + strings.Repeat("  ", len(parts)-1) + regexp.QuoteMeta(parts[len(parts)-1]) + `:`
		if !regexp.MustCompile(pattern).Match(text) {
			t.Errorf("%s does not show the key %s", example, key.Path)
		}
	}

	// It must also show the keys of list elements.
	for _, key := range []string{
		"name", "url", "avatar", "aliases", "domains", "feed_url", "agency", "secret_file", "events",
	} {
		if !regexp.MustCompile(`(?m)^ +(- )?` + key + `:`).Match(text) {
			t.Errorf("%s does not show the key %s of a list element", example, key)
		}
	}
}

// TestExampleOfManySites loads the many-sites example and its folder of site files.
func TestExampleOfManySites(t *testing.T) {
	check := func(spec string, loc *time.Location) error {
		_, err := schedule.Parse(spec, loc)
		return err
	}
	c, err := config.Load(config.Options{
		File: "sites.example.yml", Getenv: func(string) string { return "" }, CheckSchedule: check,
	})
	if err != nil {
		t.Fatalf("sites.example.yml does not load:\n%v", err)
	}
	got := map[feed.SiteID]string{}
	for id, s := range c.Sites {
		got[id] = strings.Join(s.Hostnames(), " ")
	}
	files, err := filepath.Glob(filepath.Join(string(c.SitesFrom), "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.ParseSite(path, string(text), check)
		if err != nil {
			t.Errorf("%v", err)
		}
		got[s.Site.ID] = strings.Join(s.Hostnames(), " ")
		if s.Site.Limit != 30 || s.Site.Language != "de" {
			t.Errorf("%s has the limit %d and the language %s, want 30 and de", path, s.Site.Limit,
				s.Site.Language)
		}
	}
	want := map[feed.SiteID]string{"commonplace": "feeds.example.org rss.example.org", "gazette": "gazette.example.net"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hosts by site (-want +got):\n%s", diff)
	}
}

func (p program) testUnit(t *testing.T) {
	text, err := os.ReadFile("feedpub.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := string(text)
	command := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/feedpub (.*)$`).FindStringSubmatch(unit)
	if command == nil {
		t.Fatal("the unit has no ExecStart line that runs /usr/local/bin/feedpub")
	}
	p.check(t, strings.Fields(command[1]))

	var names []string
	for _, m := range regexp.MustCompile(`(?m)^Environment=(\w+)=`).FindAllStringSubmatch(unit, -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		t.Error("found no variables in the unit")
	}
	checkVariables(t, names)

	// Each line that adds a restriction must have a comment.
	restricts := regexp.MustCompile(
		`^(Protect|Private|Restrict|NoNew|Capability|Memory|SystemCall|Lock|ProcSubset)`)
	lines := strings.Split(unit, "\n")
	explained := false
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "#"):
			explained = true
		case line == "":
			explained = false
		case restricts.MatchString(line) && !explained:
			t.Errorf("the line %q of the unit has no comment above it", line)
		}
	}

	analyzeUnits(t, p)
}

// analyzeUnits verifies the units with systemd-analyze, and checks that the service's exposure level is at most 1.5.
func analyzeUnits(t *testing.T, p program) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed: the units' other settings are not checked")
		return
	}
	// All units are checked together, since they refer to each other. systemd-analyze looks for the program and the man
	// pages, which are not installed here.
	units, err := filepath.Glob("feedpub*.[st]*")
	if err != nil || len(units) < 6 {
		t.Fatalf("units in this folder: %q, %v", units, err)
	}
	dir := t.TempDir()
	documentation := regexp.MustCompile(`(?m)^Documentation=.*\n`)
	for i, name := range units {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = documentation.ReplaceAll(bytes.ReplaceAll(text, []byte("/usr/local/bin/feedpub"), []byte(p)), nil)
		units[i] = filepath.Join(dir, name)
		if err := os.WriteFile(units[i], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The exit status is 0 even for an unknown setting, so any output is a failure.
	args := append([]string{"verify", "--man=no"}, units...)
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.Command(analyze, "calendar", "*-*-* 03:30:00").CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze calendar: %v\n%s", err, out)
	}
	// The flag --threshold takes ten times the exposure level, which must be at most 1.5.
	security := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold=15",
		filepath.Join(dir, "feedpub.service"))
	if out, err := security.CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// TestPackagedConfiguration checks that the configuration in the packages is valid as shipped.
func TestPackagedConfiguration(t *testing.T) {
	c, err := config.Load(config.Options{
		File:   "packaging/feedpub.yml",
		Getenv: func(string) string { return "" },
		CheckSchedule: func(spec string, loc *time.Location) error {
			_, err := schedule.Parse(spec, loc)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tmpfiles, err := os.ReadFile("packaging/tmpfiles.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []config.Path{c.Dir, c.Data} {
		if !strings.Contains(string(tmpfiles), "d "+string(dir)+" ") {
			t.Errorf("tmpfiles.conf does not create %s", dir)
		}
	}
}

func (p program) testCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Command     []string
			Image       string
			Build       struct{ Context, Dockerfile string }
			Environment map[string]string
			Ports       []string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	feedpub, redis := compose.Services["feedpub"], compose.Services["redis"]
	p.check(t, feedpub.Command)
	var names []string
	for name := range feedpub.Environment {
		names = append(names, name)
	}
	checkVariables(t, names)
	if _, err := os.Stat(filepath.Join(feedpub.Build.Context, feedpub.Build.Dockerfile)); err != nil {
		t.Errorf("the image is built from a missing file: %v", err)
	}
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if !strings.Contains(strings.Join(redis.Command, " "), want) {
			t.Errorf("Redis is started with %q, which lacks %q: posts can be lost", redis.Command, want)
		}
	}
	for _, port := range feedpub.Ports {
		if strings.HasSuffix(port, ":8081") && !strings.HasPrefix(port, "127.0.0.1:") {
			t.Errorf("the admin address is published on all interfaces: %s", port)
		}
	}
	for name, service := range compose.Services {
		if service.Image != "" && !regexp.MustCompile(`:\d+\.\d+\.\d+$`).MatchString(service.Image) {
			t.Errorf("the image %s of %s is not pinned to a release", service.Image, name)
		}
	}
	if len(redis.Ports) > 0 {
		t.Errorf("the Redis port is published: %s", redis.Ports)
	}
}

func (p program) testComposeRoles(t *testing.T) {
	text, err := os.ReadFile("compose.roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatalf("compose.roles.yaml: %v", err)
	}
	for service, want := range map[string]string{"feedpub": "serve --build=false", "builder": "build"} {
		s := compose.Services[service]
		p.check(t, s.Command)
		if got := strings.Join(s.Command, " "); !strings.HasPrefix(got+" ", want+" ") {
			t.Errorf("the service %s runs %q, want %q", service, got, want)
		}
		checkVariables(t, slices.Collect(maps.Keys(s.Environment)))
	}
}

func (p program) testContainerfile(t *testing.T) {
	text, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	file := string(text)
	var names []string
	for _, m := range regexp.MustCompile(`\b(FEEDPUB_\w+)=\S+ ?\\?\n`).FindAllStringSubmatch(file, -1) {
		names = append(names, m[1])
	}
	if len(names) < 4 {
		t.Errorf("found only the variables %q in the Containerfile", names)
	}
	checkVariables(t, names)

	array := func(pattern string) []string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(file)
		if m == nil {
			t.Fatalf("the Containerfile has no line that matches %s", pattern)
		}
		var args []string
		if err := json.Unmarshal([]byte(m[1]), &args); err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		return args
	}
	p.check(t, array(`(?m)^CMD (\[.*\])$`))
	health := array(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`)
	p.check(t, health[1:])
	if got, want := array(`(?m)^ENTRYPOINT (\[.*\])$`)[0], health[0]; got != want {
		t.Errorf("the entry point is %s, but the health check runs %s", got, want)
	}
	if !regexp.MustCompile(`(?m)^USER 65532:65532$`).MatchString(file) {
		t.Error("the container runs as root")
	}

	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))[1]
	got := regexp.MustCompile(`library/golang:(\d+\.\d+)\.\d+-\w+ AS`).FindStringSubmatch(file)
	if got == nil || got[1] != want {
		t.Errorf("the container is built with Go %q, want %s as in go.mod", got, want)
	}
}
