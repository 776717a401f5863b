package store

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"feedpub/feed"
	"feedpub/store/redisurl"
)

// tlsConfig returns how the connections of a URL are encrypted, nil if they are not. A file that can't be used is an
// error of kind [feed.ErrInvalid] here, and not one of every connection.
func tlsConfig(u redisurl.URL) (*tls.Config, error) {
	if !u.TLS {
		return nil, nil
	}
	// Without a name, each server is verified by the address that it is reached under.
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.TLSName, InsecureSkipVerify: u.SkipVerify} //nolint:gosec // asked for
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls_ca_file: %w: %w", feed.ErrInvalid, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca_file: %s has no certificate in PEM: %w", u.CAFile, feed.ErrInvalid)
		}
	}
	if u.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(u.CertFile, u.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("tls_cert_file: %w: %w", feed.ErrInvalid, err)
			}
			return &cert, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		// Read anew for each connection, so that a renewed certificate needs no restart.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return c, nil
}
