package feed

import (
	"regexp"
	"strings"
)

// transientNames match the names of files that programs create next to a person's files: temporary files, backups,
// conflict copies and unfinished uploads. The list contains only names that nobody would give to a post.
var transientNames = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`^[.#]`,  // hidden files; Emacs: #post.md#
	`^~\$`,   // Microsoft Office
	`~$`,     // Emacs, Vim, gedit
	`^4913$`, // Vim tests whether it can write to a folder
	`\.(sw[a-p]|swpx?|swx|tmp|temp|bak|old|orig|rej|save|part|partial|filepart|crdownload|download|opdownload|` +
		`icloud|~tmp|lock)$`,
	`\.sb-[0-9a-f]{8}-[0-9a-z]{6}$`,                      // macOS TextEdit
	`___jb_(tmp|old|bak)___`,                             // JetBrains
	`\.sync-conflict-[0-9]{8}-[0-9]{6}`,                  // Syncthing
	`^~syncthing~|^\.syncthing\.`,                        // Syncthing, unfinished
	`\((.+ )?conflicted copy( [0-9-]+)?( .+)?\)`,         // Dropbox, Nextcloud, ownCloud
	`_conflict-[0-9]{8}-[0-9]{6}|\[conflict( [0-9]+)?\]`, // Nextcloud, Google Drive
	`_conf\([0-9]+\)|\(case conflict( [0-9]+)?\)`,        // Box, Dropbox
	`\.goutputstream-[0-9a-z]{6}$`,                       // GNOME
}, "|"))

// Transient reports whether a file with the name is not meant for readers: a hidden file, an editor's backup or swap
// file, the conflict copy of a synchronized folder, or an unfinished upload.
func Transient(name string) bool { return !isPlain(name) && transientNames.MatchString(name) }

// isPlain reports whether a name consists of ASCII letters, digits and hyphens followed by a usual extension. Such a
// name is never transient. A folder may have tens of thousands of them, so they should not reach the regular
// expression.
func isPlain(name string) bool {
	base, extension, _ := strings.Cut(name, ".")
	switch extension {
	case "md", "markdown", "html", "txt", "json":
	default:
		return false
	}
	for i := range len(base) {
		c := base[i]
		if (c < 'a' || 'z' < c) && (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) && c != '-' {
			return false
		}
	}
	return base != ""
}
