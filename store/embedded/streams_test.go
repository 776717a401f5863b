package embedded

import (
	"fmt"
	"testing"
	"time"

	"feedpub/feed"
)

// TestWaitingCallsReturnAtOnce checks that a call that waits for posts or commits returns as soon as any client of the
// store adds one, even if that happens just before the call.
func TestWaitingCallsReturnAtOnce(t *testing.T) {
	const long = time.Minute
	began := time.Now()
	s := open(t, Options{})
	ctx, builder, files := t.Context(), site(s), s.inner.Site(testSite)
	cursor, changes := "", ""
	for i := range 50 {
		put, committed := make(chan error, 1), make(chan error, 1)
		go func() {
			put <- files.Put(ctx, feed.RawPost{ID: fmt.Sprint(i), Raw: []byte("{}")})
			_, _, err := builder.Commit(ctx, commit(feed.Main, 5, time.Now(), fmt.Sprint(i)))
			committed <- err
		}()
		found, err := builder.AwaitInbox(ctx, cursor, long)
		if err != nil || !found {
			t.Fatalf("AwaitInbox after post %d was written = %v, %v, want true", i, found, err)
		}
		must(t, <-put)
		commits, err := builder.Changes(ctx, changes, long)
		if err != nil || len(commits) != 1 {
			t.Fatalf("Changes after commit %d returned %d commits, %v, want one", i, len(commits), err)
		}
		must(t, <-committed)
		submitted, err := builder.Inbox(ctx, cursor, 10)
		must(t, err)
		cursor, changes = submitted[len(submitted)-1].Entry, commits[0].Entry
	}
	// Without notifications, each call would return after a second.
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("100 calls returned after %v, want each to return at once", took)
	}
}

// TestAbsorbedEntriesAreRemoved checks that the inbox keeps no entries that were absorbed, since the in-process server
// searches it from the beginning.
func TestAbsorbedEntriesAreRemoved(t *testing.T) {
	s := open(t, Options{})
	ctx, st := t.Context(), site(s)
	cursor := ""
	for i := range 3 {
		must(t, st.Put(ctx, feed.RawPost{ID: "a", Raw: []byte("{}")}, feed.RawPost{ID: "b", Raw: []byte("{}")}))
		submitted, err := st.Inbox(ctx, cursor, 10)
		must(t, err)
		if len(submitted) != 2+min(i, 1) {
			t.Fatalf("step %d: the inbox has %d entries after the cursor, want those that were not absorbed", i, len(submitted))
		}
		next := submitted[len(submitted)-2].Entry // leave the last entry
		must(t, st.Absorb(ctx, feed.Absorption{Token: 1, Cursor: cursor, Next: next}))
		cursor = next
		if all, err := st.Inbox(ctx, "", 10); err != nil || len(all) != 1 || all[0].Entry != submitted[len(submitted)-1].Entry {
			t.Errorf("step %d: after absorbing all but the last entry, the inbox has %v, %v, want the last entry", i, all, err)
		}
	}
}
