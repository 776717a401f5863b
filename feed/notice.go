package feed

import (
	"fmt"
	"strings"
	"time"
)

// Notice is an entry in a site's outbox: a message for a receiver. A notice is kept until it is delivered or given up.
// A later notice replaces an earlier one with the same key.
type Notice struct {
	Queue  string // identifies the receiver; contains no spaces
	Format Format // format of the topic that changed; "-" if the notice is not about a document
	// Feed is the feed that changed, or the subject of another event.
	Feed Name
}

// Key returns the notice in the form in which the outbox stores it.
func (n Notice) Key() string { return n.Queue + " " + string(n.Format) + " " + string(n.Feed) }

// ParseNotice returns the notice of a key. The error is of kind [ErrInvalid].
func ParseNotice(key string) (Notice, error) {
	parts := strings.SplitN(key, " ", 3)
	if len(parts) != 3 || parts[0] == "" {
		return Notice{}, fmt.Errorf("notice %q: %w", key, ErrInvalid)
	}
	return Notice{Queue: parts[0], Format: Format(parts[1]), Feed: Name(parts[2])}, nil
}

// Claim is work that a process has claimed. Another process may claim it after the lease ends.
type Claim struct {
	Key   string
	Value string // what the store has recorded about it; may be empty
	// Due is when the work was due, and Lease when the claim ends, both by the store's clock.
	Due, Lease time.Time
	// Now is the store's time when the work was claimed.
	Now time.Time
}
