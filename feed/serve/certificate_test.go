package serve

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// issue returns a self-signed certificate for 127.0.0.1 and its key, both in PEM.
func issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// certificateFiles are a certificate and its key on disk.
type certificateFiles struct {
	t         *testing.T
	cert, key string
}

func (f certificateFiles) write(cert, key []byte) {
	f.t.Helper()
	for name, b := range map[string][]byte{f.cert: cert, f.key: key} {
		// Replace the files by renaming, like programs that renew certificates.
		if err := os.WriteFile(name+".new", b, 0o600); err != nil {
			f.t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			f.t.Fatal(err)
		}
	}
}

func newCertificateFiles(t *testing.T) certificateFiles {
	dir := t.TempDir()
	return certificateFiles{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// TestTLSAnswersLikeHTTP checks that responses over TLS with HTTP/1.1 and HTTP/2 equal the responses over plain HTTP.
func TestTLSAnswersLikeHTTP(t *testing.T) {
	now, tags := historyOf(t, dated("a=1 b=2 c=3"), dated("d=4 a=1 b=2 c=3"))
	front := &Front{Documents: fixed{now}}
	files := newCertificateFiles(t)
	cert, key := issue(t, 1)
	files.write(cert, key)
	pair, err := OpenCertificate(files.cert, files.key, time.Now, logTo(t))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	plain, secure := "http://"+serveFront(t, front), "https://"+serveTLS(t, front, pair.Config())
	client := func(version string) *http.Client {
		transport := &http.Transport{
			DisableCompression: true, Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: roots},
		}
		transport.Protocols.SetHTTP1(version == "HTTP/1.1")
		transport.Protocols.SetHTTP2(version == "HTTP/2.0")
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, c := range []struct {
			name   string
			method string
			path   string
			header map[string]string
			status int
		}{
			{"whole", "GET", "/feed.xml", nil, 200},
			{"gzip", "GET", "/feed.xml", map[string]string{"Accept-Encoding": "gzip"}, 200},
			{"head", "HEAD", "/feed.xml", map[string]string{"Accept-Encoding": "gzip"}, 200},
			{"unchanged", "GET", "/feed.xml", map[string]string{"If-None-Match": tags[1]}, 304},
			{"delta", "GET", "/feed.xml", map[string]string{"If-None-Match": tags[0], "A-IM": "feed"}, 226},
			{"preflight", "OPTIONS", "/feed.xml", map[string]string{"Origin": "https://x.example"}, 204},
			{"none", "GET", "/none", nil, 404},
			{"method", "DELETE", "/feed.xml", nil, 405},
		} {
			t.Run(version+"/"+c.name, func(t *testing.T) {
				got := fetch(t, client(version), c.method, secure+c.path, c.header)
				if got.proto != version {
					t.Errorf("protocol of the response is %s, want %s", got.proto, version)
				}
				want := fetch(t, client("HTTP/1.1"), c.method, plain+c.path, c.header)
				got.proto = want.proto
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(answered{})); diff != "" || got.status != c.status {
					t.Errorf("%s %s %v: status %d, want %d as over plain HTTP (-plain +TLS):\n%s", c.method,
						c.path, c.header, got.status, c.status, diff)
				}
			})
		}
	}
}

// answered holds the parts of a response that are compared.
type answered struct {
	proto, body string
	status      int
	header      http.Header // without Date
}

func fetch(t *testing.T, client *http.Client, method, url string, header map[string]string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Header.Del("Date")
	return answered{res.Proto, string(b), res.StatusCode, res.Header}
}

// TestCertificateReload checks that a server uses new files once they are valid.
func TestCertificateReload(t *testing.T) {
	files := newCertificateFiles(t)
	first, firstKey := issue(t, 1)
	second, secondKey := issue(t, 2)
	now := noon
	var log bytes.Buffer
	files.write(first, firstKey)
	c, err := OpenCertificate(files.cert, files.key, func() time.Time { return now },
		slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	addr := serveTLS(t, &Front{Documents: fixed{site(t, Options{}, feed.Main)}}, c.Config())
	for _, step := range []struct {
		name string
		do   func()
		want int64
		log  string
	}{
		{"unchanged", func() {}, 1, ""},
		{"half replaced", func() { files.write(second, firstKey) }, 1, "private key does not match"},
		{"still half replaced", func() {}, 1, ""},
		{"replaced", func() { files.write(second, secondKey) }, 2, "certificate replaced"},
		{"damaged", func() { files.write([]byte("x"), secondKey) }, 2, "failed to find any PEM data"},
		{"gone", func() { _ = os.Remove(files.cert) }, 2, "no such file"},
		{"back", func() { files.write(first, firstKey) }, 1, "certificate replaced"},
		{"unchanged again", func() {}, 1, ""},
	} {
		step.do()
		now = now.Add(certificateEvery)
		log.Reset()
		if got := shown(t, addr); got != step.want {
			t.Errorf("files %s: the server uses certificate %d, want %d", step.name, got, step.want)
		}
		if got := log.String(); !strings.Contains(got, step.log) || (got == "") != (step.log == "") {
			t.Errorf("files %s: the log is %q, want %q", step.name, got, step.log)
		}
	}
	if _, err := OpenCertificate(files.key, files.key, time.Now, logTo(t)); err == nil {
		t.Error("OpenCertificate returns no error for a key in place of a certificate")
	}
}

// shown returns the serial number of the certificate that a server presents.
func shown(t *testing.T, addr string) int64 {
	t.Helper()
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
