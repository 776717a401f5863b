// Package hosting runs the sites of a process: it finds and opens their stores, builds and serves them, and starts,
// replaces and stops them as their configuration changes. It neither parses arguments nor prints: the commands do.
package hosting

import (
	"context"
	"io/fs"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/admin"
)

// Process contains the dependencies that the sites of a process share. All fields are required unless marked optional.
type Process struct {
	Log     *slog.Logger
	Now     func() time.Time
	Samples fs.FS       // posts that are used if no source of posts is configured
	Build   admin.Build // how the program was built
	// Versions are the rendering versions that this release can write.
	Versions feed.Versions
	// Try returns the command for a process that calls [TryPosts] with its input and output. It is optional; without it, a
	// post that kills a builder also kills the next one.
	Try func(context.Context) *exec.Cmd
}

// Role is what a server does for its sites: build them, serve their readers, or both.
type Role struct{ Builds, Serves bool }

// OneLine returns the message of err without the line breaks that joined errors contain.
func OneLine(err error) string {
	return strings.Join(slices.Collect(strings.FieldsFuncSeq(err.Error(), func(r rune) bool {
		return r == '\n' || r == '\r'
	})), "; ")
}
