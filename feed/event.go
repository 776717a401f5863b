package feed

// Event is a kind of event for which webhooks are called.
type Event string

// The events.
const (
	CommitEvent   Event = "commit"   // a feed has new documents
	HeldEvent     Event = "held"     // a feed is held, because posts vanished from it
	RejectedEvent Event = "rejected" // a post or file cannot be read
	FailedEvent   Event = "failed"   // a feed cannot be built
)

// Events returns all events.
func Events() []Event { return []Event{CommitEvent, HeldEvent, RejectedEvent, FailedEvent} }
