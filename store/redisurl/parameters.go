package redisurl

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxTimeout is the maximum timeout. A longer timeout is most likely a mistake.
const maxTimeout = time.Minute

// setter sets a field of a URL to a parameter's value. Its errors do not name the parameter.
type setter func(u *URL, value string) error

// parameters returns the setters of all query parameters by name.
func parameters() map[string]setter {
	text := func(field func(*URL) *string) setter {
		return func(u *URL, value string) error {
			if value == "" {
				return invalid("is empty")
			}
			*field(u) = value
			return nil
		}
	}
	timeout := func(field func(*URL) *time.Duration) setter {
		return func(u *URL, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Millisecond || d > maxTimeout {
				return invalidf("want a duration from 1ms to %v, such as 800ms", maxTimeout)
			}
			*field(u) = d
			return nil
		}
	}
	return map[string]setter{
		"db": func(u *URL, value string) (err error) {
			if u.Socket == "" {
				return invalid("only for unix://; other URLs end in the database number, as in redis://host:6379/2")
			}
			u.DB, err = parseDB(value)
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

// parseQuery sets the fields of u to the query parameters. Its errors name the parameter.
func (u *URL) parseQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return invalid("parameters: " + wantEscapes)
	}
	known := parameters()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		set, ok := known[name]
		switch {
		case !ok:
			return invalidf("unknown parameter %q; want one of %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case len(values[name]) > 1:
			return invalidf("parameter %s is repeated", name)
		case strings.HasPrefix(name, "tls_") && !u.TLS:
			return invalidf("parameter %s requires TLS; use %ss instead of %s", name, schemeServer, schemeServer)
		case strings.HasPrefix(name, "sentinel_") && u.Kind != Sentinel:
			return invalidf("parameter %s requires redis+sentinel://", name)
		}
		if err := set(u, values[name][0]); err != nil {
			return invalidf("parameter %s: %s", name, err)
		}
	}
	return u.checkParameters()
}

// checkParameters checks parameters that depend on each other.
func (u *URL) checkParameters() error {
	switch {
	case (u.CertFile == "") != (u.KeyFile == ""):
		return invalid("parameters tls_cert_file and tls_key_file must be set together")
	case u.SkipVerify && (u.CAFile != "" || u.TLSName != ""):
		return invalid("parameter tls_skip_verify cannot be combined with tls_ca_file or tls_server_name")
	case u.SentinelPassword != "" && u.SentinelPasswordFile != "":
		return invalid("parameter sentinel_password cannot be combined with sentinel_password_file")
	case u.SentinelUser != "" && u.SentinelPassword == "" && u.SentinelPasswordFile == "":
		return invalid("parameter sentinel_user requires sentinel_password or sentinel_password_file")
	case strings.ContainsFunc(u.ClientName, func(r rune) bool { return r <= ' ' || r > '~' }):
		return invalid("parameter client_name: want printable ASCII without spaces")
	}
	return nil
}
