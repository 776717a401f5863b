package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/store"
)

// stored returns the number of bytes that the server holds for a document.
func stored(t *testing.T, s *Store, body string) int {
	t.Helper()
	value, err := s.redis.Get("feedpub:{" + string(testSite) + "}:doc:" + string(feed.HashOf([]byte(body))))
	must(t, err)
	return len(value)
}

// TestDocumentsOnDisk checks that the server does not hold the bytes of committed documents, and that the documents can
// still be read: by this process, by a different process, after they have been replaced, and after a restart.
func TestDocumentsOnDisk(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	s := open(t, o)
	want := func(when, body string) {
		t.Helper()
		if got := stored(t, s, body); got != 0 {
			t.Errorf("%s, the server holds %d bytes of %q; want 0", when, got, body)
		}
		b, err := site(s).Blob(t.Context(), feed.HashOf([]byte(body)))
		if err != nil || b.Size != len(body) {
			t.Errorf("%s, Blob(%q) = %d bytes, error %v; want %d bytes", when, body, b.Size, err, len(body))
		}
	}
	_, _, err := site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), "first"))
	must(t, err)
	want("after a commit", "first")
	other, err := Connect(t.Context(), o.Data, nil)
	must(t, err)
	t.Cleanup(func() { must(t, other.Close()) })
	if _, err := other.Site(testSite).Blob(t.Context(), feed.HashOf([]byte("first"))); err != nil {
		t.Errorf("Blob in a different process: %v", err)
	}

	_, _, err = site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), "second"))
	must(t, err)
	want("after the next commit", "second")
	if b, err := site(s).Blob(t.Context(), feed.HashOf([]byte("first"))); err != nil || b.Size != len("first") {
		t.Errorf("Blob of a replaced document = %d bytes, error %v; want %d bytes", b.Size, err, len("first"))
	}
	_, _, err = site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), "first"))
	must(t, err)
	want("after the first document was committed again", "first")

	closeStore(t, s)
	s = open(t, o)
	want("after a restart", "first")
}

// TestDocumentsOnDiskLost checks that a document whose file was removed is reported as missing, so that its feed is
// rebuilt.
func TestDocumentsOnDiskLost(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	s := open(t, o)
	_, _, err := site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), "body"))
	must(t, err)
	must(t, os.Remove(s.disk.unloaded.path(feed.Main)))
	hash := feed.HashOf([]byte("body"))
	if _, err := site(s).Blob(t.Context(), hash); !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("Blob of a lost document: error is %v, want one of kind %q", err, feed.ErrNotFound)
	}
	absent, err := site(s).MissingDocuments(t.Context(), hash)
	if err != nil || len(absent) != 1 {
		t.Errorf("MissingDocuments = %v, error %v; want the lost document", absent, err)
	}
	_, _, err = site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), "body"))
	must(t, err)
	if _, err := site(s).Blob(t.Context(), hash); err != nil {
		t.Errorf("Blob after the document was committed again: %v", err)
	}
}

// TestDocumentsOnDiskPartlyLost checks that a commit that keeps one of two documents does not stop other writes if the
// file with that document was removed or is damaged. The feed becomes dirty, and can be committed again.
func TestDocumentsOnDiskPartlyLost(t *testing.T) {
	two := func(rss, atom string) feed.CommitRequest {
		r, other := commit(feed.Main, 5, time.Now(), rss), commit(feed.Main, 5, time.Now(), atom)
		d := other.Head.Documents[0]
		d.Format, d.Path = feed.Atom, feed.Main.Path(feed.Atom)
		r.Head.Documents, r.Blobs = append(r.Head.Documents, d), append(r.Blobs, other.Blobs...)
		return r
	}
	for name, lose := range map[string]func(path string) error{
		"removed":      os.Remove,
		"no JSON":      func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"no documents": func(path string) error { return os.WriteFile(path, []byte("{}"), 0o600) },
		"damaged document": func(path string) error {
			f, err := readHeadFile(path)
			must(t, err)
			f.Blobs[0].Gzip[12] ^= 1
			b, err := json.Marshal(f)
			must(t, err)
			return os.WriteFile(path, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), Data: t.TempDir()}
			s := open(t, o)
			_, first, err := site(s).Commit(t.Context(), two("kept", "old"))
			must(t, err)
			must(t, lose(s.disk.unloaded.path(feed.Main)))
			r := two("kept", "new")
			r.Previous, r.Blobs = &first, r.Blobs[1:] // like a builder, upload only the new document
			_, _, err = site(s).Commit(t.Context(), r)
			must(t, err)
			_, _, err = site(s).Commit(t.Context(), commit("tag/a", 5, time.Now(), "different feed"))
			must(t, err)
			dirty, err := site(s).DirtyFeeds(t.Context())
			must(t, err)
			absent, err := site(s).MissingDocuments(t.Context(), r.Head.Documents[0].Hash)
			must(t, err)
			if len(dirty) != 1 || dirty[0].Name != feed.Main || len(absent) != 1 {
				t.Errorf("dirty feeds are %v and missing documents are %v; want the main feed and the kept document", dirty, absent)
			}
			_, _, err = site(s).Commit(t.Context(), two("kept", "new"))
			must(t, err)
			closeStore(t, s)
			s = open(t, o)
			for _, body := range []string{"kept", "new"} {
				if _, err := site(s).Blob(t.Context(), feed.HashOf([]byte(body))); err != nil {
					t.Errorf("Blob(%q) after a restart: %v", body, err)
				}
			}
		})
	}
}

// TestDocumentsOnDiskConcurrently checks that documents can be read while they are unloaded and replaced.
func TestDocumentsOnDiskConcurrently(t *testing.T) {
	s := open(t, Options{})
	const commits = 100
	body := func(i int) string { return "body " + strconv.Itoa(i%3) }
	reading, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for reading.Err() == nil {
				head, err := site(s).Head(t.Context(), feed.Main)
				if errors.Is(err, feed.ErrNotFound) {
					continue
				}
				if err == nil {
					_, err = site(s).Blob(t.Context(), head.Documents[0].Hash)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range commits {
		_, _, err := site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), body(i)))
		must(t, err)
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Errorf("read during commits: %v", err)
	}
}

// TestManyDocumentsOnDisk checks that documents of several heads are read with one command, by this process and by a
// different one, that each file is read once, and that a missing file does not affect the documents of other heads.
func TestManyDocumentsOnDisk(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	s := open(t, o)
	var reads atomic.Int32
	s.disk.unloaded.readFile = func(path string) (headFile, error) {
		reads.Add(1)
		return readHeadFile(path)
	}
	names := []feed.Name{feed.Main, "tags/a", "tags/b"}
	hashes := []feed.Hash{feed.HashOf([]byte("unknown"))}
	for _, n := range names {
		r, other := commit(n, 5, time.Now(), string(n)+" in RSS"), commit(n, 5, time.Now(), string(n)+" in Atom")
		d := other.Head.Documents[0]
		d.Format, d.Path = feed.Atom, n.Path(feed.Atom)
		r.Head.Documents, r.Blobs = append(r.Head.Documents, d), append(r.Blobs, other.Blobs...)
		_, _, err := site(s).Commit(t.Context(), r)
		must(t, err)
		hashes = append(hashes, r.Blobs[0].Hash, r.Blobs[1].Hash)
	}
	other, err := Connect(t.Context(), o.Data, nil)
	must(t, err)
	t.Cleanup(func() { must(t, other.Close()) })
	check := func(when string, from *store.Site, want ...feed.Hash) {
		t.Helper()
		blobs, err := from.Blobs(t.Context(), hashes...)
		must(t, err)
		got := make([]feed.Hash, len(blobs))
		for i, b := range blobs {
			if got[i] = b.Hash; b.Hash != "" && (b.Size == 0 || len(b.Gzip) == 0) {
				t.Errorf("%s, document %d is %+v, want its bytes", when, i, b)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s, the documents have the hashes %q, want %q", when, got, want)
		}
	}
	all := append([]feed.Hash{""}, hashes[1:]...)
	for process, from := range map[string]*store.Site{"in this process": site(s), "in a different one": other.Site(testSite)} {
		reads.Store(0)
		check(process, from, all...)
		if n := int(reads.Load()); n != len(names) {
			t.Errorf("%s, files were read %d times, want %d", process, n, len(names))
		}
	}
	must(t, os.Remove(s.disk.unloaded.path(names[1])))
	all[3], all[4] = "", ""
	check("after a file was removed", site(s), all...)
}
