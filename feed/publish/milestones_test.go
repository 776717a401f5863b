package publish_test

import (
	"fmt"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// milestones returns the milestones of a post.
func (w *world) milestones(id string) feed.Milestones {
	w.t.Helper()
	m, err := w.site.Milestones(w.t.Context(), id)
	if err != nil {
		w.t.Fatalf("Milestones of %s: %v", id, err)
	}
	return m
}

// TestMilestones checks which posts get milestones, and that they keep them.
func TestMilestones(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a"), post("draft", "status", "draft"), post("future", "date_published", "2999-01-02T00:00:00Z"),
		post("bad", "title", 7))
	w.rebuild(b)
	a := w.milestones("a")
	if a.Absorbed.IsZero() || a.Committed.IsZero() || !a.Served.IsZero() {
		t.Errorf("milestones of a committed post: %+v, want absorption and commit times", a)
	}
	if m := w.milestones("future"); m.Absorbed.IsZero() || !m.Committed.IsZero() {
		t.Errorf("milestones of a post with a future date: %+v, want only an absorption time", m)
	}
	for _, id := range []string{"draft", "bad"} {
		if m := w.milestones(id); m != (feed.Milestones{}) {
			t.Errorf("milestones of %s, which has no item: %+v, want none", id, m)
		}
	}
	w.put(post("draft"), post("a", "title", "Edited"))
	w.rebuild(b)
	if m := w.milestones("draft"); m.Committed.IsZero() {
		t.Errorf("milestones of a draft that was published: %+v, want a commit time", m)
	}
	w.delete("a")
	w.rebuild(b)
	w.put(post("a"))
	w.rebuild(b)
	if got := w.milestones("a"); got != a {
		t.Errorf("milestones of a post that was edited, deleted and restored: %+v, want %+v", got, a)
	}
}

// TestNoMilestonesAfterLoss checks that posts that were published before get no milestones when their items and
// milestones were lost, whether they are in the main feed, in an archive, or deleted.
func TestNoMilestonesAfterLoss(t *testing.T) {
	withArchives := func(c *publish.Config) {
		c.Catalog = feed.Catalog{Feeds: map[feed.Name]feed.Channel{feed.Main: {Archives: true}}}
	}
	for _, lost := range []string{"derived keys", "all keys"} {
		w := newWorld(t)
		w.config.Limit = 1
		posts := []feed.RawPost{
			post("a"), post("b", "date_published", "2024-01-02T00:00:00Z"), post("c", "date_published", "2024-01-03T00:00:00Z"),
		}
		w.put(posts...)
		w.rebuild(w.builder("one", withArchives))
		w.delete("c")
		w.rebuild(w.builder("one", withArchives))
		w.remember()
		for _, k := range w.redis.Keys() {
			if lost == "all keys" || strings.Contains(k, ":item:") || strings.Contains(k, ":milestones") {
				w.redis.Del(k)
			}
		}
		if lost == "all keys" {
			posts = posts[:2] // nothing is known about the deleted post
		}
		w.put(append(posts, post("new"))...)
		w.rebuild(w.builder("two", withArchives))
		for _, p := range posts {
			if m := w.milestones(p.ID); m != (feed.Milestones{}) {
				t.Errorf("%s lost: milestones of %s are %+v, want none", lost, p.ID, m)
			}
		}
		if m := w.milestones("new"); m.Committed.IsZero() {
			t.Errorf("%s lost: milestones of a new post are %+v, want a commit time", lost, m)
		}
	}
}

// TestNoMilestonesAfterSomeArchivesWereLost checks that the posts of a served archive whose boundary was lost get no
// milestones if the boundaries of archives with smaller numbers still exist, or if such an archive is not served.
func TestNoMilestonesAfterSomeArchivesWereLost(t *testing.T) {
	for _, first := range []string{"kept", "not served"} {
		t.Run(first, func(t *testing.T) {
			w := newWorld(t)
			var posts []feed.RawPost
			for i := range 6 {
				posts = append(posts, dated(fmt.Sprintf("p%d", i), i))
			}
			w.put(posts...)
			w.rebuild(w.archived(1))
			w.remember()
			archives, err := w.site.Archives(t.Context())
			if err != nil || len(archives) != 5 {
				t.Fatalf("Archives = %v, %v; want five", archives, err)
			}
			if first == "not served" {
				delete(w.seen.heads, feed.Main.Archive(1))
			}
			for _, k := range w.redis.Keys() {
				if strings.Contains(k, ":item:") || strings.Contains(k, ":milestones") {
					w.redis.Del(k)
				}
			}
			for i := range archives {
				if n := feed.Main.Archive(i + 1); first == "not served" || i > 0 {
					w.redis.HDel("feedpub:{main}:archives", string(n))
				}
			}
			w.put(append(posts[1:], post("new"))...)
			w.rebuild(w.archived(1))
			for _, p := range posts[1:] {
				if m := w.milestones(p.ID); m != (feed.Milestones{}) {
					t.Errorf("milestones of %s are %+v, want none", p.ID, m)
				}
			}
			if m := w.milestones("new"); m.Committed.IsZero() {
				t.Errorf("milestones of a new post are %+v, want a commit time", m)
			}
		})
	}
}
