package serve

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// changing is a [Documents] whose snapshot a test replaces.
type changing struct{ atomic.Pointer[Snapshot] }

func (c *changing) Snapshot() *Snapshot { return c.Load() }

// program returns the path of a program that may not be installed.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %[1]s: install Debian's package with \"apt-get install %[1]s\" (%[2]v)", name, err)
	}
	return path
}

func (o *tally) statuses() []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []int
	for _, s := range o.seen {
		list = append(list, s.Status)
	}
	o.seen = nil
	return list
}

// dated is like [rss], but adds the fields that newsboat requires in items.
func dated(items string) string {
	s := strings.ReplaceAll(rss(items), "<guid>", `<guid isPermaLink="false">`)
	s = strings.ReplaceAll(s, "</guid>",
		"</guid><link>https://example.com/</link><pubDate>Fri, 17 May 2024 12:00:00 GMT</pubDate>")
	return strings.Replace(s, "</title>\n", "</title><link>https://example.com/</link><description>d</description>\n", 1)
}

// TestNewsboatPolls runs newsboat, which subscribes, polls an unchanged feed, and fetches a delta.
func TestNewsboatPolls(t *testing.T) {
	newsboat := program(t, "newsboat")
	first, second := dated("a=1 b=2 c=3"), dated("d=4 a=1 b=2 c=3")
	old, _ := historyOf(t, first)
	now, _ := historyOf(t, first, second)
	var documents changing
	var o tally
	documents.Store(old)
	addr := serveFront(t, &Front{Documents: &documents, Observer: &o})

	dir := t.TempDir()
	urls := filepath.Join(dir, "urls")
	if err := os.WriteFile(urls, []byte("http://"+addr+"/feed.xml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(what string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), newsboat, append([]string{
			"-C", filepath.Join(dir, "config"), "-u", urls, "-c", filepath.Join(dir, "cache.db"),
		}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("newsboat %s: %v\n%s", what, err, out)
		}
		return string(out)
	}
	for _, step := range []struct {
		what     string
		s        *Snapshot
		statuses []int
		unread   string
	}{
		{"subscribes", old, []int{200}, "3 unread articles"},
		// newsboat stores a tag only for a feed that is in its cache.
		{"polls for the second time", old, []int{200}, "3 unread articles"},
		{"polls an unchanged feed", old, []int{304}, "3 unread articles"},
		{"polls a changed feed", now, []int{226}, "4 unread articles"},
		{"polls after a delta", now, []int{304}, "4 unread articles"},
	} {
		documents.Store(step.s)
		run(step.what, "-x", "reload")
		if got := o.statuses(); !slices.Equal(got, step.statuses) {
			t.Errorf("newsboat %s: statuses %v, want %v", step.what, got, step.statuses)
		}
		if out := run(step.what, "-x", "print-unread"); !strings.Contains(out, step.unread) {
			t.Errorf("newsboat %s: output %q, want %q", step.what, out, step.unread)
		}
	}
}

// TestFeedparserPolls runs Python's feedparser, which subscribes, polls an unchanged feed, and fetches a delta.
func TestFeedparserPolls(t *testing.T) {
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import feedparser").Run(); err != nil {
		t.Fatalf("this test needs feedparser: install Debian's package with \"apt-get install python3-feedparser\" (%v)", err)
	}
	first, second := dated("a=1 b=2 c=3"), dated("d=4 a=1 b=2 c=3")
	now, tags := historyOf(t, first, second)
	addr := serveFront(t, &Front{Documents: fixed{now}})
	const script = `
import feedparser, json, sys
out = []
for tag in (None, sys.argv[2], sys.argv[3]):
    f = feedparser.parse(sys.argv[1], etag=tag)
    out.append([f.status, f.get("bozo", False) and 1 or 0, [e.id for e in f.entries], f.get("etag", "")[:65]])
print(json.dumps(out))`
	url := "http://" + addr + "/feed.xml"
	out, err := exec.CommandContext(t.Context(), python, "-c", script, url, tags[0], tags[1]).Output()
	if err != nil {
		t.Fatalf("feedparser: %v", err)
	}
	var got [][]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("output of feedparser %q: %v", out, err)
	}
	for i, want := range []struct {
		what    string
		status  float64
		entries []any
	}{
		{"without a tag", 200, []any{"d", "a", "b", "c"}}, {"with the old tag", 226, []any{"d"}},
		{"with the new tag", 304, []any{}},
	} {
		entries, _ := got[i][2].([]any)
		if got[i][0] != want.status || got[i][1] != 0.0 || !slices.Equal(entries, want.entries) {
			t.Errorf("feedparser %s: %v, want status %v and entries %v", want.what, got[i], want.status, want.entries)
		}
	}
}
