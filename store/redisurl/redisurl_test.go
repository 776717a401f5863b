package redisurl_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store/redisurl"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		raw, text string
		want      redisurl.URL
	}{
		{"redis://localhost", "redis://localhost:6379", redisurl.URL{Addresses: []string{"localhost:6379"}}},
		{"redis://h:7000/3", "redis://h:7000/3", redisurl.URL{Addresses: []string{"h:7000"}, DB: 3}},
		{"redis://h/", "redis://h:6379", redisurl.URL{Addresses: []string{"h:6379"}}},
		{"redis://[::1]:7000", "redis://[::1]:7000", redisurl.URL{Addresses: []string{"[::1]:7000"}}},
		{"redis://[::1]", "redis://[::1]:6379", redisurl.URL{Addresses: []string{"[::1]:6379"}}},
		{"redis://:a%40b%2Fc@h", "redis://h:6379", redisurl.URL{Addresses: []string{"h:6379"}, Password: "a@b/c"}},
		{"rediss://ann:s+t@h/1?tls_ca_file=/ca.pem&tls_cert_file=c.pem&tls_key_file=k.pem&tls_server_name=redis",
			"rediss://h:6379/1",
			redisurl.URL{Addresses: []string{"h:6379"}, User: "ann", Password: "s+t", DB: 1, TLS: true,
				CAFile: "/ca.pem", CertFile: "c.pem", KeyFile: "k.pem", TLSName: "redis"}},
		{"rediss://h?tls_skip_verify=true", "rediss://h:6379",
			redisurl.URL{Addresses: []string{"h:6379"}, TLS: true, SkipVerify: true}},
		{"redis+sentinel://ann:s@a,b:7000,[::1]/my.master/2?sentinel_user=sen&sentinel_password=t",
			"redis+sentinel://a:26379,b:7000,[::1]:26379/my.master/2",
			redisurl.URL{Kind: redisurl.Sentinel, Addresses: []string{"a:26379", "b:7000", "[::1]:26379"},
				Master: "my.master", DB: 2,
				User: "ann", Password: "s", SentinelUser: "sen", SentinelPassword: "t"}},
		{"rediss+sentinel://a/m?sentinel_password_file=/run/secret", "rediss+sentinel://a:26379/m",
			redisurl.URL{Kind: redisurl.Sentinel, Addresses: []string{"a:26379"}, Master: "m", TLS: true,
				SentinelPasswordFile: "/run/secret"}},
		{"redis+cluster://a:1,b:2,c", "redis+cluster://a:1,b:2,c:6379",
			redisurl.URL{Kind: redisurl.Cluster, Addresses: []string{"a:1", "b:2", "c:6379"}}},
		{"rediss+cluster://:s@a?dial_timeout=1s&serve_timeout=200ms&build_timeout=10s&client_name=blog",
			"rediss+cluster://a:6379",
			redisurl.URL{Kind: redisurl.Cluster, Addresses: []string{"a:6379"}, TLS: true, Password: "s", ClientName: "blog",
				DialTimeout: time.Second, ServeTimeout: 200 * time.Millisecond, BuildTimeout: 10 * time.Second}},
		{"unix:///run/a@b%3F.sock?db=2", "unix:///run/a@b%3F.sock", redisurl.URL{Socket: "/run/a@b?.sock", DB: 2}},
		{"unix://:s@/run/redis.sock", "unix:///run/redis.sock", redisurl.URL{Socket: "/run/redis.sock", Password: "s"}},
	} {
		got, err := redisurl.Parse(tt.raw)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.raw, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tt.raw, diff)
		}
		if got.String() != tt.text {
			t.Errorf("Parse(%q).String() = %q; want %q", tt.raw, got, tt.text)
		}
	}
}

// parseErrors returns invalid URLs, each with part of the expected error. The password in all of them is hunter2.
func parseErrors() []struct{ raw, want string } {
	const scheme = "want a URL that begins with redis://, redis+sentinel:// or redis+cluster://"
	const escapes = "percent-encode special characters"
	return []struct{ raw, want string }{
		{"", scheme},
		{"hunter2@localhost:6379", scheme},
		{"http://u:hunter2@h", `got "http://"`},
		{"redis+redis://u:hunter2@h", scheme},
		{"redis+://u:hunter2@h", scheme},
		{"unix+cluster://u:hunter2@h", scheme},
		{"redis://", "host: want a name"},
		{"redis://u:hunter2@", "host: want a name"},
		{"redis://u:hunter2@h:port", "host: want a port from 1 to 65535"},
		{"redis://u:hunter2@h:0", "host: want a port from 1 to 65535"},
		{"redis://u:hunter2@h:65536", "host: want a port from 1 to 65535"},
		{"redis://u:hunter2@::1", "host: want"},
		{"redis://u:hunter2@[h]:1", "host: want brackets around an IPv6 address"},
		{"redis://u:hunter2@[::1", "host: want brackets around an IPv6 address"},
		{"redis://u:hunter2@h:1:2", "host: want a name"},
		{"redis://:hunter2", "want a name"},
		{"redis://u:hun%zzter2@h", "user and password: " + escapes},
		{"redis://u:x:hunter2@h", "user and password: " + escapes},
		{"redis://u:hun/ter2@h", "contains @ after the hosts: " + escapes},
		{"redis://u:hun?ter2@h", "contains @ after the hosts: " + escapes},
		{"redis://u:hun#ter2@h", "contains #: " + escapes},
		{"redis://u:hun@ter2@h", "contains more than one @"},
		{"redis://u:hunter2 @h", "a space"},
		{"unix://u:hun/ter2@/redis.sock", "contains @ after the hosts: " + escapes},
		{"redis://u:hunter2@h/x", "database: want a number"},
		{"redis://u:hunter2@h/-1", "database: want a number"},
		{"redis://u:hunter2@h/0/1", "path: want only the database number"},
		{"redis://u:hunter2@a,b", "want one host, got 2"},
		{"redis+sentinel://u:hunter2@a,b", "want the name of the master"},
		{"redis+sentinel://u:hunter2@a,b/my master", "a space"},
		{"redis+sentinel://u:hunter2@a,b/my%20master", "want the name of the master"},
		{"redis+sentinel://u:hunter2@a,b/m/x", "database: want a number"},
		{"redis+sentinel://u:hunter2@a,,b/m", "host 2 of 3: want a name"},
		{"redis+sentinel://u:hunter2@a,b,a:26379/m", "host 3 of 3: repeated"},
		{"redis+sentinel://a/m?sentinel_password=hunter2&sentinel_password_file=x", "cannot be combined with sentinel_pass"},
		{"redis+sentinel://a/m?sentinel_user=u", "sentinel_user requires sentinel_password"},
		{"redis+cluster://u:hunter2@a,b/0", "a Cluster has no numbered databases"},
		{"redis+cluster://a?sentinel_password=hunter2", "parameter sentinel_password requires redis+sentinel://"},
		{"unix://u:hunter2@", "want the path of a socket"},
		{"unix://host/redis.sock", "want the path of a socket"},
		{"redis://h?unknown=hunter2", `unknown parameter "unknown"; want one of build_timeout`},
		{"redis://h?db=1", "parameter db: only for unix://"},
		{"redis://h?client_name=a&client_name=b", "parameter client_name is repeated"},
		{"redis://h?client_name=a%20b", "without spaces"},
		{"redis://h?client_name=", "parameter client_name: is empty"},
		{"redis://h?tls_ca_file=x", "parameter tls_ca_file requires TLS; use rediss"},
		{"rediss://h?tls_cert_file=x", "must be set together"},
		{"rediss://h?tls_skip_verify=1", "parameter tls_skip_verify: want true or false"},
		{"rediss://h?tls_skip_verify=true&tls_ca_file=x", "cannot be combined with tls_ca_file"},
		{"redis://h?dial_timeout=5", "parameter dial_timeout: want a duration from 1ms to 1m0s"},
		{"redis://h?serve_timeout=0s", "parameter serve_timeout: want a duration"},
		{"redis://h?build_timeout=2h", "parameter build_timeout: want a duration"},
		{"redis://h?%zz", "parameters: " + escapes},
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range parseErrors() {
		_, err := redisurl.Parse(tt.raw)
		if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("Parse(%q): error is %v; want one of kind %q that contains %q",
				tt.raw, err, feed.ErrInvalid, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "ter2") {
			t.Errorf("Parse(%q): error contains the password: %v", tt.raw, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"redis://h:1/2", "redis://h:1/2"},
		{"redis://ann@h:1", "redis://ann@h:1"},
		{"redis://ann:hunter2@h:1", "redis://ann:xxxxx@h:1"},
		{"redis+sentinel://:hunter2@a,b:1/m?sentinel_user=s&sentinel_password=hunter2",
			"redis+sentinel://:xxxxx@a,b:1/m?sentinel_user=s&sentinel_password=xxxxx"},
		{"redis+sentinel://a/m?Sentinel%5Fpassword=hunter2", "redis+sentinel://a/m?Sentinel%5Fpassword=xxxxx"},
		{"redis://u:hun/ter2@h", "(hidden)"},
		{"hunter2", "(hidden)"},
	} {
		if got := redisurl.Redact(tt.raw); got != tt.want {
			t.Errorf("Redact(%q) = %q; want %q", tt.raw, got, tt.want)
		}
	}
}

func TestFormattedURLHasNoPassword(t *testing.T) {
	u, err := redisurl.Parse("redis+sentinel://ann:hunter2@a/m?sentinel_password=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, u); strings.Contains(text, "hunter2") {
			t.Errorf("Sprintf(%q) = %s; want no password", verb, text)
		}
	}
}

// FuzzParse checks that errors are of kind feed.ErrInvalid, that String returns a URL of the same servers, and that a
// password set by WithPassword is parsed and redacted.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"redis://u:p@h:1/2?client_name=x", "rediss+sentinel://u:p@a,[::1]:2/m/3?sentinel_password=s", "redis+cluster://a,b:2",
		"unix://:p@/run/redis.sock?db=3", "redis://u:p/w@h", "redis://a%00b@h",
	} {
		f.Add(seed)
	}
	const password = "Xq7pass%/@"
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := redisurl.Parse(raw)
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("Parse(%q): error is %v; want one of kind %q", raw, err, feed.ErrInvalid)
			}
			_ = redisurl.Redact(raw) // it must not panic
			return
		}
		text := u.String()
		if u.Socket != "" && u.DB != 0 {
			text += fmt.Sprintf("?db=%d", u.DB)
		}
		again, err := redisurl.Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q).String() = %q, which Parse rejects: %v", raw, u, err)
		}
		address := func(u redisurl.URL) redisurl.URL {
			return redisurl.URL{
				Kind: u.Kind, Addresses: u.Addresses, Socket: u.Socket, Master: u.Master, DB: u.DB, TLS: u.TLS,
			}
		}
		if diff := cmp.Diff(address(u), address(again)); diff != "" {
			t.Errorf("Parse(%q).String() = %q, the URL of a different server (-want +got):\n%s", raw, u, diff)
		}
		with, err := redisurl.WithPassword(raw, password)
		if err != nil {
			t.Fatalf("WithPassword(%q): %v", raw, err)
		}
		if strings.Contains(redisurl.Redact(with), "Xq7pass") {
			t.Errorf("Redact(%q) = %q; want no password", with, redisurl.Redact(with))
		}
		want := u
		want.Password = password
		if got, err := redisurl.Parse(with); err != nil || !cmp.Equal(want, got) {
			t.Errorf("Parse(%q) = %#v, %v; want %#v with the password", with, got, err, want)
		}
	})
}
