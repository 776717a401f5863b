package transfer

import (
	"regexp"
	"strings"
)

var (
	emptyEntry  = regexp.MustCompile(`^ *-[ \t]*\r?\n$`)
	blockScalar = regexp.MustCompile(`[:-][ \t]+[|>][-+0-9]*[ \t]*\r?\n$`)
)

// fillEmptyEntries sets empty list entries in YAML to null. The decoder would otherwise read the keys that follow such
// a list as part of its last entry, and a key such as "draft" would have no effect.
func fillEmptyEntries(source string) string {
	var b strings.Builder
	literal := -1 // indentation of the line that begins the current block scalar, or -1
	entry := -1   // offset of an empty entry that only blank lines have followed so far, or -1
	end := 0
	for line := range strings.Lines(source) {
		start := end
		end += len(line)
		if strings.TrimSpace(line) == "" {
			if entry < 0 {
				b.WriteString(line)
			}
			continue
		}
		if entry >= 0 {
			dash := entry + indentation(source[entry:start]) + 1
			b.WriteString(source[entry:dash])
			if indentation(line) < dash-entry {
				b.WriteString(" null")
			}
			b.WriteString(source[dash:start])
			entry = -1
		}
		if indentation(line) <= literal {
			literal = -1
		}
		if literal < 0 && emptyEntry.MatchString(line) {
			entry = start
			continue
		}
		if literal < 0 && blockScalar.MatchString(line) {
			literal = indentation(line)
		}
		b.WriteString(line)
	}
	if entry >= 0 {
		b.WriteString(source[entry:])
	}
	return b.String()
}

// indentation returns the number of spaces that a line begins with.
func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
