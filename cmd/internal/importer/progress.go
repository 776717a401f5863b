package importer

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Progress shows the progress of a long operation on a terminal: a bar, the rate and the remaining time. It writes
// nothing if the output is not a terminal. It is safe for concurrent use.
type Progress struct {
	w       io.Writer // nil if the output is not a terminal
	now     func() time.Time
	started time.Time
	read    atomic.Int64 // bytes
	entries atomic.Int64

	mu    sync.Mutex
	total int64 // size in bytes; 0 if unknown
	shown time.Time
	drawn bool
}

// NewProgress returns the progress of an operation that starts now, and shows it on w.
func NewProgress(w io.Writer, now func() time.Time) *Progress {
	p := &Progress{now: now, started: now()}
	if isTerminal(w) {
		p.w = w
	}
	return p
}

// isTerminal reports whether w is a character device other than the null device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || f.Name() == os.DevNull {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Mode()&os.ModeDevice != 0
}

// add adds bytes to the total.
func (p *Progress) add(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += size
}

// reader returns a reader that counts the bytes read from r. If r is a file, the result is also a file, so that it can
// be read twice.
func (p *Progress) reader(r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok {
		return countingFile{f, p}
	}
	return countingReader{r, p}
}

type countingReader struct {
	io.Reader
	p *Progress
}

func (c countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.read.Add(int64(n))
	return n, err
}

type countingFile struct {
	*os.File
	p *Progress
}

func (c countingFile) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.p.read.Add(int64(n))
	return n, err
}

// Tick counts an entry and occasionally redraws the bar.
func (p *Progress) Tick() {
	n := p.entries.Add(1)
	if p.w == nil || n%64 != 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.shown) >= 100*time.Millisecond {
		p.shown, p.drawn = now, true
		fmt.Fprint(p.w, "\r\x1b[K"+p.line(now))
	}
}

// line returns the text of the bar.
func (p *Progress) line(now time.Time) string {
	seconds := max(now.Sub(p.started).Seconds(), 0.001)
	n, read := p.entries.Load(), p.read.Load()
	s := fmt.Sprintf("%d entries, %.0f/s", n, float64(n)/seconds)
	if p.total <= 0 || read <= 0 {
		return s
	}
	done := min(float64(read)/float64(p.total), 1)
	const width = 30
	full := int(done * width)
	left := time.Duration(seconds * (1 - done) / done * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("[%s%s] %3.0f %%  %s, %s left", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		done*100, s, left)
}

// Clear removes the bar, so that a line of text can take its place.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
