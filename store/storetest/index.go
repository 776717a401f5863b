package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func indexTests() []test {
	return []test{
		{"Select", testSelect},
		{"Items", testItems},
		{"InFeed", testInFeed},
		{"DirtyFeeds", testDirtyFeeds},
		{"Problems", testProblems},
		{"ItemsAreCurrent", testItemsAreCurrent},
		{"PostStates", testPostStates},
	}
}

func testSelect(t *testing.T, s suite) {
	var items []*feed.Item
	for _, id := range []string{"b", "a", "ä", "A", "10", "9", "}{"} {
		items = append(items, item(id, 3)) // items with the same time are ordered by id
	}
	items = append(items, item("newest", 9), item("oldest", 1), item("before the epoch", 2))
	items[len(items)-1].Published = day(1).AddDate(-60, 0, 0)
	var changes []feed.Change
	for _, it := range items {
		changes = append(changes, enter(it))
	}
	s.absorb(t, 1, changes...)
	slices.SortFunc(items, feed.CompareItems)
	var want []string
	for _, it := range items {
		want = append(want, it.ID)
	}
	for _, limit := range []int{0, 1, 4, len(want), 100} {
		got, err := s.Select(s.ctx, feed.Main, limit)
		must(t, "Select", err)
		if limit == 0 {
			limit = len(want)
		}
		if diff := cmp.Diff(want[:min(limit, len(want))], got); diff != "" {
			t.Errorf("Select of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func testItems(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1)), enter(item("b", 2)))
	got, err := s.Items(s.ctx, "b", "none", "a")
	must(t, "Items", err)
	if diff := cmp.Diff([]*feed.Item{item("b", 2), nil, item("a", 1)}, got); diff != "" {
		t.Errorf("Items (-want +got):\n%s", diff)
	}
}

func testInFeed(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1, "tags/x")), enter(item("b", 2)))
	got, err := s.InFeed(s.ctx, "tags/x", "none", "a", "b")
	if err != nil || !cmp.Equal(got, []bool{false, true, false}) {
		t.Errorf("InFeed = %v, %v; want false, true, false", got, err)
	}
	if got, err := s.InFeed(s.ctx, "tags/none", "a"); err != nil || !cmp.Equal(got, []bool{false}) {
		t.Errorf("InFeed of an unknown feed = %v, %v; want false", got, err)
	}
	if got, err := s.InFeed(s.ctx, "tags/x"); err != nil || len(got) != 0 {
		t.Errorf("InFeed without ids = %v, %v; want none", got, err)
	}
}

func testDirtyFeeds(t *testing.T, s suite) {
	must(t, "MarkDirty", s.MarkDirty(s.ctx, "tags/a"))
	must(t, "MarkDirty", s.MarkDirty(s.ctx, "tags/b"))
	first, err := s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	must(t, "MarkDirty", s.MarkDirty(s.ctx, "tags/a"))
	second, err := s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	if len(first) != 2 || len(second) != 2 {
		t.Fatalf("DirtyFeeds = %v, then %v; want two feeds each time", first, second)
	}
	if first[0].Name != "tags/a" || second[0].Name != "tags/b" {
		t.Errorf("first dirty feeds are %v, then %v; want tags/a, then tags/b", first[0], second[0])
	}
	if second[1].Mark <= first[1].Mark || second[1].Mark <= first[0].Mark {
		t.Errorf("dirty feeds are %v, then %v; want a greater mark for the feed that was made dirty again", first, second)
	}
	must(t, "MarkDirty without names", s.MarkDirty(s.ctx))
}

func testProblems(t *testing.T, s suite) {
	a := feed.Problem{ID: "p", Kind: feed.KindSuggestion, Reason: "Hm.", Since: day(2)}
	b := feed.Problem{ID: "p", Kind: feed.KindMissing, Place: "x", Reason: "Gone.", Since: day(1), Serving: true}
	must(t, "SetProblem", s.SetProblem(s.ctx, b))
	must(t, "SetProblem", s.SetProblem(s.ctx, a))
	s.wantProblems(t, b, a)
	again := b
	again.Since = day(7)
	must(t, "SetProblem", s.SetProblem(s.ctx, again))
	s.wantProblems(t, b, a)
	got, listed, err := s.Problem(s.ctx, feed.KindMissing, "p")
	must(t, "Problem", err)
	if diff := cmp.Diff(b, got); !listed || diff != "" {
		t.Errorf("Problem = %v; want it listed (-want +got):\n%s", listed, diff)
	}
	must(t, "ClearProblem", s.ClearProblem(s.ctx, feed.KindMissing, "p"))
	if _, listed, err := s.Problem(s.ctx, feed.KindMissing, "p"); err != nil || listed {
		t.Errorf("Problem = %v, %v after ClearProblem; want it not listed", listed, err)
	}
	must(t, "ClearProblem", s.ClearProblem(s.ctx, feed.KindMissing, "p"))
	s.wantProblems(t, a)
}

func testItemsAreCurrent(t *testing.T, s suite) {
	other := s.open()
	read := func(what string, want ...*feed.Item) {
		t.Helper()
		got, err := s.Items(s.ctx, "a", "b", "a")
		must(t, "Items", err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Items after %s (-want +got):\n%s", what, diff)
		}
	}
	set := func(c feed.Change) {
		t.Helper()
		stored, err := other.Load(s.ctx, []string{c.ID})
		must(t, "Load", err)
		c.ItemSum = stored[0].ItemSum
		must(t, "Absorb", other.Absorb(s.ctx, feed.Absorption{Token: 1, Changes: []feed.Change{c}}))
	}
	read("nothing", nil, nil, nil)
	first, second, b := item("a", 1), item("a", 2), item("b", 3)
	set(enter(first))
	read("the first version", first, nil, first)
	set(enter(b))
	set(enter(second)) // use another client, so that s may have cached an older item
	read("the second version", second, b, second)
	set(enter(first))
	read("a return to the first version", first, b, first)
	set(feed.Change{ID: "a", Left: all()})
	read("a removal", nil, b, nil)
}

func testPostStates(t *testing.T, s suite) {
	s.put(t, "current", "rewritten", "other intake", "not indexed", "no item")
	origin := func(id string, post feed.RawPost, intake string) *feed.Item {
		it := item(id, 3)
		it.RawSum, it.Intake = feed.HashOf(post.Raw), intake
		return it
	}
	waiting := enter(origin("not indexed", raw("not indexed"), "1"))
	waiting.Entered = nil
	s.absorb(t, 1, enter(origin("current", raw("current"), "1")), enter(origin("rewritten", raw("earlier version"), "1")),
		enter(origin("other intake", raw("other intake"), "0")), waiting, enter(origin("no post", raw("no post"), "1")))
	want := []feed.PostState{
		{ID: "no post", Item: true, Indexed: true},
		{ID: "current", Post: true, Item: true, Current: true, Published: day(3), Indexed: true},
		{ID: "rewritten", Post: true, Item: true, Indexed: true},
		{ID: "other intake", Post: true, Item: true, Indexed: true},
		{ID: "not indexed", Post: true, Item: true, Current: true, Published: day(3)},
		{ID: "no item", Post: true},
		{ID: "unknown"},
	}
	ids := make([]string, len(want))
	wantPosts, wantItems := make([]bool, len(want)), make([]bool, len(want))
	for i, w := range want {
		ids[i], wantPosts[i], wantItems[i] = w.ID, w.Post, w.Item
	}
	got, err := s.PostStates(s.ctx, "1", ids...)
	must(t, "PostStates", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("PostStates (-want +got):\n%s", diff)
	}
	exist, err := s.PostsExist(s.ctx, ids...)
	must(t, "PostsExist", err)
	if diff := cmp.Diff(wantPosts, exist); diff != "" {
		t.Errorf("PostsExist(%q) (-want +got):\n%s", ids, diff)
	}
	exist, err = s.ItemsExist(s.ctx, ids...)
	must(t, "ItemsExist", err)
	if diff := cmp.Diff(wantItems, exist); diff != "" {
		t.Errorf("ItemsExist(%q) (-want +got):\n%s", ids, diff)
	}
	if got, err := s.PostStates(s.ctx, "1"); err != nil || len(got) != 0 {
		t.Errorf("PostStates without ids = %v, %v; want none", got, err)
	}
}
