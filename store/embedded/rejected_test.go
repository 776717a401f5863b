package embedded

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"feedpub/feed"
)

// TestNotifyRejected checks that there is a notice for each file that cannot be read, and for each new reason.
func TestNotifyRejected(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before.json", `{"id":`)
	s := open(t, Options{Dir: dir})
	site := s.Client().Site(testSite)
	rejected := func(p feed.Problem) []feed.StoredNotice {
		return []feed.StoredNotice{{Key: "webhook:a rejected " + p.ID, Value: p.Reason}}
	}
	// notices scans the folder and returns the notices.
	notices := func() []string {
		t.Helper()
		scanUntilSettled(t, s)
		claims, err := site.ClaimNotices(t.Context(), feed.Claiming{Lease: time.Hour, Most: 10, Claimant: "test"})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, c := range claims {
			keys = append(keys, c.Key)
			if c.Value == "" {
				t.Errorf("notice %q has no value", c.Key)
			}
			if err := site.FinishNotice(t.Context(), time.Time{}, c, 0, ""); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(keys)
		return keys
	}
	for _, tt := range []struct {
		name string
		do   func()
		want []string
	}{
		{"before NotifyRejected", func() {}, nil},
		{"after it", func() { mustNotify(t, s, rejected) }, []string{"webhook:a rejected before.json"}},
		{"after it was called again", func() { mustNotify(t, s, rejected) }, nil},
		{"a file breaks", func() { write("after.json", `{"x":1}`) }, []string{"webhook:a rejected after.json"}},
		{"it is broken as before", func() { write("after.json", `{"x":2}`) }, nil},
		{"it has a new reason", func() { write("after.json", `{`) }, []string{"webhook:a rejected after.json"}},
		{"it is repaired", func() { write("after.json", `{"id":"a"}`) }, nil},
		{"it breaks again", func() { write("after.json", `{`) }, []string{"webhook:a rejected after.json"}},
		{"nobody wants notices", func() { mustNotify(t, s, nil); write("last.json", `{`) }, nil},
	} {
		tt.do()
		if got := notices(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: notices %q, want %q", tt.name, got, tt.want)
		}
	}
}

func mustNotify(t *testing.T, s *Store, rejected func(feed.Problem) []feed.StoredNotice) {
	t.Helper()
	if err := s.NotifyRejected(t.Context(), rejected); err != nil {
		t.Fatal(err)
	}
}
