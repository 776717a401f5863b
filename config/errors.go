package config

import (
	"strings"

	"feedpub/feed"
)

// Error is everything that is wrong with a configuration. It is of kind [feed.ErrInvalid].
type Error struct {
	Problems []Problem // at least one, in the order of file, environment, flags, then what only shows when all is known
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

// Problem is one mistake.
type Problem struct {
	// Origin is where the value was given: "file.yml:3:5" with line and column, the name of a variable, or a flag.
	// It is empty for a value that was not given anywhere.
	Origin string
	// Path is the key, such as "schedules.main" or "site.authors[0].name"; empty where the origin says it all.
	Path string
	// Message says what is wanted, and what was found.
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
