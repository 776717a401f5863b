package serve

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"feedpub/feed/serve/internal/wire"
)

// stub is a connection that reads from a Reader.
type stub struct {
	net.Conn
	io.Reader
}

func (s stub) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func TestStrictConn(t *testing.T) {
	const first = "GET / HTTP/1.1\r\n"
	for _, c := range []struct {
		name, raw string
		ok        bool
	}{
		{"a request", first + "Host: x\r\n\r\n", true},
		{"two", first + "Content-Length: 0\r\n\r\n" + first + "Content-Length: 0\r\n\r\n", true},
		{"one Content-Length", first + "Content-Length: 0\r\n\r\n", true},
		{"a longer field name", first + "Content-Length: 0\r\nContent-Length-X: 0\r\n\r\n", true},
		{"a framing field name in a value", first + "Content-Length: 0\r\nX: content-length:\r\n\r\n", true},
		{"a framing field name as the method", "content-length: transfer-encoding: HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
			true},
		{"two Content-Lengths", first + "Content-Length: 0\r\ncontent-LENGTH: 0\r\n\r\n", false},
		{"Content-Length before Transfer-Encoding", first + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"Transfer-Encoding before Content-Length", first + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", false},
		{"two Transfer-Encodings", first + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"Transfer-Encoding in HTTP/1.0", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"Transfer-Encoding", first + "Transfer-Encoding: identity\r\n\r\n", false},
		{"a longer name than Transfer-Encoding", first + "Transfer-Encoding2: chunked\r\n\r\n", true},
		{"Trailer", first + "TRAILER: X\r\n\r\n", false},
		{"a name with a space in it", first + "Transfer Encoding: chunked\r\n\r\n", false},
		{"a name with a space after it", first + "Host : x\r\n\r\n", false},
		{"a name with a control character", first + "X\x0b: x\r\n\r\n", false},
		{"a name in UTF-8", first + "é: x\r\n\r\n", false},
		{"an empty name", first + ": x\r\n\r\n", false},
		{"a line without a colon", first + "Host\r\n\r\n", false},
		{"an empty value", first + "Host:\r\n\r\n", true},
		{"an empty line before a request", "\r\n" + first + "\r\n", false},
		{"an empty line between requests", first + "\r\n\r\n" + first + "\r\n", false},
		{"bare LF", first + "Host: x\n\r\n", false},
		{"bare LF as an empty line", first + "\n", false},
		{"bare CR", first + "X: a\rb\r\n\r\n", false},
		{"two CR", first + "X: a\r\r\n\r\n", false},
		{"folded", first + "X: a\r\n b\r\n\r\n", false},
		{"folded by a tab", first + "X: a\r\n\tb\r\n\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.raw), "byte by byte": iotest.OneByteReader(strings.NewReader(c.raw)),
			} {
				got, err := io.ReadAll(&strictConn{Conn: stub{Reader: r}})
				if ok := err == nil; ok != c.ok || !ok && !errors.Is(err, wire.ErrMalformed) {
					t.Errorf("read %s: error %v, want an error: %t", how, err, !c.ok)
				}
				if !strings.HasPrefix(c.raw, string(got)) || c.ok && string(got) != c.raw {
					t.Errorf("read %s: %q, want a prefix of %q", how, got, c.raw)
				}
			}
		})
	}
}

// FuzzStrictConn checks that the result does not depend on how reads split the data.
func FuzzStrictConn(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n")
	f.Add("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nX: a\r\n b\n\r")
	f.Fuzz(func(t *testing.T, raw string) {
		whole, err := io.ReadAll(&strictConn{Conn: stub{Reader: strings.NewReader(raw)}})
		slow := iotest.HalfReader(iotest.OneByteReader(strings.NewReader(raw)))
		pieces, err2 := io.ReadAll(&strictConn{Conn: stub{Reader: slow}})
		if string(whole) != string(pieces) || !errors.Is(err2, err) {
			t.Errorf("%q read at once: %q, %v; in pieces: %q, %v; want the same", raw, whole, err, pieces, err2)
		}
		if !strings.HasPrefix(raw, string(whole)) || err == nil && string(whole) != raw {
			t.Errorf("read of %q: %q, %v", raw, whole, err)
		}
	})
}
