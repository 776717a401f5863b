package feed

import (
	"errors"
	"strings"
)

// Kinds of errors. Other packages wrap them with the context and a reason. Test for them with [errors.Is].
var (
	// ErrInvalid means that input is invalid.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound means that a post, feed or document does not exist.
	ErrNotFound = errors.New("not found")
	// ErrStale means that nothing was written, because the state that the write was computed from has changed or a later
	// builder has taken over.
	ErrStale = errors.New("stale")
	// ErrUnavailable means that the store cannot be used now: it is down, slow, loading, read-only, or out of memory or
	// disk space.
	ErrUnavailable = errors.New("unavailable")
	// ErrLocked means that another process holds the lock.
	ErrLocked = errors.New("locked")
	// ErrBusy means that nothing was done, because the builder has been doing other work for too long.
	ErrBusy = errors.New("busy")
	// ErrOutdated means that the program is too old for the site's data.
	ErrOutdated = errors.New("program too old")
)

// OneOf lists the valid values of a set for an error text: "a, b or c".
func OneOf[S ~string](values []S) string {
	var b strings.Builder
	for i, v := range values {
		switch {
		case i == 0:
		case i == len(values)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}
