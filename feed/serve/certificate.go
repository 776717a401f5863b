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

// certificateEvery is how often files are looked at, should there be handshakes.
const certificateEvery = 10 * time.Second

// Certificate is a certificate with its key in two PEM files, which may be replaced while it is used: who renews it need
// not restart the server. Its methods are safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	files  [2]fs.FileInfo // as they were when pair was read from them
	next   time.Time      // when to look again
	failed string         // why what is in the files is not used
}

// OpenCertificate reads the files. The error says what is wrong with them.
func OpenCertificate(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, now: now, log: log}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c.next = now().Add(certificateEvery)
	return c, nil
}

// Config returns a configuration of TLS that shows the certificate as it stands in the files. What is in the files and
// can't be used, such as a certificate whose key is not written yet, is logged and looked at again, and the last good one
// is shown meanwhile.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.current(), nil
	}}
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

// replaced says whether a file is not the one that was read. Files that are gone are: reading them tells why.
func (c *Certificate) replaced() bool {
	files, err := c.stat()
	if err != nil {
		return true
	}
	for i, f := range files {
		if before := c.files[i]; !os.SameFile(f, before) || !f.ModTime().Equal(before.ModTime()) || f.Size() != before.Size() {
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
		c.log.Error("certificate not replaced; the last good one is shown", "file", c.certFile, "until", c.pair.Leaf.NotAfter, "error", err)
		c.failed = reason
	}
}

// read takes the certificate out of the files. They are looked at first: what is replaced meanwhile is read again.
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
