package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html/charset"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// peekSize is the number of bytes used to detect the format of a file.
const peekSize = 64 << 10

// input is a file being read: decompressed, and converted to UTF-8 without a byte order mark.
type input struct {
	r    *bufio.Reader
	name string // file name in messages, without ".gz"
	line int    // 1-based line number of the next byte
	// reopen returns a new reader that starts at the beginning of the file. It is nil if the file can be read only
	// once.
	reopen func() (*bufio.Reader, error)
}

// openInput decompresses r and converts it to UTF-8. Peek(peekSize) then returns the start of the file.
func openInput(r io.Reader, name string) (*input, error) {
	in := &input{r: bufio.NewReaderSize(r, peekSize), name: name, line: 1}
	rewind := rewinder(r) // must be called before anything is read
	unpacked, err := gunzip(in.r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if unpacked != in.r {
		in.r, rewind = unpacked, nil
		in.name = strings.TrimSuffix(name, ".gz")
	}
	if in.r, err = toUTF8(in.r); err != nil {
		if errors.Is(err, feed.ErrInvalid) {
			return nil, fmt.Errorf("%s: %w", in.name, err)
		}
		return nil, fmt.Errorf("read %s: %w", in.name, err)
	}
	if rewind != nil {
		in.reopen = func() (*bufio.Reader, error) { return toUTF8(bufio.NewReaderSize(rewind(), peekSize)) }
	}
	return in, nil
}

// pos returns the position of the given line.
func (in *input) pos(line int) string { return fmt.Sprintf("%s:%d", in.name, line) }

// rewinder returns a function that opens an additional reader at the current offset of r. Reading from it does not
// change the offset of r. It returns nil if r can be read only once.
func rewinder(r io.Reader) func() io.Reader {
	s, ok := r.(io.ReadSeeker)
	if !ok {
		return nil
	}
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
	return func() io.Reader { return io.NewSectionReader(at, start, end-start) }
}

var byteOrderMark = []byte("\ufeff")

// toUTF8 converts r to UTF-8. The source encoding is determined by a byte order mark or an XML declaration.
func toUTF8(r *bufio.Reader) (*bufio.Reader, error) {
	start, err := r.Peek(1024)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	label := ""
	switch {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{'<', 0, '?', 0}):
		label = "utf-16le"
	case bytes.HasPrefix(start, []byte{0xfe, 0xff}), bytes.HasPrefix(start, []byte{0, '<', 0, '?'}):
		label = "utf-16be"
	case !bytes.HasPrefix(start, byteOrderMark):
		label = declaredEncoding(start)
	}
	switch strings.ToLower(label) {
	case "", "utf-8", "utf8":
	default:
		if e, _ := charset.Lookup(label); e == nil {
			return nil, fmt.Errorf("unknown encoding %q: %w", label, feed.ErrInvalid)
		}
		converted, err := charset.NewReaderLabel(label, r)
		if err != nil {
			return nil, fmt.Errorf("encoding %q: %w: %w", label, err, feed.ErrInvalid)
		}
		r = bufio.NewReaderSize(converted, peekSize)
	}
	for {
		if mark, err := r.Peek(len(byteOrderMark)); err != nil || !bytes.Equal(mark, byteOrderMark) {
			return r, nil
		}
		_, _ = r.Discard(len(byteOrderMark)) // buffered, so this cannot fail
	}
}

// trimMarks removes byte order marks from the beginning of a file. Some programs add one to a file that already begins
// with one.
func trimMarks(content []byte) []byte {
	for bytes.HasPrefix(content, byteOrderMark) {
		content = content[len(byteOrderMark):]
	}
	return content
}

// declaredEncoding returns the encoding in an XML declaration, or "".
func declaredEncoding(start []byte) string {
	start = bytes.TrimLeft(start, " \t\r\n")
	if !bytes.HasPrefix(start, []byte("<?xml")) {
		return ""
	}
	declaration, _, ok := bytes.Cut(start, []byte("?>"))
	if !ok {
		return ""
	}
	_, value, ok := bytes.Cut(declaration, []byte("encoding"))
	if !ok {
		return ""
	}
	value = bytes.TrimLeft(value, " \t\r\n=")
	if len(value) == 0 {
		return ""
	}
	value, _, _ = bytes.Cut(value[1:], value[:1])
	return string(value)
}

// Limits on the size of decompressed files, to protect against decompression bombs. Text is usually compressed by a
// factor of about 10.
const (
	maxRatio = 200
	// freeBytes is the number of decompressed bytes allowed before maxRatio applies.
	freeBytes = 64 << 20
)

// ErrDamaged is the error kind for a file that cannot be read completely because it is truncated, damaged, or too large
// when decompressed. These errors are not of kind [feed.ErrInvalid], since no more entries follow.
var ErrDamaged = errors.New("the file is damaged")

var errRatio = fmt.Errorf("it expands to more than %d times its size: %w", maxRatio, ErrDamaged)

// gunzip returns the decompressed content of r if it is in gzip format, and r itself otherwise.
func gunzip(r *bufio.Reader) (*bufio.Reader, error) {
	start, err := r.Peek(2)
	if err != nil || !bytes.Equal(start, []byte{0x1f, 0x8b}) {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return r, nil
	}
	in := &countingReader{r: r}
	z, err := coding.NewGzipReader(in)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w: %w", err, ErrDamaged)
	}
	return bufio.NewReaderSize(&gzipReader{r: z, in: in}, peekSize), nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// gzipReader reads decompressed bytes within the limits.
type gzipReader struct {
	r  io.Reader
	in *countingReader
	n  int64
}

func (g *gzipReader) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.n += int64(n)
	if g.n > freeBytes && g.n > maxRatio*g.in.n {
		return 0, errRatio
	}
	if err != nil && !errors.Is(err, io.EOF) {
		// Return the content before the damaged part first.
		err = fmt.Errorf("gzip: %w: %w", err, ErrDamaged)
	}
	return n, err
}

// zipReader reads a file in a zip archive within the limits.
type zipReader struct {
	r    io.Reader
	left int64
}

func newZipReader(r io.Reader, compressed uint64) *zipReader {
	return &zipReader{r: r, left: freeBytes + maxRatio*int64(min(compressed, 1<<40))}
}

func (z *zipReader) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if z.left -= int64(n); z.left < 0 {
		return 0, errRatio
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("zip: %w: %w", err, ErrDamaged)
	}
	return n, err
}
