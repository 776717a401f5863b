package feed

// Readership counts the readers of a feed by their polls, on one replica since it was started.
type Readership struct {
	Feed        Name   `json:"feed"`
	Polls       uint64 `json:"polls"`
	NotModified uint64 `json:"not_modified"` // polls answered with 304
	Deltas      uint64 `json:"deltas"`       // polls answered with 226
	// Clients are the polls by the programs that made them. The names are those of well-known programs and a few that
	// stand for the rest.
	Clients map[string]uint64 `json:"clients"`
	// Subscribers are those that aggregators report and the direct readers of the last seven days.
	Subscribers int `json:"subscribers"`
	// Direct is how many of them fetch the feed themselves: an estimate, within about 5 %.
	Direct int `json:"direct"`
}
