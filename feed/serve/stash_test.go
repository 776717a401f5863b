package serve

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
)

// copyOf returns a copy of a disk's folder, as a process that was killed would leave it.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// stashFiles returns the names of the files in the stash of a folder.
func stashFiles(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "stash", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestStash checks that a change is in the stash before it is saved in files of its own, and that the stash is then
// removed.
func TestStash(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		store.commit("tags/go", 1, noon, "go")
		r := run(t, store, dir)
		r.wait(saveDelay)
		if got := stashFiles(t, dir); len(got) != 0 {
			t.Errorf("stash has the files %q after all documents were saved, want none", got)
		}
		store.commit(feed.Main, 2, later, "second")
		synctest.Wait()
		r.serves(feed.Main, "second")
		if got := stashFiles(t, dir); len(got) != 1 {
			t.Errorf("stash has the files %q before the change is saved, want one", got)
		}
		if behind, err := r.Saved(); err != nil || !behind.IsZero() {
			t.Errorf("Saved() = %v, %v; want all documents on disk", behind, err)
		}
		killed := copyOf(t, dir)
		r.wait(2 * saveDelay)
		if got := stashFiles(t, dir); len(got) != 0 {
			t.Errorf("stash has the files %q after the change was saved, want none", got)
		}
		r.stop()

		// A process that starts with the folder of the killed process serves the change without the store, and saves it.
		down := newFakeStore()
		down.do(func() { down.down = errDown })
		r = run(t, down, killed)
		r.serves(feed.Main, "second")
		r.serves("tags/go", "go")
		r.stop()
		if got := stashFiles(t, killed); len(got) != 0 {
			t.Errorf("stash has the files %q after the restarted process saved them, want none", got)
		}
		r = run(t, down, killed)
		defer r.stop()
		r.serves(feed.Main, "second")
	})
}

// slowFiles is a file system on which the flush of a stash file waits for a result from the channel and returns it.
type slowFiles struct {
	osFiles
	results chan error
}

// Write implements [Files].
func (f slowFiles) Write(path string, data []byte) (func() error, error) {
	flush, err := f.osFiles.Write(path, data)
	return func() error { return errors.Join(<-f.results, flush()) }, err
}

// TestServedDuringFlush checks that a change is served while the disk flushes it, that the folder of a process that is
// killed during the flush contains the change, and that a flush that fails or takes longer than saveWait is reported.
func TestServedDuringFlush(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		files := slowFiles{results: make(chan error)}
		disk, err := OpenDiskOn(files, dir)
		if err != nil {
			t.Fatal(err)
		}
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		r := startReplica(t, ReplicaConfig{Source: store, Disk: disk})
		defer r.stop()
		behind := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			if behind, err := r.Saved(); behind.IsZero() == want || err != nil {
				t.Errorf("%s, Saved() = %v, %v; want documents missing from the disk: %t", when, behind, err, want)
			}
		}
		r.serves(feed.Main, "first")
		behind("during the first flush", false)
		files.results <- nil
		r.wait(2 * saveDelay)

		store.commit(feed.Main, 2, later, "second")
		synctest.Wait()
		r.serves(feed.Main, "second")
		behind("during the flush", false)
		killed := openDisk(t, copyOf(t, dir))
		if editions, _, problems := killed.load(nil); editions[feed.Main].head.Token != 2 || len(problems) > 0 {
			t.Errorf("during the flush, the folder has %+v, %v; want token 2", editions[feed.Main].head, problems)
		}
		files.results <- errDown
		behind("after the flush has failed", true)
		r.wait(2 * saveDelay)
		behind("after the change was saved in its own files", false)

		store.commit(feed.Main, 3, later.Add(time.Second), "third")
		r.wait(saveWait + time.Millisecond)
		behind("after a second", true)
		files.results <- nil
		behind("after the flush", false)
	})
}

// TestStashOrder checks that an edition in the stash is loaded only if it is newer than the saved edition.
func TestStashOrder(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	numbered := func(token feed.Token, text string, number int64) *edition {
		e := editionOf(t, feed.Main, token, text)
		e.stash = number
		return e
	}
	stash := func(e *edition) {
		t.Helper()
		if _, err := d.stash(e.stash, []*edition{e}); err != nil {
			t.Fatal(err)
		}
	}
	loads := func(want feed.Token) {
		t.Helper()
		editions, _, problems := openDisk(t, copyOf(t, dir)).load(nil)
		if e := editions[feed.Main]; e == nil || e.head.Token != want || len(problems) > 0 {
			t.Errorf("load returns %+v, %v; want token %d", e, problems, want)
		}
	}
	stash(numbered(1, "one", 1))
	loads(1)
	stash(numbered(2, "two", 2))
	loads(2)
	save(t, d, numbered(1, "one", 1)) // saved late, by a goroutine that has not seen the second edition
	loads(2)
	if got := stashFiles(t, dir); len(got) != 1 {
		t.Errorf("stash has the files %q, want that of the second edition", got)
	}
	late := numbered(3, "three", 4)
	save(t, d, late)
	loads(3)
	stash(numbered(2, "two", 3)) // a slow write that ends after a later edition was saved
	loads(3)
}

// TestDamagedStash checks that a damaged file in the stash is reported once and then removed.
func TestDamagedStash(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":      func(b []byte) []byte { return b[:len(b)-1] },
		"a bit":        func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"empty":        func([]byte) []byte { return nil },
		"the checksum": func(b []byte) []byte { b[0] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDisk(t, dir)
			save(t, d, editionOf(t, feed.Main, 1, "one"))
			e := editionOf(t, feed.Main, 2, "two")
			e.stash = 1
			if _, err := d.stash(1, []*edition{e}); err != nil {
				t.Fatal(err)
			}
			file := stashFiles(t, dir)[0]
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			again := openDisk(t, copyOf(t, dir))
			editions, stashed, problems := again.load(nil)
			if e := editions[feed.Main]; e == nil || e.head.Token != 1 || len(stashed) > 0 || len(problems) != 1 {
				t.Errorf("load returns %+v, %q, %v; want token 1 and one problem", e, stashed, problems)
			}
			save(t, again, editionOf(t, feed.Main, 3, "three"))
			if got := stashFiles(t, again.dir); len(got) != 0 {
				t.Errorf("stash has the files %q after the next save, want none", got)
			}
		})
	}
}

// TestUnstashedEditionReplacesStashed checks that an edition that was saved without having been in the stash, because
// the disk had failed, is loaded instead of an earlier edition in the stash.
func TestUnstashedEditionReplacesStashed(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	r := NewReplica(ReplicaConfig{Source: newFakeStore(), Disk: d, Log: logTo(t)})
	first, second := editionOf(t, feed.Main, 1, "one"), editionOf(t, feed.Main, 2, "two")
	r.saveFirst(t.Context(), map[feed.Name]*edition{feed.Main: first})
	if len(stashFiles(t, dir)) != 1 || !first.isSafe() {
		t.Fatal("the first edition is not in the stash")
	}
	stashed := copyOf(t, filepath.Join(dir, "stash"))
	r.failing = errDown
	r.saveFirst(t.Context(), map[feed.Name]*edition{feed.Main: second})
	save(t, d, second)
	// A crash may undo the removal of the stash file.
	if err := os.CopyFS(filepath.Join(dir, "stash"), os.DirFS(stashed)); err != nil {
		t.Fatal(err)
	}
	editions, _, problems := openDisk(t, copyOf(t, dir)).load(nil)
	if e := editions[feed.Main]; e == nil || e.head.Token != 2 || len(problems) > 0 {
		t.Errorf("load returns %+v, %v; want token 2", e, problems)
	}
}
