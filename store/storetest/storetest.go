// Package storetest is the contract that every store passes, whatever server is behind it, and the servers that tests
// need for it. It tests through the exported methods of package store only, so that it says what callers may rely on.
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

// Opener opens a client of a store in which the site is empty, or of the same store when called again with the same
// test. It closes the client when the test ends.
type Opener func(t *testing.T, site feed.SiteID) *store.Client

// suite is what each test of the contract is given: a site that is empty.
type suite struct {
	*store.Site
	ctx  context.Context
	open func() *store.Site // another client of the same site
}

// test is one clause of the contract.
type test struct {
	name string
	run  func(t *testing.T, s suite)
}

// Run runs the contract on the store that open opens. Each clause works on an own site, so that the store may be one
// and the same and need not be flushed.
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

// The dates of the tests. No clock is read: Redis doesn't care what time a caller says it is.
func day(n int) time.Time { return time.Date(2014, 6, n, 9, 30, 0, 0, time.UTC) }

// raw returns a raw post.
func raw(id string) feed.RawPost {
	return feed.RawPost{ID: id, Raw: fmt.Appendf(nil, `{"id":%q,"content_text":"text of %s"}`, id, id)}
}

// item returns a ready item published on the n-th that belongs to feeds besides the main one.
func item(id string, n int, feeds ...feed.Name) *feed.Item {
	return &feed.Item{
		ID: id, Title: "Title of " + id, HTML: "<p>" + id + "</p>", Text: id, Published: day(n), Updated: day(n),
		Feeds: feeds, Intake: "1",
	}
}

// all returns the main feed and others.
func all(feeds ...feed.Name) []feed.Name { return append([]feed.Name{feed.Main}, feeds...) }

// put writes posts and fails the test if the store doesn't take them.
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

// absorb makes changes at the cursor where it stands and with the token given.
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

// enter is the change by which a new item comes in.
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

// must fails the test with what was done if err is not nil.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// wantKind fails the test unless err is of a kind.
func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error is %v; want one of kind %q", what, err, kind)
	}
}
