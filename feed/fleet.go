package feed

// Schema describes the versions of a site's data. It lets programs from several releases use the data at the same time,
// and is stored with the site. The zero Schema means that the site has never been built.
type Schema struct {
	// Version is the version of the stored data. A program may read the data if the schema version that it supports is at
	// least Reader, and write it if that version is at least Writer.
	Version int `json:"version"`
	Reader  int `json:"reader"`
	Writer  int `json:"writer"`
	// Renderer is the rendering version of the site's documents.
	Renderer int `json:"renderer"`
	// Since is the fencing token that was issued when this Schema was set. The Schema with the greatest token applies, and
	// builders with smaller tokens can no longer commit.
	Since Token `json:"since"`
}

// Versions is the range of versions from Oldest to Newest. The zero value is empty.
type Versions struct {
	Oldest int `json:"oldest"`
	Newest int `json:"newest"`
}

// Has reports whether the range includes the version. It never includes 0.
func (v Versions) Has(version int) bool {
	return version > 0 && v.Oldest <= version && version <= v.Newest
}

// Member describes a process that builds or serves a site. Each process reports its own Member every few seconds.
type Member struct {
	ID      string `json:"id"` // unique among processes; a builder owns the lease under this ID
	Builds  bool   `json:"builds"`
	Serves  bool   `json:"serves"`
	Program string `json:"program"` // version of the program, for display
	// Schema is the version of the stored data that the program is written for.
	Schema int `json:"schema"`
	// Renderer is the range of rendering versions that the program can build and serve.
	Renderer Versions `json:"renderer"`
	// Intake is the version of package intake in the program.
	Intake int `json:"intake"`
	// Config is the fingerprint of the configuration that the process builds with, or empty if it does not build.
	Config string `json:"config,omitempty"`
	// Seen is the greatest fencing token among the process's documents. Applied is the store's version up to which the
	// process has applied commits.
	Seen    Token `json:"seen"`
	Applied int64 `json:"applied"`
	// Known is the latest Schema of the site that the process has read. The store may have lost it in a rollback.
	Known Schema `json:"known"`
}

// Common returns the newest rendering version that all members support, or 0 if there is none or if no member builds.
func Common(members []Member) int {
	for v := newest(members); v > 0; v-- {
		supported, built := true, false
		for _, m := range members {
			supported = supported && m.Renderer.Has(v)
			built = built || m.Builds && m.Renderer.Has(v)
		}
		if supported && built {
			return v
		}
	}
	return 0
}

// newest returns the newest rendering version that any member supports.
func newest(members []Member) int {
	v := 0
	for _, m := range members {
		v = max(v, m.Renderer.Newest)
	}
	return v
}
