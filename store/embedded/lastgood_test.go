package embedded

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// What a full disk does not take waits; the log that there was stays until the new one is whole.
func TestLastGoodVersionsWaitForTheDisk(t *testing.T) {
	var disk fullDisk
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	dir := t.TempDir()
	want := map[string][]feed.RawPost{}
	reopen := func() *lastGood {
		t.Helper()
		got, l, err := openLastGood(dir, disk.device(), log)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("last good versions (-want +got):\n%s", diff)
		}
		return l
	}
	l := reopen()
	for _, name := range []string{"a.json", "b.json", "c.json", "d.json"} {
		want[name] = []feed.RawPost{{ID: name, Raw: []byte(post(name, "x"))}}
		disk.full.Store(name == "b.json" || name == "c.json")
		l.keep(name, want[name])
	}
	l.begin()
	must(t, l.close())

	l = reopen()
	disk.full.Store(true)
	l.keep("a.json", want["a.json"])
	l.begin()
	must(t, l.close())
	l = reopen() // as it was: the new log was never whole
	disk.full.Store(false)
	l.keep("a.json", want["a.json"])
	l.begin()
	must(t, l.close())
	want = map[string][]feed.RawPost{"a.json": want["a.json"]}
	must(t, reopen().close())
	if n := strings.Count(text.String(), "level=ERROR"); n != 2 {
		t.Errorf("the log has %d errors, want one each time that the disk was full:\n%s", n, text.String())
	}
}
