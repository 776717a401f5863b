package redisurl

import (
	"net/url"
	"strconv"
	"strings"
)

// hidden stands for a password in text, as net/url has it.
const hidden = "xxxxx"

// Redact returns a URL with its passwords replaced; of what is no URL it shows nothing.
func Redact(raw string) string {
	p, err := split(raw)
	if err != nil {
		return "(hidden)"
	}
	if name, _, ok := strings.Cut(p.user, ":"); ok {
		p.user = name + ":" + hidden
	}
	// Not by names: a misspelt one's value may be a secret too.
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

// WithPassword returns a URL with the servers' password put in, in place of one that it has. Its error is that of
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

// String returns where u leads, as a URL without user, password and parameters.
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

// GoString is for %#v, which would print the passwords.
func (u URL) GoString() string { return strconv.Quote(u.String()) }
