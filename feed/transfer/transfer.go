// Package transfer reads and writes the formats in which posts are kept elsewhere: feedpub's own JSON and JSON
// Lines, exports of WordPress, RSS, Atom, JSON Feed, Markdown, HTML and plain text, and folders of them. It gives raw posts and takes raw posts; whether one is valid is the business of package intake.
package transfer

import (
	"time"

	"feedpub/feed"
)

// Entry is one thing that was read: a post, a record of what is kept beside the posts, or a note that something was left
// out on purpose. One of Post, Record and Left is set.
type Entry struct {
	Post   *feed.RawPost
	Record *Record
	Left   Kind
	// Place is where the entry stands, for messages: "posts.jsonl:3" is line 3 of that file.
	Place string
}

// Record is what is kept beside the posts and carried along with them, as it can't be derived from them. One of Post,
// Name, Removal and Archive is set.
type Record struct {
	// Post says when a post was first seen and when it was removed.
	Post *feed.Record
	// Name is a name of a feed that was given out, and Of what it stands for, such as the tag.
	Name feed.Name
	Of   string
	// Removal is a feed that a post left, and Time when the last one did.
	Removal feed.Name
	Time    time.Time
	// Archive is a closed part of a feed's history.
	Archive *feed.Archive
}
