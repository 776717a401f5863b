package feed

import "errors"

// Kinds of errors. Packages wrap them with the place and the reason; test with [errors.Is].
var (
	// ErrInvalid says that input is not what it must be.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound says that a post, feed or document does not exist.
	ErrNotFound = errors.New("not found")
	// ErrStale says that a write was refused because the state it was computed from has moved on, or because a later
	// builder has taken over; nothing was written.
	ErrStale = errors.New("stale")
	// ErrUnavailable says that the store cannot answer now: down, slow, loading, read-only, out of memory or disk.
	ErrUnavailable = errors.New("unavailable")
	// ErrLocked says that another process holds what is needed.
	ErrLocked = errors.New("locked")
	// ErrOutdated says that the program is too old for what the site's data have become.
	ErrOutdated = errors.New("program too old")
)
