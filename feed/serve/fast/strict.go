package fast

import "bytes"

// inspect checks the lines of a header for syntax that fasthttp accepts or removes although a proxy may parse it
// differently. valid is false if lines end in a bare LF (RFC 9112 section 2.2) or are folded (section 5.2). framed is
// true if there is a Transfer-Encoding (section 6.1), which fasthttp removes if it is "identity".
func inspect(lines []byte) (valid, framed bool) {
	for len(lines) > 0 {
		if lines[0] == ' ' || lines[0] == '\t' {
			return false, framed
		}
		n := len(transferEncoding)
		if lines[0]|0x20 == 't' && len(lines) > n && bytes.EqualFold(lines[:n], transferEncoding) {
			framed = true
		}
		end := bytes.IndexByte(lines, '\n')
		if end < 1 || lines[end-1] != '\r' {
			return false, framed
		}
		lines = lines[end+1:]
	}
	return true, framed
}

var transferEncoding = []byte("Transfer-Encoding:")
