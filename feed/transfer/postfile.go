package transfer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// postFile is a file that contains one post in Markdown, HTML, or plain text with front matter.
type postFile struct {
	options Options
	name    string // slash-separated path
	html    bool   // the file is in HTML
	text    bool   // the file is in plain text; if neither is set, it is in Markdown
	served  bool   // the file is in a served folder, next to the files that it refers to
}

// convertedFile is the result of converting a postFile.
type convertedFile struct {
	post  feed.RawPost
	page  bool // a page of the site, not a post
	notes []string
}

// note adds notes about the file with the given name. Empty notes are ignored.
func (c *convertedFile) note(name string, notes ...string) {
	for _, note := range notes {
		if note != "" {
			c.notes = append(c.notes, name+": "+note)
		}
	}
}

func readMarkdownFile(o Options, in *input, yield func(Entry, error) bool) {
	yield(postFile{options: o, name: in.name}.read(in))
}

func readHTMLFile(o Options, in *input, yield func(Entry, error) bool) {
	yield(postFile{options: o, name: in.name, html: true}.read(in))
}

func decodeMarkdownFile(o Options, name string, content []byte) ([]feed.RawPost, error) {
	return postFile{options: o, name: name}.posts(content)
}

func decodeHTMLFile(o Options, name string, content []byte) ([]feed.RawPost, error) {
	return postFile{options: o, name: name, html: true}.posts(content)
}

// read reads the whole file and returns its entry: the post, or a page that is skipped. The error is of kind
// [feed.ErrInvalid] if the post must be rejected.
func (f postFile) read(in *input) (Entry, error) {
	fail := func(err error) (Entry, error) { return Entry{Pos: f.name}, fmt.Errorf("%s: %w", f.name, err) }
	content, err := io.ReadAll(io.LimitReader(in.r, f.options.maxFile()+1))
	if err != nil {
		return Entry{Pos: f.name}, fmt.Errorf("read %s: %w", f.name, err)
	}
	if int64(len(content)) > f.options.maxFile() || sizeWithoutImages(string(content)) > intake.MaxSize {
		return fail(fmt.Errorf("want at most %d bytes: %w", intake.MaxSize, feed.ErrInvalid))
	}
	c, err := f.convert(content)
	if err == nil {
		err = intake.CheckID(c.post.ID)
	}
	switch {
	case err != nil:
		return fail(err)
	case c.page && !f.options.Pages:
		return skipped(f.name, "page"), nil
	default:
		return Entry{Post: &c.post, Pos: f.name, Notes: c.notes}, nil
	}
}

// posts returns the post in the file; see [Options.Decode].
func (f postFile) posts(content []byte) ([]feed.RawPost, error) {
	f.served = true
	c, err := f.convert(content)
	if err != nil {
		return nil, err
	}
	return []feed.RawPost{c.post}, nil
}

// convert converts the file to a post. If the post has no id, the file name becomes its id. The name may begin with the
// date of the post. Files in a "_drafts" folder are drafts. Package intake validates dates and URLs for all formats.
// Errors are of kind [feed.ErrInvalid].
func (f postFile) convert(content []byte) (convertedFile, error) {
	var c convertedFile
	if f.options.generator != nil && !utf8.Valid(content) {
		c.note(f.name, "not UTF-8: "+aroundInvalid(content)+"; such bytes are read as Windows-1252")
		content = repairUTF8(content)
	}
	text, err := f.decode(content)
	if err != nil {
		return c, err
	}
	cut := frontMatter{body: text}
	if !f.html || !strings.HasPrefix(text, "{") {
		if cut, err = f.cut(text); err != nil {
			return c, err
		}
		c.note(f.name, cut.notes...)
	}
	if g := f.options.generator; g != nil {
		if err := f.generate(g, text, &cut, &c); err != nil {
			return c, err
		}
	}
	members, note, err := f.members(cut.values, cut.body)
	if err != nil {
		return c, err
	}
	if g := f.options.generator; g != nil && members["title"] == nil && g.title(f.name) != "" {
		members["title"] = g.title(f.name)
	}
	if f.options.generator == nil {
		c.note(f.name, spellingNotes(cut.values)...)
	}
	c.note(f.name, note)
	c.note(f.name, f.addMedia(members)...)
	f.addNotes(members, c.notes)
	id, _ := members["id"].(string)
	id, note = f.options.ids.claim(first(id, f.name), f.name)
	c.note(f.name, note)
	members["id"] = id
	raw, err := json.Marshal(members)
	if err != nil {
		return c, fmt.Errorf("front matter: %w: %w", err, feed.ErrInvalid)
	}
	c.post = feed.RawPost{ID: id, Raw: raw}
	return c, nil
}

// cut splits the text of a file into front matter and body. Outside the site of a generator, a Markdown file may begin
// with a header without an opening line.
func (f postFile) cut(text string) (frontMatter, error) {
	if f.text {
		cut, _, err := cutTextHeader(text, f.options)
		return cut, err
	}
	if !f.html && f.options.generator == nil {
		if cut, ok, err := cutBareHeader(text, f.options); ok || err != nil {
			return cut, err
		}
	}
	return cutFrontMatter(text)
}

// generate converts the front matter and body of a file as the generator of its site does, and updates c.
func (f postFile) generate(g generator, text string, cut *frontMatter, c *convertedFile) error {
	if cut.values == nil {
		cut.values = map[string]any{}
	}
	page, notes, err := g.complete(f.name, cut.values)
	if err != nil {
		return err
	}
	c.page = page
	c.note(f.name, notes...)
	setAddress(g, f.name, cut.values)
	t := newTemplateText(f.name, text, cut.body, cut.values)
	if err := g.expand(t); err != nil {
		return err
	}
	cut.body = t.text
	c.notes = append(c.notes, t.notes...)
	return nil
}

// addMedia adds the members that a post needs to refer to files: the path of its own file, and missing media types of
// attachments. An attachment can be just a URL. If its media type is unknown, it is removed, with a note.
func (f postFile) addMedia(members map[string]any) (notes []string) {
	if f.served && path.Dir(f.name) != "." {
		members[intake.FileMember] = f.name
	}
	list, ok := members["attachments"].([]any)
	if !ok {
		return nil
	}
	kept := make([]any, 0, len(list))
	for _, element := range list {
		address, isText := element.(string)
		a, isObject := element.(map[string]any)
		if isText {
			a = map[string]any{"url": address}
			element = a
		}
		if isObject {
			address, _ = a["url"].(string)
		}
		mediaType := ""
		if u, err := url.Parse(address); err == nil {
			mediaType, _, _ = strings.Cut(feed.MediaType(path.Base(u.Path)), ";")
		}
		switch {
		case isText && mediaType == "":
			notes = append(notes, fmt.Sprintf("attachment %q is left out, since its type is unknown", shorten(address)))
			continue
		case (isText || isObject) && a["mime_type"] == nil && mediaType != "":
			a["mime_type"] = mediaType
		}
		kept = append(kept, element)
	}
	if members["attachments"] = kept; len(kept) == 0 {
		delete(members, "attachments")
	}
	return notes
}

// addNotes stores the notes in a member of the post if the file is in a served folder, so that they are reported with
// the post's problems.
func (f postFile) addNotes(members map[string]any, notes []string) {
	delete(members, intake.NotesMember)
	if !f.served || len(notes) == 0 {
		return
	}
	list := make([]string, len(notes))
	for i, note := range notes {
		list[i] = strings.TrimPrefix(note, f.name+": ")
	}
	members[intake.NotesMember] = list
}

// decode converts the content to UTF-8.
func (f postFile) decode(content []byte) (string, error) {
	if f.html {
		content, err := htmlText(content)
		return string(content), err
	}
	if !utf8.Valid(content) {
		return "", fmt.Errorf("not UTF-8: %s: %w", aroundInvalid(content), feed.ErrInvalid)
	}
	return string(content), nil
}

// repairUTF8 converts the bytes that are not UTF-8 from Windows-1252. Site generators accept files in which some words
// were written with an old encoding.
func repairUTF8(content []byte) []byte {
	decode := charmap.Windows1252.DecodeByte
	var fixed []byte
	for len(content) > 0 {
		r, n := utf8.DecodeRune(content)
		if r == utf8.RuneError && n == 1 {
			r = decode(content[0])
		}
		fixed = utf8.AppendRune(fixed, r)
		content = content[n:]
	}
	return fixed
}

// setAddress sets the URL of a post to the URL of its page on the site.
func setAddress(g generator, name string, front map[string]any) {
	if address := g.address(name, front); address != "" {
		front["url"] = joinAddress(g.base(), address)
	} else {
		delete(front, "url")
	}
	delete(front, "permalink") // the permalink has become the URL
}

// members returns the members of the post, and a note for the user, which may be empty.
func (f postFile) members(front map[string]any, body string) (members map[string]any, note string, err error) {
	if f.options.generator == nil { // the templates of a site may use any key, even one that looks misspelled
		if err := checkSpelling(front); err != nil {
			return nil, "", err
		}
	}
	switch {
	case f.html:
		if members, err = readHTML([]byte(body)); err != nil {
			return nil, "", err
		}
		maps.Copy(members, fromFrontMatter(front))
	case f.text:
		if members, err = f.readTextBody(front, body); err != nil {
			return nil, "", err
		}
	default:
		members = readMarkdown(front, body)
	}
	addFromName(members, f.name)
	if address, ok := members["url"].(string); ok && strings.HasPrefix(address, "/") && f.options.BaseURL != "" {
		members["url"] = joinAddress(f.options.BaseURL, address)
	}
	for _, key := range []string{"date_published", "date_modified"} {
		text, ok := members[key].(string)
		if _, standard := intake.ParseDate(text); !ok || standard {
			continue
		}
		if t, err := parseDate(text, f.options.location()); err == nil {
			members[key] = t.Format(time.RFC3339)
		}
	}
	note, err = f.setVisibility(members, front)
	return members, note, err
}

// setVisibility sets the status of a post, and the date of a scheduled post.
func (f postFile) setVisibility(members, front map[string]any) (note string, err error) {
	v, err := frontMatterVisibility(front, f.options)
	if err != nil {
		return "", err
	}
	if slices.Contains(strings.Split(path.Dir(f.name), "/"), "_drafts") {
		v = v.stricter(visibility{status: feed.Draft})
	}
	if err := addSchedule(members, front, f.options); err != nil {
		return "", err
	}
	published, _ := dateAt(members, f.options.location(), "date_published")
	if err := v.checkDate(published); err != nil {
		return "", err
	}
	if v.status != "" {
		v.note = "" // the note only applies to published posts
	}
	if status := cmp.Or(v.status, publishedStatus(front)); status != "" {
		members["status"] = string(status)
	}
	return v.note, nil
}

// datedName matches file names that begin with a date, as in Jekyll and many Hugo sites.
var datedName = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})-`)

// addFromName sets the date of a post to the date in the file name, if the post has no date.
func addFromName(members map[string]any, name string) {
	if m := datedName.FindStringSubmatch(path.Base(name)); m != nil && members["date_published"] == nil {
		if _, ok := intake.ParseDate(m[1]); ok {
			members["date_published"] = m[1]
		}
	}
}

// isFrontMatter reports whether a file begins with front matter in YAML or TOML.
func isFrontMatter(start []byte) bool {
	line, _, ok := bytes.Cut(bytes.TrimLeft(start, blanks), []byte("\n"))
	line = bytes.TrimRight(line, " \t\r")
	return ok && (string(line) == "---" || string(line) == "+++")
}

// readMarkdown returns the members of a post in Markdown.
func readMarkdown(front map[string]any, body string) map[string]any {
	post := fromFrontMatter(front)
	body = strings.TrimLeft(body, "\r\n")
	if _, ok := post["title"]; !ok {
		// If the front matter has no title, the first heading is the title. It is removed from the content, since readers
		// would see it twice.
		if line, rest, _ := strings.Cut(body, "\n"); strings.HasPrefix(line, "# ") {
			post["title"] = strings.TrimSpace(strings.TrimPrefix(line, "# "))
			body = strings.TrimLeft(rest, "\r\n")
		}
	}
	post["content_markdown"] = body
	return post
}
