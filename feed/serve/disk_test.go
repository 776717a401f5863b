package serve

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// breakDisk replaces the folder of heads and the stash with files, so that not even root can write to them.
func breakDisk(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"heads", "stash"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Rename(path, path+"-away"), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func repairDisk(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"heads", "stash"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Remove(path), os.Rename(path+"-away", path)); err != nil {
			t.Fatal(err)
		}
	}
}

// editionOf returns an edition of a committed feed.
func editionOf(t *testing.T, name feed.Name, token feed.Token, text string) *edition {
	t.Helper()
	head, blobs := commit(name, token, noon, text)
	e, err := newEdition(head, nil, func(ref feed.DocumentRef) (feed.Blob, error) {
		return blobs[slices.IndexFunc(blobs, func(b feed.Blob) bool { return b.Hash == ref.Hash })], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func openDisk(t *testing.T, dir string) *Disk {
	t.Helper()
	d, err := OpenDisk(dir)
	if err != nil {
		t.Fatalf("OpenDisk: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

func save(t *testing.T, d *Disk, es ...*edition) {
	t.Helper()
	if err := errors.Join(d.save(es...)...); err != nil {
		t.Fatalf("save: %v", err)
	}
}

// documents returns the file names of documents.
func documents(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "documents", "*"))
	hidden, err2 := filepath.Glob(filepath.Join(dir, "*", ".*"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return append(paths, hidden...)
}

func TestDiskSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	main, tag := editionOf(t, feed.Main, 7, "main's"), editionOf(t, "tags/../../日本", 8, "a tag's")
	save(t, d, main, tag)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDisk(t, dir)
	got, _, problems := again.load(nil)
	if len(problems) > 0 {
		t.Errorf("load: %v", problems)
	}
	for _, want := range []*edition{main, tag} {
		e := got[want.head.Feed]
		if e == nil {
			t.Errorf("%s was not loaded", want.head.Feed)
			continue
		}
		if diff := cmp.Diff(want.head, e.head); diff != "" {
			t.Errorf("head of %s (-saved +loaded):\n%s", want.head.Feed, diff)
		}
		for i := range want.documents {
			e.documents[i].loader = &loader{disk: again, memory: NewMemory(0)}
			_, p, err := e.documents[i].load()
			if err != nil {
				t.Errorf("document %d of %s: %v", i, want.head.Feed, err)
				continue
			}
			if diff := cmp.Diff(want.documents[i].payload.Load().bodies[coding.Gzip], p.bodies[coding.Gzip]); diff != "" {
				t.Errorf("document %d of %s (-saved +loaded):\n%s", i, want.head.Feed, diff)
			}
		}
	}
}

// TestDiskKeepsLaterVersion checks that an earlier version that is saved late, because the disk was slow or failed,
// does not replace a later version.
func TestDiskKeepsLaterVersion(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	first, second := editionOf(t, feed.Main, 1, "first"), editionOf(t, feed.Main, 2, "second")
	save(t, d, second)
	save(t, d, first)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, problems := openDisk(t, dir).load(nil)
	if len(problems) > 0 {
		t.Errorf("load: %v", problems)
	}
	if e := got[feed.Main]; e == nil || e.head.Token != 2 {
		t.Errorf("loaded %+v; want the version with token 2", e)
	}
}

func TestDiskRemovesUnusedFiles(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	first := editionOf(t, feed.Main, 1, "first")
	save(t, d, first)
	// One document is unchanged, two are replaced.
	second := editionOf(t, feed.Main, 2, "second")
	second.documents[0], second.head.Documents[0] = first.documents[0], first.head.Documents[0]
	save(t, d, second)
	want := []string{}
	for _, ref := range second.head.Documents {
		want = append(want, d.documentPath(ref.Hash, coding.Gzip))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, documents(t, dir)); diff != "" {
		t.Errorf("files after a second commit (-want +got):\n%s", diff)
	}

	// A crash may leave documents without a head, and temporary files.
	for _, path := range []string{d.documentPath(feed.HashOf([]byte("x")), coding.Gzip),
		filepath.Join(dir, "heads", ".x123")} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDisk(t, dir)
	if _, _, problems := again.load(nil); len(problems) > 0 {
		t.Errorf("load: %v", problems)
	}
	if diff := cmp.Diff(want, documents(t, dir)); diff != "" {
		t.Errorf("files after a restart (-want +got):\n%s", diff)
	}
	third := editionOf(t, feed.Main, 3, "third")
	save(t, again, third)
	if got := documents(t, dir); len(got) != len(third.documents) || slices.Contains(got, want[0]) {
		t.Errorf("files after a commit that followed a restart: %v, want %v", got, want)
	}
}

func TestDiskSkipsDamagedFeeds(t *testing.T) {
	for _, test := range []struct {
		name string
		harm func(d *Disk, e *edition) error
	}{
		{"document missing", func(d *Disk, e *edition) error {
			return os.Remove(d.documentPath(e.head.Documents[1].Hash, coding.Gzip))
		}},
		{"document cut off", func(d *Disk, e *edition) error {
			return os.Truncate(d.documentPath(e.head.Documents[1].Hash, coding.Gzip), 20)
		}},
		{"document empty", func(d *Disk, e *edition) error {
			return os.Truncate(d.documentPath(e.head.Documents[1].Hash, coding.Gzip), 0)
		}},
		{"another document", func(d *Disk, e *edition) error {
			body := e.documents[0].payload.Load().bodies[coding.Gzip]
			return os.WriteFile(d.documentPath(e.head.Documents[1].Hash, coding.Gzip), body, 0o600)
		}},
		{"head cut off", func(d *Disk, e *edition) error { return os.Truncate(d.headPath(e.head.Feed), 100) }},
		{"head empty", func(d *Disk, e *edition) error { return os.Truncate(d.headPath(e.head.Feed), 0) }},
		{"head changed", func(d *Disk, e *edition) error {
			data, err := os.ReadFile(d.headPath(e.head.Feed))
			if err != nil {
				return err
			}
			data[len(data)-10] ^= 1
			return os.WriteFile(d.headPath(e.head.Feed), data, 0o600)
		}},
		{"head of another feed", func(d *Disk, e *edition) error {
			return os.Rename(d.headPath(e.head.Feed), d.headPath("tags/other"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDisk(t, dir)
			bad, good := editionOf(t, feed.Main, 1, "bad"), editionOf(t, "tags/go", 1, "good")
			save(t, d, bad, good)
			if err := test.harm(d, bad); err != nil {
				t.Fatal(err)
			}
			before := len(documents(t, dir))
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d = openDisk(t, dir)
			got, _, problems := d.load(nil)
			if len(problems) != 1 {
				t.Errorf("load reports %v, want one problem", problems)
			}
			if got[feed.Main] != nil || got["tags/go"] == nil {
				t.Errorf("load returns main: %t, tags/go: %t; want only tags/go", got[feed.Main] != nil, got["tags/go"] != nil)
			}
			if after := len(documents(t, dir)); after != before {
				t.Errorf("%d of %d files were removed after an error, want none", before-after, before)
			}
			save(t, d, bad)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			got, _, _ = openDisk(t, dir).load(nil)
			if got[feed.Main] == nil {
				t.Errorf("the damaged feed was not saved again")
			}
		})
	}
}

func TestDiskLock(t *testing.T) {
	dir := t.TempDir()
	first := openDisk(t, dir)
	if _, err := OpenDisk(dir); !errors.Is(err, feed.ErrLocked) {
		t.Errorf("a second OpenDisk: %v, want ErrLocked", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	openDisk(t, dir)
}

func TestOpenDiskError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(filepath.Join(file, "data")); err == nil {
		t.Errorf("OpenDisk of a folder below a file returned no error")
	}
}

func TestDiskKeepsDocumentOfOtherFeed(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	first := editionOf(t, "tags/a", 1, "first")
	save(t, d, first)
	other := editionOf(t, "tags/b", 1, "b's")
	other.documents[0], other.head.Documents[0] = first.documents[0], first.head.Documents[0]
	save(t, d, editionOf(t, "tags/a", 2, "second"), other)
	if _, err := d.read(first.head.Documents[0], gzipOnly); err != nil {
		t.Errorf("a replaced document that another feed uses was removed: %v", err)
	}
}

func TestDiskSavesOtherFeedsAfterError(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	sound, lost := editionOf(t, "tags/a", 1, "a's"), editionOf(t, "tags/b", 1, "b's")
	lost.documents[1].payload.Store(nil)
	errs := d.save(lost, sound)
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("save of a feed without document bytes and a complete feed: %v; want an error for the first only", errs)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, problems := openDisk(t, dir).load(nil)
	if len(problems) > 0 || got["tags/a"] == nil || got["tags/b"] != nil {
		t.Errorf("load returns %d feeds and %v, want only tags/a", len(got), problems)
	}
}
