// Package intake converts posts to items: it decodes and validates posts, converts text and Markdown to HTML, sanitizes
// it, resolves URLs and credits the quoted sources. It does no I/O and reads no clock, so the same post, record and
// site produce the same item. It does not store or publish items.
package intake

import (
	"fmt"

	"feedpub/feed"
	"feedpub/feed/attribution"
)

// Version is the version of the conversion. Increment it with every change that alters the item of any post; items
// converted by an older version are rebuilt.
const Version = 4

// Generation is the version of the tables that are used to read credits. It is not part of [Intake.Fingerprint], since
// a new generation must not change items until their site is upgraded.
const Generation = attribution.Generation

// MaxSize is the maximum size of a post in bytes.
const MaxSize = 1 << 20

// Error describes an invalid value in a post. It is of kind [feed.ErrInvalid].
type Error struct {
	// Place is the JSON path of the value, such as "authors[1].name", or "line 3, column 7"; empty for the whole post.
	Place  string
	Reason string // a phrase such as "want a string, got a number"
}

// Error returns the place and the reason.
func (e *Error) Error() string {
	if e.Place == "" {
		return e.Reason
	}
	return e.Place + ": " + e.Reason
}

// Unwrap returns [feed.ErrInvalid].
func (e *Error) Unwrap() error { return feed.ErrInvalid }

func invalid(place, format string, args ...any) *Error {
	return &Error{Place: place, Reason: fmt.Sprintf(format, args...)}
}
