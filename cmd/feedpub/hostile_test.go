//go:build !race && unix

// The race detector distorts the time and memory that this test measures, so make test runs it without.

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostileFiles returns posts that used to crash or block a builder, each with a part of its rejection reason.
func hostileFiles() (files, reasons map[string]string) {
	var aliases, reopened strings.Builder
	aliases.WriteString("---\na0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 9; i++ {
		list := strings.Repeat(fmt.Sprintf(",*a%d", i-1), 9)[1:]
		fmt.Fprintf(&aliases, "a%d: &a%d [%s]\n", i, i, list)
	}
	aliases.WriteString("---\nWords.\n")
	for i := range 480 {
		fmt.Fprintf(&reopened, "<b id=%d>", i)
	}
	files = map[string]string{
		"aliases.md":  aliases.String(),
		"brackets.md": "---\na: " + strings.Repeat("[", 100_000) + "\n---\nWords.\n",
		"stars.md":    strings.Repeat(strings.Repeat("*a ", 19)+"a_ ", 8_000),
		"table.md":    strings.Repeat("|a", 20_000) + "\n" + strings.Repeat("|-", 20_000) + "\n" + strings.Repeat("b\n", 20_000),
		"lists.md":    strings.Repeat("1. ", 100_000),
		"bold.html":   "<p>" + reopened.String() + strings.Repeat("<p>x", 100_000),
		"good.md":     "---\ndate: 2020-01-01\n---\nGood words.\n",
	}
	return files, map[string]string{
		"aliases.md":  "the aliases expand to more than 131072 bytes",
		"brackets.md": "more than 10000 YAML tokens",
		"stars.md":    "too many delimiters",
		"table.md":    "tables with more than",
		"lists.md":    "lists nested deeper than 100",
		"bold.html":   "unclosed inline elements",
	}
}

// TestHostilePosts checks that posts that would need gigabytes of memory or minutes of CPU time are rejected with a
// reason, both in a folder and by an import, and that the other posts are published.
func TestHostilePosts(t *testing.T) {
	const maxMemory, maxTime = 512 << 10, 10 * time.Second // memory in KB; processor time for all posts
	files, reasons := hostileFiles()
	dir := t.TempDir()
	for name, content := range files {
		writeFiles(t, dir, map[string]string{"blog/" + name: content, "folder/posts/" + name: content})
	}
	run := func(where string, args ...string) string {
		cmd := process(t, dir+"/"+where, args...)
		out, _ := cmd.CombinedOutput() // posts are rejected, so the exit status is not 0
		if memory := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; memory > maxMemory {
			t.Errorf("%v used %d MB, want at most %d", args, memory>>10, maxMemory>>10)
		}
		if used := cmd.ProcessState.UserTime(); used > maxTime {
			t.Errorf("%v used %v of processor time, want at most %v", args, used, maxTime)
		}
		return string(out)
	}
	wantReasons := func(out string) {
		t.Helper()
		for name, reason := range reasons {
			found := false
			for line := range strings.Lines(out) {
				found = found || strings.Contains(line, name) && strings.Contains(line, reason)
			}
			if !found {
				t.Errorf("no line says that %s is rejected because of %q:\n%s", name, reason, out)
			}
		}
	}

	// The import rejects posts that cannot be converted, and the builder rejects the others.
	out := run("blog", "import", "--dir", "../imported/posts", ".")
	run("imported", "rebuild")
	wantReasons(out + run("imported", "problems"))
	wantGood := func(where string) {
		t.Helper()
		if out := run(where, "export"); !strings.Contains(out, "Good words") {
			t.Errorf("the posts of %s do not include the good one:\n%.1000s", where, out)
		}
		if out := run(where, "feeds"); !strings.Contains(out, "main ") {
			t.Errorf("the feeds of %s are:\n%s\nwant main", where, out)
		}
	}
	wantGood("imported")

	run("folder", "rebuild")
	wantReasons(run("folder", "problems"))
	wantGood("folder")
}
