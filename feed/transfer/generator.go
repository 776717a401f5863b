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
)

// generator is what is known of the program that makes a site's pages of a folder. The names of files are relative to
// the folder of posts, with slashes.
type generator interface {
	// content returns the folder of posts.
	content() string
	// has reports whether a file is a post's, and not a template's or a part of another post.
	has(name string) bool
	// complete adds to front matter what the site's configuration says for the file, and reports whether it is a page of
	// the site, such as "about", and no post.
	complete(name string, front map[string]any) (page bool)
	// address returns the path of a post's page as it is on the site today; "" if that can't be told.
	address(name string, front map[string]any) string
	// base returns the address of the site, without a slash at its end; "" if the configuration gives none.
	base() string
	// expand replaces what stands in content for something else.
	expand(c *pageText)
}

// findGenerator returns the generator of a folder, or nil if none is known by its files. What is wrong with its
// configuration is told in notes; the posts are read in any case.
func findGenerator(fsys fs.FS, o Options) (g generator, notes []string) {
	isDir := func(name string) bool {
		info, err := fs.Stat(fsys, name)
		return err == nil && info.IsDir()
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { _, err := fs.Stat(fsys, n); return err == nil })
	}
	switch {
	case isDir("_posts") || isDir("_drafts"):
		return newJekyll(fsys, o)
	case isDir("content") && has(append(hugoConfigs(), "archetypes", "themes", "config")...):
		return newHugo(fsys, o)
	}
	return nil, nil
}

// bundled reports whether a file of Markdown is a part of the post beside it: in a folder with a file index.md, that is
// the post (a leaf bundle of Hugo).
func bundled(fsys fs.FS, name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, "index.") || path.Dir(name) == "." || !strings.HasSuffix(base, ".md") {
		return false
	}
	_, err := fs.Stat(fsys, path.Join(path.Dir(name), "index.md"))
	return err == nil
}

// readConfig reads a file of configuration by its ending. It returns nil if there is none.
func readConfig(fsys fs.FS, name string) (map[string]any, error) {
	content, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	config := map[string]any{}
	switch path.Ext(name) {
	case ".toml":
		err = readTOML(string(content), &config)
	case ".json", ".yaml", ".yml":
		err = readYAML(string(content), &config) // JSON is YAML
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return config, nil
}

// textAt returns a text of configuration or front matter; numbers are texts too.
func textAt(m map[string]any, key string) string {
	switch v := m[key].(type) {
	case nil, map[string]any, []any:
		return ""
	case string:
		return strings.TrimSpace(v)
	default:
		return fmt.Sprint(v)
	}
}

// dateAt returns the first date that front matter gives under the keys. Without an offset it is in loc.
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

// escapedPath returns a path as it is in an address.
func escapedPath(p string) string { return (&url.URL{Path: p}).EscapedPath() }

// joinAddress returns the address of a path on a site, or the path itself if the site's is not known: it is completed
// then by the site's address when the post is published.
func joinAddress(base, p string) string {
	if isURL(p) {
		return p
	}
	return strings.TrimRight(base, "/") + "/" + strings.TrimLeft(p, "/")
}
