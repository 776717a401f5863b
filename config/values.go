package config

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"feedpub/store/redisurl"
)

// Address is a host and port to listen on.
type Address string

// UnmarshalText accepts host:port with a numeric port; the host may be empty for all addresses, and port 0 asks the
// system for a free one.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("want host:port such as 127.0.0.1:8080, got %q", text)
	}
	*a = Address(text)
	return nil
}

// Loopback reports whether only programs on the same machine can reach the address.
func (a Address) Loopback() bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// URL is an absolute http or https URL, or empty.
type URL string

// UnmarshalText accepts absolute http and https URLs without user information or fragment, since documents show them,
// and the empty text.
func (u *URL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = ""
		return nil
	}
	p, err := url.Parse(string(text))
	if err != nil || p.Scheme != "http" && p.Scheme != "https" || p.Hostname() == "" {
		return fmt.Errorf("want an absolute http or https URL, got %q", text)
	}
	if p.User != nil {
		return fmt.Errorf("want a URL without user name and password, got %q", p.Redacted())
	}
	if p.Fragment != "" {
		return fmt.Errorf("want a URL without a fragment, got %q", text)
	}
	*u = URL(text)
	return nil
}

// RedisURL is the URL of a Redis, or empty. It may hold passwords, so it prints with those left out.
type RedisURL struct{ raw string }

// UnmarshalText accepts the URLs that [redisurl.Parse] does, and the empty text. Its errors never show a password.
func (u *RedisURL) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		if _, err := redisurl.Parse(string(text)); err != nil {
			return err
		}
	}
	u.raw = string(text)
	return nil
}

// IsZero reports whether no URL is set.
func (u RedisURL) IsZero() bool { return u.raw == "" }

// WithPassword returns the URL with the servers' password put in, or as it is if the password is empty.
func (u RedisURL) WithPassword(password Secret) (RedisURL, error) {
	if password.IsZero() {
		return u, nil
	}
	raw, err := redisurl.WithPassword(u.raw, password.Reveal())
	return RedisURL{raw}, err
}

// Reveal returns the URL as it was given, passwords and all.
func (u RedisURL) Reveal() string { return u.raw }

// String returns the URL with the passwords left out.
func (u RedisURL) String() string {
	if u.raw == "" {
		return ""
	}
	return redisurl.Redact(u.raw)
}

// GoString is for %#v, which would print the field.
func (u RedisURL) GoString() string { return strconv.Quote(u.String()) }

// MarshalText returns what [RedisURL.String] does.
func (u RedisURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue keeps the password out of logs.
func (u RedisURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

const redacted = "[redacted]"

// Secret is a text that only [Secret.Reveal] gives away. However it is printed, logged or marshalled, it shows as
// "[redacted]", or as nothing when it is empty.
type Secret struct{ text string }

// NewSecret returns text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// UnmarshalText takes any text as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	s.text = string(text)
	return nil
}

// IsZero reports whether no secret is set.
func (s Secret) IsZero() bool { return s.text == "" }

// Reveal returns the secret.
func (s Secret) Reveal() string { return s.text }

// String returns "[redacted]", or "" if no secret is set.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return redacted
}

// GoString is for %#v, which would print the field.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText returns what [Secret.String] does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps the secret out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Path is the path of a file or folder, or empty.
type Path string

// Language is a BCP 47 language tag.
type Language string

// UnmarshalText accepts well-formed tags of known languages.
func (l *Language) UnmarshalText(text []byte) error {
	if _, err := language.Parse(string(text)); err != nil {
		return fmt.Errorf("want a BCP 47 language tag such as en or pt-BR, got %q", text)
	}
	*l = Language(text)
	return nil
}

// Date is a point in time in UTC.
type Date struct{ time.Time }

// UnmarshalText accepts YYYY-MM-DD, which is midnight UTC, and RFC 3339.
func (d *Date) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			d.Time = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("want a date such as 2000-01-01 or 2000-01-01T12:00:00Z, got %q", text)
}

// MarshalText returns the date as [Date.UnmarshalText] reads it, without a time at midnight.
func (d Date) MarshalText() ([]byte, error) {
	return []byte(strings.TrimSuffix(d.Format(time.RFC3339), "T00:00:00Z")), nil
}

// Zone is a time zone.
type Zone struct{ *time.Location }

// UnmarshalText accepts the names of the IANA time zone database.
func (z *Zone) UnmarshalText(text []byte) error {
	// "Local" is refused: schedules would mean something else on every machine. The empty name would mean UTC.
	loc, err := time.LoadLocation(string(text))
	if err != nil || len(text) == 0 || string(text) == "Local" {
		return fmt.Errorf("want an IANA time zone such as UTC or Europe/Berlin, got %q", text)
	}
	z.Location = loc
	return nil
}

// MarshalText returns the zone's name.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// LogFormat is a form of log lines.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText accepts the log formats.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch v := LogFormat(text); v {
	case LogText, LogJSON:
		*f = v
		return nil
	default:
		return fmt.Errorf("want text or json, got %q", text)
	}
}

// Engine is an HTTP engine, or empty for the default.
type Engine string

// The engines.
const (
	EngineFast     Engine = "fast"
	EngineStandard Engine = "standard"
)

// UnmarshalText accepts the engines and the empty text.
func (e *Engine) UnmarshalText(text []byte) error { return oneOf(e, text, EngineFast, EngineStandard) }

// Durability says when a write counts as done.
type Durability string

// The durabilities.
const (
	DurabilityLocal    Durability = "local"
	DurabilityReplicas Durability = "replicas"
)

// UnmarshalText accepts the durabilities.
func (v *Durability) UnmarshalText(text []byte) error {
	switch d := Durability(text); d {
	case DurabilityLocal, DurabilityReplicas:
		*v = d
		return nil
	default:
		return fmt.Errorf("want local or replicas, got %q", text)
	}
}

// Size is a number of bytes, 0 or more.
type Size int64

// sizeUnits are the units that a size may be given in, the greatest first.
var sizeUnits = [...]struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText accepts a whole number of bytes, and one with the unit KiB, MiB or GiB.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), Size(1)
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return fmt.Errorf("want a number of bytes, KiB, MiB or GiB such as 512MiB, got %q", text)
	}
	*s = Size(n) * unit
	return nil
}

// MarshalText returns the size in the greatest unit that gives a whole number.
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range sizeUnits {
		if s > 0 && s%u.bytes == 0 {
			return fmt.Appendf(nil, "%d%s", s/u.bytes, u.name), nil
		}
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

// Network is a range of IP addresses.
type Network struct{ netip.Prefix }

// UnmarshalText accepts a range such as 10.0.0.0/8, and a single address.
func (n *Network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil || p != p.Masked() {
		return fmt.Errorf("want a network such as 10.0.0.0/8 or an address, got %q", text)
	}
	n.Prefix = p
	return nil
}
