package serve

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// TestKeptDocuments checks that documents that the source keeps are not saved to the disk, are loaded from the source
// after they were dropped from memory, and are served at once after a restart. It also checks that copies
// on the disk, from a time when the source did not keep the documents, are removed.
func TestKeptDocuments(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { keptDocuments(t, dir) })
}

func keptDocuments(t *testing.T, dir string) {
	store := newFakeStore()
	page, syncs := feed.Join(feed.Posts, "a"), 0
	for _, name := range []feed.Name{feed.Main, page} {
		store.commit(name, 1, noon, string(name)+" at first")
	}
	start := func(kept func(feed.Name) bool) *running {
		t.Helper()
		disk, err := OpenDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		var r *running
		sync := func(context.Context) error {
			if r != nil {
				syncs++
				r.gives(page, string(page)+" at first") // the later version is not served yet
			}
			return nil
		}
		r = startReplica(t, ReplicaConfig{Source: store, Disk: disk, Kept: kept, Sync: sync, Memory: NewMemory(1)})
		return r
	}
	r := start(nil) // a source that keeps no documents, as with posts in Redis
	r.wait(defaultPoll)
	r.stop()
	if n := files(t, dir, "heads"); n != 2 {
		t.Fatalf("%d heads are on disk while the source keeps none, want 2", n)
	}

	r = start(feed.Name.OfPost)
	store.commit(page, 1, noon.Add(minute), string(page)+" later")
	r.wait(defaultPoll)
	if syncs != 1 {
		t.Errorf("before the page was served, the store was asked %d times to write its documents, want 1", syncs)
	}
	r.gives(page, string(page)+" later")
	r.gives(feed.Main, string(feed.Main)+" at first")
	if behind, err := r.Saved(); err != nil || !behind.IsZero() {
		t.Errorf("Saved() = %v, %v; want everything saved", behind, err)
	}
	if len(r.cold()) == 0 {
		t.Error("no document was dropped from memory")
	}
	r.stop()
	if n := files(t, dir, "heads"); n != 1 {
		t.Errorf("%d heads are on disk, want only that of the main feed", n)
	}

	disk, err := OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	loaded := NewReplica(ReplicaConfig{Source: store, Disk: disk, Kept: feed.Name.OfPost, Log: logTo(t)})
	loaded.Load() // without Run, so nothing else has read the source
	again := &running{Replica: loaded, t: t}
	if d := loaded.Snapshot().edition(page).documents[0]; d.variants[coding.Gzip].Load() != nil {
		t.Error("the page has header fields, want them made when it is first requested")
	}
	again.gives(page, string(page)+" later")
	again.gives(feed.Main, string(feed.Main)+" at first")
	if err := disk.Close(); err != nil {
		t.Error(err)
	}
}

// TestLoadWithStashAndKept checks that a replica loads documents from the stash and from the source. It would wait
// forever if it signaled twice that there is something to save.
func TestLoadWithStashAndKept(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		page := feed.Join(feed.Posts, "a")
		store.commit(feed.Main, 1, noon, "first")
		store.commit(page, 1, noon, "page")
		r := run(t, store, dir)
		r.wait(saveDelay)
		store.commit(feed.Main, 2, later, "second")
		synctest.Wait()
		killed := copyOf(t, dir)
		r.stop()
		if got := stashFiles(t, killed); len(got) != 1 {
			t.Fatalf("stash has the files %q, want one", got)
		}

		disk, err := OpenDisk(killed)
		if err != nil {
			t.Fatal(err)
		}
		loaded := NewReplica(ReplicaConfig{Source: store, Disk: disk, Kept: feed.Name.OfPost, Log: logTo(t)})
		loaded.Load()
		again := &running{Replica: loaded, t: t}
		again.gives(feed.Main, "second")
		again.gives(page, "page")
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
}

// files returns the number of files in a folder of a disk.
func files(t *testing.T, dir, sub string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, sub))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
