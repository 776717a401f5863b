package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/render"
)

// run runs the program in this process until ctx is done, and returns its exit status.
func run(
	ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	env := &environment{
		getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr, release: readVersion(""),
		versions: feed.Versions{Oldest: render.Oldest, Newest: render.Version},
	}
	return env.run(ctx, args)
}

// testProcess returns the dependencies of sites. Logs are discarded.
func testProcess(t *testing.T) hosting.Process {
	t.Helper()
	env := &environment{versions: feed.Versions{Oldest: render.Oldest, Newest: render.Version}}
	p, err := env.process(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runFeedpub runs the program in this process, without an environment or input.
func runFeedpub(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name       string
		args       []string
		wantCode   int
		wantStdout string // part of standard output
		wantStderr string // all of standard error
	}{
		{"nothing shows help", nil, exitDone, "Usage:", ""},
		{"version", []string{"version"}, exitDone, "feedpub (devel)", ""},
		{"unknown command", []string{"serv"}, exitUsage, "",
			"feedpub: unknown command \"serv\", did you mean serve?; see 'feedpub --help'\n"},
		{"unknown command of post", []string{"post", "remove"}, exitUsage, "",
			"feedpub: unknown command \"remove\"; see 'feedpub post --help'\n"},
		{"unknown flag", []string{"feeds", "--nope"}, exitUsage, "",
			"feedpub: unknown flag: --nope; see 'feedpub feeds --help'\n"},
		{"too many arguments", []string{"version", "now"}, exitUsage, "",
			"feedpub: feedpub version takes no arguments, got \"now\"; see 'feedpub version --help'\n"},
		{"missing argument", []string{"post", "get"}, exitUsage, "",
			"feedpub: feedpub post get takes the id of a post, got 0 arguments; see 'feedpub post get --help'\n"},
		{"all errors in flags at once", []string{"check", "--listen", "8080", "--site", "A"}, exitUsage, "",
			"feedpub: --listen: want host:port such as 127.0.0.1:8080, got \"8080\"\n" +
				"feedpub: --site: want 1 to 63 characters from a-z, 0-9 and -, got \"A\"\n"},
		{"unknown format", []string{"render", "--format", "html"}, exitUsage, "",
			"feedpub: format \"html\": want rss, atom or json: invalid; see 'feedpub render --help'\n"},
		{"unknown shell", []string{"completion", "csh"}, exitUsage, "",
			"feedpub: want bash, zsh, fish or powershell, got \"csh\"; see 'feedpub completion --help'\n"},
		{"completion", []string{"completion", "bash"}, exitDone, "__start_feedpub", ""},
		{"configuration in use", []string{"check", "--print", "--redis", "redis://ann:hunter2@127.0.0.1"}, exitDone,
			"redis: redis://ann:xxxxx@127.0.0.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := runFeedpub(t, c.args...)
			if code != c.wantCode {
				t.Errorf("exit code %d, want %d", code, c.wantCode)
			}
			if !strings.Contains(stdout, c.wantStdout) {
				t.Errorf("standard output does not contain %q:\n%s", c.wantStdout, stdout)
			}
			if stderr != c.wantStderr {
				t.Errorf("standard error:\n%s\nwant:\n%s", stderr, c.wantStderr)
			}
			if strings.Contains(stdout+stderr, "hunter2") {
				t.Errorf("the output contains a password:\n%s%s", stdout, stderr)
			}
		})
	}
}

// commands returns all commands of the program.
func commands(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		all = append(all, commands(c)...)
	}
	return all
}

func TestHelpHasExample(t *testing.T) {
	all := commands(newRoot(&environment{}))
	if len(all) < 18 {
		t.Fatalf("found only %d commands", len(all))
	}
	for _, c := range all {
		code, stdout, stderr := runFeedpub(t, append(strings.Fields(c.CommandPath())[1:], "--help")...)
		if code != exitDone || stderr != "" {
			t.Errorf("%s --help exits with %d: %s", c.CommandPath(), code, stderr)
		}
		_, example, ok := strings.Cut(stdout, "Examples:\n")
		if !ok || !strings.Contains(strings.SplitN(example, "\n\n", 2)[0], c.CommandPath()) {
			t.Errorf("%s --help has no example:\n%s", c.CommandPath(), stdout)
		}
	}
}

// TestManualNamesEveryCommand checks that the package comment, which is the manual, lists every command.
func TestManualNamesEveryCommand(t *testing.T) {
	manual, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range newRoot(&environment{}).Commands() {
		if !strings.Contains(string(manual), "\n//\t"+c.Name()+" ") {
			t.Errorf("the package comment does not list the command %s", c.Name())
		}
	}
}

func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if code, _, stderr := runFeedpub(t, "man", dir); code != exitDone {
		t.Fatalf("man exits with %d: %s", code, stderr)
	}
	for _, c := range commands(newRoot(&environment{})) {
		page := filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		if info, err := os.Stat(page); err != nil || info.Size() == 0 {
			t.Errorf("no page for %s: %v", c.CommandPath(), err)
		}
	}
}

func TestVersionAsJSON(t *testing.T) {
	_, stdout, _ := runFeedpub(t, "version", "--json")
	var v versionInfo
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || v.Version == "" || v.Go == "" {
		t.Errorf("version --json prints %q (error %v), want version and go", stdout, err)
	}
}

// TestMakeBuildVersion checks that make build VERSION=v1.2.3 sets the version of the binary.
func TestMakeBuildVersion(t *testing.T) {
	plan, err := exec.Command("make", "-n", "-C", "../..", "build", "VERSION=v1.2.3-test").Output()
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`-ldflags '([^']*)'`).FindSubmatch(plan)
	if flags == nil {
		t.Fatalf("make build passes no flags to the linker:\n%s", plan)
	}
	binary := filepath.Join(t.TempDir(), "feedpub")
	build := exec.Command("go", "build", "-ldflags", string(flags[1]), "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "feedpub v1.2.3-test ") {
		t.Errorf("feedpub version prints %q (error %v), want version v1.2.3-test", out, err)
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	var stderr bytes.Buffer
	env := &environment{stderr: &stderr}
	if got := env.exitCode(context.DeadlineExceeded); got != exitFailed {
		t.Errorf("exit code %d, want %d", got, exitFailed)
	}
	env.exitCode(errorText("first\nsecond\n"))
	if got, want := stderr.String(), "feedpub: context deadline exceeded\nfeedpub: first; second\n"; got != want {
		t.Errorf("standard error is %q, want %q", got, want)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }
