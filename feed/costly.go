package feed

// Costly identifies a version of a post that builders do not read, because reading it has crashed a process or taken
// too long. The post is rejected.
type Costly struct {
	ID string `json:"id"`
	// Sum is the hash of the raw post. Other versions of the post are read.
	Sum Hash `json:"sum"`
	// Intake identifies the intake that could not read the post. An intake with a different identifier tries to read it.
	Intake string `json:"intake"`
	Reason string `json:"reason"`
}
