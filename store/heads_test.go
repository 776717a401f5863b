package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestStoredHeadsSums checks that a head is not reported as unchanged if one of its stored fields has changed.
func TestStoredHeadsSums(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	if _, _, err := s.Commit(t.Context(), document(1, time.Unix(1403000000, 0), "body")); err != nil {
		t.Fatal(err)
	}
	stored, err := s.StoredHeads(t.Context(), nil)
	if err != nil || len(stored) != 1 {
		t.Fatalf("StoredHeads = %v, %v; want one head", stored, err)
	}
	known := map[feed.Name]feed.HeadSum{feed.Main: stored[0].Sum}
	unchanged := func() (unchanged, exists bool) {
		t.Helper()
		stored, err := s.StoredHeads(t.Context(), known)
		if err != nil {
			t.Fatalf("StoredHeads: %v", err)
		}
		return len(stored) == 1 && stored[0].Unchanged, len(stored) == 1
	}
	const key = "feedpub:{main}:head:main"
	if kind := r.Do("TYPE " + key); kind != "+hash" {
		t.Fatalf("%s is of type %q, want +hash", key, kind)
	}
	redis := func(command string) {
		t.Helper()
		if reply := r.Do(command); strings.HasPrefix(reply, "-") {
			t.Fatalf("%s: %s", command, reply)
		}
	}
	for _, change := range []string{
		"HSET %s token 2", "HSET %s config c", "HSET %s ids []", "HSET %s formats rss,rss,", "HDEL %s doc:rss",
		"HSET %s doc:rss x", "HDEL %s ids", "DEL %s",
	} {
		t.Run(change, func(t *testing.T) {
			redis("COPY " + key + " {main}:copy REPLACE")
			redis(fmt.Sprintf(change, key))
			if same, _ := unchanged(); same {
				t.Error("the head is reported as unchanged, want it reported as changed")
			}
			redis("COPY {main}:copy " + key + " REPLACE")
			if same, exists := unchanged(); !same {
				t.Errorf("the head is reported as changed although its bytes were restored; exists is %t", exists)
			}
		})
	}
}

// BenchmarkStoredHeads reads the heads of a site with 23 feeds of 5 posts, as a replica does every five minutes.
func BenchmarkStoredHeads(b *testing.B) {
	c, err := store.Open(store.Options{URL: storetest.StartRedis(b).URL()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	s := c.Site(site)
	for i := range 23 {
		name := feed.Join(feed.Tags, fmt.Sprint(i))
		r := document(1, time.Unix(1403000000, 0), fmt.Sprint("body ", i))
		ref := r.Head.Documents[0]
		r.Head.Feed, r.Head.Config, r.Head.Documents = name, string(ref.Hash), nil
		r.Head.IDs = nil
		for n := range 5 {
			r.Head.IDs = append(r.Head.IDs, fmt.Sprintf("https://example.org/2014/06/post-%d", n))
		}
		for _, f := range feed.Formats() {
			ref.Format, ref.Path, ref.MediaType, ref.MaxAge = f, name.Path(f), f.MediaType(), time.Hour
			ref.Link = fmt.Sprintf(`<https://example.org%s>; rel="self"`, ref.Path)
			r.Head.Documents = append(r.Head.Documents, ref)
		}
		if _, _, err := s.Commit(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	known := map[feed.Name]feed.HeadSum{}
	for _, test := range []struct {
		name  string
		known map[feed.Name]feed.HeadSum
	}{{"changed", nil}, {"unchanged", known}} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stored, err := s.StoredHeads(b.Context(), test.known)
				if err != nil || len(stored) != 23 {
					b.Fatalf("StoredHeads = %d heads, %v; want 23", len(stored), err)
				}
				for _, h := range stored {
					known[h.Feed] = h.Sum
				}
			}
		})
	}
}

// TestHeadsOf checks that heads are returned in the order of the names, and that a missing one is an error.
func TestHeadsOf(t *testing.T) {
	s := open(t, store.Options{URL: storetest.StartRedis(t).URL()}).Site(site)
	for _, name := range []feed.Name{feed.Main, "tags/a"} {
		r := document(1, time.Unix(1403000000, 0), "body")
		r.Head.Feed = name
		if _, _, err := s.Commit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	heads, err := s.HeadsOf(t.Context(), "tags/a", feed.Main)
	if err != nil || len(heads) != 2 || heads[0].Feed != "tags/a" || heads[1].Feed != feed.Main {
		t.Errorf("HeadsOf = %v, %v, want the heads of both feeds in order", heads, err)
	}
	if _, err := s.HeadsOf(t.Context(), feed.Main, "tags/b"); !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("HeadsOf a feed without a head returned %v, want an error of kind ErrNotFound", err)
	}
}

// TestEditions checks that documents that are not known are returned with their heads, and that a document that does
// not exist does not affect others.
func TestEditions(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	var hashes []feed.Hash
	for _, name := range []feed.Name{feed.Main, "tags/a", "tags/b"} {
		c := document(1, time.Unix(1403000000, 0), "body of "+string(name))
		c.Head.Feed = name
		_, head, err := s.Commit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, head.Documents[0].Hash)
	}
	r.Do("DEL feedpub:{main}:doc:" + string(hashes[2]))
	heads, blobs, err := s.Editions(t.Context(), hashes[:1], feed.Main, "tags/a", "tags/b")
	if err != nil || len(heads) != 3 {
		t.Fatalf("Editions returned %d heads, %v, want 3", len(heads), err)
	}
	if len(blobs) != 1 || blobs[0].Hash != hashes[1] {
		t.Errorf("Editions returned the documents %v, want only %s", blobs, hashes[1])
	}
}
