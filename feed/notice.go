package feed

import (
	"fmt"
	"strings"
	"time"
)

// Notice is an entry in a site's outbox: a message for a receiver. A notice is kept until it is delivered or abandoned.
// A later notice replaces an earlier one with the same key.
type Notice struct {
	Queue  string // identifies the receiver; contains no spaces
	Format Format // format of the topic that changed; "-" if the notice is not about a document
	// Feed is the feed that changed, or the feed that a different event is about.
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
	Value string // what the store has recorded about the work; may be empty
	// Due is when the work was due, and Lease when the claim ends, both by the store's clock.
	Due, Lease time.Time
	// Now is the store's time when the work was claimed.
	Now time.Time
	// Host is the host to which the work sends a request. It is empty if the claimant does not know it.
	Host string
	// Failures is the number of requests to the host that have failed in a row.
	Failures int
}

// Claiming describes a call that claims work.
type Claiming struct {
	// At is the time of the call. Zero means the time of the store.
	At    time.Time
	Lease time.Duration // duration of the claims
	Most  int           // maximum number of claims
	// Claimant identifies the process. While it has a claim on work for a host, no other claimant gets work for that host.
	Claimant string
	// Serial distinguishes the calls of a claimant: it is different in each of a few hundred successive calls.
	Serial int64
	// Hosts maps the queues of notices to the hosts of their receivers.
	Hosts map[string]string
}

// HostReport is what a claimant reports about a host for which it has claimed work.
type HostReport struct {
	Host     string
	Serial   int64         // serial of the last call that claimed work for the host
	Failures int           // requests that have failed in a row
	Pause    time.Duration // if positive, no claimant gets work for the host for this long
	Release  bool          // the claimant has finished all work for the host
}
