package egress_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"feedpub/feed/egress"
)

// names is a resolver with a list of answers for each name, one per lookup; the last one is repeated.
type names struct {
	mu      sync.Mutex
	answers map[string][][]netip.Addr
	asked   int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	list, ok := n.answers[strings.TrimSuffix(host, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		n.answers[host] = list[1:]
	}
	return list[0], nil
}

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParseAddr(t)
	}
	return list
}

// dials records the addresses that a client dials, without connecting to them.
type dials struct {
	mu   sync.Mutex
	list []netip.AddrPort
}

var errNotConnected = errors.New("not connected")

func (d *dials) dial(_ context.Context, a netip.AddrPort) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, a)
	return nil, errNotConnected
}

func get(c *egress.Client, url string) (egress.Response, error) {
	return c.Do(context.Background(), egress.Request{Method: "GET", URL: url, MaxBody: 16})
}

// forbidden4 contains addresses in every non-public IPv4 network, including the first and the last ones.
var forbidden4 = []string{
	"0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.1.2.3", "10.255.255.255", "100.64.0.0", "100.100.100.200",
	"100.127.255.255", "127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255", "169.254.0.1", "169.254.169.254",
	"169.254.170.2", "169.254.255.255", "172.16.0.0", "172.17.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192",
	"192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.1.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
	"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
}

var forbidden6 = []string{
	"::", "::1", "::2", "::ffff:0:0", "fe80::1", "fe80::a9fe:a9fe", "febf::1", "fec0::1", "fc00::1", "fd00::1",
	"fd00:ec2::254", "fd20:ce::254", "fdff::1", "ff00::1", "ff02::1", "ff05::1:3", "2001::1", "2001:0:7f00:1::1",
	"2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1",
	"3fff::1", "100::1", "64:ff9b:1::7f00:1", "4000::1", "5f00::1", "8000::1", "e000::1",
}

// spellings returns hosts that some programs read as the IPv4 address a.
func spellings(a netip.Addr) []string {
	b := a.As4()
	n := binary.BigEndian.Uint32(b[:])
	return []string{
		a.String(), a.String() + ".", fmt.Sprint(n), fmt.Sprintf("0x%x", n), fmt.Sprintf("0X%08X", n), fmt.Sprintf("0%o", n),
		fmt.Sprintf("0x%x.0x%x.0x%x.0x%x", b[0], b[1], b[2], b[3]), fmt.Sprintf("0%o.0%o.0%o.0%o", b[0], b[1], b[2], b[3]),
		fmt.Sprintf("%d.%d", b[0], n&0xffffff), fmt.Sprintf("%d.%d.%d", b[0], b[1], n&0xffff),
		fmt.Sprintf("%03d.%03d.%03d.%03d", b[0], b[1], b[2], b[3]),
		fmt.Sprintf("[::ffff:%s]", a), fmt.Sprintf("[::ffff:%x:%x]", n>>16, n&0xffff), fmt.Sprintf("[::%s]", a),
		fmt.Sprintf("[64:ff9b::%s]", a), fmt.Sprintf("[64:ff9b::%x:%x]", n>>16, n&0xffff),
		fmt.Sprintf("[2002:%x:%x::]", n>>16, n&0xffff), fmt.Sprintf("[64:ff9b:1::%s]", a),
	}
}

// hostile returns URLs that must not cause a connection.
func hostile() []string {
	var list []string
	for _, a := range forbidden4 {
		for _, host := range spellings(netip.MustParseAddr(a)) {
			list = append(list, "http://"+host+"/hook")
		}
	}
	for _, a := range forbidden6 {
		list = append(list, "http://["+a+"]/hook", "https://["+a+"]:443/", "http://["+a+"%25eth0]/", "http://["+a+"%eth0]/")
	}
	for _, host := range []string{
		"loopback.test", "private.test", "mixed.test", "mixed6.test", "mapped.test", "nat64.test", "metadata.test",
		"LOOPBACK.test", "loopback.test.", "unknown.test", "empty.test",
	} {
		for _, form := range []string{"http://%s/", "https://%s/", "http://%s:8080/a?b", "http://%s:80"} {
			list = append(list, fmt.Sprintf(form, host))
		}
	}
	for _, port := range []string{"0", "1", "22", "25", "6379", "11211", "65535", "65536", "-1", "x", "8443", "80x"} {
		list = append(list, "http://public.test:"+port+"/", "http://8.8.8.8:"+port+"/")
	}
	return append(list,
		"", "/", "//127.0.0.1/", "127.0.0.1", "http://", "http:///", "http:127.0.0.1", "http:/127.0.0.1", "http://:80/",
		"file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "ftp://public.test/", "dict://public.test/", "ldap://public.test/",
		"unix:///run/redis.sock", "data:text/plain,x", "javascript:alert(1)", "ws://public.test/", "HTTP+unix://public.test/",
		"http://user@public.test/", "http://user:secret@public.test/", "http://127.0.0.1@public.test/",
		"http://public.test@127.0.0.1/", "http://public.test#@127.0.0.1/", "http://public.test/#fragment", "http://public.test/#",
		"http://public.test\\@127.0.0.1/", "http://127.0.0.1\\.public.test/", "http://public.test /", " http://public.test/",
		"http://public.test/\r\nHost: 127.0.0.1", "http://public.test/\x00", "http://public.test/a b", "http://public.test/\x7f",
		"http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://[::1", "http://::1/", "http://[::1]x/",
		"http://[127.0.0.1]/", "http://127.0.0.1%2f@public.test/", "http://%31%32%37.0.0.1/", "http://127.0.0.1%00/",
		"http://public.test%00.127.0.0.1/", "http://public.test:80:80/", "http://0/", "http://0x/", "http://127.1/", "http://1/",
		"http://.../", "http://./", "http://a.0x7f/", "http://a.1/", "http://a.1./", "http://[fe80::1%25lo]/",
		"http://public.test/"+strings.Repeat("a", 2048),
	)
}

func TestHostileURLs(t *testing.T) {
	public := addrs("8.8.8.8")
	resolver := &names{answers: map[string][][]netip.Addr{
		"public.test": {public}, "loopback.test": {addrs("127.0.0.1")}, "private.test": {addrs("192.168.0.1", "10.0.0.1")},
		"LOOPBACK.test": {addrs("127.0.0.1")}, "mixed.test": {addrs("8.8.8.8", "10.0.0.1")},
		"mixed6.test": {addrs("2606:4700::1", "::1")}, "mapped.test": {addrs("::ffff:127.0.0.1")},
		"nat64.test": {addrs("64:ff9b::a00:1")}, "metadata.test": {addrs("169.254.169.254")}, "empty.test": {nil},
	}}
	d := new(dials)
	c := egress.New(egress.Config{Resolver: resolver, Dial: d.dial})
	urls := hostile()
	if len(urls) < 400 {
		t.Fatalf("the corpus has %d URLs, want at least 400", len(urls))
	}
	for _, url := range urls {
		before := len(d.list)
		_, err := get(c, url)
		if err == nil || len(d.list) != before {
			t.Errorf("%q: error %v and connections to %v, want an error and none", url, err, d.list[before:])
		}
		if errors.Is(err, errNotConnected) {
			t.Errorf("%q was dialed", url)
		}
	}
	if _, err := get(c, "http://public.test/"); !errors.Is(err, errNotConnected) || len(d.list) != 1 {
		t.Errorf("a public host: error %v and connections to %v, want a connection to it", err, d.list)
	}
}

// TestForbiddenKind checks that callers can tell a forbidden URL from a host that does not respond.
func TestForbiddenKind(t *testing.T) {
	resolver := &names{answers: map[string][][]netip.Addr{"public.test": {addrs("8.8.8.8")}, "a.test": {addrs("10.0.0.1")}}}
	c := egress.New(egress.Config{Resolver: resolver, Dial: new(dials).dial})
	for url, want := range map[string]bool{
		"http://127.0.0.1/": true, "http://a.test/": true, "http://public.test:22/": true, "ftp://public.test/": true,
		"http://2130706433/": true, "http://public.test/": false, "http://unknown.test/": false,
	} {
		if _, err := get(c, url); errors.Is(err, egress.ErrForbidden) != want {
			t.Errorf("%s: error %v; want an error of kind ErrForbidden: %t", url, err, want)
		}
	}
}

// TestRebinding checks that a host name is resolved once per connection, and that the client connects to the address
// that it has checked.
func TestRebinding(t *testing.T) {
	for name, answers := range map[string][][]netip.Addr{
		"public, then loopback":     {addrs("8.8.8.8"), addrs("127.0.0.1")},
		"public, then private":      {addrs("8.8.8.8"), addrs("10.0.0.1")},
		"public, then both":         {addrs("8.8.8.8"), addrs("8.8.8.8", "::1")},
		"public, then metadata":     {addrs("8.8.8.8"), addrs("169.254.169.254")},
		"public, then ULA":          {addrs("8.8.8.8"), addrs("fd00:ec2::254")},
		"public, then v4 in NAT64":  {addrs("8.8.8.8"), addrs("64:ff9b::7f00:1")},
		"public, then v4 in mapped": {addrs("8.8.8.8"), addrs("::ffff:7f00:1")},
	} {
		d, resolver := new(dials), &names{answers: map[string][][]netip.Addr{"rebind.test": answers}}
		c := egress.New(egress.Config{Resolver: resolver, Dial: d.dial})
		_, first := get(c, "http://rebind.test/")
		if len(d.list) != 1 || d.list[0].String() != "8.8.8.8:80" || resolver.asked != 1 || !errors.Is(first, errNotConnected) {
			t.Errorf("%s: %d lookups and connections to %v, error %v; want one lookup and one connection", name, resolver.asked, d.list, first)
		}
		for range 5 {
			if _, err := get(c, "http://rebind.test/"); !errors.Is(err, egress.ErrForbidden) {
				t.Errorf("%s: the second request: %v, want an error of kind ErrForbidden", name, err)
			}
		}
		if len(d.list) != 1 {
			t.Errorf("%s: connections to %v, want only the first", name, d.list)
		}
	}
}

func TestPublic(t *testing.T) {
	for _, a := range addrs("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1",
		"128.0.0.1", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255", "2606:4700::1111", "2a00::1",
		"2001:4860:4860::8888", "2620:fe::fe") {
		if !egress.Public(a) {
			t.Errorf("%s is not public, want it public", a)
		}
	}
	for _, text := range append(append([]string{}, forbidden4...), forbidden6...) {
		if egress.Public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public, want it forbidden", text)
		}
	}
	if egress.Public(netip.Addr{}) || egress.Public(netip.MustParseAddr("2606:4700::1%eth0")) {
		t.Error("the zero address or one with a zone is public")
	}
}

// loopback returns a client that may reach loopback addresses.
func loopback() *egress.Client {
	return egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 2 * time.Second})
}

func TestAllow(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "120")
		_, _ = fmt.Fprintf(w, "%s %s %s and a long tail", r.Method, r.Header.Get("X-A"), b)
	}))
	defer s.Close()
	res, err := loopback().Do(t.Context(), egress.Request{
		Method: "POST", URL: s.URL, Header: http.Header{"X-A": {"b"}}, Body: strings.NewReader("c"), MaxBody: 8,
	})
	if err != nil || res.Status != 200 || string(res.Body) != "POST b c" || res.RetryAfter != 2*time.Minute {
		t.Errorf("response %+v, error %v", res, err)
	}
	if _, err := get(egress.New(egress.Config{}), s.URL); !errors.Is(err, egress.ErrForbidden) {
		t.Errorf("without Allow: error %v, want one of kind ErrForbidden", err)
	}
}

// TestRedirects checks that a redirect is returned like any other response, and not followed.
func TestRedirects(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/next", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	if res, err := get(loopback(), s.URL); err != nil || res.Status != 307 || asked != 1 {
		t.Errorf("status %d, error %v, %d requests; want 307 and one request", res.Status, err, asked)
	}
}

func TestProxyFromEnvironmentIsIgnored(t *testing.T) {
	asked := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	d, resolver := new(dials), &names{answers: map[string][][]netip.Addr{"public.test": {addrs("8.8.8.8")}}}
	_, _ = get(egress.New(egress.Config{Dial: d.dial, Resolver: resolver}), "http://public.test/")
	if asked != 0 || len(d.list) != 1 || d.list[0].String() != "8.8.8.8:80" {
		t.Errorf("the proxy got %d requests, connections to %v; want none, and one to the host itself", asked, d.list)
	}
}

// TestBounds checks that neither a slow nor an endless response blocks a request indefinitely.
func TestBounds(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-release
		case "/header":
			w.Header().Set("X-A", strings.Repeat("a", 64<<10))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}
	}))
	defer s.Close()
	defer close(release)
	c := egress.New(egress.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 100 * time.Millisecond,
	})
	if _, err := get(c, s.URL+"/slow"); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), s.URL) {
		t.Errorf("a slow response: %v, want a timeout that does not name the URL", err)
	}
	if _, err := get(loopback(), s.URL+"/header"); err == nil {
		t.Error("a header of 64 KiB is accepted")
	}
	if res, err := get(loopback(), s.URL+"/endless"); err != nil || len(res.Body) != 16 {
		t.Errorf("an endless body: %d bytes, error %v; want 16", len(res.Body), err)
	}
}

func FuzzParse(f *testing.F) {
	for _, url := range hostile() {
		f.Add(url)
	}
	f.Add("https://example.org/hook?a=b")
	f.Fuzz(func(t *testing.T, url string) {
		d := new(dials)
		c := egress.New(egress.Config{Resolver: &names{answers: map[string][][]netip.Addr{}}, Dial: d.dial})
		_, _ = get(c, url)
		for _, a := range d.list {
			if !egress.Public(a.Addr()) || a.Port() != 80 && a.Port() != 443 {
				t.Errorf("%q: connection to %s", url, a)
			}
		}
	})
}
