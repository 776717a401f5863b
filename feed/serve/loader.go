package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// loadTimeout bounds how long a reader waits for a document that has to come from the store.
const loadTimeout = 3 * time.Second

// contents are a document's bytes in gzip coding, in brotli coding if they are held in it, and its history, nil if it has
// none.
type contents struct {
	gzip, brotli []byte
	history      *history
}

// held is what memory has of a document. It is immutable.
type held struct {
	contents
	deltas []delta // the newest base first
}

// deltaSize is about what the header of a delta takes of the memory, in bytes.
const deltaSize = 2 << 10

// size returns about how many bytes of memory h takes; nothing takes none.
func (h *held) size() int64 {
	if h == nil {
		return 0
	}
	n := len(h.gzip) + len(h.brotli) + len(h.deltas)*deltaSize
	if h.history != nil {
		n += h.history.size()
	}
	return int64(n)
}

// holding returns what is held of the document with its contents.
func (d *document) holding(c contents) *held {
	h := &held{contents: c}
	if c.history != nil {
		h.deltas = make([]delta, len(c.history.Patches))
		for i, p := range c.history.Patches {
			h.deltas[i] = newDelta(d, p)
		}
	}
	return h
}

// loader brings back documents that are not in memory: from the disk, and if the copy there is damaged, from the store.
type loader struct {
	disk   *Disk
	source Source
	memory *Memory
	log    *slog.Logger
	now    func() time.Time

	flights singleflight.Group // by hash: many who ask at a time load once
	failing atomic.Bool
}

// loaded is a document with what is held of it.
type loaded struct {
	document *document
	held     *held
}

// load returns d with its bytes, which stay where they are for as long as the caller has them. The document that is
// returned is d, or one that is served with the same bytes, or, if the store has them in another gzip form, one whose
// fields are right for that. The error is of kind [feed.ErrUnavailable] or [feed.ErrNotFound] or [feed.ErrInvalid].
func (d *document) load() (*document, *held, error) {
	if h := d.held.Load(); h != nil {
		return d, h, nil
	}
	if d.loader == nil {
		return nil, nil, fmt.Errorf("document %s: %w", d.ref.Hash, feed.ErrNotFound)
	}
	v, err, _ := d.loader.flights.Do(string(d.ref.Hash), func() (any, error) { return d.loader.load(d) })
	if err != nil {
		return nil, nil, err
	}
	l, _ := v.(loaded)
	return l.document, l.held, nil
}

func (l *loader) load(d *document) (loaded, error) {
	if h := d.held.Load(); h != nil { // another flight has just landed
		return loaded{d, h}, nil
	}
	l.memory.turns <- struct{}{}
	defer func() { <-l.memory.turns }()
	c, err := l.fetch(d)
	l.note(err)
	if err != nil {
		return loaded{}, err
	}
	if len(c.gzip) != d.packed || len(c.brotli) != d.brotli {
		d = describe(d.feed, d.ref, len(c.gzip), len(c.brotli), l.now())
	}
	h := d.holding(c)
	l.memory.admit(d, h)
	return loaded{d, h}, nil
}

// fetch returns a document's contents, which it has compared with its hash.
func (l *loader) fetch(d *document) (contents, error) {
	c, problem := l.disk.read(d.ref, d.brotli > 0)
	if problem == nil {
		return c, nil
	}
	served := l.memory.isServed(d)
	if served || !errors.Is(problem, fs.ErrNotExist) { // what is not served any more may have been removed
		l.log.Warn("copy on disk not used", "feed", d.feed, "error", problem)
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	b, err := l.source.Blob(ctx, d.ref.Hash)
	if err == nil {
		b.Hash, b.Brotli = d.ref.Hash, soundBrotli(d.ref, b)
		err = coding.Gzip.Check(b.Gzip, d.ref.Hash, d.ref.Length)
	}
	if err != nil {
		return contents{}, fmt.Errorf("load document of %s: %w; on disk: %w", d.feed, err, problem)
	}
	if served {
		if err := l.disk.mend(b); err != nil {
			l.log.Warn("copy on disk not mended", "feed", d.feed, "error", err)
		}
	}
	return contents{gzip: b.Gzip, brotli: b.Brotli}, nil
}

// note logs the first of a row of failures, and their end: anyone can cause them by asking.
func (l *loader) note(err error) {
	if failed := err != nil; l.failing.Swap(failed) != failed {
		if failed {
			l.log.Error("a document can't be loaded; it is answered with 503", "error", err)
		} else {
			l.log.Info("documents can be loaded again")
		}
	}
}
