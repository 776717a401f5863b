package serve

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateEvery is the interval at which a handshake checks the files for changes.
const certificateEvery = 10 * time.Second

// Certificate is a certificate with its key in two PEM files, which may be replaced without a restart. Its methods are
// safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	files  [2]fs.FileInfo // state of the files when pair was read
	next   time.Time      // time of the next check
	failed string         // the last error, or "" if pair is current
}

// OpenCertificate reads the files. now is the clock.
func OpenCertificate(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, now: now, log: log}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c.next = now().Add(certificateEvery)
	return c, nil
}

// Config returns a TLS configuration with the current certificate. If the files are invalid, for example because only
// one of them has been replaced, it logs the error, uses the last valid pair, and reads the files again later.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); !now.Before(c.next) {
		c.next = now.Add(certificateEvery)
		if c.replaced() {
			c.reload()
		}
	}
	return c.pair
}

// replaced reports whether a file has been replaced since it was read. It returns true if a file is missing, so that
// reload reports the error.
func (c *Certificate) replaced() bool {
	files, err := c.stat()
	if err != nil {
		return true
	}
	for i, f := range files {
		before := c.files[i]
		if !os.SameFile(f, before) || !f.ModTime().Equal(before.ModTime()) || f.Size() != before.Size() {
			return true
		}
	}
	return false
}

func (c *Certificate) reload() {
	err := c.read()
	if err == nil {
		c.log.Info("certificate replaced", "file", c.certFile, "until", c.pair.Leaf.NotAfter)
		c.failed = ""
	} else if reason := err.Error(); reason != c.failed {
		c.log.Error("cannot reload the certificate; using the last valid one",
			"file", c.certFile, "until", c.pair.Leaf.NotAfter, "error", err)
		c.failed = reason
	}
}

// read reads the pair. It gets the file information first, so files that are replaced during the read are read again.
func (c *Certificate) read() error {
	files, err := c.stat()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.files = &pair, files
	return nil
}

func (c *Certificate) stat() (files [2]fs.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}
