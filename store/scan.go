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

// PostIDs returns an iterator over the ids of all posts, in batches of any size and in no particular order. A post that
// exists during the whole scan occurs at least once, possibly more often; a post that is written or deleted during the
// scan may or may not occur. The iterator ends after an error; the scan is then incomplete, so a post may exist even
// though its id was not returned.
//
// Each scan reads all keys of a server. Sites of the same client that scan at the same time share one scan: see
// scanner.
func (s *Site) PostIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scanOne(ctx, "post ids", kindPost)
}

// ItemIDs is like PostIDs for items.
func (s *Site) ItemIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scanOne(ctx, "item ids", kindItem)
}

// IDs is like PostIDs for posts and items in one scan.
func (s *Site) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range s.scan(ctx, "ids", kinds{kindPost: true, kindItem: true}) {
			if !yield(feed.IDs{Posts: ids[kindPost], Items: ids[kindItem]}, err) {
				return
			}
		}
	}
}

// scanOne is like scan, but for a single kind of key.
func (s *Site) scanOne(ctx context.Context, op string, k kind) iter.Seq2[[]string, error] {
	var want kinds
	want[k] = true
	return func(yield func([]string, error) bool) {
		for ids, err := range s.scan(ctx, op, want) {
			if !yield(ids[k], err) {
				return
			}
		}
	}
}

func (s *Site) scan(ctx context.Context, op string, want kinds) iter.Seq2[idLists, error] {
	return func(yield func(idLists, error) bool) {
		more := true
		err := s.scanAll(ctx, want, func(ids idLists) bool {
			more = yield(ids, nil)
			return more
		})
		if err != nil && more {
			yield(idLists{}, s.client.wrap(op, err))
		}
	}
}

// scanAll calls yield with all ids, in batches, until it returns false.
func (s *Site) scanAll(ctx context.Context, want kinds, yield func(idLists) bool) error {
	m, err := s.master(ctx, s.client.build)
	if err != nil {
		return err
	}
	if s.client.scanner.several() {
		for _, p := range []pace{swift, patient} {
			if err := s.client.scanner.join(ctx, m, p, s.keys, want, yield); !errors.Is(err, errLeftBehind) {
				return err
			}
		}
	}
	return s.scanAlone(ctx, m, want, yield)
}

// scanAlone scans for this site only. At the end it checks that the same server was the master of the site's slot
// during the whole scan: after a failover or a restart, keys may have been skipped.
func (s *Site) scanAlone(ctx context.Context, m *redis.Client, want kinds, yield func(idLists) bool) error {
	before, err := s.incarnation(ctx, m)
	if err != nil {
		return err
	}
	// Site ids contain no characters that are special in patterns.
	for keys, err := range scanKeys(ctx, m, want.pattern(string(s.keys))) {
		if err != nil {
			return err
		}
		// miniredis returns all keys in one step.
		for batch := range slices.Chunk(keys, scanBatch) {
			var ids idLists
			for _, key := range batch {
				if _, k, id := splitKey(key); k < kindCount && want[k] {
					ids[k] = append(ids[k], id)
				}
			}
			if !yield(ids) {
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
	return fmt.Errorf("a different server became the master during the scan: %w", feed.ErrUnavailable)
}

// scanKeys returns an iterator over the keys that match a pattern. It does not check that the server stays the same.
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
	// scanCount is the number of keys in one step of SCAN, which blocks the server for about half a millisecond.
	scanCount = 1000
	// scanBatch is the maximum number of ids of each kind in a batch.
	scanBatch = 1000
)

// kind is a kind of key that ends in a post's id.
type kind int

const (
	kindPost kind = iota
	kindItem
	kindRecord
	kindCount
)

// kinds is the set of kinds that a scan looks for, and idLists contains the ids that it finds, by kind.
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

// pattern returns a pattern that matches all keys of these kinds and few others. Site may be a pattern.
func (want kinds) pattern(site string) string {
	k := keyspace(site)
	switch want {
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

// splitKey returns the site, the kind and the id of a key that ends in an id. For other keys the kind is kindCount.
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
	// joinDelay is how long a pass waits for more sites to join: at the start of the process, and on a schedule,
	// several sites begin their reconciliation at about the same time.
	joinDelay = 50 * time.Millisecond
	// minBatch is the minimum number of ids in each batch except the last. Without a minimum, batches would be small,
	// since few of the thousand keys in a step belong to the same site.
	minBatch = 256
	// maxBuffered is the maximum number of ids, about 40 MB, that are buffered for all sites of a pass; each site may
	// buffer at least minBuffered ids.
	maxBuffered = 1 << 19
	minBuffered = 2560
)

// pace is how long a pass waits for a site whose buffer is full before it continues without the site.
type pace time.Duration

const (
	// swift passes wait only long enough to tolerate a busy processor, so that a slow site does not delay the sites
	// that wait for the next pass.
	swift = pace(50 * time.Millisecond)
	// patient passes are for sites that a swift pass left behind, such as large sites. They advance at the speed of
	// their slowest site.
	patient = pace(30 * time.Second)
)

// errLeftBehind is the error of a site whose pass continued without it.
var errLeftBehind = errors.New("the pass continued without this site")

// scanner shares scans of a server's keys among sites. SCAN iterates over the keys of all sites, so two hundred
// concurrent scans would cost two hundred times as much as one. A site that joins during a pass waits for the next
// pass, since it needs a complete scan.
//
// Each site consumes its ids at its own speed from a bounded buffer. A slow site cannot block the others: a swift pass
// continues without it, and the site starts again in a patient pass. If that pass also continues without it, the site
// scans alone.
type scanner struct {
	ctx  context.Context // done when the client is closed
	stop context.CancelFunc
	room int // maximum number of ids buffered for all sites of a pass

	mu     sync.Mutex
	sites  map[keyspace]bool    // sites of the client
	queues map[queueKey][]*part // parts that wait for the next pass; each queue has its own goroutine
	closed bool
	ended  sync.WaitGroup
}

// queueKey identifies a queue of sites that wait for a pass.
type queueKey struct {
	master *redis.Client
	pace   pace
}

func newScanner() *scanner {
	w := &scanner{room: maxBuffered, sites: map[keyspace]bool{}, queues: map[queueKey][]*part{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// close ends all passes and waits for their goroutines.
func (w *scanner) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.stop()
	w.ended.Wait()
}

// addSite records a site of this client.
func (w *scanner) addSite(site keyspace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sites[site] = true
}

// several reports whether the client has several sites. A single site need not wait for others to join.
func (w *scanner) several() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sites) > 1
}

// join takes part in the next pass over the keys of m, and calls yield with batches of ids until it returns false. The
// error is errLeftBehind if the pass continued without the site.
func (w *scanner) join(
	ctx context.Context, m *redis.Client, p pace, site keyspace, want kinds, yield func(idLists) bool,
) error {
	x := newPart(site, want)
	defer x.end(nil)
	if !w.enqueue(queueKey{m, p}, x) {
		return redis.ErrClosed
	}
	for {
		ids, more, err := x.take(ctx)
		if err != nil {
			return err
		}
		if ids.len() > 0 && !yield(ids) || !more {
			return nil
		}
	}
}

func (w *scanner) enqueue(l queueKey, x *part) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	if _, running := w.queues[l]; !running {
		w.ended.Go(func() { w.run(l) })
	}
	w.queues[l] = append(w.queues[l], x)
	return true
}

// run makes passes until the queue is empty.
func (w *scanner) run(l queueKey) {
	for {
		select {
		case <-time.After(joinDelay):
		case <-w.ctx.Done():
		}
		w.mu.Lock()
		parts := w.queues[l]
		if len(parts) == 0 {
			delete(w.queues, l)
			w.mu.Unlock()
			return
		}
		w.queues[l] = nil
		w.mu.Unlock()
		newPass(parts, max(w.room/len(parts), minBuffered)).run(w.ctx, l)
	}
}

// pass is one scan of a server's keys for several sites.
type pass struct {
	parts map[keyspace][]*part
	want  kinds // the union of the parts' kinds
}

// newPass returns a pass that buffers up to room ids for each part.
func newPass(parts []*part, room int) *pass {
	p := &pass{parts: map[keyspace][]*part{}}
	for _, x := range parts {
		x.room = room
		p.parts[x.site] = append(p.parts[x.site], x)
		for k, wanted := range x.want {
			p.want[k] = p.want[k] || wanted
		}
	}
	return p
}

// run scans the master for all parts of the pass. When it returns, all parts have ended.
func (p *pass) run(ctx context.Context, l queueKey) {
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

// scan adds the ids of keys to their parts, until all parts have ended.
func (p *pass) scan(ctx context.Context, l queueKey) error {
	for keys, err := range scanKeys(ctx, l.master, p.want.pattern("*")) {
		if err != nil {
			return err
		}
		for _, key := range keys {
			site, k, id := splitKey(key)
			for _, x := range p.parts[site] {
				if k < kindCount && x.want[k] {
					x.add(ctx, k, id, l.pace)
				}
			}
		}
		for site, same := range p.parts {
			if same = slices.DeleteFunc(same, (*part).done); len(same) == 0 {
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

// incarnation is like [Site.incarnation], but for the sites of all parts. It ends the parts whose slots have moved to a
// different server.
func (p *pass) incarnation(ctx context.Context, m *redis.Client) (string, error) {
	sites := slices.Collect(maps.Keys(p.parts))
	owned := make([]*redis.IntCmd, len(sites))
	// Each command has its own error, since the slots of sites move one by one.
	_, _ = m.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, site := range sites {
			owned[i] = pipe.Exists(ctx, site.absent())
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

// part is the state of one site in a pass.
type part struct {
	site keyspace
	want kinds
	room int // maximum number of buffered ids

	ready chan struct{} // has capacity 1; receives a value when a batch is full or the part ends
	taken chan struct{} // has capacity 1; receives a value when take has removed ids

	mu    sync.Mutex
	ids   idLists // buffered ids
	ended bool
	err   error // set if the part ended early
}

func newPart(site keyspace, want kinds) *part {
	return &part{site: site, want: want, ready: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// add buffers an id. If the buffer is full and stays full for the duration of the pace, add ends the part.
func (x *part) add(ctx context.Context, k kind, id string, p pace) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.ended && x.ids.len() >= x.room {
		x.mu.Unlock()
		taken := x.awaitRoom(ctx, time.Duration(p))
		x.mu.Lock()
		if !taken && x.ids.len() >= x.room {
			x.endLocked(errLeftBehind)
		}
	}
	if x.ended {
		return
	}
	x.ids[k] = append(x.ids[k], id)
	if x.ids.len() == minBatch {
		signal(x.ready)
	}
}

// awaitRoom waits for ids to be taken, and reports whether any were taken.
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

// take waits for ids, and returns a batch and whether there may be more. After the last batch, it returns the error
// that ended the scan of the part, if any.
func (x *part) take(ctx context.Context) (ids idLists, more bool, err error) {
	for {
		x.mu.Lock()
		if x.ended || x.ids.len() >= minBatch {
			for k, all := range x.ids {
				n := min(len(all), scanBatch)
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
		case <-x.ready:
		case <-ctx.Done():
			return idLists{}, false, ctx.Err()
		}
	}
}

// end ends the part, so that no more ids are added. It has no effect on a part that has already ended.
func (x *part) end(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.endLocked(err)
}

func (x *part) endLocked(err error) {
	if !x.ended {
		x.ended, x.err = true, err
		signal(x.ready)
		signal(x.taken)
	}
}

// done reports whether the part has ended.
func (x *part) done() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended
}

// signal sends to a channel with a buffer of one, unless it is full.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
