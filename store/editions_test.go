package store_test

import (
	"os/exec"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestEditionsWithoutDocument checks that Editions returns all documents, and that it omits one that the server has
// lost, but not those after it.
func TestEditionsWithoutDocument(t *testing.T) {
	url := storetest.Redis(t)
	s := open(t, store.Options{URL: url}).Site("editions")
	var lost feed.Hash
	for i, name := range []feed.Name{"tags/a", "tags/b"} {
		r := document(1, time.UnixMilli(1), "body of "+string(name))
		r.Head.Feed = name
		_, head, err := s.Commit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			lost = head.Documents[0].Hash
		}
	}
	for _, want := range []int{2, 1} {
		heads, blobs, err := s.Editions(t.Context(), nil, "tags/a", "tags/b")
		if err != nil || len(heads) != 2 || len(blobs) != want {
			t.Errorf("Editions returned %d heads and %d documents, error %v; want 2 and %d", len(heads), len(blobs), err, want)
		}
		out, err := exec.Command("redis-cli", "-u", url, "DEL", "feedpub:{editions}:doc:"+string(lost)).CombinedOutput()
		if err != nil {
			t.Fatalf("delete a document: %v: %s", err, out)
		}
	}
}
