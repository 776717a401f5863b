package feed

import "time"

// PostStatus is the publication status of a post.
type PostStatus string

// The statuses of posts.
const (
	PostPublished PostStatus = "published" // it is published, or will be published by the next run
	PostScheduled PostStatus = "scheduled" // its date of publication is in the future
	PostDraft     PostStatus = "draft"
	PostPrivate   PostStatus = "private"
	PostRejected  PostStatus = "rejected" // it cannot be read; an earlier version may be published
	PostWaiting   PostStatus = "waiting"  // it was written or deleted, and the change has not been absorbed yet
	PostRemoved   PostStatus = "removed"  // it was deleted
	PostUnknown   PostStatus = "unknown"  // there is no such post
)

// PostStatuses returns all statuses of posts.
func PostStatuses() []PostStatus {
	return []PostStatus{
		PostPublished, PostScheduled, PostDraft, PostPrivate, PostRejected, PostWaiting, PostRemoved, PostUnknown,
	}
}

// Explanation explains the status of a post.
type Explanation struct {
	ID     string     `json:"id"`
	Key    string     `json:"key,omitempty"` // the key in Redis under which the post is or should be stored
	Stored bool       `json:"stored"`
	Status PostStatus `json:"status"`
	Reason string     `json:"reason"` // a sentence
	// Hints suggest what an operator can do, and point out mistakes that explain the status.
	Hints []string `json:"hints,omitempty"`
	// Feeds lists the feeds whose published documents contain the post, or should.
	Feeds []Place `json:"feeds"`
	// Question says why the post is or is not in the feed that was asked about.
	Question string `json:"question,omitempty"`
	// Credited lists the sources that are credited; Suggestion describes the sources that are too uncertain to be
	// credited.
	Credited   []Source `json:"credited,omitempty"`
	Suggestion string   `json:"suggestion,omitempty"`

	FirstSeen time.Time `json:"first_seen,omitzero"` // when a post without a date was first absorbed
	Published time.Time `json:"date_published,omitzero"`
	Removed   time.Time `json:"removed,omitzero"`
	Committed time.Time `json:"committed,omitzero"` // when the main feed, or the archive with the post, last changed

	// The following times are those of [Milestones].
	Absorbed       time.Time `json:"absorbed,omitzero"`
	FirstCommitted time.Time `json:"first_committed,omitzero"`
	FirstServed    time.Time `json:"first_served,omitzero"`
}

// NotServed returns why FirstServed of a published post is zero, or "" if it is not zero.
func (x Explanation) NotServed() string {
	switch {
	case !x.FirstServed.IsZero() || x.Status != PostPublished:
		return ""
	case !x.FirstCommitted.IsZero():
		return "no server has loaded the documents yet"
	case !x.Absorbed.IsZero():
		return "the post has not been committed yet"
	}
	return "not recorded: the post was absorbed by an earlier release, or before the store lost data, or it is not among " +
		"the newest posts"
}

// Place is a feed that contains a post, or should.
type Place struct {
	Feed Name `json:"feed"`
	// Listed is set if the published documents contain the post. If not, Reason says why.
	Listed bool     `json:"listed"`
	Reason string   `json:"reason,omitempty"`
	Paths  []string `json:"paths,omitempty"` // paths of the documents; those of an archive if the post is in one
}
