package serve

import (
	"context"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
)

// cause is the kind of a mismatch.
type cause string

const (
	stale   cause = "stale"   // older than the served state
	damaged cause = "damaged" // the head or a document is invalid
	absent  cause = "absent"  // a document is not in the store
	lost    cause = "lost"    // the feed is served, but not in the store
)

// mismatch is the reason why a replica does not serve the store's state of a feed.
type mismatch struct {
	cause   cause
	head    feed.Head // the store's head; if the cause is lost, only its name is set
	reason  string
	since   time.Time
	serving bool // an earlier state of the feed is served
}

// storeIsBehind reports whether the served head is later than the store's head.
func (x mismatch) storeIsBehind() bool { return x.cause == stale || x.cause == lost }

// transient reports whether the mismatch can end without a commit, when the store restores a document.
func (x mismatch) transient() bool { return x.cause == absent || x.cause == damaged }

// These counters exist in addition to one for each cause.
const (
	applied = "applied" // commits from the store that were applied
	unsaved = "unsaved" // failed attempts to save the documents of a feed
)

// Counts returns counters since the replica was created: "applied" counts commits that were applied; "stale",
// "damaged", "absent" and "lost" count states of feeds in the store that were not served because they are older than
// the served state, invalid, incomplete or missing, respectively; "unsaved" counts failed attempts to save the
// documents of a feed. The keys are always the same.
func (r *Replica) Counts() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// Problems returns a problem of kind [feed.KindReplica] for each feed that the replica does not serve as it is in the
// store. Its ID is the name of the feed. If documents cannot be saved, there is an additional problem with the ID "data
// folder". The error is always nil.
func (r *Replica) Problems(context.Context) ([]feed.Problem, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	problems := r.diskProblem()
	for _, name := range slices.SortedFunc(maps.Keys(r.mismatches), feed.Name.Compare) {
		x := r.mismatches[name]
		problems = append(problems, feed.Problem{
			ID: string(name), Kind: feed.KindReplica, Reason: x.reason, Since: x.since, Serving: x.serving,
		})
	}
	return problems, nil
}

// addMismatch records a mismatch and reports whether it is new. A mismatch with the same cause and reason is not
// counted again.
func (r *Replica) addMismatch(x mismatch) bool {
	name := x.head.Feed
	_, x.serving = r.Snapshot().Head(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	x.since = r.Now().UTC().Truncate(time.Millisecond)
	if old, ok := r.mismatches[name]; ok {
		if old.cause == x.cause && old.reason == x.reason {
			return false
		}
		x.since = old.since
	}
	r.mismatches[name] = x
	r.counts[string(x.cause)]++
	if x.cause != lost { // there may be thousands, so recordLost logs their number
		r.Log.Warn("not serving the store's state of a feed", "feed", name, "cause", x.cause, "reason", x.reason,
			"serving", x.serving)
	}
	return true
}

// clearMismatch records that the served version of a feed is the one in the store.
func (r *Replica) clearMismatch(name feed.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mismatches, name)
}

// recordLost records the served feeds that are missing from heads, which are all heads in the store.
func (r *Replica) recordLost(heads []feed.StoredHead) {
	known := make(map[feed.Name]bool, len(heads))
	for _, h := range heads {
		known[h.Feed] = true
	}
	count := 0
	for _, name := range r.Snapshot().names() {
		if !known[name] && r.addMismatch(mismatch{cause: lost, head: feed.Head{Feed: name},
			reason: "the store has lost the feed; its last documents are served"}) {
			count++
		}
	}
	if count > 0 {
		r.Log.Warn("store has lost feeds; their last documents are served", "feeds", count)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.mismatches, func(name feed.Name, x mismatch) bool { return !x.serving && !known[name] })
}

// hasTransient reports whether heads that were not applied may be valid now, without a new commit.
func (r *Replica) hasTransient() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.mismatches {
		if x.transient() {
			return true
		}
	}
	return false
}
