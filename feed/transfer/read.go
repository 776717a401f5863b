package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
)

// maxEntry is how many bytes an entry can have. It is more than a post can have, so that a post too large is refused
// by its own error and one that was never valid still survives export and import.
const maxEntry = 16 << 20

// head is how many bytes the format is recognised from.
const head = 64 << 10

// Read reads entries from r one after the other, in little memory. The format is recognised from the content:
//
//   - JSON Lines: a post, a record or a raw post, as [Writer] writes them, on each line;
//   - a JSON array of posts, or posts one after the other;
//   - a JSON Feed document, of which the items are read;
//   - else the plain text of one post, as [ReadText] takes it, with its day beginning in the time zone loc (nil: UTC).
//
// The name is that of the file, for messages and as the id of a single post that has none. The reader reads plain text.
//
// An error is about the entry in its place, which it names, and the next entry follows; only after an error that is not
// of kind [feed.ErrInvalid], and in JSON whose brackets don't match, nothing follows.
func Read(r io.Reader, name string, reader *attribution.Reader, loc *time.Location) iter.Seq2[Entry, error] {
	return Options{Reader: reader, Location: loc}.Read(r, name)
}

// read is [Options.Read].
func (o Options) read(r io.Reader, name string, yield func(Entry, error) bool) {
	var seek func() (*bufio.Reader, error)
	if s, ok := r.(io.ReadSeeker); ok {
		seek = seeker(s) // before anything is read
	}
	in := &source{r: bufio.NewReaderSize(r, head), name: name, line: 1, loc: o.location()}
	fail := func(err error) { yield(Entry{Pos: name}, err) }
	packed, err := unpack(in.r)
	if err != nil {
		fail(fmt.Errorf("%s: %w", name, err))
		return
	}
	if packed != in.r {
		in.r, seek = packed, nil
		name = strings.TrimSuffix(name, ".gz")
	}
	start, err := in.r.Peek(head)
	if err != nil && !errors.Is(err, io.EOF) {
		fail(fmt.Errorf("read %s: %w", name, err))
		return
	}
	format := o.recognise(start, name)
	if format == formatXML {
		o.xml(in.r, name, seek, yield)
		return
	}
	if bytes.HasPrefix(start, byteOrderMark) {
		_, _ = in.r.Discard(len(byteOrderMark)) // it has been read ahead
	}
	switch format {
	case formatEmpty:
	case formatLines:
		in.lines(yield)
	case formatValues:
		in.values(yield)
	case formatArray:
		in.array(yield)
	case formatJSONFeed:
		in.jsonFeed(yield)
	case formatText:
		if o.Reader == nil {
			fail(fmt.Errorf("%s: plain text is not read here: %w", name, feed.ErrInvalid))
			return
		}
		yield(in.text(o.Reader, o.location()))
	case formatMarkdown, formatHTML:
		yield(o.page(in, format))
	default:
		fail(fmt.Errorf("%s: want an export of WordPress, RSS, Atom, JSON, JSON Lines, Markdown, HTML or plain text: %w", name, feed.ErrInvalid))
	}
}

// seeker returns a function that reads a file from where it was now, from the place that it is at then: the reading that
// goes on is not disturbed. It returns nil for what can't be read twice.
func seeker(s io.ReadSeeker) func() (*bufio.Reader, error) {
	at, ok := s.(io.ReaderAt)
	if !ok {
		return nil
	}
	start, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil // a pipe
	}
	end, err := s.Seek(0, io.SeekEnd)
	if _, back := s.Seek(start, io.SeekStart); err != nil || back != nil {
		return nil
	}
	return func() (*bufio.Reader, error) {
		return bufio.NewReaderSize(io.NewSectionReader(at, start, end-start), head), nil
	}
}

// recognise tells the format of a file from how it begins, and from its name.
func (o Options) recognise(start []byte, name string) format {
	text := bytes.TrimLeft(bytes.TrimPrefix(start, byteOrderMark), " \t\r\n")
	switch o.Format {
	case WXR, FeedXML:
		return formatXML
	case Markdown:
		return formatMarkdown
	case HTML:
		return formatHTML
	case Text:
		return formatText
	case JSON:
		if f := recognise(text); f != formatText {
			return f
		}
		return formatUnknown
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown":
		return formatMarkdown
	case ".html", ".htm", ".xhtml":
		return formatHTML
	case ".txt":
		return formatText
	}
	switch {
	case wideXML(start):
		return formatXML
	case bytes.HasPrefix(text, []byte("---\n")), bytes.HasPrefix(text, []byte("---\r\n")), bytes.HasPrefix(text, []byte("+++\n")), bytes.HasPrefix(text, []byte("+++\r\n")):
		return formatMarkdown
	case len(text) > 0 && text[0] == '<':
		if root, _ := xmlRoot(text); isHTML(root) {
			return formatHTML
		}
		return formatXML
	}
	return recognise(text)
}

// wideXML reports whether text is in UTF-16, of which only XML is read.
func wideXML(start []byte) bool {
	for _, prefix := range []string{"\xff\xfe", "\xfe\xff", "<\x00?\x00", "\x00<\x00?"} {
		if bytes.HasPrefix(start, []byte(prefix)) {
			return true
		}
	}
	return false
}

// isHTML reports whether a document or fragment that begins with the element is one of HTML.
func isHTML(root string) bool {
	root = strings.ToLower(root)
	return root == "html" || root == "head" || root == "body" || root == "title" || root == "a" || root == "img" ||
		block(root) || formatting(root)
}

var byteOrderMark = []byte("\ufeff")

type format int

const (
	formatUnknown format = iota
	formatEmpty
	formatLines
	formatValues
	formatArray
	formatJSONFeed
	formatText
	formatXML
	formatMarkdown
	formatHTML
)

// recognise tells the format from the beginning of a file.
func recognise(start []byte) format {
	text := bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(text) == 0:
		return formatEmpty
	case text[0] == '[' && jsonFollows(text[1:]):
		return formatArray
	case text[0] == '{' && jsonFollows(text[1:]):
		return recogniseObjects(text)
	case text[0] == '<' || bytes.IndexByte(text, 0) >= 0 || bytes.HasPrefix(text, []byte{0x1f, 0x8b}):
		return formatUnknown
	default:
		return formatText
	}
}

// jsonFollows reports whether what comes after an opening bracket can be JSON; prose begins with brackets too.
func jsonFollows(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) == 0 || bytes.IndexByte([]byte(`{["}]`), text[0]) >= 0
}

// recogniseObjects tells apart what begins with an object: the members of a JSON Feed document, an object on each line,
// or objects over several lines.
func recogniseObjects(text []byte) format {
	if isJSONFeed(text) {
		return formatJSONFeed
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	if json.Valid(line) || len(bytes.TrimSpace(rest)) == 0 {
		return formatLines
	}
	// An object that goes on in the next line goes on with a member or a bracket; if another one begins there, then
	// this is a line cut short.
	if next := bytes.TrimLeft(rest, " \t\r\n"); next[0] == '{' {
		return formatLines
	}
	return formatValues
}

// isJSONFeed reports whether the object that text begins with is a JSON Feed document: it says so by its version, or it
// has items and no id.
func isJSONFeed(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	for {
		name, err := d.Token()
		if err != nil || name == json.Delim('}') || name == "id" {
			return false
		}
		if name == "items" {
			value, err := d.Token()
			return err == nil && value == json.Delim('[')
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return false
		}
		if name == "version" && bytes.Contains(value, []byte("jsonfeed.org/version/")) {
			return true
		}
	}
}

// source is a file being read.
type source struct {
	r    *bufio.Reader
	name string
	line int // of the next byte; the first is 1
	loc  *time.Location
	// convert says that what follows are items of JSON Feed, as any program writes them.
	convert bool
}

// at returns the place of a line for people.
func (s *source) at(line int) string { return fmt.Sprintf("%s:%d", s.name, line) }

func (s *source) lines(yield func(Entry, error) bool) {
	for {
		place := s.at(s.line)
		line, err := s.readLine()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended && !errors.Is(err, feed.ErrInvalid) {
			yield(Entry{Pos: place}, fmt.Errorf("read %s: %w", place, err))
			return
		}
		if err != nil && !ended {
			if !yield(Entry{Pos: place}, fmt.Errorf("%s: %w", place, err)) {
				return
			}
			continue
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if !yield(s.entry(line, place, "")) {
				return
			}
		}
		if ended {
			return
		}
	}
}

// readLine returns the next line without its end. The last one comes with [io.EOF].
func (s *source) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := s.r.ReadSlice('\n')
		if len(line) <= maxEntry {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		s.line++
		if len(line) > maxEntry {
			if err != nil {
				s.line--
			}
			return nil, errTooLarge
		}
		return bytes.TrimSuffix(line, []byte("\n")), err
	}
}

var errTooLarge = fmt.Errorf("want at most %d bytes: %w", maxEntry, feed.ErrInvalid)

// entry makes the entry of a JSON value. A post without an id gets id, or is refused if that is empty.
func (s *source) entry(raw []byte, place, id string) (Entry, error) {
	e := Entry{Pos: place}
	fail := func(err error) (Entry, error) { return Entry{Pos: place}, fmt.Errorf("%s: %w", place, err) }
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return fail(fmt.Errorf("want a JSON object: %w: %w", err, feed.ErrInvalid))
	}
	// In JSON Feed these two are extensions of somebody else's, or of a post that came with them.
	record, isRecord := members["_record"]
	encoded, isRaw := members["_raw"]
	if isRecord && !s.convert {
		var err error
		if e.Record, err = decodeRecord(record); err != nil {
			return fail(err)
		}
		return e, nil
	}
	if s.convert {
		var err error
		if raw, err = convertItem(raw, members, s.loc); err != nil {
			return fail(err)
		}
	}
	if value, ok := members["id"]; ok && string(value) != "null" {
		var own string
		if err := json.Unmarshal(value, &own); err != nil {
			return fail(fmt.Errorf("id: want a string, got %s: %w", value, feed.ErrInvalid))
		}
		if own != "" {
			id = own
		}
	}
	if err := intake.CheckID(id); err != nil {
		return fail(err)
	}
	e.Post = &feed.RawPost{ID: id, Raw: raw}
	if isRaw && !s.convert {
		e.Post.Raw = nil
		if err := json.Unmarshal(encoded, &e.Post.Raw); err != nil {
			return fail(fmt.Errorf("_raw: want base64: %w: %w", err, feed.ErrInvalid))
		}
	}
	return e, nil
}

// text reads the plain text of a post.
func (s *source) text(reader *attribution.Reader, loc *time.Location) (Entry, error) {
	e := Entry{Pos: s.name}
	body, err := io.ReadAll(io.LimitReader(s.r, intake.MaxSize+1))
	if err != nil {
		return e, fmt.Errorf("read %s: %w", s.name, err)
	}
	if loc == nil {
		loc = time.UTC
	}
	p, err := readText(s.name, body, reader, loc)
	if err != nil {
		return e, err
	}
	raw, err := intake.Encode(p)
	if err != nil {
		return e, fmt.Errorf("%s: %w", s.name, err)
	}
	e.Post = &feed.RawPost{ID: p.ID, Raw: raw}
	return e, nil
}
