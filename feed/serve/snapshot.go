package serve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
)

// Snapshot is what a site serves at one moment: its feeds' committed documents by their paths. It is immutable and safe
// for concurrent use.
type Snapshot struct {
	editions  map[feed.Name]*edition
	documents table[*document] // by their own paths and by the old ones that lead to them
	// unheld are paths of feeds that are known to be committed but whose documents could not be had.
	unheld   map[string]bool
	retreats *retreats
	// complete says that every committed feed is in editions or unheld: a path that is not there does not exist.
	complete bool
	index    *index
	// ripe is when the first of the documents whose Last-Modified had to be left out may have it; zero if there is none.
	ripe time.Time
}

// edition is a feed's committed state with its documents, which are in the head's order. It is immutable.
type edition struct {
	head      feed.Head
	documents []*document
}

// Options say what a snapshot knows besides committed documents.
type Options struct {
	// Retired are paths that answer 410, even if a document is committed for them. Here and below a path is
	// percent-decoded and may be followed by "?" and a query, which a request has to have exactly.
	Retired []string
	// Moved are absolute URLs by the paths that answer 301 and send readers there.
	Moved map[string]string
	// Aliases says that documents may have old paths besides their own. Then any path may be one, and before all feeds
	// are known none is answered with 404.
	Aliases bool
	// Now is the time by which a Last-Modified that would lie in the future is left out.
	Now time.Time
}

// NewSnapshot returns a snapshot of the given heads, taken to be all that a site has; blob returns the bytes of their
// documents. A head that can't be served, or a document that is missing or does not have the hash it should, makes an
// error of kind [feed.ErrInvalid] or [feed.ErrNotFound]. The snapshot keeps the blobs' bytes.
func NewSnapshot(o Options, heads []feed.Head, blob func(feed.Hash) (feed.Blob, bool)) (*Snapshot, error) {
	editions := make(map[feed.Name]*edition, len(heads))
	for _, h := range heads {
		e, err := newEdition(h, nil, o.Now, func(ref feed.DocumentRef) (feed.Blob, error) {
			b, ok := blob(ref.Hash)
			if !ok {
				return b, fmt.Errorf("document %s: %w", ref.Hash, feed.ErrNotFound)
			}
			return b, nil
		})
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		editions[h.Feed] = e
	}
	base := emptySnapshot(newRetreats(o))
	base.complete = true
	return base.with(editions, nil, o.Now), nil
}

// newEdition checks a head and fetches its documents, except those that prev, if not nil, has already. Documents from
// elsewhere are checked against their hash.
func newEdition(h feed.Head, prev *edition, now time.Time, fetch func(feed.DocumentRef) (feed.Blob, error)) (*edition, error) {
	if err := checkHead(h); err != nil {
		return nil, err
	}
	e := &edition{head: h, documents: make([]*document, len(h.Documents))}
	for i, ref := range h.Documents {
		if d := prev.find(func(d *document) bool { return d.ref.Hash == ref.Hash && d.ref.Length == ref.Length }); d != nil {
			e.documents[i] = newDocument(h.Feed, ref, d.gzip, now).with(d.history)
			continue
		}
		b, err := fetch(ref)
		if err == nil {
			err = checkBlob(ref, b)
		}
		if err != nil {
			return nil, fmt.Errorf("head of %s: %w", h.Feed, err)
		}
		e.documents[i] = newDocument(h.Feed, ref, b.Gzip, now)
	}
	return e, nil
}

// compared returns the edition with the history of each document that has taken the place of one of prev.
func (e *edition) compared(prev *edition, now time.Time) *edition {
	next := &edition{head: e.head, documents: slices.Clone(e.documents)}
	for i, d := range e.documents {
		before := prev.find(func(old *document) bool { return old.ref.Path == d.ref.Path })
		if d.history != nil || before == nil || before.ref.Hash == d.ref.Hash {
			continue
		}
		body, err := gunzip(d.gzip, d.ref.Length)
		if err != nil {
			continue // not for a blob that was checked when it came in
		}
		next.documents[i] = newDocument(d.feed, d.ref, d.gzip, now).with(newHistory(before, d.ref.Format, body, len(d.gzip)))
	}
	return next
}

// find returns the first document of the edition that is as wanted, or nil.
func (e *edition) find(wanted func(*document) bool) *document {
	if e == nil {
		return nil
	}
	if i := slices.IndexFunc(e.documents, wanted); i >= 0 {
		return e.documents[i]
	}
	return nil
}

// refresh returns the edition with every Last-Modified that is not later than now.
func (e *edition) refresh(now time.Time) *edition {
	fresh := e
	for i, d := range e.documents {
		if d.lastModified != "" || d.ref.Modified.IsZero() || d.ref.Modified.After(now) {
			continue
		}
		if fresh == e {
			fresh = &edition{head: e.head, documents: slices.Clone(e.documents)}
		}
		fresh.documents[i] = newDocument(d.feed, d.ref, d.gzip, now).with(d.history)
	}
	return fresh
}

// emptySnapshot returns a snapshot without documents; nil stands for no retreats.
func emptySnapshot(r *retreats) *Snapshot {
	if r == nil {
		r = newRetreats(Options{})
	}
	return &Snapshot{retreats: r}
}

// with returns a snapshot in which the given editions replace those of the same feeds, and unheld is what is known to be
// committed besides. Nothing that s serves is lost by it. The whole table of paths is made anew, which takes a few
// milliseconds for thousands of feeds and leaves nothing to get out of step.
func (s *Snapshot) with(editions map[feed.Name]*edition, unheld []feed.Head, now time.Time) *Snapshot {
	next := &Snapshot{
		editions:  make(map[feed.Name]*edition, len(s.editions)+len(editions)),
		documents: newTable[*document](len(s.documents.paths)),
		unheld:    make(map[string]bool),
		retreats:  s.retreats,
		complete:  s.complete,
	}
	maps.Copy(next.editions, s.editions)
	maps.Copy(next.editions, editions)

	names := next.names()
	for _, name := range names {
		e := next.editions[name].refresh(now)
		next.editions[name] = e
		for _, d := range e.documents {
			if m := d.ref.Modified; d.lastModified == "" && !m.IsZero() && (next.ripe.IsZero() || m.Before(next.ripe)) {
				next.ripe = m
			}
			// A path that two feeds claim stays with the first, on every replica the same.
			if !s.retreats.answers.has(d.ref.Path) {
				next.documents.put(d.ref.Path, d)
			}
		}
	}
	for _, name := range names { // after all own paths, which no old path takes away
		for _, d := range next.editions[name].documents {
			for _, target := range d.ref.Aliases {
				if !s.retreats.answers.has(target) {
					next.documents.put(target, d)
				}
			}
		}
	}
	for _, h := range unheld {
		for _, ref := range h.Documents {
			next.unheld[ref.Path] = true
			for _, target := range ref.Aliases {
				next.unheld[target] = true
			}
		}
	}
	next.index = s.index.of(names, next)
	return next
}

// names returns the names of the feeds, the main feed first.
func (s *Snapshot) names() []feed.Name {
	return slices.SortedFunc(maps.Keys(s.editions), compareNames)
}

// compareNames puts the main feed before all others.
func compareNames(a, b feed.Name) int {
	switch {
	case a == b:
		return 0
	case a == feed.Main:
		return -1
	case b == feed.Main:
		return 1
	default:
		return cmp.Compare(a, b)
	}
}

// document returns what is served at path, or nil.
func (s *Snapshot) document(path string) *document {
	if s == nil {
		return nil
	}
	if d, ok := s.documents.paths[path]; ok {
		return d
	}
	if path == "/" && s.index != nil {
		return s.index.page
	}
	return nil
}

// queried returns the answer or the document that stands at a path with exactly this query; at most one of the two.
func (s *Snapshot) queried(path, query string) (Response, *document) {
	if s == nil {
		return Response{}, nil
	}
	if res, ok := s.retreats.answers.queries[path][query]; ok {
		return res, nil
	}
	return Response{}, s.documents.queries[path][query]
}

func (s *Snapshot) hasMain() bool { return s.editions[feed.Main] != nil }

// Head returns the head of a feed that is served.
func (s *Snapshot) Head(name feed.Name) (feed.Head, bool) {
	e, ok := s.editions[name]
	if !ok {
		return feed.Head{}, false
	}
	return e.head, true
}

// Heads returns the heads of the feeds that are served, the main feed's first, then by name.
func (s *Snapshot) Heads() []feed.Head {
	heads := make([]feed.Head, 0, len(s.editions))
	for _, name := range s.names() {
		heads = append(heads, s.editions[name].head)
	}
	return heads
}

// Blob returns the bytes of a document that is served. They are not to be modified.
func (s *Snapshot) Blob(hash feed.Hash) (feed.Blob, bool) {
	for _, e := range s.editions {
		for _, d := range e.documents {
			if d.ref.Hash == hash {
				return feed.Blob{Hash: hash, Gzip: d.gzip, Size: d.ref.Length}, true
			}
		}
	}
	return feed.Blob{}, false
}

// Newest returns the greatest fencing token among the heads that are served, 0 if there is none.
func (s *Snapshot) Newest() feed.Token {
	var newest feed.Token
	for _, e := range s.editions {
		newest = max(newest, e.head.Token)
	}
	return newest
}
