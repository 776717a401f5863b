package feed

import "time"

// Record is data about a post that cannot be derived from the post itself.
type Record struct {
	ID string `json:"id"`
	// FirstSeen is the time at which the post was first read. It serves as the publication date of a post that has
	// none.
	FirstSeen time.Time `json:"first_seen,omitzero"`
	// Removed is the time at which the post was deleted or withdrawn; zero while it is published.
	Removed time.Time `json:"removed,omitzero"`
	// Changed is the time at which a change to the published content was first seen. It serves as the modification date of
	// a post that has none. It is recorded only for posts in files, and is zero if the content has not changed.
	Changed time.Time `json:"changed,omitzero"`
}

// Milestones are the times at which a post first became an item, was committed and was served. They are derived data
// that explains what happened: nothing depends on them. A time is zero if it is unknown.
type Milestones struct {
	// Absorbed is when the post first became an item.
	Absorbed time.Time `json:"absorbed,omitzero"`
	// Committed is when the documents of a feed or archive with the post were first committed.
	Committed time.Time `json:"committed,omitzero"`
	// Served is when a process was first ready to serve such documents.
	Served time.Time `json:"served,omitzero"`
}

// KeptMilestones is the number of most recently absorbed posts whose milestones are always kept. The milestones of up
// to 100 older posts may be kept too.
const KeptMilestones = 10_000

// ReachedVersion is a version of a store whose documents a process is ready to serve.
type ReachedVersion struct {
	Version int64
	Age     time.Duration // time since the process became ready to serve them
}

// RawPost is a stored post that has not been decoded. It may be invalid.
type RawPost struct {
	ID  string
	Raw []byte
}

// Submission is an inbox entry. It records that a post was written or deleted.
type Submission struct {
	Entry string    // the id of the stream entry; later entries have greater ids
	ID    string    // id of the post
	Time  time.Time // time of the entry, taken from its id
}

// StoredPost is the stored data of a post, as needed to absorb it.
type StoredPost struct {
	ID  string
	Raw []byte // the raw post; nil if it does not exist or Unreadable is set
	// Unreadable is the reason why an existing post cannot be read, such as a key of the wrong type. It is empty if the
	// post can be read.
	Unreadable string
	Record     Record // zero if the post has no record
	Item       *Item  // the last valid item, or nil
	// ItemSum identifies the stored item for [Change.ItemSum]; empty if there is none.
	ItemSum string
	// Decisions are the decisions about the credits of the post.
	Decisions []Decision
}

// IDs are ids found by a scan of a site's keys.
type IDs struct {
	Posts []string // ids of posts
	Items []string // ids of posts that have an item
}

// PostState is the state of a post and its item for reconciliation, which compares them without reading items.
type PostState struct {
	ID   string
	Post bool // the post exists
	Item bool // the item exists; it may be unreadable
	// Current is set if the item was created from the present raw post by the given intake.
	Current   bool
	Published time.Time // publication time; set only if the item is current
	Indexed   bool      // the post is in the main feed
}

// Change is the change to the store that absorbs a post. All changes of an [Absorption] are written in one step.
type Change struct {
	ID string
	// ItemSum is the [StoredPost.ItemSum] that the change was computed from. If the stored item has a different sum,
	// the whole absorption is discarded.
	ItemSum string
	// Item is the new item. If it is nil, the stored item is deleted unless Keep is set.
	Item *Item
	// Keep is set if the stored item stays unchanged.
	Keep bool
	// Due is the time at which the item is added to the indexes, that is, published. Zero means now.
	Due time.Time
	// Record replaces the stored record if they differ.
	Record Record
	// Problem replaces the listed problem of the post; nil deletes it.
	Problem *Problem
	// Left lists the feeds that the item is removed from. Entered lists the feeds that it belongs to after the change.
	Left, Entered []Name
	// Touched lists the feeds and archives that become dirty. If it is nil, the feeds in Left and Entered do.
	Touched []Name
	// Notices are added to the outbox if Problem is new or differs from the listed problem.
	Notices []StoredNotice
	// Raw is the hash of the raw post; empty if there is none. It shows whether the post is still the version that an
	// import stored.
	Raw Hash
	// Absorbed is the time to record as [Milestones.Absorbed]; zero if the post may have been published before.
	Absorbed time.Time
}

// Absorption is a batch of changes. It is written only if the token and the cursor are still current.
type Absorption struct {
	Token   Token
	Cursor  string // the inbox cursor at which the batch was read
	Next    string // the new inbox cursor
	Changes []Change
	// Names maps feed names to the full names to record. A recorded name never changes.
	Names map[Name]string
	// Removals maps feeds and archives to the removal times to record. A time that is not later than the recorded time
	// is ignored.
	Removals map[Name]time.Time
}

// CommitRequest asks the store to replace the current documents of a feed in one step.
type CommitRequest struct {
	Head  Head // the store sets Modified in the head's documents
	Blobs []Blob
	// Previous is the feed's head as read by the caller, or the zero Head if the feed had none. If the feed has different
	// documents by now, the commit is refused, because the caller has compared the new ones with Previous. If Previous is
	// nil, the commit replaces any head.
	Previous *Head
	Now      time.Time // time for Last-Modified; zero means the store's time
	// Dirty is the [DirtyFeed.Mark] of the feed when its items were read. If the mark has changed, the feed stays dirty.
	Dirty int64
	// Notices are the queues that get a notice if the commit changes bytes. The notices are written with the commit.
	Notices NoticeQueues
}

// CommitResult is the result of one of several commits. If Err is not nil, the other fields are not set.
type CommitResult struct {
	Outcome Outcome
	Head    Head // the new head
	Err     error
}

// NoticeQueues are names of queues, without spaces.
type NoticeQueues struct {
	// Topics get a [Notice] for each changed document that readers subscribe to, unless it is the first version.
	Topics []string
	// Feeds get a [Notice] without a format for the feed.
	Feeds []string
}

// DirtyFeed is a feed to rebuild.
type DirtyFeed struct {
	Name Name
	Mark int64 // changes whenever the feed is made dirty
}

// FeedItems holds what the document of a feed is made from.
type FeedItems struct {
	Items   []*Item   // the items of the newest posts, newest first; nil for an item that does not exist
	Removed time.Time // when a post was last removed from the feed; zero if none was
}

// Waiting holds what a builder may have to absorb.
type Waiting struct {
	Now         time.Time    // the time of the store
	Ahead       []Position   // the posts of the main feed that are dated after Now
	Due         []string     // the ids of unpublished posts whose publication date has passed
	Cursor      string       // the entry up to which the inbox is absorbed
	Submissions []Submission // the inbox after Cursor
	Costly      []Costly     // the versions of posts that must not be read
}

// Announcement is an entry of a site's stream of commits.
type Announcement struct {
	Entry   string // the id of the stream entry
	Feed    Name   // the feed that was committed
	Version int64  // the site's version after the commit; 0 if the entry has none
}

// Request is an operator's request to the builder.
type Request struct {
	Entry   string // the id of the stream entry
	ID      string // id of the request, which identifies the reply to the caller
	Payload []byte
}

// ExportLine is a line in an export of the site data that cannot be derived from posts. Exactly one field is set.
type ExportLine struct {
	Record  *Record      `json:"record,omitempty"`
	Name    *PathName    `json:"name,omitempty"`
	Removal *FeedRemoval `json:"removal,omitempty"`
	Archive *Archive     `json:"archive,omitempty"`
	// Subscription replaces an earlier line for the same subscription.
	Subscription *Subscription `json:"subscription,omitempty"`
	// Notice is not exported; only the embedded store uses it.
	Notice *StoredNotice `json:"notice,omitempty"`
	// Credits are the decisions about the credits of a post.
	Credits *Decisions `json:"credits,omitempty"`
	// Publication is a name in the site's table of publications.
	Publication *Publication `json:"publication,omitempty"`
	// Rendering is the rendering version of the site; 0 means none. An import sets it only for a site that has never been
	// built, so that the site gets the same documents.
	Rendering int `json:"rendering,omitempty"`
	// Imported is not exported; it is written before an import stores a post.
	Imported *ImportedPost `json:"imported,omitempty"`
}

// Key identifies what the line is about, and begins with its kind. It is "" for a line without a member. If several
// lines have the same key, the last one applies.
func (l ExportLine) Key() string {
	switch {
	case l.Record != nil:
		return "record " + l.Record.ID
	case l.Name != nil:
		return "name " + string(l.Name.Feed)
	case l.Removal != nil:
		return "removal " + string(l.Removal.Feed)
	case l.Archive != nil:
		return "archive " + string(l.Archive.Feed)
	case l.Subscription != nil:
		return "subscription " + l.Subscription.ID()
	case l.Notice != nil:
		return "notice " + l.Notice.Key
	case l.Credits != nil:
		return "credits " + l.Credits.ID
	case l.Publication != nil:
		return "publication " + l.Publication.Name
	case l.Rendering != 0:
		return "rendering"
	case l.Imported != nil:
		return "imported " + l.Imported.ID
	}
	return ""
}

// ImportedPost records that an import is about to store a post. Documents that change only because of imports are not
// announced to hubs.
type ImportedPost struct {
	ID  string `json:"id"`
	Sum Hash   `json:"sum"` // hash of the raw post; a post with a different hash was not written by the import
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
