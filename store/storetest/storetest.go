// Package storetest tests the contract of package store on any server, and starts servers for tests. It calls only
// exported methods, so that it tests what callers can rely on. It is not for use outside tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

// Opener opens a client of a store that has no data of the site. If it is called again in the same test, it opens
// another client of the same store. It closes the client when the test ends.
type Opener func(t *testing.T, site feed.SiteID) *store.Client

// Site has the methods of a store that the contract covers; see [store.Site].
type Site interface {
	Put(ctx context.Context, posts ...feed.RawPost) error
	Delete(ctx context.Context, id string) error
	Post(ctx context.Context, id string) ([]byte, error)
	RawPosts(ctx context.Context, ids ...string) ([]feed.RawPost, error)
	Update(ctx context.Context, id string, next func(current []byte) ([]byte, error)) (confirmed bool, err error)
	Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error)
	Cursor(ctx context.Context) (string, error)
	AwaitInbox(ctx context.Context, after string, block time.Duration) (bool, error)
	PostIDs(ctx context.Context) iter.Seq2[[]string, error]
	ItemIDs(ctx context.Context) iter.Seq2[[]string, error]
	IDs(ctx context.Context) iter.Seq2[feed.IDs, error]
	Load(ctx context.Context, ids []string) ([]feed.StoredPost, error)
	Items(ctx context.Context, ids ...string) ([]*feed.Item, error)
	Absorb(ctx context.Context, a feed.Absorption) error
	PostStates(ctx context.Context, intake string, ids ...string) ([]feed.PostState, error)
	PostsExist(ctx context.Context, ids ...string) ([]bool, error)
	ItemsExist(ctx context.Context, ids ...string) ([]bool, error)
	Select(ctx context.Context, name feed.Name, limit int) ([]string, error)
	Range(ctx context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error)
	Counts(ctx context.Context, names ...feed.Name) (map[feed.Name]int, error)
	InFeed(ctx context.Context, name feed.Name, ids ...string) ([]bool, error)
	Due(ctx context.Context, now time.Time, n int) ([]string, error)
	NextDue(ctx context.Context) (time.Time, bool, error)
	Names(ctx context.Context, names ...feed.Name) (map[feed.Name]string, error)
	LastRemoval(ctx context.Context, name feed.Name) (time.Time, error)
	DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error)
	MarkDirty(ctx context.Context, names ...feed.Name) error
	Archives(ctx context.Context) ([]feed.Archive, error)
	ArchiveCount(ctx context.Context) (int, error)
	AddArchives(ctx context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error
	Problems(ctx context.Context) ([]feed.Problem, error)
	Problem(ctx context.Context, kind feed.ProblemKind, id string) (feed.Problem, bool, error)
	SetProblem(ctx context.Context, p feed.Problem) error
	ClearProblem(ctx context.Context, kind feed.ProblemKind, id string) error
	Commit(ctx context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error)
	CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult
	Head(ctx context.Context, name feed.Name) (feed.Head, error)
	Heads(ctx context.Context) ([]feed.Head, error)
	StoredHeads(ctx context.Context, known map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error)
	CurrentHeads(ctx context.Context, names ...feed.Name) ([]feed.Head, error)
	Editions(ctx context.Context, known []feed.Hash, names ...feed.Name) ([]feed.Head, []feed.Blob, error)
	FeedItems(ctx context.Context, limits map[feed.Name]int) (map[feed.Name]feed.FeedItems, error)
	HasWork(ctx context.Context) (bool, error)
	Waiting(ctx context.Context, n int) (feed.Waiting, error)
	Version(ctx context.Context) (int64, error)
	Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error)
	MissingDocuments(ctx context.Context, hashes ...feed.Hash) ([]feed.Hash, error)
	Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error)
	LastChange(ctx context.Context) (string, error)
	RestoreHead(ctx context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error
	RestoreHeads(ctx context.Context, heads []feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error
	Records(ctx context.Context) iter.Seq2[feed.ExportLine, error]
	RestoreRecords(ctx context.Context, lines ...feed.ExportLine) error
	Decide(ctx context.Context, id string, next func(current []feed.Decision) ([]feed.Decision, error)) error
	Decisions(ctx context.Context) ([]feed.Decisions, error)
	Publications(ctx context.Context) ([]feed.Publication, error)
	Acquire(
		ctx context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token,
	) (feed.Token, error)
	Renew(ctx context.Context, job, owner string, ttl time.Duration) error
	Release(ctx context.Context, job, owner string) error
	Holder(ctx context.Context, job string) (owner string, left time.Duration, err error)
	SetAlive(ctx context.Context, process string, ttl time.Duration) (before bool, err error)
	ClearAlive(ctx context.Context, process string) error
	Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error)
	Requests(ctx context.Context, after string, block time.Duration) ([]feed.Request, error)
	Reply(ctx context.Context, r feed.Request, payload []byte) error
	Report(ctx context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error)
	Leave(ctx context.Context, id string) error
	Members(ctx context.Context) ([]feed.Member, error)
	Schema(ctx context.Context) (feed.Schema, error)
	SetSchema(ctx context.Context, read, schema feed.Schema) (feed.Schema, error)
	SetReading(ctx context.Context, owner string, ids ...string) error
	Readings(ctx context.Context) (map[string][]string, error)
	SetCostly(ctx context.Context, versions ...feed.Costly) error
	RemoveCostly(ctx context.Context, ids ...string) error
	Costly(ctx context.Context) ([]feed.Costly, error)
	AddRun(ctx context.Context, r feed.Run) error
	Runs(ctx context.Context) (feed.RunHistory, error)
	Run(ctx context.Context, id string) (feed.Run, error)
	Milestones(ctx context.Context, id string) (feed.Milestones, error)
	AllMilestones(ctx context.Context) (map[string]feed.Milestones, error)
	MarkServed(ctx context.Context, reached ...feed.ReachedVersion) error
}

// suite is the argument of each test: an empty site.
type suite struct {
	Site
	ctx   context.Context
	open  func() Site               // another client of the same site
	other func(id feed.SiteID) Site // a different site of the same store
}

// test tests one clause of the contract.
type test struct {
	name string
	run  func(t *testing.T, s suite)
}

// Run tests the contract on the store that open opens. Each test uses a different site, so that all tests may use the
// same store.
func Run(t *testing.T, open Opener) {
	t.Helper()
	RunSites(t, func(t *testing.T, id feed.SiteID) func(feed.SiteID) Site {
		client := open(t, id)
		return func(id feed.SiteID) Site { return client.Site(id) }
	})
}

// RunSites is like Run for a store without a client. Open returns a function that returns the sites of the store.
func RunSites(t *testing.T, open func(t *testing.T, site feed.SiteID) func(feed.SiteID) Site) {
	t.Helper()
	var tests []test
	tests = append(tests, postTests()...)
	tests = append(tests, absorbTests()...)
	tests = append(tests, indexTests()...)
	tests = append(tests, commitTests()...)
	tests = append(tests, headTests()...)
	tests = append(tests, leaseTests()...)
	tests = append(tests, recordTests()...)
	tests = append(tests, archiveTests()...)
	tests = append(tests, decisionTests()...)
	tests = append(tests, fleetTests()...)
	tests = append(tests, runTests()...)
	tests = append(tests, milestoneTests()...)
	tests = append(tests, readingTests()...)
	tests = append(tests, togetherTests()...)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := feed.SiteID(fmt.Sprintf("contract-%d", i))
			sites := open(t, id)
			tt.run(t, suite{
				Site: sites(id), ctx: t.Context(), open: func() Site { return open(t, id)(id) }, other: sites,
			})
		})
	}
}

// day returns a time on the n-th day of a fixed month, so that tests do not depend on the clock.
func day(n int) time.Time { return time.Date(2014, 6, n, 9, 30, 0, 0, time.UTC) }

func raw(id string) feed.RawPost {
	return feed.RawPost{ID: id, Raw: fmt.Appendf(nil, `{"id":%q,"content_text":"text of %s"}`, id, id)}
}

// item returns an item that was published on the n-th day and is in the main feed and in feeds.
func item(id string, n int, feeds ...feed.Name) *feed.Item {
	return &feed.Item{
		ID: id, Title: "Title of " + id, HTML: "<p>" + id + "</p>", Text: id, Published: day(n), Updated: day(n),
		Feeds: feeds, Intake: "1",
	}
}

// all returns the names of the main feed and of feeds.
func all(feeds ...feed.Name) []feed.Name { return append([]feed.Name{feed.Main}, feeds...) }

// put writes posts.
func (s suite) put(t *testing.T, ids ...string) {
	t.Helper()
	posts := make([]feed.RawPost, len(ids))
	for i, id := range ids {
		posts[i] = raw(id)
	}
	if err := s.Put(s.ctx, posts...); err != nil {
		t.Fatalf("Put of %d posts: %v", len(ids), err)
	}
}

// absorb makes changes without advancing the cursor.
func (s suite) absorb(t *testing.T, token feed.Token, changes ...feed.Change) {
	t.Helper()
	cursor, err := s.Cursor(s.ctx)
	if err != nil {
		t.Fatalf("Cursor: %v", err)
	}
	if err := s.Absorb(s.ctx, feed.Absorption{Token: token, Cursor: cursor, Changes: changes}); err != nil {
		t.Fatalf("Absorb of %d changes: %v", len(changes), err)
	}
}

// enter returns the change that adds a new item to its feeds.
func enter(it *feed.Item) feed.Change {
	return feed.Change{
		ID: it.ID, Item: it, Entered: all(it.Feeds...), Record: feed.Record{ID: it.ID, FirstSeen: it.Published},
	}
}

// stored loads one post.
func (s suite) stored(t *testing.T, id string) feed.StoredPost {
	t.Helper()
	got, err := s.Load(s.ctx, []string{id})
	if err != nil || len(got) != 1 {
		t.Fatalf("Load(%q) = %d posts, %v", id, len(got), err)
	}
	return got[0]
}

// must fails the test if err is not nil. The argument what describes the call that returned err.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// wantKind checks the kind of err. The argument what describes the call that returned err.
func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error is %v; want one of kind %q", what, err, kind)
	}
}
