// Package transfer reads and writes the formats in which posts are kept elsewhere: feedpub's own JSON and JSON
// Lines, exports of WordPress, RSS, Atom, JSON Feed, Markdown, HTML and plain text, and folders of them. It gives raw
// posts and takes raw posts; whether one is valid is the business of package intake.
package transfer

import "feedpub/feed"

// Entry is one thing that was read: a post, a record of what is kept beside the posts, or a note that something was left
// out on purpose. One of Post, Record and Left is set; or none, if there are only Notes.
type Entry struct {
	Post    *feed.RawPost
	Record  *feed.ExportLine
	Skipped SkipReason
	// Pos is where the entry stands, for messages: "posts.jsonl:3" is line 3 of that file.
	Pos string
	// Notes are sentences for people about what could not be taken over as it was, with their places.
	Notes []string
}
