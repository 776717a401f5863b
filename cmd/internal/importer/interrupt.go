package importer

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// openFile is [os.Open], but returns when ctx is done: opening a named pipe blocks until there is a writer.
func openFile(ctx context.Context, name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return os.Open(name)
	}
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(name)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, ctx.Err() // the goroutine ends with the process
	}
}

// interruptible returns a reader of r whose Read returns when ctx is done, even while r blocks: Ctrl-C must not wait
// for the next byte of a pipe. A blocked Read of r is abandoned, so the process should end soon.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	i := &interruptibleReader{ctx: ctx, chunks: make(chan chunk)}
	go func() {
		// Two buffers: one is filled while the other is read.
		current, other := make([]byte, 64<<10), make([]byte, 64<<10)
		for ; ; current, other = other, current {
			n, err := r.Read(current)
			select {
			case i.chunks <- chunk{current[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return i
}

// chunk is the result of one Read.
type chunk struct {
	data []byte
	err  error
}

type interruptibleReader struct {
	ctx    context.Context
	chunks chan chunk
	rest   chunk
}

func (i *interruptibleReader) Read(p []byte) (int, error) {
	for len(i.rest.data) == 0 {
		if i.rest.err != nil {
			return 0, i.rest.err
		}
		select {
		case i.rest = <-i.chunks:
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		}
	}
	n := copy(p, i.rest.data)
	i.rest.data = i.rest.data[n:]
	return n, nil
}
