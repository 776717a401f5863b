package transfer

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// hugo is a Hugo site. Addresses follow https://gohugo.io/content-management/urls/.
type hugo struct {
	fsys       fs.FS  // the posts folder
	root       string // path of the posts folder
	site       string // address of the site without a trailing slash
	loc        *time.Location
	permalinks map[string]string // patterns by section
	ugly       func(section string) bool
	fileDates  bool                // whether file names may contain dates and slugs
	byName     map[string][]string // files by base name without extension; nil until needed
}

// hugoConfigs returns the names of the configuration files in order of increasing precedence.
func hugoConfigs() []string {
	var names []string
	for _, dir := range []string{"", "config/_default/", "config/production/"} {
		for _, base := range []string{"config", "hugo"} {
			for _, ext := range []string{".json", ".yml", ".yaml", ".toml"} {
				names = append(names, dir+base+ext)
			}
		}
	}
	return names
}

// newHugo returns the site in a folder, and notes about errors in its configuration.
func newHugo(fsys fs.FS, o Options) (*hugo, []string) {
	h := &hugo{root: "content", loc: o.location(), permalinks: map[string]string{}}
	h.ugly = func(string) bool { return false }
	config, notes := readHugoConfig(fsys)
	h.configure(config)
	if o.BaseURL != "" {
		h.site = strings.TrimRight(o.BaseURL, "/")
	}
	sub, err := fs.Sub(fsys, h.root)
	if err != nil {
		notes = append(notes, fmt.Sprintf("contentDir %s is not a folder of the site; reading content instead", h.root))
		h.root = "content"
		sub, _ = fs.Sub(fsys, h.root) // a valid name, so this cannot fail
	}
	h.fsys = sub
	return h, notes
}

// readHugoConfig returns the configuration with lower-case keys, and notes about files that cannot be read.
func readHugoConfig(fsys fs.FS) (config map[string]any, notes []string) {
	read := func(name string, into map[string]any) {
		given, err := readConfig(fsys, name)
		if err != nil {
			notes = append(notes, err.Error())
		}
		for key, value := range given {
			into[strings.ToLower(key)] = value // Hugo ignores the case of keys
		}
	}
	config = map[string]any{}
	for _, name := range hugoConfigs() {
		read(name, config)
	}
	// Each part of the configuration may be in a separate file.
	for _, dir := range []string{"config/_default/", "config/production/"} {
		for _, ext := range []string{".json", ".yml", ".yaml", ".toml"} {
			part := map[string]any{}
			if read(dir+"permalinks"+ext, part); len(part) > 0 {
				config["permalinks"] = part
			}
		}
	}
	return config, notes
}

// configure applies a configuration whose keys are in lower case.
func (h *hugo) configure(config map[string]any) {
	if base := stringAt(config, "baseurl"); isURL(base) {
		h.site = strings.TrimRight(base, "/")
	}
	if dir := stringAt(config, "contentdir"); dir != "" {
		h.root = path.Clean(dir)
	}
	if zone := stringAt(config, "timezone"); zone != "" {
		if loc, err := time.LoadLocation(zone); err == nil {
			h.loc = loc
		}
	}
	patterns, _ := config["permalinks"].(map[string]any)
	pages, _ := patterns["page"].(map[string]any) // since Hugo 0.115, patterns are grouped by page kind
	for _, bySection := range []map[string]any{patterns, pages} {
		for section, value := range bySection {
			if pattern, ok := value.(string); ok {
				h.permalinks[section] = pattern
			}
		}
	}
	switch ugly := config["uglyurls"].(type) {
	case bool:
		h.ugly = func(string) bool { return ugly }
	case map[string]any:
		h.ugly = func(section string) bool { return ugly[section] == true }
	}
	front, _ := config["frontmatter"].(map[string]any)
	for _, value := range front {
		h.fileDates = h.fileDates || slices.Contains(stringList(value), any(":filename"))
	}
}

func (h *hugo) content() string { return h.root }

func (h *hugo) base() string { return h.site }

func (h *hugo) role(name string) fileRole { return plainRole(h.fsys)(name) }

func (h *hugo) title(string) string { return "" }

// complete converts known front matter keys to lower case, as Hugo does. A file without a section and a date is a page.
func (h *hugo) complete(name string, front map[string]any) (page bool, notes []string) {
	for _, key := range slices.Sorted(maps.Keys(front)) {
		lower := strings.ToLower(key)
		if _, given := front[lower]; lower != key && !given && hugoKeys[lower] {
			front[lower] = front[key]
			delete(front, key)
		}
	}
	if params, ok := front["params"].(map[string]any); ok {
		for _, key := range []string{"author", "authors"} {
			if _, given := front[key]; !given && params[key] != nil {
				front[key] = params[key]
			}
		}
	}
	if _, ok := front["date"]; !ok {
		if t, ok := dateAt(front, h.loc, "publishdate", "pubdate", "published"); ok {
			front["date"] = t
		}
	}
	_, dated := front["date"]
	section, _, _ := h.locate(name)
	return section == "" && !dated && !datedName.MatchString(path.Base(name)), nil
}

// hugoKeys are the known front matter keys.
var hugoKeys = setOf("title", "date", "lastmod", "publishdate", "pubdate", "slug", "url", "tags", "categories",
	"author", "authors", "description", "summary", "aliases")

// locate returns a file's section, and the folder and base name (without extension) of its page.
func (h *hugo) locate(name string) (section, dir, base string) {
	dir, base = path.Dir(name), path.Base(name)
	base = strings.TrimSuffix(base, path.Ext(base))
	if base == "index" {
		dir, base = path.Dir(dir), path.Base(dir)
	}
	if dir == "." {
		return "", "", base
	}
	section, _, _ = strings.Cut(dir, "/")
	return section, dir, base
}

func (h *hugo) address(name string, front map[string]any) string {
	section, dir, base := h.locate(name)
	if given := stringAt(front, "url"); given != "" {
		// Hugo adds a slash to a path that does not end in a file name.
		if isURL(given) || strings.HasSuffix(given, "/") || strings.Contains(given, ".") {
			return given
		}
		return "/" + strings.Trim(given, "/") + "/"
	}
	slug := stringAt(front, "slug")
	if m := datedName.FindString(base + "-"); m != "" && h.fileDates && slug == "" && len(m) < len(base) {
		slug = base[len(m):]
	}
	var p string
	if pattern, ok := h.permalinks[section]; ok && section != "" {
		var known bool
		if p, known = h.fill(pattern, name, slug, front); !known {
			return ""
		}
	} else {
		p = hugoPath(path.Join(dir, first(strings.ReplaceAll(slug, "/", "-"), base)))
	}
	p = "/" + strings.Trim(path.Clean("/"+p), "/")
	if h.ugly(section) {
		return escapePath(p + ".html")
	}
	return escapePath(strings.TrimRight(p, "/") + "/")
}

// fill replaces the tokens in a pattern. It returns false if the value of a token is unknown.
func (h *hugo) fill(pattern, name, slug string, front map[string]any) (string, bool) {
	section, dir, base := h.locate(name)
	date, dated := dateAt(front, h.loc, "date")
	if m := datedName.FindStringSubmatch(base + "-"); m != nil && !dated && h.fileDates {
		t, err := time.ParseInLocation(time.DateOnly, m[1], h.loc)
		date, dated = t, err == nil
	}
	title := first(stringAt(front, "title"), base)
	flat := func(s string) string { return hugoPath(strings.ReplaceAll(s, "/", "-")) }
	values := map[string]string{
		"title": flat(title), "slug": flat(first(slug, title)),
		"slugorfilename": flat(first(slug, base)), "slugorcontentbasename": flat(first(slug, base)),
		"filename": flat(base), "contentbasename": flat(base),
	}
	known := true
	filled := hugoToken.ReplaceAllStringFunc(pattern, func(token string) string {
		m := hugoToken.FindStringSubmatch(token)
		if m[1] == "sections" {
			return hugoPath(strings.Join(cutSlice(h.sections(dir), strings.Trim(m[2], "[]")), "/"))
		}
		if m[1] == "section" {
			return hugoPath(section)
		}
		if value, ok := values[m[1]]; ok {
			return value + m[2]
		}
		value, ok := hugoDate(m[1], date)
		known = known && ok && dated
		return value + m[2]
	})
	return filled, known
}

// hugoToken matches a token of a pattern, such as ":slug" or ":sections[1:last]".
var hugoToken = regexp.MustCompile(`:([a-zA-Z0-9_]*)(\[[^\]]+\])?`)

// sections returns the folders of a path that are sections: the first one, and those with an _index file.
func (h *hugo) sections(dir string) []string {
	var list []string
	at := ""
	for i, name := range strings.Split(dir, "/") {
		at = path.Join(at, name)
		pages, _ := fs.Glob(h.fsys, escapeGlob(at)+"/_index.*") // a valid pattern, so this cannot fail
		if name != "" && (i == 0 || len(pages) > 0) {
			list = append(list, name)
		}
	}
	return list
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// cutSlice returns the part of a list that a token selects: "1", "1:", ":2", "last", ":last", or "" for all.
func cutSlice(list []string, slice string) []string {
	number := func(s string, empty int) int {
		switch n, err := strconv.Atoi(s); {
		case s == "last":
			return len(list) - 1
		case err != nil:
			return empty
		default:
			return min(max(n, 0), len(list))
		}
	}
	from, to, isRange := strings.Cut(slice, ":")
	switch {
	case slice == "" || len(list) == 0:
		return list
	case isRange:
		low, high := number(from, 0), number(to, len(list))
		return list[min(low, high):high]
	default:
		n := min(number(from, 0), len(list)-1)
		return list[n : n+1]
	}
}

// hugoDate formats a date. The layout is one of Hugo's names for parts of dates, or a layout for package time.
func hugoDate(word string, t time.Time) (string, bool) {
	switch word {
	case "year":
		return t.Format("2006"), true
	case "month":
		return t.Format("01"), true
	case "monthname":
		return strings.ToLower(t.Month().String()), true
	case "day":
		return t.Format("02"), true
	case "weekday":
		return strconv.Itoa(int(t.Weekday())), true
	case "weekdayname":
		return strings.ToLower(t.Weekday().String()), true
	case "yearday":
		return strconv.Itoa(t.YearDay()), true
	case "2006", "06", "01", "1", "Jan", "January", "02", "2", "Mon", "Monday", "15", "04", "05":
		return t.Format(word), true
	}
	return "", false
}

// hugoPath converts a name or title to a path as Hugo does: it changes letters to lower case and spaces to hyphens, and
// removes characters that would need escaping.
func hugoPath(s string) string {
	var b strings.Builder
	hyphen, written := false, false
	for _, r := range strings.ToLower(s) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r), strings.ContainsRune("./_#+~-@", r):
			if hyphen && r != '-' && written {
				b.WriteByte('-')
			}
			hyphen = false
			written = true
			b.WriteRune(r)
		case unicode.IsSpace(r):
			hyphen = !strings.HasSuffix(b.String(), "-")
		}
	}
	return b.String()
}

// resolve returns the URL of the page that a ref or relref shortcode refers to. The reference is a path relative to the
// posts folder or to the referring page, or a file name.
func (h *hugo) resolve(from, ref string) (string, bool) {
	ref, fragment, hash := strings.Cut(ref, "#")
	if hash {
		fragment = "#" + fragment
	}
	if ref == "" {
		return fragment, hash
	}
	var candidates []string
	add := func(p string) {
		p = strings.TrimPrefix(path.Clean("/"+p), "/")
		candidates = append(candidates, p, p+".md", p+"/index.md", p+".html")
	}
	if !strings.HasPrefix(ref, "/") {
		add(path.Join(path.Dir(from), ref))
	}
	add(ref)
	if base := path.Base(ref); !strings.Contains(ref, "/") {
		if same := h.filesNamed(strings.TrimSuffix(base, path.Ext(base))); len(same) == 1 {
			candidates = append(candidates, same[0])
		}
	}
	for _, name := range candidates {
		if front, ok := frontOf(h.fsys, name); ok {
			h.complete(name, front)
			if p := h.address(name, front); p != "" {
				return joinAddress(h.site, p) + fragment, true
			}
		}
	}
	return "", false
}

// filesNamed returns the post files with the given base name, which has no extension.
func (h *hugo) filesNamed(base string) []string {
	if h.byName == nil {
		h.byName = map[string][]string{}
		// The import reports a folder that cannot be read.
		_ = fs.WalkDir(h.fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && mayHoldPosts(name) && len(h.byName) < maxFiles {
				_, _, base := h.locate(name)
				h.byName[base] = append(h.byName[base], name)
			}
			return nil
		})
	}
	return h.byName[base]
}
