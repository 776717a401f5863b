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

// maxSearch is the maximum number of files and folders that jekyllSource examines to find posts.
const maxSearch = 20_000

// jekyllSource reads the configuration of a Jekyll site, and returns the folder of its sources. The result ok is false
// if the folder is not a Jekyll site: it has neither a posts folder nor a configuration with a posts folder below it.
func jekyllSource(root fs.FS) (config map[string]any, source string, notes []string, ok bool) {
	config, notes, configured := readJekyllConfig(root)
	given := stringAt(config, "source")
	if source = cleanFolder(given); source == "" {
		source = "."
	}
	info, err := fs.Stat(root, source)
	if outside := source == "." && path.Clean("./"+given) != "."; outside || err != nil || !info.IsDir() {
		notes = append(notes, fmt.Sprintf("source %q is not a folder of the site; reading the site's folder", shorten(given)))
		source = "."
	}
	for _, name := range []string{"_posts", "_drafts"} {
		if info, err := fs.Stat(root, path.Join(source, name)); err == nil && info.IsDir() {
			return config, source, notes, true
		}
	}
	if !configured || !hasPostsFolder(root, source) {
		return nil, "", nil, false
	}
	return config, source, notes, true
}

// readJekyllConfig returns the configuration, and notes about files that cannot be read. The result ok is false if
// there is no configuration.
func readJekyllConfig(root fs.FS) (config map[string]any, notes []string, ok bool) {
	config = map[string]any{}
	for _, name := range []string{"_config.toml", "_config.yaml", "_config.yml"} {
		given, err := readConfig(root, name)
		if err != nil {
			notes = append(notes, err.Error())
		}
		ok = ok || err != nil || given != nil
		maps.Copy(config, given)
	}
	return config, notes, ok
}

// hasPostsFolder reports whether a folder contains a posts folder at any depth.
func hasPostsFolder(root fs.FS, source string) bool {
	found, visited := false, 0
	_ = fs.WalkDir(root, source, func(name string, d fs.DirEntry, err error) error {
		visited++
		switch {
		case visited > maxSearch || found:
			return fs.SkipAll
		case err != nil || !d.IsDir() || name == source: // the import reports folders that cannot be read
			return nil
		case path.Base(name) == "_posts":
			found = true
			return fs.SkipAll
		case isHidden(path.Base(name)):
			return fs.SkipDir
		}
		return nil
	})
	return found
}

// cleanFolder returns the path of a folder in the site without leading and trailing slashes, or "" for the site's own
// folder and for folders outside the site.
func cleanFolder(name string) string {
	name = path.Clean(strings.Trim(name, "/"))
	if !fs.ValidPath(name) || name == "." {
		return ""
	}
	return name
}

// patternList compiles the patterns in the exclude or include setting. They match as with Ruby's File.fnmatch: an
// asterisk also matches slashes.
func patternList(value any) []*regexp.Regexp {
	var list []*regexp.Regexp
	for _, v := range stringList(value) {
		pattern := strings.TrimPrefix(fmt.Sprint(v), "/")
		if pattern == "" || len(list) == 1_000 {
			continue
		}
		quoted := regexp.QuoteMeta(strings.TrimSuffix(pattern, "/"))
		quoted = strings.NewReplacer(`\*\*`, ".*", `\*`, ".*", `\?`, ".").Replace(quoted)
		end := "$"
		if !strings.ContainsAny(pattern, "*?") {
			end = "" // a pattern without wildcards matches every path that begins with it
			if strings.HasSuffix(pattern, "/") {
				end = "(?:/|$)"
			}
		}
		if re, err := regexp.Compile("^" + quoted + end); err == nil {
			list = append(list, re)
		}
	}
	return list
}

// jekyllExcluded are the folders that Jekyll excludes by default.
var jekyllExcluded = setOf("node_modules", "vendor/bundle", "vendor/cache", "vendor/gems", "vendor/ruby")

// role implements [generator]. Posts are the dated files in "_posts" and all files in "_drafts", except those that the
// configuration excludes, that Jekyll ignores because of their names, or that are in the generated site's folder.
func (j *jekyll) role(name string) fileRole {
	dirs := strings.Split(path.Dir(name), "/")
	at := slices.IndexFunc(dirs, func(dir string) bool { return dir == "_posts" || dir == "_drafts" })
	if at < 0 || j.isExcluded(name) {
		return notPost
	}
	if j.collections != "" && !strings.HasPrefix(name, j.collections+"/") {
		return notPost
	}
	base := path.Base(name)
	if isSpecial(base) || isSpecial(append(slices.Clone(dirs[at+1:]), base)[0]) {
		return notPost
	}
	extension := strings.ToLower(path.Ext(name))
	dated := dirs[at] == "_drafts" || jekyllName.MatchString(base)
	switch {
	case foreignFormats[extension] && dated:
		return foreignPost
	case !mayHoldPosts(name):
		return notPost
	case !dated:
		return undatedPost
	case extension == ".xml" || extension == ".json":
		return notPost // Jekyll copies these files to the site unchanged
	default:
		return isPost
	}
}

// isSpecial reports whether Jekyll ignores a file or folder because of its name.
func isSpecial(base string) bool {
	return strings.IndexByte("_.#~", base[0]) >= 0 || strings.HasSuffix(base, "~")
}

// isExcluded reports whether a file or one of its folders is excluded, or is in the generated site.
func (j *jekyll) isExcluded(name string) bool {
	if strings.HasPrefix(name, j.destination+"/") {
		return true
	}
	for p := name; p != "."; p = path.Dir(p) {
		matches := func(re *regexp.Regexp) bool { return re.MatchString(p) }
		if slices.ContainsFunc(j.include, matches) {
			return false
		}
		if jekyllExcluded[p] || slices.ContainsFunc(j.exclude, matches) {
			return true
		}
	}
	return false
}

// jekyllName matches the file names of posts: a date and a slug.
var jekyllName = regexp.MustCompile(`^([0-9]{2,4})-([0-9]{1,2})-([0-9]{1,2})-`)

// jekyllSlug returns the slug in the name of a post's file.
func jekyllSlug(name string) string {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if m := jekyllName.FindString(base + "-"); m != "" && len(m) < len(base) {
		base = base[len(m):]
	}
	return strings.TrimRight(base, ".") // as in Jekyll
}

// title implements [generator]. As in Jekyll, a post without a title gets the words of its slug.
func (j *jekyll) title(name string) string {
	words := strings.Split(jekyllSlug(name), "-")
	for i, word := range words {
		if word != "" {
			first, rest := firstRune(word)
			words[i] = strings.ToUpper(first) + strings.ToLower(rest)
		}
	}
	return strings.Join(words, " ")
}

// firstRune splits s after its first character.
func firstRune(s string) (first, rest string) {
	for i := range s {
		if i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

var (
	// utcTime matches the dates without an offset that YAML defines as UTC. Jekyll reads all other dates without an offset
	// in the time zone of the site.
	utcTime  = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|\s+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?$`)
	startDay = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})\b`)
)

// setDate sets the date of a post to the time given by the front matter or, if it has no date, to the date in the file
// name.
func (j *jekyll) setDate(name string, front map[string]any) (notes []string) {
	given, ok := front["date"]
	if text := strings.TrimSpace(fmt.Sprint(given)); ok && given != nil && text != "" {
		loc := j.loc
		if _, quoted := given.(quotedText); !quoted && utcTime.MatchString(text) {
			loc = time.UTC
		}
		m := startDay.FindStringSubmatch(text)
		day, isDay := dayOf(m, j.loc)
		if t, ok := dateAt(front, loc, "date"); ok && (!isDay || m[0] != text) {
			front["date"] = t
			return nil
		}
		if isDay && m[0] == text {
			front["date"] = day
			return nil
		}
		if t, ok := rubyTime(text, loc, j.loc); ok {
			front["date"] = t
			return []string{fmt.Sprintf("date %q is read as %s, as in Jekyll", shorten(text), t.Format(time.DateTime))}
		}
		return nil // package intake reports the date
	}
	if t, ok := dayOf(jekyllName.FindStringSubmatch(path.Base(name)), j.loc); ok {
		front["date"] = t
	}
	return nil
}

var startTime = regexp.MustCompile(`^[Tt \t]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?`)

// rubyTime parses a date as Ruby does: a day after the end of a month is in the next month, and text after the day or
// the time is ignored if it cannot be parsed. A date without an offset is in the time zone loc, or in local if it has
// no time or if text after it is ignored.
func rubyTime(text string, loc, local *time.Location) (time.Time, bool) {
	m := startDay.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, false
	}
	day, ok := dayOf(m, local)
	month, _ := strconv.Atoi(m[2]) // m[2] and m[3] contain only digits
	number, _ := strconv.Atoi(m[3])
	if !ok && (month < 1 || month > 12 || number < 1 || number > 31) {
		return time.Time{}, false
	}
	rest := text[len(m[0]):]
	if t, err := parseDate(day.Format(time.DateOnly)+rest, loc); err == nil && rest != "" {
		return t, true
	}
	if t, err := parseDate(day.Format(time.DateOnly)+startTime.FindString(rest), local); err == nil {
		return t, true
	}
	return day, true
}

// dayOf returns the beginning of a day in the time zone loc. The submatches m[1], m[2] and m[3] are the year, month and
// day. Two-digit years are from 1969 to 2068. If the month has no such day, dayOf returns the corresponding day of a
// later month, and false.
func dayOf(m []string, loc *time.Location) (time.Time, bool) {
	if m == nil {
		return time.Time{}, false
	}
	year, _ := strconv.Atoi(m[1]) // all submatches contain only digits
	month, _ := strconv.Atoi(m[2])
	day, _ := strconv.Atoi(m[3])
	if len(m[1]) == 2 {
		year += 1900
		if year < 1969 {
			year += 100
		}
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, loc)
	return t, t.Month() == time.Month(month) && t.Day() == day
}
