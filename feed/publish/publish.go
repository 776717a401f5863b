// Package publish is the use case: it absorbs what writers submitted into ready items, rebuilds the feeds that this
// touches, and commits their documents. It decides what may be published and what must be held; how posts are read,
// feeds rendered and bytes kept is done by the packages it calls.
//
// Correctness comes from state, never from the number or order of runs: every step reads what is there, and a step that
// was missed, repeated or cut off leaves nothing that the next one does not mend.
package publish

import (
	"context"
	"iter"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/intake"
	"feedpub/feed/render"
)

// Job is the name of the lease that the one builder of a site holds.
const Job = "build"

// Inbox is where writers' submissions come from.
type Inbox interface {
	// Cursor returns the entry up to which the inbox is absorbed.
	Cursor(ctx context.Context) (string, error)
	// Inbox returns up to n submissions after an entry, oldest first.
	Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error)
	// Submitted waits up to block for a submission after an entry and reports whether there is one.
	AwaitInbox(ctx context.Context, after string, block time.Duration) (bool, error)
}

// Items is what is known of posts.
type Items interface {
	Load(ctx context.Context, ids []string) ([]feed.StoredPost, error)
	Absorb(ctx context.Context, a feed.Absorption) error
	PostIDs(ctx context.Context) iter.Seq2[[]string, error]
	// IDs walks over all posts and items at once.
	IDs(ctx context.Context) iter.Seq2[feed.IDs, error]
	PostStates(ctx context.Context, intake string, ids ...string) ([]feed.PostState, error)
	PostsExist(ctx context.Context, ids ...string) ([]bool, error)
	ItemsExist(ctx context.Context, ids ...string) ([]bool, error)
	Due(ctx context.Context, now time.Time, n int) ([]string, error)
	NextDue(ctx context.Context) (time.Time, bool, error)
	Names(ctx context.Context, names ...feed.Name) (map[feed.Name]string, error)
}

// Feeds is what feeds are selected from.
type Feeds interface {
	DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error)
	Select(ctx context.Context, name feed.Name, limit int) ([]string, error)
	Items(ctx context.Context, ids ...string) ([]*feed.Item, error)
	LastRemoval(ctx context.Context, name feed.Name) (time.Time, error)
	// Range returns the positions of a feed's posts after one position and up to another, oldest first; zero is no bound.
	Range(ctx context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error)
}

// Archives is the closed parts of feeds. They are never changed or taken away.
type Archives interface {
	Archives(ctx context.Context) ([]feed.Archive, error)
	ArchiveCount(ctx context.Context) (int, error)
	// AddArchives records archives and makes feeds dirty, in one step.
	AddArchives(ctx context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error
}

// Heads is where documents are committed to.
type Heads interface {
	Head(ctx context.Context, name feed.Name) (feed.Head, error)
	Heads(ctx context.Context) ([]feed.Head, error)
	MissingDocuments(ctx context.Context, hashes ...feed.Hash) ([]feed.Hash, error)
	Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error)
	Commit(ctx context.Context, c feed.CommitRequest) (feed.Outcome, feed.Head, error)
}

// Problems is the operator's list.
type Problems interface {
	Problems(ctx context.Context) ([]feed.Problem, error)
	SetProblem(ctx context.Context, p feed.Problem) error
	ClearProblem(ctx context.Context, kind feed.ProblemKind, id string) error
}

// Lease sees to it that one builder works at a time.
type Lease interface {
	Acquire(ctx context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token) (feed.Token, error)
	Renew(ctx context.Context, job, owner string, ttl time.Duration) error
	Release(ctx context.Context, job, owner string) error
	Holder(ctx context.Context, job string) (string, bool, error)
}

// Requests carries operators' triggers to the builder, wherever it runs, and its answers back.
type Requests interface {
	Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error)
	Requests(ctx context.Context, after string, block time.Duration) ([]feed.Request, error)
	Reply(ctx context.Context, id string, payload []byte) error
}

// Schemas is what the site says of its data.
type Schemas interface {
	Schema(ctx context.Context) (feed.Schema, error)
}

// Store is one site's part of the store.
type Store interface {
	Inbox
	Items
	Feeds
	Archives
	Heads
	Problems
	Lease
	Requests
	Schemas
}

// Seen is what this process's replica serves. It remembers what a store that was flushed or rolled back has forgotten.
type Seen interface {
	// Newest returns the greatest token of any head that was seen.
	Newest() feed.Token
	// Head returns the head that is served for a feed.
	Head(name feed.Name) (feed.Head, bool)
	// Heads returns all heads that are served.
	Heads() []feed.Head
	// Blob returns the bytes of a document that is served.
	Blob(hash feed.Hash) (feed.Blob, bool)
}

// Fleet is what is known of the site's other processes.
type Fleet interface {
	// Agree returns the schema by which this process is to build, or an error of kind [feed.ErrOutdated] if it can't.
	Agree(ctx context.Context) (feed.Schema, error)
	// Since returns when the latest decision on the schema was made that is known.
	Since() feed.Token
	// Seen returns the greatest fencing token that any process has reported.
	Seen() feed.Token
	// Settled returns when all processes have had the time to report.
	Settled(ctx context.Context) error
}

// Config is what a [Publisher] is made of. All fields but those marked optional are required.
type Config struct {
	Site feed.Site
	// Catalog says which feeds there are beside the families', and how each is made; the zero Catalog is fine.
	Catalog  feed.Catalog
	Store    Store
	Intake   *intake.Intake
	Renderer *render.Renderer
	// Canonical returns the canonical form of a publication's name; the feed of a source is that of its canonical name.
	Canonical func(publication string) feed.Source
	Seen      Seen // optional
	// Fleet, optional, makes builders of several releases and machines fit together. Without it this builder takes itself
	// for the only one and makes the version of the form that Renderer is of; with it, the one that is decided.
	Fleet Fleet
	// Owner tells this builder from others: unique among processes.
	Owner  string
	Clock  func() time.Time
	Logger *slog.Logger
	// OnChange builds as soon as posts change, at most once a second and feed. Without it, building waits for Rebuild.
	OnChange bool
	// Scheduled are feeds with a schedule of their own: neither a change nor [Publisher.Tick] builds them, only a
	// Rebuild that names them or all.
	Scheduled []feed.Name
	// Turn, optional, is waited for before the parts of a rebuild that hold a site's posts in memory, and done is called
	// behind each: so that of hundreds of sites only some rebuild at a time. Changes don't wait for it.
	Turn func(context.Context) (done func(), err error)
	// Observe, optional, is called with each feed's outcome after it was built.
	Observe func(feed.FeedReport)
}

// Publisher builds the feeds of one site. Its methods are safe for concurrent use; the work itself is done by one
// goroutine at a time.
type Publisher struct {
	Config
	// form is what documents are made with. It changes between two terms as the builder.
	form atomic.Pointer[form]
	// reading identifies what items are made with: the intake, and the selections that say which feeds they are in.
	reading  string
	selector *build.Selector

	work sync.Mutex // held while absorbing and building
	// Guarded by work:
	built   map[feed.Name]time.Time // when a change last built a feed
	stuck   map[feed.Name]int64     // the mark of a dirty feed that was held or failed: nothing but a new mark helps it
	history *history                // nil until it is loaded
	relist  bool                    // the list of feeds has changed since it was built
	told    told
	// dueUntil is the time up to which posts with a future date have been published.
	dueUntil time.Time

	leasing sync.Mutex // held from acquiring the lease to giving it back

	mu     sync.Mutex
	token  feed.Token // of the lease; 0 when this builder does not hold it
	walker *walker    // nil unless the builder runs
}

// New returns a publisher; it does nothing until one of its methods is called.
func New(c Config) *Publisher {
	p := &Publisher{
		Config: c, reading: c.Intake.Fingerprint(),
		selector: build.NewSelector(c.Catalog, c.Site.Language, c.Canonical),
		built:    map[feed.Name]time.Time{}, stuck: map[feed.Name]int64{}, told: newTold(),
	}
	if len(c.Catalog.Selections) > 0 {
		p.reading += "-" + feed.Catalog{Selections: c.Catalog.Selections}.Fingerprint()
	}
	p.form.Store(p.formOf(c.Renderer))
	return p
}

// Fingerprint identifies the configuration that documents are made with: of the site and of its feeds. Only builders
// with equal fingerprints may build the same site's feeds in turn.
func Fingerprint(s feed.Site, c feed.Catalog) string { return s.Fingerprint() + "-" + c.Fingerprint() }

// Configuration returns the [Fingerprint] of the configuration that a head's documents were made with.
func Configuration(h feed.Head) string {
	if i := strings.LastIndexByte(h.Config, '-'); i >= 0 {
		return h.Config[:i]
	}
	return ""
}

// form is all that documents are made with besides posts: the configuration, and the version of the rendered form.
type form struct {
	renderer    *render.Renderer
	fingerprint string // of both; what heads have as Config
}

func (p *Publisher) formOf(r *render.Renderer) *form {
	return &form{r, Fingerprint(p.Site, p.Catalog) + "-" + strconv.Itoa(r.Version())}
}

func (p *Publisher) renderer() *render.Renderer { return p.form.Load().renderer }
func (p *Publisher) fingerprint() string        { return p.form.Load().fingerprint }

// leading returns the token of the lease if this builder holds it.
func (p *Publisher) leading() (feed.Token, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.token, p.token != 0
}

// walking returns who makes passes over all posts, or nil.
func (p *Publisher) walking() *walker {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walker
}

func (p *Publisher) setWalker(w *walker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.walker = w
}

func (p *Publisher) setToken(t feed.Token) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = t
}
