package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"feedpub/feed/coding"
)

// Bounds of what compressed files may become. Text is made ten times smaller by gzip; a file that grows a hundredfold
// is made to.
const (
	maxRatio = 200
	// freeBytes may come out before the ratio counts: small files of one letter are harmless.
	freeBytes = 64 << 20
)

// ErrDamaged is the kind of errors about a file of which the rest can't be read: it is cut off or damaged, or expands
// beyond what text can. It is no error of kind [feed.ErrInvalid]: nothing of the file follows.
var ErrDamaged = errors.New("the file is damaged")

var errRatio = fmt.Errorf("it expands to more than %d times its size: %w", maxRatio, ErrDamaged)

// unpack returns what r holds if that is compressed by gzip, else r.
func unpack(r *bufio.Reader) (*bufio.Reader, error) {
	start, err := r.Peek(2)
	if err != nil || !bytes.Equal(start, []byte{0x1f, 0x8b}) {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return r, nil
	}
	in := &counter{r: r}
	z, err := coding.NewGzipReader(in)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w: %w", err, ErrDamaged)
	}
	return bufio.NewReaderSize(&expander{r: z, in: in}, head), nil
}

// counter counts the bytes that are read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// expander reads what comes out of a compressed file, as long as that is in proportion to what went in.
type expander struct {
	r  io.Reader
	in *counter
	n  int64
}

func (e *expander) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.n += int64(n)
	if e.n > freeBytes && e.n > maxRatio*e.in.n {
		return 0, errRatio
	}
	if err != nil && !errors.Is(err, io.EOF) {
		// Damaged or cut off: what came before has been read, and the rest is not there.
		err = fmt.Errorf("gzip: %w: %w", err, ErrDamaged)
	}
	return n, err
}
