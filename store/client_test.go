package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

func TestOpenInvalidURL(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "/a/path", "http://h", "redis://h:port", "redis://u:hunter2@h:port", "redis://u:hunter2@h/x/y",
		"redis://:hunter2@h/notanumber", "redis://h/0?unknown=hunter2", "redis://u:hunter2@[::1", "://u:hunter2@h",
		"redis+unknown://u:hunter2@h", "unix://u:hunter2@", "redis://u:hun%zzter2@h", "hunter2\x7f://",
	} {
		c, err := store.Open(store.Options{URL: url})
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Open(%q): error is %v; want one of kind %q", url, err, feed.ErrInvalid)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q): error contains the password: %v", url, err)
		}
	}
}

func TestErrorsContainNoPassword(t *testing.T) {
	c, err := store.Open(store.Options{URL: "redis://user:hunter2@127.0.0.1:1/3?client_name=hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	err = c.Ping(t.Context())
	if !errors.Is(err, feed.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") ||
		!strings.Contains(err.Error(), "redis://127.0.0.1:1/3") {
		t.Errorf("Ping of a closed port: error is %v; want the address, no password, and kind %q", err, feed.ErrUnavailable)
	}
	if got, want := c.Address(), "redis://127.0.0.1:1/3"; got != want {
		t.Errorf("Address = %q; want %q", got, want)
	}
}

func TestSocketAddressOfLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	address, done, err := store.SocketAddress(path)
	if err != nil {
		t.Fatalf("SocketAddress of %d bytes: %v", len(path), err)
	}
	defer done()
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatalf("Listen(%q): %v", address, err)
	}
	defer func() { _ = l.Close() }()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("socket at the long path: %v", err)
	}
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64 // serial number
}

// newAuthority returns an authority with a folder that contains its certificate, ca.pem.
func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// issue issues a certificate and writes it and its key to NAME.pem and NAME.key.pem.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.last++
	template.SerialNumber, template.Subject = big.NewInt(a.last), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem":     {Type: "CERTIFICATE", Bytes: der},
		name + ".key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// TestTLS connects to a server whose certificate is for a host name, and which requires a client certificate.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.issue("server", &x509.Certificate{
		DNSNames: []string{"redis.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	ca.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	port, err := storetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	storetest.StartRedis(t, "--tls-port", fmt.Sprint(port), "--tls-auth-clients", "yes",
		"--tls-ca-cert-file", ca.file("ca.pem"),
		"--tls-cert-file", ca.file("server.pem"), "--tls-key-file", ca.file("server.key.pem"))
	authority := "tls_ca_file=" + ca.file("ca.pem")
	client := "tls_cert_file=" + ca.file("client.pem") + "&tls_key_file=" + ca.file("client.key.pem")
	for _, tt := range []struct {
		name, parameters string
		want             string // part of the error; "" if no error is expected
	}{
		{"valid", authority + "&" + client + "&tls_server_name=redis.example", ""},
		{"verification disabled", "tls_skip_verify=true&" + client, ""},
		{"unknown authority", client + "&tls_server_name=redis.example", "unknown authority"},
		{"other server name", authority + "&" + client, "127.0.0.1"},
		{"no client certificate", authority + "&tls_server_name=redis.example", "certificate required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, store.Options{URL: fmt.Sprintf("rediss://127.0.0.1:%d?%s", port, tt.parameters)})
			err := c.Ping(t.Context())
			if tt.want == "" && err != nil || tt.want != "" && !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("Ping: error is %v; want %q", err, tt.want)
			}
		})
	}
	for _, parameters := range []string{
		"tls_ca_file=" + ca.file("absent.pem"), "tls_ca_file=" + ca.file("client.key.pem"),
		"tls_cert_file=" + ca.file("client.pem") + "&tls_key_file=" + ca.file("server.key.pem"),
	} {
		if _, err := store.Open(store.Options{URL: "rediss://127.0.0.1?" + parameters}); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Open with %s: error is %v; want one of kind %q", parameters, err, feed.ErrInvalid)
		}
	}
}

// TestSentinelCredentials checks that Sentinels and servers may have different credentials.
func TestSentinelCredentials(t *testing.T) {
	group := storetest.StartSentinels(t, noFailover)
	for _, s := range group.Servers() {
		s.Do("ACL SETUSER writer on >swordfish ~feedpub:* &* +@all -@admin")
	}
	for _, s := range group.Sentinels() {
		s.Do("ACL SETUSER asker on >sesame allcommands allchannels")
		// Sentinels need these permissions among themselves.
		s.Do("ACL SETUSER default -@all +ping +publish +subscribe +info|sentinel")
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(group.URL(), "://", "://writer:swordfish@", 1)
	for _, tt := range []struct {
		name, url string
		works     bool
	}{
		{"valid", url + "?sentinel_user=asker&sentinel_password=sesame", true},
		{"password of the Sentinels in a file", url + "?sentinel_user=asker&sentinel_password_file=" + file, true},
		{"wrong password of the Sentinels", url + "?sentinel_user=asker&sentinel_password=wrong-sesame", false},
		{"no password of the Sentinels", url, false},
		{"wrong password of the servers",
			strings.Replace(url, "swordfish", "sardine", 1) + "?sentinel_user=asker&sentinel_password=sesame", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, store.Options{URL: tt.url}).Site(site)
			err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")})
			if (err == nil) != tt.works {
				t.Errorf("Put: error is %v; want success: %t", err, tt.works)
			}
			if err != nil && (strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "sardine")) {
				t.Errorf("Put: error contains a password: %v", err)
			}
			if tt.works {
				// The user is not allowed to use CONFIG, so Check uses INFO.
				if warnings, err := s.Client().Check(t.Context()); err != nil || len(warnings) != 1 {
					t.Errorf("Check by a user who may not use CONFIG = %q, %v; want the warning about failovers", warnings, err)
				}
			}
		})
	}
}

// TestUnknownMaster checks that the store does not look empty if the Sentinels do not know the master. Sentinels reply
// nil for an unknown name, as servers do for an unknown key.
func TestUnknownMaster(t *testing.T) {
	s := open(t, store.Options{URL: storetest.StartSentinels(t, noFailover).URL() + "-other"}).Site(site)
	for name, call := range map[string]func() error{
		"Version": func() error { _, err := s.Version(t.Context()); return err },
		"Cursor":  func() error { _, err := s.Cursor(t.Context()); return err },
		"Post":    func() error { _, err := s.Post(t.Context(), "a"); return err },
		"Heads":   func() error { _, err := s.Heads(t.Context()); return err },
	} {
		if err := call(); !errors.Is(err, feed.ErrUnavailable) || errors.Is(err, feed.ErrNotFound) {
			t.Errorf("%s of an unknown master: error is %v; want one of kind %q", name, err, feed.ErrUnavailable)
		}
	}
}

func TestServerRestart(t *testing.T) {
	r := storetest.StartRedis(t, "--appendonly", "yes")
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	if err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	if _, err := s.Post(t.Context(), "a"); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Post while the server is stopped: error is %v; want an error of kind %q", err, feed.ErrUnavailable)
	}
	r.Restart()
	if got, err := s.Post(t.Context(), "a"); err != nil || string(got) != "{}" {
		t.Errorf("Post after the restart = %q, %v", got, err)
	}
	if err := s.MarkDirty(t.Context(), feed.Main); err != nil { // the restarted server has not loaded any scripts
		t.Errorf("MarkDirty after the restart: %v", err)
	}
}

func TestContextDeadline(t *testing.T) {
	r := storetest.StartRedis(t)
	c := open(t, store.Options{URL: r.URL(), ServeTimeout: time.Minute, BuildTimeout: time.Minute})
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Pause()
	t.Cleanup(r.Resume)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := c.Ping(ctx); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Ping while the server hangs: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("Ping with a deadline of 100 ms took %v", took)
	}
}
