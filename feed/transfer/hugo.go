package transfer

import (
	"io/fs"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// hugo is a Hugo site. Addresses follow https://gohugo.io/content-management/urls/.
type hugo struct {
	fsys         fs.FS  // the posts folder
	root         string // path of the posts folder
	site         string // address of the site without a trailing slash
	langs        map[string]*hugoLanguage
	defaultLang  string
	multilingual bool
	mounts       []hugoMount
	ugly         func(section string) bool
	keepCase     bool     // whether paths keep capital letters
	noAccents    bool     // removePathAccents: letters in paths lose their accents
	dateKeys     []string // front matter keys for the date, by preference; ":filename" is the date in the file name
	cascade      []cascadeRule
	sectionRules map[string]cascadeResult // results of sectionCascade by folder and language
	bundles      map[string]bool          // whether a folder is a leaf bundle
	byName       map[string][]string      // files by base name without extension; nil until needed
}

// newHugo returns the site in a folder, and notes about errors in its configuration.
func newHugo(fsys fs.FS, o Options) (*hugo, []string) {
	h := &hugo{langs: map[string]*hugoLanguage{}, sectionRules: map[string]cascadeResult{}, bundles: map[string]bool{}}
	h.ugly = func(string) bool { return false }
	config, notes := readHugoConfig(fsys)
	notes = append(notes, h.configure(config, o)...)
	h.fsys, _ = fs.Sub(fsys, h.root) // a valid path, so this cannot fail
	return h, notes
}

func (h *hugo) content() string { return h.root }

func (h *hugo) base() string { return h.site }

func (h *hugo) title(string) string { return "" }

// hugoPage is the position of a page in the site.
type hugoPage struct {
	mount   hugoMount
	folder  string // path of the folder of the file or of its leaf bundle, relative to the posts folder
	lang    string
	dir     string // folder of the page in the content, or "."
	base    string // base name of the page
	section string // the first folder of dir, or ""
}

// locate returns the position of a file's page. The result ok is false if the file is not in a content folder.
func (h *hugo) locate(name string) (p hugoPage, ok bool) {
	rest := ""
	for _, m := range h.mounts {
		after, inside := strings.CutPrefix(name, m.source+"/")
		if m.source == "." {
			after, inside = name, true
		}
		// If folders are nested, use the innermost. If two languages share a folder, use the first.
		if inside && (!ok || len(m.source) > len(p.mount.source) || p.mount.source == ".") {
			if ok && m.source == p.mount.source {
				continue
			}
			p.mount, rest, ok = m, after, true
		}
	}
	if !ok {
		return p, false
	}
	p.folder = path.Dir(name)
	p.dir, p.base = path.Join(p.mount.target, path.Dir(rest)), path.Base(rest)
	p.base = strings.TrimSuffix(p.base, path.Ext(p.base))
	p.lang = first(p.mount.lang, h.defaultLang)
	if lang := strings.TrimPrefix(path.Ext(p.base), "."); h.langs[strings.ToLower(lang)] != nil {
		p.lang, p.base = strings.ToLower(lang), strings.TrimSuffix(p.base, "."+lang)
	}
	if p.base == "index" {
		p.dir, p.base, p.folder = path.Dir(p.dir), path.Base(p.dir), path.Dir(p.folder)
	}
	if p.dir != "." {
		p.section, _, _ = strings.Cut(p.dir, "/")
	}
	return p, true
}

// language returns the configuration of a page's language.
func (h *hugo) language(p hugoPage) *hugoLanguage {
	if l := h.langs[p.lang]; l != nil {
		return l
	}
	return h.langs[h.defaultLang]
}

// role implements [generator]. The pages of sections are not posts, and neither are the other files of a leaf bundle,
// which is a folder with an index file.
func (h *hugo) role(name string) fileRole {
	p, ok := h.locate(name)
	extension := strings.ToLower(path.Ext(name))
	isContent := slices.Contains([]string{".md", ".markdown", ".mdown", ".html", ".htm"}, extension)
	if !ok || p.base == "_index" || !isContent && !foreignFormats[extension] {
		return notPost
	}
	if l := h.langs[p.lang]; l != nil && l.disabled {
		return notPost
	}
	isIndex := strings.HasPrefix(path.Base(name), "index.")
	for dir := path.Dir(name); dir != p.mount.source && dir != "."; dir = path.Dir(dir) {
		if h.isBundle(dir) && !isIndex {
			return notPost
		}
		isIndex = false
	}
	if !isContent {
		return foreignPost
	}
	return isPost
}

// isBundle reports whether a folder is a leaf bundle.
func (h *hugo) isBundle(dir string) bool {
	is, known := h.bundles[dir]
	if !known {
		// The import reports a folder that cannot be read.
		entries, _ := fs.ReadDir(h.fsys, dir)
		is = slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
			return strings.HasPrefix(e.Name(), "index.") && mayHoldPosts(e.Name()) && !e.IsDir()
		})
		h.bundles[dir] = is
	}
	return is
}

// complete implements [generator]. It converts known front matter keys to lower case, as Hugo does, and adds the front
// matter that sections define for their pages. A file with neither a section nor a date is a page.
func (h *hugo) complete(name string, front map[string]any) (page bool, notes []string, err error) {
	p, ok := h.locate(name)
	if !ok {
		return false, nil, nil
	}
	lowerKnown(front)
	if err := h.addCascade(p, front); err != nil {
		return false, nil, err
	}
	if params, ok := front["params"].(map[string]any); ok {
		for _, key := range []string{"author", "authors"} {
			if _, given := front[key]; !given && params[key] != nil {
				front[key] = params[key]
			}
		}
	}
	if date, ok := h.date(p, front); ok {
		front["date"] = date
	}
	if front["language"] == nil && front["lang"] == nil && h.multilingual {
		front["language"] = p.lang
	}
	_, dated := front["date"]
	return p.section == "" && !dated && !datedName.MatchString(path.Base(name)), nil, nil
}

// lowerKnown changes the known keys of front matter to lower case.
func lowerKnown(front map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(front)) {
		lower := strings.ToLower(key)
		if _, given := front[lower]; lower != key && !given && hugoKeys[lower] {
			front[lower] = front[key]
			delete(front, key)
		}
	}
}

// hugoKeys are the known front matter keys.
var hugoKeys = setOf("title", "date", "lastmod", "modified", "publishdate", "pubdate", "slug", "url", "tags", "categories",
	"author", "authors", "description", "summary", "aliases", "lang", "language")

func (h *hugo) date(p hugoPage, front map[string]any) (time.Time, bool) {
	for _, key := range h.dateKeys {
		if key == ":filename" {
			if m := datedName.FindStringSubmatch(p.base + "-"); m != nil {
				if t, err := time.ParseInLocation(time.DateOnly, m[1], h.language(p).loc); err == nil {
					return t, true
				}
			}
			continue
		}
		if t, ok := dateAt(front, h.language(p).loc, key); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// address implements [generator].
func (h *hugo) address(name string, front map[string]any) string {
	p, ok := h.locate(name)
	if !ok {
		return ""
	}
	l := h.language(p)
	at := func(s string) string {
		if l.site != h.site {
			return joinAddress(l.site, s)
		}
		return s
	}
	slug := stringAt(front, "slug")
	if m := datedName.FindString(p.base + "-"); m != "" && slices.Contains(h.dateKeys, ":filename") && slug == "" &&
		len(m) < len(p.base) {
		slug = p.base[len(m):]
	}
	if given := stringAt(front, "url"); given != "" {
		return at(h.givenAddress(given, p, slug, front))
	}
	var filled string
	if pattern, ok := l.permalinks[strings.ToLower(p.section)]; ok && p.section != "" {
		var known bool
		if filled, known = h.fill(pattern, p, slug, front); !known {
			return ""
		}
	} else {
		filled = h.path(path.Join(p.dir, first(slug, p.base)))
	}
	filled = l.prefix + "/" + strings.Trim(path.Clean("/"+filled), "/")
	if h.ugly(p.section) {
		return at(escapePath(filled + ".html"))
	}
	return at(escapePath(strings.TrimRight(filled, "/") + "/"))
}

// givenAddress returns the URL for the "url" in the front matter of a page. Hugo adds the prefix of the language to a
// path that does not begin with a slash, and a slash to a path that does not end in a file name.
func (h *hugo) givenAddress(given string, p hugoPage, slug string, front map[string]any) string {
	if isURL(given) {
		return given
	}
	if strings.Contains(given, ":") {
		if filled, known := h.fill(given, p, slug, front); known {
			given = filled
		}
	}
	if prefix := h.language(p).prefix; !strings.HasPrefix(given, "/") && prefix != "" {
		given = prefix + "/" + given
	}
	if strings.HasSuffix(given, "/") || strings.Contains(path.Base(given), ".") {
		return given
	}
	return "/" + strings.Trim(given, "/") + "/"
}

// fill replaces the tokens in a pattern. It returns false if the value of a token is unknown.
func (h *hugo) fill(pattern string, p hugoPage, slug string, front map[string]any) (string, bool) {
	date, dated := dateAt(front, h.language(p).loc, "date")
	title := first(stringAt(front, "title"), p.base)
	values := map[string]string{
		"title": h.path(title), "slug": h.path(first(slug, title)),
		"slugorfilename": h.path(first(slug, p.base)), "slugorcontentbasename": h.path(first(slug, p.base)),
		"filename": h.path(p.base), "contentbasename": h.path(p.base),
	}
	known := true
	filled := hugoToken.ReplaceAllStringFunc(pattern, func(token string) string {
		m := hugoToken.FindStringSubmatch(token)
		if m[1] == "sections" {
			return h.path(strings.Join(cutSlice(h.sections(p), strings.Trim(m[2], "[]")), "/"))
		}
		if m[1] == "section" {
			return h.path(p.section)
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

// sections returns the folders of a page that are sections: the first one, and those with an _index file.
func (h *hugo) sections(p hugoPage) []string {
	var list []string
	at := ""
	for i, name := range strings.Split(p.dir, "/") {
		at = path.Join(at, name)
		source := path.Join(p.mount.source, strings.TrimPrefix(strings.TrimPrefix(at, p.mount.target), "/"))
		pages, _ := fs.Glob(h.fsys, escapeGlob(source)+"/_index.*") // a valid pattern, so this cannot fail
		if name != "" && name != "." && (i == 0 || len(pages) > 0) {
			list = append(list, name)
		}
	}
	return list
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// cutSlice returns the part of list that slice selects, which is the text in the brackets of a token, such as "1",
// "1:", ":2", "last" or ":last". An empty slice selects the whole list.
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

// hugoDate formats t. The argument word is one of Hugo's names for parts of dates, or a layout for package time.
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

// path converts a name or title to a path as Hugo does: it changes letters to lower case and spaces to hyphens, and
// removes characters that would need escaping.
func (h *hugo) path(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil && utf8.ValidString(decoded) {
		s = decoded
	}
	if h.noAccents {
		s = withoutAccents(s)
	}
	if !h.keepCase {
		s = strings.ToLower(s)
	}
	var b strings.Builder
	hyphen, written := false, false
	for _, r := range s {
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

// withoutAccents removes accents from letters. It keeps letters such as "ł", which in Unicode is not an "l" with an
// accent.
func withoutAccents(s string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
	return norm.NFC.String(bare)
}

// resolve returns the URL of the page that a ref or relref shortcode refers to. The reference is a path in the content,
// a path relative to the referring page, or a file name. Pages in the language of the referring page are preferred.
func (h *hugo) resolve(from, ref string) (string, bool) {
	ref, fragment, hash := strings.Cut(ref, "#")
	if hash {
		fragment = "#" + fragment
	}
	if ref == "" {
		return fragment, hash
	}
	page, _ := h.locate(from)
	var candidates []string
	if !strings.HasPrefix(ref, "/") {
		candidates = h.sources(path.Join(page.dir, ref), page.lang)
		if strings.HasPrefix(path.Base(from), "index.") {
			candidates = append(candidates, h.sources(path.Join(page.dir, page.base, ref), page.lang)...)
		}
	}
	candidates = append(candidates, h.sources(ref, page.lang)...)
	if base := path.Base(ref); !strings.Contains(ref, "/") {
		same := h.filesNamed(strings.TrimSuffix(base, path.Ext(base)))
		inLanguage := slices.DeleteFunc(slices.Clone(same), func(name string) bool {
			p, _ := h.locate(name)
			return p.lang != page.lang
		})
		if len(inLanguage) == 1 {
			same = inLanguage
		}
		if len(same) == 1 {
			candidates = append(candidates, same[0])
		}
	}
	for _, name := range candidates {
		front, ok := frontOf(h.fsys, name)
		if !ok {
			continue
		}
		if _, _, err := h.complete(name, front); err != nil {
			continue
		}
		if p := h.address(name, front); p != "" {
			return joinAddress(h.site, p) + fragment, true
		}
	}
	return "", false
}

// sources returns the names of the files that a path in the content may refer to.
func (h *hugo) sources(ref, lang string) (names []string) {
	ref = strings.Trim(path.Clean("/"+ref), "/")
	for _, sameLanguage := range []bool{true, false} {
		for _, m := range h.mounts {
			rest, inside := strings.CutPrefix(ref, m.target+"/")
			if m.target == "." {
				rest, inside = ref, true
			}
			if !inside || sameLanguage != (m.lang == "" || m.lang == lang) {
				continue
			}
			p := path.Join(m.source, rest)
			names = append(names, p+"."+lang+".md", p+"/index."+lang+".md")
			if base, ok := strings.CutSuffix(p, ".md"); ok {
				names = append(names, base+"."+lang+".md")
			}
			names = append(names, p, p+".md", p+"/index.md", p+".html")
		}
	}
	return names
}

// filesNamed returns the files in the content folders that may be posts and have the given base name without extension.
func (h *hugo) filesNamed(base string) []string {
	if h.byName == nil {
		h.byName = map[string][]string{}
		// The import reports a folder that cannot be read.
		_ = fs.WalkDir(h.fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && mayHoldPosts(name) && len(h.byName) < maxFiles {
				if p, ok := h.locate(name); ok {
					h.byName[p.base] = append(h.byName[p.base], name)
				}
			}
			return nil
		})
	}
	return h.byName[base]
}
