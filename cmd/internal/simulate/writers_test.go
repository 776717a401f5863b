package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"feedpub/feed"
)

// version is one write of a post.
type version struct {
	post    string
	raw     []byte // nil for a deletion
	public  bool
	invalid bool // the post cannot be read, so the version before it stays published
}

// ledger holds what the writers have written.
type ledger struct {
	mu      sync.Mutex
	last    map[string]version // the last write of each post, acknowledged or not
	writing map[string]bool    // posts with a write that is not acknowledged
	acked   int
}

func newLedger() *ledger { return &ledger{last: map[string]version{}, writing: map[string]bool{}} }

func (l *ledger) begin(v version) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[v.post], l.writing[v.post] = v, true
}

func (l *ledger) acknowledge(v version) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.writing, v.post)
	l.acked++
}

// withdrawn returns the last writes that withdrew a post and were acknowledged, by post id.
func (l *ledger) withdrawn() map[string]version {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]version{}
	for id, v := range l.last {
		if !v.public && !v.invalid && !l.writing[id] {
			out[id] = v
		}
	}
	return out
}

// unchanged reports whether a post has not been written since a version.
func (l *ledger) unchanged(v version) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.writing[v.post] && string(l.last[v.post].raw) == string(v.raw)
}

// all returns the last versions, ordered by post.
func (l *ledger) all() []version {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []version
	for _, id := range slices.Sorted(maps.Keys(l.last)) {
		out = append(out, l.last[id])
	}
	return out
}

// writer writes its own posts. After an error, it repeats the write, which may have succeeded.
type writer struct {
	w     *world
	conn  *conn
	r     *random
	name  string
	first int // number of its first post
}

func (w *world) newWriter(n int) *writer {
	name := fmt.Sprintf("writer%d", n)
	c := w.connect(name)
	c.faults = w.plan.rate
	return &writer{w: w, conn: c, r: newRandom(w.seed, name), name: name, first: 100 * n}
}

func (x *writer) run() {
	pause := x.w.plan.duration / time.Duration(x.w.plan.writes)
	for n := range x.w.plan.writes {
		time.Sleep(x.r.between(pause/8, pause*3/2))
		x.write(x.next(n))
	}
}

// write repeats the write of a version until it is acknowledged.
func (x *writer) write(v version) {
	x.w.posts.begin(v)
	for {
		var err error
		if v.raw == nil {
			x.w.mu.Lock()
			x.w.deleted = append(x.w.deleted, v.post)
			x.w.mu.Unlock()
			err = x.conn.Delete(context.Background(), v.post)
		} else {
			err = x.conn.Put(context.Background(), feed.RawPost{ID: v.post, Raw: v.raw})
		}
		if err == nil {
			break
		}
		time.Sleep(x.r.between(50*time.Millisecond, time.Second))
	}
	x.w.posts.acknowledge(v)
	x.w.log.Info("written", "post", v.post, "raw", string(v.raw))
}

// next returns the next write: a new post, or an edit of an earlier one that may move it to other feeds.
func (x *writer) next(n int) version {
	v := version{post: fmt.Sprintf("p%d", x.first+x.r.n(max(2, x.w.plan.writes*2/3))), public: true}
	switch k := x.r.n(20); {
	case k < 2:
		v.public = false
		return v // deleted
	case k == 3 && x.w.plan.deadly:
		v.raw, v.invalid = fmt.Appendf(nil, `{"id": %q, "content_text": %q}`, v.post, deadlyWord), true
		return v
	case k == 2:
		v.raw, v.invalid = fmt.Appendf(nil, `{"id": %q, "title": `, v.post), true
		return v
	}
	m := map[string]any{"id": v.post, "title": "Title of " + v.post, "content_text": fmt.Sprintf("Version %d.", n)}
	if x.r.n(3) > 0 {
		m["attribution"] = "none"
	}
	switch x.r.n(10) {
	case 0:
		m["status"], v.public = "draft", false
	case 1:
		m["status"], v.public = "private", false
	}
	var tags []string
	for range x.r.n(3) {
		tags = append(tags, []string{"go", "Go!", "C#", "C", "news"}[x.r.n(5)])
	}
	m["tags"] = tags
	if x.r.n(2) == 0 {
		m["authors"] = []map[string]string{{"name": []string{"Ann", "Bob"}[x.r.n(2)]}}
	}
	if date := x.date(); !date.IsZero() {
		m["date_published"] = date.UTC().Format(time.RFC3339Nano)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	v.raw = raw
	return v
}

// date returns a publication date: the zero time, or a time in the past, now, or in the future.
func (x *writer) date() time.Time {
	switch x.r.n(8) {
	case 0, 1:
		return time.Time{}
	case 2:
		return time.Now().Add(x.r.between(-5*time.Second, 5*time.Second)).Truncate(time.Millisecond)
	case 3:
		return time.Now().Add(x.r.between(0, 20*time.Second)).Truncate(time.Second)
	default: // posts with the same date are ordered by id
		return time.Date(1999, 6, 1+x.r.n(6), 12, 0, 0, 0, time.UTC)
	}
}

// repair replaces the posts that cannot be read and, if the store has lost writes, writes every post again.
func (x *writer) repair(all bool) {
	for _, v := range x.w.posts.all() {
		if v.invalid {
			x.write(version{
				post: v.post, public: true, raw: fmt.Appendf(nil, `{"id":%q,"content_text":"Repaired."}`, v.post),
			})
		} else if all {
			x.write(v)
		}
	}
}
