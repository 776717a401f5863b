package storetest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/coding"
)

func blobOf(t *testing.T, body string) feed.Blob {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(body))
	must(t, "gzip", err)
	must(t, "gzip", w.Close())
	return feed.Blob{Hash: feed.HashOf([]byte(body)), Gzip: b.Bytes(), Size: len(body)}
}

// request returns a request to commit a feed with an RSS and an Atom document.
func request(t *testing.T, name feed.Name, token feed.Token, now time.Time, rss, atom string) feed.CommitRequest {
	t.Helper()
	r := feed.CommitRequest{Now: now, Head: feed.Head{Feed: name, Token: token, Config: "c1", IDs: []string{"b", "a }{"}}}
	for _, d := range []struct {
		format feed.Format
		body   string
	}{{feed.RSS, rss}, {feed.Atom, atom}} {
		b := blobOf(t, d.body)
		r.Blobs = append(r.Blobs, b)
		r.Head.Documents = append(r.Head.Documents, feed.DocumentRef{
			Format: d.format, Path: name.Path(d.format), MediaType: d.format.MediaType(), Link: `<https://x/>; rel="self"`,
			MaxAge: time.Hour, Hash: b.Hash, Length: b.Size,
		})
	}
	return r
}

// commit commits and returns the new head. It checks the outcome, and compares the stored head with the returned one.
func (s suite) commit(t *testing.T, r feed.CommitRequest, want feed.Outcome) feed.Head {
	t.Helper()
	outcome, head, err := s.Commit(s.ctx, r)
	if err != nil || outcome != want {
		t.Fatalf("Commit of %s = %q, %v; want %q", r.Head.Feed, outcome, err, want)
	}
	stored, err := s.Head(s.ctx, r.Head.Feed)
	must(t, "Head", err)
	if diff := cmp.Diff(head, stored); diff != "" {
		t.Errorf("Commit returned a head that differs from the stored one (-returned +stored):\n%s", diff)
	}
	return head
}

func commitTests() []test {
	return []test{
		{"Commit", testCommit},
		{"CommitSameBytes", testCommitSameBytes},
		{"CommitPrevious", testCommitPrevious},
		{"CommitAll", testCommitAll},
		{"CommitBounds", testCommitBounds},
		{"CommitKeepsLastModifiedOfUnchangedDocument", testCommitKeepsLastModifiedOfUnchangedDocument},
		{"LastModifiedGrowsWithoutClock", testLastModifiedGrowsWithoutClock},
		{"CommitOlderToken", testCommitOlderToken},
		{"CommitMissingDocument", testCommitMissingDocument},
		{"CommitInvalidRequest", testCommitInvalidRequest},
		{"CommitEarlierBytesAgain", testCommitEarlierBytesAgain},
		{"CommitRemovesFormat", testCommitRemovesFormat},
		{"CommitAnnouncesChangedHeaders", testCommitAnnouncesChangedHeaders},
		{"CommitBrotliLater", testCommitBrotliLater},
		{"CommitClearsOnlyItsMark", testCommitClearsOnlyItsMark},
		{"ConcurrentBuilders", testConcurrentBuilders},
	}
}

func testCommit(t *testing.T, s suite) {
	_, err := s.Head(s.ctx, feed.Main)
	wantKind(t, "Head before the first commit", err, feed.ErrNotFound)
	r := request(t, feed.Main, 1, day(1).Add(1700*time.Millisecond), "rss 1", "atom 1")
	got := s.commit(t, r, feed.Committed)
	want := r.Head
	for i := range want.Documents {
		want.Documents[i].Modified = day(1).Add(time.Second) // truncated to whole seconds
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	for _, b := range r.Blobs {
		got, err := s.Blob(s.ctx, b.Hash)
		must(t, "Blob", err)
		got.Checked = false // a store need not check documents
		if diff := cmp.Diff(b, got); diff != "" {
			t.Errorf("blob (-want +got):\n%s", diff)
		}
	}
	never := feed.HashOf([]byte("never committed"))
	absent, err := s.MissingDocuments(s.ctx, r.Blobs[0].Hash, never, r.Blobs[1].Hash)
	if err != nil || !cmp.Equal(absent, []feed.Hash{never}) {
		t.Errorf("MissingDocuments = %v, %v; want the document that was never committed", absent, err)
	}
	_, err = s.Blob(s.ctx, never)
	wantKind(t, "Blob of a missing document", err, feed.ErrNotFound)
}

func testCommitSameBytes(t *testing.T, s suite) {
	first := s.commit(t, request(t, feed.Main, 1, day(1), "rss", "atom"), feed.Committed)
	version, err := s.Version(s.ctx)
	must(t, "Version", err)
	again := request(t, feed.Main, 2, day(2), "rss", "atom")
	again.Blobs = nil // the store already has the blobs
	again.Head.Config, again.Head.IDs = "c2", []string{"c"}
	head := s.commit(t, again, feed.Unchanged)
	if head.Config != "c2" || !cmp.Equal(head.IDs, []string{"c"}) || head.Token != 2 {
		t.Errorf("head is %+v; want one with the new configuration, ids and token", head)
	}
	if diff := cmp.Diff(first.Documents, head.Documents); diff != "" {
		t.Errorf("documents after a commit of the same bytes (-first +second):\n%s", diff)
	}
	if v, err := s.Version(s.ctx); err != nil || v != version {
		t.Errorf("Version after a commit of the same bytes = %d, %v; want %d", v, err, version)
	}
}

// testCommitPrevious checks that a commit is refused if the feed does not have the documents that it names as the
// previous ones, even if only their times differ.
func testCommitPrevious(t *testing.T, s suite) {
	next := func(rss string, previous *feed.Head) feed.CommitRequest {
		r := request(t, feed.Main, 1, day(3), rss, "atom 1")
		r.Previous = previous
		return r
	}
	refuse := func(what string, r feed.CommitRequest) {
		t.Helper()
		before, headErr := s.Head(s.ctx, r.Head.Feed)
		_, _, err := s.Commit(s.ctx, r)
		wantKind(t, "Commit with "+what, err, feed.ErrStale)
		if after, err := s.Head(s.ctx, r.Head.Feed); !cmp.Equal(before, after) || (err == nil) != (headErr == nil) {
			t.Errorf("head after a refused Commit with %s is %+v, %v; want %+v", what, after, err, before)
		}
	}
	unknown := request(t, "tags/x", 1, day(1), "rss of x", "atom of x")
	unknown.Previous = &unknown.Head
	refuse("the documents of a feed that has none", unknown)

	first := s.commit(t, next("rss 1", &feed.Head{}), feed.Committed)
	refuse("no documents", next("rss 2", &feed.Head{}))
	second := s.commit(t, next("rss 2", &first), feed.Committed)
	refuse("documents that have been replaced", next("rss 3", &first))
	third := s.commit(t, next("rss 1", &second), feed.Committed)
	refuse("the same bytes at an earlier time", next("rss 2", &first))
	fewer := third
	fewer.Documents = third.Documents[:1]
	refuse("only one of two documents", next("rss 4", &fewer))

	s.commit(t, next("rss 1", &third), feed.Unchanged)
	fourth := s.commit(t, next("rss 4", nil), feed.Committed)
	other := fourth
	other.IDs, other.Token, other.Config = nil, 0, "" // only the documents are compared
	fifth := s.commit(t, next("rss 5", &other), feed.Committed)
	if got, want := fifth.Documents[0].Modified, day(3).Add(4*time.Second); !got.Equal(want) {
		t.Errorf("Last-Modified after five versions is %v; want %v", got, want)
	}
	if got, want := fifth.Documents[1].Modified, first.Documents[1].Modified; !got.Equal(want) {
		t.Errorf("Last-Modified of the unchanged document is %v; want %v", got, want)
	}
}

func testCommitBounds(t *testing.T, s suite) {
	r := request(t, feed.Main, 1, day(1), "<rss><item/><item/></rss>", "<feed/>")
	r.Blobs[0].Bounds = feed.Bounds{5, 12, 19}
	s.commit(t, r, feed.Committed)
	for i, b := range r.Blobs {
		got, err := s.Blob(s.ctx, b.Hash)
		must(t, "Blob", err)
		if diff := cmp.Diff(b.Bounds, got.Bounds); diff != "" {
			t.Errorf("bounds of document %d (-want +got):\n%s", i, diff)
		}
	}
}

func testCommitKeepsLastModifiedOfUnchangedDocument(t *testing.T, s suite) {
	first := s.commit(t, request(t, feed.Main, 1, day(1), "rss 1", "atom"), feed.Committed)
	second := s.commit(t, request(t, feed.Main, 1, day(2), "rss 2", "atom"), feed.Committed)
	if got := second.Documents[0].Modified; !got.Equal(day(2)) {
		t.Errorf("Last-Modified of the changed document is %v; want %v", got, day(2))
	}
	if got, want := second.Documents[1].Modified, first.Documents[1].Modified; !got.Equal(want) {
		t.Errorf("Last-Modified of the unchanged document is %v; want %v", got, want)
	}
}

func testLastModifiedGrowsWithoutClock(t *testing.T, s suite) {
	last := time.Time{}
	for i, now := range []time.Time{day(5), day(5), day(5).Add(300 * time.Millisecond), day(1), day(4)} {
		head := s.commit(t, request(t, feed.Main, 1, now, fmt.Sprint("rss ", i), fmt.Sprint("atom ", i)), feed.Committed)
		for _, d := range head.Documents {
			if !d.Modified.After(last) || d.Modified.Nanosecond() != 0 {
				t.Errorf("commit %d of %s at %v: Last-Modified is %v; want whole seconds later than %v",
					i, d.Format, now, d.Modified, last)
			}
		}
		last = head.Documents[0].Modified
	}
}

func testCommitOlderToken(t *testing.T, s suite) {
	want := s.commit(t, request(t, feed.Main, 9, day(1), "rss", "atom"), feed.Committed)
	_, _, err := s.Commit(s.ctx, request(t, feed.Main, 8, day(2), "stale rss", "stale atom"))
	wantKind(t, "Commit with token 8 after token 9", err, feed.ErrStale)
	_, _, err = s.Commit(s.ctx, request(t, "tags/other", 8, day(2), "stale rss", "stale atom"))
	wantKind(t, "Commit of another feed with token 8 after token 9", err, feed.ErrStale)
	got, err := s.Head(s.ctx, feed.Main)
	must(t, "Head", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("head after a failed commit (-want +got):\n%s", diff)
	}
}

func testCommitMissingDocument(t *testing.T, s suite) {
	r := request(t, feed.Main, 1, day(1), "rss", "atom")
	r.Blobs = r.Blobs[:1]
	_, _, err := s.Commit(s.ctx, r)
	wantKind(t, "Commit without the bytes of a document", err, feed.ErrNotFound)
	_, err = s.Head(s.ctx, feed.Main)
	wantKind(t, "Head after a failed commit", err, feed.ErrNotFound)
}

func testCommitInvalidRequest(t *testing.T, s suite) {
	for name, mutate := range map[string]func(*feed.CommitRequest){
		"no feed":           func(r *feed.CommitRequest) { r.Head.Feed = "" },
		"no documents":      func(r *feed.CommitRequest) { r.Head.Documents = nil },
		"a repeated format": func(r *feed.CommitRequest) { r.Head.Documents[1].Format = feed.RSS },
		"no hash":           func(r *feed.CommitRequest) { r.Head.Documents[0].Hash = "" },
	} {
		r := request(t, feed.Main, 1, day(1), "rss", "atom")
		mutate(&r)
		_, _, err := s.Commit(s.ctx, r)
		wantKind(t, "Commit with "+name, err, feed.ErrInvalid)
	}
}

func testCommitEarlierBytesAgain(t *testing.T, s suite) {
	a := request(t, feed.Main, 1, day(1), "rss A", "atom A")
	s.commit(t, a, feed.Committed)
	s.commit(t, request(t, feed.Main, 1, day(2), "rss B", "atom B"), feed.Committed)
	a.Now = day(3)
	head := s.commit(t, a, feed.Committed)
	if !head.Documents[0].Modified.Equal(day(3)) {
		t.Errorf("Last-Modified of earlier bytes that are committed again is %v; want %v", head.Documents[0].Modified, day(3))
	}
	for _, b := range a.Blobs {
		_, err := s.Blob(s.ctx, b.Hash)
		must(t, "Blob of the committed document", err)
	}
}

func testCommitRemovesFormat(t *testing.T, s suite) {
	s.commit(t, request(t, feed.Main, 1, day(1), "rss", "atom"), feed.Committed)
	r := request(t, feed.Main, 1, day(2), "rss", "atom")
	r.Head.Documents = r.Head.Documents[:1]
	head := s.commit(t, r, feed.Committed)
	if len(head.Documents) != 1 || !head.Documents[0].Modified.Equal(day(1)) {
		t.Errorf("head contains %+v; want only RSS, unchanged", head.Documents)
	}
}

func testCommitAnnouncesChangedHeaders(t *testing.T, s suite) {
	s.commit(t, request(t, feed.Main, 1, day(1), "rss", "atom"), feed.Committed)
	version, err := s.Version(s.ctx)
	must(t, "Version", err)
	r := request(t, feed.Main, 1, day(2), "rss", "atom")
	r.Head.Documents[1].MaxAge = time.Minute
	head := s.commit(t, r, feed.Unchanged)
	if head.Documents[1].MaxAge != time.Minute || !head.Documents[1].Modified.Equal(day(1)) {
		t.Errorf("document is %+v; want the new max-age and the old Last-Modified", head.Documents[1])
	}
	if v, err := s.Version(s.ctx); err != nil || v <= version {
		t.Errorf("Version = %d, %v; want more than %d, or replicas keep the old max-age", v, err, version)
	}
}

func testCommitBrotliLater(t *testing.T, s suite) {
	s.commit(t, request(t, feed.Main, 1, day(1), "rss", "atom"), feed.Committed)
	version, err := s.Version(s.ctx)
	must(t, "Version", err)
	r := request(t, feed.Main, 1, day(2), "rss", "atom")
	r.Head.Documents[0].Brotli = true
	r.Blobs[0].Brotli = coding.Brotli.Pack([]byte("rss"))
	head := s.commit(t, r, feed.Unchanged)
	if !head.Documents[0].Brotli || head.Documents[1].Brotli || !head.Documents[0].Modified.Equal(day(1)) {
		t.Errorf("documents are %+v; want the first with brotli coding and the old Last-Modified", head.Documents)
	}
	if v, err := s.Version(s.ctx); err != nil || v <= version {
		t.Errorf("Version = %d, %v; want more than %d, or replicas do not notice the new coding", v, err, version)
	}
	for i, want := range [][]byte{r.Blobs[0].Brotli, nil} {
		b, err := s.Blob(s.ctx, r.Blobs[i].Hash)
		must(t, "Blob", err)
		if diff := cmp.Diff(want, b.Brotli); diff != "" {
			t.Errorf("document %d in brotli coding (-want +got):\n%s", i, diff)
		}
	}
	// Blob does not return bytes that are not the brotli coding of the document.
	r = request(t, "tags/x", 1, day(2), "rss of x", "atom of x")
	r.Head.Documents[0].Brotli, r.Blobs[0].Brotli = true, []byte("something else")
	s.commit(t, r, feed.Committed)
	if b, err := s.Blob(s.ctx, r.Blobs[0].Hash); err != nil || b.Brotli != nil {
		t.Errorf("Blob with other bytes as brotli coding = %+v, %v; want it without Brotli", b, err)
	}
}

func testCommitClearsOnlyItsMark(t *testing.T, s suite) {
	must(t, "MarkDirty", s.MarkDirty(s.ctx, feed.Main, "tags/x"))
	dirty, err := s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	mark := dirty[0].Mark
	must(t, "MarkDirty", s.MarkDirty(s.ctx, feed.Main)) // mark it again while a builder builds the feed
	for _, name := range []feed.Name{feed.Main, "tags/x"} {
		r := request(t, name, 1, day(1), "rss of "+string(name), "atom of "+string(name))
		r.Dirty = mark
		s.commit(t, r, feed.Committed)
	}
	s.wantDirty(t, feed.Main)
	dirty, err = s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	r := request(t, feed.Main, 1, day(1), "rss of main", "atom of main")
	r.Dirty = dirty[0].Mark
	s.commit(t, r, feed.Unchanged)
	s.wantDirty(t)
}

func testConcurrentBuilders(t *testing.T, s suite) {
	const rounds = 20
	builders := []feed.Token{100, 101}
	var wg sync.WaitGroup
	for _, token := range builders {
		site := s.open()
		requests := make([]feed.CommitRequest, rounds)
		for i := range requests {
			body := fmt.Sprintf("by %d, version %d", token, i)
			requests[i] = request(t, feed.Main, token, day(1), "rss "+body, "atom "+body)
		}
		wg.Go(func() {
			for _, r := range requests {
				if _, _, err := site.Commit(s.ctx, r); err != nil && token == builders[1] {
					t.Errorf("Commit of the builder with the greater token: %v", err)
				}
			}
		})
	}
	wg.Wait()
	head, err := s.Head(s.ctx, feed.Main)
	must(t, "Head", err)
	want := fmt.Sprintf("rss by %d, version %d", builders[1], rounds-1)
	if head.Token != builders[1] || head.Documents[0].Hash != feed.HashOf([]byte(want)) {
		t.Errorf("head has token %d and document %s; want the last commit of token %d",
			head.Token, head.Documents[0].Hash, builders[1])
	}
	for _, d := range head.Documents {
		_, err := s.Blob(s.ctx, d.Hash)
		must(t, "Blob of the committed document", err)
	}
}

// testCommitAll checks that each of several commits succeeds or fails by itself.
func testCommitAll(t *testing.T, s suite) {
	next := func(name feed.Name, token feed.Token, rss string, previous feed.Head) feed.CommitRequest {
		r := request(t, name, token, day(2), rss, "atom of "+string(name))
		r.Previous = &previous
		return r
	}
	first := s.commit(t, request(t, feed.Main, 1, day(1), "rss", "atom"), feed.Committed)
	// The commits below may be made in any order, so a token greater than that of tags/c is stored before.
	tag := s.commit(t, request(t, "tags/a", 2, day(1), "rss of a", "atom of tags/a"), feed.Committed)
	absent := next("tags/absent", 2, "rss of absent", feed.Head{})
	absent.Blobs = nil
	invalid := next("tags/invalid", 2, "rss of invalid", feed.Head{})
	invalid.Head.Documents = nil
	version, err := s.Version(s.ctx)
	must(t, "Version", err)
	for _, requests := range [][]feed.CommitRequest{
		{
			next(feed.Main, 2, "rss 2", first), next("tags/a", 2, "rss of a", tag), next("tags/b", 2, "rss of b", feed.Head{}),
			next("tags/c", 1, "rss of c", feed.Head{}), next("tags/d", 2, "rss of d", tag), absent,
		},
		{next("tags/e", 2, "rss of e", feed.Head{}), invalid},
	} {
		results := s.CommitAll(s.ctx, requests)
		for i, r := range requests {
			name, result := r.Head.Feed, results[i]
			switch want := map[feed.Name]error{
				"tags/c": feed.ErrStale, "tags/d": feed.ErrStale, "tags/absent": feed.ErrNotFound, "tags/invalid": feed.ErrInvalid,
			}[name]; {
			case want != nil:
				wantKind(t, fmt.Sprintf("commit of %s", name), result.Err, want)
				_, err := s.Head(s.ctx, name)
				wantKind(t, fmt.Sprintf("Head of %s after a failed commit", name), err, feed.ErrNotFound)
			case result.Err != nil:
				t.Errorf("commit of %s: %v", name, result.Err)
			default:
				want := feed.Committed
				if name == "tags/a" {
					want = feed.Unchanged
				}
				stored, err := s.Head(s.ctx, name)
				must(t, "Head", err)
				if diff := cmp.Diff(stored, result.Head); diff != "" || result.Outcome != want {
					t.Errorf("commit of %s: outcome %s, want %s; head (-stored +returned):\n%s", name, result.Outcome, want, diff)
				}
			}
		}
	}
	changes, err := s.Changes(s.ctx, "", 0)
	must(t, "Changes", err)
	announced := map[feed.Name]bool{}
	for _, c := range changes {
		if c.Version > version {
			announced[c.Feed] = true
		}
	}
	if want := map[feed.Name]bool{feed.Main: true, "tags/b": true, "tags/e": true}; !cmp.Equal(announced, want) {
		t.Errorf("announced feeds: %v, want %v", announced, want)
	}
}
