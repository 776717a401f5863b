package simulate

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/feed/serve"
	"feedpub/store/memstore"
)

// readers simulates the readers of all processes, and checks what every reader may rely on.
type readers struct {
	mu     sync.Mutex
	bodies map[string]feed.Hash // hash of the body of each entity tag
	seen   map[string]time.Time // Last-Modified of each document, by process run and path
	reads  int
}

func newReaders() *readers {
	return &readers{bodies: map[string]feed.Hash{}, seen: map[string]time.Time{}}
}

// start reads every second or so until stop is called.
func (x *readers) start(w *world) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r := newRandom(w.seed, "readers")
	go func() {
		defer close(done)
		for sleep(ctx, r.between(500*time.Millisecond, 3*time.Second)) {
			for _, p := range w.processes {
				x.read(w, p)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// read reads from a process.
func (x *readers) read(w *world, p *process) {
	p.mu.Lock()
	replica, run := p.serving, p.started
	p.mu.Unlock()
	if replica == nil {
		return
	}
	snapshot := replica.Snapshot()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, h := range snapshot.Heads() {
		for _, d := range h.Documents {
			key := fmt.Sprintf("%s%d %s", p.id, run, d.Path)
			// If a store has lost data and its clock was also set back, Last-Modified may be earlier than before.
			if d.Modified.Before(x.seen[key]) && !w.plan.lossy {
				w.violation("%s goes back in time: Last-Modified is %v after %v", key, d.Modified, x.seen[key])
			}
			x.seen[key] = d.Modified
		}
	}
	h, ok := snapshot.Head(feed.Main)
	if !ok {
		return
	}
	for _, d := range h.Documents {
		res := serve.Answer(snapshot, serve.Request{Method: "GET", Path: d.Path, AcceptEncoding: "gzip"})
		x.reads++
		if res.Status != 200 { // 503 while a document is loaded from the disk
			continue
		}
		tag, hash := res.Get("Etag"), feed.HashOf(res.Body)
		if before := x.bodies[tag]; before != "" && before != hash {
			w.violation("%s: two bodies have the entity tag %s", d.Path, tag)
		}
		x.bodies[tag] = hash
	}
}

// checkWithdrawn checks that no document contains a post that was withdrawn before a completed rebuild.
func (w *world) checkWithdrawn(withdrawn map[string]version, report feed.Report) {
	if w.plan.lossy {
		return // the store may have lost the withdrawal
	}
	heads, err := w.site.Heads(context.Background())
	if err != nil {
		w.violation("heads: %v", err)
	}
	for _, h := range heads {
		for _, id := range h.IDs {
			if v, ok := withdrawn[id]; ok && w.posts.unchanged(v) {
				w.violation("%s has post %s, which was withdrawn before a rebuild: %v", h.Feed, id, outcomes(report))
			}
		}
	}
}

func outcomes(r feed.Report) string {
	var b bytes.Buffer
	for _, f := range r.Feeds {
		fmt.Fprintf(&b, "%s %s %s; ", f.Feed, f.Outcome, f.Reason)
	}
	return b.String()
}

// settleTime is the time within which everything must be current after the last fault and the last write.
const settleTime = 2 * time.Minute

// converge waits until future dates have passed, rebuilds, and compares the documents with a fresh build.
func (w *world) converge() {
	time.Sleep(30 * time.Second) // longer than the wait for the latest future date or for a lost commit
	w.awaitFullPoll()
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	w.acceptRollback(ctx)
	report, err := publish.Ask(ctx, w.operator, nil)
	if err != nil {
		w.violation("rebuild after healing: %v", err)
		return
	}
	for _, f := range report.Feeds {
		if !f.Outcome.Current() {
			w.violation("after healing %s is %s: %s", f.Feed, f.Outcome, f.Reason)
		}
	}
	w.checkWithdrawn(w.posts.withdrawn(), report)
	time.Sleep(12 * time.Second) // enough time for two polls of a replica
	w.awaitFullPoll()
	w.checkReplicas()
	w.checkPosts()
	w.checkFresh()
}

// awaitFullPoll waits until replicas must have noticed that the store has lost commits. They read all heads every 60
// polls, because a store that has lost commits may reach the version they last saw through different commits.
func (w *world) awaitFullPoll() {
	if w.plan.lossy {
		time.Sleep(5 * time.Minute)
	}
}

// checkAnswered checks that every request for a rebuild was answered.
func (w *world) checkAnswered() {
	if n, first := w.waiting(); n > 0 {
		w.violation("%d requested rebuilds were not answered, the first for %v", n, first)
	}
}

// checkReplicas checks that every process serves the committed documents.
func (w *world) checkReplicas() {
	heads, err := w.site.Heads(context.Background())
	if err != nil {
		w.violation("heads: %v", err)
	}
	for _, p := range w.processes {
		for _, h := range heads {
			served, ok := p.documents().Head(h.Feed)
			if !ok || !slices.EqualFunc(served.Documents, h.Documents, feed.DocumentRef.Equal) {
				w.violation("%s serves %s with token %d, the store has it with token %d", p.id, h.Feed, served.Token, h.Token)
			}
		}
	}
}

// checkPosts checks that the main feed and its archives contain every public post exactly once, and no other post.
func (w *world) checkPosts() {
	heads, err := w.site.Heads(context.Background())
	if err != nil {
		w.violation("heads: %v", err)
	}
	found := map[string]int{}
	for _, h := range heads {
		if n, _ := h.Feed.Archived(); n == feed.Main {
			for _, id := range h.IDs {
				found[id]++
			}
		}
	}
	public := 0
	for _, v := range w.posts.all() {
		want := 0
		if v.public {
			want = 1
			public++
		}
		if got := found[v.post]; got != want && (w.plan.archives || got > want) {
			w.violation("post %s is in the main feed and its archives %d times, want %d", v.post, got, want)
		}
		delete(found, v.post)
	}
	for id := range found {
		w.violation("post %s was never written", id)
	}
	if total := len(w.mainIDs(heads)); !w.plan.archives && total != min(public, w.plan.limit) {
		w.violation("the main feed has %d posts of %d with a limit of %d", total, public, w.plan.limit)
	}
}

func (w *world) mainIDs(heads []feed.Head) []string {
	for _, h := range heads {
		if h.Feed == feed.Main {
			return h.IDs
		}
	}
	return nil
}

// checkFresh checks that the documents equal those of a fresh build from the same posts and records.
func (w *world) checkFresh() {
	ctx := context.Background()
	fresh := memstore.New(w.storeNow)
	for l, err := range w.site.Records(ctx) {
		if err != nil || fresh.RestoreRecords(ctx, l) != nil {
			w.violation("records: %v", err)
		}
	}
	for ids, err := range w.site.PostIDs(ctx) {
		if err != nil {
			w.violation("posts: %v", err)
		}
		posts, _ := w.site.RawPosts(ctx, ids...)
		_ = fresh.Put(ctx, posts...)
	}
	p := publish.New(publish.Config{
		Site: w.config, Catalog: w.catalog, Store: fresh, Intake: intake.New(w.config, reader()), Renderer: render.New(),
		Canonical: reader().Canonical, Owner: "fresh", Clock: w.storeNow, Logger: w.log,
	})
	if _, err := p.Rebuild(ctx); err != nil {
		w.violation("fresh build: %v", err)
		return
	}
	got, want := documents(w.site), documents(fresh)
	for _, path := range slices.Sorted(maps.Keys(got)) {
		switch g, ref := got[path], want[path]; {
		case ref.hash == "" && len(g.ids) > 0:
			w.violation("%s has %q, but a fresh build does not", path, g.ids)
		case ref.hash != "" && g.hash != ref.hash:
			w.violation("%s with %q differs from that of a fresh build with %q: %s", path, g.ids, ref.ids,
				firstDifference(w.site, fresh, g.hash, ref.hash))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path].hash == "" && len(want[path].ids) > 0 {
			w.violation("%s is missing; a fresh build has it with %q", path, want[path].ids)
		}
	}
}

type built struct {
	hash feed.Hash
	ids  []string
}

// documents returns the committed documents by path.
func documents(s *memstore.Site) map[string]built {
	heads, _ := s.Heads(context.Background())
	out := map[string]built{}
	for _, h := range heads {
		for _, d := range h.Documents {
			out[d.Path] = built{d.Hash, h.IDs}
		}
	}
	return out
}

// firstDifference describes where two documents differ.
func firstDifference(a, b *memstore.Site, x, y feed.Hash) string {
	p, q := body(a, x), body(b, y)
	i := 0
	for i < min(len(p), len(q)) && p[i] == q[i] {
		i++
	}
	part := func(s []byte) []byte { return s[max(0, i-60):min(len(s), i+60)] }
	return fmt.Sprintf("%q instead of %q", part(p), part(q))
}

func body(s *memstore.Site, h feed.Hash) []byte {
	b, err := s.Blob(context.Background(), h)
	if err != nil {
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b.Gzip))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(r)
	return text
}
