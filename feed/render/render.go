// Package render encodes a feed as documents: RSS 2.0, Atom 1.0 (RFC 4287), JSON Feed 1.1 and HTML pages, and a site's
// list of feeds as a page and as OPML. The output depends only on the arguments: the same feed produces the same bytes
// in every process. It does not select, sanitize or credit posts; an item that cannot be encoded is rejected, not
// repaired.
//
// A document is a head, one fragment for each item, and a foot. A fragment depends only on the item and a few settings
// of the feed (see [Variant]), so feeds share fragments. Heads are encoded by github.com/gorilla/feeds, and items use
// its types. That package does not check characters, and a single control character makes a feed unreadable, so all
// output is parsed and compared with the input.
package render

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/feed/cache"
)

// Rendering versions. A change to the bytes of any document changes entity tags, so it needs a new version. All
// documents of a site have the version that is recorded with the site, and builders use that version until an operator
// upgrades the site, so two releases can build the same site alternately. Functions that write fragments and frames
// receive the version as an argument. To drop support for old versions, raise Oldest.
const (
	Oldest  = 1 // the oldest supported version
	Version = 3 // the newest; it publishes fewer credits without a passage than version 2
)

// generator is the program's name in documents. It is followed by a rendering version, not the program's, because
// different releases must render identical bytes; see [generatorVersion].
const generator = "feedpub"

// generatorVersion returns the generator version that a document states: the rendering version that last changed
// documents of its kind. Thus an upgrade changes no other documents. Version 2 changed only archives that listed hubs,
// and version 3 none.
func generatorVersion(version int, listedHubs bool) string {
	if version == firstWithNewModel {
		version--
	}
	if version == firstWithoutHubs && !listedHubs {
		version--
	}
	return strconv.Itoa(version)
}

// listedHubs reports whether documents of f list hubs in version 1, but not in later versions.
func listedHubs(f feed.Feed) bool { return isArchive(f) && len(f.Site.Hubs) > 0 }

// Renderer renders documents of one rendering version. It caches fragments, so that an item in many feeds is rendered
// once. The cache does not affect the bytes of documents. A Renderer is safe for concurrent use.
type Renderer struct {
	version int // rendering version of the documents
	newest  int // the newest version that At accepts
	cache   *cache.Cache[fragmentKey, []byte]
	pens    *sync.Pool // pool of *pen
}

// DefaultCacheBytes is the default size of a Renderer's cache: enough for the fragments of about ten thousand posts of
// typical length.
const DefaultCacheBytes = 256 << 20

// fragmentKey contains all values that a fragment's bytes depend on.
type fragmentKey struct {
	version int
	content contentSum // sum of the site's id and the item
	format  feed.Format
	variant Variant // with only the fields that the format uses
}

// fragmentOverhead is the approximate memory used by a cached fragment, in bytes, excluding its text.
const fragmentOverhead = 200

func newFragmentCache(bytes int) *cache.Cache[fragmentKey, []byte] {
	return cache.New[fragmentKey, []byte](bytes)
}

// Option is an option of [New].
type Option func(*Renderer)

// CacheBytes sets the size of the cache in bytes; 0 disables it. The default is [DefaultCacheBytes].
func CacheBytes(n int) Option { return func(r *Renderer) { r.cache = newFragmentCache(n) } }

// UpTo makes [Renderer.At] accept versions after [Version], up to the given one. These versions render the same bytes
// except for the version number. Tests use it to simulate a later release.
func UpTo(version int) Option { return func(r *Renderer) { r.newest = max(version, Version) } }

// New returns a Renderer for [Version].
func New(options ...Option) *Renderer {
	r := &Renderer{
		version: Version, newest: Version, cache: newFragmentCache(DefaultCacheBytes),
		pens: &sync.Pool{New: func() any { return new(pen) }},
	}
	for _, option := range options {
		option(r)
	}
	return r
}

// AgeCache drops the cached fragments that have not been used since the previous call; see [cache.Cache.Age].
func (r *Renderer) AgeCache() { r.cache.Age() }

// At returns a Renderer for a different version that shares the cache. The error is of kind [feed.ErrInvalid] if the
// version is not in the range from [Oldest] to [Version].
func (r *Renderer) At(version int) (*Renderer, error) {
	if version < Oldest || version > r.newest {
		return nil, fmt.Errorf("rendering version %d: want %d to %d: %w",
			version, Oldest, r.newest, feed.ErrInvalid)
	}
	other := *r
	other.version = version
	return &other, nil
}

// Version returns the rendering version of the Renderer's documents.
func (r *Renderer) Version() int { return r.version }

// Documents renders the feed in each of its formats, in the order of [feed.Formats].
//
// An item that cannot be written in one of the formats is omitted from all of them and returned in rejected, with the
// place and the reason. The same applies to an item with the id of an earlier item, because feed readers could not
// distinguish the two. Other items are not affected. If the feed's own metadata cannot be written, Documents returns no
// documents and an error of kind [feed.ErrInvalid].
func (r *Renderer) Documents(f feed.Feed) (docs []feed.Document, rejected []feed.Problem, err error) {
	w, err := r.write(f, feedFormats(f))
	if err != nil {
		return nil, nil, err
	}
	// Most of the time is spent on joining and hashing, so use all processors.
	docs = make([]feed.Document, len(w.formats))
	errs := make([]error, len(w.formats))
	var g sync.WaitGroup
	for i := range w.formats {
		g.Go(func() { docs[i], errs[i] = r.document(w, i) })
	}
	g.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	return docs, w.rejected, nil
}

// written is a feed with the fragments of its items in some formats.
type written struct {
	feed      feed.Feed // contains only the items that can be written in all formats
	formats   []feed.Format
	fragments [][][]byte // indexed by format and item
	rejected  []feed.Problem
	updated   time.Time // the latest time in the feed, including fractional seconds
}

// write writes the feed's items. The error is of kind [feed.ErrInvalid] and means that feeds cannot be written in one
// of the formats.
func (r *Renderer) write(f feed.Feed, formats []feed.Format) (written, error) {
	for _, format := range formats {
		if _, err := writerOf(format); err != nil {
			return written{}, fmt.Errorf("render feed %s of site %s: %w", f.Name, f.Site.ID, err)
		}
	}
	items, rejected := distinct(f.Items)
	offsets := fractions(items)
	w := written{
		feed: f, formats: formats, fragments: make([][][]byte, len(formats)), rejected: rejected, updated: f.Updated,
	}
	w.feed.Items = nil
	page := slices.Contains(formats, feed.HTML)
	for i, item := range items {
		v := Variant{Fraction: offsets[i], Content: f.Content, TitleLink: f.TitleLink, Language: f.Site.Language,
			Base: f.Site.BaseURL, Single: f.Name.OfPost()}
		if page { // other formats do not use this field, which takes some time to make
			v.Feeds = lines(item.Feeds)
		}
		fragments, err := r.fragments(f.Site.ID, item, v, formats)
		if err != nil {
			w.rejected = append(w.rejected, problem(item, err))
			continue
		}
		for j := range formats {
			w.fragments[j] = append(w.fragments[j], fragments[j])
		}
		w.feed.Items = append(w.feed.Items, item)
		if t := v.updated(item); t.After(w.updated) {
			w.updated = t
		}
	}
	return w, nil
}

// lines returns the names, each followed by a line feed.
func lines(names []feed.Name) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(string(n) + "\n")
	}
	return b.String()
}

// document returns the document in formats[i].
func (r *Renderer) document(w written, i int) (feed.Document, error) {
	format := w.formats[i]
	writer := writers[format]
	fr, err := writer.frame(w.feed, r.version, w.updated)
	if err != nil {
		return feed.Document{}, fmt.Errorf("render feed %s of site %s as %s: %w",
			w.feed.Name, w.feed.Site.ID, format, err)
	}
	body, bounds := fr.join(writer.layout, w.fragments[i])
	return newDocument(w.feed.Site, format, body, bounds), nil
}

// fragments returns the item's fragment in each of the formats, which must have writers. The caller must not modify the
// fragments. The error is an [itemError] if the item cannot be written in one of the formats.
func (r *Renderer) fragments(site feed.SiteID, item *feed.Item, v Variant, formats []feed.Format) ([][]byte, error) {
	p := r.pens.Get().(*pen)
	defer r.pens.Put(p)
	cached := r.cache
	if v.Single {
		cached = nil // no other document contains the fragment of a post's own page
	}
	var sum contentSum
	if cached != nil {
		sum, p.sum = sumContent(p.sum, site, item)
	}
	fragments := make([][]byte, len(formats))
	checked := false
	for i, format := range formats {
		key := fragmentKey{r.version, sum, format, writers[format].variant(v)}
		if fragment, ok := cached.Get(key); ok {
			fragments[i] = fragment
			continue
		}
		if !checked {
			if err := checkItem(item); err != nil {
				return nil, err
			}
			checked = true
		}
		fragment, err := p.fragment(r.version, site, item, format, key.variant)
		if err != nil {
			return nil, err
		}
		cached.Put(key, fragment, len(fragment)+fragmentOverhead)
		fragments[i] = fragment
	}
	return fragments, nil
}

// problem returns the problem that reports a rejected item.
func problem(item *feed.Item, err error) feed.Problem {
	p := feed.Problem{ID: item.ID, Kind: feed.KindRejected, Reason: err.Error()}
	if ie := (*itemError)(nil); errors.As(err, &ie) {
		p.Place, p.Reason = ie.place, ie.reason
	}
	return p
}

// distinct rejects nil items and items with the id of an earlier item.
func distinct(items []*feed.Item) (kept []*feed.Item, rejected []feed.Problem) {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		switch {
		case item == nil:
			rejected = append(rejected, feed.Problem{Kind: feed.KindRejected, Reason: "The item is missing."})
		case seen[item.ID]:
			rejected = append(rejected, feed.Problem{ID: item.ID, Kind: feed.KindRejected, Place: "id",
				Reason: "Another post in the feed has the same id."})
		default:
			seen[item.ID] = true
			kept = append(kept, item)
		}
	}
	return kept, rejected
}
