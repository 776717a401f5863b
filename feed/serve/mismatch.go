package serve

import (
	"context"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
)

// cause is a kind of refusal.
type cause string

const (
	stale   cause = "stale"   // older than what is served
	damaged cause = "damaged" // it, or a document of it, is not what it says
	absent  cause = "absent"  // a document of it is not in the store
	lost    cause = "lost"    // the feed is served, and the store does not know it
)

// refusal is why what the store says of a feed is not taken.
type refusal struct {
	cause   cause
	head    feed.Head // as the store has it; for lost, only the feed's name
	reason  string
	since   time.Time
	serving bool // an earlier state of the feed is served
}

// forgotten says whether what is served is later than what the store has, or gone from it.
func (x refusal) forgotten() bool { return x.cause == stale || x.cause == lost }

// mayPass says whether the store may mend it without another commit, by bringing back a document.
func (x refusal) mayPass() bool { return x.cause == absent || x.cause == damaged }

// What is counted besides the causes of refusals.
const (
	taken   = "taken"   // commits taken over from the store
	unsaved = "unsaved" // attempts to save a feed's documents that failed
)

// Counts returns what happened since the replica was made: "taken" are commits taken over from the store; "stale",
// "damaged", "absent" and "lost" are states of feeds in the store that were not taken because they are older than what is
// served, not what they say, not all there, or gone; "unsaved" are failed attempts to save a feed's documents. The keys
// are always these.
func (r *Replica) Counts() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// Problems returns the feeds of which the store says what is not taken: problems of kind [feed.KindReplica] whose ID is
// the feed's name. The error is always nil.
func (r *Replica) Problems(context.Context) ([]feed.Problem, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	problems := make([]feed.Problem, 0, len(r.refused))
	for _, name := range slices.SortedFunc(maps.Keys(r.refused), feed.Name.Compare) {
		x := r.refused[name]
		problems = append(problems, feed.Problem{
			ID: string(name), Kind: feed.KindReplica, Reason: x.reason, Since: x.since, Serving: x.serving,
		})
	}
	return problems, nil
}

// refuse records that what the store says of a feed is not taken. What has been refused before for the same reason is
// not counted again. It returns whether it is new.
func (r *Replica) refuse(x refusal) bool {
	name := x.head.Feed
	_, x.serving = r.Snapshot().Head(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	x.since = r.Now().UTC().Truncate(time.Millisecond)
	if old, ok := r.refused[name]; ok {
		if old.cause == x.cause && old.reason == x.reason {
			return false
		}
		x.since = old.since
	}
	r.refused[name] = x
	r.counts[string(x.cause)]++
	if x.cause != lost { // of those there may be thousands at once
		r.Log.Warn("store's state of a feed not taken", "feed", name, "cause", x.cause, "reason", x.reason,
			"serving", x.serving)
	}
	return true
}

// accept records that what the store says of a feed is what is served.
func (r *Replica) accept(name feed.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.refused, name)
}

// noteLost records which of the feeds that are served are not among all the heads of the store.
func (r *Replica) noteLost(heads []feed.Head) {
	known := make(map[feed.Name]bool, len(heads))
	for _, h := range heads {
		known[h.Feed] = true
	}
	count := 0
	for _, name := range r.Snapshot().names() {
		if !known[name] && r.refuse(refusal{cause: lost, head: feed.Head{Feed: name},
			reason: "the store does not know the feed any more; what is served is the last that it had"}) {
			count++
		}
	}
	if count > 0 {
		r.Log.Warn("store does not know feeds that are served; they stay", "feeds", count)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.refused, func(name feed.Name, x refusal) bool { return !x.serving && !known[name] })
}

// mayTakeMore says whether heads that were refused may be taken now without a new commit.
func (r *Replica) mayTakeMore() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.refused {
		if x.mayPass() {
			return true
		}
	}
	return false
}
