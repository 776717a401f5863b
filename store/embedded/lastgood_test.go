package embedded

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// A disk that was full for a moment costs the version that it did not take, and no other.
func TestLastGoodVersionAfterATornOneIsNotLost(t *testing.T) {
	dir := t.TempDir()
	_, l, err := openLastGood(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	journal := &failingJournal{File: l.tmp}
	l.w = journal
	want := map[string][]feed.RawPost{}
	for _, name := range []string{"a.json", "b.json", "c.json", "d.json"} {
		posts := []feed.RawPost{{ID: name, Raw: []byte(post(name, "x"))}}
		journal.ill = name == "b.json"
		if err := l.keep(name, posts); (err != nil) != journal.ill {
			t.Fatalf("keep(%s): %v", name, err)
		}
		if !journal.ill {
			want[name] = posts
		}
	}
	must(t, l.begin())
	must(t, l.close())
	got, l, err := openLastGood(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, l.close())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("last good versions after the disk was full for a moment (-want +got):\n%s", diff)
	}
}
