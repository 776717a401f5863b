package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"feedpub/cmd/internal/importer"
)

// process returns a command that runs feedpub as a process of its own, for tests of signals and terminals.
func process(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// TestMain runs the program if the executable is named feedpub.
	program := filepath.Join(t.TempDir(), "feedpub")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	return cmd
}

// manyPosts returns n posts as JSON Lines.
func manyPosts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":\"post-%d\",\"content_text\":%q}\n", i, strings.Repeat("word ", 40))
	}
	return b.String()
}

// TestImportProgress checks that an import shows a progress bar on a terminal, with the rate and the remaining time,
// and removes it at the end, and that it shows no bar if standard error is not a terminal.
func TestImportProgress(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "posts.jsonl"), []byte(manyPosts(1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, dir, "import", "--dry-run", "posts.jsonl")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	var shown bytes.Buffer
	// After the program has ended, reading from its terminal fails with EIO.
	if _, err := io.Copy(&shown, terminal); err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, shown.String())
	}
	bar := regexp.MustCompile(`\r\x1b\[K\[=* *\] +[0-9]+ %  [0-9]+ entries, [0-9]+/s, [0-9hms.]+ left`)
	if !bar.MatchString(shown.String()) {
		t.Errorf("the output has no bar with a rate and the remaining time: %q", shown.String())
	}
	if end := "\r\x1b[KPOSTS"; !strings.Contains(shown.String(), end) {
		t.Errorf("the bar is not removed before the summary: %q", shown.String())
	}

	cmd = process(t, dir, "import", "--dry-run", "posts.jsonl")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "entries") {
		t.Errorf("progress is shown without a terminal (error %v): %q", err, out)
	}
}

// TestImportStopsAtCtrlC checks that an import from an idle pipe ends at once and reports its position when it is
// interrupted, and that running it again stores the rest.
func TestImportStopsAtCtrlC(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, dir, "import", "pipe")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	const n = importer.BatchSize + 100
	if _, err := io.WriteString(w, manyPosts(n)); err != nil {
		t.Fatal(err)
	}
	waitForFiles(t, filepath.Join(dir, "posts"), importer.BatchSize)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("the interrupted import ends with %v, want exit code %d", err, exitFailed)
	}
	want := fmt.Sprintf("feedpub: import: stopped at pipe:%d; what was stored is kept; run the command again to store "+
		"the "+
		"rest\n", n)
	if got := stderr.String(); got != want {
		t.Errorf("standard error of the interrupted import is %q, want %q", got, want)
	}
	want = fmt.Sprintf("%d posts stored in posts\n", importer.BatchSize)
	if got := stdout.String(); !strings.HasSuffix(got, want) {
		t.Errorf("standard output of the interrupted import is %q, want it to end with %q", got, want)
	}

	cmd = process(t, dir, "import", "-")
	cmd.Stdin = strings.NewReader(manyPosts(n))
	out, err := cmd.CombinedOutput()
	want = fmt.Sprintf("%d posts stored in posts, %d unchanged\n", n-importer.BatchSize, importer.BatchSize)
	if err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("the second import prints %q (error %v), want output that ends with %q", out, err, want)
	}
}

// TestImportStopsBeforeAPipeIsOpened checks that an import can be interrupted while it waits for a writer of the pipe.
func TestImportStopsBeforeAPipeIsOpened(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	// A rejected post is reported before the pipe is opened, which shows that the import has started.
	if err := os.WriteFile(filepath.Join(dir, "bad.jsonl"), []byte("{\n[]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, dir, "import", "bad.jsonl", "pipe")
	errors, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := errors.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	printed, err := io.ReadAll(errors)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !bytes.Contains(printed, []byte("import: stopped at bad.jsonl")) {
		t.Errorf("the interrupted import ends with %v and prints %q, want an error and its position", err, printed)
	}
}

// waitForFiles waits until a folder has n files.
func waitForFiles(t *testing.T, dir string, n int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= n {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("after %v, %s has %d files, want %d", patience, dir, len(files), n)
		}
	}
}
