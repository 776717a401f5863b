package feed

import "time"

// Record is data about a post that cannot be derived from the post itself.
type Record struct {
	ID string `json:"id"`
	// FirstSeen is the time at which the post was first read. It is the date of publication of a post without one.
	FirstSeen time.Time `json:"first_seen,omitzero"`
	// Removed is the time at which the post was deleted or withdrawn; zero while it is published.
	Removed time.Time `json:"removed,omitzero"`
}

// RawPost is a stored post that has not been decoded. It may be invalid.
type RawPost struct {
	ID  string
	Raw []byte
}

// Submission is an inbox entry. It records that a post was written or deleted.
type Submission struct {
	Entry string    // the id of the stream entry; later entries have greater ids
	ID    string    // of the post
	Time  time.Time // of the entry, from its id
}

// StoredPost is the stored data of a post, as needed to absorb it.
type StoredPost struct {
	ID  string
	Raw []byte // the raw post; nil if it does not exist or Unreadable is set
	// Unreadable is the reason why an existing post cannot be read, such as a key of the wrong type; otherwise empty.
	Unreadable string
	Record     Record // zero if there is none
	Item       *Item  // the last valid item, or nil
	// ItemSum identifies the stored item for [Change.ItemSum]; empty if there is none.
	ItemSum string
}

// IDs are ids found by a scan of a site's keys.
type IDs struct {
	Posts []string // posts
	Items []string // posts that have an item
}

// PostState is the state of a post and its item for reconciliation, which compares them without reading items.
type PostState struct {
	ID   string
	Post bool // the post exists
	Item bool // the item exists; it may be unreadable
	// Current is set if the item was made from the present raw post by the given intake.
	Current   bool
	Published time.Time // of a current item
	Indexed   bool      // the post is in the main feed
}

// Change is the change to the store that absorbs a post. All changes of an [Absorption] are written in one step.
type Change struct {
	ID string
	// ItemSum is the [StoredPost.ItemSum] that the change was computed from. If the stored item has another sum, nothing
	// of the absorption is written.
	ItemSum string
	// Item is the new item. If it is nil, the stored item is deleted unless Keep is set.
	Item *Item
	// Keep is set if the stored item stays unchanged.
	Keep bool
	// Due is the time at which the item is added to the indexes, that is, published. Zero means now.
	Due time.Time
	// Record is written if it differs from the stored one.
	Record Record
	// Problem replaces the listed problem of the post; nil deletes it.
	Problem *Problem
	// Left are the feeds that the item is removed from, Entered the feeds that it belongs to after the change.
	Left, Entered []Name
	// Touched are the feeds and archives that become dirty; nil means the feeds in Left and Entered.
	Touched []Name
}

// Absorption is a batch of changes. It is written only if the token and the cursor are still current.
type Absorption struct {
	Token   Token
	Cursor  string // the inbox cursor at which the batch was read
	Next    string // the new inbox cursor
	Changes []Change
	// Names are full names to record, by feed name. A recorded name never changes.
	Names map[Name]string
	// Removals are times of removals to record, by feed or archive. Times that are not later than the recorded ones are
	// ignored.
	Removals map[Name]time.Time
}

// CommitRequest is a request to the store to make documents the current ones of a feed, in one step.
type CommitRequest struct {
	Head  Head // the store sets Modified of its documents
	Blobs []Blob
	// Previous is the feed's head as read by the caller, or the zero Head if the feed has none. If Previous is nil or
	// outdated, the store reads the head.
	Previous *Head
	Now      time.Time // for Last-Modified; zero means the time of the store
	// Dirty is the [DirtyFeed.Mark] of the feed when its items were read. If the mark has changed, the feed stays dirty.
	Dirty int64
}

// DirtyFeed is a feed to rebuild.
type DirtyFeed struct {
	Name Name
	Mark int64 // changes whenever the feed is made dirty
}

// Announcement is an entry of a site's stream of commits.
type Announcement struct {
	Entry   string // the id of the stream entry
	Feed    Name   // the feed that was committed
	Version int64  // the site's version after the commit; 0 if the entry has none
}

// Request is a request of an operator to the builder.
type Request struct {
	Entry   string // the id of the stream entry
	ID      string // id of the request; the caller finds the reply by it
	Payload []byte
}

// ExportLine is a line of an export of a site's primary data besides posts, which cannot be derived from them. Exactly
// one field is set.
type ExportLine struct {
	Record  *Record      `json:"record,omitempty"`
	Name    *PathName    `json:"name,omitempty"`
	Removal *FeedRemoval `json:"removal,omitempty"`
	Archive *Archive     `json:"archive,omitempty"`
}

// PathName is a recorded path name: the feed's name and the full name of its tag, author or publication.
type PathName struct {
	Feed Name   `json:"feed"`
	Full string `json:"full"`
}

// FeedRemoval is the time at which a post was last removed from a feed.
type FeedRemoval struct {
	Feed Name      `json:"feed"`
	Time time.Time `json:"time"`
}
