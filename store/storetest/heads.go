package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func headTests() []test {
	return []test{
		{"Heads", testHeads},
		{"Changes", testChanges},
		{"ChangesPosition", testChangesPosition},
		{"ChangesWaits", testChangesWaits},
		{"ChangesContext", testChangesContext},
		{"StoredHeads", testStoredHeads},
		{"Version", testVersion},
		{"RestoreHeads", testRestoreHeads},
		{"RestoreHeadsReplacesOlder", testRestoreHeadsReplacesOlder},
	}
}

func testHeads(t *testing.T, s suite) {
	if heads, err := s.Heads(s.ctx); err != nil || len(heads) != 0 {
		t.Errorf("Heads of an empty site = %v, %v; want none", heads, err)
	}
	var want []feed.Head
	for _, name := range []feed.Name{"authors/b", "main", "tags/a"} {
		r := request(t, name, 1, day(1), "rss "+string(name), "atom "+string(name))
		want = append(want, s.commit(t, r, feed.Committed))
	}
	got, err := s.Heads(s.ctx)
	must(t, "Heads", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Heads (-want +got):\n%s", diff)
	}
}

// testStoredHeads checks that StoredHeads returns the same heads as Heads, except for the heads with known sums.
func testStoredHeads(t *testing.T, s suite) {
	for _, name := range []feed.Name{"main", "tags/a", "tags/b"} {
		s.commit(t, request(t, name, 1, day(1), "rss "+string(name), "atom "+string(name)), feed.Committed)
	}
	read := func(known map[feed.Name]feed.HeadSum) []feed.StoredHead {
		t.Helper()
		stored, err := s.StoredHeads(s.ctx, known)
		must(t, "StoredHeads", err)
		heads, err := s.Heads(s.ctx)
		must(t, "Heads", err)
		want := make([]feed.StoredHead, len(heads))
		for i, h := range heads {
			want[i] = feed.StoredHead{Head: h, Sum: stored[i].Sum}
			if stored[i].Unchanged {
				want[i].Head, want[i].Unchanged = feed.Head{Feed: h.Feed}, true
			}
		}
		if diff := cmp.Diff(want, stored); diff != "" {
			t.Errorf("StoredHeads (-want +got):\n%s", diff)
		}
		return stored
	}
	known := map[feed.Name]feed.HeadSum{}
	for _, h := range read(nil) {
		if h.Unchanged {
			t.Errorf("head of %s is reported as unchanged, want it decoded, since its sum is unknown", h.Feed)
		}
		known[h.Feed] = h.Sum
	}
	for _, h := range read(known) {
		if hasSums := h.Sum != (feed.HeadSum{}); h.Unchanged != hasSums {
			t.Errorf("head of %s: unchanged is %t without a commit, want %t", h.Feed, h.Unchanged, hasSums)
		}
	}
	s.commit(t, request(t, "tags/a", 1, day(2), "new", "atom tags/a"), feed.Committed)
	for _, h := range read(known) {
		if h.Feed == "tags/a" && h.Unchanged {
			t.Errorf("head of %s is reported as unchanged after a commit", h.Feed)
		}
	}
}

func testChanges(t *testing.T, s suite) {
	start, err := s.LastChange(s.ctx)
	must(t, "LastChange", err)
	if start == "" {
		t.Fatal("LastChange before the first commit is empty; want a position")
	}
	if got, err := s.Changes(s.ctx, start, 0); err != nil || len(got) != 0 {
		t.Errorf("Changes without a commit = %+v, %v; want none", got, err)
	}
	for _, name := range []feed.Name{"main", "tags/a"} {
		s.commit(t, request(t, name, 1, day(1), "rss "+string(name), "atom "+string(name)), feed.Committed)
	}
	got, err := s.Changes(s.ctx, start, time.Minute)
	must(t, "Changes", err)
	if len(got) != 2 || got[0].Feed != "main" || got[1].Feed != "tags/a" {
		t.Fatalf("Changes = %+v; want a commit of main and one of tags/a", got)
	}
	version, err := s.Version(s.ctx)
	must(t, "Version", err)
	if got[0].Version != version-1 || got[1].Version != version {
		t.Errorf("Changes = %+v; want the versions %d and %d", got, version-1, version)
	}
	if last, err := s.LastChange(s.ctx); err != nil || last != got[1].Entry {
		t.Errorf("LastChange = %q, %v; want %q", last, err, got[1].Entry)
	}
}

func testChangesPosition(t *testing.T, s suite) {
	for _, name := range []feed.Name{"main", "tags/a"} {
		s.commit(t, request(t, name, 1, day(1), "rss "+string(name), "atom "+string(name)), feed.Committed)
	}
	all, err := s.Changes(s.ctx, "", 0)
	if err != nil || len(all) != 2 {
		t.Fatalf("Changes from the start of the stream = %+v, %v; want both commits", all, err)
	}
	rest, err := s.Changes(s.ctx, all[0].Entry, 0)
	if err != nil || len(rest) != 1 || rest[0].Feed != "tags/a" {
		t.Errorf("Changes after the first commit = %+v, %v; want the commit of tags/a", rest, err)
	}
}

func testChangesWaits(t *testing.T, s suite) {
	start, err := s.LastChange(s.ctx)
	must(t, "LastChange", err)
	other := s.open()
	r := request(t, feed.Main, 1, day(1), "rss", "atom")
	done := make(chan error, 1)
	go func() {
		_, _, err := other.Commit(s.ctx, r)
		done <- err
	}()
	got, err := s.Changes(s.ctx, start, 30*time.Second)
	must(t, "Changes", err)
	must(t, "Commit", <-done)
	if len(got) != 1 || got[0].Feed != feed.Main {
		t.Errorf("Changes = %+v; want a commit of main", got)
	}
}

func testChangesContext(t *testing.T, s suite) {
	ctx, cancel := contextWithTimeout(t, 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.Changes(ctx, "0-0", time.Hour); err == nil {
		t.Error("Changes with a context that timed out returned no error")
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("Changes with a context of 50 ms took %v", took)
	}
}

func testVersion(t *testing.T, s suite) {
	last, err := s.Version(s.ctx)
	if err != nil || last != 0 {
		t.Errorf("Version before the first commit = %d, %v; want 0", last, err)
	}
	for _, body := range []string{"1", "2", "3"} {
		s.commit(t, request(t, feed.Main, 1, day(1), "rss "+body, "atom"), feed.Committed)
		v, err := s.Version(s.ctx)
		if err != nil || v <= last {
			t.Errorf("Version = %d, %v; want more than %d", v, err, last)
		}
		last = v
	}
}

func testRestoreHeads(t *testing.T, s suite) {
	old := request(t, feed.Main, 5, day(3), "rss old", "atom old")
	for i := range old.Head.Documents {
		old.Head.Documents[i].Modified = day(3)
	}
	blobs := func(h feed.Hash) (feed.Blob, error) {
		for _, b := range old.Blobs {
			if b.Hash == h {
				return b, nil
			}
		}
		return feed.Blob{}, feed.ErrNotFound
	}
	lost := request(t, "tags/lost", 5, day(3), "rss lost", "atom lost")
	err := s.RestoreHeads(s.ctx, []feed.Head{lost.Head, old.Head}, blobs)
	wantKind(t, "RestoreHeads of a feed without blobs", err, feed.ErrNotFound)
	got, err := s.Head(s.ctx, feed.Main)
	must(t, "Head of the other feed", err)
	if diff := cmp.Diff(old.Head, got); diff != "" {
		t.Errorf("restored head (-want +got):\n%s", diff)
	}
	_, err = s.Head(s.ctx, "tags/lost")
	wantKind(t, "Head of a feed without blobs", err, feed.ErrNotFound)

	wantKind(t, "Commit with a token older than that of the restored head",
		commitErr(s, request(t, feed.Main, 4, day(9), "x", "y")), feed.ErrStale)
	newer := s.commit(t, request(t, feed.Main, 6, day(1), "rss new", "atom new"), feed.Committed)
	if d := newer.Documents[0]; !d.Modified.After(day(3)) {
		t.Errorf("Last-Modified of a commit after the restore is %v; want a later time than %v", d.Modified, day(3))
	}
	must(t, "RestoreHeads", s.RestoreHeads(s.ctx, []feed.Head{old.Head}, blobs))
	got, err = s.Head(s.ctx, feed.Main)
	must(t, "Head", err)
	if diff := cmp.Diff(newer, got); diff != "" {
		t.Errorf("head after RestoreHeads of an older one (-want +got):\n%s", diff)
	}
}

func testRestoreHeadsReplacesOlder(t *testing.T, s suite) {
	s.commit(t, request(t, feed.Main, 5, day(1), "rss rolled back", "atom rolled back"), feed.Committed)
	disk := request(t, feed.Main, 6, day(2), "rss", "atom")
	byHash := map[feed.Hash]feed.Blob{}
	for i, b := range disk.Blobs {
		byHash[b.Hash] = b
		disk.Head.Documents[i].Modified = day(2)
	}
	must(t, "RestoreHeads", s.RestoreHeads(s.ctx, []feed.Head{disk.Head}, func(h feed.Hash) (feed.Blob, error) {
		if b, ok := byHash[h]; ok {
			return b, nil
		}
		return feed.Blob{}, errors.New("no such blob")
	}))
	got, err := s.Head(s.ctx, feed.Main)
	must(t, "Head", err)
	if diff := cmp.Diff(disk.Head, got); diff != "" {
		t.Errorf("head after RestoreHeads of a newer one (-want +got):\n%s", diff)
	}
}

func commitErr(s suite, r feed.CommitRequest) error {
	_, _, err := s.Commit(s.ctx, r)
	return err
}
