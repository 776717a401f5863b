package feed

// Schema is what a site's data says of itself, so that programs of several releases can work on it at once. It is kept
// with the site and changed by a decision that holds for all of them; the zero Schema is that of a site which nothing
// has built yet.
type Schema struct {
	// Version is that of what is stored. Reader and Writer are the oldest versions of a program, by the schema that it
	// was made for, which may read and write it.
	Version int `json:"version"`
	Reader  int `json:"reader"`
	Writer  int `json:"writer"`
	// Renderer is the version of the rendered form that the site's documents have.
	Renderer int `json:"renderer"`
	// Since is the fencing token at which this was decided. Of two Schemas the one with the greater counts, and no
	// builder with a smaller token commits any more.
	Since Token `json:"since"`
}

// Versions are all the versions from Oldest to Newest. The zero Versions are none.
type Versions struct {
	Oldest int `json:"oldest"`
	Newest int `json:"newest"`
}

// Has reports whether a version is among them; 0 never is.
func (v Versions) Has(version int) bool {
	return version > 0 && v.Oldest <= version && version <= v.Newest
}

// Member is what a process that builds or serves a site says of itself, every few seconds, for the others to read.
type Member struct {
	ID      string `json:"id"` // unique among processes, and the owner of the lease if it builds
	Builds  bool   `json:"builds"`
	Serves  bool   `json:"serves"`
	Program string `json:"program"` // its version, for people
	// Schema is the version of stored data that the program was made for.
	Schema int `json:"schema"`
	// Renderer are the versions of the rendered form that the program knows: it can make them, if it builds, and serve
	// documents of them.
	Renderer Versions `json:"renderer"`
	// Intake is the version of the rules by which it reads posts.
	Intake int `json:"intake"`
	// Config identifies the configuration that it builds with; empty if it doesn't build.
	Config string `json:"config,omitempty"`
	// Seen is the greatest fencing token of the documents that it has, and Taken the version of the store up to which it
	// has taken commits.
	Seen    Token `json:"seen"`
	Applied int64 `json:"applied"`
	// Known is the latest Schema that the process has known the site to have: a store that was rolled back has forgotten
	// it.
	Known Schema `json:"known"`
}

// Common returns the newest version of the rendered form that all members know and at least one of them can make, 0 if
// there is none.
func Common(members []Member) int {
	for v := newest(members); v > 0; v-- {
		all, made := true, false
		for _, m := range members {
			all = all && m.Renderer.Has(v)
			made = made || m.Builds && m.Renderer.Has(v)
		}
		if all && made {
			return v
		}
	}
	return 0
}

// newest returns the newest version that any member knows.
func newest(members []Member) int {
	v := 0
	for _, m := range members {
		v = max(v, m.Renderer.Newest)
	}
	return v
}
