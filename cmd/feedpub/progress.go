package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress shows on a terminal how far long work has come: a bar, the rate and the time that remains; elsewhere it says
// nothing. It is safe for concurrent use.
type progress struct {
	w       io.Writer // nil: not a terminal
	now     func() time.Time
	started time.Time
	read    atomic.Int64
	entries atomic.Int64

	mu    sync.Mutex
	total int64 // bytes; 0: not known
	shown time.Time
	drawn bool
}

// newProgress returns the progress shown on w, if that is a terminal.
func newProgress(w io.Writer, now func() time.Time) *progress {
	p := &progress{now: now, started: now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Mode()&os.ModeDevice != 0 && f.Name() != os.DevNull {
			p.w = w
		}
	}
	return p
}

// add makes the work greater by some bytes.
func (p *progress) add(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += size
}

// reader returns r with its bytes counted. What can be read twice still can.
func (p *progress) reader(r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok {
		return countingFile{f, p}
	}
	return countingReader{r, p}
}

type countingReader struct {
	io.Reader
	p *progress
}

func (c countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.p.read.Add(int64(n))
	return n, err
}

type countingFile struct {
	*os.File
	p *progress
}

func (c countingFile) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.p.read.Add(int64(n))
	return n, err
}

// tick counts an entry and draws the bar when it is time.
func (p *progress) tick() {
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

// line returns what is shown.
func (p *progress) line(now time.Time) string {
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
	return fmt.Sprintf("[%s%s] %3.0f %%  %s, %s left", strings.Repeat("=", full), strings.Repeat(" ", width-full), done*100, s, left)
}

// clear removes the bar, for a line of text in its place.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// done removes the bar for good.
func (p *progress) done() { p.clear() }
