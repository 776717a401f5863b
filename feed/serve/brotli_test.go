package serve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// packAgain commits the documents of a feed with brotli too, as a builder does for stable documents.
func (s *fakeStore) packAgain(t *testing.T, name feed.Name) {
	t.Helper()
	s.do(func() {
		h := s.heads[name]
		h.Documents = append([]feed.DocumentRef{}, h.Documents...)
		for i, ref := range h.Documents {
			b := s.blobs[ref.Hash]
			body, err := coding.Gzip.Unpack(b.Gzip, b.Size)
			if err != nil {
				t.Fatal(err)
			}
			b.Brotli = coding.Brotli.Pack(body)
			s.blobs[ref.Hash] = b
			h.Documents[i].Brotli = true
		}
		s.heads[name] = h
	})
	s.announce(name)
}

// codingOf requests a document as browsers do, checks that the body has the text, and returns its coding.
func (r *running) codingOf(path, text string) string {
	r.t.Helper()
	f := &Front{Documents: r}
	v := Visit{Request: Request{Method: "GET", Path: path, AcceptEncoding: "gzip, deflate, br"}}
	got := answerOf(f, &v)
	hash := hashAt(r.t, r.Snapshot(), path)
	suffix := map[string]string{"br": "-br", "gzip": "-gz"}[got.Get("Content-Encoding")]
	if got.Status != 200 || got.Get("Etag") != `"`+hash+suffix+`"` || got.Get("Content-Length") != itoa(len(got.Body)) ||
		got.Get("Vary") != "Accept-Encoding, Sec-Fetch-Dest" {
		r.t.Errorf("%s: status %d with %v, want 200 with the tag of its coding", path, got.Status, headers(got))
	}
	if suffix == "-br" {
		if err := coding.Brotli.Check(got.Body, feed.Hash(hash), r.Snapshot().document(path).ref.Length); err != nil {
			r.t.Errorf("%s: %v", path, err)
		}
	} else if !strings.Contains(body(r.t, got), ">"+text+" ") {
		r.t.Errorf("%s: body %.60q, want the text %q", path, body(r.t, got), text)
	}
	head := v
	head.Method = "HEAD"
	if h := answerOf(f, &head); h.Get("Etag") != got.Get("Etag") ||
		h.Get("Content-Length") != got.Get("Content-Length") || h.Body != nil {
		r.t.Errorf("HEAD %s: header %v, want that of GET, %v", path, headers(h), headers(got))
	}
	for _, known := range []string{"", "-gz", "-br"} { // a client that has the document in any coding receives a 304
		v.IfNoneMatch = `"` + hash + known + `"`
		if again := answerOf(f, &v); again.Status != 304 || suffix == "-br" && again.Get("Etag") != v.IfNoneMatch {
			r.t.Errorf("%s with If-None-Match %s: status %d with tag %s, want 304 with that tag", path, v.IfNoneMatch,
				again.Status, again.Get("Etag"))
		}
	}
	return got.Get("Content-Encoding")
}

func TestStableDocumentsInBrotli(t *testing.T) {
	for _, limit := range []int64{0, 1} { // all documents in memory, or none
		synctest.Test(t, func(t *testing.T) {
			const path = "/tags/0/feed.xml"
			store, dir := newFakeStore(), t.TempDir()
			manyFeeds(store, 1)
			is := func(r *running, want string) {
				t.Helper()
				if got := r.codingOf(path, "tags/0"); got != want {
					t.Errorf("%s is served in coding %q, want %q", path, got, want)
				}
			}
			r := runBound(t, store, dir, limit)
			is(r, "gzip")
			store.packAgain(t, "tags/0")
			r.wait(minute)
			is(r, "br")
			ref := r.Snapshot().document(path).ref
			head := Request{Method: "HEAD", Path: path, AcceptEncoding: "gzip"}
			if got := Answer(r.Snapshot(), head); got.Get("Content-Encoding") != "gzip" {
				t.Errorf("coding is %q for a client that accepts only gzip, want gzip", got.Get("Content-Encoding"))
			}
			r.stop()

			// Without the store, a restarted replica reads the document from disk.
			store.do(func() { store.down = errDown })
			r = runBound(t, store, dir, limit)
			is(r, "br")
			r.stop()

			// A damaged copy is replaced from the store. If a copy is missing, the document is served with gzip.
			file := filepath.Join(dir, "documents", string(ref.Hash)+".br")
			sound, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			damaged := append([]byte{}, sound...)
			damaged[len(damaged)/2] ^= 0xff
			if err := os.WriteFile(file, damaged, fileMode); err != nil {
				t.Fatal(err)
			}
			store.do(func() { store.down = nil })
			r = runBound(t, store, dir, limit)
			is(r, "br")
			if repaired, err := os.ReadFile(file); err != nil || string(repaired) != string(sound) {
				t.Errorf("the copy on disk was not replaced: %v", err)
			}
			r.stop()
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			store.do(func() { store.down = errDown })
			r = runBound(t, store, dir, limit)
			is(r, "gzip")
			r.stop()

			// A changed document is no longer served with brotli.
			store.do(func() { store.down = nil })
			if err := os.WriteFile(file, sound, fileMode); err != nil {
				t.Fatal(err)
			}
			r = runBound(t, store, dir, limit)
			is(r, "br")
			store.commit("tags/0", 1, noon.Add(minute), "new")
			r.wait(minute)
			if got := r.codingOf(path, "new"); got != "gzip" {
				t.Errorf("%s is served in coding %q after a change, want gzip", path, got)
			}
			r.stop()
			if _, err := os.Stat(file); err == nil {
				t.Errorf("%s still exists although no head refers to it", file)
			}
		})
	}
}

func TestInvalidBrotliIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "main")
		r := run(t, store, t.TempDir())
		defer r.stop()
		store.do(func() {
			for hash, b := range store.blobs {
				b.Brotli = coding.Brotli.Pack([]byte("something else"))
				store.blobs[hash] = b
			}
			h := store.heads[feed.Main]
			h.Documents = append([]feed.DocumentRef{}, h.Documents...)
			for i := range h.Documents {
				h.Documents[i].Brotli = true
			}
			store.heads[feed.Main] = h
		})
		store.announce(feed.Main)
		r.wait(minute)
		if got := r.codingOf("/feed.xml", "main"); got != "gzip" {
			t.Errorf("coding is %q, want gzip", got)
		}
		r.checkProblems()
	})
}

// TestDeltaIsInGzipIfBrotliIsPreferred checks that a document keeps its deltas when it is committed with brotli.
func TestDeltaIsInGzipIfBrotliIsPreferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		r := run(t, store, t.TempDir())
		defer r.stop()
		var old string
		for i, text := range []string{rss("a=1 b=2 c=3"), rss("d=4 a=1 b=2 c=3")} {
			head, blob := revise(t, i, text)
			store.do(func() { store.heads[feed.Main], store.blobs[blob.Hash] = head, blob })
			store.announce(feed.Main)
			r.wait(minute)
			if i == 0 {
				old = `"` + string(blob.Hash) + `-br"`
			}
		}
		store.packAgain(t, feed.Main)
		r.wait(minute)
		v := Request{Method: "GET", Path: "/feed.xml", IfNoneMatch: old, AIM: "feed", AcceptEncoding: "br, gzip"}
		got := Answer(r.Snapshot(), v)
		if got.Status != 226 || got.Get("Content-Encoding") != "gzip" || body(t, got) != rss("d=4") {
			t.Errorf("status %d with coding %q, want 226 with gzip", got.Status, got.Get("Content-Encoding"))
		}
		v.AIM = ""
		if got := Answer(r.Snapshot(), v); got.Status != 200 || got.Get("Content-Encoding") != "br" {
			t.Errorf("status %d with coding %q, want 200 with brotli", got.Status, got.Get("Content-Encoding"))
		}
		v.IfNoneMatch = ""
		if n := testing.AllocsPerRun(100, func() { Answer(r.Snapshot(), v) }); n != 0 {
			t.Errorf("a brotli-compressed 200 makes %v allocations, want none", n)
		}
	})
}
