package serve

import (
	"cmp"
	"fmt"
	"slices"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// Snapshot is the state of a site that is served at one moment: the committed documents of its feeds by path. It is
// immutable and safe for concurrent use. Snapshots share their common parts.
type Snapshot struct {
	editions *shards[*edition]  // by feed name
	paths    *shards[pathEntry] // by the paths of documents, without aliases
	aliases  *shards[[]owner]   // by alias, with "?" and the query if it has one
	// unavailable holds the paths of feeds that are committed, but whose documents could not be fetched.
	unavailable map[string]bool
	redirects   *redirects
	// complete is true if every committed feed is in editions or unavailable; then no other path exists.
	complete bool
	index    *index // nil if there are no feeds
}

// pathEntry is the document at a path. If several feeds claim the path, it is the document of the first feed by name,
// so all replicas choose the same.
type pathEntry struct {
	document *document
	others   *[]*document // documents of the other feeds, sorted by name; almost always nil
}

// newPathEntry returns the entry of a path that the given documents claim, sorted by the names of their feeds.
func newPathEntry(claims []*document) pathEntry {
	e := pathEntry{document: claims[0]}
	if others := claims[1:]; len(others) > 0 {
		e.others = &others
	}
	return e
}

// owner is a document that has an alias.
type owner struct {
	feed feed.Name
	i    int // index of the document in the edition
}

// edition is the committed state of a feed with its documents in the order of the head. It is immutable.
type edition struct {
	head      feed.Head
	documents []*document
	// compared reports whether the documents have been compared with those they replaced, which are then no longer needed.
	compared bool
	// durable reports whether the documents are on disk, in their own files or in a stash file that was loaded. If the
	// edition was written to a stash file, flush is the state of flushing that file.
	durable bool
	flush   *flushState
	// stash is the number of the last stash file whose edition of the feed is this one or an earlier one.
	stash int64
}

// isSafe reports whether the documents are on disk, or in a stash file that is being flushed.
func (e *edition) isSafe() bool { return e.durable || e.flush != nil && !e.flush.failed.Load() }

// Options are the parts of a snapshot other than committed documents.
type Options struct {
	// Retired lists the paths with status 410, even if a document is committed for them. Here and below, a path is
	// percent-decoded and may be followed by "?" and a query, which must equal the query of a request.
	Retired []string
	// Moved maps paths to absolute URLs; requests for a path are redirected to its URL with status 301.
	Moved map[string]string
	// Aliases is true if documents may have aliases. In that case any unknown path may be an alias, and no response is 404
	// until all feeds have been read.
	Aliases bool
}

// NewSnapshot returns a snapshot of the given heads, which must be all heads of the site. blob returns the bytes of
// their documents, which the snapshot keeps. The error is of kind [feed.ErrInvalid] or [feed.ErrNotFound] if a head is
// invalid, or a document is missing or damaged.
func NewSnapshot(o Options, heads []feed.Head, blob func(feed.Hash) (feed.Blob, bool)) (*Snapshot, error) {
	editions := make(map[feed.Name]*edition, len(heads))
	for _, h := range heads {
		e, err := newEdition(h, nil, func(ref feed.DocumentRef) (feed.Blob, error) {
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
	base := emptySnapshot(newRedirects(o))
	base.complete = true
	return base.with(editions, nil), nil
}

// newEdition checks a head and fetches its documents, except for those that are in prev, which may be nil. It checks
// fetched documents against their hashes.
func newEdition(
	h feed.Head, prev *edition, fetch func(feed.DocumentRef) (feed.Blob, error),
) (*edition, error) {
	if err := checkHead(h); err != nil {
		return nil, err
	}
	e := &edition{head: h, documents: make([]*document, len(h.Documents)), compared: prev == nil}
	for i := range h.Documents {
		ref := &h.Documents[i]
		var same *document
		if d := prev.find(func(d *document) bool { return d.ref.Hash == ref.Hash && d.ref.Length == ref.Length }); d != nil {
			if d.storedAsCommitted(*ref) {
				e.documents[i] = d.withRef(ref)
				continue
			}
			same = d
		}
		b, err := fetch(*ref)
		var c contents
		if err == nil {
			c.bodies, err = bodiesOf(*ref, b)
		}
		if err == nil {
			err = b.Bounds.Validate(ref.Length)
		}
		if err != nil && same != nil {
			e.documents[i] = same.withRef(ref) // keep serving the document without the new coding
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("head of %s: %w", h.Feed, err)
		}
		if same != nil {
			if _, p, err := same.load(); err == nil { // the same document in different codings
				c.history = p.history
			}
		}
		e.documents[i] = newDocumentOf(h.Feed, ref, c)
		e.documents[i].bounds = b.Bounds
	}
	for _, d := range e.documents {
		d.withdrawn = isWithdrawn(h)
	}
	return e, nil
}

// isWithdrawn reports whether h is the head of a page whose post is no longer published.
func isWithdrawn(h feed.Head) bool { return h.Feed.OfPost() && len(h.IDs) == 0 }

// compare returns the edition with a history for each document that replaced a document of prev.
func (e *edition) compare(prev *edition) *edition {
	next := &edition{
		head: e.head, documents: slices.Clone(e.documents), compared: true, durable: e.durable, flush: e.flush,
		stash: e.stash,
	}
	for i, d := range e.documents {
		before := prev.find(func(old *document) bool { return old.ref.Path == d.ref.Path })
		if before == nil || before.ref.Hash == d.ref.Hash {
			continue
		}
		_, p, err := d.load()
		if err != nil || p.history != nil {
			continue // without a history, clients receive whole documents
		}
		next.documents[i] = newDocumentOf(d.feed, d.ref, contents{
			bodies: p.bodies, history: newHistory(before, prev.head.IDs, d, e.head.IDs, p.bodies[coding.Gzip]),
		})
		next.documents[i].bounds = d.bounds
	}
	return next
}

// find returns the first document of the edition for which wanted returns true, or nil if there is none.
func (e *edition) find(wanted func(*document) bool) *document {
	if e == nil {
		return nil
	}
	if i := slices.IndexFunc(e.documents, wanted); i >= 0 {
		return e.documents[i]
	}
	return nil
}

// emptySnapshot returns a snapshot without documents. If r is nil there are no redirects.
func emptySnapshot(r *redirects) *Snapshot {
	if r == nil {
		r = newRedirects(Options{})
	}
	return &Snapshot{
		editions: newShards[*edition](), paths: newShards[pathEntry](), aliases: newShards[[]owner](), redirects: r,
	}
}

// with returns a snapshot in which the given editions replace the editions of the same feeds. unavailable holds the
// other committed heads, whose documents could not be fetched. The cost depends on the number of given editions,
// not on the size of s.
func (s *Snapshot) with(editions map[feed.Name]*edition, unavailable []feed.Head) *Snapshot {
	next := *s
	next.unavailable = pathsOf(unavailable)
	all, paths, aliases := s.editions.edit(), s.paths.edit(), s.aliases.edit()
	sameList := true
	for name, e := range editions {
		before, _ := s.editions.get(string(name))
		if e == before {
			continue
		}
		all.set(string(name), e)
		s.putPaths(paths, before, e)
		s.putAliases(aliases, before, e)
		sameList = sameList && before.listsLike(e)
	}
	next.editions, next.paths, next.aliases = all.done(), paths.done(), aliases.done()
	if !sameList {
		next.index = new(index)
	}
	return &next
}

// pathsOf returns the paths and aliases of the documents of heads.
func pathsOf(heads []feed.Head) map[string]bool {
	paths := make(map[string]bool)
	for _, h := range heads {
		for _, ref := range h.Documents {
			paths[ref.Path] = true
			for _, target := range ref.Aliases {
				paths[target] = true
			}
		}
	}
	return paths
}

// putPaths adds the paths of e's documents and removes the paths of before's documents. before may be nil.
func (s *Snapshot) putPaths(paths *edit[pathEntry], before, e *edition) {
	if before != nil {
		for _, d := range before.documents {
			if e.find(func(now *document) bool { return now.ref.Path == d.ref.Path }) != nil {
				continue // replaced below
			}
			switch left := without(paths, d); {
			case len(left) > 0:
				paths.set(d.ref.Path, newPathEntry(left))
			default:
				paths.remove(d.ref.Path)
			}
		}
	}
	for _, d := range slices.Backward(e.documents) { // backward, so that the first wins if two have the same path
		if s.redirects.answers.has(d.ref.Path) {
			continue
		}
		claims := without(paths, d)
		i, _ := slices.BinarySearchFunc(claims, d, func(a, b *document) int { return a.feed.Compare(b.feed) })
		claims = slices.Insert(claims, i, d)
		paths.set(d.ref.Path, newPathEntry(claims))
	}
}

// without returns the documents at the path of d that belong to feeds other than d's. The caller owns the list.
func without(paths *edit[pathEntry], d *document) []*document {
	at, ok := paths.get(d.ref.Path)
	if !ok {
		return nil
	}
	claims := []*document{at.document}
	if at.others != nil {
		claims = append(claims, *at.others...)
	}
	return slices.DeleteFunc(claims, func(other *document) bool { return other.feed == d.feed })
}

// putAliases adds the aliases of e's documents and removes the aliases of before's documents. before may be nil.
func (s *Snapshot) putAliases(aliases *edit[[]owner], before, e *edition) {
	if before != nil && slices.EqualFunc(before.documents, e.documents, func(a, b *document) bool {
		return slices.Equal(a.ref.Aliases, b.ref.Aliases)
	}) {
		return
	}
	if before != nil {
		for _, d := range before.documents {
			for _, target := range d.ref.Aliases {
				owners, _ := aliases.get(target)
				left := slices.DeleteFunc(slices.Clone(owners), func(o owner) bool { return o.feed == d.feed })
				if len(left) > 0 {
					aliases.set(target, left)
				} else {
					aliases.remove(target)
				}
			}
		}
	}
	for i, d := range e.documents {
		for _, target := range d.ref.Aliases {
			if s.redirects.answers.has(target) {
				continue
			}
			owners, _ := aliases.get(target)
			at, _ := slices.BinarySearchFunc(owners, d.feed, func(o owner, name feed.Name) int {
				return cmp.Or(o.feed.Compare(name), -1) // insert after the feed's earlier documents
			})
			aliases.set(target, slices.Insert(slices.Clone(owners), at, owner{d.feed, i}))
		}
	}
}

// listsLike reports whether the index has the same links for e, which may be nil, and for other.
func (e *edition) listsLike(other *edition) bool {
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

// edition returns the edition of a feed, or nil if there is none.
func (s *Snapshot) edition(name feed.Name) *edition {
	e, _ := s.editions.get(string(name))
	return e
}

// document returns the document at path, or nil if there is none.
func (s *Snapshot) document(path string) *document {
	if s == nil {
		return nil
	}
	if at, ok := s.paths.get(path); ok { // the path of a document takes precedence over aliases
		return at.document
	}
	if owners, ok := s.aliases.get(path); ok {
		return s.owned(owners)
	}
	if path == "/" && s.index != nil {
		return s.index.document(s)
	}
	return nil
}

// owned returns the document of the first owner of an alias.
func (s *Snapshot) owned(owners []owner) *document {
	return s.edition(owners[0].feed).documents[owners[0].i]
}

// queried returns the response or the document for a path with exactly this query. At most one of them is non-nil.
func (s *Snapshot) queried(path, query string) (Response, *document) {
	if s == nil {
		return Response{}, nil
	}
	if res, ok := s.redirects.answers.queries[path][query]; ok {
		return res, nil
	}
	var buffer [128]byte // long enough for most targets, which then need no allocation
	target := append(append(append(buffer[:0], path...), '?'), query...)
	if owners, ok := s.aliases.getBytes(target); ok {
		return Response{}, s.owned(owners)
	}
	return Response{}, nil
}

func (s *Snapshot) hasMain() bool { return s.edition(feed.Main) != nil }

// Head returns the head of a served feed.
func (s *Snapshot) Head(name feed.Name) (feed.Head, bool) {
	e := s.edition(name)
	if e == nil {
		return feed.Head{}, false
	}
	return e.head, true
}

// Heads returns the heads of the served feeds, the main feed's first, then by name.
func (s *Snapshot) Heads() []feed.Head {
	heads := make([]feed.Head, 0, s.editions.size)
	for _, name := range s.names() {
		heads = append(heads, s.edition(name).head)
	}
	return heads
}

// Blob returns the bytes of a served document, and loads them if they are not in memory. They must not be modified.
func (s *Snapshot) Blob(hash feed.Hash) (feed.Blob, bool) {
	for _, e := range s.editions.all() {
		for _, d := range e.documents {
			if d.ref.Hash == hash {
				_, p, err := d.load()
				if err != nil {
					return feed.Blob{}, false
				}
				return feed.Blob{Hash: hash, Gzip: p.bodies[coding.Gzip], Size: d.ref.Length, Bounds: d.bounds}, true
			}
		}
	}
	return feed.Blob{}, false
}

// Newest returns the greatest fencing token of the served heads, or 0 if there are none.
func (s *Snapshot) Newest() feed.Token {
	var newest feed.Token
	for _, e := range s.editions.all() {
		newest = max(newest, e.head.Token)
	}
	return newest
}

// documents returns the documents of all feeds, in no particular order.
func (s *Snapshot) documents() []*document {
	var all []*document
	for _, e := range s.editions.all() {
		all = append(all, e.documents...)
	}
	return all
}
