package feed

import "time"

// Record is what is kept of a post beside the post itself, because it cannot be derived from it.
type Record struct {
	ID string `json:"id"`
	// FirstSeen is when the post first came in; the date of a post that gives none.
	FirstSeen time.Time `json:"first_seen,omitzero"`
	// Removed is when the post was deleted or withdrawn; zero while it is published.
	Removed time.Time `json:"removed,omitzero"`
}

// RawPost is a post as it is stored: not decoded, possibly not even readable.
type RawPost struct {
	ID  string
	Raw []byte
}

// Submission is an inbox entry: notice that a post was written or deleted.
type Submission struct {
	Entry string    // the stream entry's id; a later entry has a greater one
	ID    string    // of the post
	Time  time.Time // when the entry was made, from its id
}

// StoredPost is what the store has of one post: what absorbing it needs to know.
type StoredPost struct {
	ID  string
	Raw []byte // as it came; nil if the post does not exist or Unreadable is set
	// Unreadable says why there is nothing in Raw although something stands in the post's place; empty otherwise.
	Unreadable string
	Record     Record // zero if there is none
	Item       *Item  // the last good item, or nil
	// ItemSum identifies the stored item for [Change.ItemSum]; empty if there is none.
	ItemSum string
}

// IDs are those that a walk over all that a site has came upon.
type IDs struct {
	Posts []string // that exist
	Items []string // posts of which there is an item
}

// PostState is how a post and its item stand to each other: what reconciliation compares, without reading the item.
type PostState struct {
	ID   string
	Post bool // the post exists
	Item bool // there is an item, whether it can be read or not
	// Current says that the item was made from the post as it is now, by the intake that was asked for.
	Current   bool
	Published time.Time // of a current item
	Indexed   bool      // the post is in the main feed
}

// Change is what absorbing one post does to the store. All changes of an [Absorption] are made in one step.
type Change struct {
	ID string
	// ItemSum is the [StoredPost.ItemSum] that the change was computed from; the whole absorption is refused if the stored
	// item is another by now.
	ItemSum string
	// Item is the new ready item; nil removes the one there is unless Keep is set.
	Item *Item
	// Keep leaves the stored item as it is.
	Keep bool
	// Due, if not zero, is when the item is to be published: it enters the indexes only then.
	Due time.Time
	// Record is written if it differs from the stored one.
	Record Record
	// Problem, if not nil, is listed for the operator; nil clears what was listed for the post.
	Problem *Problem
	// Left are the feeds that the item leaves, Entered those it is in from now on.
	Left, Entered []Name
	// Touched are the feeds and archives that become dirty; nil stands for all of Left and Entered.
	Touched []Name
}

// Absorption is a batch of changes with what must still hold when they are made.
type Absorption struct {
	Token   Token
	Cursor  string // the inbox cursor that the batch was read at
	Next    string // the inbox cursor to write
	Changes []Change
	// Names are path names to record, by feed name: what they stand for. A name once recorded never changes.
	Names map[Name]string
	// Removals are times of removals to record, by feed or archive; only later times than the recorded ones count.
	Removals map[Name]time.Time
}

// CommitRequest asks the store to make documents the current ones of a feed, all in one step.
type CommitRequest struct {
	Head  Head // Modified of its documents is set by the store
	Blobs []Blob
	// Previous is the feed's head as the caller has read it, the zero Head if there is none. The store reads the head
	// itself if Previous is nil or no longer the committed one.
	Previous *Head
	Now      time.Time // for Last-Modified; zero for the store's time
	// Dirty is the mark of the feed when its items were read ([DirtyFeed.Mark]); the feed stays dirty if it has moved since.
	Dirty int64
}

// DirtyFeed is a feed to rebuild.
type DirtyFeed struct {
	Name Name
	Mark int64 // moves whenever the feed is made dirty again
}

// Announcement is an entry of a site's stream of commits.
type Announcement struct {
	Entry   string // the stream entry's id
	Feed    Name   // whose head was flipped
	Version int64  // the site's version that the commit made; 0 if the entry doesn't say
}

// Request is what an operator asks of the builder.
type Request struct {
	Entry   string // the stream entry's id
	ID      string // where the reply goes
	Payload []byte
}

// ExportLine is one line of a site's primary records as export writes them and import reads them: what is kept beside the
// posts because nothing else tells it. Exactly one member is set.
type ExportLine struct {
	Record  *Record      `json:"record,omitempty"`
	Name    *PathName    `json:"name,omitempty"`
	Removal *FeedRemoval `json:"removal,omitempty"`
	Archive *Archive     `json:"archive,omitempty"`
}

// PathName says what a path name stands for.
type PathName struct {
	Feed Name   `json:"feed"`
	Full string `json:"full"`
}

// FeedRemoval says when a post was last removed from a feed.
type FeedRemoval struct {
	Feed Name      `json:"feed"`
	Time time.Time `json:"time"`
}
