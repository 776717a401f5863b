package redisurl

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// longestTimeout is a bound for typing errors: nothing here is worth waiting longer for.
const longestTimeout = time.Minute

// parameter reads the value of one parameter into a URL and returns what is wrong with it.
type parameter func(u *URL, value string) error

// parameters are all that any URL may have.
func parameters() map[string]parameter {
	text := func(field func(*URL) *string) parameter {
		return func(u *URL, value string) error {
			if value == "" {
				return invalid("is empty")
			}
			*field(u) = value
			return nil
		}
	}
	timeout := func(field func(*URL) *time.Duration) parameter {
		return func(u *URL, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Millisecond || d > longestTimeout {
				return invalidf("want a time from 1ms to %v, such as 800ms", longestTimeout)
			}
			*field(u) = d
			return nil
		}
	}
	return map[string]parameter{
		"db": func(u *URL, value string) (err error) {
			if u.Socket == "" {
				return invalid("is for sockets: other URLs have it at their end, as in redis://host:6379/2")
			}
			u.DB, err = database(value)
			return err
		},
		"sentinel_user":          text(func(u *URL) *string { return &u.SentinelUser }),
		"sentinel_password":      text(func(u *URL) *string { return &u.SentinelPassword }),
		"sentinel_password_file": text(func(u *URL) *string { return &u.SentinelPasswordFile }),
		"tls_ca_file":            text(func(u *URL) *string { return &u.CAFile }),
		"tls_cert_file":          text(func(u *URL) *string { return &u.CertFile }),
		"tls_key_file":           text(func(u *URL) *string { return &u.KeyFile }),
		"tls_server_name":        text(func(u *URL) *string { return &u.TLSName }),
		"tls_skip_verify": func(u *URL, value string) error {
			if value != "true" && value != "false" {
				return invalid("want true or false")
			}
			u.SkipVerify = value == "true"
			return nil
		},
		"client_name":   text(func(u *URL) *string { return &u.ClientName }),
		"dial_timeout":  timeout(func(u *URL) *time.Duration { return &u.DialTimeout }),
		"serve_timeout": timeout(func(u *URL) *time.Duration { return &u.ServeTimeout }),
		"build_timeout": timeout(func(u *URL) *time.Duration { return &u.BuildTimeout }),
	}
}

// readParameters reads what comes behind the question mark. It says what is wrong with the first by name.
func (u *URL) readParameters(p parts) error {
	if p.query == "" {
		return nil
	}
	values, err := url.ParseQuery(p.query)
	if err != nil {
		return invalid("parameters: " + wantEscapes)
	}
	known := parameters()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		read, ok := known[name]
		switch {
		case !ok:
			return invalidf("parameter %q is unknown; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case len(values[name]) > 1:
			return invalidf("parameter %s is there twice", name)
		case strings.HasPrefix(name, "tls_") && !u.TLS:
			return invalidf("parameter %s is for TLS: want %ss instead of %s", name, schemeServer, schemeServer)
		case strings.HasPrefix(name, "sentinel_") && u.Kind != Sentinel:
			return invalidf("parameter %s is for redis+sentinel://", name)
		}
		if err := read(u, values[name][0]); err != nil {
			return invalidf("parameter %s: %s", name, err)
		}
	}
	switch {
	case (u.CertFile == "") != (u.KeyFile == ""):
		return invalid("parameters tls_cert_file and tls_key_file go together")
	case u.SkipVerify && (u.CAFile != "" || u.TLSName != ""):
		return invalid("parameter tls_skip_verify excludes tls_ca_file and tls_server_name: nothing is verified")
	case u.SentinelPassword != "" && u.SentinelPasswordFile != "":
		return invalid("parameter sentinel_password excludes sentinel_password_file")
	case u.SentinelUser != "" && u.SentinelPassword == "" && u.SentinelPasswordFile == "":
		return invalid("parameter sentinel_user needs sentinel_password or sentinel_password_file")
	case strings.ContainsFunc(u.ClientName, func(r rune) bool { return r <= ' ' || r > '~' }):
		return invalid("parameter client_name: want printable ASCII without spaces")
	}
	return nil
}
