package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"feedpub/feed"
)

// jsonWriter writes a value. It writes the same bytes as encoding/json with indentation and without HTML escaping; the
// tests compare them. It records the tokens that it writes, so that readBackJSON can compare them with the bytes.
type jsonWriter struct {
	b      []byte
	wrote  []jsonToken
	indent string
	depth  int
	keyed  bool // a key was written, and its value comes next
	err    error
}

// jsonToken is a token of a JSON text. Its kind is a bracket, 'k' for a key, 's' for a string, or 'n' for a number.
type jsonToken struct {
	kind  byte
	value string // the decoded string, or the literal of a number
}

// reset prepares the writer for a value whose lines begin with indent.
func (w *jsonWriter) reset(indent string) {
	*w = jsonWriter{b: append(w.b[:0], indent...), wrote: w.wrote[:0], indent: indent}
}

// finish reads the written bytes back and returns a copy.
func (w *jsonWriter) finish() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if err := readBackJSON(w.b, w.wrote); err != nil {
		return nil, err
	}
	return bytes.Clone(w.b), nil
}

// next records a token and writes the comma and line break that must precede it, if any.
func (w *jsonWriter) next(kind byte, value string) {
	w.wrote = append(w.wrote, jsonToken{kind, value})
	switch {
	case w.keyed:
		w.keyed = false
		return
	case w.depth == 0:
		return
	case w.b[len(w.b)-1] != '{' && w.b[len(w.b)-1] != '[':
		w.b = append(w.b, ',')
	}
	w.line()
}

func (w *jsonWriter) line() {
	w.b = append(append(w.b, '\n'), w.indent...)
	for range w.depth {
		w.b = append(w.b, "  "...)
	}
}

// open begins an object or an array.
func (w *jsonWriter) open(bracket byte) {
	w.next(bracket, "")
	w.b = append(w.b, bracket)
	w.depth++
}

func (w *jsonWriter) close(bracket byte) {
	w.depth--
	w.wrote = append(w.wrote, jsonToken{kind: bracket})
	if last := w.b[len(w.b)-1]; last != '{' && last != '[' {
		w.line()
	}
	w.b = append(w.b, bracket)
}

func (w *jsonWriter) key(name string) {
	w.next('k', name)
	w.b = append(appendQuoted(w.b, name), ": "...)
	w.keyed = true
}

func (w *jsonWriter) string(s string) {
	w.next('s', s)
	w.b = appendQuoted(w.b, s)
}

// member writes a member whose value is a string. If the string is empty, the member is omitted.
func (w *jsonWriter) member(name, s string) {
	if s != "" {
		w.key(name)
		w.string(s)
	}
}

// list writes a member whose value is an array of strings. If the array is empty, the member is omitted.
func (w *jsonWriter) list(name string, list []string) {
	if len(list) == 0 {
		return
	}
	w.key(name)
	w.open('[')
	for _, s := range list {
		w.string(s)
	}
	w.close(']')
}

// number writes a member whose value is a number. If the number is zero, the member is omitted.
func (w *jsonWriter) number(name string, n float64) {
	text, err := json.Marshal(n)
	if err != nil {
		w.err = err
		return
	}
	w.literal(name, string(text))
}

// integer is like number, for integers.
func (w *jsonWriter) integer(name string, n int64) { w.literal(name, strconv.FormatInt(n, 10)) }

func (w *jsonWriter) literal(name, number string) {
	if number == "0" {
		return
	}
	w.key(name)
	w.next('n', number)
	w.b = append(w.b, number...)
}

func (w *jsonWriter) time(name string, t *time.Time) {
	if t != nil {
		w.member(name, t.Format(time.RFC3339Nano))
	}
}

// appendQuoted appends a string, which must be valid UTF-8.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0xE2 {
			continue
		}
		var escaped string
		size := 1
		switch c {
		case '"':
			escaped = `\"`
		case '\\':
			escaped = `\\`
		case '\n':
			escaped = `\n`
		case '\r':
			escaped = `\r`
		case '\t':
			escaped = `\t`
		case 0xE2: // line terminators of JavaScript, which encoding/json escapes
			size = len("\u2028")
			switch {
			case strings.HasPrefix(s[i:], "\u2028"):
				escaped = `\u2028`
			case strings.HasPrefix(s[i:], "\u2029"):
				escaped = `\u2029`
			default:
				continue
			}
		default: // a control character, which readBackJSON rejects
			continue
		}
		b = append(append(b, s[from:i]...), escaped...)
		i += size - 1
		from = i + 1
	}
	return append(append(b, s[from:]...), '"')
}

// readBackJSON parses doc as one JSON value (RFC 8259) and returns an error of kind [feed.ErrInvalid] unless its tokens
// are exactly the tokens in want. It supports only the escapes that jsonWriter writes.
func readBackJSON(doc []byte, want []jsonToken) error {
	if err := checkWritten(doc); err != nil {
		return err
	}
	r := jsonReader{rest: doc}
	last := byte('k') // the kind of the previous token; initially 'k', because the first token has no comma either
	for _, token := range want {
		r.space()
		if closing := token.kind == '}' || token.kind == ']'; !closing && last != '{' && last != '[' && last != 'k' {
			r.expect(",")
			r.space()
		}
		r.token(token)
		if r.err != nil {
			return fmt.Errorf("%.60q does not round-trip: %w: %w", token.value, r.err, feed.ErrInvalid)
		}
		last = token.kind
	}
	if r.space(); len(r.rest) > 0 {
		return fmt.Errorf("text after the value: %w", feed.ErrInvalid)
	}
	return nil
}

// checkWritten returns an error of kind [feed.ErrInvalid] if doc has bytes that no document may contain.
func checkWritten(doc []byte) error {
	if !suspect(doc) && utf8.Valid(doc) {
		return nil
	}
	if err := checkText(string(doc)); err != nil {
		return fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	return nil
}

// jsonReader reads the tokens of a value. After an error, it reads nothing more.
type jsonReader struct {
	rest []byte // bytes not yet read
	err  error
}

func (r *jsonReader) space() { r.rest = trimSpace(r.rest) }

// token reads a token and, after a key, its colon.
func (r *jsonReader) token(want jsonToken) {
	switch want.kind {
	case 'k':
		r.string(want.value)
		r.space()
		r.expect(":")
	case 's':
		r.string(want.value)
	case 'n':
		r.expect(want.value)
	default:
		r.expect(string(want.kind))
	}
}

func (r *jsonReader) expect(s string) {
	if r.err != nil {
		return
	}
	if len(r.rest) < len(s) || string(r.rest[:len(s)]) != s {
		r.err = fmt.Errorf("%.20q instead of %q", r.rest, s)
		return
	}
	r.rest = r.rest[len(s):]
}

// string reads a string that must decode to want.
func (r *jsonReader) string(want string) {
	r.expect(`"`)
	for r.err == nil {
		i := 0
		for i < len(r.rest) && r.rest[i] != '"' && r.rest[i] != '\\' && r.rest[i] >= 0x20 {
			i++
		}
		switch {
		case i > len(want) || want[:i] != string(r.rest[:i]):
			r.err = fmt.Errorf("%.40q instead of %.40q", r.rest[:i], want)
			return
		case i == len(r.rest):
			r.err = errTruncated
			return
		}
		want, r.rest = want[i:], r.rest[i:]
		switch r.rest[0] {
		case '"':
			if r.rest = r.rest[1:]; want != "" {
				r.err = fmt.Errorf("string ends before %.40q", want)
			}
			return
		case '\\':
			want = r.escape(want)
		default:
			r.err = errors.New("control character in a string")
		}
	}
}

// escape reads an escape, which must decode to the beginning of want, and returns the rest of want.
func (r *jsonReader) escape(want string) string {
	for _, known := range [...]struct{ name, char string }{
		{`\"`, `"`}, {`\\`, `\`}, {`\n`, "\n"}, {`\r`, "\r"}, {`\t`, "\t"}, {`\u2028`, "\u2028"}, {`\u2029`, "\u2029"},
	} {
		if len(r.rest) < len(known.name) || string(r.rest[:len(known.name)]) != known.name {
			continue
		}
		r.rest = r.rest[len(known.name):]
		if rest, ok := strings.CutPrefix(want, known.char); ok {
			return rest
		}
		r.err = fmt.Errorf("%q instead of %.40q", known.char, want)
		return want
	}
	r.err = fmt.Errorf("unknown escape %.10q", r.rest)
	return want
}
