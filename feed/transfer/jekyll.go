package transfer

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// jekyll is a Jekyll site. Addresses follow https://jekyllrb.com/docs/permalinks/.
type jekyll struct {
	fsys        fs.FS  // the folder of the sources
	root        string // path of that folder in the site
	config      map[string]any
	site        string         // address of the site without a trailing slash
	loc         *time.Location // time zone of dates without an offset, and of dates in URLs
	pattern     string
	defaults    []jekyllDefault
	collections string // the folder that contains the posts folder, or ""
	destination string // the generated site's folder
	exclude     []*regexp.Regexp
	include     []*regexp.Regexp
	octopress   bool // whether code blocks may have captions, as in Octopress
}

// jekyllDefault is front matter that the configuration defines for a set of files.
type jekyllDefault struct {
	path   string // a folder, file or pattern; "" matches all files
	values map[string]any
}

// newJekyll returns the site whose sources are in a folder, and notes about its configuration.
func newJekyll(root fs.FS, source string, config map[string]any, o Options) (*jekyll, []string) {
	j := &jekyll{root: source, loc: o.location(), config: config, pattern: "date"}
	var notes []string
	j.fsys, _ = fs.Sub(root, source) // checked by jekyllSource
	if _, err := fs.Stat(root, "plugins/backtick_code_block.rb"); err == nil {
		j.octopress = true
	}
	if note := j.setSite(root, o.BaseURL); note != "" {
		notes = append(notes, note)
	}
	if zone := stringAt(config, "timezone"); zone != "" {
		loc, err := time.LoadLocation(zone)
		if err == nil {
			j.loc = loc
		} else {
			notes = append(notes, fmt.Sprintf("unknown time zone %q; using %s", shorten(zone), j.loc))
		}
	}
	j.pattern = jekyllPermalink(config, j.pattern)
	if collections, ok := config["collections"].(map[string]any); ok {
		if posts, ok := collections["posts"].(map[string]any); ok {
			j.pattern = jekyllPermalink(posts, j.pattern)
		}
	}
	j.collections = cleanFolder(stringAt(config, "collections_dir"))
	j.destination = cleanFolder(first(stringAt(config, "destination"), "_site"))
	j.exclude, j.include = patternList(config["exclude"]), patternList(config["include"])
	list, _ := config["defaults"].([]any)
	for _, v := range list {
		entry, _ := v.(map[string]any)
		scope, _ := entry["scope"].(map[string]any)
		values, _ := entry["values"].(map[string]any)
		if kind := stringAt(scope, "type"); kind == "" || kind == "posts" || kind == "post" || kind == "drafts" {
			j.defaults = append(j.defaults, jekyllDefault{strings.Trim(stringAt(scope, "path"), "/"), values})
		}
	}
	return j, notes
}

// setSite sets the URL of the site, and returns a note if the configuration has no URL with a scheme.
func (j *jekyll) setSite(root fs.FS, baseURL string) (note string) {
	given := stringAt(j.config, "url")
	if content, err := fs.ReadFile(root, "CNAME"); err == nil && given == "" {
		given = strings.TrimSpace(string(content)) // the host name for GitHub Pages
	}
	base, note := siteURL(given)
	if base != "" {
		j.site = joinAddress(base, stringAt(j.config, "baseurl"))
	}
	j.site = strings.TrimRight(first(baseURL, j.site), "/")
	return note
}

// jekyllPermalink returns the pattern in a configuration, or the given default. A pattern without a slash, such as
// ":title", is a symbol in Ruby's YAML, and Jekyll accepts the names of styles as symbols, too.
func jekyllPermalink(config map[string]any, pattern string) string {
	given := stringAt(config, "permalink")
	if style, ok := strings.CutPrefix(given, ":"); ok && jekyllStyles[style] != "" {
		return style
	}
	return first(given, pattern)
}

func (j *jekyll) content() string { return j.root }

func (j *jekyll) base() string { return j.site }

// complete adds the configured defaults, the date in the file name, and the categories derived from the parents of the
// posts folder. If several defaults apply, the one with the longest path wins.
func (j *jekyll) complete(name string, front map[string]any) (page bool, notes []string, err error) {
	j.addDefaults(name, front)
	notes = j.setDate(name, front)
	// Templates insert the title as HTML.
	if title, ok := front["title"].(string); ok {
		front["title"] = plainTitle(title)
	}
	// In the keys "tags" and "categories", a string is a list of words; in "tag" and "category", it is a single name.
	for _, key := range []string{"tags", "categories"} {
		if s, ok := front[key].(string); ok && !strings.Contains(s, ",") {
			front[key] = anyList(strings.Fields(s))
		}
	}
	if tag, ok := front["tag"]; ok && front["tags"] == nil {
		front["tags"] = []any{tag}
		delete(front, "tag")
	}
	categories := j.categories(name, front)
	delete(front, "category")
	delete(front, "categories")
	if len(categories) > 0 {
		front["categories"] = anyList(categories)
	}
	if front["published"] == true {
		delete(front, "published")
	}
	return false, notes, nil
}

func (j *jekyll) addDefaults(name string, front map[string]any) {
	best := map[string]int{}
	for _, d := range j.defaults {
		if !d.covers(name) {
			continue
		}
		for key, value := range d.values {
			if length, given := best[key]; given && len(d.path) < length {
				continue
			} else if _, own := front[key]; own && !given {
				continue
			}
			front[key], best[key] = value, len(d.path)
		}
	}
}

// covers reports whether the defaults apply to a file.
func (d jekyllDefault) covers(name string) bool {
	if d.path == "" || name == d.path || strings.HasPrefix(name, d.path+"/") {
		return true
	}
	if !strings.Contains(d.path, "*") {
		return false
	}
	for p := name; p != "."; p = path.Dir(p) {
		if ok, err := path.Match(d.path, p); ok && err == nil {
			return true
		}
	}
	return false
}

// anyList converts a list of strings to the list type used in front matter.
func anyList(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// categories returns the categories of a post without duplicates: the parent folders of "_posts", and the categories in
// the front matter.
func (j *jekyll) categories(name string, front map[string]any) []string {
	var list []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for dir := range strings.SplitSeq(path.Dir(name), "/") {
		if strings.HasPrefix(dir, "_") {
			break
		}
		add(dir)
	}
	switch given := front["category"].(type) {
	case string:
		add(given)
	case []any:
		for _, v := range stringList(given) {
			add(fmt.Sprint(v))
		}
	}
	for _, v := range stringList(front["categories"]) {
		add(fmt.Sprint(v))
	}
	return list
}

// jekyllStyles maps the names of permalink styles to patterns.
var jekyllStyles = map[string]string{
	"date":     "/:categories/:year/:month/:day/:title:output_ext",
	"pretty":   "/:categories/:year/:month/:day/:title/",
	"ordinal":  "/:categories/:year/:y_day/:title:output_ext",
	"weekdate": "/:categories/:year/W:week/:short_day/:title:output_ext",
	"none":     "/:categories/:title:output_ext",
}

var (
	jekyllToken = regexp.MustCompile(`:[a-z_]+`)
	slashes     = regexp.MustCompile(`/{2,}`)
	notSlug     = regexp.MustCompile(`[^\p{M}\p{L}\p{Nd}]+`)
	notPretty   = regexp.MustCompile(`[^\p{M}\p{L}\p{Nd}._~!$&'()+,;=@]+`)
)

func (j *jekyll) address(name string, front map[string]any) string {
	pattern := first(stringAt(front, "permalink"), j.pattern)
	pattern = first(jekyllStyles[pattern], pattern)
	if isURL(pattern) {
		return pattern
	}
	base := jekyllSlug(name)
	date, dated := front["date"].(time.Time)
	date = date.In(j.loc)
	known := true
	p := jekyllToken.ReplaceAllStringFunc(pattern, func(token string) string {
		switch token {
		case ":title":
			return strings.Trim(notPretty.ReplaceAllString(first(stringAt(front, "slug"), base), "-"), "-")
		case ":slug":
			return slug(first(stringAt(front, "slug"), base))
		case ":categories":
			return strings.ToLower(strings.Join(j.categories(name, front), "/"))
		case ":slugified_categories":
			var parts []string
			for _, c := range j.categories(name, front) {
				parts = append(parts, slug(c))
			}
			return strings.Join(parts, "/")
		case ":output_ext":
			return ".html"
		}
		text, ok := jekyllDate(token, date)
		known = known && ok && dated
		return text
	})
	if !known {
		return ""
	}
	p = strings.ReplaceAll(strings.ReplaceAll("/"+p, "..", "/"), "./", "") // as Jekyll does
	return escapePath(slashes.ReplaceAllString(p, "/"))
}

func slug(s string) string {
	return strings.ToLower(strings.Trim(notSlug.ReplaceAllString(s, "-"), "-"))
}

// jekyllDate returns the part of a date that a token represents.
func jekyllDate(token string, t time.Time) (string, bool) {
	if layout, ok := jekyllLayouts[token]; ok {
		return t.Format(layout), true
	}
	year, week := t.ISOWeek()
	switch token {
	case ":w_year":
		return strconv.Itoa(year), true
	case ":week":
		return fmt.Sprintf("%02d", week), true
	case ":w_day":
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	}
	return "", false
}

// jekyllLayouts maps tokens to layouts for package time.
var jekyllLayouts = map[string]string{
	":year": "2006", ":short_year": "06", ":month": "01", ":i_month": "1", ":short_month": "Jan", ":long_month": "January",
	":day": "02", ":i_day": "2", ":y_day": "002", ":short_day": "Mon", ":long_day": "Monday",
	":hour": "15", ":minute": "04", ":second": "05",
}

// resolve returns the URL of the file that a link or post_url tag refers to. A link tag contains the path of the file;
// a post_url tag contains the path relative to the posts folder, without the extension.
func (j *jekyll) resolve(ref string) (string, bool) {
	ref = strings.TrimPrefix(ref, "/")
	candidates := []string{ref}
	dir, base := path.Split(ref)
	for _, ext := range []string{".md", ".markdown", ".html", ".htm", ".mkd", ".mkdn", ".mkdown"} {
		// In post_url, "travel/2016-01-01-a" refers to a file in travel/_posts or in _posts/travel.
		candidates = append(candidates, path.Join("_posts", ref+ext), path.Join(dir, "_posts", base+ext))
	}
	for _, name := range candidates {
		if j.role(name) != isPost {
			continue
		}
		if front, ok := frontOf(j.fsys, name); ok {
			_, _, _ = j.complete(name, front) // returns no error
			if p := j.address(name, front); p != "" {
				return joinAddress(j.site, p), true
			}
		}
	}
	return "", false
}
