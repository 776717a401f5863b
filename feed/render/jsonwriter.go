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

// jsonWriter writes a value byte for byte as encoding/json does with an indentation and without escapes for HTML, and
// notes what it wrote, for readBackJSON to find again in the bytes. The tests hold it against encoding/json.
type jsonWriter struct {
	b      []byte
	wrote  []jsonPart
	indent string
	depth  int
	keyed  bool // a key was written, and its value comes next
	err    error
}

// jsonPart is a part of what a value says. Its kind is one of the brackets, 'k' for a key, 's' for a string, and 'n' for a
// number as it is written.
type jsonPart struct {
	kind  byte
	value string
}

// reset makes the writer ready for a value that stands that far to the right.
func (w *jsonWriter) reset(indent string) {
	*w = jsonWriter{b: append(w.b[:0], indent...), wrote: w.wrote[:0], indent: indent}
}

// finish returns a copy of what was written, after reading it back.
func (w *jsonWriter) finish() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if err := readBackJSON(w.b, w.wrote); err != nil {
		return nil, err
	}
	return bytes.Clone(w.b), nil
}

// next goes to where the next key or value stands.
func (w *jsonWriter) next(kind byte, value string) {
	w.wrote = append(w.wrote, jsonPart{kind, value})
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
	w.wrote = append(w.wrote, jsonPart{kind: bracket})
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

// member writes a member that is left out if it is empty.
func (w *jsonWriter) member(name, s string) {
	if s != "" {
		w.key(name)
		w.string(s)
	}
}

// list writes a member that is a list of strings, left out if it is empty.
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

// number writes a member that is a number, left out if it is 0.
func (w *jsonWriter) number(name string, n float64) {
	text, err := json.Marshal(n)
	if err != nil {
		w.err = err
		return
	}
	w.literal(name, string(text))
}

// integer is number for integers.
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
		case 0xE2: // the line ends that JavaScript once refused in strings
			size = len("\u2028")
			switch {
			case strings.HasPrefix(s[i:], "\u2028"):
				escaped = `\u2028`
			case strings.HasPrefix(s[i:], "\u2029"):
				escaped = `\u2029`
			default:
				continue
			}
		default: // a control character that no item may have; reading back refuses it
			continue
		}
		b = append(append(b, s[from:i]...), escaped...)
		i += size - 1
		from = i + 1
	}
	return append(append(b, s[from:]...), '"')
}

// readBackJSON reads one value, as RFC 8259 has it read, and returns an error of kind [feed.ErrInvalid] unless it says
// exactly what was meant to be written. Of the escapes it knows only those that texts for XML, too, can need.
func readBackJSON(doc []byte, want []jsonPart) error {
	if suspect(doc) || !utf8.Valid(doc) {
		if err := checkText(string(doc)); err != nil {
			return fmt.Errorf("%w: %w", err, feed.ErrInvalid)
		}
	}
	r := jsonReader{rest: doc}
	var last byte // the kind of the part before
	for i, part := range want {
		closing := part.kind == '}' || part.kind == ']'
		if r.blank(); i > 0 && !closing && last != '{' && last != '[' && last != 'k' {
			r.expect(",")
			r.blank()
		}
		switch part.kind {
		case 'k':
			r.string(part.value)
			r.blank()
			r.expect(":")
		case 's':
			r.string(part.value)
		case 'n':
			r.expect(part.value)
		default:
			r.expect(string(part.kind))
		}
		if r.err != nil {
			return fmt.Errorf("%.60q reads back wrongly: %w: %w", part.value, r.err, feed.ErrInvalid)
		}
		last = part.kind
	}
	if r.blank(); len(r.rest) > 0 {
		return fmt.Errorf("text after the value: %w", feed.ErrInvalid)
	}
	return nil
}

// jsonReader is where in a value the reading is. After an error, nothing moves it.
type jsonReader struct {
	rest []byte
	err  error
}

func (r *jsonReader) blank() { r.rest = trimBlank(r.rest) }

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
			r.err = errCutOff
			return
		}
		want, r.rest = want[i:], r.rest[i:]
		switch r.rest[0] {
		case '"':
			if r.rest = r.rest[1:]; want != "" {
				r.err = fmt.Errorf("%.40q is missing", want)
			}
			return
		case '\\':
			want = r.escape(want)
		default:
			r.err = errors.New("a control character")
		}
	}
}

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
	r.err = fmt.Errorf("the unknown escape %.10q", r.rest)
	return want
}
