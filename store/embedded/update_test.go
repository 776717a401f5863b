package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"feedpub/feed"
)

// TestConcurrentUpdateWritesNoFile checks that an update does not write its file if the post has changed since it was
// read, through the store or in a file.
func TestConcurrentUpdateWritesNoFile(t *testing.T) {
	const (
		first   = `{"id":"a","title":"first"}`
		changed = `{"id":"a","title":"other"}`
		refused = `{"id":"a","title":"refused"}`
	)
	set := func(t *testing.T, s *Store, raw string) {
		t.Helper()
		must(t, site(s).Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte(raw)}))
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, s *Store)
		want   string // the post that is finally stored
		tries  int
	}{
		"through the store": {func(t *testing.T, s *Store) { set(t, s, changed) }, changed, 2},
		"by hand": {func(t *testing.T, s *Store) {
			put(t, s.o.Dir, "a.json", changed)
			scanOnce(t, s)
		}, changed, 2},
		"and back": {func(t *testing.T, s *Store) {
			set(t, s, changed)
			set(t, s, first)
		}, refused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			set(t, s, first)
			tries := 0
			_, err := site(s).Update(t.Context(), "a", func(current []byte) ([]byte, error) {
				if tries++; tries == 1 {
					test.change(t, s) // change the post after the update has read it and before it writes
					return []byte(refused), nil
				}
				if string(current) != changed {
					t.Errorf("the update is repeated with %s, want %s", current, changed)
				}
				return nil, feed.ErrStale
			})
			if tries != test.tries || (tries == 2) != errors.Is(err, feed.ErrStale) {
				t.Errorf("Update: %v after %d tries, want %d tries", err, tries, test.tries)
			}
			file, err := os.ReadFile(filepath.Join(s.o.Dir, FileName("a")))
			if err != nil || string(file) != test.want {
				t.Errorf("the file contains %s, %v; want %s", file, err, test.want)
			}
			if got := content(t, s, "a"); got != test.want {
				t.Errorf("the store contains %s; want %s", got, test.want)
			}
		})
	}
}

func TestUpdateOfSamplesIsInvalid(t *testing.T) {
	s := open(t, Options{Files: os.DirFS(t.TempDir())})
	_, err := site(s).Update(t.Context(), "a", func([]byte) ([]byte, error) { return []byte(`{}`), nil })
	if !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Update: error is %v, want one of kind %q", err, feed.ErrInvalid)
	}
}
