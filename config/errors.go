package config

import (
	"strings"

	"feedpub/feed"
)

// Error lists all errors in a configuration. It is of kind [feed.ErrInvalid].
type Error struct {
	Problems []Problem // at least one; problems with single values precede problems with combinations of values
}

// Error returns one line per problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns [feed.ErrInvalid].
func (e *Error) Unwrap() error { return feed.ErrInvalid }

// Problem is a single error in the configuration.
type Problem struct {
	// Origin is where the value is set: "file.yml:3:5" with line and column, the name of a variable, or a flag. It is
	// empty for a default.
	Origin string
	// Path is the key, such as "schedules.main" or "site.authors[0].name", or empty if the origin contains the key.
	Path string
	// Message is the text, usually "want X, got Y".
	Message string
}

// String returns origin, path and message, joined with colons.
func (p Problem) String() string {
	var parts []string
	for _, s := range []string{p.Origin, p.Path, p.Message} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}
