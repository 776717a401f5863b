package serve

import (
	"container/list"
	"sync"
)

// loadsAtOnce is how many documents are loaded side by side: each takes some memory besides what it leaves there.
const loadsAtOnce = 8

// Memory bounds how much of documents' bytes the replicas of a process hold in memory. Counted are the documents in gzip
// coding and what is known of their earlier versions, not their heads: entity tags, dates and paths always stay, some
// 4 KB for a document, and no 304 needs more. What is beyond the bound is dropped from memory, what was asked for least
// recently first, and loaded again when it is asked for; but nothing is dropped that is not on the disk. So until what
// was taken is saved, and without a disk, the bound may be passed. It is safe for concurrent use.
type Memory struct {
	limit int64
	turns chan struct{} // of those that load

	mu    sync.Mutex
	held  int64
	loads uint64
	// ring has the documents that may be dropped, the next candidate in front. One that was asked for since it was last
	// looked at goes to the back instead, which is nearly least recently used and costs an answer no lock.
	ring list.List
}

// NewMemory returns a bound of so many bytes; 0 is none.
func NewMemory(limit int64) *Memory {
	return &Memory{limit: limit, turns: make(chan struct{}, loadsAtOnce)}
}

// Held returns how many bytes are held that count.
func (m *Memory) Held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// Loads returns how many documents were loaded: after a start, and because they were asked for and had been dropped.
func (m *Memory) Loads() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loads
}

// full says whether so many bytes more would be beyond the bound.
func (m *Memory) full(more int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limit > 0 && m.held+int64(more) > m.limit
}

// residence is what a [Memory] knows of a document. It is guarded by the Memory's lock.
type residence struct {
	counted int64         // bytes held
	element *list.Element // in the ring, nil if it may not be dropped
	saved   bool          // it is on the disk
	served  bool          // it is in the present snapshot
}

// replace counts what is served from now on, and no more what was served instead.
func (m *Memory) replace(before, now []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range before {
		m.leave(d)
		d.served = false
	}
	for _, d := range now {
		d.served = true
		m.count(d, d.held.Load())
	}
	m.evict()
}

// retain counts documents that are not served any more but will be looked at once more; release ends it. They are
// dropped as others are, saved or not.
func (m *Memory) retain(ds []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range ds {
		if !d.served {
			d.saved = true
			m.count(d, d.held.Load())
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

// note records that documents are on the disk: they may be dropped.
func (m *Memory) note(ds []*document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range ds {
		d.saved = true
		if d.served {
			m.count(d, d.held.Load())
		}
	}
	m.evict()
}

// isSaved says whether a document is on the disk, and isServed whether it is in the present snapshot.
func (m *Memory) isSaved(d *document) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return d.saved
}

func (m *Memory) isServed(d *document) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return d.served
}

// admit puts what was loaded of a document into memory, unless the document is not served any more.
func (m *Memory) admit(d *document, h *held) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	if !d.served || d.held.Load() != nil {
		return
	}
	d.held.Store(h)
	d.asked.Store(false)
	m.count(d, h)
	m.evict()
}

// count counts what is held of a document.
func (m *Memory) count(d *document, h *held) {
	m.held += h.size() - d.counted
	d.counted = h.size()
	if h != nil && d.saved && d.element == nil {
		d.element = m.ring.PushBack(d)
	}
}

// leave counts a document no more. Who reads it still has it.
func (m *Memory) leave(d *document) {
	m.held -= d.counted
	d.counted = 0
	if d.element != nil {
		m.ring.Remove(d.element)
		d.element = nil
	}
}

// evict drops documents until the rest is within the bound.
func (m *Memory) evict() {
	// Readers may ask for documents faster than they are looked at: after one round they count no more.
	for spared := m.ring.Len(); m.limit > 0 && m.held > m.limit && m.ring.Len() > 0; spared-- {
		d, _ := m.ring.Front().Value.(*document) // nothing else is put there
		if spared > 0 && d.asked.Swap(false) {
			m.ring.MoveToBack(d.element)
			continue
		}
		m.leave(d)
		d.held.Store(nil)
	}
}
