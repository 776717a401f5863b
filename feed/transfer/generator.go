package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// generator is a site built by a static site generator such as Hugo, including its configuration. File names are
// slash-separated and relative to the posts folder.
type generator interface {
	// content returns the posts folder.
	content() string
	// role returns the role of a file.
	role(name string) fileRole
	// complete adds the site's defaults to the front matter of a file. It reports whether the file is a page, such as
	// "about", rather than a post, and returns notes for the user. The error is of kind [feed.ErrInvalid].
	complete(name string, front map[string]any) (page bool, notes []string, err error)
	// title returns a title derived from the file name, for a post without a title, or "".
	title(name string) string
	// address returns the path or URL of a post's page on the site, or "" if it is unknown.
	address(name string, front map[string]any) string
	// base returns the URL of the site without a trailing slash, or "" if the configuration has no URL.
	base() string
	// expand replaces template code in the text of a post. It returns only errors of kind [feed.ErrInvalid].
	expand(t *templateText) error
}

// fileRole is the role of a file in a site.
type fileRole int

const (
	notPost     fileRole = iota // a template, an asset, or a part of a post
	isPost                      // a post
	undatedPost                 // a file that the generator ignores because its name has no date
	foreignPost                 // a post in a format that cannot be read, such as Textile
)

// foreignFormats are the extensions of formats that Hugo and Jekyll can read but feedpub cannot.
var foreignFormats = setOf(".adoc", ".ad", ".asciidoc", ".org", ".pandoc", ".pdc", ".rst", ".textile")

// findGenerator returns the generator of the site in fsys, or nil, and the folder of the site, which is fsys or the
// only folder in it. The notes describe errors in the site's configuration, which do not prevent reading the posts.
func findGenerator(fsys fs.FS, o Options) (site fs.FS, g generator, notes []string) {
	if g, notes = generatorOf(fsys, o); g != nil {
		return fsys, g, notes
	}
	// An archive often contains a single folder with the whole site.
	if inner := onlyFolder(fsys); inner != nil {
		if g, notes = generatorOf(inner, o); g != nil {
			return inner, g, notes
		}
	}
	return fsys, nil, nil
}

// generatorOf returns the generator whose files are in the given folder, or nil.
func generatorOf(fsys fs.FS, o Options) (generator, []string) {
	isDir := func(name string) bool {
		info, err := fs.Stat(fsys, name)
		return err == nil && info.IsDir()
	}
	exists := func(name string) bool {
		_, err := fs.Stat(fsys, name)
		return err == nil
	}
	if config, source, notes, ok := jekyllSource(fsys); ok {
		j, more := newJekyll(fsys, source, config, o)
		return j, append(notes, more...)
	}
	switch {
	case isDir("content") && slices.ContainsFunc(append(hugoConfigs(), "archetypes", "themes", "config"), exists):
		return newHugo(fsys, o)
	}
	return nil, nil
}

// onlyFolder returns the folder in fsys if it is the only entry, and nil otherwise. Hidden entries are ignored.
func onlyFolder(fsys fs.FS) fs.FS {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil // reported when the folder is walked
	}
	name := ""
	for _, e := range entries {
		switch {
		case isHidden(e.Name()):
		case !e.IsDir() || name != "":
			return nil
		default:
			name = e.Name()
		}
	}
	if name == "" {
		return nil
	}
	sub, err := fs.Sub(fsys, name)
	if err != nil {
		return nil // not a valid name
	}
	return sub
}

// plainRole returns a function that returns the role of a file in a folder that is not a site, or in the content folder
// of a Hugo site. The pages of Hugo's sections are not posts. In a folder with an index.md (a leaf bundle in Hugo), the
// other Markdown files are parts of that post.
func plainRole(fsys fs.FS) func(name string) fileRole {
	return func(name string) fileRole {
		base := path.Base(name)
		if !mayHoldPosts(name) || strings.HasPrefix(base, "_index.") {
			return notPost
		}
		if strings.HasPrefix(base, "index.") || path.Dir(name) == "." || !strings.HasSuffix(base, ".md") {
			return isPost
		}
		if _, err := fs.Stat(fsys, path.Join(path.Dir(name), "index.md")); err == nil {
			return notPost
		}
		return isPost
	}
}

// readConfig parses a configuration file in the format indicated by its extension. It returns nil if the file does not
// exist.
func readConfig(fsys fs.FS, name string) (map[string]any, error) {
	content, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	content = trimMarks(content)
	config := map[string]any{}
	if path.Ext(name) == ".toml" {
		err = readTOML(string(content), &config)
	} else {
		_, err = readYAML(string(content), &config) // JSON is YAML
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return config, nil
}

// frontOf returns the front matter of a file, or false if the file does not exist or cannot be read.
func frontOf(fsys fs.FS, name string) (map[string]any, bool) {
	info, err := fs.Stat(fsys, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > intake.MaxSize {
		return nil, false
	}
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, false
	}
	cut, err := cutFrontMatter(string(content))
	if cut.values == nil {
		cut.values = map[string]any{}
	}
	return cut.values, err == nil
}

// frontIDs maps the ids in front matter to the names of the posts' files. Generators do not require ids to be unique,
// and programs that convert a blog often number its posts.
type frontIDs map[string]string

// claim returns the id of the post in the named file, whose front matter has the given id. If the post of an earlier
// file has the same id, claim returns the path of the file instead, with a note.
func (ids frontIDs) claim(id, name string) (unique, note string) {
	earlier, taken := ids[id]
	switch {
	case ids == nil || id == name || earlier == name:
		return id, ""
	case taken:
		return name, fmt.Sprintf("the id %q is also that of %s; using the path of the file as the id", shorten(id), earlier)
	}
	ids[id] = name
	return id, ""
}

// siteURL returns the URL of a site from its configuration, without a trailing slash. A URL without a scheme is assumed
// to be https. The result is empty if the value is not a URL.
func siteURL(given string) (address, note string) {
	if isURL(given) {
		return strings.TrimRight(given, "/"), ""
	}
	host := strings.TrimLeft(given, "/")
	address = "https://" + strings.TrimRight(host, "/")
	name, _, _ := strings.Cut(host, "/")
	if !isURL(address) || !strings.Contains(name, ".") || strings.ContainsAny(name, " <>{}%") {
		return "", ""
	}
	return address, fmt.Sprintf("the site's URL %q has no scheme; using %s", shorten(given), address)
}

// stringAt returns a string or scalar from a configuration or front matter, or "".
func stringAt(m map[string]any, key string) string {
	switch v := m[key].(type) {
	case nil, map[string]any, []any:
		return ""
	case string:
		return strings.TrimSpace(v)
	default:
		return fmt.Sprint(v)
	}
}

// dateAt returns the date of the first key that is present. A date without an offset is in loc.
func dateAt(front map[string]any, loc *time.Location, keys ...string) (time.Time, bool) {
	for _, key := range keys {
		switch v := front[key].(type) {
		case time.Time:
			return v, true
		case string, fmt.Stringer:
			if t, err := parseDate(fmt.Sprint(v), loc); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// escapePath percent-encodes a path for use in a URL.
func escapePath(p string) string { return (&url.URL{Path: p}).EscapedPath() }

// joinAddress returns the URL of a path on a site. If base is empty it returns the path, which is resolved when the
// post is published.
func joinAddress(base, p string) string {
	if isURL(p) {
		return p
	}
	return strings.TrimRight(base, "/") + "/" + strings.TrimLeft(p, "/")
}

// templateText is the text of a post that contains template code: Hugo's shortcodes or Liquid.
type templateText struct {
	name  string // name of the file
	line  int    // line of the file where the text begins
	front map[string]any
	text  string
	notes []string
	// unclosed contains tags that are known to have no further end tag, to avoid repeated searches.
	unclosed map[string]bool
	// addresses caches the results of lookUp.
	addresses map[string]string
	made      int // total bytes of all replacements so far, including intermediate values
}

// newTemplateText returns the text that follows the front matter of a file.
func newTemplateText(name, file, text string, front map[string]any) *templateText {
	line := 1 + strings.Count(file[:len(file)-len(text)], "\n")
	return &templateText{name: name, line: line, front: front, text: text, unclosed: map[string]bool{}, addresses: map[string]string{}}
}

const (
	maxTag   = 10_000 // maximum size of a shortcode or tag in bytes
	maxNotes = 20     // maximum number of notes for one post

	// Limits on the replacements in one post: a short tag can have a long replacement, and looking up a post reads a file.
	maxMade    = 4 * intake.MaxSize
	maxLookUps = 1_000
)

// checkMade returns an error of kind [feed.ErrInvalid] if the template code before the given offset exceeded the
// limits.
func (t *templateText) checkMade(offset int) error {
	if t.made <= maxMade && len(t.addresses) <= maxLookUps {
		return nil
	}
	return fmt.Errorf("line %d: template code expands to more than %d bytes or refers to more than %d posts: %w",
		t.line+strings.Count(t.text[:offset], "\n"), maxMade, maxLookUps, feed.ErrInvalid)
}

// lookUp returns the result of resolve for a reference to a post. It calls resolve only once for each reference.
func (t *templateText) lookUp(ref string, resolve func(ref string) (string, bool)) (string, bool) {
	address, known := t.addresses[ref]
	if !known && len(t.addresses) <= maxLookUps {
		address, _ = resolve(ref)
		t.addresses[ref] = address
	}
	return address, address != ""
}

// tagWindow returns the prefix of s that must contain the end of a tag.
func tagWindow(s string) string { return s[:min(len(s), maxTag)] }

// noteUnknown adds a note that the template code at the given offset was not replaced.
func (t *templateText) noteUnknown(offset int, code string) {
	if len(t.notes) > maxNotes {
		return
	}
	line := t.line + strings.Count(t.text[:offset], "\n")
	note := fmt.Sprintf("%s:%d: %s is unknown and was left as it is", t.name, line, shorten(code))
	if len(t.notes) == maxNotes {
		note = fmt.Sprintf("%s:%d: more unknown tags follow", t.name, line)
	}
	t.notes = append(t.notes, note)
}

// linkTo returns a link with its URL as the text. Such links replace frames from other sites, which feed readers do not
// show.
func linkTo(address string) string {
	escaped := html.EscapeString(address)
	return `<a href="` + escaped + `">` + escaped + `</a>`
}

// codeBlock returns source code as HTML.
func codeBlock(language, code string) string {
	class := ""
	if language != "" {
		class = ` class="language-` + html.EscapeString(language) + `"`
	}
	return "<pre><code" + class + ">" + html.EscapeString(strings.Trim(code, "\r\n")) + "\n</code></pre>"
}

// embedAddress returns the URL of the external page that a shortcode or tag embeds, or "".
func embedAddress(name string, argument func(keys ...string) string) string {
	id := argument("id", "0")
	if id == "" || strings.ContainsAny(id, " <>\"'") {
		return ""
	}
	switch name {
	case "youtube":
		return "https://www.youtube.com/watch?v=" + id
	case "vimeo":
		return "https://vimeo.com/" + id
	case "instagram":
		return "https://www.instagram.com/p/" + id + "/"
	case "tweet", "twitter", "x":
		return "https://twitter.com/" + first(argument("user"), "i") + "/status/" + id
	case "gist":
		return strings.TrimSuffix("https://gist.github.com/"+id+"/"+argument("1"), "/")
	}
	return ""
}
