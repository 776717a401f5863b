package embedded

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"feedpub/feed"
)

// TestBrokenFileInLog checks that the log reports whether an earlier version of a broken file is published.
func TestBrokenFileInLog(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	put(t, dir, "good.json", post("good", "1"))
	closeStore(t, open(t, Options{Dir: dir, Data: data}))
	put(t, dir, "good.json", "{")
	put(t, dir, "never.json", "{")
	var log bytes.Buffer
	open(t, Options{Dir: dir, Data: data, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for file, want := range map[string]string{"good.json": "true", "never.json": "false"} {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "file="+file) && !strings.Contains(line, "earlier_version_published="+want) {
				t.Errorf("%s is logged as %q, want earlier_version_published=%s", file, line, want)
			}
		}
		if !strings.Contains(log.String(), "file="+file) {
			t.Errorf("%s is not in the log:\n%s", file, log.String())
		}
	}
}

// TestDeleteRejectedVersion checks that removing a file whose newest version is rejected deletes the post, and that its
// last good version does not return after a restart.
func TestDeleteRejectedVersion(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir(), Check: func(p feed.RawPost) (bool, error) {
		if strings.Contains(string(p.Raw), "BAD") {
			return true, errors.New("rejected")
		}
		return true, nil
	}}
	put(t, o.Dir, "a.json", post("a", "good"))
	put(t, o.Dir, "b.json", post("b", "good"))
	closeStore(t, open(t, o))
	put(t, o.Dir, "a.json", post("a", "BAD"))
	closeStore(t, open(t, o))
	must(t, os.Remove(filepath.Join(o.Dir, "a.json")))
	for range 2 {
		s := open(t, o)
		if got := ids(t, s); got != "b" {
			t.Errorf("posts are %q after the file of a rejected version was removed, want only post \"b\"", got)
		}
		closeStore(t, s)
	}
}
