// Package egress sends feedpub's HTTP requests to URLs from untrusted clients, such as the callbacks of subscribers. It
// reaches public addresses only, so that nobody can use feedpub to reach a network that they cannot reach themselves.
// It does not decide what is sent, or when.
//
// The address is checked when it is dialed, after the host name has been resolved, and the connection is made to
// exactly the address that was checked. Each request has a connection of its own, so a name that resolves to a
// different address later is checked again. Redirects are not followed, and no proxy is used.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrForbidden is the kind of the error for a URL or an address that must not be reached. Nothing was sent.
var ErrForbidden = errors.New("address must not be reached")

const (
	// timeout bounds a request, from the resolution of the name to the last byte of the response.
	timeout = 10 * time.Second
	// dialTimeout bounds the resolution of a name, and the connection to one of its addresses.
	dialTimeout = 5 * time.Second
	// maxAddresses is the maximum number of addresses of a host that are tried.
	maxAddresses = 3
	// maxHeaderBytes bounds the header of a response.
	maxHeaderBytes = 16 << 10
	// maxURL is the maximum length of a URL.
	maxURL = 2048
)

// Resolver resolves host names. It is implemented by [net.Resolver].
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Config configures a [Client]. The zero Config reaches public addresses on ports 80 and 443.
type Config struct {
	// Allow lists networks that may be reached on any port even if they are not public.
	Allow []netip.Prefix
	// Ports lists the ports that may be reached at public addresses. The default is 80 and 443.
	Ports []int
	// Resolver resolves host names. Nil means [net.DefaultResolver].
	Resolver Resolver
	// Dial connects to an address that was checked. Nil means a TCP connection; tests replace it.
	Dial func(ctx context.Context, address netip.AddrPort) (net.Conn, error)
	// Timeout bounds a request. Zero means 10 s.
	Timeout time.Duration
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	config Config
	http   *http.Client
}

// New returns a Client.
func New(c Config) *Client {
	if len(c.Ports) == 0 {
		c.Ports = []int{80, 443}
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Timeout == 0 {
		c.Timeout = timeout
	}
	client := &Client{config: c}
	if c.Dial == nil {
		client.config.Dial = client.dialTCP
	}
	client.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // ignore the proxy settings of the environment
			DialContext:            client.dial,
			DisableKeepAlives:      true, // so that the address is checked for each request
			DisableCompression:     true, // so that a small body cannot expand
			TLSHandshakeTimeout:    dialTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
	}
	return client
}

// Response is the response to a request.
type Response struct {
	Status int
	Body   []byte // at most [Request.MaxBody] bytes
	// RetryAfter is how long the server asks the client to wait (Retry-After, in seconds or as a date); 0 if it does not.
	RetryAfter time.Duration
}

// Request is a request to send. Body may be nil.
type Request struct {
	Method string
	URL    string
	Header http.Header // may be nil; not modified
	Body   io.Reader
	// MaxBody is the maximum number of bytes to read from the response body. A longer body is truncated.
	MaxBody int64
}

// Do sends a request and returns the response, whatever its status. The error is of kind [ErrForbidden] if the URL or
// an address of its host must not be reached; in that case nothing was sent. Do returns within the timeout.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	u, err := Parse(r.URL)
	if err != nil {
		return Response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), r.Body)
	if err != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Response{}, plainError(err)
	}
	defer func() { _ = res.Body.Close() }()
	out := Response{Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	if r.MaxBody > 0 {
		if out.Body, err = io.ReadAll(io.LimitReader(res.Body, r.MaxBody)); err != nil {
			return Response{}, plainError(err)
		}
	}
	return out, nil
}

// plainError returns err without the method and the URL, which may contain the receiver's secrets.
func plainError(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no response in time: %w", context.DeadlineExceeded)
	}
	return err
}

// retryAfter returns the value of a Retry-After field, at most a day.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	if t, err := http.ParseTime(value); err == nil {
		return max(0, min(t.Sub(now), most))
	}
	return 0
}

// Parse parses a URL and checks that it is suitable for a request: it must be http or https, have a name or a plain IP
// address as its host, contain no user information or fragment, and have at most 2048 bytes. The error is of kind
// [ErrForbidden].
func Parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("URL cannot be parsed: %w", ErrForbidden)
	}
	invisible := func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }
	host := u.Hostname()
	for _, rule := range []struct {
		broken bool
		reason string
	}{
		{len(raw) > maxURL, fmt.Sprintf("URL longer than %d bytes", maxURL)},
		{u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "", "URL is not http or https"},
		{u.User != nil, "URL with user information"},
		{strings.Contains(raw, "#"), "URL with a fragment"},
		{strings.ContainsFunc(raw, invisible), "URL with a space, a control character or a backslash"},
		{host == "", "URL without a host"},
		{strings.Contains(host, "%") || endsInNumber(host), "host is neither a name nor a plain IP address"},
		{!validPort(u.Port()), "URL with an invalid port"},
	} {
		if rule.broken {
			return nil, fmt.Errorf("%s: %w", rule.reason, ErrForbidden)
		}
	}
	return u, nil
}

// validPort reports whether the port of a URL is absent or valid.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// endsInNumber reports whether the last label of a host that is not an IP address is a number. Some resolvers read such
// hosts as IPv4 addresses: 2130706433, 0x7f.1, 0177.0.0.1.
func endsInNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return true
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(rest, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// dial resolves the host, checks its addresses, and connects to one of them.
func (c *Client) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	addrs, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs { // one forbidden address makes all of them suspect
		if err := c.check(netip.AddrPortFrom(a, uint16(port))); err != nil {
			return nil, err
		}
	}
	var failure error
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		conn, err := c.config.Dial(ctx, netip.AddrPortFrom(a, uint16(port)))
		if err == nil {
			return conn, nil
		}
		failure = err
	}
	return nil, failure
}

// resolve returns the addresses of a host. If the error is nil, there is at least one.
func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if endsInNumber(host) { // check again, since net/http has converted the host to ASCII
		return nil, fmt.Errorf("host is neither a name nor a plain IP address: %w", ErrForbidden)
	}
	addrs, err := c.config.Resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("host has no address")
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap() // the resolver may return IPv4 addresses mapped to IPv6
	}
	return addrs, err
}

// check returns an error of kind [ErrForbidden] unless the address may be reached.
func (c *Client) check(a netip.AddrPort) error {
	for _, network := range c.config.Allow {
		if a.Addr().Zone() == "" && network.Contains(a.Addr()) {
			return nil
		}
	}
	if !Public(a.Addr()) {
		return fmt.Errorf("the address is not public: %w", ErrForbidden)
	}
	if !slices.Contains(c.config.Ports, int(a.Port())) {
		return fmt.Errorf("port %d: %w", a.Port(), ErrForbidden)
	}
	return nil
}

// dialTCP connects to an address, and checks it again just before the operating system connects.
func (c *Client) dialTCP(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		dialed, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return c.check(dialed)
	}}
	return d.DialContext(ctx, "tcp", a.String())
}
