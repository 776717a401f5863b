// Package intake makes items of posts: it decodes and validates what writers submit, turns text and Markdown into HTML,
// cleans it, makes its URLs absolute and credits the sources that it quotes. It is pure: it does no I/O and reads no
// clock, so the same post, record and site give the same item. What becomes of items is not its business.
package intake

import (
	"fmt"

	"feedpub/feed"
)

// Version is the version of the rules by which items are made. It rises with every change that makes another item of
// some post; an item of an older version is made anew.
const Version = 1

// MaxSize is how many bytes a post can have.
const MaxSize = 1 << 20

// Error says what is wrong with a post, and where. It is of kind [feed.ErrInvalid].
type Error struct {
	// Place is the JSON path of the value, such as "authors[1].name", or "line 3, column 7"; empty for the whole post.
	Place  string
	Reason string // a phrase such as "want a string, got a number"
}

// Error returns place and reason.
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
