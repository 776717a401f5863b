package feed

// FeedDay holds the figures of a feed for one day, as one replica recorded them.
type FeedDay struct {
	Day                int // days since 1970, in UTC
	Polls, NotModified int // numbers of requests, and of those answered with 304
	// At the end of the day: the number of subscribers, the number of posts in the feed, and the total size of its
	// documents in bytes.
	Subscribers, Posts, Bytes int
}

// Readership counts the readers of a feed from the polls that one replica has received since it started.
type Readership struct {
	Feed        Name   `json:"feed"`
	Polls       uint64 `json:"polls"`
	NotModified uint64 `json:"not_modified"` // polls that were answered with 304
	Deltas      uint64 `json:"deltas"`       // polls that were answered with 226
	// Clients counts polls by program. The keys are the names of well-known programs, and of a few groups for all other
	// programs.
	Clients map[string]uint64 `json:"clients"`
	// Subscribers is the number of subscribers that aggregators reported in the last seven days, plus Direct and Pushed.
	Subscribers int `json:"subscribers"`
	// Pushed is the number of subscriptions through the built-in hub. An aggregator has one for all of its users.
	Pushed int `json:"pushed,omitempty"`
	// Direct is the estimated number of readers that fetched the feed themselves, with an error of about 5%.
	Direct int `json:"direct"`
}
