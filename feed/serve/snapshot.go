package serve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// Snapshot is what a site serves at one moment: its feeds' committed documents by their paths. It is immutable and safe
// for concurrent use. Snapshots share what they have in common.
type Snapshot struct {
	editions *shards[*edition] // by the feed's name
	paths    *shards[place]    // by documents' own paths
	old      *shards[[]owner]  // by old paths, with "?" and the query if they have one
	// unheld are paths of feeds that are known to be committed but whose documents could not be had.
	unheld   map[string]bool
	retreats *retreats
	// complete says that every committed feed is in editions or unheld: a path that is not there does not exist.
	complete bool
	index    *index // nil if there is no feed
	// undated are the feeds of which a document's Last-Modified had to be left out, and ripe is when the first may have
	// it; zero if there is none.
	undated map[feed.Name]bool
	ripe    time.Time
}

// place is what stands at a path. Of several feeds that claim it, it is that of the first, on every replica the same.
type place struct {
	document *document
	others   []*document // in the order of their feeds; nearly always none
}

// owner is a document that has an old path.
type owner struct {
	feed feed.Name
	i    int // among the documents of the edition
}

// edition is a feed's committed state with its documents, which are in the head's order. It is immutable.
type edition struct {
	head      feed.Head
	documents []*document
	// compared says that the documents have their histories: what they took the place of is not needed any more.
	compared bool
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
	e := &edition{head: h, documents: make([]*document, len(h.Documents)), compared: prev == nil}
	for i, ref := range h.Documents {
		var same *document
		if d := prev.find(func(d *document) bool { return d.ref.Hash == ref.Hash && d.ref.Length == ref.Length }); d != nil {
			if !ref.Brotli || d.brotli > 0 {
				e.documents[i] = d.again(ref, now)
				continue
			}
			same = d
		}
		b, err := fetch(ref)
		if err == nil {
			err = coding.Gzip.Check(b.Gzip, ref.Hash, ref.Length)
		}
		if err != nil && same != nil {
			e.documents[i] = same.again(ref, now) // it is served already, and can do without another coding
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("head of %s: %w", h.Feed, err)
		}
		c := contents{gzip: b.Gzip, brotli: soundBrotli(ref, b)}
		if same != nil {
			if _, h, err := same.load(); err == nil { // it is the same document, in one more coding
				c.history = h.history
			}
		}
		e.documents[i] = newDocumentOf(h.Feed, ref, c, now)
	}
	return e, nil
}

// compare returns the edition with the history of each document that has taken the place of one of prev.
func (e *edition) compare(prev *edition, now time.Time) *edition {
	next := &edition{head: e.head, documents: slices.Clone(e.documents), compared: true}
	for i, d := range e.documents {
		before := prev.find(func(old *document) bool { return old.ref.Path == d.ref.Path })
		if before == nil || before.ref.Hash == d.ref.Hash {
			continue
		}
		_, h, err := d.load()
		if err != nil || h.history != nil {
			continue // without a history, readers get the whole
		}
		body, err := coding.Gzip.Unpack(h.gzip, d.ref.Length)
		if err != nil {
			continue // not for a blob that was checked when it came in
		}
		next.documents[i] = newDocumentOf(d.feed, d.ref, contents{
			gzip: h.gzip, brotli: h.brotli, history: newHistory(before, d.ref.Format, body, len(h.gzip)),
		}, now)
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
			fresh = &edition{head: e.head, documents: slices.Clone(e.documents), compared: e.compared}
		}
		fresh.documents[i] = d.again(d.ref, now)
	}
	return fresh
}

// emptySnapshot returns a snapshot without documents; nil stands for no retreats.
func emptySnapshot(r *retreats) *Snapshot {
	if r == nil {
		r = newRetreats(Options{})
	}
	return &Snapshot{
		editions: newShards[*edition](), paths: newShards[place](), old: newShards[[]owner](), retreats: r,
	}
}

// with returns a snapshot in which the given editions replace those of the same feeds, and unheld is what is known to be
// committed besides. Nothing that s serves is lost by it. It costs what the given editions are, however many there are.
func (s *Snapshot) with(editions map[feed.Name]*edition, unheld []feed.Head, now time.Time) *Snapshot {
	next := *s
	next.undated, next.ripe, next.unheld = make(map[feed.Name]bool), time.Time{}, make(map[string]bool)
	changed := maps.Clone(editions)
	if changed == nil {
		changed = make(map[feed.Name]*edition, len(s.undated))
	}
	for name := range s.undated {
		if changed[name] == nil {
			changed[name], _ = s.editions.get(string(name))
		}
	}
	all, paths, old := s.editions.edit(), s.paths.edit(), s.old.edit()
	sameList := true
	for name, e := range changed {
		before, _ := s.editions.get(string(name))
		e = e.refresh(now)
		for _, d := range e.documents {
			if m := d.ref.Modified; d.lastModified == "" && !m.IsZero() {
				next.undated[name] = true
				if next.ripe.IsZero() || m.Before(next.ripe) {
					next.ripe = m
				}
			}
		}
		if e == before {
			continue
		}
		all.set(string(name), e)
		s.place(paths, before, e)
		s.placeOld(old, before, e)
		sameList = sameList && before.listedLike(e)
	}
	next.editions, next.paths, next.old = all.done(), paths.done(), old.done()
	for _, h := range unheld {
		for _, ref := range h.Documents {
			next.unheld[ref.Path] = true
			for _, target := range ref.Aliases {
				next.unheld[target] = true
			}
		}
	}
	if !sameList {
		next.index = new(index)
	}
	return &next
}

// place puts the documents of e at their paths, in place of those of before, which may be nil.
func (s *Snapshot) place(paths *edit[place], before, e *edition) {
	if before != nil {
		for _, d := range before.documents {
			if e.find(func(now *document) bool { return now.ref.Path == d.ref.Path }) != nil {
				continue // replaced below
			}
			switch left := without(paths, d); {
			case len(left) > 0:
				paths.set(d.ref.Path, place{left[0], left[1:]})
			default:
				paths.remove(d.ref.Path)
			}
		}
	}
	for _, d := range slices.Backward(e.documents) { // the first, should two have one path
		if s.retreats.answers.has(d.ref.Path) {
			continue
		}
		claims := without(paths, d)
		i, _ := slices.BinarySearchFunc(claims, d, func(a, b *document) int { return a.feed.Compare(b.feed) })
		claims = slices.Insert(claims, i, d)
		paths.set(d.ref.Path, place{claims[0], claims[1:]})
	}
}

// without returns the claims to the path of d that are not of its feed. The list is the caller's.
func without(paths *edit[place], d *document) []*document {
	at, ok := paths.get(d.ref.Path)
	if !ok {
		return nil
	}
	claims := append([]*document{at.document}, at.others...)
	return slices.DeleteFunc(claims, func(other *document) bool { return other.feed == d.feed })
}

// placeOld puts the documents of e at their old paths, in place of those of before, which may be nil.
func (s *Snapshot) placeOld(old *edit[[]owner], before, e *edition) {
	if before != nil && slices.EqualFunc(before.documents, e.documents, func(a, b *document) bool {
		return slices.Equal(a.ref.Aliases, b.ref.Aliases)
	}) {
		return
	}
	if before != nil {
		for _, d := range before.documents {
			for _, target := range d.ref.Aliases {
				owners, _ := old.get(target)
				left := slices.DeleteFunc(slices.Clone(owners), func(o owner) bool { return o.feed == d.feed })
				if len(left) > 0 {
					old.set(target, left)
				} else {
					old.remove(target)
				}
			}
		}
	}
	for i, d := range e.documents {
		for _, target := range d.ref.Aliases {
			if s.retreats.answers.has(target) {
				continue
			}
			owners, _ := old.get(target)
			at, _ := slices.BinarySearchFunc(owners, d.feed, func(o owner, name feed.Name) int {
				return cmp.Or(o.feed.Compare(name), -1) // of one feed the first document
			})
			old.set(target, slices.Insert(slices.Clone(owners), at, owner{d.feed, i}))
		}
	}
}

// listedLike says whether a list of feeds says the same of e as of other. e may be nil.
func (e *edition) listedLike(other *edition) bool {
	return e != nil && slices.EqualFunc(e.documents, other.documents, func(a, b *document) bool {
		return a.ref.Format == b.ref.Format && a.ref.Path == b.ref.Path && a.ref.MediaType == b.ref.MediaType
	})
}

// names returns the names of the feeds, the main feed first.
func (s *Snapshot) names() []feed.Name {
	names := make([]feed.Name, 0, s.editions.size)
	for name := range s.editions.all() {
		names = append(names, feed.Name(name))
	}
	slices.SortFunc(names, feed.Name.Compare)
	return names
}

// edition returns what is served of a feed, or nil.
func (s *Snapshot) edition(name feed.Name) *edition {
	e, _ := s.editions.get(string(name))
	return e
}

// document returns what is served at path, or nil.
func (s *Snapshot) document(path string) *document {
	if s == nil {
		return nil
	}
	if at, ok := s.paths.get(path); ok { // no old path takes away a feed's own
		return at.document
	}
	if owners, ok := s.old.get(path); ok {
		return s.owned(owners)
	}
	if path == "/" && s.index != nil {
		return s.index.of(s)
	}
	return nil
}

// owned returns the document that the first of the owners of an old path is.
func (s *Snapshot) owned(owners []owner) *document {
	return s.edition(owners[0].feed).documents[owners[0].i]
}

// queried returns the answer or the document that stands at a path with exactly this query; at most one of the two.
func (s *Snapshot) queried(path, query string) (Response, *document) {
	if s == nil {
		return Response{}, nil
	}
	if res, ok := s.retreats.answers.queries[path][query]; ok {
		return res, nil
	}
	var buffer [128]byte // most targets fit, and then nothing is allocated
	target := append(append(append(buffer[:0], path...), '?'), query...)
	if owners, ok := s.old.at(target); ok {
		return Response{}, s.owned(owners)
	}
	return Response{}, nil
}

func (s *Snapshot) hasMain() bool { return s.edition(feed.Main) != nil }

// Head returns the head of a feed that is served.
func (s *Snapshot) Head(name feed.Name) (feed.Head, bool) {
	e := s.edition(name)
	if e == nil {
		return feed.Head{}, false
	}
	return e.head, true
}

// Heads returns the heads of the feeds that are served, the main feed's first, then by name.
func (s *Snapshot) Heads() []feed.Head {
	heads := make([]feed.Head, 0, s.editions.size)
	for _, name := range s.names() {
		heads = append(heads, s.edition(name).head)
	}
	return heads
}

// Blob returns the bytes of a document that is served, which it loads if they are not in memory. They are not to be
// modified.
func (s *Snapshot) Blob(hash feed.Hash) (feed.Blob, bool) {
	for _, e := range s.editions.all() {
		for _, d := range e.documents {
			if d.ref.Hash == hash {
				_, h, err := d.load()
				if err != nil {
					return feed.Blob{}, false
				}
				return feed.Blob{Hash: hash, Gzip: h.gzip, Size: d.ref.Length}, true
			}
		}
	}
	return feed.Blob{}, false
}

// Newest returns the greatest fencing token among the heads that are served, 0 if there is none.
func (s *Snapshot) Newest() feed.Token {
	var newest feed.Token
	for _, e := range s.editions.all() {
		newest = max(newest, e.head.Token)
	}
	return newest
}

// documents returns the documents of all feeds, in no order.
func (s *Snapshot) documents() []*document {
	var all []*document
	for _, e := range s.editions.all() {
		all = append(all, e.documents...)
	}
	return all
}
