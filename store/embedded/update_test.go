package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"feedpub/feed"
)

// TestRefusedUpdateWritesNoFile: a client that watches a post which another one changes must not find its own version in
// the folder, although its transaction is looked at before the server refuses it.
func TestRefusedUpdateWritesNoFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Data: t.TempDir(), Site: "main"})
	site := s.Client().Site("main")
	const first, other, refused = `{"id":"a","title":"first"}`, `{"id":"a","title":"other"}`, `{"id":"a","title":"refused"}`
	set := func(raw string) {
		t.Helper()
		if _, err := site.Update(t.Context(), "a", func([]byte) ([]byte, error) { return []byte(raw), nil }); err != nil {
			t.Fatalf("Update: %v", err)
		}
	}
	set(first)
	calls := 0
	_, err := site.Update(t.Context(), "a", func(current []byte) ([]byte, error) {
		if calls++; calls == 1 {
			set(other) // between what this update has read and what it writes
			return []byte(refused), nil
		}
		if string(current) != other {
			t.Errorf("the update is tried again on %s, want %s", current, other)
		}
		return nil, feed.ErrStale
	})
	if !errors.Is(err, feed.ErrStale) || calls != 2 {
		t.Errorf("Update: %v after %d tries, want ErrStale after 2", err, calls)
	}
	file, err := os.ReadFile(filepath.Join(dir, FileName("a")))
	if err != nil || string(file) != other {
		t.Errorf("the folder has %s, %v; want %s", file, err, other)
	}
	if got, err := site.Post(t.Context(), "a"); err != nil || string(got) != other {
		t.Errorf("the store has %s, %v; want %s", got, err, other)
	}
}

// TestUpdateOfWhatCannotBeWrittenIsInvalid: the samples stay as they are, and it is nobody's defect.
func TestUpdateOfWhatCannotBeWrittenIsInvalid(t *testing.T) {
	s := open(t, Options{Files: os.DirFS(t.TempDir()), Data: t.TempDir(), Site: "main"})
	_, err := s.Client().Site("main").Update(t.Context(), "a", func([]byte) ([]byte, error) { return []byte(`{}`), nil })
	if !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Update: %v, want ErrInvalid", err)
	}
}
