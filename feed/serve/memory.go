package serve

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"feedpub/feed"
	"feedpub/feed/coding"
)

const (
	// Archives and pages of posts, which are rarely requested, may use 1/rareShare of the limit of a Memory.
	rareShare = 16
	// Documents that have not been requested yet may use 1/unreadShare of the limit.
	unreadShare = 32
)

// maxLoads is the maximum number of documents loaded at a time. It limits the memory that loading uses.
const maxLoads = 8

// Memory limits the bytes of documents that the replicas of a process keep in memory: the documents in their codings,
// the histories of their earlier versions, and the bodies of responses that are being sent. Entity tags, dates and
// paths, 2 to 3 KB per document, are not counted and are never dropped, so every 304 is served from memory.
//
// When the limit is exceeded, the least recently requested documents are dropped. Archives and pages of posts, of which
// a site may have tens of thousands, are dropped earlier, and so are documents that nobody has requested: a process may
// have thousands of sites without readers. A dropped document is loaded again when it is next requested.
// Documents that are not on disk are never dropped, so memory can exceed the limit until they are saved, or always if
// there is no disk. A Memory is safe for concurrent use.
type Memory struct {
	limit int64
	turns chan struct{} // limits loads to maxLoads

	mu     sync.Mutex
	size   int64 // total size, in bytes, of the counted payloads and bodies
	bodies int64 // total size, in bytes, of the unpacked bodies that responses in progress use
	loads  uint64
	// requested holds the documents that may be dropped, the next candidate first. A candidate that was requested since
	// it was last examined moves to the end (the clock algorithm), so that requests need no lock.
	requested list.List
	// unread holds the documents that have not been requested since they were put into memory, as far as is known, and
	// unreadSize is the part of size that they take up. A candidate that was requested moves to requested.
	unread     list.List
	unreadSize int64
	// rare holds archives and pages of posts, and rareSize is the part of size that they take up.
	rare     list.List
	rareSize int64
}

// NewMemory returns a Memory with a limit in bytes; 0 means no limit.
func NewMemory(limit int64) *Memory {
	return &Memory{limit: limit, turns: make(chan struct{}, maxLoads)}
}

// Size returns the number of bytes in memory.
func (m *Memory) Size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size
}

// Loads returns the number of times a document was loaded, after a start or because it had been dropped.
func (m *Memory) Loads() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loads
}

// full reports whether the limit is exceeded.
func (m *Memory) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limit > 0 && m.size > m.limit
}

// hasRoom reports whether the bytes of d, which has not been requested, can be added without exceeding the limits.
func (m *Memory) hasRoom(d *document) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	used, share := m.unreadSize, m.limit/unreadShare
	if d.isRare() {
		used, share = m.rareSize, m.limit/rareShare
	}
	more := int64(d.lengths[coding.Gzip])
	return m.limit <= 0 || m.size+more <= m.limit && used+more <= share
}

// isRare reports whether a document is an archive or the page of a post, which are rarely requested.
func (d *document) isRare() bool {
	_, archive := d.feed.Archived()
	return archive > 0 || d.feed.OfPost()
}

func (m *Memory) ringOf(d *document) *list.List {
	switch {
	case d.isRare():
		return &m.rare
	case d.requested:
		return &m.requested
	default:
		return &m.unread
	}
}

// add adds n to the counted size of d, and to the sizes of the Memory in which d is included.
func (m *Memory) add(d *document, n int64) {
	m.size += n
	d.counted += n
	switch {
	case d.isRare():
		m.rareSize += n
	case !d.requested:
		m.unreadSize += n
	}
}

// memoryState is the state of a document in a [Memory]. It is guarded by the Memory's lock.
type memoryState struct {
	counted   int64         // the document's share of Memory.size, in bytes
	element   *list.Element // element of a ring; nil if the document must not be dropped
	saved     bool          // the document is on disk
	served    bool          // the document is in the current snapshot
	requested bool          // the document, or the one that it replaced, was requested while it was in memory
}

// setRequested records that a document was requested.
func (m *Memory) setRequested(d *document) {
	if d.requested {
		return
	}
	n, ring := d.counted, d.element != nil
	m.add(d, -n)
	if ring {
		m.ringOf(d).Remove(d.element)
	}
	d.requested = true
	m.add(d, n)
	if ring {
		d.element = m.ringOf(d).PushBack(d)
	}
}

// replace stops counting the documents in before, and counts those in now, which replace them. A document counts as
// requested if the document that it replaced at the same path was requested, because the same readers will request it.
func (m *Memory) replace(before, now []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	requested := make(map[string]bool)
	for _, d := range before {
		if d.requested || d.asked.Load() {
			requested[d.ref.Path] = true
		}
		m.leave(d)
		d.served = false
	}
	for _, d := range now {
		d.served = true
		if requested[d.ref.Path] {
			m.setRequested(d)
		}
		m.count(d, d.payload.Load())
	}
	m.evict()
}

// retain counts documents that are no longer served but will be compared with their successors, until release is
// called. They may be dropped, whether or not they are on disk.
func (m *Memory) retain(ds []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range ds {
		if !d.served {
			d.saved = true
			m.count(d, d.payload.Load())
		}
	}
	m.evict()
}

func (m *Memory) release(ds []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range ds {
		if !d.served {
			m.leave(d)
		}
	}
}

// note records that documents are on disk and may be dropped.
func (m *Memory) note(ds []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range ds {
		d.saved = true
		if d.served {
			m.count(d, d.payload.Load())
		}
	}
	m.evict()
}

// isSaved reports whether a document is on disk.
func (m *Memory) isSaved(d *document) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return d.saved
}

// isServed reports whether a document is in the current snapshot.
func (m *Memory) isServed(d *document) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return d.served
}

// admit puts the loaded bytes of a document into memory if it is still served.
func (m *Memory) admit(d *document, p *payload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	if !d.served || d.payload.Load() != nil {
		return
	}
	d.payload.Store(p)
	if d.asked.Swap(false) {
		m.setRequested(d)
	}
	m.count(d, p)
	m.evict()
}

// count updates the size of all documents after the payload of d has changed to p.
func (m *Memory) count(d *document, p *payload) {
	m.add(d, p.size()-d.counted)
	if p != nil && p.dropped.Load() {
		m.size -= p.lingering
		p.lingering = 0
		p.dropped.Store(false)
	}
	if p != nil && d.saved && d.element == nil {
		d.element = m.ringOf(d).PushBack(d)
	}
}

// leave stops counting a document. Responses in progress keep its bytes, which are counted until they have been sent.
func (m *Memory) leave(d *document) {
	if p := d.payload.Load(); p != nil && d.counted > 0 {
		p.dropped.Store(true)
		m.linger(p)
	}
	m.add(d, -d.counted)
	if d.element != nil {
		m.ringOf(d).Remove(d.element)
		d.element = nil
	}
}

// evict drops documents until their sizes are within the limits.
func (m *Memory) evict() {
	if m.limit <= 0 {
		return
	}
	full := func() bool { return m.size > m.limit }
	m.drop(&m.rare, func() bool { return m.rareSize > m.limit/rareShare })
	m.drop(&m.unread, func() bool { return m.unreadSize > m.limit/unreadShare || m.size > m.limit })
	m.drop(&m.requested, full)
	m.drop(&m.rare, full)
}

// drop drops documents of a ring for as long as more returns true.
func (m *Memory) drop(ring *list.List, more func() bool) {
	// Requests can mark documents faster than they are examined, so marks are ignored after one round.
	for spared := ring.Len(); ring.Len() > 0 && more(); spared-- {
		d, _ := ring.Front().Value.(*document) // the ring holds only documents
		if spared > 0 && d.asked.Swap(false) {
			if d.requested || d.isRare() {
				ring.MoveToBack(d.element)
			} else {
				m.setRequested(d)
			}
			continue
		}
		m.leave(d)
		d.payload.Store(nil)
		for c := range d.variants { // not needed until the document is requested again
			d.variants[c].Store(nil)
		}
	}
}

// loadTimeout is the maximum time a request waits for a document from the store.
const loadTimeout = 3 * time.Second

// contents holds the bytes of a document, and its history, which may be nil.
type contents struct {
	bodies  bodies
	history *history
}

// payload holds the bytes of a document and the bodies derived from them, which are immutable.
type payload struct {
	contents
	identity *unpacked                  // the document in identity coding
	deltas   []*delta                   // sorted by base, newest first
	attached [coding.Count]atomic.Value // see Response.Attachment

	holds     atomic.Int32 // responses in progress that use the payload
	dropped   atomic.Bool  // the payload is no longer counted for a document
	lingering int64        // bytes counted while it is dropped and held; guarded by the Memory's lock
}

// deltaOverhead is the approximate memory used by the header of a delta, in bytes.
const deltaOverhead = 2 << 10

// size returns the approximate memory used by p in bytes, 0 for nil.
func (p *payload) size() int64 {
	if p == nil {
		return 0
	}
	n := len(p.deltas) * deltaOverhead
	for _, body := range p.bodies {
		n += len(body)
	}
	if p.history != nil {
		n += p.history.size()
	}
	return int64(n)
}

// payloadOf returns the payload for a document with the given contents.
func (d *document) payloadOf(c contents) *payload {
	p := &payload{contents: c, identity: &unpacked{gzip: c.bodies[coding.Gzip], length: d.ref.Length}}
	if c.history != nil {
		p.deltas = make([]*delta, len(c.history.Patches))
		for i, patch := range c.history.Patches {
			p.deltas[i] = newDelta(patch)
		}
	}
	return p
}

// loader loads documents that are not in memory: from the disk or, if the copy there is damaged, from the store.
type loader struct {
	disk   *Disk
	source Source
	kept   func(feed.Name) bool // whether the source keeps the documents of a feed instead of the disk; may be nil
	memory *Memory
	log    *slog.Logger

	flights singleflight.Group // by hash: concurrent requests share a load
	failing atomic.Bool
}

// loaded is a document with its bytes.
type loaded struct {
	document *document
	payload  *payload
}

// load returns d with its bytes, which stay valid after the Memory drops them. If the store has the same content with
// different gzip bytes, load returns a new document with the actual Content-Length. The error is of kind
// [feed.ErrUnavailable], [feed.ErrNotFound] or [feed.ErrInvalid].
func (d *document) load() (*document, *payload, error) {
	if p := d.payload.Load(); p != nil {
		return d, p, nil
	}
	if d.loader == nil {
		return nil, nil, fmt.Errorf("document %s: %w", d.ref.Hash, feed.ErrNotFound)
	}
	v, err, _ := d.loader.flights.Do(string(d.ref.Hash), func() (any, error) { return d.loader.load(d) })
	if err != nil {
		return nil, nil, err
	}
	l, _ := v.(loaded)
	return l.document, l.payload, nil
}

func (l *loader) load(d *document) (loaded, error) {
	if p := d.payload.Load(); p != nil {
		return loaded{d, p}, nil
	}
	l.memory.turns <- struct{}{}
	defer func() { <-l.memory.turns }()
	c, err := l.fetch(d)
	l.note(err)
	if err != nil {
		return loaded{}, err
	}
	lengths := c.bodies.lengths()
	lengths[coding.Identity] = d.ref.Length
	if lengths != d.lengths {
		bounds := d.bounds
		d = describe(d.feed, d.ref, lengths)
		d.bounds = bounds
	}
	p := d.payloadOf(c)
	l.memory.admit(d, p)
	return loaded{d, p}, nil
}

// fetch returns the contents of a document after checking them against its hash.
func (l *loader) fetch(d *document) (contents, error) {
	if l.kept != nil && l.kept(d.feed) {
		c, err := l.fetchStored(d)
		if err != nil {
			err = fmt.Errorf("load document of %s: %w", d.feed, err)
		}
		return c, err
	}
	c, problem := l.disk.read(*d.ref, d.stored)
	if problem == nil {
		return c, nil
	}
	served := l.memory.isServed(d)
	if served || !errors.Is(problem, fs.ErrNotExist) { // the copy of a replaced document may have been removed
		l.log.Warn("cannot use the copy on disk", "feed", d.feed, "error", problem)
	}
	c, err := l.fetchStored(d)
	if err != nil {
		return contents{}, fmt.Errorf("load document of %s: %w; on disk: %w", d.feed, err, problem)
	}
	if served {
		if err := l.disk.repair(d.ref.Hash, c.bodies); err != nil {
			l.log.Warn("cannot repair the copy on disk", "feed", d.feed, "error", err)
		}
	}
	return c, nil
}

// fetchStored returns the contents of a document from the store.
func (l *loader) fetchStored(d *document) (c contents, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	b, err := l.source.Blob(ctx, d.ref.Hash)
	if err == nil {
		c.bodies, err = bodiesOf(*d.ref, b)
	}
	return c, err
}

// note logs the first of several failures, and the first success after them. It does not log each failure, because
// clients can cause any number of failures.
func (l *loader) note(err error) {
	if failed := err != nil; l.failing.Swap(failed) != failed {
		if failed {
			l.log.Error("cannot load a document; requests for it are answered with 503", "error", err)
		} else {
			l.log.Info("documents are loaded again")
		}
	}
}
