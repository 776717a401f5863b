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
)

// jekyll is a site made by Jekyll. Its rules for addresses are those of https://jekyllrb.com/docs/permalinks/.
type jekyll struct {
	fsys     fs.FS
	config   map[string]any
	site     string         // its address, without a slash at its end
	loc      *time.Location // of dates in addresses
	pattern  string
	defaults []jekyllDefault
}

// jekyllDefault is front matter that the configuration gives to many files.
type jekyllDefault struct {
	path   string // a folder or file, or a pattern of them; "" for all
	values map[string]any
}

func newJekyll(fsys fs.FS, o Options) (*jekyll, []string) {
	j := &jekyll{fsys: fsys, loc: o.location(), config: map[string]any{}, pattern: "date"}
	var notes []string
	for _, name := range []string{"_config.toml", "_config.yaml", "_config.yml"} {
		given, err := readConfig(fsys, name)
		if err != nil {
			notes = append(notes, err.Error())
		}
		maps.Copy(j.config, given)
	}
	if base := textAt(j.config, "url"); isURL(base) {
		j.site = joinAddress(base, textAt(j.config, "baseurl"))
	}
	if o.BaseURL != "" {
		j.site = o.BaseURL
	}
	j.site = strings.TrimRight(j.site, "/")
	if zone := textAt(j.config, "timezone"); zone != "" {
		if loc, err := time.LoadLocation(zone); err == nil {
			j.loc = loc
		}
	}
	j.pattern = first(textAt(j.config, "permalink"), j.pattern)
	if collections, ok := j.config["collections"].(map[string]any); ok {
		if posts, ok := collections["posts"].(map[string]any); ok {
			j.pattern = first(textAt(posts, "permalink"), j.pattern)
		}
	}
	list, _ := j.config["defaults"].([]any)
	for _, v := range list {
		entry, _ := v.(map[string]any)
		scope, _ := entry["scope"].(map[string]any)
		values, _ := entry["values"].(map[string]any)
		if kind := textAt(scope, "type"); kind == "" || kind == "posts" || kind == "post" || kind == "drafts" {
			j.defaults = append(j.defaults, jekyllDefault{strings.Trim(textAt(scope, "path"), "/"), values})
		}
	}
	return j, notes
}

func (j *jekyll) content() string { return "." }

func (j *jekyll) base() string { return j.site }

func (j *jekyll) has(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(dir string) bool { return dir == "_posts" || dir == "_drafts" })
}

// complete adds the defaults of the configuration, the more special ones first, and the categories of the folders that
// the folder of posts is in.
func (j *jekyll) complete(name string, front map[string]any) (page bool) {
	best := map[string]int{}
	for _, d := range j.defaults {
		if !d.covers(name) {
			continue
		}
		for key, value := range d.values {
			if at, given := best[key]; given && len(d.path) < at {
				continue
			} else if _, own := front[key]; own && !given {
				continue
			}
			front[key], best[key] = value, len(d.path)
		}
	}
	// A text is words; only the singular's is one.
	for _, key := range []string{"tags", "categories"} {
		if s, ok := front[key].(string); ok && !strings.Contains(s, ",") {
			front[key] = texts(strings.Fields(s))
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
		front["categories"] = texts(categories)
	}
	if front["published"] == true {
		delete(front, "published")
	}
	return false
}

// covers reports whether the defaults are for a file.
func (d jekyllDefault) covers(name string) bool {
	if d.path == "" || name == d.path || strings.HasPrefix(name, d.path+"/") {
		return true
	}
	if !strings.Contains(d.path, "*") {
		return false
	}
	for at := name; at != "."; at = path.Dir(at) {
		if ok, err := path.Match(d.path, at); ok && err == nil {
			return true
		}
	}
	return false
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// categories returns those of the folders around "_posts" and those that the front matter gives, each once.
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
	if s, ok := front["category"].(string); ok {
		add(s)
	}
	for _, v := range textList(front["categories"]) {
		add(fmt.Sprint(v))
	}
	return list
}

// jekyllStyles are the patterns that have names.
func jekyllStyle(name string) string {
	switch name {
	case "date":
		return "/:categories/:year/:month/:day/:title:output_ext"
	case "pretty":
		return "/:categories/:year/:month/:day/:title/"
	case "ordinal":
		return "/:categories/:year/:y_day/:title:output_ext"
	case "weekdate":
		return "/:categories/:year/W:week/:short_day/:title:output_ext"
	case "none":
		return "/:categories/:title:output_ext"
	}
	return name
}

var (
	jekyllToken = regexp.MustCompile(`:[a-z_]+`)
	slashes     = regexp.MustCompile(`/{2,}`)
	notSlug     = regexp.MustCompile(`[^\p{M}\p{L}\p{Nd}]+`)
	notPretty   = regexp.MustCompile(`[^\p{M}\p{L}\p{Nd}._~!$&'()+,;=@]+`)
)

func (j *jekyll) address(name string, front map[string]any) string {
	pattern := jekyllStyle(first(textAt(front, "permalink"), j.pattern))
	if isURL(pattern) {
		return pattern
	}
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	// A date without an offset is one of UTC to Jekyll, whatever its own time zone.
	date, dated := dateAt(front, time.UTC, "date")
	if m := datedName.FindStringSubmatch(base + "-"); m != nil && len(m[0]) < len(base) {
		base = base[len(m[0]):]
		if !dated {
			t, err := time.ParseInLocation(time.DateOnly, m[1], j.loc)
			date, dated = t, err == nil
		}
	}
	date = date.In(j.loc)
	known := true
	p := jekyllToken.ReplaceAllStringFunc(pattern, func(token string) string {
		switch token {
		case ":title":
			return strings.Trim(notPretty.ReplaceAllString(first(textAt(front, "slug"), base), "-"), "-")
		case ":slug":
			return slug(first(textAt(front, "slug"), base))
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
	return escapedPath(slashes.ReplaceAllString("/"+p, "/"))
}

func slug(s string) string {
	return strings.ToLower(strings.Trim(notSlug.ReplaceAllString(s, "-"), "-"))
}

// jekyllDate returns a part of a date by Jekyll's token for it.
func jekyllDate(token string, t time.Time) (string, bool) {
	year, week := t.ISOWeek()
	switch token {
	case ":year":
		return t.Format("2006"), true
	case ":short_year":
		return t.Format("06"), true
	case ":month":
		return t.Format("01"), true
	case ":i_month":
		return t.Format("1"), true
	case ":short_month":
		return t.Format("Jan"), true
	case ":long_month":
		return t.Format("January"), true
	case ":day":
		return t.Format("02"), true
	case ":i_day":
		return t.Format("2"), true
	case ":y_day":
		return t.Format("002"), true
	case ":w_year":
		return strconv.Itoa(year), true
	case ":week":
		return fmt.Sprintf("%02d", week), true
	case ":w_day":
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	case ":short_day":
		return t.Format("Mon"), true
	case ":long_day":
		return t.Format("Monday"), true
	case ":hour":
		return t.Format("15"), true
	case ":minute":
		return t.Format("04"), true
	case ":second":
		return t.Format("05"), true
	}
	return "", false
}

// resolve returns the address of the file that link names by its path, and post_url by that in the folder of posts
// without an ending.
func (j *jekyll) resolve(ref string) (string, bool) {
	ref = strings.TrimPrefix(ref, "/")
	candidates := []string{ref}
	dir, base := path.Split(ref)
	for _, ext := range []string{".md", ".markdown", ".html", ".htm"} {
		// post_url "travel/2016-01-01-a" is in travel/_posts or in _posts/travel.
		candidates = append(candidates, path.Join("_posts", ref+ext), path.Join(dir, "_posts", base+ext))
	}
	for _, name := range candidates {
		if !j.has(name) {
			continue
		}
		if front, ok := frontOf(j.fsys, name); ok {
			j.complete(name, front)
			if p := j.address(name, front); p != "" {
				return joinAddress(j.site, p), true
			}
		}
	}
	return "", false
}
