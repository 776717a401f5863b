package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/klauspost/compress/gzip"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/store"
)

// world is a store and a clock that the builders and writers of a test share.
type world struct {
	t      *testing.T
	redis  *miniredis.Miniredis
	site   *store.Site
	config feed.Site
	seen   *seen
	log    *logBuffer

	mu     sync.Mutex
	offset time.Duration // added to the clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	m := miniredis.RunT(t)
	client, err := store.Open(store.Options{
		URL: "redis://" + m.Addr(),
		// The server is in this process, so it is slow only if the machine is busy.
		DialTimeout: time.Minute, ServeTimeout: time.Minute, BuildTimeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &world{
		t: t, redis: m, site: client.Site("main"), log: &logBuffer{},
		config: feed.Site{
			ID: "main", Title: "A Blog", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
			Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: time.Hour,
		},
	}
}

// logBuffer is a log that can be read while it is written to.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logged returns the number of occurrences of text in the log.
func (w *world) logged(text string) int { return strings.Count(w.log.String(), text) }

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
	w.redis.SetTime(time.Now().Add(w.offset))
}

// builder returns a builder with the current configuration of the site.
func (w *world) builder(owner string, change ...func(*publish.Config)) *publish.Publisher {
	w.t.Helper()
	reader, err := attribution.New(attribution.Options{Threshold: 0.7})
	if err != nil {
		w.t.Fatal(err)
	}
	c := publish.Config{
		Site: w.config, Store: w.site, Intake: intake.New(w.config, reader), Renderer: render.New(),
		Canonical: reader.Canonical, Owner: owner, Clock: w.now,
		Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if w.seen != nil {
		c.Replica = w.seen
	}
	for _, f := range change {
		f(&c)
	}
	return publish.New(c)
}

// post returns a JSON post with an id, title, text and date, and with additional members, given as alternating keys and
// values. A nil value removes the member.
func post(id string, members ...any) feed.RawPost {
	m := map[string]any{
		"id": id, "title": "Title of " + id, "content_text": "Text of " + id + ".",
		"date_published": "2020-01-02T03:04:05Z",
	}
	for i := 0; i+1 < len(members); i += 2 {
		if members[i+1] == nil {
			delete(m, members[i].(string))
			continue
		}
		m[members[i].(string)] = members[i+1]
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return feed.RawPost{ID: id, Raw: raw}
}

func (w *world) put(posts ...feed.RawPost) {
	w.t.Helper()
	if err := w.site.Put(w.t.Context(), posts...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(id string) {
	w.t.Helper()
	if err := w.site.Delete(w.t.Context(), id); err != nil {
		w.t.Fatal(err)
	}
}

// rebuild rebuilds the given feeds, or all feeds if none are given, and returns their outcomes.
func (w *world) rebuild(p *publish.Publisher, names ...feed.Name) map[feed.Name]feed.Outcome {
	w.t.Helper()
	report, err := p.Rebuild(w.t.Context(), names...)
	if err != nil {
		w.t.Fatalf("rebuild: %v\n%s", err, w.log)
	}
	out := map[feed.Name]feed.Outcome{}
	for _, r := range report.Feeds {
		out[r.Feed] = r.Outcome
	}
	return out
}

func (w *world) head(name feed.Name) feed.Head {
	w.t.Helper()
	h, err := w.site.Head(w.t.Context(), name)
	if err != nil {
		w.t.Fatalf("head of %s: %v\n%s", name, err, w.log)
	}
	return h
}

// ids returns the ids in the feed's JSON document, in order, or nil if the feed was never committed.
func (w *world) ids(name feed.Name) []string {
	w.t.Helper()
	h, err := w.site.Head(w.t.Context(), name)
	if errors.Is(err, feed.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var doc struct{ Items []struct{ ID string } }
	if err := json.Unmarshal(w.body(h, feed.JSON), &doc); err != nil {
		w.t.Fatal(err)
	}
	ids := []string{}
	for _, it := range doc.Items {
		ids = append(ids, it.ID)
	}
	if !slices.Equal(ids, h.IDs) {
		w.t.Errorf("%s: the document has the posts %v, want those of the head, %v", name, ids, h.IDs)
	}
	return ids
}

// body returns the identity bytes of a committed document.
func (w *world) body(h feed.Head, f feed.Format) []byte {
	w.t.Helper()
	ref, ok := h.Document(f)
	if !ok {
		w.t.Fatalf("%s has no %s document", h.Feed, f)
	}
	blob, err := w.site.Blob(w.t.Context(), ref.Hash)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(blob.Gzip))
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if feed.HashOf(body) != ref.Hash || len(body) != ref.Length {
		w.t.Errorf("%s: the %s document does not match the hash and length in the head", h.Feed, f)
	}
	return body
}

// problems returns the kinds of problems by id.
func (w *world) problems() map[string]feed.ProblemKind {
	w.t.Helper()
	list, err := w.site.Problems(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]feed.ProblemKind{}
	for _, p := range list {
		out[p.ID] = p.Kind
	}
	return out
}

// lose deletes the keys with the given suffixes, without an inbox entry.
func (w *world) lose(keys ...string) {
	for _, k := range w.redis.Keys() {
		if slices.ContainsFunc(keys, func(part string) bool { return strings.HasSuffix(k, part) }) {
			w.redis.Del(k)
		}
	}
}

// seen is a [publish.Replica] that serves the documents that [world.remember] has copied.
type seen struct {
	mu    sync.Mutex // guards heads, which some tests change
	heads map[feed.Name]feed.Head
	sums  map[feed.Name]feed.HeadSum
	blobs map[feed.Hash]feed.Blob
}

// remember copies the committed documents to a replica, which builders that are created later use.
func (w *world) remember() {
	w.t.Helper()
	w.seen = &seen{
		heads: map[feed.Name]feed.Head{}, sums: map[feed.Name]feed.HeadSum{}, blobs: map[feed.Hash]feed.Blob{},
	}
	heads, err := w.site.StoredHeads(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range heads {
		w.seen.heads[h.Feed], w.seen.sums[h.Feed] = h.Head, h.Sum
		for _, d := range h.Documents {
			if w.seen.blobs[d.Hash], err = w.site.Blob(w.t.Context(), d.Hash); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (s *seen) Newest() feed.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	var newest feed.Token
	for _, h := range s.heads {
		newest = max(newest, h.Token)
	}
	return newest
}

func (s *seen) Head(n feed.Name) (feed.Head, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.heads[n]
	return h, ok
}

func (s *seen) Heads() []feed.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.heads))
}

func (s *seen) Sums() map[feed.Name]feed.HeadSum { return maps.Clone(s.sums) }

func (s *seen) Blob(h feed.Hash) (feed.Blob, bool) { b, ok := s.blobs[h]; return b, ok }

// until waits until cond returns true, and fails the test after a minute.
func (w *world) until(what string, cond func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			w.t.Fatalf("condition not met within a minute: %s\n%s", what, w.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// run runs a builder until stop is called.
func (w *world) run(p *publish.Publisher) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}
