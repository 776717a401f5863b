package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

// newAuthority makes an authority, whose certificate is in ca.pem in the folder.
func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes NAME.pem and NAME.key.pem into the folder.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.made++
	template.SerialNumber, template.Subject = big.NewInt(a.made), pkix.Name{CommonName: name}
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

// TestTLS speaks to a server that shows a certificate for a name and asks for one.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.issue("server", &x509.Certificate{DNSNames: []string{"redis.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	ca.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	port, err := storetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	storetest.StartRedis(t, "--tls-port", fmt.Sprint(port), "--tls-auth-clients", "yes", "--tls-ca-cert-file", ca.file("ca.pem"),
		"--tls-cert-file", ca.file("server.pem"), "--tls-key-file", ca.file("server.key.pem"))
	authorities, me := "tls_ca_file="+ca.file("ca.pem"), "tls_cert_file="+ca.file("client.pem")+"&tls_key_file="+ca.file("client.key.pem")
	for _, tt := range []struct {
		name, parameters string
		want             string // in the error; "" is none
	}{
		{"all in order", authorities + "&" + me + "&tls_server_name=redis.example", ""},
		{"nothing verified", "tls_skip_verify=true&" + me, ""},
		{"unknown authority", me + "&tls_server_name=redis.example", "unknown authority"},
		{"another name", authorities + "&" + me, "127.0.0.1"},
		{"no certificate of the client", authorities + "&tls_server_name=redis.example", "certificate required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, store.Options{URL: fmt.Sprintf("rediss://127.0.0.1:%d?%s", port, tt.parameters)})
			err := c.Ping(t.Context())
			if tt.want == "" && err != nil || tt.want != "" && !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("Ping: %v; want %q", err, tt.want)
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
