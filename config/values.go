package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"feedpub/feed"
	"feedpub/store/redisurl"
)

// Address is a host and port to listen on.
type Address string

// UnmarshalText accepts host:port with a numeric port. An empty host means all addresses, and port 0 means any free
// port.
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

// Loopback reports whether only this machine can reach the address.
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

// UnmarshalText accepts the empty text, and absolute http and https URLs without a fragment or user information, which
// documents would publish.
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

// RedisURL is the URL of a Redis server, its Sentinels or a Cluster, or empty. It may contain passwords, which
// are omitted when it is printed.
type RedisURL struct{ raw string }

// UnmarshalText accepts the empty text and the URLs that [redisurl.Parse] accepts. Errors do not contain passwords.
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

// WithPassword returns the URL with the servers' password set, or the URL unchanged if the password is empty.
func (u RedisURL) WithPassword(password Secret) (RedisURL, error) {
	if password.IsZero() {
		return u, nil
	}
	raw, err := redisurl.WithPassword(u.raw, password.Reveal())
	return RedisURL{raw}, err
}

// Reveal returns the URL with its passwords.
func (u RedisURL) Reveal() string { return u.raw }

// String returns the URL without passwords.
func (u RedisURL) String() string {
	if u.raw == "" {
		return ""
	}
	return redisurl.Redact(u.raw)
}

// GoString prevents %#v from printing the field.
func (u RedisURL) GoString() string { return strconv.Quote(u.String()) }

// MarshalText returns u.String().
func (u RedisURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue omits the passwords.
func (u RedisURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

const redacted = "[redacted]"

// Secret is a string whose value is available only through [Secret.Reveal]. It is printed, logged and marshaled as
// "[redacted]", or as "" if it is empty.
type Secret struct{ text string }

// NewSecret returns text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// UnmarshalText accepts any text.
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

// GoString prevents %#v from printing the field.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText returns s.String().
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue omits the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Path is the path of a file or folder, or empty.
type Path string

// resolve makes a relative path relative to dir.
func (p *Path) resolve(dir string) {
	if *p != "" && !filepath.IsAbs(string(*p)) {
		*p = Path(filepath.Join(dir, string(*p)))
	}
}

// Color is a color as # and six hexadecimal digits in lower case, or empty.
type Color string

var hexColor = regexp.MustCompile(`^#([0-9a-f]{3}|[0-9a-f]{6})$`)

// UnmarshalText accepts the empty text and the forms #rgb and #rrggbb.
func (c *Color) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	if s != "" && !hexColor.MatchString(s) {
		return fmt.Errorf("want a color such as \"#b3261e\", in quotes, got %q", text)
	}
	if len(s) == len("#rgb") {
		s = "#" + strings.Repeat(s[1:2], 2) + strings.Repeat(s[2:3], 2) + strings.Repeat(s[3:4], 2)
	}
	*c = Color(s)
	return nil
}

// StyleFile is a CSS file with its text, or empty.
type StyleFile struct {
	Path Path
	CSS  string
}

// UnmarshalText sets the path only.
func (f *StyleFile) UnmarshalText(text []byte) error {
	*f = StyleFile{Path: Path(text)}
	return nil
}

// MarshalText returns the path.
func (f StyleFile) MarshalText() ([]byte, error) { return []byte(f.Path), nil }

// maxStyle is the maximum size of a style sheet in bytes.
const maxStyle = 64 << 10

func (f *StyleFile) read() error {
	file, err := os.Open(string(f.Path))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxStyle+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxStyle:
		return fmt.Errorf("want a file of up to %d bytes, got more: %s", maxStyle, f.Path)
	case !utf8.Valid(text) || bytes.ContainsFunc(text, unpublishable):
		return fmt.Errorf("want CSS in UTF-8 without control characters: %s", f.Path)
	case len(bytes.TrimSpace(text)) == 0:
		return fmt.Errorf("the file is empty: %s", f.Path)
	}
	f.CSS = string(text)
	return nil
}

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

// MarshalText returns the date in RFC 3339, without the time if that is midnight.
func (d Date) MarshalText() ([]byte, error) {
	return []byte(strings.TrimSuffix(d.Format(time.RFC3339), "T00:00:00Z")), nil
}

// Zone is a time zone.
type Zone struct{ *time.Location }

// UnmarshalText accepts the names of the IANA time zone database.
func (z *Zone) UnmarshalText(text []byte) error {
	// Reject "Local", which differs between machines, and the empty name, which Go treats as UTC.
	loc, err := time.LoadLocation(string(text))
	if err != nil || len(text) == 0 || string(text) == "Local" {
		return fmt.Errorf("want an IANA time zone such as UTC or Europe/Berlin, got %q", text)
	}
	z.Location = loc
	return nil
}

// MarshalText returns the zone's name.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// LogFormat is a format of the log.
type LogFormat string

// The values of LogFormat.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText accepts text and json.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch v := LogFormat(text); v {
	case LogText, LogJSON:
		*f = v
		return nil
	default:
		return fmt.Errorf("want text or json, got %q", text)
	}
}

// Engine is an HTTP server for readers, or empty for the default.
type Engine string

// The values of Engine.
const (
	EngineFast     Engine = "fast"
	EngineStandard Engine = "standard"
)

// UnmarshalText accepts "fast", "standard" and the empty string.
func (e *Engine) UnmarshalText(text []byte) error { return oneOf(e, text, EngineFast, EngineStandard) }

// Durability determines when a write is acknowledged.
type Durability string

// The values of Durability.
const (
	DurabilityLocal    Durability = "local"
	DurabilityReplicas Durability = "replicas"
)

// UnmarshalText accepts local and replicas.
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

// sizeUnits are the units of sizes, largest first.
var sizeUnits = [...]struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText accepts a whole number of bytes, or of KiB, MiB or GiB.
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

// MarshalText returns the size in the largest unit that divides it evenly.
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

// Hub is a WebSub hub: the absolute URL of an external hub, or the path of the built-in hub.
type Hub string

// UnmarshalText accepts the URLs that [URL] accepts, and absolute paths without escapes, a query or a fragment.
func (h *Hub) UnmarshalText(text []byte) error {
	if len(text) > 0 && text[0] == '/' {
		if path.Clean(string(text)) != string(text) || string(text) == "/" || !plainPath.Match(text) {
			return fmt.Errorf("want the URL of a hub, or a path such as /hub of a-z, 0-9, . and -, got %q", text)
		}
		*h = Hub(text)
		return nil
	}
	var u URL
	if err := u.UnmarshalText(text); err != nil {
		return err
	}
	if u == "" {
		return errors.New("want the URL of a hub, or a path such as /hub, got none")
	}
	*h = Hub(u)
	return nil
}

// Own reports whether the hub is the built-in one.
func (h Hub) Own() bool { return strings.HasPrefix(string(h), "/") }

var plainPath = regexp.MustCompile(`^(/[a-z0-9][a-z0-9.-]*)+$`)

// Signature is a signature method for WebSub deliveries.
type Signature string

// UnmarshalText accepts sha1, sha256, sha384 and sha512.
func (s *Signature) UnmarshalText(text []byte) error {
	switch v := Signature(text); v {
	case "sha1", "sha256", "sha384", "sha512":
		*s = v
		return nil
	default:
		return fmt.Errorf("want sha1, sha256, sha384 or sha512, got %q", text)
	}
}

// Event is a kind of event for which webhooks are called.
type Event string

// UnmarshalText accepts the names of [feed.Events].
func (e *Event) UnmarshalText(text []byte) error {
	if !slices.Contains(feed.Events(), feed.Event(text)) {
		return fmt.Errorf("want %s, got %q", feed.OneOf(feed.Events()), text)
	}
	*e = Event(text)
	return nil
}
