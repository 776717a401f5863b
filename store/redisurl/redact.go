package redisurl

import (
	"net/url"
	"strconv"
	"strings"
)

// hidden replaces passwords, as in net/url.
const hidden = "xxxxx"

// Redact returns a URL with its passwords replaced by "xxxxx", or "(hidden)" for a malformed URL.
func Redact(raw string) string {
	p, err := split(raw)
	if err != nil {
		return "(hidden)"
	}
	if name, _, ok := strings.Cut(p.user, ":"); ok {
		p.user = name + ":" + hidden
	}
	// Redact the values of unknown parameters too: one may be a password whose parameter name is misspelled.
	query := strings.Split(p.query, "&")
	for i, q := range query {
		name, _, ok := strings.Cut(q, "=")
		if known, _ := url.QueryUnescape(name); ok && (parameters()[known] == nil || known == "sentinel_password") {
			query[i] = name + "=" + hidden
		}
	}
	p.query = strings.Join(query, "&")
	return p.String()
}

// WithPassword returns a URL in which the password of the servers is set or replaced. It returns the same errors as
// [Parse].
func WithPassword(raw, password string) (string, error) {
	p, err := split(raw)
	if err != nil {
		return "", err
	}
	user, _, err := credentials(p)
	if err != nil {
		return "", err
	}
	p.user, p.hasUser = url.UserPassword(user, password).String(), true
	return p.String(), nil
}

// String returns u as a URL without its user, password and parameters.
func (u URL) String() string {
	if u.Socket != "" {
		return (&url.URL{Scheme: schemeSocket, Path: u.Socket}).String()
	}
	scheme := schemeServer
	if u.TLS {
		scheme += "s"
	}
	path := ""
	switch u.Kind {
	case Server:
	case Sentinel:
		scheme, path = scheme+schemeSentinel, "/"+u.Master
	case Cluster:
		scheme += schemeCluster
	}
	if u.DB != 0 {
		path += "/" + strconv.Itoa(u.DB)
	}
	return scheme + "://" + strings.Join(u.Addresses, ",") + path
}

// GoString returns the quoted result of String. Without it, %#v would print the passwords.
func (u URL) GoString() string { return strconv.Quote(u.String()) }
