// Package redisurl reads the URLs that say where a Redis is: one server, the master that a group of Sentinels watches,
// or a Cluster. It is pure: it connects to nothing and opens no file that a URL names.
//
// The forms are
//
//	redis://[[user]:password@]host[:port][/db]
//	redis+sentinel://[[user]:password@]host[:port],host[:port],…/master[/db]
//	redis+cluster://[[user]:password@]host[:port],host[:port],…
//	unix://[[user]:password@]/path/to/socket[?db=n]
//
// with rediss, rediss+sentinel and rediss+cluster for the same over TLS. The hosts of a Sentinel's URL are the
// Sentinels; user and password are the servers'. Ports are 6379, a Sentinel's 26379, unless given. Characters with a
// meaning in URLs are written as %XX. The parameters are listed at the fields of [URL].
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

// Kind is what a URL leads to.
type Kind int

// The kinds.
const (
	Server   Kind = iota // one server
	Sentinel             // the master that Sentinels name
	Cluster              // the masters of a Redis Cluster
)

// URL is what a URL says. Its text forms show no secret.
type URL struct {
	Kind Kind
	// Addresses are the hosts with their ports: the server, the Sentinels, or some of the Cluster's servers, from which
	// the others are learnt. Empty for a socket.
	Addresses []string
	Socket    string // path of the server's unix socket, "" for TCP
	Master    string // the name that the Sentinels know the master by; only for a Sentinel
	DB        int    // number of the database, 0 in a Cluster
	// User and Password are for the servers; "" is the user "default", or no authentication.
	User, Password string

	// SentinelUser, SentinelPassword and SentinelPasswordFile are for the Sentinels, which by themselves ask for none:
	// sentinel_user, sentinel_password or the name of a file that holds it, sentinel_password_file.
	SentinelUser, SentinelPassword, SentinelPasswordFile string

	// TLS says that all connections are encrypted, to Sentinels too. The files are in PEM: tls_ca_file, which replaces
	// the system's authorities; tls_cert_file and tls_key_file, by which the client shows who it is. tls_server_name is
	// the name in the servers' certificates if it is not the address by which they are reached. With
	// tls_skip_verify=true anybody can pose as the server.
	TLS                                bool
	CAFile, CertFile, KeyFile, TLSName string
	SkipVerify                         bool

	// ClientName is what connections call themselves in CLIENT LIST: client_name.
	ClientName string
	// DialTimeout, ServeTimeout and BuildTimeout are how long a connection, a command that serving waits for and one of
	// building or writing may take, such as 500ms: dial_timeout, serve_timeout and build_timeout, up to a minute. 0 is
	// the store's own choice.
	DialTimeout, ServeTimeout, BuildTimeout time.Duration
}

// invalid is an error of kind [feed.ErrInvalid] that says no more than its text, which goes into a list of mistakes.
type invalid string

func (e invalid) Error() string        { return string(e) }
func (e invalid) Is(target error) bool { return target == feed.ErrInvalid }

func invalidf(format string, args ...any) error { return invalid(fmt.Sprintf(format, args...)) }

// The names of schemes: that of a server, to which an s is added for TLS, and then that of a kind.
const (
	schemeServer   = "redis"
	schemeSentinel = "+sentinel"
	schemeCluster  = "+cluster"
	schemeSocket   = "unix"

	// What errors say.
	wantScheme = "want a URL that begins with redis://, redis+sentinel:// or redis+cluster://, the same with rediss for " +
		"TLS, or unix://"
	wantEscapes = "special characters in names and passwords are written as %XX"
)

var (
	schemeForm = regexp.MustCompile(`^[a-z][a-z+]*$`)
	// plainName is what Redis takes as a master's name, and what hosts are called.
	plainName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// parts are the pieces of a URL before they are understood. A URL with several hosts is none to net/url.
type parts struct {
	scheme  string
	user    string // up to the @, as written
	hasUser bool
	hosts   string
	path    string // with its slash, as written
	query   string
}

// split takes a URL apart. Its errors repeat nothing of it, since the pieces of what is misspelt are not to be told
// from a password.
func split(raw string) (parts, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || !schemeForm.MatchString(scheme) {
		return parts{}, invalid(wantScheme)
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return parts{}, invalid("has a space or a control character: " + wantEscapes)
	}
	if strings.Contains(rest, "#") {
		return parts{}, invalid("has a #: " + wantEscapes)
	}
	p := parts{scheme: scheme}
	rest, p.query, _ = strings.Cut(rest, "?")
	authority := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, p.path = rest[:i], rest[i:]
	}
	// An @ behind the hosts is most likely a password's, with a / or ? before it. Paths of sockets may have one.
	socket := scheme == schemeSocket && (authority == "" || strings.Contains(authority, "@"))
	if strings.Contains(p.query, "@") || !socket && strings.Contains(p.path, "@") {
		return parts{}, invalid("has an @ behind the hosts: " + wantEscapes)
	}
	p.hosts = authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		p.user, p.hosts, p.hasUser = authority[:i], authority[i+1:], true
		if strings.Contains(p.user, "@") {
			return parts{}, invalid("has two @ before the hosts: " + wantEscapes)
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

// Parse reads a URL. Its errors are of kind [feed.ErrInvalid], say where the mistake is and what is right, and never
// show a password.
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
	if err := u.readPath(p); err != nil {
		return URL{}, err
	}
	if p.scheme != schemeSocket {
		if u.Addresses, err = addresses(p.hosts, port); err != nil {
			return URL{}, err
		}
		if u.Kind == Server && len(u.Addresses) > 1 {
			return URL{}, invalidf("want one host, got %d: several are for redis+sentinel:// or redis+cluster://", len(u.Addresses))
		}
	}
	if err := u.readParameters(p); err != nil {
		return URL{}, err
	}
	return u, nil
}

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

// readPath reads what comes behind the hosts.
func (u *URL) readPath(p parts) error {
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
			return invalid("want nothing behind the hosts: a Cluster has no databases")
		}
		return nil
	case u.Kind == Sentinel:
		if !plainName.MatchString(names[0]) {
			return invalid("want the name of the master behind the Sentinels, of letters, digits and ._-, as in " +
				"redis+sentinel://host:26379/mymaster")
		}
		u.Master, names = names[0], names[1:]
	}
	if len(names) > 1 {
		return invalid("path: want a database's number at its end")
	}
	if len(names) == 1 && names[0] != "" {
		u.DB, err = database(names[0])
	}
	return err
}

func database(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, invalid("database: want a number from 0")
	}
	return int(n), nil
}

// addresses reads hosts that are separated by commas. Its errors name the place only: a host may be a password that
// lost its @.
func addresses(hosts, port string) ([]string, error) {
	list := strings.Split(hosts, ",")
	var out []string
	for i, text := range list {
		place := "host"
		if len(list) > 1 {
			place = fmt.Sprintf("host %d of %d", i+1, len(list))
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
			return nil, invalidf("%s: want an IPv6 address, and only that, in brackets", place)
		case err != nil && !plainName.MatchString(name):
			return nil, invalidf("%s: want a name or an address, [address] for IPv6, and a port behind a colon", place)
		}
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
			return nil, invalidf("%s: want a port from 1 to 65535", place)
		}
		address := net.JoinHostPort(name, number)
		if slices.Contains(out, address) {
			return nil, invalidf("%s: is there twice", place)
		}
		out = append(out, address)
	}
	return out, nil
}
