package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/pathname"
)

// frontMatter is a file that is split into front matter and body.
type frontMatter struct {
	values map[string]any // nil if the file has no front matter
	body   string
	notes  []string // messages about the front matter, each beginning with a line number
}

// blanks are the characters that may precede front matter: white space, and characters that are not visible.
const blanks = " \t\r\n\u00a0" + invisible

// invisible contains the characters of blanks that have no width.
const invisible = "\ufeff\u200b\u2060"

// cutFrontMatter splits text into front matter and body. Front matter is YAML between two "---" lines or, as in Jekyll,
// between "---" and "..."; TOML between two "+++" lines; or, as in Hugo, a JSON object.
func cutFrontMatter(text string) (frontMatter, error) {
	if strings.HasPrefix(text, "{") {
		return cutJSON(text), nil
	}
	// Hugo allows empty lines and byte order marks before front matter. If we ignored such front matter, we could publish
	// a draft.
	if isFrontMatter([]byte(text)) {
		text = strings.TrimLeft(text, blanks)
	}
	line, _, _ := strings.Cut(text, "\n")
	fence := strings.TrimRight(line, " \t\r")
	if fence != "---" && fence != "+++" {
		return frontMatter{body: text}, nil
	}
	end := len(line) + 1
	for line := range strings.Lines(text[min(end, len(text)):]) {
		if last := strings.TrimRight(line, " \t\r\n"); last != fence && (last != "..." || fence != "---") {
			end += len(line)
			continue
		}
		source := text[len(fence):end]
		if _, after, ok := strings.Cut(source, "\n"); ok {
			source = after
		}
		f := frontMatter{values: make(map[string]any), body: text[end+len(line):]}
		var err error
		if fence == "---" {
			f.notes, err = readYAML(source, &f.values)
		} else {
			err = readTOML(source, &f.values)
		}
		if f.values == nil {
			f.values = make(map[string]any) // the YAML is null
		}
		f.notes = append(f.notes, unquoteDates(source, f.values)...)
		if date, ok := f.values["date"].(string); ok && fence == "---" && dateInQuotes.MatchString(source) {
			f.values["date"] = quotedText(date)
		}
		return f, err
	}
	return frontMatter{}, fmt.Errorf("line 1: front matter has no end: want a second line %q: %w", fence, feed.ErrInvalid)
}

// cutJSON splits text after the JSON object that it begins with.
func cutJSON(text string) frontMatter {
	d := json.NewDecoder(strings.NewReader(text))
	var values map[string]any
	if err := d.Decode(&values); err != nil || values == nil {
		return frontMatter{body: text} // ordinary text that begins with a brace
	}
	return frontMatter{values: values, body: text[d.InputOffset():]}
}

// readTOML decodes TOML. Its errors are of kind [feed.ErrInvalid].
func readTOML(source string, into *map[string]any) error {
	if err := boundFrontMatter(source); err != nil {
		return err
	}
	err := toml.Unmarshal([]byte(source), into)
	if err == nil {
		return nil
	}
	if decode := new(toml.DecodeError); errors.As(err, &decode) {
		line, _ := decode.Position()
		message := strings.TrimPrefix(decode.Error(), "toml: ")
		return fmt.Errorf("line %d: front matter: %s: %w", line+1, message, feed.ErrInvalid)
	}
	return fmt.Errorf("front matter: want keys and values in TOML: %w", feed.ErrInvalid)
}

// frontMatterKeys maps front matter keys to members of a post. If several keys map to the same member, the first one
// wins. Keys that are not in the map keep their names.
var frontMatterKeys = []struct{ key, member string }{
	{"id", "id"},
	{"guid", "id"},
	{"url", "url"},
	{"permalink", "url"},
	{"external_url", "external_url"},
	{"external-url", "external_url"}, // Octopress
	{"link", "external_url"},
	{"linked", "external_url"},
	{"linkurl", "external_url"},
	{"source_url", "external_url"},
	{"targeturl", "external_url"},
	{"target_url", "external_url"},
	{"link_url", "external_url"},
	{"link-url", "external_url"},
	{"linked_url", "external_url"},
	{"linked-url", "external_url"},
	{"externalurl", "external_url"},   // Blowfish, a theme for Hugo
	{"external_link", "external_url"}, // Hugo Blox
	{"external-link", "external_url"},
	{"externallink", "external_url"},
	{"bookmark-of", "external_url"}, // Indiekit
	{"bookmark_of", "external_url"},
	{"mf-bookmark-of", "external_url"}, // a list in IndieWeb themes for Jekyll
	{"source", "external_url"},         // it may also be a name; see isExternal
	{"date_published", "date_published"},
	{"date", "date_published"},
	{"date_modified", "date_modified"},
	{"lastmod", "date_modified"},
	{"updated", "date_modified"},
	{"last_modified_at", "date_modified"},
	{"summary", "summary"},
	{"description", "summary"},
	{"excerpt", "summary"},
	{"language", "language"},
	{"lang", "language"},
	{"featured_image", "image"},
}

// fromFrontMatter converts front matter to the members of a post.
func fromFrontMatter(front map[string]any) map[string]any {
	post := maps.Clone(front)
	if post == nil {
		post = make(map[string]any)
	}
	for _, f := range frontMatterKeys {
		key := f.key
		value, ok := front[key]
		if !ok && f.member == "external_url" {
			key, value, ok = anyCase(front, key)
		}
		if f.member == "external_url" {
			value = addressIn(value)
		}
		if !ok || f.key == "permalink" && !isAddress(value) ||
			f.member == "external_url" && !isExternal(key, value, front) {
			continue
		}
		if key != f.member {
			delete(post, key)
		}
		if _, given := post[f.member]; !given {
			post[f.member] = value
		}
	}
	setExternalSource(post, front)
	setScalars(post)
	if id, ok := post["id"]; ok {
		post["id"] = fmt.Sprint(id)
	}
	setImage(post)
	setAuthors(post, front)
	setTags(post, front)
	setVia(post, front)
	dropForeignAttribution(post)
	// postFile.members converts these keys to the status.
	maps.DeleteFunc(post, func(key string, _ any) bool {
		key = strings.ToLower(key)
		return frontVisibility[key] != nil || scheduleKeys[key]
	})
	return post
}

// dropForeignAttribution removes the member "attribution" if its value belongs to a different program: a list, an
// object or text of several words, such as the credits of pictures.
func dropForeignAttribution(post map[string]any) {
	switch v := post["attribution"].(type) {
	case []any, map[string]any:
		delete(post, "attribution")
	case string:
		if len(strings.Fields(v)) > 1 {
			delete(post, "attribution")
		}
	}
}

// anyCase returns the first front matter key that equals the given key, ignoring case, such as "externalUrl", and its
// value.
func anyCase(front map[string]any, key string) (given string, value any, ok bool) {
	for _, given := range slices.Sorted(maps.Keys(front)) {
		if strings.EqualFold(given, key) {
			return given, front[given], true
		}
	}
	return "", nil, false
}

// setScalars converts dates, titles and summaries to strings.
func setScalars(post map[string]any) {
	for _, key := range []string{"date_published", "date_modified"} {
		switch t := post[key].(type) {
		case time.Time:
			post[key] = t.Format(time.RFC3339Nano)
		case fmt.Stringer: // a TOML local date
			post[key] = t.String()
		}
	}
	// A title such as 1984 is a number in YAML.
	for _, key := range []string{"title", "summary"} {
		switch v := post[key].(type) {
		case int64, uint64, float64, bool:
			post[key] = fmt.Sprint(v)
		}
	}
}

// setImage replaces an image object with the URL of the image.
func setImage(post map[string]any) {
	image, ok := post["image"].(map[string]any)
	if !ok {
		return
	}
	delete(post, "image")
	for _, key := range []string{"url", "path", "src"} {
		if address, ok := image[key].(string); ok {
			post["image"] = address
		}
	}
}

// addressIn returns the URL in an object that describes an article, such as {href: URL, title: "H"}, or in a list of
// one element. It returns any other value unchanged.
func addressIn(value any) any {
	switch v := value.(type) {
	case []any:
		if len(v) == 1 {
			return addressIn(v[0])
		}
	case map[string]any:
		for _, key := range []string{"url", "href", "link"} {
			if address := stringAt(v, key); isURL(strings.TrimSpace(address)) {
				return address
			}
		}
	}
	return value
}

// setExternalSource sets the member [intake.SourceMember] to what an object for the external URL says about the page,
// as in "source: {title: Winter, author: Ann Ross, date: 2012-05-03, name: The Guardian}".
func setExternalSource(post, front map[string]any) {
	for _, f := range frontMatterKeys {
		if f.member != "external_url" {
			continue
		}
		key, value, ok := anyCase(front, f.key)
		if list, isList := value.([]any); isList && len(list) == 1 {
			value = list[0]
		}
		given, isObject := value.(map[string]any)
		if !ok || !isObject {
			continue
		}
		address, hasAddress := addressIn(given).(string)
		external, hasExternal := post["external_url"].(string)
		if post[key] != nil && hasAddress || hasAddress != hasExternal || address != external {
			continue // the URL is the post's own, or a different key gives the external URL
		}
		if source := sourceObject(given); len(source) > 0 {
			post[intake.SourceMember] = source
		}
		return
	}
}

// sourceObject returns the source that an object in front matter describes.
func sourceObject(given map[string]any) map[string]any {
	source := make(map[string]any)
	for member, keys := range map[string][]string{
		"headline": {"headline", "title"}, "publication": {"publication", "publisher", "name", "site", "website"},
		"date_published": {"date_published", "date", "published", "year"},
	} {
		for _, key := range keys {
			value := stringAt(given, key)
			if t, ok := given[key].(time.Time); ok {
				value = t.Format(time.DateOnly)
			}
			if member == "date_published" {
				value = sourceDate(value)
			}
			if value != "" && !isURL(value) && source[member] == nil {
				source[member] = value
			}
		}
	}
	for _, key := range []string{"authors", "author"} {
		if authors := authorList(given[key]); len(authors) > 0 {
			source["authors"] = authors
			break
		}
	}
	return source
}

// sourceDate returns the date of a source as a year, a year and month, or a day. It returns "" if text is not a date.
func sourceDate(text string) string {
	if _, err := time.Parse("2006", text); err == nil {
		return text
	}
	if _, err := time.Parse("2006-01", text); err == nil {
		return text
	}
	t, err := parseDate(text, time.UTC)
	if err != nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

// isExternal reports whether the value of a key is the URL of an article that the post is about. On many sites, some of
// the keys have a different meaning, such as a path or the post's own URL. An external_url that is not a URL is left
// for package intake to report.
func isExternal(key string, value any, front map[string]any) bool {
	if key == "external_url" {
		return true
	}
	address, ok := value.(string)
	address = strings.TrimSpace(address)
	bare := func(s string) string {
		_, rest, _ := strings.Cut(s, "://")
		return strings.TrimRight(rest, "/")
	}
	return ok && isURL(address) && bare(address) != bare(stringAt(front, "url")) &&
		!(permalinkKeys[strings.ToLower(key)] && isPermalink(address, front))
}

// permalinkKeys are the keys for an external URL in which exporters, such as those of WordPress, write the post's own
// URL.
var permalinkKeys = setOf("link", "linkurl", "link_url", "link-url", "source_url", "source")

// exportKeys are the keys that exporters of WordPress write next to the post's own URL. Their case matters: "id" is a
// key of many programs.
var exportKeys = []string{"ID", "post_id", "post_name", "post_date", "post_date_gmt", "created_gmt", "wordpress_id", "wp_id"}

// blogHosts are the domains of hosted blogs, from which many sites have moved.
var blogHosts = []string{".wordpress.com", ".blogspot.com", ".typepad.com", ".livejournal.com", ".tumblr.com", ".over-blog.com",
	".posterous.com", ".blogger.de", ".canalblog.com", ".ghost.io", ".medium.com"}

// isPermalink reports whether the URL is the post's own, as in WordPress exports: the front matter has keys of such
// an export, the last part of the path is the slug, or it is the slug of the title and the host is that of a hosted
// blog. On other hosts, a post about an article may have the article's title.
func isPermalink(address string, front map[string]any) bool {
	if slices.ContainsFunc(exportKeys, func(key string) bool { return front[key] != nil }) {
		return true
	}
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), ".html")
	last := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	if last == "" {
		return false
	}
	return last == strings.ToLower(stringAt(front, "slug")) || last == pathname.Slug(stringAt(front, "title")) &&
		slices.ContainsFunc(blogHosts, func(h string) bool { return strings.HasSuffix(strings.ToLower(u.Hostname()), h) })
}

// setVia sets the via of a post. Front matter may contain a URL, a name, an object, or a list of these.
func setVia(post, front map[string]any) {
	value, ok := front["via"]
	if !ok {
		return
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var vias []any
	for _, v := range list {
		switch v := v.(type) {
		case nil, bool:
		case map[string]any:
			vias = append(vias, v)
		default:
			if text := strings.TrimSpace(fmt.Sprint(v)); isURL(text) {
				vias = append(vias, map[string]any{"url": text})
			} else if text != "" {
				vias = append(vias, map[string]any{"name": text})
			}
		}
	}
	for _, key := range []string{"via_url", "via-url"} {
		address := stringAt(front, key)
		if named, ok := firstOf(vias).(map[string]any); ok && len(vias) == 1 && named["url"] == nil && isURL(address) {
			named["url"] = address
			delete(post, key)
		}
	}
	if post["via"] = vias; len(vias) == 0 {
		delete(post, "via")
	}
}

// firstOf returns the first element of a list, or nil.
func firstOf(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func setAuthors(post, front map[string]any) {
	for _, key := range []string{"authors", "author"} {
		if value, ok := front[key]; ok {
			delete(post, "author")
			if authors := authorList(value); len(authors) > 0 {
				post["authors"] = authors
			} else {
				delete(post, "authors")
			}
			return
		}
	}
}

// setTags joins tags and categories.
func setTags(post, front map[string]any) {
	taxonomies, _ := front["taxonomies"].(map[string]any) // as in Zola
	tags := slices.Concat(stringList(front["tags"]), stringList(front["categories"]), stringList(front["category"]),
		stringList(taxonomies["tags"]), stringList(taxonomies["categories"]))
	for _, key := range []string{"tags", "categories", "category", "taxonomies"} {
		delete(post, key)
	}
	if len(tags) > 0 {
		post["tags"] = tags
	}
}

// authorList converts a name, an object, or a list of them to the authors of a post. WordPress's exporter to Jekyll
// writes an object with display_name, login and email keys. Authors without a name are omitted, and e-mail addresses
// are never used.
func authorList(value any) []any {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	authors := make([]any, 0, len(list))
	for _, v := range list {
		switch v := v.(type) {
		case nil, bool:
		case map[string]any:
			if author := authorObject(v); len(author) > 0 {
				authors = append(authors, author)
			}
		default:
			if name := strings.TrimSpace(fmt.Sprint(v)); name != "" {
				authors = append(authors, map[string]any{"name": name})
			}
		}
	}
	return authors
}

// authorObject returns an author with its members renamed to feedpub's. Other members are kept if there is a name.
func authorObject(given map[string]any) map[string]any {
	author := maps.Clone(given)
	for member, keys := range map[string][]string{
		"name": {"name", "display_name", "displayname", "nickname", "login"}, "url": {"url", "uri", "website", "link"},
	} {
		value := ""
		for _, key := range keys {
			value = first(value, stringAt(given, key))
		}
		delete(author, member)
		if value != "" && (member == "name" || isURL(value)) {
			author[member] = value
		}
	}
	for _, key := range []string{"display_name", "displayname", "nickname", "login", "email", "uri", "website", "link"} {
		delete(author, key)
	}
	if author["name"] == nil && author["url"] == nil && stringAt(author, "avatar") == "" {
		return nil
	}
	return author
}

// stringList returns the scalars of a list as strings, or the parts of a comma-separated string.
func stringList(value any) []any {
	var list []any
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			switch element.(type) {
			case nil, map[string]any, []any:
			default:
				add(fmt.Sprint(element)) // a tag may be a number, such as a year
			}
		}
	case string:
		for part := range strings.SplitSeq(v, ",") {
			add(part)
		}
	}
	return list
}

// isAddress reports whether a permalink is a URL or path, rather than a pattern such as "/:year/:title/" or the name of
// a pattern.
func isAddress(value any) bool {
	s, ok := value.(string)
	return ok && (isURL(s) || strings.HasPrefix(s, "/") && !strings.Contains(s, ":"))
}
