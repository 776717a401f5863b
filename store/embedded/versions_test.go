package embedded

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// TestVersionsOnAFullDisk checks that lines that cannot be written to a full disk are written later, and that the old
// log is kept until the new one is complete.
func TestVersionsOnAFullDisk(t *testing.T) {
	var disk fullDisk
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	dir := t.TempDir()
	want := lastRun{files: map[string]version{}, deleted: map[string]bool{}}
	reopen := func() *versions {
		t.Helper()
		got, l, err := openVersions(dir, disk.ops(), log)
		must(t, err)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(lastRun{}, version{})); diff != "" {
			t.Errorf("last good versions (-want +got):\n%s", diff)
		}
		return l
	}
	l := reopen()
	for _, name := range []string{"a.json", "b.json", "c.json", "d.json"} {
		want.files[name] = version{[]feed.RawPost{{ID: name, Raw: []byte(post(name, "x"))}}, "sum"}
		disk.full.Store(name == "b.json" || name == "c.json")
		l.keep(name, want.files[name])
	}
	l.keepDeleted("x")
	want.deleted["x"] = true
	l.keepDeleted("d.json")
	l.keep("d.json", want.files["d.json"]) // written a second time
	l.keepDeleted("a.json")
	delete(want.files, "a.json")
	want.deleted["a.json"] = true
	l.replace()
	must(t, l.close())

	l = reopen()
	disk.full.Store(true)
	l.keep("b.json", want.files["b.json"])
	l.replace()
	must(t, l.close())
	l = reopen() // the old log is unchanged, because the new log was never complete
	l.keepDeleted("b.json")
	l.keepDeleted("y")
	disk.full.Store(false)
	l.keep("b.json", want.files["b.json"])
	l.replace()
	must(t, l.close())
	want.deleted = map[string]bool{"y": true}
	want.files = map[string]version{"b.json": want.files["b.json"]}
	must(t, reopen().close())
	if n := strings.Count(text.String(), "level=ERROR"); n != 3 {
		t.Errorf("%d errors are logged, want one for each log that could not be written to the full disk:\n%s",
			n, text.String())
	}
}
