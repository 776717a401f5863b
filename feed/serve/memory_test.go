package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// manyFeeds commits the main feed and n others. The text of each feed is its name.
func manyFeeds(store *fakeStore, n int) []feed.Name {
	names := []feed.Name{feed.Main}
	for i := range n {
		names = append(names, feed.Join(feed.Tags, fmt.Sprint(i)))
	}
	for _, name := range names {
		store.commit(name, 1, noon, string(name))
	}
	return names
}

// runBound is like [run], but with a bound on the memory for documents.
func runBound(t *testing.T, source Source, dir string, limit int64) *running {
	t.Helper()
	return runWith(t, source, dir, NewMemory(limit))
}

// gives checks that a Front serves the documents of a feed with the given text, and responds with 304 if the request
// has the document's tag.
func (r *running) gives(name feed.Name, text string) {
	r.t.Helper()
	f := &Front{Documents: r}
	for _, format := range feed.Formats() {
		v := Visit{Request: Request{Method: "GET", Path: name.Path(format), AcceptEncoding: "gzip"}}
		got := answerOf(f, &v)
		if got.Status != 200 || !strings.Contains(body(r.t, got), ">"+text+" ") ||
			got.Get("Content-Length") != itoa(len(got.Body)) {
			r.t.Errorf("%s: status %d, Content-Length %s for %d bytes; want 200 with the text %q", v.Path, got.Status,
				got.Get("Content-Length"), len(got.Body), text)
		}
		v.IfNoneMatch = got.Get("Etag")
		if got := answerOf(f, &v); got.Status != 304 {
			r.t.Errorf("%s with its tag: status %d, want 304", v.Path, got.Status)
		}
	}
}

// cold returns the served documents that are not in memory.
func (r *running) cold() (cold []*document) {
	for _, e := range r.Snapshot().editions.all() {
		for _, d := range e.documents {
			if d.payload.Load() == nil {
				cold = append(cold, d)
			}
		}
	}
	return cold
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 2000
		store, dir := newFakeStore(), t.TempDir()
		names := manyFeeds(store, 150) // more than one batch
		r := runBound(t, store, dir, limit)
		if got := r.Memory.Size(); got > limit || got == 0 {
			t.Errorf("%d bytes are in memory after all feeds were fetched, want 1 to %d", got, limit)
		}
		store.do(func() { store.down = errDown })
		for range 2 {
			for _, name := range names { // no request needs the store
				r.gives(name, string(name))
				if got := r.Memory.Size(); got > limit {
					t.Fatalf("%d bytes are in memory after a request for %s, want at most %d", got, name, limit)
				}
			}
		}
		store.do(func() { store.down = nil })
		store.commit("tags/7", 1, noon.Add(minute), "new")
		r.wait(minute)
		r.gives("tags/7", "new")
		r.stop()

		store.do(func() { store.down = errDown })
		r = runBound(t, store, dir, limit)
		defer r.stop()
		if got := r.Memory.Size(); got > limit || got == 0 {
			t.Errorf("%d bytes are in memory after a restart, want 1 to %d", got, limit)
		}
		for _, name := range names {
			text := string(name)
			if name == "tags/7" {
				text = "new"
			}
			r.gives(name, text)
		}
	})
}

// TestMemoryOfPostPages checks that pages of posts use only their share of the memory, and do not displace feeds.
func TestMemoryOfPostPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 32_000
		store := newFakeStore()
		names := manyFeeds(store, 5)
		var pages []feed.Name
		for i := range 100 {
			pages = append(pages, feed.Join(feed.Posts, fmt.Sprint(i)))
			store.commit(pages[i], 1, noon, string(pages[i]))
		}
		r := runBound(t, store, t.TempDir(), limit)
		defer r.stop()
		if got := r.Memory.rareSize; got > limit/rareShare || got == 0 {
			t.Errorf("pages of posts use %d bytes, want 1 to %d", got, limit/rareShare)
		}
		for _, name := range pages {
			r.gives(name, string(name))
		}
		if got := r.Memory.rareSize; got > limit/rareShare {
			t.Errorf("pages of posts use %d bytes after they were requested, want at most %d", got, limit/rareShare)
		}
		for _, d := range r.cold() {
			if !d.isRare() {
				t.Errorf("%s was dropped from memory, want only pages of posts dropped", d.feed)
			}
		}
		if rest, want := r.Memory.Size()-r.Memory.rareSize, len(names); rest == 0 {
			t.Errorf("%d feeds use no memory", want)
		}
	})
}

func TestMemoryIsSharedBySites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 3000
		m := NewMemory(limit)
		for range 3 {
			store := newFakeStore()
			names := manyFeeds(store, 20)
			r := runWith(t, store, t.TempDir(), m)
			defer r.stop()
			for _, name := range names {
				r.gives(name, string(name))
			}
		}
		if got := m.Size(); got > limit || got < limit/2 {
			t.Errorf("three sites have %d bytes in memory, want nearly %d in total", got, limit)
		}
	})
}

// gzipLengths are the lengths of a document that gzip compresses to n bytes.
func gzipLengths(n int) [coding.Count]int { return [coding.Count]int{coding.Gzip: n} }

func TestMemoryEvictsLeastRecentlyUsed(t *testing.T) {
	m := NewMemory(1000)
	var ds []*document
	for i := range 10 {
		d := describe(feed.Main, &feed.DocumentRef{Hash: feed.HashOf([]byte{byte(i)})}, gzipLengths(100))
		d.saved = true
		ds = append(ds, d)
	}
	m.replace(nil, ds)
	for _, d := range ds {
		d.asked.Store(true)
		m.admit(d, &payload{contents: contents{bodies: bodies{coding.Gzip: make([]byte, 100)}}})
	}
	ds[0].asked.Store(true)
	ds[2].asked.Store(true)
	more := describe(feed.Main, &feed.DocumentRef{}, gzipLengths(250))
	m.replace(nil, []*document{more})
	more.asked.Store(true)
	m.admit(more, &payload{contents: contents{bodies: bodies{coding.Gzip: make([]byte, 250)}}})
	for i, d := range ds {
		if got, want := d.payload.Load() == nil, i == 1 || i == 3 || i == 4; got != want {
			t.Errorf("document %d was dropped: %t, want %t", i, got, want)
		}
	}
	// Replaced documents are no longer counted.
	m.replace(ds[5:], nil)
	if got := m.Size(); got != 450 {
		t.Errorf("%d bytes are in memory, want 450", got)
	}
}

// TestMemoryDropsUnreadDocuments checks that documents that nobody has requested use only their share of the memory,
// and that a document that replaces a requested document counts as requested.
func TestMemoryDropsUnreadDocuments(t *testing.T) {
	const limit = 100 * unreadShare
	m := NewMemory(limit)
	path := func(i int) string { return fmt.Sprintf("/tags/%d/feed.xml", i) }
	put := func(i int, before ...*document) *document {
		d := describe("tags/go", &feed.DocumentRef{Path: path(i)}, gzipLengths(10))
		d.saved = true
		d.payload.Store(&payload{contents: contents{bodies: bodies{coding.Gzip: make([]byte, 10)}}})
		m.replace(before, []*document{d})
		return d
	}
	var ds []*document
	for i := range 10 {
		ds = append(ds, put(i))
	}
	for i, d := range ds {
		if d.payload.Load() == nil {
			t.Fatalf("document %d was dropped although the unread documents do not exceed their share", i)
		}
	}
	ds[3].asked.Store(true)
	for i := range 10 {
		put(10 + i)
	}
	for i, d := range ds {
		if got, want := d.payload.Load() != nil, i == 3; got != want {
			t.Errorf("document %d is in memory: %t, want %t, since only document 3 was requested", i, got, want)
		}
	}
	if got := m.Size(); got != 110 || m.unreadSize != 100 {
		t.Errorf("%d bytes are in memory, %d of them unread; want 110 and 100", got, m.unreadSize)
	}
	next := put(3, ds[3])
	for i := range 10 {
		put(20 + i)
	}
	if next.payload.Load() == nil {
		t.Error("the document that replaced a requested one was dropped like an unread one")
	}
	if got := m.Size(); got != 110 || m.unreadSize != 100 {
		t.Errorf("%d bytes are in memory after a replacement, %d of them unread; want 110 and 100", got, m.unreadSize)
	}
}

// TestMemoryKeepsUnsavedDocuments checks that documents that could not be saved are never dropped.
func TestMemoryKeepsUnsavedDocuments(t *testing.T) {
	for _, disk := range []string{"none", "broken"} {
		t.Run(disk, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := newFakeStore(), ""
				if disk == "broken" {
					dir = t.TempDir()
				}
				r := runWith(t, store, dir, NewMemory(1000))
				defer r.stop()
				if disk == "broken" {
					breakDisk(t, dir)
				}
				names := manyFeeds(store, 100)
				synctest.Wait()
				store.do(func() { store.down = errDown })
				for _, name := range names {
					r.gives(name, string(name))
				}
				if cold := r.cold(); len(cold) > 0 {
					t.Errorf("%d documents that are not on disk were dropped", len(cold))
				}
			})
		})
	}
}

// slowStore takes a second to return a document.
type slowStore struct{ *fakeStore }

func (s slowStore) Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error) {
	time.Sleep(time.Second) // on the bubble's clock
	return s.fakeStore.Blob(ctx, hash)
}

func TestDamagedCopyIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		manyFeeds(store, 5)
		r := runBound(t, slowStore{store}, t.TempDir(), 1)
		defer r.stop()
		r.wait(minute)
		d := r.Snapshot().document("/tags/1/feed.xml")
		path := r.Disk.documentPath(d.ref.Hash, coding.Gzip)
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, harm := range map[string]func() error{
			"missing":          func() error { return os.Remove(path) },
			"cut off":          func() error { return os.Truncate(path, 20) },
			"another document": func() error { return os.WriteFile(path, coding.GzipSmall([]byte("something else")), 0o600) },
		} {
			if err := harm(); err != nil {
				t.Fatal(err)
			}
			// Without the store only conditional requests can be answered.
			store.do(func() { store.down = errDown })
			f := &Front{Documents: r}
			get := Visit{Request: Request{Method: "GET", Path: "/tags/1/feed.xml"}}
			if got := answerOf(f, &get); got.Status != 503 || got.Get("Retry-After") == "" ||
				strings.Contains(string(got.Body), "something") {
				t.Errorf("%s: status is %d with body %q without the store, want 503 with Retry-After", what, got.Status, got.Body)
			}
			known := get
			known.IfNoneMatch = `"` + string(d.ref.Hash) + `"`
			if got := answerOf(f, &known); got.Status != 304 {
				t.Errorf("%s: status is %d with If-None-Match, want 304", what, got.Status)
			}
			head := get
			head.Method = "HEAD"
			if got := answerOf(f, &head); got.Status != 200 || got.Body != nil {
				t.Errorf("%s: status of HEAD is %d with body %q, want 200 without a body", what, got.Status, got.Body)
			}

			store.do(func() { store.down = nil; clear(store.calls) })
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if got := answerOf(f, &Visit{Request: get.Request}); got.Status != 200 ||
						!strings.Contains(string(got.Body), ">tags/1 ") {
						t.Errorf("%s: status is %d with body %.60q, want 200 with the feed", what, got.Status, got.Body)
					}
				})
			}
			all.Wait()
			store.do(func() {
				if got := store.calls["Blob"]; got != 1 {
					t.Errorf("%s: the document was fetched %d times for 50 requests, want once", what, got)
				}
			})
			if repaired, err := os.ReadFile(path); err != nil || string(repaired) != string(sound) {
				t.Errorf("%s: the copy on disk was not replaced: %v", what, err)
			}
		}
	})
}

// TestStoreWithOtherGzipEncoding checks that a document is served with the right length if the store returns
// different gzip bytes, such as those written by a different version of the library.
func TestStoreWithOtherGzipEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		manyFeeds(store, 1)
		r := runBound(t, store, t.TempDir(), 1)
		defer r.stop()
		for _, d := range r.cold() {
			if err := os.Remove(r.Disk.documentPath(d.ref.Hash, coding.Gzip)); err != nil {
				t.Fatal(err)
			}
			store.do(func() {
				b := store.blobs[d.ref.Hash]
				text, err := coding.Gzip.Unpack(b.Gzip, b.Size)
				if err != nil {
					t.Fatal(err)
				}
				// A gzip file may have two members (RFC 1952 section 2.2).
				b.Gzip = append(coding.GzipSmall(text[:10]), coding.GzipSmall(text[10:])...)
				store.blobs[d.ref.Hash] = b
			})
		}
		f := &Front{Documents: r}
		for range 2 {
			got := answerOf(f, &Visit{Request: Request{Method: "GET", Path: "/tags/0/feed.xml", AcceptEncoding: "gzip"}})
			if got.Status != 200 || got.Get("Content-Length") != itoa(len(got.Body)) {
				t.Errorf("status is %d with Content-Length %s for %d bytes, want 200 with the actual length", got.Status,
					got.Get("Content-Length"), len(got.Body))
			}
		}
	})
}

func TestDeltaAfterEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		r := runBound(t, store, t.TempDir(), 1)
		defer r.stop()
		var tags []string
		old := "a=1"
		for i := range 100 { // patches must not be longer than the document
			old += fmt.Sprintf(" old%d=%x", i, i*i*2654435761)
		}
		for i, fresh := range []string{"", "d=4 ", "e=5 d=4 "} {
			head, blob := revise(t, i, rss(fresh+old))
			store.do(func() { store.heads[feed.Main], store.blobs[blob.Hash] = head, blob })
			store.announce(feed.Main)
			r.wait(minute)
			tags = append(tags, `"`+string(blob.Hash)+`"`)
		}
		if len(r.cold()) != 1 {
			t.Fatalf("the document is still in memory, so this test proves nothing")
		}
		f := &Front{Documents: r}
		for i, want := range []string{"e=5 d=4", "e=5"} {
			for _, method := range []string{"HEAD", "GET"} {
				got := answerOf(f, &Visit{Request: Request{Method: method, Path: "/feed.xml", IfNoneMatch: tags[i], AIM: "feed"}})
				if got.Status != 226 || method == "GET" && string(got.Body) != rss(want) {
					t.Errorf("%s for version %d: status %d with body %.300q, want 226 with %s", method, i, got.Status, got.Body, want)
				}
			}
		}
	})
}

// TestLoadReadsOnlyMainFeed checks that the time and memory that a start needs do not depend on the other feeds.
func TestLoadReadsOnlyMainFeed(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	save(t, d, editionOf(t, feed.Main, 1, "main"), editionOf(t, "tags/go", 1, "go"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	r := NewReplica(ReplicaConfig{Source: newFakeStore(), Disk: openDisk(t, dir), Log: logTo(t), Now: time.Now})
	r.Load()
	for name, want := range map[feed.Name]bool{feed.Main: true, "tags/go": false} {
		for _, d := range r.Snapshot().edition(name).documents {
			if got := d.payload.Load() != nil; got != want {
				t.Errorf("%s of %s is in memory: %t, want %t", d.ref.Format, name, got, want)
			}
		}
	}
	for _, format := range feed.Formats() {
		if b, ok := r.Blob(hashOf(t, r.Snapshot(), "tags/go", format)); !ok || len(b.Gzip) == 0 {
			t.Errorf("Blob did not load the %s document", format)
		}
	}
}

func hashOf(t *testing.T, s *Snapshot, name feed.Name, f feed.Format) feed.Hash {
	t.Helper()
	h, _ := s.Head(name)
	ref, ok := h.Document(f)
	if !ok {
		t.Fatalf("%s has no %s", name, f)
	}
	return ref.Hash
}

// TestInterruptedSave checks load for each state of the disk that a killed process may leave.
func TestInterruptedSave(t *testing.T) {
	before, after := editionOf(t, feed.Main, 1, "before"), editionOf(t, feed.Main, 2, "after")
	for _, test := range []struct {
		name  string
		leave func(d *Disk) error
		want  *edition
	}{
		{"nothing", func(*Disk) error { return nil }, before},
		{"a temporary file", func(d *Disk) error {
			part := after.documents[0].payload.Load().bodies[coding.Gzip][:9]
			return os.WriteFile(filepath.Join(d.documentDir(), ".x"), part, 0o600)
		}, before},
		{"some of the documents", func(d *Disk) error {
			return d.saveDocuments(&edition{head: after.head, documents: after.documents[:2]})
		}, before},
		{"all but the head", func(d *Disk) error { return d.saveDocuments(after) }, before},
		{"all", func(d *Disk) error { return errors.Join(d.save(after)...) }, after},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDisk(t, dir)
			save(t, d, before)
			if err := errors.Join(test.leave(d), d.Close()); err != nil {
				t.Fatal(err)
			}
			d = openDisk(t, dir)
			got, _, problems := d.load(nil)
			if len(problems) > 0 || got[feed.Main] == nil || got[feed.Main].head.Token != test.want.head.Token {
				t.Fatalf("load returns %v and %v, want the edition with token %d",
					got[feed.Main], problems, test.want.head.Token)
			}
			for _, doc := range test.want.documents {
				if _, err := d.read(*doc.ref, gzipOnly); err != nil {
					t.Errorf("read of %s: %v", doc.ref.Format, err)
				}
			}
			if got, want := len(documents(t, dir)), len(test.want.documents); got != want {
				t.Errorf("%d document files are left, want %d", got, want)
			}
		})
	}
}
