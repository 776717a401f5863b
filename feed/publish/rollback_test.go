package publish_test

import (
	"slices"
	"strings"
	"testing"

	"feedpub/feed"
)

// rollBack replaces the store with an older copy, which contains the given posts, and reports the rollback as a replica
// does.
func (w *world) rollBack(posts ...feed.RawPost) {
	w.t.Helper()
	w.redis.FlushAll()
	w.put(posts...)
	if err := w.site.SetProblem(w.t.Context(), feed.Problem{
		ID: feed.RollbackID, Kind: feed.KindRollback, Reason: "The store is older.", Since: w.now(),
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestRolledBackStore checks that nothing from an older copy of the store is published until an operator accepts the
// copy, but that withdrawn posts are removed.
func TestRolledBackStore(t *testing.T) {
	w := newWorld(t)
	old := []feed.RawPost{post("a", "tags", []string{"x"}), post("b"), post("secret")}
	w.put(old...)
	w.rebuild(w.builder("one"))
	w.delete("secret")
	w.put(post("a", "title", "Later title", "tags", []string{"x"}))
	w.rebuild(w.builder("one"))
	w.remember()
	served := w.seen.heads["main"].Documents[0].Hash

	w.rollBack(old...)
	b := w.builder("two")
	got := w.rebuild(b)
	for _, n := range []feed.Name{"main", "tags/x"} {
		if got[n] != feed.Held {
			t.Errorf("%s is %s, want held: the store has an earlier version of post a", n, got[n])
		}
	}
	w.put(post("new"))
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Errorf("main is %s after a new post, want held until the rollback is accepted", got["main"])
	}
	if heads, err := w.site.Heads(t.Context()); err != nil || len(heads) > 0 {
		t.Errorf("heads %v, %v; want none committed from the older copy", heads, err)
	}
	if reason := w.problem(feed.KindHeld, "main").Reason; !strings.Contains(reason, "--accept-rollback") {
		t.Errorf("main is held because %q, want a reason that names the command", reason)
	}

	w.delete("b")
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Errorf("main is %s after a post was deleted, want held", got["main"])
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("main has %v, want [a]: the post that was deleted after the rollback is removed at once", got)
	}
	if body := string(w.body(w.head("main"), feed.Atom)); !strings.Contains(body, "Later title") {
		t.Error("main no longer has the version of post a that readers have received")
	}
	if w.head("main").Documents[0].Hash == served {
		t.Error("the documents of main are unchanged, want the deleted post removed")
	}

	report, err := b.AcceptRollback(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Feeds {
		if !f.Outcome.Current() {
			t.Errorf("%s is %s after the rollback was accepted: %s", f.Feed, f.Outcome, f.Reason)
		}
	}
	ids := w.ids("main")
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"a", "new", "secret"}) {
		t.Errorf("main has %v, want the posts \"a\", \"new\" and \"secret\", as in the store", ids)
	}
	if p := w.problems(); len(p) > 0 {
		t.Errorf("problems %v after the rollback was accepted, want none", p)
	}
}

// TestHarmlessRollback checks that changes are no longer held once a rebuild produces the documents that readers have
// received.
func TestHarmlessRollback(t *testing.T) {
	w := newWorld(t)
	posts := []feed.RawPost{post("a", "tags", []string{"x"}), post("b")}
	w.put(posts...)
	w.rebuild(w.builder("one"))
	w.remember()
	w.rollBack(posts...)
	b := w.builder("two")
	if got := w.rebuild(b); !got["main"].Current() || !got["tags/x"].Current() {
		t.Errorf("outcomes %v, want all current: the documents are the same", got)
	}
	if p := w.problems(); len(p) > 0 {
		t.Errorf("problems %v, want none", p)
	}
	w.put(post("new"))
	if got := w.rebuild(b); got["main"] != feed.Committed {
		t.Errorf("main is %s, want committed", got["main"])
	}
}

// TestOutdatedRemoval checks that the record of a removal that is older than the documents does not withdraw a post
// that was published again after it.
func TestOutdatedRemoval(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	w.rebuild(w.builder("one"))
	w.remember()
	w.rollBack(post("a"))
	removed := feed.Record{ID: "b", Removed: w.now().AddDate(0, 0, -1)}
	if err := w.site.RestoreRecords(t.Context(), feed.ExportLine{Record: &removed}); err != nil {
		t.Fatal(err)
	}
	if got := w.rebuild(w.builder("two")); got["main"] != feed.Held {
		t.Errorf("main is %s, want held", got["main"])
	}
	if heads, err := w.site.Heads(t.Context()); err != nil || len(heads) > 0 {
		t.Errorf("heads %v, %v; want none: the post must stay in the documents", heads, err)
	}
}

func (w *world) problem(kind feed.ProblemKind, id string) feed.Problem {
	w.t.Helper()
	p, ok, err := w.site.Problem(w.t.Context(), kind, id)
	if err != nil || !ok {
		w.t.Fatalf("problem %s of %s: listed %t, error %v", kind, id, ok, err)
	}
	return p
}
