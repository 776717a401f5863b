package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func milestoneTests() []test {
	return []test{
		{"Milestones", testMilestones},
		{"FirstCommitCounts", testFirstCommitCounts},
		{"ServedVersions", testServedVersions},
		{"MilestonesAreBounded", testMilestonesAreBounded},
	}
}

// newPost returns the change that absorbs a post for the first time at a given time.
func newPost(id string, at time.Time) feed.Change {
	c := enter(item(id, 1))
	c.Absorbed = at
	return c
}

// commitPosts commits the documents of a feed with posts and returns the version of the store.
func (s suite) commitPosts(t *testing.T, name feed.Name, at time.Time, ids ...string) int64 {
	t.Helper()
	r := request(t, name, 1, at, fmt.Sprint("rss of ", name, ids), fmt.Sprint("atom of ", name, ids))
	r.Head.IDs = ids
	s.commit(t, r, feed.Committed)
	version, err := s.Version(s.ctx)
	must(t, "Version", err)
	return version
}

func (s suite) milestones(t *testing.T, id string) feed.Milestones {
	t.Helper()
	m, err := s.open().Milestones(s.ctx, id)
	must(t, "Milestones", err)
	return m
}

// wantMilestones checks the milestones of a post.
func (s suite) wantMilestones(t *testing.T, id string, want feed.Milestones) {
	t.Helper()
	if diff := cmp.Diff(want, s.milestones(t, id)); diff != "" {
		t.Errorf("milestones of %s (-want +got):\n%s", id, diff)
	}
}

// testMilestones checks the milestones of a post from its absorption until it is served by the first of two processes.
func testMilestones(t *testing.T, s suite) {
	s.wantMilestones(t, "a", feed.Milestones{})
	s.put(t, "a", "old")
	s.absorb(t, 1, newPost("a", day(1)), enter(item("old", 1)))
	want := feed.Milestones{Absorbed: day(1)}
	s.wantMilestones(t, "a", want)
	must(t, "MarkServed", s.MarkServed(s.ctx, feed.ReachedVersion{Version: 1 << 50}))
	s.wantMilestones(t, "a", want)

	version := s.commitPosts(t, feed.Main, day(2), "a", "old")
	want.Committed = day(2)
	s.wantMilestones(t, "a", want)
	must(t, "MarkServed", s.MarkServed(s.ctx, feed.ReachedVersion{Version: version - 1}))
	s.wantMilestones(t, "a", want)

	before := now().Add(-5 * time.Second)
	must(t, "MarkServed", s.MarkServed(s.ctx, feed.ReachedVersion{Version: version, Age: 5 * time.Second}))
	got := s.milestones(t, "a")
	if got.Served.Before(before) || got.Served.After(now().Add(-5*time.Second)) {
		t.Errorf("the post was first served at %v, want 5 s before the call, which was at %v", got.Served, before)
	}
	must(t, "MarkServed", s.MarkServed(s.ctx, feed.ReachedVersion{Version: version + 1}))
	s.wantMilestones(t, "a", got)
	s.absorb(t, 1, feed.Change{ID: "a", Keep: true, ItemSum: s.stored(t, "a").ItemSum, Absorbed: day(9)})
	s.wantMilestones(t, "a", got)
	s.wantMilestones(t, "old", feed.Milestones{})
	all, err := s.AllMilestones(s.ctx)
	must(t, "AllMilestones", err)
	if diff := cmp.Diff(map[string]feed.Milestones{"a": got}, all); diff != "" {
		t.Errorf("milestones of all posts (-want +got):\n%s", diff)
	}
}

// testFirstCommitCounts checks that only the first commit of a post is recorded, and that a post that was already in
// the documents is not recorded as new, since only its record may have been lost.
func testFirstCommitCounts(t *testing.T, s suite) {
	s.commitPosts(t, feed.Main, day(1), "lost")
	s.put(t, "a", "lost")
	s.absorb(t, 1, newPost("a", day(2)), newPost("lost", day(2)))
	first := s.commitPosts(t, "tags/x", day(3), "a")
	s.commitPosts(t, feed.Main, day(4), "a", "lost")
	s.wantMilestones(t, "a", feed.Milestones{Absorbed: day(2), Committed: day(3)})
	s.wantMilestones(t, "lost", feed.Milestones{Absorbed: day(2)})
	must(t, "MarkServed", s.MarkServed(s.ctx, feed.ReachedVersion{Version: first}))
	if s.milestones(t, "a").Served.IsZero() {
		t.Error("the post is not recorded as served although the version of its first commit is served")
	}
}

// testServedVersions checks that a call about several versions uses the first that contains each post.
func testServedVersions(t *testing.T, s suite) {
	s.put(t, "a", "b")
	s.absorb(t, 1, newPost("a", day(1)), newPost("b", day(1)))
	one := s.commitPosts(t, feed.Main, day(2), "a")
	two := s.commitPosts(t, feed.Main, day(3), "b", "a")
	must(t, "MarkServed", s.MarkServed(s.ctx, feed.ReachedVersion{Version: one, Age: time.Hour},
		feed.ReachedVersion{Version: two, Age: time.Minute}))
	apart := s.milestones(t, "b").Served.Sub(s.milestones(t, "a").Served)
	if apart < 58*time.Minute || apart > 60*time.Minute {
		t.Errorf("the posts were first served %v apart, want 59m", apart)
	}
}

// testMilestonesAreBounded checks that the milestones of the posts absorbed last are kept.
func testMilestonesAreBounded(t *testing.T, s suite) {
	const batch = 500
	for start := 0; start < feed.KeptMilestones+batch; start += batch {
		var changes []feed.Change
		for i := start; i < start+batch; i++ {
			changes = append(changes, feed.Change{
				ID: fmt.Sprintf("%05d", i), Absorbed: day(1).Add(time.Duration(i) * time.Millisecond),
			})
		}
		s.absorb(t, 1, changes...)
	}
	all, err := s.AllMilestones(s.ctx)
	must(t, "AllMilestones", err)
	for i := batch; i < feed.KeptMilestones+batch; i++ {
		if _, kept := all[fmt.Sprintf("%05d", i)]; !kept {
			t.Fatalf("the milestones of post %d are not kept; it is one of the last %d of %d", i, feed.KeptMilestones,
				feed.KeptMilestones+batch)
		}
	}
	if n := len(all); n > feed.KeptMilestones+100 {
		t.Errorf("the milestones of %d posts are kept; want at most %d", n, feed.KeptMilestones+100)
	}
}
