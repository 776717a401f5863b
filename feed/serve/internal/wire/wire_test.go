package wire_test

import (
	"strings"
	"testing"

	"feedpub/feed/serve/internal/wire"
)

// FuzzCheck compares Check with a simple implementation, for any split of the bytes.
func FuzzCheck(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", 3)
	f.Add("GET / HTTP/1.1\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n", 40)
	f.Add("GET / HTTP/1.1\r\nTransfer Encoding: a\r\n\r\n", 1)
	f.Add("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 20)
	f.Add("\r\n", 1)
	f.Add("a\rb\nc\r\r\n", 2)
	f.Fuzz(func(t *testing.T, raw string, split int) {
		want := isValid(raw)
		var whole wire.Checker
		n := whole.Check([]byte(raw))
		if ok := n == len(raw); ok != want {
			t.Errorf("Check(%q) = %d of %d bytes, want all: %t", raw, n, len(raw), want)
		}
		split = min(max(split, 0), len(raw))
		var pieces wire.Checker
		m := pieces.Check([]byte(raw[:split]))
		if m == split {
			m += pieces.Check([]byte(raw[split:]))
		}
		if m != n {
			t.Errorf("Check(%q) = %d at once and %d in two pieces", raw, n, m)
		}
	})
}

const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"

// isValid reports whether raw may be the beginning of valid requests.
func isValid(raw string) bool {
	lines, lengths := 0, 0
	for raw != "" {
		line, rest, ended := strings.Cut(raw, "\n")
		raw = rest
		content, cr := strings.CutSuffix(line, "\r")
		if ended && !cr || strings.Contains(content, "\r") {
			return false
		}
		if content == "" {
			if cr && lines == 0 {
				return false
			}
			lines, lengths = 0, 0
			continue
		}
		if lines++; lines == 1 {
			continue
		}
		name, _, colon := strings.Cut(content, ":")
		name = asciiLower(name)
		if strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(tokenChars, r) }) ||
			!colon && cr || colon && name == "" {
			return false
		}
		if name == "content-length" && colon {
			lengths++
		}
		if lengths > 1 || colon && (name == "transfer-encoding" || name == "trailer") {
			return false
		}
	}
	return true
}

// asciiLower returns s with ASCII letters in lower case. [strings.ToLower] maps the Kelvin sign to k.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
