package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store/storetest"
)

// TestDocsCommands runs every sh block of the README and of the pages under deploy/docs: the blocks of a page in order,
// in one folder, while Redis is running. Only the addresses differ. A server that a block starts runs in the background
// until the page ends or starts another server.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "deploy/docs/*.md"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("pages under deploy/docs: %q, %v", pages, err)
	}
	bin := buildForDocs(t, root)
	total := 0
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
		total += len(blocks)
		if len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			shell := newDocsShell(t, root, bin)
			for _, b := range blocks {
				shell.run(t, b[1])
				if t.Failed() {
					return // later blocks depend on earlier ones
				}
			}
		})
	}
	if total < 8 {
		t.Errorf("found %d sh blocks, want at least 8", total)
	}
}

// TestDocsAreLinked checks that the README links to every page of deploy/docs, and that files that pages link to exist.
func TestDocsAreLinked(t *testing.T) {
	pages, err := filepath.Glob("../../deploy/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if link := "(deploy/docs/" + filepath.Base(page) + ")"; !strings.Contains(string(readme), link) {
			t.Errorf("README.md has no link to %s", link)
		}
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	code := regexp.MustCompile("(?ms)^```.*?^```|`[^`]*`")
	for _, page := range append(pages, "../../README.md", "../../ARCHITECTURE.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}

// TestReadmeLength checks that the README stays short.
func TestReadmeLength(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const limit = 1300
	if n := len(strings.Fields(string(text))); n > limit {
		t.Errorf("README.md has %d words, want at most %d: move details to deploy/docs", n, limit)
	}
}

// TestReadmeExample checks that the README's example of a credit is what feedpub publishes for a folder with that post.
// In the README, the passage and the author's sentence are placeholders.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer(
		"[the passage]…",
		"The two countries held brief talks on Monday, officials said, the first about the crisis in Iraq…",
		"[the author's own sentence]", "I did not expect to live to see it.",
	).Replace(string(readme))
	block := func(language string) string {
		t.Helper()
		found := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindStringSubmatch(filled)
		if found == nil {
			t.Fatalf("README.md has no %s code block", language)
		}
		return found[1]
	}
	dir := t.TempDir()
	posts := filepath.Join(dir, "posts")
	if err := os.Mkdir(posts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(posts, "talks.txt"), []byte(block("text")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runFeedpub(t, "render", "--dir", posts, "--data", filepath.Join(dir, "data"), "--format",
		"json")
	if code != exitDone {
		t.Fatalf("render exits with %d: %s", code, stderr)
	}
	type quotes struct {
		Own struct {
			Quotes []feed.Quote `json:"quotes"`
		} `json:"_feedpub"`
	}
	var document struct {
		Items []struct {
			HTML string `json:"content_html"`
			quotes
		}
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil || len(document.Items) != 1 {
		t.Fatalf("got error %v and document\n%s\nwant one item", err, stdout)
	}
	// The README breaks lines between elements and within text.
	html := strings.Join(strings.Fields(strings.ReplaceAll(block("html"), ">\n<", "><")), " ")
	if got := document.Items[0].HTML; !strings.HasSuffix(got, html) {
		t.Errorf("content_html is\n%s\nwant it to end as in README.md:\n%s", got, html)
	}
	var want quotes
	if err := json.Unmarshal([]byte("{"+block("json")+"}"), &want); err != nil {
		t.Fatalf("the JSON block of README.md: %v", err)
	}
	if len(want.Own.Quotes) != 1 || len(document.Items[0].Own.Quotes) != 1 {
		t.Fatalf("got quotes %+v, want those of README.md, %+v", document.Items[0].Own.Quotes, want.Own.Quotes)
	}
	got := document.Items[0].Own.Quotes[0]
	got.Source.PublicationURL, got.Source.FeedURL, got.Confidence = "", "", 0 // omitted in README.md
	if diff := cmp.Diff(want.Own.Quotes[0], got); diff != "" {
		t.Errorf("quote (-README.md +got):\n%s", diff)
	}
}

// buildForDocs builds feedpub as feedpub-real and returns its folder.
func buildForDocs(t *testing.T, root string) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "feedpub-real"), "./cmd/feedpub")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// docsShell runs the blocks of a page in a folder of their own.
type docsShell struct {
	dir      string
	env      []string
	replacer *strings.Replacer
}

func newDocsShell(t *testing.T, root, feedpub string) *docsShell {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	pid := filepath.Join(bin, "serve.pid")
	redis := storetest.StartRedis(t)
	host, port, err := net.SplitHostPort(redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	listen, admin := freeAddress(t), freeAddress(t)
	for name, script := range map[string]string{
		// serve continues in the background. The command returns when healthcheck reports that the server is ready.
		"feedpub": fmt.Sprintf(`if [ "$1" = serve ]; then
  if [ -e %[1]q ]; then stop-server; fi
  feedpub-real "$@" >>.serve.log 2>&1 &
  echo $! >%[1]q
  for i in $(seq 300); do feedpub-real healthcheck >/dev/null 2>&1 && exit 0; sleep 0.1; done
  cat .serve.log >&2; exit 1
fi
exec feedpub-real "$@"`, pid),
		"stop-server": fmt.Sprintf(`read pid <%[1]q; kill "$pid" || exit 1
tail --pid="$pid" -f /dev/null
rm %[1]q`, pid),
		"go": `[ "$1 $2" = "run ./cmd/feedpub" ] || { echo "not supported: go $*" >&2; exit 1; }
shift 2; exec feedpub "$@"`,
		// Check only that the target exists, because make test would run this test again.
		"make":      fmt.Sprintf(`exec /usr/bin/make -n -C %q "$@"`, root),
		"redis-cli": fmt.Sprintf(`exec /usr/bin/redis-cli -h %s -p %s "$@"`, host, port),
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The README uses an image of the project as an example.
	if err := os.CopyFS(filepath.Join(dir, "deploy", "docs"), os.DirFS(filepath.Join(root, "deploy", "docs"))); err != nil {
		t.Fatal(err)
	}
	s := &docsShell{
		dir: dir,
		env: append(os.Environ(), "PATH="+bin+":"+feedpub+":"+os.Getenv("PATH"), "HOME="+dir,
			"XDG_CACHE_HOME="+filepath.Join(dir, ".cache"), "FEEDPUB_LISTEN="+listen, "FEEDPUB_ADMIN_LISTEN="+admin),
		replacer: strings.NewReplacer("127.0.0.1:8080", listen, "127.0.0.1:8081", admin, "redis://127.0.0.1:6379",
			redis.URL()),
	}
	t.Cleanup(func() {
		if _, err := os.Stat(pid); err != nil {
			return // no server was started
		}
		stop := exec.Command(filepath.Join(bin, "stop-server"))
		if out, err := stop.CombinedOutput(); err != nil {
			t.Errorf("a server that the page started has exited before the end of the page: %v\n%s", err, out)
		}
	})
	return s
}

func (s *docsShell) run(t *testing.T, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", s.replacer.Replace(script))
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.WaitDelay = time.Second // a server in the background keeps the output open
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\noutput:\n%s", err, script, out)
	}
}

// freeAddress returns an unused loopback address.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := storetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
