package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestCommitAfterFlush checks that tokens, versions and Last-Modified continue to increase after a server has lost its
// data.
func TestCommitAfterFlush(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	token, err := s.Acquire(t.Context(), "build", "one", time.Minute, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, head, err := s.Commit(t.Context(), document(token, now, "before"))
	if err != nil {
		t.Fatal(err)
	}
	version, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Flush()
	// The next builder's clock is slow, but replicas have reported the greatest token to it.
	next, err := s.Acquire(t.Context(), "build", "two", time.Minute, now.Add(-time.Hour), token)
	if err != nil || next <= token {
		t.Errorf("Acquire after the flush = %d, %v; want more than %d", next, err, token)
	}
	b := document(token, now, "before").Blobs[0]
	blobs := func(feed.Hash) (feed.Blob, error) { return b, nil }
	if err := s.RestoreHeads(t.Context(), []feed.Head{head}, blobs); err != nil {
		t.Errorf("RestoreHeads: %v", err)
	}
	outcome, again, err := s.Commit(t.Context(), document(next, now.Add(-time.Hour), "after"))
	if err != nil || outcome != feed.Committed || !again.Documents[0].Modified.After(head.Documents[0].Modified) {
		t.Errorf("Commit after the flush = %s, %+v, %v; want a Last-Modified later than %v",
			outcome, again.Documents, err, head.Documents[0].Modified)
	}
	if v, err := s.Version(t.Context()); err != nil || v <= version {
		t.Errorf("Version after the flush = %d, %v; want more than %d, or replicas do not notice the commit", v, err, version)
	}
}

// TestReplacedDocumentsExpire checks that replaced documents expire and committed documents do not, even if several
// builders commit at the same time.
func TestReplacedDocumentsExpire(t *testing.T) {
	r := storetest.StartRedis(t)
	c := open(t, store.Options{URL: r.URL()})
	s := c.Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	expires := func(body string) bool {
		t.Helper()
		switch reply := r.Do(fmt.Sprintf("TTL feedpub:{main}:doc:%s", feed.HashOf([]byte(body)))); reply {
		case ":-1":
			return false
		case ":-2":
			t.Errorf("document %q does not exist", body)
			return true
		default:
			return true
		}
	}
	for i, body := range []string{"A", "B", "A"} {
		if _, _, err := s.Commit(t.Context(), document(1, now, body)); err != nil {
			t.Fatal(err)
		}
		if expires(body) {
			t.Errorf("commit %d: the committed document %q expires; want it kept", i+1, body)
		}
	}
	if !expires("B") {
		t.Error("the replaced document B does not expire")
	}

	var wg sync.WaitGroup
	for worker := range 4 { // all workers use the same token, so that none is fenced
		wg.Go(func() {
			for i := range 15 {
				_, _, err := s.Commit(t.Context(), document(1, now, fmt.Sprintf("%d of %d", i, worker)))
				if err != nil && !errors.Is(err, feed.ErrStale) {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	head, err := s.Head(t.Context(), feed.Main)
	if err != nil {
		t.Fatal(err)
	}
	for worker := range 4 {
		for i := range 15 {
			body := fmt.Sprintf("%d of %d", i, worker)
			if committed := head.Documents[0].Hash == feed.HashOf([]byte(body)); expires(body) == committed {
				t.Errorf("document %q: expires is %v, committed is %v; want exactly one to be true",
					body, committed, committed)
			}
		}
	}
}

// TestVersionGrowsAfterFlush checks that a commit after a flush has a greater version, since replicas compare versions.
func TestVersionGrowsAfterFlush(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	var before int64
	for i := range 2 {
		if _, _, err := s.Commit(t.Context(), document(1, now.Add(time.Duration(i)*time.Second), "body")); err != nil {
			t.Fatal(err)
		}
		v, err := s.Version(t.Context())
		if err != nil || v <= before {
			t.Errorf("Version after commit %d = %d, %v; want more than %d", i+1, v, err, before)
		}
		before = v
		r.Flush()
	}
}

// TestLateCommitIsRefused checks that a commit that the server receives late, after the caller has repeated it and made
// further commits, changes nothing, even if the documents again have the bytes that the late commit was meant to
// replace.
func TestLateCommitIsRefused(t *testing.T) {
	s := open(t, store.Options{URL: storetest.StartRedis(t).URL()}).Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	token, err := s.Acquire(t.Context(), "build", "one", time.Minute, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	var heads []feed.Head
	for _, body := range []string{"one", "two", "one"} {
		_, head, err := s.Commit(t.Context(), document(token, now, body))
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
	}
	late := document(token, now, "two")
	if got, err := s.CommitOnce(t.Context(), late, heads[0]); err != nil || got != "changed" {
		t.Errorf("the late commit = %q, %v; want changed", got, err)
	}
	if got, err := s.Head(t.Context(), heads[2].Feed); err != nil || got.Documents[0].Hash != heads[2].Documents[0].Hash {
		t.Errorf("head after the late commit is %+v, %v; want the last one", got.Documents, err)
	}
	if got, err := s.CommitOnce(t.Context(), late, heads[2]); err != nil || got != "committed" {
		t.Errorf("a commit with the current head = %q, %v; want committed", got, err)
	}
}
