package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSafeInteger is the largest integer that is interoperable in JSON (RFC 8259, section 6).
const maxSafeInteger = 1<<53 - 1

// maxList is the maximum length of an array in a post. Each value may require a search of the whole content or add a
// feed.
const maxList = 1_000

// object is a JSON object. Reading a member removes it from the object, so that only unknown members remain.
type object struct {
	path    string
	members map[string]json.RawMessage
}

// at returns the path of the member with the given name.
func (o *object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// take removes the member and returns its value. It reports false if the member is absent or null.
func (o *object) take(name string) (json.RawMessage, bool) {
	raw, ok := o.members[name]
	delete(o.members, name)
	return raw, ok && kindOf(raw) != "null"
}

// kindOf returns the JSON type of the value, for use in an error.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// want reports whether the value at path has the given kind, and records an error if not.
func (d *decoder) want(kind, path string, raw json.RawMessage) bool {
	got := kindOf(raw)
	if got != kind {
		d.fail(path, "want %s, got %s", kind, got)
	}
	return got == kind
}

// unmarshal reads a value whose type has been checked.
func (d *decoder) unmarshal(path string, raw json.RawMessage, v any) {
	if err := json.Unmarshal(raw, v); err != nil {
		d.fail(path, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
}

func (d *decoder) object(path string, raw json.RawMessage) *object {
	o := &object{path: path}
	// The value has white space around it only if it is the whole post.
	raw = bytes.TrimSpace(raw)
	if d.want("an object", path, raw) {
		d.unmarshal(path, raw, &o.members)
	}
	return o
}

func (d *decoder) textValue(path string, raw json.RawMessage) string {
	var s string
	if d.want("a string", path, raw) {
		var ok bool
		if s, ok = unquote(raw); !ok {
			d.unmarshal(path, raw, &s)
		}
		d.replaced.add(path, raw, s)
	}
	return s
}

// unquote returns the value of a JSON string, whose syntax must be valid. It reports false for a string with bytes that
// are not UTF-8 or with escapes of characters that are not ASCII, which [json.Unmarshal] must decode. It takes a fifth
// of the time, which matters for the content of posts: json.Unmarshal first checks the syntax once more.
func unquote(raw json.RawMessage) (string, bool) {
	rest := raw[1 : len(raw)-1]
	if !utf8.Valid(rest) {
		return "", false
	}
	var b strings.Builder
	for {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 {
			break
		}
		if b.Cap() == 0 {
			b.Grow(len(rest))
		}
		b.Write(rest[:i])
		c, length := unescape(rest[i:])
		if length == 0 {
			return "", false
		}
		b.WriteByte(c)
		rest = rest[i+length:]
	}
	if b.Len() == 0 {
		return string(rest), true
	}
	b.Write(rest)
	return b.String(), true
}

// unescape returns the ASCII character that the JSON escape at the beginning of s denotes, and the length of the
// escape. The length is 0 if the escape denotes a different character.
func unescape(s []byte) (c byte, length int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
		if err != nil || n >= utf8.RuneSelf {
			return 0, 0
		}
		return byte(n), 6
	default: // a quotation mark, a slash or a backslash
		return s[1], 2
	}
}

func (d *decoder) text(o *object, name string) string {
	raw, ok := o.take(name)
	if !ok {
		return ""
	}
	return d.textValue(o.at(name), raw)
}

// number reads a number from 0 to limit.
func (d *decoder) number(o *object, name string, limit float64) float64 {
	raw, ok := o.take(name)
	if !ok {
		return 0
	}
	path := o.at(name)
	var n float64
	if d.want("a number", path, raw) {
		d.unmarshal(path, raw, &n)
	}
	if n < 0 || n > limit {
		d.fail(path, "want a number from 0 to %.0f, got %s", limit, raw)
		return 0
	}
	return n
}

// integer reads a whole number. The notations 1e6 and 7.0 are accepted too.
func (d *decoder) integer(o *object, name string) int64 {
	n := d.number(o, name, maxSafeInteger)
	if n != math.Trunc(n) {
		d.fail(o.at(name), "want a whole number, got %v", n)
	}
	return int64(n)
}

// list reads an array and calls element for each value.
func list[T any](d *decoder, o *object, name string, element func(path string, raw json.RawMessage) T) []T {
	raw, ok := o.take(name)
	if !ok {
		return nil
	}
	path := o.at(name)
	var values []json.RawMessage
	if d.want("an array", path, raw) {
		d.unmarshal(path, raw, &values)
	}
	if len(values) > maxList {
		d.fail(path, "want at most %d values, got %d", maxList, len(values))
		return nil
	}
	var read []T
	for i, value := range values {
		read = append(read, element(fmt.Sprintf("%s[%d]", path, i), value))
	}
	return read
}

// choice reads a string that must be one of the values, or absent or empty.
func choice[T ~string](d *decoder, o *object, name string, values ...T) T {
	s := T(d.text(o, name))
	if s != "" && !slices.Contains(values, s) {
		names := make([]string, len(values))
		for i, v := range values {
			names[i] = string(v)
		}
		last := len(names) - 1
		d.fail(o.at(name), "want %s or %s, got %q", strings.Join(names[:last], ", "), names[last], shorten(string(s)))
	}
	return s
}
