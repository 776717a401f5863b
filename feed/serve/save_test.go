package serve

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"feedpub/feed"
)

// TestDeletedFolderIsRestored checks that a replica recreates its folder if all or part of it has been deleted, and
// saves all documents, including those that it has dropped from memory.
func TestDeletedFolderIsRestored(t *testing.T) {
	for _, deleted := range []string{"", "documents", "heads", "histories", "lock"} {
		t.Run("deleted: "+deleted, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "site")
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				names := manyFeeds(store, 5)
				r := runBound(t, store, dir, 1)
				r.wait(defaultPoll)
				if len(r.cold()) == 0 {
					t.Fatal("no document was dropped from memory")
				}
				if err := os.RemoveAll(filepath.Join(dir, deleted)); err != nil {
					t.Fatal(err)
				}
				r.wait(2 * defaultPoll)
				if behind, err := r.Saved(); err != nil || !behind.IsZero() {
					t.Errorf("Saved() = %v, %v; want everything saved", behind, err)
				}
				if _, err := OpenDisk(dir); err == nil {
					t.Error("another process can lock the folder")
				}
				r.stop()
				r = run(t, newFakeStore(), dir)
				defer r.stop()
				for _, name := range names {
					r.gives(name, string(name))
				}
			})
		})
	}
}

// TestDocumentsAreSavedBeforeTheyAreServed checks that after a crash at any time, the documents on disk are at least as
// new as those that readers have seen.
func TestDocumentsAreSavedBeforeTheyAreServed(t *testing.T) {
	synctest.Test(t, savedBeforeServed)
}

func savedBeforeServed(t *testing.T) {
	store, dir := newFakeStore(), t.TempDir()
	store.commit(feed.Main, 1, noon, "version 1")
	r := run(t, store, dir)
	defer r.stop()
	seen := feed.Token(0)
	for token := feed.Token(2); token < 30; token++ {
		store.commit(feed.Main, token, noon, "version "+itoa(int(token)))
		for seen < token {
			head, _ := r.Snapshot().Head(feed.Main)
			seen = head.Token
			runtime.Gosched()
		}
		restarted := openDisk(t, copyOf(t, dir))
		editions, _, problems := restarted.load(nil)
		if e := editions[feed.Main]; e == nil || e.head.Token < seen {
			t.Fatalf("token %d is served, and a restarted process loads %+v, %v; want that token", seen, e, problems)
		}
	}
}

// TestCaughtUp checks that CaughtUp waits until the documents of the store are served, unless the store does not
// answer.
func TestCaughtUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		run(t, store, dir).stop()
		store.commit(feed.Main, 2, later, "second")
		r := run(t, store, dir)
		<-r.CaughtUp()
		r.serves(feed.Main, "second")
		r.stop()
	})
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.do(func() { store.down = errDown })
		r := run(t, store, dir)
		defer r.stop()
		<-r.CaughtUp()
		r.serves(feed.Main, "second")
	})
}
