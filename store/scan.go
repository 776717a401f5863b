package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// PostIDs returns the ids of all posts in batches of any size and in no order. A post that exists during the whole
// walk comes at least once, perhaps more often; one that comes or goes meanwhile may or may not. After an error the
// walk ends: then it says nothing about what is missing.
//
// The walk is over all keys of a server. Sites of one client that walk at the same time share it: see walks.
func (s *Site) PostIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scanOne(ctx, "post ids", kindPost)
}

// ItemIDs returns the ids of all ready items as PostIDs does those of posts.
func (s *Site) ItemIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scanOne(ctx, "item ids", kindItem)
}

// IDs returns the ids of all posts and of all items in one walk, as PostIDs does those of posts.
func (s *Site) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range s.scan(ctx, "ids", kinds{kindPost: true, kindItem: true}) {
			if !yield(feed.IDs{Posts: ids[kindPost], Items: ids[kindItem]}, err) {
				return
			}
		}
	}
}

// scanOne is scan for keys of one kind.
func (s *Site) scanOne(ctx context.Context, op string, k kind) iter.Seq2[[]string, error] {
	var of kinds
	of[k] = true
	return func(yield func([]string, error) bool) {
		for ids, err := range s.scan(ctx, op, of) {
			if !yield(ids[k], err) {
				return
			}
		}
	}
}

func (s *Site) scan(ctx context.Context, op string, of kinds) iter.Seq2[idLists, error] {
	return func(yield func(idLists, error) bool) {
		more := true
		err := s.walk(ctx, of, func(ids idLists) bool {
			more = yield(ids, nil)
			return more
		})
		if err != nil && more {
			yield(idLists{}, s.client.wrap(op, err))
		}
	}
}

// walk gives all ids, in batches, until give returns false.
func (s *Site) walk(ctx context.Context, of kinds, give func(idLists) bool) error {
	m, err := s.master(ctx, s.client.build)
	if err != nil {
		return err
	}
	if s.client.walks.several() {
		for _, p := range []pace{swift, patient} {
			if err := s.client.walks.join(ctx, m, p, s.keys, of, give); !errors.Is(err, errLeftBehind) {
				return err
			}
		}
	}
	return s.walkAlone(ctx, m, of, give)
}

// walkAlone is a walk of this site's own. Its last step is to see that it was one server, and that server the master of
// the site's slot all the time: after a failover or a restart keys may have been left out.
func (s *Site) walkAlone(ctx context.Context, m *redis.Client, of kinds, give func(idLists) bool) error {
	before, err := s.incarnation(ctx, m)
	if err != nil {
		return err
	}
	// A site's id has no character with a meaning in patterns.
	for keys, err := range scanKeys(ctx, m, of.pattern(string(s.keys))) {
		if err != nil {
			return err
		}
		// miniredis gives all keys at once.
		for batch := range slices.Chunk(keys, walkBatch) {
			var ids idLists
			for _, key := range batch {
				if _, k, id := splitKey(key); k < kindCount && of[k] {
					ids[k] = append(ids[k], id)
				}
			}
			if !give(ids) {
				return nil
			}
		}
	}
	after, err := s.incarnation(ctx, m)
	if err == nil && before != after {
		err = errAnotherServer()
	}
	return err
}

func errAnotherServer() error {
	return fmt.Errorf("another server took over during the walk: %w", feed.ErrUnavailable)
}

// scanKeys gives the keys that match a pattern. It says nothing about which server it spoke to.
func scanKeys(ctx context.Context, m *redis.Client, pattern string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for cursor := uint64(0); ; {
			keys, next, err := m.Scan(ctx, cursor, pattern, scanCount).Result()
			if !yield(keys, err) || err != nil || next == 0 {
				return
			}
			cursor = next
		}
	}
}

const (
	// scanCount is how many keys a server looks at in one step; others wait for it, about half a millisecond.
	scanCount = 1000
	// walkBatch is how many ids of each kind are given at once at most.
	walkBatch = 1000
)

// kind is what a key that ends in the id of a post holds.
type kind int

const (
	kindPost kind = iota
	kindItem
	kindRecord
	kindCount
)

// kinds are those that a walk is for, and idLists what it finds, by kind.
type (
	kinds   [kindCount]bool
	idLists [kindCount][]string
)

func (l *idLists) len() int {
	n := 0
	for _, ids := range l {
		n += len(ids)
	}
	return n
}

// pattern returns what the keys match that a walk looks for, and few others; site may be a pattern itself.
func (of kinds) pattern(site string) string {
	k := keyspace(site)
	switch of {
	case kinds{kindPost: true}:
		return k.post("*")
	case kinds{kindItem: true}:
		return k.item("*")
	case kinds{kindRecord: true}:
		return k.record("*")
	case kinds{kindPost: true, kindItem: true}:
		return k.key("[pi][ot][se][tm]", "*")
	default:
		return k.key("*")
	}
}

// splitKey returns the site, the kind and the id of a key that ends in an id; the kind of others is kindCount.
func splitKey(key string) (keyspace, kind, string) {
	rest, ok := strings.CutPrefix(key, "feedpub:{")
	if !ok {
		return "", kindCount, ""
	}
	site, rest, _ := strings.Cut(rest, "}:")
	name, id, ok := strings.Cut(rest, ":")
	if !ok {
		return "", kindCount, ""
	}
	switch name {
	case "post":
		return keyspace(site), kindPost, id
	case "item":
		return keyspace(site), kindItem, id
	case "record":
		return keyspace(site), kindRecord, id
	default:
		return "", kindCount, ""
	}
}

const (
	// gathering is for how long a pass that could begin waits for more sites to join it: what sets off one site's
	// reconciliation, a start or a schedule, sets off the others' too.
	gathering = 50 * time.Millisecond
	// givenAtOnce is how many ids a site is given at a time, unless there are no more: of the thousand keys of a step few
	// are its own.
	givenAtOnce = 256
	// heldIDs is how many ids the sites of one pass may leave lying together, some 40 MB, and leastHeld how many each of
	// them may in any case.
	heldIDs   = 1 << 19
	leastHeld = 2560
)

// pace is for how long a pass waits for a site that takes nothing, when as much lies there for it as may. Then it goes
// on without it.
type pace time.Duration

const (
	// swift passes wait no longer than a processor may be busy with something else: those who wait for the next pass
	// are not to wait for a slow site.
	swift = pace(50 * time.Millisecond)
	// patient passes are for the sites that swift ones left behind, large ones that have much to do: they go at the
	// speed of the slowest, together rather than each by itself.
	patient = pace(30 * time.Second)
)

// errLeftBehind ends a site's part in a pass that went on without it.
var errLeftBehind = errors.New("left behind")

// walks are the passes over the keys of servers that several sites share: with SCAN every walk looks at the keys of all
// sites, so that two hundred walks side by side would cost two hundred times what one does. Who comes while a pass runs
// waits for the next one, and so sees a whole pass.
//
// Each site takes its ids at its own speed. What it leaves lying is bounded, and no site can hold up the others: a swift
// pass leaves it behind, with what lies there still to be taken, and it begins again in a patient pass; and if it hangs
// there too, walks alone.
type walks struct {
	ctx  context.Context // ends with the client
	stop context.CancelFunc
	held int // ids that the sites of one pass may leave lying together

	mu     sync.Mutex
	sites  map[keyspace]bool // of the client
	lines  map[line][]*part  // that wait for the next pass; a line that is there has a goroutine
	closed bool
	ended  sync.WaitGroup
}

// line is where sites wait for a pass.
type line struct {
	master *redis.Client
	pace   pace
}

func newWalks() *walks {
	w := &walks{held: heldIDs, sites: map[keyspace]bool{}, lines: map[line][]*part{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// close ends all passes, and returns when nothing runs any more.
func (w *walks) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.stop()
	w.ended.Wait()
}

// know notes that a site is on this client.
func (w *walks) know(site keyspace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sites[site] = true
}

// several reports whether there are several sites: one alone need not wait for company.
func (w *walks) several() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sites) > 1
}

// join takes part in the next pass over the keys of m, and gives what it finds until give returns false. The error is
// errLeftBehind if the pass did not wait.
func (w *walks) join(
	ctx context.Context, m *redis.Client, p pace, site keyspace, of kinds, give func(idLists) bool,
) error {
	x := newPart(site, of)
	defer x.end(nil)
	if !w.queue(line{m, p}, x) {
		return redis.ErrClosed
	}
	for {
		ids, more, err := x.take(ctx)
		if err != nil {
			return err
		}
		if ids.len() > 0 && !give(ids) || !more {
			return nil
		}
	}
}

func (w *walks) queue(l line, x *part) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	if _, running := w.lines[l]; !running {
		w.ended.Go(func() { w.run(l) })
	}
	w.lines[l] = append(w.lines[l], x)
	return true
}

// run makes passes as long as there is somebody in the line.
func (w *walks) run(l line) {
	for {
		select {
		case <-time.After(gathering):
		case <-w.ctx.Done():
		}
		w.mu.Lock()
		parts := w.lines[l]
		if len(parts) == 0 {
			delete(w.lines, l)
			w.mu.Unlock()
			return
		}
		w.lines[l] = nil
		w.mu.Unlock()
		newPass(parts, max(w.held/len(parts), leastHeld)).run(w.ctx, l)
	}
}

// pass is a walk over the keys of a server for several sites.
type pass struct {
	parts map[keyspace][]*part
	of    kinds // what any of them wants
}

// newPass returns a pass with room for so many ids of each part.
func newPass(parts []*part, room int) *pass {
	p := &pass{parts: map[keyspace][]*part{}}
	for _, x := range parts {
		x.room = room
		p.parts[x.site] = append(p.parts[x.site], x)
		for k, wanted := range x.of {
			p.of[k] = p.of[k] || wanted
		}
	}
	return p
}

// run makes the pass. Every part has ended when it returns.
func (p *pass) run(ctx context.Context, l line) {
	before, err := p.incarnation(ctx, l.master)
	if err == nil {
		err = p.scan(ctx, l)
	}
	var after string
	if err == nil {
		after, err = p.incarnation(ctx, l.master)
	}
	if err == nil && before != after {
		err = errAnotherServer()
	}
	for _, same := range p.parts {
		for _, x := range same {
			x.end(err)
		}
	}
}

// scan gives each part the ids of its keys, until there is none left that takes any.
func (p *pass) scan(ctx context.Context, l line) error {
	for keys, err := range scanKeys(ctx, l.master, p.of.pattern("*")) {
		if err != nil {
			return err
		}
		for _, key := range keys {
			site, k, id := splitKey(key)
			for _, x := range p.parts[site] {
				if k < kindCount && x.of[k] {
					x.add(ctx, k, id, l.pace)
				}
			}
		}
		for site, same := range p.parts {
			if same = slices.DeleteFunc(same, (*part).over); len(same) == 0 {
				delete(p.parts, site)
			} else {
				p.parts[site] = same
			}
		}
		if len(p.parts) == 0 {
			return nil
		}
	}
	return nil
}

// incarnation is that of [Site.incarnation] for the sites of all parts. A part whose slot is another server's ends.
func (p *pass) incarnation(ctx context.Context, m *redis.Client) (string, error) {
	sites := slices.Collect(maps.Keys(p.parts))
	owned := make([]*redis.IntCmd, len(sites))
	// Each command has its own error: the slot of one site moves without the others'.
	_, _ = m.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, site := range sites {
			owned[i] = pipe.Exists(ctx, site.nothing())
		}
		return nil
	})
	for i, site := range sites {
		if err := owned[i].Err(); err != nil {
			for _, x := range p.parts[site] {
				x.end(err)
			}
		}
	}
	info, err := info(ctx, m, "server")
	return info["run_id"], err
}

// part is what one site takes of a pass.
type part struct {
	site keyspace
	of   kinds
	room int // ids that may lie here

	news  chan struct{} // takes one: there is something to look at
	taken chan struct{} // takes one: there is room again

	mu    sync.Mutex
	ids   idLists // that have not been taken
	ended bool
	err   error // why it ended before its time
}

func newPart(site keyspace, of kinds) *part {
	return &part{site: site, of: of, news: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// add adds an id. If there is no room, it waits as long as the pace allows, and then ends the part.
func (x *part) add(ctx context.Context, k kind, id string, p pace) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.ended && x.ids.len() >= x.room {
		x.mu.Unlock()
		came := x.awaitRoom(ctx, time.Duration(p))
		x.mu.Lock()
		if !came && x.ids.len() >= x.room {
			x.endLocked(errLeftBehind)
		}
	}
	if x.ended {
		return
	}
	x.ids[k] = append(x.ids[k], id)
	if x.ids.len() == givenAtOnce {
		signal(x.news)
	}
}

// awaitRoom reports whether something was taken within a time.
func (x *part) awaitRoom(ctx context.Context, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-x.taken:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// take waits for ids, and returns a batch of them and whether there may be more. The error comes when all have been
// taken.
func (x *part) take(ctx context.Context) (ids idLists, more bool, err error) {
	for {
		x.mu.Lock()
		if x.ended || x.ids.len() >= givenAtOnce {
			for k, all := range x.ids {
				n := min(len(all), walkBatch)
				ids[k], x.ids[k] = all[:n:n], all[n:]
			}
			more = !x.ended || x.ids.len() > 0 || x.err != nil
			if ids.len() == 0 {
				err = x.err
			}
			x.mu.Unlock()
			signal(x.taken)
			return ids, more, err
		}
		x.mu.Unlock()
		select {
		case <-x.news:
		case <-ctx.Done():
			return idLists{}, false, ctx.Err()
		}
	}
}

// end ends the part, if it has not ended: nothing is added any more.
func (x *part) end(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.endLocked(err)
}

func (x *part) endLocked(err error) {
	if !x.ended {
		x.ended, x.err = true, err
		signal(x.news)
		signal(x.taken)
	}
}

// over reports whether the part has ended.
func (x *part) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended
}

// signal leaves word in a channel that takes one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
