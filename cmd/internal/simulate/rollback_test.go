package simulate

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store/memstore"
)

// restoreCopy replaces the store with an older copy while no process is running, and checks that nothing from it is
// published until an operator accepts it.
func (w *world) restoreCopy(r *random, old memstore.Snapshot) {
	w.count("store replaced by an older copy")
	for _, p := range w.processes {
		p.crash()
	}
	time.Sleep(r.between(0, 5*time.Second))
	w.site.RollBack(old)
	w.startAll()
	served, own, start := w.latest(), w.loaded(), time.Now()
	for range 20 {
		time.Sleep(r.between(time.Second, 3*time.Second))
		if time.Since(start) > catchUpTime {
			own = nil
		}
		if !w.checkHeld(served, own) {
			return
		}
	}
	w.count("rollbacks held")
}

// catchUpTime bounds the time until a process that starts with outdated documents serves the latest ones. The process
// that has the latest ones restores them to the store, which may take a few attempts.
const catchUpTime = 15 * time.Second

// loaded returns the heads that each process has, by the id of the process.
func (w *world) loaded() map[string]map[feed.Name]feed.Head {
	all := map[string]map[feed.Name]feed.Head{}
	for _, p := range w.processes {
		all[p.id] = map[feed.Name]feed.Head{}
		for _, h := range p.documents().Heads() {
			all[p.id][h.Feed] = h
		}
	}
	return all
}

// latest returns the latest head of each feed that any process has.
func (w *world) latest() map[feed.Name]feed.Head {
	heads := map[feed.Name]feed.Head{}
	for _, p := range w.processes {
		for _, h := range p.documents().Heads() {
			if h.Later(heads[h.Feed]) {
				heads[h.Feed] = h
			}
		}
	}
	return heads
}

// checkHeld checks what processes serve while the store's rollback is listed: the given heads, from which withdrawn
// posts may have been removed. A process may also serve the heads that it had when it started, as long as they are
// unchanged; own lists them by process. checkHeld reports whether the rollback is listed.
func (w *world) checkHeld(served map[feed.Name]feed.Head, own map[string]map[feed.Name]feed.Head) bool {
	if _, listed, err := w.site.Problem(context.Background(), feed.KindRollback, feed.RollbackID); err != nil || !listed {
		return false // nothing that was published is lost, so the rollback was not detected or is no longer listed
	}
	for _, p := range w.processes {
		if p.documents().Store() != nil {
			continue // it may still serve an earlier version than the others
		}
		for _, h := range p.documents().Heads() {
			before := served[h.Feed]
			if mine, ok := own[p.id][h.Feed]; ok && sameHashes(h, mine) {
				continue
			}
			for _, id := range h.IDs {
				if !slices.Contains(before.IDs, id) {
					w.violation("%s: %s has post %s of a store that was rolled back", p.id, h.Feed, id)
				}
			}
			if len(h.IDs) == len(before.IDs) && h.Feed != feed.Pages && !sameHashes(h, before) {
				w.violation("%s: %s has changed although the store was rolled back", p.id, h.Feed)
			}
		}
	}
	return true
}

func sameHashes(a, b feed.Head) bool {
	return slices.EqualFunc(a.Documents, b.Documents, func(x, y feed.DocumentRef) bool { return x.Hash == y.Hash })
}

// acceptRollback accepts a rollback of the store, if one is listed.
func (w *world) acceptRollback(ctx context.Context) {
	_, listed, err := w.site.Problem(ctx, feed.KindRollback, feed.RollbackID)
	if err != nil || !listed {
		return
	}
	if !w.plan.lossy {
		w.violation("a rollback of the store was reported, but it has lost nothing")
	}
	w.count("rollbacks accepted")
	if _, err := publish.AskAcceptRollback(ctx, w.operator); err != nil {
		w.violation("accept the rollback: %v", err)
	}
}

// TestRollback checks one rollback in detail: a post that was edited and one that was withdrawn do not return, a
// restart changes nothing, and accepting the rollback publishes what the store has.
func TestRollback(t *testing.T) {
	reader() // create the shared reader before virtual time starts
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(1, plan{
			processes: 2, builders: 1, lossy: true, formats: []feed.Format{feed.JSON}, limit: 10, disk: true,
		}, slog.New(slog.DiscardHandler))
		ctx := context.Background()
		put := func(id, text string) {
			if err := w.site.Put(ctx, feed.RawPost{
				ID: id, Raw: []byte(`{"id": "` + id + `", "content_text": "` + text + `", "date_published": "1999-01-02T03:04:05Z"}`),
			}); err != nil {
				t.Fatal(err)
			}
		}
		restart := func(between func()) {
			for _, p := range w.processes {
				p.crash()
			}
			between()
			for _, p := range w.processes {
				p.start()
			}
			time.Sleep(30 * time.Second)
		}
		want := func(when string, ids ...string) {
			t.Helper()
			for _, p := range w.processes {
				h, _ := p.documents().Head(feed.Main)
				got := slices.Sorted(slices.Values(h.IDs))
				if !slices.Equal(got, ids) {
					t.Errorf("%s: %s serves %q, want %q", when, p.id, got, ids)
				}
			}
		}
		restart(func() { put("edited", "Old."); put("secret", "Secret.") })
		want("at first", "edited", "secret")
		old := w.site.Snapshot()
		put("edited", "New.")
		if err := w.site.Delete(ctx, "secret"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		want("after the edits", "edited")
		before := w.latest()

		restart(func() { w.site.RollBack(old) })
		want("after the rollback", "edited")
		if !w.checkHeld(before, nil) {
			t.Error("the rollback is not listed as a problem")
		}
		put("late", "Late.")
		restart(func() {})
		want("after another restart", "edited")
		if !w.checkHeld(before, nil) {
			t.Error("the rollback is not listed after a restart")
		}
		w.acceptRollback(ctx)
		time.Sleep(10 * time.Second)
		want("after the rollback was accepted", "edited", "late", "secret")
		for _, p := range w.processes {
			p.shutDown()
		}
		for _, v := range w.violations {
			t.Error(v)
		}
	})
}
