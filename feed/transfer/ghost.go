package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// ghostSite holds the tables of a Ghost export that posts refer to.
type ghostSite struct {
	options Options
	base    string                 // URL of the site without a trailing slash, or ""
	pattern string                 // pattern of post URLs
	users   map[string]string      // names by id
	tags    map[string]string      // names by id; internal tags are missing
	authors map[string][]ghostLink // users by the id of a post
	labels  map[string][]ghostLink // tags by the id of a post
	mail    map[string]bool        // ids of posts that were only sent by email
}

// ghostLink is a row of a table that relates posts to users or tags.
type ghostLink struct {
	id    string
	order int
}

// ghostValue is a value in an export: an id or flag may be a number, a string, a boolean or null.
type ghostValue string

// UnmarshalJSON implements [json.Unmarshaler].
func (v *ghostValue) UnmarshalJSON(raw []byte) error {
	var s string
	switch {
	case len(raw) > 0 && raw[0] == '"':
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
	case len(raw) > 0 && (raw[0] == '{' || raw[0] == '['):
		return fmt.Errorf("want a string or number, got %s", shorten(string(raw)))
	case string(raw) != "null":
		s = string(raw)
	}
	*v = ghostValue(strings.TrimSpace(s))
	return nil
}

// ghostRow holds the columns that are read from the tables of an export.
type ghostRow struct {
	ID           ghostValue `json:"id"`
	UUID         ghostValue `json:"uuid"`
	Title        ghostValue `json:"title"`
	Slug         ghostValue `json:"slug"`
	HTML         ghostValue `json:"html"`
	Markdown     ghostValue `json:"markdown"`
	Plaintext    ghostValue `json:"plaintext"`
	Lexical      ghostValue `json:"lexical"`
	Mobiledoc    ghostValue `json:"mobiledoc"`
	FeatureImage ghostValue `json:"feature_image"`
	Image        ghostValue `json:"image"`
	Excerpt      ghostValue `json:"custom_excerpt"`
	Status       ghostValue `json:"status"`
	Visibility   ghostValue `json:"visibility"`
	Type         ghostValue `json:"type"`
	Page         ghostValue `json:"page"`
	Language     ghostValue `json:"language"`
	Locale       ghostValue `json:"locale"`
	PublishedAt  ghostValue `json:"published_at"`
	UpdatedAt    ghostValue `json:"updated_at"`
	PostAuthor   ghostValue `json:"author_id"` // also a column of posts_authors
	PostID       ghostValue `json:"post_id"`
	TagID        ghostValue `json:"tag_id"`
	SortOrder    ghostValue `json:"sort_order"`
	Name         ghostValue `json:"name"`
	EmailOnly    ghostValue `json:"email_only"`
	Key          ghostValue `json:"key"`
	Value        ghostValue `json:"value"`
}

var (
	ghostStart = regexp.MustCompile(`^\s*\{\s*"db"\s*:\s*\[\s*\{\s*"(?:meta|data)"\s*:`)
	ghostPlain = regexp.MustCompile(`^\s*\{\s*"(?:meta|data)"\s*:\s*\{`)
)

// isGhost reports whether a file is a Ghost export.
func isGhost(start []byte) bool {
	return ghostStart.Match(start) || ghostPlain.Match(start) && bytes.Contains(start, []byte(`"exported_on"`))
}

// maxGhostStream is the maximum size of an export that can be read only once, such as a compressed file.
const maxGhostStream = 256 << 20

// readGhost reads a Ghost export. It reads the file twice, since posts precede the tables of authors and tags.
func readGhost(o Options, in *input, yield func(Entry, error) bool) {
	fail := func(err error) { yield(Entry{Pos: in.name}, fmt.Errorf("%s: %w", in.name, err)) }
	first, second := io.Reader(in.r), io.Reader(nil)
	if in.reopen != nil {
		again, err := in.reopen()
		if err != nil {
			fail(err)
			return
		}
		second = again
	} else {
		content, err := io.ReadAll(io.LimitReader(in.r, maxGhostStream+1))
		switch {
		case err != nil:
			fail(err)
			return
		case len(content) > maxGhostStream:
			fail(fmt.Errorf("a compressed Ghost export of more than %d bytes; decompress it first: %w", maxGhostStream, feed.ErrInvalid))
			return
		}
		first, second = bytes.NewReader(content), bytes.NewReader(content)
	}
	g := newGhostSite(o)
	// An error ends the import: the part that cannot be read may list posts that were sent only by email, and these must
	// not be published.
	if err := newGhostFile(in.name, first).read(g.addRow); err != nil {
		fail(err)
		return
	}
	if g.base == "" && !yield(Entry{Pos: in.name, Notes: []string{
		in.name + ": a Ghost export lacks the URL of the site; give it with --base-url, or post URLs will be paths"}}, nil) {
		return
	}
	err := newGhostFile(in.name, second).read(func(table string, raw []byte, pos string) error {
		if table != "posts" {
			return nil
		}
		e, err := g.entry(raw, pos)
		if err != nil {
			e, err = Entry{Pos: pos}, fmt.Errorf("%s: %w", pos, err)
		}
		if !yield(e, err) {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		fail(err)
	}
}

// errStop stops reading an export when the caller wants no more entries.
var errStop = errors.New("stop")

func newGhostSite(o Options) *ghostSite {
	return &ghostSite{
		options: o, base: strings.TrimRight(o.BaseURL, "/"), pattern: "/:slug/", users: map[string]string{}, tags: map[string]string{},
		authors: map[string][]ghostLink{}, labels: map[string][]ghostLink{}, mail: map[string]bool{},
	}
}

// addRow adds a row of any table except posts. It returns an error of kind [feed.ErrInvalid] for a row of posts_meta
// that cannot be read, since it could determine that a post is not public. It ignores an unreadable row of any other
// table, since a post would at most lack a tag, an author or the right URL.
func (g *ghostSite) addRow(table string, raw []byte, pos string) error {
	var r ghostRow
	if table == "posts" {
		return nil
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		if table == "posts_meta" {
			return fmt.Errorf("%s: posts_meta: %w: %w", pos, err, feed.ErrInvalid)
		}
		return nil
	}
	order := 0
	_, _ = fmt.Sscan(string(r.SortOrder), &order) // order stays 0 if the value is missing
	post := string(r.PostID)
	switch table {
	case "users":
		g.users[string(r.ID)] = string(r.Name)
	case "tags":
		if r.Visibility != "internal" && !strings.HasPrefix(string(r.Name), "#") {
			g.tags[string(r.ID)] = string(r.Name)
		}
	case "posts_authors":
		g.authors[post] = append(g.authors[post], ghostLink{string(r.PostAuthor), order})
	case "posts_tags":
		g.labels[post] = append(g.labels[post], ghostLink{string(r.TagID), order})
	case "posts_meta":
		g.mail[post] = g.mail[post] || !isFalse(r.EmailOnly)
	case "settings":
		g.setPattern(r)
	}
	return nil
}

// setPattern sets the pattern of post URLs if the row is the "permalinks" setting.
func (g *ghostSite) setPattern(r ghostRow) {
	if r.Key == "permalinks" && strings.Contains(string(r.Value), ":slug") {
		g.pattern = string(r.Value)
	}
}

// isFalse reports whether a flag is known to be false.
func isFalse(v ghostValue) bool {
	set, known := booleans[strings.ToLower(string(v))]
	return known && !set
}

// ghostStatuses maps Ghost's statuses to visibilities. A post with the "sent" status was only sent by email.
var ghostStatuses = map[string]visibility{
	"published": {}, "draft": {status: feed.Draft}, "scheduled": {scheduled: true}, "sent": {status: feed.Private},
}

// ghostAudiences maps Ghost's visibilities to feedpub's. A post for some members is not public.
var ghostAudiences = map[string]visibility{
	"": {}, "public": {}, "members": {status: feed.Private}, "paid": {status: feed.Private}, "tiers": {status: feed.Private},
	"filter": {status: feed.Private}, "none": {status: feed.Private}, "private": {status: feed.Private},
}

// visibility returns the visibility of a post. It returns an error of kind [feed.ErrInvalid] if the visibility is
// unknown.
func (g *ghostSite) visibility(r ghostRow) (visibility, error) {
	v, ok := ghostStatuses[strings.ToLower(string(r.Status))]
	if !ok {
		return v, fmt.Errorf("unknown status %q: %w", shorten(string(r.Status)), feed.ErrInvalid)
	}
	audience, ok := ghostAudiences[strings.ToLower(string(r.Visibility))]
	if !ok {
		return v, fmt.Errorf("unknown visibility %q: %w", shorten(string(r.Visibility)), feed.ErrInvalid)
	}
	if g.mail[string(r.ID)] {
		audience.status = feed.Private
	}
	return v.stricter(audience), nil
}

// isPage reports whether a row of the posts table is a page. The error is of kind [feed.ErrInvalid].
func (r ghostRow) isPage() (bool, error) {
	page, known := booleans[strings.ToLower(string(r.Page))]
	switch kind := strings.ToLower(string(r.Type)); {
	case !known:
		return false, fmt.Errorf("page: want true or false, got %q: %w", shorten(string(r.Page)), feed.ErrInvalid)
	case kind == "" || kind == "post":
		return page, nil
	case kind == "page":
		return true, nil
	default:
		return false, fmt.Errorf("unknown type %q: %w", shorten(kind), feed.ErrInvalid)
	}
}

// entry converts a row of the posts table. Errors are of kind [feed.ErrInvalid].
func (g *ghostSite) entry(raw []byte, pos string) (Entry, error) {
	var r ghostRow
	if raw == nil {
		return Entry{}, errTooLarge
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	page, err := r.isPage()
	if err != nil {
		return Entry{}, err
	}
	if page && !g.options.Pages {
		return skipped(pos, "page"), nil
	}
	v, err := g.visibility(r)
	if err != nil {
		return Entry{}, err
	}
	p, err := g.post(r)
	if err == nil {
		err = v.checkDate(p.DatePublished)
	}
	if err != nil {
		return Entry{}, err
	}
	p.Status = v.status
	return postEntry(p, pos)
}

// post converts a row of the posts table, except for its status.
func (g *ghostSite) post(r ghostRow) (p feed.Post, err error) {
	p = feed.Post{
		ID: string(r.ID), Title: string(r.Title), Summary: string(r.Excerpt),
		Image: g.address(first(string(r.FeatureImage), string(r.Image))), Language: r.language(),
	}
	// Before version 1.0, ids were numbers, and feeds had the UUID as the guid.
	if numeric := strings.Trim(p.ID, "0123456789") == ""; numeric || p.ID == "" {
		p.ID = first(string(r.UUID), p.ID)
	}
	for _, d := range []struct {
		into *time.Time
		text string
	}{{&p.DatePublished, string(r.PublishedAt)}, {&p.DateModified, string(r.UpdatedAt)}} {
		if *d.into, err = ghostDate(d.text); err != nil {
			return p, err
		}
	}
	if !p.DateModified.After(p.DatePublished) {
		p.DateModified = time.Time{}
	}
	g.setNames(r, &p)
	switch {
	case r.HTML != "":
		p.ContentHTML = g.address(string(r.HTML))
	case r.Markdown != "":
		p.ContentMarkdown = g.address(string(r.Markdown))
	case r.Plaintext != "":
		p.ContentText = string(r.Plaintext)
	case r.Lexical != "" && !emptyLexical(string(r.Lexical)) || r.Mobiledoc != "" && !emptyMobiledoc(string(r.Mobiledoc)):
		return p, fmt.Errorf("post %q has content only in Ghost's editor format; save it in Ghost and export again: %w",
			shorten(p.Title), feed.ErrInvalid)
	}
	p.URL = g.url(r, p.DatePublished)
	return p, nil
}

// lexicalNode is a node of a document in the format of Ghost's editor.
type lexicalNode struct {
	Type, Text string
	Children   []lexicalNode
}

// empty reports whether the node displays nothing. Nodes of unknown types are not empty, since they may be pictures.
func (n lexicalNode) empty() bool {
	switch n.Type {
	case "root", "paragraph", "linebreak", "text", "extended-text":
		return strings.TrimSpace(n.Text) == "" && !slices.ContainsFunc(n.Children, func(c lexicalNode) bool { return !c.empty() })
	}
	return false
}

// emptyLexical reports whether a document in the format of Ghost's editor is empty, such as that of a new draft.
func emptyLexical(document string) bool {
	var d struct{ Root lexicalNode }
	return json.Unmarshal([]byte(document), &d) == nil && d.Root.Type == "root" && d.Root.empty()
}

// emptyMobiledoc is like emptyLexical, but for the format of the editor before Ghost 5.
func emptyMobiledoc(document string) bool {
	var d struct {
		Atoms, Cards []any
		Sections     [][]json.RawMessage // a paragraph has three elements: 1, the element's name, and its markers
	}
	if json.Unmarshal([]byte(document), &d) != nil || len(d.Atoms)+len(d.Cards) > 0 || d.Sections == nil {
		return false
	}
	for _, section := range d.Sections {
		var markers [][]any // the last element of a marker is its text
		if len(section) != 3 || string(section[0]) != "1" || json.Unmarshal(section[2], &markers) != nil {
			return false
		}
		for _, marker := range markers {
			if len(marker) == 0 {
				return false
			}
			if text, ok := marker[len(marker)-1].(string); !ok || strings.TrimSpace(text) != "" {
				return false
			}
		}
	}
	return true
}

// setNames sets the authors and tags of p.
func (g *ghostSite) setNames(r ghostRow, p *feed.Post) {
	for _, l := range sortedLinks(g.authors[string(r.ID)]) {
		if name := g.users[l]; name != "" {
			p.Authors = append(p.Authors, feed.Author{Name: name})
		}
	}
	if name := g.users[string(r.PostAuthor)]; len(p.Authors) == 0 && name != "" {
		p.Authors = []feed.Author{{Name: name}}
	}
	for _, l := range sortedLinks(g.labels[string(r.ID)]) {
		p.Tags = addTag(p.Tags, g.tags[l])
	}
}

// language returns the language of a post as a tag, such as "en-US".
func (r ghostRow) language() string {
	return strings.ReplaceAll(string(cmp.Or(r.Locale, r.Language)), "_", "-")
}

// ghostDate parses a date, which is in RFC 3339 format or a number of milliseconds.
func ghostDate(text string) (time.Time, error) {
	var milliseconds int64
	if strings.Trim(text, "0123456789") == "" && len(text) > 10 {
		if _, err := fmt.Sscan(text, &milliseconds); err == nil {
			return time.UnixMilli(milliseconds).UTC(), nil
		}
	}
	if text == "" {
		return time.Time{}, nil
	}
	return parseDate(text, time.UTC)
}

// sortedLinks returns the ids of rows in sort order.
func sortedLinks(links []ghostLink) (ids []string) {
	slices.SortStableFunc(links, func(a, b ghostLink) int { return cmp.Compare(a.order, b.order) })
	for _, l := range links {
		ids = append(ids, l.id)
	}
	return ids
}

// address replaces the placeholder for the site's URL in a text.
func (g *ghostSite) address(text string) string {
	return strings.ReplaceAll(text, "__GHOST_URL__", g.base)
}

// url returns the URL of a post's page.
func (g *ghostSite) url(r ghostRow, published time.Time) string {
	if r.Slug == "" {
		return ""
	}
	pattern := g.pattern
	if page, _ := r.isPage(); page { // entry has checked the type
		pattern = "/:slug/"
	}
	p := strings.NewReplacer(":slug", string(r.Slug), ":id", string(r.ID), ":year", published.Format("2006"),
		":month", published.Format("01"), ":day", published.Format("02")).Replace(pattern)
	return joinAddress(g.base, escapePath(p))
}

// ghostFile reads the tables of an export row by row.
type ghostFile struct {
	j   *jsonReader
	row func(table string, raw []byte, pos string) error
}

func newGhostFile(name string, r io.Reader) *ghostFile {
	return &ghostFile{j: &jsonReader{input: &input{r: bufio.NewReaderSize(r, peekSize), name: name, line: 1}}}
}

// read calls row for each row of each table, and stops if row returns an error. For a row that is too large, raw is
// nil.
func (f *ghostFile) read(row func(table string, raw []byte, pos string) error) error {
	f.row = row
	err := f.object(func(name string) error {
		switch name {
		case "db":
			return f.array(func() error { return f.object(f.database) })
		default:
			return f.database(name)
		}
	})
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: the JSON ends too early: %w", f.j.line, feed.ErrInvalid)
	}
	return err
}

// database reads a member of a database, whose "data" member contains the tables.
func (f *ghostFile) database(name string) error {
	if name != "data" {
		return f.skip()
	}
	return f.object(func(table string) error {
		c, err := f.j.peekValue()
		if err != nil || c != '[' {
			return cmp.Or(err, f.skip())
		}
		return f.array(func() error {
			pos := f.j.pos(f.j.line)
			raw, err := f.j.readValue()
			if err != nil && !errors.Is(err, errTooLarge) {
				return err
			}
			return f.row(table, raw, pos)
		})
	})
}

// skip reads a value and discards it.
func (f *ghostFile) skip() error {
	if _, err := f.j.peekValue(); err != nil {
		return err
	}
	if _, err := f.j.readValue(); err != nil && !errors.Is(err, errTooLarge) {
		return err
	}
	return nil
}

// object reads an object, and calls member to read the value of each of its members.
func (f *ghostFile) object(member func(name string) error) error {
	return f.each('{', '}', func() error {
		raw, err := f.j.readValue()
		var name string
		if err != nil || json.Unmarshal(raw, &name) != nil || !f.j.skipToken(':') {
			return cmp.Or(err, errBrackets)
		}
		return member(name)
	})
}

// array reads an array, and calls element to read each of its elements.
func (f *ghostFile) array(element func() error) error {
	return f.each('[', ']', func() error {
		if _, err := f.j.peekValue(); err != nil {
			return err
		}
		return element()
	})
}

// each reads a sequence that is enclosed in the brackets open and end, and calls element to read each of its elements.
func (f *ghostFile) each(open, end byte, element func() error) error {
	if !f.j.skipToken(open) {
		if _, err := f.j.peekValue(); err != nil {
			return err
		}
		return errBrackets
	}
	for {
		c, err := f.j.peekValue()
		switch {
		case err != nil:
			return err
		case c == ',':
			f.j.skipByte()
		case c == end:
			f.j.skipByte()
			return nil
		default:
			if err := element(); err != nil {
				return err
			}
		}
	}
}

// rejectGhost returns an error for a Ghost export in a served folder.
func rejectGhost(name string, content []byte) error {
	if !isGhost(content[:min(len(content), peekSize)]) {
		return nil
	}
	return fmt.Errorf("%s: a Ghost export is not a post; import it with feedpub import: %w", name, feed.ErrInvalid)
}
