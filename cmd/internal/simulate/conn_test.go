package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/store/memstore"
)

// callTimeout is how long a client waits for the reply to a call.
const callTimeout = time.Second

// outcome is what happens to one call of the store.
type outcome string

const (
	answered    outcome = "answered"
	refused     outcome = "refused"      // the call fails at once, without an effect
	lostRequest outcome = "lost request" // the call times out without an effect
	lostReply   outcome = "lost reply"   // the call times out, but the store has executed it
	late        outcome = "late"         // the call times out, and the store executes it afterwards
	doubled     outcome = "doubled"      // the reply is lost, and the client sends the call again
	slow        outcome = "slow"         // the reply arrives just before the timeout
)

// faulty lists the outcomes of a fault, with the more harmful ones repeated.
func faulty() []outcome {
	return []outcome{refused, lostRequest, lostReply, lostReply, late, doubled, doubled, slow}
}

// repeatable lists the calls that the client of a real store repeats when the reply is lost. The reply to the second
// call is returned.
func repeatable(op string) bool {
	return slices.Contains([]string{
		"Put", "Delete", "Acquire", "Renew", "Release", "MarkDirty", "SetProblem", "ClearProblem", "Report", "Leave", "Reply",
		"RestoreRecords",
	}, op)
}

// conn is the connection of one process to the store. It delays calls, loses them and their replies, and repeats them.
//
// What happens to a call, and when, depends only on the seed, the connection, the call, and the number of identical
// calls before it. It does not depend on the order in which goroutines run, so the same seed always produces the same
// run.
type conn struct {
	w    *world
	site *memstore.Site
	name string

	mu     sync.Mutex
	counts map[uint64]uint64 // number of calls, by their hash
	dead   bool              // the process was killed: no further call has an effect
	faults int               // probability of a fault, in thousandths
	frozen time.Time         // the process is suspended until this time
	cut    time.Time         // there is no connection until this time
	die    func()            // ends the process at once; nil if it reads no posts
}

func (w *world) connect(name string) *conn {
	return &conn{w: w, site: w.site, name: name, counts: map[uint64]uint64{}}
}

// kill ensures that no further call has an effect.
func (c *conn) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
}

func (c *conn) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// fate is what happens to a call.
type fate struct {
	outcome outcome
	before  time.Duration // time from the call until the store executes it
	after   time.Duration // time from the execution until the reply arrives
	random  uint64
}

// decide determines the fate of the next call of an operation with the given arguments.
func (c *conn) decide(op, args string) fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := hash(c.w.seed, c.name, op, args)
	c.counts[call]++
	r := mix(call + c.counts[call])
	f := fate{
		outcome: answered, random: mix(r),
		before: 20*time.Microsecond + time.Duration(r%uint64(time.Millisecond)),
		after:  20*time.Microsecond + time.Duration(r>>32%uint64(time.Millisecond)),
	}
	now := time.Now()
	if now.Before(c.frozen) {
		f.before += c.frozen.Sub(now)
	}
	switch r = mix(r + 1); {
	case now.Before(c.cut):
		f.outcome = []outcome{refused, lostRequest}[r%2]
	case r%1000 < uint64(c.faults):
		f.outcome = faulty()[r>>20%uint64(len(faulty()))]
	}
	// A late effect of a writer's call would undo its next write; writers of a real store wait for their replies.
	if f.outcome == late && strings.HasPrefix(c.name, "writer") || f.outcome == doubled && !repeatable(op) {
		f.outcome = lostReply
	}
	return f
}

// call calls the store.
func call[T any](ctx context.Context, c *conn, op, args string, f func() (T, error)) (T, error) {
	var none T
	if c.isDead() {
		return none, unavailable("the process has ended")
	}
	fate := c.decide(op, args)
	c.w.note(c.name, op, string(fate.outcome))
	if fate.outcome != answered {
		c.w.count(string(fate.outcome))
	}
	arrived := sleep(ctx, fate.before)
	// A call that was sent may take effect even if the caller has given up or was killed. A folder's store ends with
	// its process.
	if (!arrived || c.isDead()) && (c.w.plan.folder || fate.random%2 == 0) {
		return none, cmpErr(ctx, "the call was interrupted")
	}
	if failed := c.fail(ctx, fate, func() { _, _ = f() }); failed {
		return none, cmpErr(ctx, "no reply")
	}
	v, err := f()
	if fate.outcome == doubled {
		sleep(ctx, fate.after+time.Duration(fate.random%uint64(callTimeout)))
		v, err = f()
	}
	if fate.outcome == slow {
		sleep(ctx, callTimeout-10*time.Millisecond-time.Duration(fate.random%uint64(callTimeout/2)))
	}
	if !sleep(ctx, fate.after) || c.isDead() {
		return none, cmpErr(ctx, "the call was interrupted")
	}
	return v, err
}

// fail reports whether the client gets no reply to the call. If so, fail has waited as long as the client would. If the
// store executes the call nevertheless, fail has called f or has arranged for f to be called later.
func (c *conn) fail(ctx context.Context, fate fate, f func()) bool {
	switch fate.outcome {
	case answered, slow, doubled:
		return false
	case refused:
		return true
	case lostRequest:
	case lostReply:
		f()
	case late:
		c.w.later(callTimeout+time.Duration(fate.random%uint64(10*time.Second)), f)
	}
	sleep(ctx, callTimeout)
	return true
}

// do is like call, for operations without a result.
func do(ctx context.Context, c *conn, op, args string, f func() error) error {
	_, err := call(ctx, c, op, args, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func unavailable(why string) error { return fmt.Errorf("store: %s: %w", why, feed.ErrUnavailable) }

// cmpErr returns an error of kind [feed.ErrUnavailable], which wraps the error of ctx if ctx is done.
func cmpErr(ctx context.Context, why string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: %w: %w", err, feed.ErrUnavailable)
	}
	return unavailable(why)
}

// sleep waits for d, and returns false if ctx is done first.
func sleep(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hash and mix generate the random numbers of a schedule.
func hash(seed uint64, texts ...string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	for _, t := range texts {
		for i := range len(t) {
			h = (h ^ uint64(t[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	return mix(h)
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func list[S ~string](names []S) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(string(n))
		b.WriteByte(' ')
	}
	return b.String()
}

// The methods of a store.

func (c *conn) Put(ctx context.Context, posts ...feed.RawPost) error {
	return do(ctx, c, "Put", posts[0].ID, func() error { return c.site.Put(ctx, posts...) })
}

func (c *conn) Delete(ctx context.Context, id string) error {
	return do(ctx, c, "Delete", id, func() error { return c.site.Delete(ctx, id) })
}

func (c *conn) Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error) {
	return call(ctx, c, "Inbox", "", func() ([]feed.Submission, error) { return c.site.Inbox(ctx, after, n) })
}

func (c *conn) Cursor(ctx context.Context) (string, error) {
	return call(ctx, c, "Cursor", "", func() (string, error) { return c.site.Cursor(ctx) })
}

func (c *conn) AwaitInbox(ctx context.Context, after string, block time.Duration) (bool, error) {
	return call(ctx, c, "AwaitInbox", "", func() (bool, error) { return c.site.AwaitInbox(ctx, after, block) })
}

func (c *conn) PostIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		yield(call(ctx, c, "PostIDs", "", func() (all []string, err error) {
			for ids, err := range c.site.PostIDs(ctx) {
				if err != nil {
					return nil, err
				}
				all = append(all, ids...)
			}
			return all, nil
		}))
	}
}

func (c *conn) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		yield(call(ctx, c, "IDs", "", func() (all feed.IDs, err error) {
			for ids, err := range c.site.IDs(ctx) {
				if err != nil {
					return feed.IDs{}, err
				}
				all.Posts, all.Items = append(all.Posts, ids.Posts...), append(all.Items, ids.Items...)
			}
			return all, nil
		}))
	}
}

func (c *conn) Load(ctx context.Context, ids []string) ([]feed.StoredPost, error) {
	return call(ctx, c, "Load", list(ids), func() ([]feed.StoredPost, error) { return c.site.Load(ctx, ids) })
}

func (c *conn) Items(ctx context.Context, ids ...string) ([]*feed.Item, error) {
	return call(ctx, c, "Items", list(ids), func() ([]*feed.Item, error) { return c.site.Items(ctx, ids...) })
}

func (c *conn) Absorb(ctx context.Context, a feed.Absorption) error {
	return do(ctx, c, "Absorb", a.Cursor+a.Next, func() error { return c.site.Absorb(ctx, a) })
}

func (c *conn) PostStates(ctx context.Context, intake string, ids ...string) ([]feed.PostState, error) {
	return call(ctx, c, "PostStates", list(ids), func() ([]feed.PostState, error) {
		return c.site.PostStates(ctx, intake, ids...)
	})
}

func (c *conn) PostsExist(ctx context.Context, ids ...string) ([]bool, error) {
	return call(ctx, c, "PostsExist", list(ids), func() ([]bool, error) { return c.site.PostsExist(ctx, ids...) })
}

func (c *conn) ItemsExist(ctx context.Context, ids ...string) ([]bool, error) {
	return call(ctx, c, "ItemsExist", list(ids), func() ([]bool, error) { return c.site.ItemsExist(ctx, ids...) })
}

func (c *conn) Select(ctx context.Context, name feed.Name, limit int) ([]string, error) {
	return call(ctx, c, "Select", string(name), func() ([]string, error) { return c.site.Select(ctx, name, limit) })
}

func (c *conn) FeedItems(ctx context.Context, limits map[feed.Name]int) (map[feed.Name]feed.FeedItems, error) {
	return call(ctx, c, "FeedItems", list(slices.Sorted(maps.Keys(limits))), func() (map[feed.Name]feed.FeedItems, error) {
		return c.site.FeedItems(ctx, limits)
	})
}

func (c *conn) Waiting(ctx context.Context, n int) (feed.Waiting, error) {
	return call(ctx, c, "Waiting", "", func() (feed.Waiting, error) { return c.site.Waiting(ctx, n) })
}

func (c *conn) Range(ctx context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error) {
	return call(ctx, c, "Range", string(name)+after.ID+upTo.ID, func() ([]feed.Position, error) {
		return c.site.Range(ctx, name, after, upTo)
	})
}

func (c *conn) Now(ctx context.Context) (time.Time, error) {
	return call(ctx, c, "Now", "", func() (time.Time, error) { return c.site.Now(ctx) })
}

func (c *conn) Due(ctx context.Context, now time.Time, n int) ([]string, error) {
	return call(ctx, c, "Due", "", func() ([]string, error) { return c.site.Due(ctx, now, n) })
}

func (c *conn) NextDue(ctx context.Context) (time.Time, bool, error) {
	type due struct {
		at time.Time
		ok bool
	}
	d, err := call(ctx, c, "NextDue", "", func() (d due, err error) {
		d.at, d.ok, err = c.site.NextDue(ctx)
		return d, err
	})
	return d.at, d.ok, err
}

func (c *conn) HasWork(ctx context.Context) (bool, error) {
	return call(ctx, c, "HasWork", "", func() (bool, error) { return c.site.HasWork(ctx) })
}

func (c *conn) Names(ctx context.Context, names ...feed.Name) (map[feed.Name]string, error) {
	return call(ctx, c, "Names", list(names), func() (map[feed.Name]string, error) { return c.site.Names(ctx, names...) })
}

func (c *conn) Publications(ctx context.Context) ([]feed.Publication, error) {
	return call(ctx, c, "Publications", "", func() ([]feed.Publication, error) { return c.site.Publications(ctx) })
}

func (c *conn) Counts(ctx context.Context, names ...feed.Name) (map[feed.Name]int, error) {
	return call(ctx, c, "Counts", list(names), func() (map[feed.Name]int, error) { return c.site.Counts(ctx, names...) })
}

func (c *conn) LastRemoval(ctx context.Context, name feed.Name) (time.Time, error) {
	return call(ctx, c, "LastRemoval", string(name), func() (time.Time, error) { return c.site.LastRemoval(ctx, name) })
}

func (c *conn) DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error) {
	return call(ctx, c, "DirtyFeeds", "", func() ([]feed.DirtyFeed, error) { return c.site.DirtyFeeds(ctx) })
}

func (c *conn) MarkDirty(ctx context.Context, names ...feed.Name) error {
	return do(ctx, c, "MarkDirty", list(names), func() error { return c.site.MarkDirty(ctx, names...) })
}

func (c *conn) Archives(ctx context.Context) ([]feed.Archive, error) {
	return call(ctx, c, "Archives", "", func() ([]feed.Archive, error) { return c.site.Archives(ctx) })
}

func (c *conn) ArchiveCount(ctx context.Context) (int, error) {
	return call(ctx, c, "ArchiveCount", "", func() (int, error) { return c.site.ArchiveCount(ctx) })
}

func (c *conn) AddArchives(ctx context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error {
	return do(ctx, c, "AddArchives", list(dirty), func() error { return c.site.AddArchives(ctx, token, archives, dirty) })
}

func (c *conn) Problems(ctx context.Context) ([]feed.Problem, error) {
	return call(ctx, c, "Problems", "", func() ([]feed.Problem, error) { return c.site.Problems(ctx) })
}

func (c *conn) Problem(ctx context.Context, kind feed.ProblemKind, id string) (feed.Problem, bool, error) {
	type listed struct {
		problem feed.Problem
		ok      bool
	}
	l, err := call(ctx, c, "Problem", string(kind)+id, func() (l listed, err error) {
		l.problem, l.ok, err = c.site.Problem(ctx, kind, id)
		return l, err
	})
	return l.problem, l.ok, err
}

func (c *conn) SetProblem(ctx context.Context, p feed.Problem) error {
	return do(ctx, c, "SetProblem", string(p.Kind)+p.ID, func() error { return c.site.SetProblem(ctx, p) })
}

func (c *conn) ClearProblem(ctx context.Context, kind feed.ProblemKind, id string) error {
	return do(ctx, c, "ClearProblem", string(kind)+id, func() error { return c.site.ClearProblem(ctx, kind, id) })
}

func (c *conn) Commit(ctx context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	type result struct {
		outcome feed.Outcome
		head    feed.Head
	}
	res, err := call(ctx, c, "Commit", string(r.Head.Feed), func() (res result, err error) {
		res.outcome, res.head, err = c.site.Commit(ctx, r)
		return res, err
	})
	return res.outcome, res.head, err
}

// CommitAll makes the commits one after another, so that faults can separate them.
func (c *conn) CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult {
	results := make([]feed.CommitResult, len(requests))
	for i, r := range requests {
		results[i].Outcome, results[i].Head, results[i].Err = c.Commit(ctx, r)
	}
	return results
}

func (c *conn) Head(ctx context.Context, name feed.Name) (feed.Head, error) {
	return call(ctx, c, "Head", string(name), func() (feed.Head, error) { return c.site.Head(ctx, name) })
}

func (c *conn) Heads(ctx context.Context) ([]feed.Head, error) {
	return call(ctx, c, "Heads", "", func() ([]feed.Head, error) { return c.site.Heads(ctx) })
}

// StoredHeads returns heads with sums, as the store in Redis does.
func (c *conn) StoredHeads(ctx context.Context, known map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error) {
	heads, err := c.Heads(ctx)
	if err != nil {
		return nil, err
	}
	stored := make([]feed.StoredHead, len(heads))
	for i, h := range heads {
		text, err := json.Marshal(h)
		if err != nil {
			return nil, err
		}
		stored[i] = feed.StoredHead{Head: h, Sum: sha256.Sum256(text)}
		if stored[i].Sum == known[h.Feed] {
			stored[i].Head, stored[i].Unchanged = feed.Head{Feed: h.Feed}, true
		}
	}
	return stored, nil
}

func (c *conn) Version(ctx context.Context) (int64, error) {
	return call(ctx, c, "Version", "", func() (int64, error) { return c.site.Version(ctx) })
}

func (c *conn) Blob(ctx context.Context, h feed.Hash) (feed.Blob, error) {
	return call(ctx, c, "Blob", string(h), func() (feed.Blob, error) { return c.site.Blob(ctx, h) })
}

func (c *conn) CurrentHeads(ctx context.Context, names ...feed.Name) ([]feed.Head, error) {
	return call(ctx, c, "CurrentHeads", list(names), func() ([]feed.Head, error) {
		return c.site.CurrentHeads(ctx, names...)
	})
}

func (c *conn) Editions(
	ctx context.Context, known []feed.Hash, names ...feed.Name,
) (heads []feed.Head, blobs []feed.Blob, err error) {
	type reply struct {
		heads []feed.Head
		blobs []feed.Blob
	}
	r, err := call(ctx, c, "Editions", list(names), func() (r reply, err error) {
		r.heads, r.blobs, err = c.site.Editions(ctx, known, names...)
		return r, err
	})
	return r.heads, r.blobs, err
}

func (c *conn) Blobs(ctx context.Context, hashes ...feed.Hash) ([]feed.Blob, error) {
	return call(ctx, c, "Blobs", list(hashes), func() ([]feed.Blob, error) { return c.site.Blobs(ctx, hashes...) })
}

func (c *conn) MissingDocuments(ctx context.Context, hashes ...feed.Hash) ([]feed.Hash, error) {
	return call(ctx, c, "MissingDocuments", list(hashes), func() ([]feed.Hash, error) {
		return c.site.MissingDocuments(ctx, hashes...)
	})
}

func (c *conn) Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	return call(ctx, c, "Changes", "", func() ([]feed.Announcement, error) { return c.site.Changes(ctx, after, block) })
}

func (c *conn) LastChange(ctx context.Context) (string, error) {
	return call(ctx, c, "LastChange", "", func() (string, error) { return c.site.LastChange(ctx) })
}

func (c *conn) RestoreHead(ctx context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error {
	return do(ctx, c, "RestoreHead", string(h.Feed), func() error { return c.site.RestoreHead(ctx, h, blobs) })
}

func (c *conn) Acquire(
	ctx context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token,
) (feed.Token, error) {
	return call(ctx, c, "Acquire", job, func() (feed.Token, error) {
		return c.site.Acquire(ctx, job, owner, ttl, now, seen)
	})
}

func (c *conn) Renew(ctx context.Context, job, owner string, ttl time.Duration) error {
	return do(ctx, c, "Renew", job, func() error { return c.site.Renew(ctx, job, owner, ttl) })
}

func (c *conn) Release(ctx context.Context, job, owner string) error {
	return do(ctx, c, "Release", job, func() error { return c.site.Release(ctx, job, owner) })
}

func (c *conn) Holder(ctx context.Context, job string) (string, time.Duration, error) {
	type holder struct {
		owner string
		left  time.Duration
	}
	h, err := call(ctx, c, "Holder", job, func() (h holder, err error) {
		h.owner, h.left, err = c.site.Holder(ctx, job)
		return h, err
	})
	return h.owner, h.left, err
}

func (c *conn) SetAlive(ctx context.Context, process string, ttl time.Duration) (bool, error) {
	return call(ctx, c, "SetAlive", process, func() (bool, error) { return c.site.SetAlive(ctx, process, ttl) })
}

func (c *conn) ClearAlive(ctx context.Context, process string) error {
	return do(ctx, c, "ClearAlive", process, func() error { return c.site.ClearAlive(ctx, process) })
}

func (c *conn) SetReading(ctx context.Context, owner string, ids ...string) error {
	err := do(ctx, c, "SetReading", owner+list(ids), func() error { return c.site.SetReading(ctx, owner, ids...) })
	if c.die != nil && c.w.deadly(ids) { // the process is about to read the posts
		c.die()
	}
	return err
}

func (c *conn) Readings(ctx context.Context) (map[string][]string, error) {
	return call(ctx, c, "Readings", "", func() (map[string][]string, error) { return c.site.Readings(ctx) })
}

func (c *conn) SetCostly(ctx context.Context, versions ...feed.Costly) error {
	return do(ctx, c, "SetCostly", "", func() error { return c.site.SetCostly(ctx, versions...) })
}

func (c *conn) RemoveCostly(ctx context.Context, ids ...string) error {
	return do(ctx, c, "RemoveCostly", list(ids), func() error { return c.site.RemoveCostly(ctx, ids...) })
}

func (c *conn) Costly(ctx context.Context) ([]feed.Costly, error) {
	return call(ctx, c, "Costly", "", func() ([]feed.Costly, error) { return c.site.Costly(ctx) })
}

func (c *conn) Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	return call(ctx, c, "Ask", string(request), func() ([]byte, error) { return c.site.Ask(ctx, request, timeout) })
}

func (c *conn) Requests(ctx context.Context, after string, block time.Duration) ([]feed.Request, error) {
	return call(ctx, c, "Requests", "", func() ([]feed.Request, error) { return c.site.Requests(ctx, after, block) })
}

func (c *conn) Reply(ctx context.Context, r feed.Request, payload []byte) error {
	return do(ctx, c, "Reply", r.Entry, func() error { return c.site.Reply(ctx, r, payload) })
}

func (c *conn) Report(ctx context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error) {
	type read struct {
		members []feed.Member
		schema  feed.Schema
	}
	r, err := call(ctx, c, "Report", m.ID, func() (r read, err error) {
		r.members, r.schema, err = c.site.Report(ctx, m, ttl)
		return r, err
	})
	return r.members, r.schema, err
}

func (c *conn) Leave(ctx context.Context, id string) error {
	return do(ctx, c, "Leave", id, func() error { return c.site.Leave(ctx, id) })
}

func (c *conn) Members(ctx context.Context) ([]feed.Member, error) {
	return call(ctx, c, "Members", "", func() ([]feed.Member, error) { return c.site.Members(ctx) })
}

func (c *conn) Schema(ctx context.Context) (feed.Schema, error) {
	return call(ctx, c, "Schema", "", func() (feed.Schema, error) { return c.site.Schema(ctx) })
}

func (c *conn) SetSchema(ctx context.Context, read, schema feed.Schema) (feed.Schema, error) {
	return call(ctx, c, "SetSchema", "", func() (feed.Schema, error) { return c.site.SetSchema(ctx, read, schema) })
}
