package fast

import "bytes"

// inspect looks at the lines of a header as they came, for what fasthttp lets pass or drops though a proxy before us may
// read it otherwise. A header is sound unless lines of it end in a bare LF (RFC 9112 section 2.2) or are folded (section
// 5.2); it is framed if it has a Transfer-Encoding (section 6.1), which fasthttp drops if that is "identity". Nothing is
// parsed that fasthttp has parsed.
func inspect(lines []byte) (sound, framed bool) {
	for len(lines) > 0 {
		if lines[0] == ' ' || lines[0] == '\t' {
			return false, framed
		}
		if n := len(transferEncoding); lines[0]|0x20 == 't' && len(lines) > n && bytes.EqualFold(lines[:n], transferEncoding) {
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
