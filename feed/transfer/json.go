package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// maxEntry is the maximum size of an entry in bytes. It is larger than the maximum size of a post for two reasons:
// posts that are too large can be rejected with a more specific error, and raw posts that were never valid can be
// exported and imported.
const maxEntry = 16 << 20

// maxNesting is the nesting limit of encoding/json.
const maxNesting = 10_000

var (
	errTooLarge = fmt.Errorf("want at most %d bytes: %w", maxEntry, feed.ErrInvalid)
	// errBrackets ends reading, since mismatched brackets make it impossible to tell where the next value begins.
	errBrackets = fmt.Errorf("mismatched brackets in the JSON: %w", feed.ErrInvalid)
)

// isJSON reports whether a file contains JSON objects. Plain text may begin with a bracket, too.
func isJSON(start []byte) bool {
	text := bytes.TrimLeft(start, " \t\r\n")
	if len(text) == 0 || text[0] != '[' && text[0] != '{' {
		return false
	}
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	return len(text) == 0 || bytes.IndexByte([]byte(`{["}]`), text[0]) >= 0
}

// jsonReader reads the entries in a JSON file.
type jsonReader struct {
	*input
	options Options
	// items is set while reading the items of a JSON Feed document, which any program may have written.
	items bool
	// seal checks a file that an [ExportWriter] wrote; nil for other files.
	seal *sealChecker
}

// readJSON reads posts in JSON: JSON Lines with posts, records and raw posts, as [Writer] writes them; an array of
// posts; concatenated posts; or the items of a JSON Feed document.
func readJSON(o Options, in *input, yield func(Entry, error) bool) {
	start, err := in.r.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		yield(Entry{Pos: in.name}, fmt.Errorf("read %s: %w", in.name, err))
		return
	}
	j := &jsonReader{input: in, options: o}
	text := bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(text) == 0:
	case !isJSON(start):
		yield(Entry{Pos: in.name}, fmt.Errorf("%s: want JSON objects: %w", in.name, feed.ErrInvalid))
	case text[0] == '[':
		j.array(yield)
	case isJSONFeed(text):
		j.document(yield)
	case isJSONLines(text):
		j.lines(yield)
	default:
		j.values(yield)
	}
}

// isJSONLines reports whether text begins with JSON Lines rather than with an object on several lines.
func isJSONLines(text []byte) bool {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	// The second line of a multi-line object contains a member or a bracket. If an object begins there, the first line
	// is a truncated JSON Lines entry.
	return json.Valid(line) || len(rest) == 0 || rest[0] == '{'
}

// lines reads one entry per line.
func (j *jsonReader) lines(yield func(Entry, error) bool) {
	for {
		pos := j.pos(j.line)
		line, err := j.readLine()
		ended := errors.Is(err, io.EOF)
		switch {
		case err != nil && !ended && !errors.Is(err, feed.ErrInvalid):
			yield(Entry{Pos: pos}, fmt.Errorf("read %s: %w", pos, err))
			return
		case err != nil && !ended:
			if !yield(Entry{Pos: pos}, fmt.Errorf("%s: %w", pos, err)) {
				return
			}
		case len(bytes.TrimSpace(line)) > 0:
			sealed, err := j.checkSeal(line, pos)
			if err != nil {
				yield(Entry{Pos: pos}, err)
				return
			}
			if !sealed && !yield(j.entry(line, pos, "")) {
				return
			}
		}
		if ended {
			if err := j.checkEnd(); err != nil {
				yield(Entry{Pos: pos}, err)
			}
			return
		}
	}
}

// readLine returns the next line without its line end. It returns [io.EOF] together with the last line.
func (j *jsonReader) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := j.r.ReadSlice('\n')
		if len(line) <= maxEntry {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		j.line++
		if len(line) > maxEntry {
			if err != nil {
				j.line--
			}
			return nil, errTooLarge
		}
		return bytes.TrimSuffix(line, []byte("\n")), err
	}
}

// values reads concatenated JSON objects. An id is optional if there is only one object.
func (j *jsonReader) values(yield func(Entry, error) bool) {
	id := j.name
	for {
		c, err := j.peekValue()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil && c != '{' {
			err = errBrackets
		}
		if !j.value(yield, err, id) {
			return
		}
		id = ""
	}
}

// array reads the objects of a JSON array.
func (j *jsonReader) array(yield func(Entry, error) bool) {
	if _, err := j.peekValue(); err != nil {
		yield(Entry{}, j.fatal(err))
		return
	}
	j.skipByte()
	if !j.elements(yield) {
		return
	}
	if _, err := j.peekValue(); err == nil {
		pos := j.pos(j.line)
		yield(Entry{Pos: pos}, fmt.Errorf("%s: want nothing after the array: %w", pos, feed.ErrInvalid))
	}
}

// elements reads the rest of an array whose opening bracket has been read. It reports whether to continue.
func (j *jsonReader) elements(yield func(Entry, error) bool) bool {
	for {
		c, err := j.peekValue()
		switch {
		case err == nil && c == ',':
			j.skipByte()
			continue
		case err == nil && c == ']':
			j.skipByte()
			return true
		case err == nil && (c == '}' || c == ':'):
			err = errBrackets
		}
		if !j.value(yield, err, "") {
			return false
		}
	}
}

// value reads the next value and yields its entry. If err is not nil, it yields err instead. It reports whether to
// continue.
func (j *jsonReader) value(yield func(Entry, error) bool, err error, id string) bool {
	pos := j.pos(j.line)
	var raw []byte
	if err == nil {
		raw, err = j.readValue()
	}
	switch {
	case err == nil:
		e, err := j.entry(raw, pos, id)
		if j.items {
			e = j.options.withImageFiles(e)
		}
		return yield(e, err)
	case errors.Is(err, errTooLarge):
		return yield(Entry{Pos: pos}, fmt.Errorf("%s: %w", pos, err))
	default:
		yield(Entry{Pos: pos}, j.fatal(err))
		return false
	}
}

// fatal returns a description of an error that ends reading.
func (j *jsonReader) fatal(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the JSON ends too early: %w", j.pos(j.line), feed.ErrInvalid)
	}
	return fmt.Errorf("%s: %w", j.pos(j.line), err)
}

// peekValue skips white space and returns the next byte without consuming it.
func (j *jsonReader) peekValue() (byte, error) {
	for {
		c, err := j.readByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, j.r.UnreadByte()
		}
	}
}

// skipByte consumes the byte that peekValue returned.
func (j *jsonReader) skipByte() {
	_, _ = j.r.ReadByte() // buffered, so this cannot fail
}

func (j *jsonReader) readByte() (byte, error) {
	c, err := j.r.ReadByte()
	if c == '\n' {
		j.line++
	}
	return c, err
}

// readValue returns the bytes of the next JSON value. It only tracks brackets and strings, so a syntax error in one
// value does not affect the following values. If a value is larger than maxEntry, readValue skips it and returns
// errTooLarge.
func (j *jsonReader) readValue() ([]byte, error) {
	var raw []byte
	var scan valueScanner
	size := 0
	value := func() ([]byte, error) {
		if size > maxEntry {
			return nil, errTooLarge
		}
		return raw, nil
	}
	for {
		c, err := j.readByte()
		atEnd := size > 0 && scan.betweenValues() // the end of a number or a literal
		switch {
		case errors.Is(err, io.EOF) && atEnd:
			return value()
		case err != nil:
			return nil, err
		case atEnd && isDelimiter(c):
			if c == '\n' {
				j.line--
			}
			if err := j.r.UnreadByte(); err != nil {
				return nil, err
			}
			return value()
		}
		if size++; size <= maxEntry {
			raw = append(raw, c)
		}
		ended, err := scan.next(c)
		if err != nil {
			return nil, err
		}
		if ended {
			return value()
		}
	}
}

// valueScanner finds the end of a JSON value.
type valueScanner struct {
	open     []byte // stack of the expected closing brackets
	inString bool
	escaped  bool // the next byte follows a backslash
}

// betweenValues reports whether all brackets and strings are closed.
func (s *valueScanner) betweenValues() bool { return len(s.open) == 0 && !s.inString }

// next scans a byte and reports whether it ends an object, array or string at the top level.
func (s *valueScanner) next(c byte) (ended bool, err error) {
	switch {
	case s.escaped:
		s.escaped = false
		return false, nil
	case s.inString && c != '"':
		s.escaped = c == '\\'
		return false, nil
	case c == '"':
		s.inString = !s.inString
	case c == '{' || c == '[':
		s.open = append(s.open, c+2) // the ASCII code of the closing bracket
	case c == '}' || c == ']':
		last := len(s.open) - 1
		if last < 0 || s.open[last] != c {
			return false, errBrackets
		}
		s.open = s.open[:last]
	}
	if len(s.open) > maxNesting {
		return false, errBrackets
	}
	return s.betweenValues() && (c == '}' || c == ']' || c == '"'), nil
}

// isDelimiter reports whether c ends a number or a literal.
func isDelimiter(c byte) bool {
	return bytes.IndexByte([]byte(" \t\r\n,:]}"), c) >= 0
}

// entry converts a JSON value to an entry. A post without an id gets the given id. If that is empty, the post is
// rejected.
func (j *jsonReader) entry(raw []byte, pos, id string) (Entry, error) {
	fail := func(err error) (Entry, error) { return Entry{Pos: pos}, fmt.Errorf("%s: %w", pos, err) }
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return fail(fmt.Errorf("want a JSON object: %w: %w", err, feed.ErrInvalid))
	}
	if j.items {
		var err error
		if raw, err = convertItem(raw, members, j.options); err != nil {
			return fail(err)
		}
	}
	// In a JSON Feed document, _record and _raw have no special meaning.
	record, isRecord := members["_record"]
	encoded, isRaw := members["_raw"]
	if isRecord && !j.items {
		line, err := decodeRecord(record)
		if err != nil {
			return fail(err)
		}
		return Entry{Record: line, Pos: pos}, nil
	}
	id, err := postID(members["id"], id)
	if err != nil {
		return fail(err)
	}
	post := &feed.RawPost{ID: id, Raw: raw}
	if isRaw && !j.items {
		post.Raw = nil
		if err := json.Unmarshal(encoded, &post.Raw); err != nil {
			return fail(fmt.Errorf("_raw: want base64: %w: %w", err, feed.ErrInvalid))
		}
	}
	if !isRaw && !j.items {
		if err := checkStatus(members, j.options); err != nil {
			return fail(err)
		}
	}
	return Entry{Post: post, Exact: isRaw && !j.items, Pos: pos}, nil
}

// postID returns the id of a post: value, or the given id if value is null or missing.
func postID(value json.RawMessage, id string) (string, error) {
	if len(value) > 0 && string(value) != "null" {
		var own string
		if err := json.Unmarshal(value, &own); err != nil {
			return "", fmt.Errorf("id: want a string, got %s: %w", value, feed.ErrInvalid)
		}
		id = first(own, id)
	}
	return id, intake.CheckID(id)
}

// checkStatus returns an error of kind [feed.ErrInvalid] for one of feedpub's own posts that has no status, but has a
// member that other programs use to mark posts as not public, such as "draft". An import must store exactly what was
// exported, so the member cannot be converted to the status.
func checkStatus(members map[string]json.RawMessage, o Options) error {
	if jsonString(members["status"]) != "" {
		return nil
	}
	front, err := visibilityMembers(members)
	if err != nil {
		return err
	}
	v, err := frontMatterVisibility(front, o)
	if err == nil && v.status == "" {
		return nil
	}
	return fmt.Errorf("the %s member marks the post as not public, but the post has no status; "+
		"want the status published, draft or private: %w", strings.Join(slices.Sorted(maps.Keys(front)), " or "), feed.ErrInvalid)
}

// decodeRecord decodes the "_record" member of a line. Unknown members are an error, since a record must not be lost
// silently.
func decodeRecord(raw []byte) (*feed.ExportLine, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var l feed.ExportLine
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("_record: %w: %w", err, feed.ErrInvalid)
	}
	if err := validateRecord(l); err != nil {
		return nil, err
	}
	return &l, nil
}

// validateRecord returns an error of kind [feed.ErrInvalid] unless exactly one member of l is set and is complete.
func validateRecord(l feed.ExportLine) error {
	kinds := 0
	for _, given := range []bool{
		l.Record != nil, l.Name != nil, l.Removal != nil, l.Archive != nil, l.Subscription != nil, l.Credits != nil,
		l.Publication != nil, l.Rendering != 0,
	} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("_record: want one of record, name, removal, archive, subscription, credits, publication and "+
			"rendering, got %d: %w", kinds, feed.ErrInvalid)
	}
	if missing := missingFrom(l); missing != "" {
		return fmt.Errorf("_record.%s: %w", missing, feed.ErrInvalid)
	}
	return nil
}

// complete reports whether a subscription has all members that an import needs.
func complete(s feed.Subscription) bool {
	return s.Callback != "" && s.Feed != "" && !s.Expires.IsZero() && slices.Contains(feed.Formats(), s.Format)
}

// missingFrom describes what is missing from the only member of l that is set, or returns "".
func missingFrom(l feed.ExportLine) string {
	for _, check := range []struct {
		incomplete bool
		text       string
	}{
		{l.Record != nil && l.Record.ID == "", "record.id: missing"},
		{l.Name != nil && l.Name.Feed == "", "name.feed: missing"},
		{l.Removal != nil && (l.Removal.Feed == "" || l.Removal.Time.IsZero()), "removal: want feed and time"},
		{l.Archive != nil && (l.Archive.Feed == "" || l.Archive.Until.IsZero()), "archive: want feed and until"},
		{l.Subscription != nil && !complete(*l.Subscription), "subscription: want callback, feed, format and expires"},
		{l.Credits != nil && l.Credits.ID == "", "credits.id: missing"},
		{l.Publication != nil && l.Publication.Name == "", "publication.name: missing"},
		{l.Rendering < 0, "rendering: want a positive number"},
	} {
		if check.incomplete {
			return check.text
		}
	}
	return ""
}

// decodeJSON reads a JSON file from a served folder; see [Options.Decode].
func decodeJSON(o Options, name string, content []byte) ([]feed.RawPost, error) {
	if err := rejectGhost(name, content); err != nil {
		return nil, err
	}
	// If a file contains only one post and it has no id, the file name becomes its id. The file must not be read as
	// JSON Lines, where posts without an id are rejected.
	var single struct{ ID, Items any }
	if err := json.Unmarshal(content, &single); err == nil && single.ID == nil && single.Items == nil {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(content, &members); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", name, err, feed.ErrInvalid)
		}
		if err := checkStatus(members, o); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return []feed.RawPost{{ID: name, Raw: bytes.TrimSpace(content)}}, nil
	}
	o.Format = JSON
	var posts []feed.RawPost
	for entry, err := range o.Read(bytes.NewReader(content), name) {
		if err != nil {
			return nil, err
		}
		if entry.Post != nil {
			posts = append(posts, *entry.Post)
		}
	}
	return posts, nil
}
