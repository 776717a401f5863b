// Package redisurl parses the URLs of single Redis servers, of masters that Sentinels monitor, and of Redis Clusters.
// It does not connect to servers or open the files that a URL names.
//
// A URL has one of these forms, with rediss instead of redis for TLS:
//
//	redis://[[user]:password@]host[:port][/db]
//	redis+sentinel://[[user]:password@]host[:port],host[:port],…/master[/db]
//	redis+cluster://[[user]:password@]host[:port],host[:port],…
//	unix://[[user]:password@]/path/to/socket[?db=n]
//
// In a Sentinel URL the hosts are the Sentinels; user and password are always for the servers that store the data. The
// default port is 6379, or 26379 for Sentinels. Special characters are percent-encoded. The query parameters are
// documented with the fields of [URL].
package redisurl

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
)

// Kind is the kind of server or server group that a URL refers to.
type Kind int

// The kinds of URLs.
const (
	Server   Kind = iota // one server
	Sentinel             // the master that Sentinels monitor
	Cluster              // the masters of a Redis Cluster
)

// URL is a parsed URL. Its methods String and GoString never return a password.
type URL struct {
	Kind Kind
	// Addresses are hosts with ports: the server, the Sentinels, or some servers of the Cluster; a client discovers the
	// other servers itself. Addresses is empty for a socket.
	Addresses []string
	Socket    string // path of the unix socket, "" for TCP
	Master    string // name of the master in the configuration of the Sentinels; "" without Sentinels
	DB        int    // database number; 0 for a Cluster; set with the db parameter for a socket
	// User and Password are the credentials for the servers. An empty User means the default user; if Password is empty,
	// clients do not authenticate.
	User, Password string

	// SentinelUser, SentinelPassword and SentinelPasswordFile are the credentials for the Sentinels (default: none):
	// sentinel_user, and sentinel_password or sentinel_password_file, the path of a file that contains the password.
	SentinelUser, SentinelPassword, SentinelPasswordFile string

	// TLS encrypts all connections, including those to Sentinels. The files are in PEM format: tls_ca_file contains the
	// trusted authorities (default: the system's authorities), and tls_cert_file and tls_key_file contain the client's
	// certificate and key. TLSName, tls_server_name, is the name in the servers' certificates (default: the host of each
	// server's address). SkipVerify, tls_skip_verify=true, disables the verification of certificates, so that anyone can
	// impersonate a server.
	TLS                                bool
	CAFile, CertFile, KeyFile, TLSName string
	SkipVerify                         bool

	// ClientName is the name of the connections in CLIENT LIST: client_name, printable ASCII without spaces.
	ClientName string
	// DialTimeout, ServeTimeout and BuildTimeout limit the time to connect, to run a replica's command, and to run a
	// builder's or writer's command: dial_timeout, serve_timeout and build_timeout, from 1ms to 1m, such as 500ms. 0
	// means the default of package store.
	DialTimeout, ServeTimeout, BuildTimeout time.Duration
}

// invalid is an error of kind [feed.ErrInvalid]. Its text does not include the text of the kind, since it is displayed
// in a list of configuration errors.
type invalid string

func (e invalid) Error() string        { return string(e) }
func (e invalid) Is(target error) bool { return target == feed.ErrInvalid }

func invalidf(format string, args ...any) error { return invalid(fmt.Sprintf(format, args...)) }

// A scheme consists of schemeServer, "s" for TLS, and the kind's suffix.
const (
	schemeServer   = "redis"
	schemeSentinel = "+sentinel"
	schemeCluster  = "+cluster"
	schemeSocket   = "unix"

	// Error texts.
	wantScheme = "want a URL that begins with redis://, redis+sentinel:// or redis+cluster:// " +
		"(rediss instead of redis for TLS), or unix://"
	wantEscapes = "percent-encode special characters in names and passwords"
)

var (
	schemePattern = regexp.MustCompile(`^[a-z][a-z+]*$`)
	// namePattern matches host names and the names that a Sentinel allows for a master.
	namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// parts are the undecoded parts of a URL. net/url does not parse URLs with several hosts.
type parts struct {
	scheme  string
	user    string // user and password, up to the @
	hasUser bool
	hosts   string
	path    string // the part that starts at the first slash
	query   string
}

// split splits a URL into its parts. Its errors contain no part of the URL: in a malformed URL, any part may be a
// password.
func split(raw string) (parts, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || !schemePattern.MatchString(scheme) {
		return parts{}, invalid(wantScheme)
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return parts{}, invalid("contains a space or a control character: " + wantEscapes)
	}
	if strings.Contains(rest, "#") {
		return parts{}, invalid("contains #: " + wantEscapes)
	}
	p := parts{scheme: scheme}
	rest, p.query, _ = strings.Cut(rest, "?")
	authority := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, p.path = rest[:i], rest[i:]
	}
	// An @ after the hosts most likely follows a password that contains / or ?. The path of a socket may contain @.
	socket := scheme == schemeSocket && (authority == "" || strings.Contains(authority, "@"))
	if strings.Contains(p.query, "@") || !socket && strings.Contains(p.path, "@") {
		return parts{}, invalid("contains @ after the hosts: " + wantEscapes)
	}
	p.hosts = authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		p.user, p.hosts, p.hasUser = authority[:i], authority[i+1:], true
		if strings.Contains(p.user, "@") {
			return parts{}, invalid("contains more than one @ before the hosts: " + wantEscapes)
		}
	}
	return p, nil
}

func (p parts) String() string {
	s := p.scheme + "://"
	if p.hasUser {
		s += p.user + "@"
	}
	s += p.hosts + p.path
	if p.query != "" {
		s += "?" + p.query
	}
	return s
}

// Parse parses a URL. Errors are of kind [feed.ErrInvalid], name the invalid part and the expected form, and never
// contain a password.
func Parse(raw string) (URL, error) {
	p, err := split(raw)
	if err != nil {
		return URL{}, err
	}
	u, port := URL{}, "6379"
	switch p.scheme {
	case schemeSocket, schemeServer, schemeServer + "s":
	case schemeServer + schemeSentinel, schemeServer + "s" + schemeSentinel:
		u.Kind, port = Sentinel, "26379"
	case schemeServer + schemeCluster, schemeServer + "s" + schemeCluster:
		u.Kind = Cluster
	default:
		return URL{}, invalidf("%s, got %q", wantScheme, p.scheme+"://")
	}
	u.TLS = strings.HasPrefix(p.scheme, schemeServer+"s")
	if u.User, u.Password, err = credentials(p); err != nil {
		return URL{}, err
	}
	if err := u.parsePath(p); err != nil {
		return URL{}, err
	}
	if p.scheme != schemeSocket {
		if u.Addresses, err = parseAddresses(p.hosts, port); err != nil {
			return URL{}, err
		}
		if u.Kind == Server && len(u.Addresses) > 1 {
			return URL{}, invalidf("want one host, got %d; several require redis+sentinel:// or redis+cluster://",
				len(u.Addresses))
		}
	}
	if err := u.parseQuery(p.query); err != nil {
		return URL{}, err
	}
	return u, nil
}

// credentials returns the decoded user and password.
func credentials(p parts) (user, password string, err error) {
	name, secret, _ := strings.Cut(p.user, ":")
	if user, err = url.PathUnescape(name); err == nil {
		password, err = url.PathUnescape(secret)
	}
	if err != nil || strings.Contains(secret, ":") {
		return "", "", invalid("user and password: " + wantEscapes)
	}
	return user, password, nil
}

// parsePath sets the fields of u that are in the path: the socket, or the name of the master and the database number.
func (u *URL) parsePath(p parts) error {
	path, err := url.PathUnescape(p.path)
	if err != nil {
		return invalid("path: " + wantEscapes)
	}
	names := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case p.scheme == schemeSocket:
		if p.hosts != "" || len(path) < 2 || strings.ContainsRune(path, 0) {
			return invalid("want the path of a socket, as in unix:///run/redis/redis.sock")
		}
		u.Socket = path
		return nil
	case u.Kind == Cluster:
		if names[0] != "" {
			return invalid("want no path: a Cluster has no numbered databases")
		}
		return nil
	case u.Kind == Sentinel:
		if !namePattern.MatchString(names[0]) {
			return invalid("want the name of the master after the hosts, consisting of letters, digits and ._-, as in " +
				"redis+sentinel://host:26379/mymaster")
		}
		u.Master, names = names[0], names[1:]
	}
	if len(names) > 1 {
		return invalid("path: want only the database number")
	}
	if len(names) == 1 && names[0] != "" {
		u.DB, err = parseDB(names[0])
	}
	return err
}

func parseDB(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, invalid("database: want a number, 0 or greater")
	}
	return int(n), nil
}

// parseAddresses parses hosts that are separated by commas. Its errors contain only the position of a host, since a
// host may actually be a password that is not followed by @.
func parseAddresses(hosts, port string) ([]string, error) {
	list := strings.Split(hosts, ",")
	var out []string
	for i, text := range list {
		label := "host"
		if len(list) > 1 {
			label = fmt.Sprintf("host %d of %d", i+1, len(list))
		}
		name, number := text, port
		if h, p, err := net.SplitHostPort(text); err == nil {
			name, number = h, p
		} else if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
			name = text[1 : len(text)-1]
		}
		ip, err := netip.ParseAddr(name)
		switch {
		case strings.HasPrefix(text, "[") != (err == nil && ip.Is6()):
			return nil, invalidf("%s: want brackets around an IPv6 address, and only there", label)
		case err != nil && !namePattern.MatchString(name):
			return nil, invalidf("%s: want a name or an address, [address] for IPv6, and optionally a colon and a port", label)
		}
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
			return nil, invalidf("%s: want a port from 1 to 65535", label)
		}
		address := net.JoinHostPort(name, number)
		if slices.Contains(out, address) {
			return nil, invalidf("%s: repeated", label)
		}
		out = append(out, address)
	}
	return out, nil
}
