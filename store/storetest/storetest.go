// Package storetest tests the contract of package store on any server, and starts servers for tests. It calls only
// exported methods, so that it tests what callers can rely on. It is not for use outside tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

// Opener opens a client of a store in which the site is empty. If it is called again in the same test, it opens another
// client of the same store. It closes the client when the test ends.
type Opener func(t *testing.T, site feed.SiteID) *store.Client

// suite is the argument of each test: an empty site.
type suite struct {
	*store.Site
	ctx  context.Context
	open func() *store.Site // another client of the same site
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
	var tests []test
	tests = append(tests, postTests()...)
	tests = append(tests, absorbTests()...)
	tests = append(tests, indexTests()...)
	tests = append(tests, commitTests()...)
	tests = append(tests, headTests()...)
	tests = append(tests, leaseTests()...)
	tests = append(tests, recordTests()...)
	tests = append(tests, archiveTests()...)
	tests = append(tests, fleetTests()...)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := feed.SiteID(fmt.Sprintf("contract-%d", i))
			site := func() *store.Site { return open(t, id).Site(id) }
			tt.run(t, suite{Site: site(), ctx: t.Context(), open: site})
		})
	}
}

// day returns a time on the n-th day of a fixed month, so that tests do not depend on the clock.
func day(n int) time.Time { return time.Date(2014, 6, n, 9, 30, 0, 0, time.UTC) }

// raw returns a raw post.
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

// absorb makes changes without moving the cursor.
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

// enter returns the change that adds a new item.
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

// must fails the test if err, the error of the call described by what, is not nil.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// wantKind checks the kind of err, the error of the call described by what.
func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error is %v; want one of kind %q", what, err, kind)
	}
}
