package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/store"
	"feedpub/store/storetest"
)

// writer is an example program that writes posts to Redis.
type writer struct {
	language    string
	put, delete []string // command lines, run in the folder of the examples
	// probe is a command that succeeds if the language and the client are installed.
	probe []string
}

func writers() []writer {
	return []writer{
		{"redis-cli", []string{"./put.sh"}, []string{"./delete.sh"}, []string{"redis-cli", "--version"}},
		{"Python", []string{"python3", "posts.py"}, []string{"python3", "posts.py", "delete"},
			[]string{"python3", "-c", "import redis"}},
		{"Node", []string{"node", "posts.mjs"}, []string{"node", "posts.mjs", "delete"},
			[]string{"node", "--input-type=module", "-e", `await import("redis")`}},
		{"PHP", []string{"php", "posts.php"}, []string{"php", "posts.php", "delete"},
			[]string{"php", "-r", "exit(class_exists('Redis') ? 0 : 1);"}},
	}
}

// TestWritersExamples runs the examples in writing-posts.md against a Redis server. It logs the examples that it cannot
// run because the language or client is not installed; install-test-deps, run as root, installs the clients.
func TestWritersExamples(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "writers")
	if err := os.CopyFS(dir, os.DirFS("examples/writers")); err != nil {
		t.Fatal(err)
	}
	// Node looks for packages in the program's folder.
	packages, err := filepath.Abs("tools/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	// A different Python earlier in PATH may not find Debian's packages.
	if exec.Command("python3", "-c", "import redis").Run() != nil {
		path = "/usr/bin:" + path
	}
	run := func(url string, args []string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "env", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+path, "REDIS_URL="+url)
		return cmd.CombinedOutput()
	}

	var tried, missing []string
	for _, w := range writers() {
		if out, err := run("", w.probe); err != nil {
			missing = append(missing, w.language)
			t.Logf("%s: %v\n%s", w.language, err, out)
			continue
		}
		tried = append(tried, w.language)
		t.Run(w.language, func(t *testing.T) {
			url := storetest.Redis(t)
			client, err := store.Open(store.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			site := client.Site("main")
			inbox := func(want int) {
				t.Helper()
				entries, err := site.Inbox(t.Context(), "", 10)
				if err != nil || len(entries) != want || entries[want-1].ID != "hello" {
					t.Errorf("the inbox has %+v (error %v), want %d entries for hello", entries, err, want)
				}
			}
			if out, err := run(url, w.put); err != nil {
				t.Fatalf("%q: %v\n%s", w.put, err, out)
			}
			raw, err := site.Post(t.Context(), "hello")
			if err != nil {
				t.Fatal(err)
			}
			if p, err := intake.Decode("hello", raw); err != nil || p.Title != "Hello" || p.ContentText != "First words." {
				t.Errorf("%q stored %s, which is decoded as %+v (error %v)", w.put, raw, p, err)
			}
			inbox(1)
			if out, err := run(url, w.delete); err != nil {
				t.Fatalf("%q: %v\n%s", w.delete, err, out)
			}
			if stored, err := site.Load(t.Context(), []string{"hello"}); err != nil || stored[0].Raw != nil {
				t.Errorf("after %q the stored post is %+v (error %v), want no post", w.delete, stored, err)
			}
			inbox(2)
		})
	}
	t.Logf("tested: %s; not installed: %s", strings.Join(tried, ", "), strings.Join(missing, ", "))
	if len(tried) == 0 || tried[0] != "redis-cli" {
		t.Error("not even redis-cli is installed: nothing was tested")
	}
}

// TestWritersHTTPExample runs http.sh against the program.
func TestWritersHTTPExample(t *testing.T) {
	admin := buildProgram(t).serve(t)
	example := exec.CommandContext(t.Context(), "examples/writers/http.sh")
	example.Env = append(os.Environ(), "FEEDPUB_ADMIN="+admin, "FEEDPUB_TOKEN=secret")
	if text, err := example.CombinedOutput(); err != nil ||
		!strings.Contains(string(text), `"id": "https://example.org/1"`) {
		t.Errorf("http.sh: %v\n%s", err, text)
	}
}

// TestWritingPostsShowsTheExamples checks that the page shows the tested examples unchanged.
func TestWritingPostsShowsTheExamples(t *testing.T) {
	page, err := os.ReadFile("docs/writing-posts.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("examples/writers/*")
	if err != nil || len(examples) < 5 {
		t.Fatalf("examples: %q, %v", examples, err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\n"+string(text)+"```\n") {
			t.Errorf("docs/writing-posts.md does not show %s unchanged", name)
		}
	}
	if got := strings.Count(string(page), store.PostKeyPrefix(feed.SiteID("main"))); got == 0 {
		t.Error("the page does not show the keys that the store reads")
	}
}
