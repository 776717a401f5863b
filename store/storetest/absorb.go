package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
)

func absorbTests() []test {
	return []test{
		{"AbsorbItem", testAbsorbItem},
		{"AbsorbCursorNamesAndRemovals", testAbsorbCursorNamesAndRemovals},
		{"AbsorbOlderToken", testAbsorbOlderToken},
		{"AbsorbOtherCursor", testAbsorbOtherCursor},
		{"AbsorbChangedItem", testAbsorbChangedItem},
		{"AbsorbMovesItemBetweenFeeds", testAbsorbMovesItemBetweenFeeds},
		{"AbsorbRemovesItem", testAbsorbRemovesItem},
		{"AbsorbKeepsItemOfRejectedPost", testAbsorbKeepsItemOfRejectedPost},
		{"AbsorbClearsOnlyProblemsOfItsPosts", testAbsorbClearsOnlyProblemsOfItsPosts},
		{"AbsorbFutureDate", testAbsorbFutureDate},
		{"DuePostEntersFeed", testDuePostEntersFeed},
		{"AbsorbEnteredWithoutItem", testAbsorbEnteredWithoutItem},
		{"NamesNeverChange", testNamesNeverChange},
		{"LastRemovalIsLatest", testLastRemovalIsLatest},
		{"AbsorbManyPosts", testAbsorbManyPosts},
	}
}

func testAbsorbCursorNamesAndRemovals(t *testing.T, s suite) {
	s.put(t, "a")
	inbox, err := s.Inbox(s.ctx, "", 10)
	must(t, "Inbox", err)
	must(t, "Absorb", s.Absorb(s.ctx, feed.Absorption{
		Token: 1, Next: inbox[0].Entry, Changes: []feed.Change{enter(item("a", 5, "tags/go"))},
		Names:    map[feed.Name]string{"tags/go": "Go"},
		Removals: map[feed.Name]time.Time{"tags/old": day(4)},
	}))
	if cursor, err := s.Cursor(s.ctx); err != nil || cursor != inbox[0].Entry {
		t.Errorf("cursor is %q, %v; want %q", cursor, err, inbox[0].Entry)
	}
	if left, err := s.Inbox(s.ctx, inbox[0].Entry, 10); err != nil || len(left) != 0 {
		t.Errorf("Inbox after the cursor = %v, %v; want no entries", left, err)
	}
	names, err := s.Names(s.ctx, "tags/go", "tags/none")
	if err != nil || !cmp.Equal(names, map[feed.Name]string{"tags/go": "Go"}) {
		t.Errorf("Names = %v, %v; want Go for tags/go", names, err)
	}
	if removed, err := s.LastRemoval(s.ctx, "tags/old"); err != nil || !removed.Equal(day(4)) {
		t.Errorf("LastRemoval(tags/old) = %v, %v; want %v", removed, err, day(4))
	}
	if removed, err := s.LastRemoval(s.ctx, "tags/go"); err != nil || !removed.IsZero() {
		t.Errorf("LastRemoval(tags/go) = %v, %v; want zero", removed, err)
	}
}

func testAbsorbItem(t *testing.T, s suite) {
	it := item("a", 5, "tags/go")
	s.absorb(t, 1, enter(it))
	got := s.stored(t, "a")
	if diff := cmp.Diff(it, got.Item); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(feed.Record{ID: "a", FirstSeen: day(5)}, got.Record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	for _, name := range all("tags/go") {
		if ids, err := s.Select(s.ctx, name, 0); err != nil || !cmp.Equal(ids, []string{"a"}) {
			t.Errorf("Select(%s) = %q, %v; want post \"a\"", name, ids, err)
		}
	}
	s.wantDirty(t, feed.Main, "tags/go")
}

func testAbsorbOlderToken(t *testing.T, s suite) {
	s.absorb(t, 7, enter(item("a", 1)))
	err := s.Absorb(s.ctx, feed.Absorption{Token: 6, Next: "9-9", Changes: []feed.Change{enter(item("b", 2))}})
	wantKind(t, "Absorb with token 6 after token 7", err, feed.ErrStale)
	s.wantNothingOf(t, "b")
}

func testAbsorbOtherCursor(t *testing.T, s suite) {
	must(t, "Absorb", s.Absorb(s.ctx, feed.Absorption{Token: 1, Next: "5-0"}))
	err := s.Absorb(s.ctx, feed.Absorption{
		Token: 1, Cursor: "4-0", Next: "9-9", Changes: []feed.Change{enter(item("b", 2))},
	})
	wantKind(t, "Absorb with cursor 4-0 when the stored cursor is 5-0", err, feed.ErrStale)
	s.wantNothingOf(t, "b")
}

func testAbsorbChangedItem(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1)))
	read := s.stored(t, "a")
	second := enter(item("a", 2))
	second.ItemSum = read.ItemSum
	s.absorb(t, 1, second)

	third := enter(item("a", 3))
	third.ItemSum = read.ItemSum
	// The outdated change is the last one, and the changes before it must not be made either.
	err := s.Absorb(s.ctx, feed.Absorption{Token: 1, Changes: []feed.Change{enter(item("b", 2)), third}})
	wantKind(t, "Absorb with an outdated ItemSum", err, feed.ErrStale)
	s.wantNothingOf(t, "b")
	if got := s.stored(t, "a").Item; !cmp.Equal(got, item("a", 2)) {
		t.Errorf("item after an outdated change (-want +got):\n%s", cmp.Diff(item("a", 2), got))
	}
	fresh := enter(item("a", 4)) // a change without an ItemSum
	wantKind(t, "Absorb of an item that exists, without ItemSum",
		s.Absorb(s.ctx, feed.Absorption{Token: 1, Changes: []feed.Change{fresh}}), feed.ErrStale)
}

func testAbsorbMovesItemBetweenFeeds(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1, "tags/x", "tags/y")))
	moved := feed.Change{
		ID: "a", ItemSum: s.stored(t, "a").ItemSum, Item: item("a", 9, "tags/y", "tags/z"),
		Left: []feed.Name{"tags/x"}, Entered: all("tags/y", "tags/z"),
	}
	s.absorb(t, 1, moved)
	for name, want := range map[feed.Name]int{feed.Main: 1, "tags/x": 0, "tags/y": 1, "tags/z": 1} {
		if n, err := s.Counts(s.ctx, name); err != nil || n[name] != want {
			t.Errorf("Counts(%s) = %d, %v; want %d", name, n[name], err, want)
		}
	}
	s.wantDirty(t, feed.Main, "tags/x", "tags/y", "tags/z")
	if got := s.stored(t, "a").Record; !got.FirstSeen.Equal(day(1)) {
		t.Errorf("record after a change without one is %+v; want it unchanged", got)
	}
}

func testAbsorbRemovesItem(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1, "tags/x")))
	s.absorb(t, 1, feed.Change{
		ID: "a", ItemSum: s.stored(t, "a").ItemSum, Left: all("tags/x"),
		Record: feed.Record{ID: "a", FirstSeen: day(1), Removed: day(8)},
	})
	got := s.stored(t, "a")
	want := feed.StoredPost{ID: "a", Record: feed.Record{ID: "a", FirstSeen: day(1), Removed: day(8)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after the removal (-want +got):\n%s", diff)
	}
	if n, err := s.Counts(s.ctx, feed.Main); err != nil || n[feed.Main] != 0 {
		t.Errorf("Counts = %d, %v; want 0", n[feed.Main], err)
	}
}

func testAbsorbKeepsItemOfRejectedPost(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1)))
	sum := s.stored(t, "a").ItemSum
	problem := &feed.Problem{
		ID: "a", Kind: feed.KindRejected, Place: "line 3", Reason: "No.", Since: day(2), Serving: true,
	}
	s.absorb(t, 1, feed.Change{ID: "a", ItemSum: sum, Keep: true, Problem: problem})
	if got := s.stored(t, "a"); got.ItemSum != sum || got.Item == nil {
		t.Errorf("stored post after a change with Keep is %+v; want the same item", got)
	}
	s.wantProblems(t, *problem)

	later := *problem
	later.Since, later.Reason = day(9), "Still no."
	s.absorb(t, 1, feed.Change{ID: "a", ItemSum: sum, Keep: true, Problem: &later})
	later.Since = day(2) // want the new problem with the Since of the first one
	s.wantProblems(t, later)

	s.absorb(t, 1, feed.Change{ID: "a", ItemSum: sum, Keep: true})
	s.wantProblems(t)
}

func testAbsorbClearsOnlyProblemsOfItsPosts(t *testing.T, s suite) {
	held := feed.Problem{ID: "main", Kind: feed.KindHeld, Reason: "Held.", Since: day(1)}
	other := feed.Problem{ID: "other", Kind: feed.KindRejected, Reason: "No.", Since: day(1)}
	must(t, "SetProblem", s.SetProblem(s.ctx, held))
	must(t, "SetProblem", s.SetProblem(s.ctx, other))
	must(t, "SetProblem", s.SetProblem(s.ctx, feed.Problem{ID: "main", Kind: feed.KindMissing, Reason: "Gone."}))
	s.absorb(t, 1, enter(item("main", 1))) // a post whose id is the name of a feed
	s.wantProblems(t, held, other)
}

func testAbsorbFutureDate(t *testing.T, s suite) {
	if has, err := s.HasWork(s.ctx); err != nil || has {
		t.Errorf("HasWork of an empty site = %v, %v; want false", has, err)
	}
	s.absorb(t, 1, futureItem("late", 20), futureItem("soon", 10), futureItem("sooner", 9))
	if has, err := s.HasWork(s.ctx); err != nil || !has {
		t.Errorf("HasWork of a site with future posts = %v, %v; want true", has, err)
	}
	if next, ok, err := s.NextDue(s.ctx); err != nil || !ok || !next.Equal(day(9)) {
		t.Errorf("NextDue = %v, %v, %v; want %v", next, ok, err, day(9))
	}
	if ids, err := s.Due(s.ctx, day(8), 10); err != nil || len(ids) != 0 {
		t.Errorf("Due before the first date = %q, %v; want no ids", ids, err)
	}
	if ids, err := s.Due(s.ctx, day(10), 10); err != nil || !cmp.Equal(ids, []string{"sooner", "soon"}) {
		t.Errorf("Due on the second date = %q, %v; want the posts \"sooner\" and \"soon\"", ids, err)
	}
	if ids, err := s.Due(s.ctx, day(30), 1); err != nil || !cmp.Equal(ids, []string{"sooner"}) {
		t.Errorf("Due with a limit of 1 = %q, %v; want the post \"sooner\"", ids, err)
	}
	if n, err := s.Counts(s.ctx, feed.Main); err != nil || n[feed.Main] != 0 {
		t.Errorf("Counts before the dates = %d, %v; want 0", n[feed.Main], err)
	}
}

func testDuePostEntersFeed(t *testing.T, s suite) {
	s.absorb(t, 1, futureItem("late", 20), futureItem("soon", 10), futureItem("sooner", 9))
	// Now the post is due, so its stored item enters the feed.
	s.absorb(t, 1, feed.Change{ID: "soon", ItemSum: s.stored(t, "soon").ItemSum, Keep: true, Entered: all()})
	s.absorb(t, 1, enter(item("older", 1)), enter(item("newer", 11)))
	if ids, err := s.Select(s.ctx, feed.Main, 0); err != nil || !cmp.Equal(ids, []string{"newer", "soon", "older"}) {
		t.Errorf("Select = %q, %v; want the posts \"newer\", \"soon\" and \"older\"", ids, err)
	}
	if ids, err := s.Due(s.ctx, day(30), 10); err != nil || !cmp.Equal(ids, []string{"sooner", "late"}) {
		t.Errorf("Due after a post has entered = %q, %v; want the posts \"sooner\" and \"late\"", ids, err)
	}
}

// futureItem returns the change that stores an item without adding it to a feed. The item is dated on the n-th day,
// which must be in the future.
func futureItem(id string, n int) feed.Change {
	return feed.Change{ID: id, Item: item(id, n), Due: day(n)}
}

func testAbsorbEnteredWithoutItem(t *testing.T, s suite) {
	a := feed.Absorption{Token: 1, Changes: []feed.Change{{ID: "a", Entered: all()}}}
	wantKind(t, "Absorb", s.Absorb(s.ctx, a), feed.ErrInvalid)
	a.Changes[0].Keep = true
	wantKind(t, "Absorb with Keep but no item", s.Absorb(s.ctx, a), feed.ErrStale)
	s.wantNothingOf(t, "a")
}

func testNamesNeverChange(t *testing.T, s suite) {
	for _, full := range []string{"Go", "GO!"} {
		must(t, "Absorb", s.Absorb(s.ctx, feed.Absorption{Token: 1, Names: map[feed.Name]string{"tags/go": full}}))
	}
	if names, err := s.Names(s.ctx); err != nil || !cmp.Equal(names, map[feed.Name]string{"tags/go": "Go"}) {
		t.Errorf("Names = %v, %v; want the first name", names, err)
	}
}

func testLastRemovalIsLatest(t *testing.T, s suite) {
	for _, n := range []int{5, 3, 6, 4} {
		must(t, "Absorb", s.Absorb(s.ctx, feed.Absorption{Token: 1, Removals: map[feed.Name]time.Time{feed.Main: day(n)}}))
	}
	if removed, err := s.LastRemoval(s.ctx, feed.Main); err != nil || !removed.Equal(day(6)) {
		t.Errorf("LastRemoval = %v, %v; want %v", removed, err, day(6))
	}
}

func testAbsorbManyPosts(t *testing.T, s suite) {
	var changes []feed.Change
	for i := range 500 {
		changes = append(changes, enter(item(string(rune('a'+i%26))+time.Duration(i).String(), i%28+1, "tags/x", "tags/y")))
	}
	s.absorb(t, 1, changes...)
	if n, err := s.Counts(s.ctx, "tags/y"); err != nil || n["tags/y"] != 500 {
		t.Errorf("Counts = %d, %v; want 500", n["tags/y"], err)
	}
}

func (s suite) wantDirty(t *testing.T, want ...feed.Name) {
	t.Helper()
	dirty, err := s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	var got []feed.Name
	for _, d := range dirty {
		got = append(got, d.Name)
		if d.Mark == 0 {
			t.Errorf("dirty feed %s has the mark 0", d.Name)
		}
	}
	less := cmpopts.SortSlices(func(a, b feed.Name) bool { return a < b })
	if diff := cmp.Diff(want, got, less, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("dirty feeds (-want +got):\n%s", diff)
	}
}

func (s suite) wantProblems(t *testing.T, want ...feed.Problem) {
	t.Helper()
	got, err := s.Problems(s.ctx)
	must(t, "Problems", err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// wantNothingOf checks that a failed Absorb has not changed the post, its feed or the cursor.
func (s suite) wantNothingOf(t *testing.T, id string) {
	t.Helper()
	if diff := cmp.Diff(feed.StoredPost{ID: id}, s.stored(t, id)); diff != "" {
		t.Errorf("stored post after a failed Absorb (-want +got):\n%s", diff)
	}
	if in, err := s.InFeed(s.ctx, feed.Main, id); err != nil || in[0] {
		t.Errorf("InFeed(%q) = %v, %v after a failed Absorb; want false", id, in, err)
	}
	if cursor, err := s.Cursor(s.ctx); err != nil || cursor == "9-9" {
		t.Errorf("cursor after a failed Absorb is %q, %v; want it unchanged", cursor, err)
	}
}
