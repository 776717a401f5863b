package transfer

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// hugo is a site made by Hugo. Its rules for addresses are those of https://gohugo.io/content-management/urls/.
type hugo struct {
	fsys       fs.FS // of the folder of posts
	root       string
	site       string // its address, without a slash at its end
	loc        *time.Location
	permalinks map[string]string // patterns by section
	ugly       func(section string) bool
	fileDates  bool                // dates and slugs may be read from the names of files
	byName     map[string][]string // files by their base names without endings; nil until they are asked for
}

// hugoConfigs are the names of Hugo's configuration, the strongest last.
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

func newHugo(fsys fs.FS, o Options) (*hugo, []string) {
	h := &hugo{root: "content", loc: o.location(), permalinks: map[string]string{}, ugly: func(string) bool { return false }}
	config := map[string]any{}
	var notes []string
	read := func(name string, into map[string]any) {
		given, err := readConfig(fsys, name)
		if err != nil {
			notes = append(notes, err.Error())
		}
		for key, value := range given {
			into[strings.ToLower(key)] = value // as Hugo does
		}
	}
	for _, name := range hugoConfigs() {
		read(name, config)
	}
	// A folder of configuration may have each part in a file of its own.
	for _, dir := range []string{"config/_default/", "config/production/"} {
		for _, ext := range []string{".json", ".yml", ".yaml", ".toml"} {
			part := map[string]any{}
			if read(dir+"permalinks"+ext, part); len(part) > 0 {
				config["permalinks"] = part
			}
		}
	}
	h.configure(config)
	if o.BaseURL != "" {
		h.site = strings.TrimRight(o.BaseURL, "/")
	}
	sub, err := fs.Sub(fsys, h.root)
	if err != nil { // a folder outside of the site
		notes = append(notes, fmt.Sprintf("contentDir %s can't be read; content is", h.root))
		h.root = "content"
		sub, _ = fs.Sub(fsys, h.root) // a name that is valid
	}
	h.fsys = sub
	return h, notes
}

// configure takes what a configuration says. Keys are in lower case.
func (h *hugo) configure(config map[string]any) {
	if base := textAt(config, "baseurl"); isURL(base) {
		h.site = strings.TrimRight(base, "/")
	}
	if dir := textAt(config, "contentdir"); dir != "" {
		h.root = path.Clean(dir)
	}
	if zone := textAt(config, "timezone"); zone != "" {
		if loc, err := time.LoadLocation(zone); err == nil {
			h.loc = loc
		}
	}
	patterns, _ := config["permalinks"].(map[string]any)
	for section, value := range patterns {
		if pattern, ok := value.(string); ok {
			h.permalinks[section] = pattern
		}
	}
	pages, _ := patterns["page"].(map[string]any) // by kind, as it is since version 0.115
	for section, value := range pages {
		if pattern, ok := value.(string); ok {
			h.permalinks[section] = pattern
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
		h.fileDates = h.fileDates || slices.Contains(textList(value), any(":filename"))
	}
}

func (h *hugo) content() string { return h.root }

func (h *hugo) base() string { return h.site }

func (h *hugo) has(name string) bool {
	return !strings.HasPrefix(path.Base(name), "_index.") && !bundled(h.fsys, name)
}

// complete lowers the keys of front matter, as Hugo does. A file that is in no section and has no date is a page.
func (h *hugo) complete(name string, front map[string]any) (page bool) {
	for _, key := range slices.Sorted(maps.Keys(front)) {
		lower := strings.ToLower(key)
		if _, taken := front[lower]; lower != key && !taken && hugoKey(lower) {
			front[lower] = front[key]
			delete(front, key)
		}
	}
	if params, ok := front["params"].(map[string]any); ok {
		for _, key := range []string{"author", "authors"} {
			if _, taken := front[key]; !taken && params[key] != nil {
				front[key] = params[key]
			}
		}
	}
	if _, ok := front["date"]; !ok {
		for _, key := range []string{"publishdate", "pubdate", "published"} {
			if t, given := dateAt(front, h.loc, key); given {
				front["date"] = t
				break
			}
		}
	}
	_, dated := front["date"]
	section, _, _ := h.place(name)
	return section == "" && !dated && !datedName.MatchString(path.Base(name))
}

// hugoKey reports whether a key has a meaning whose spelling may vary.
func hugoKey(lower string) bool {
	switch lower {
	case "title", "date", "lastmod", "publishdate", "pubdate", "draft", "slug", "url", "tags", "categories", "author", "authors",
		"description", "summary", "aliases":
		return true
	}
	return false
}

// place returns the section of a file, the folder that its page is in and the name of that without an ending.
func (h *hugo) place(name string) (section, dir, base string) {
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
	section, dir, base := h.place(name)
	if given := textAt(front, "url"); given != "" {
		// Hugo makes a folder of what does not look like a file.
		if isURL(given) || strings.HasSuffix(given, "/") || strings.Contains(given, ".") {
			return given
		}
		return "/" + strings.Trim(given, "/") + "/"
	}
	slug := textAt(front, "slug")
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
		return escapedPath(p + ".html")
	}
	return escapedPath(strings.TrimRight(p, "/") + "/")
}

// fill replaces the tokens of a pattern; false if what one stands for is not known.
func (h *hugo) fill(pattern, name, slug string, front map[string]any) (string, bool) {
	section, dir, base := h.place(name)
	date, dated := dateAt(front, h.loc, "date")
	if m := datedName.FindStringSubmatch(base + "-"); m != nil && !dated && h.fileDates {
		t, err := time.ParseInLocation(time.DateOnly, m[1], h.loc)
		date, dated = t, err == nil
	}
	title := first(textAt(front, "title"), base)
	flat := func(s string) string { return hugoPath(strings.ReplaceAll(s, "/", "-")) }
	var b strings.Builder
	for rest := pattern; ; {
		before, token, ok := strings.Cut(rest, ":")
		b.WriteString(before)
		if !ok {
			return b.String(), true
		}
		n := 0
		for n < len(token) && (token[n] >= 'a' && token[n] <= 'z' || token[n] >= 'A' && token[n] <= 'Z' || token[n] >= '0' && token[n] <= '9' || token[n] == '_') {
			n++
		}
		word := token[:n]
		rest = token[n:]
		slice := ""
		if strings.HasPrefix(word, "section") && strings.HasPrefix(rest, "[") {
			if i := strings.IndexByte(rest, ']'); i > 0 {
				slice, rest = rest[1:i], rest[i+1:]
			}
		}
		switch word {
		case "title":
			b.WriteString(flat(title))
		case "slug":
			b.WriteString(flat(first(slug, title)))
		case "slugorfilename", "slugorcontentbasename":
			b.WriteString(flat(first(slug, base)))
		case "filename", "contentbasename":
			b.WriteString(flat(base))
		case "section":
			b.WriteString(hugoPath(section))
		case "sections":
			b.WriteString(hugoPath(strings.Join(cutSlice(h.sections(dir), slice), "/")))
		default:
			text, ok := dateToken(word, date)
			if !ok || !dated {
				return "", false
			}
			b.WriteString(text)
		}
	}
}

// sections returns the folders of a path that are sections: the first, and those with a page of their own.
func (h *hugo) sections(dir string) []string {
	var list []string
	at := ""
	for i, name := range strings.Split(dir, "/") {
		at = path.Join(at, name)
		pages, _ := fs.Glob(h.fsys, escapeGlob(at)+"/_index.*") // a pattern that is valid
		if name != "" && (i == 0 || len(pages) > 0) {
			list = append(list, name)
		}
	}
	return list
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// cutSlice returns the part of a list that Hugo's token asks for: "1", "1:", ":2", "last", ":last" or "" for all.
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

// dateToken returns a part of a date by Hugo's name for it, or by Go's layout.
func dateToken(word string, t time.Time) (string, bool) {
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

// hugoPath returns a path as Hugo makes one of a name or a title: in lower case, spaces as hyphens, without signs that
// would need escaping.
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

// resolve returns the address of a page as ref and relref name it: by its path from the folder of posts or from the page
// that names it, or by the name of its file alone.
func (h *hugo) resolve(from, ref string) (string, bool) {
	ref, anchor, hash := strings.Cut(ref, "#")
	if hash {
		anchor = "#" + anchor
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
		h.index()
		if same := h.byName[strings.TrimSuffix(base, path.Ext(base))]; len(same) == 1 {
			candidates = append(candidates, same[0])
		}
	}
	if ref == "" {
		return anchor, hash
	}
	for _, name := range candidates {
		if front, ok := frontOf(h.fsys, name); ok {
			h.complete(name, front)
			if p := h.address(name, front); p != "" {
				return joinAddress(h.site, p) + anchor, true
			}
		}
	}
	return "", false
}

// index finds the files of posts by their base names.
func (h *hugo) index() {
	if h.byName != nil {
		return
	}
	h.byName = map[string][]string{}
	// What can't be read is told about when its turn comes to be imported.
	_ = fs.WalkDir(h.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && postFile(name) && len(h.byName) < maxFiles {
			_, _, base := h.place(name)
			h.byName[base] = append(h.byName[base], name)
		}
		return nil
	})
}

// frontOf returns the front matter of a file.
func frontOf(fsys fs.FS, name string) (map[string]any, bool) {
	info, err := fs.Stat(fsys, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxEntry {
		return nil, false
	}
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, false
	}
	front, _, err := cutFrontMatter(string(content))
	if front == nil {
		front = map[string]any{}
	}
	return front, err == nil
}
