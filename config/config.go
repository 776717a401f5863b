// Package config is feedpub's configuration: one strict, typed structure, read from a YAML file, environment variables
// and flags. All errors are reported at once, each with its location. The package does not act on the configuration;
// the commands and package feedpub do, and only they import it.
package config

import (
	"log/slog"
	"net"
	"time"

	"feedpub/feed"
)

// Config is the whole configuration. The comment on each field is its reference documentation. The path of a key, such
// as site.base_url, is the same in the YAML file and in messages. Its environment variable is FEEDPUB_ followed by the
// path in capitals, with "_" instead of ".", such as FEEDPUB_SITE_BASE_URL; an empty variable is ignored. A variable
// for a list or map contains one line of YAML: FEEDPUB_SCHEDULES='{main: "@hourly"}'.
//
// A flag overrides a variable, a variable overrides the file, and the file overrides the default. A relative path in a
// file is relative to the folder of that file; anywhere else it is relative to the working directory.
type Config struct {
	// Listen is the address, host:port, on which readers are served. Default 127.0.0.1:8080.
	Listen Address `yaml:"listen"`

	Admin Admin `yaml:"admin"`

	// Redis is the URL of the Redis server, the Sentinels or the Cluster that stores the posts:
	// redis://[user:password@]host:port[/db] or unix://path for a server,
	// redis+sentinel://[user:password@]host:port,host:port/MASTER[/db] for the master that Sentinels monitor, and
	// redis+cluster://[user:password@]host:port,host:port for a Cluster; rediss instead of redis for TLS. The parameters
	// after a question mark are tls_ca_file, tls_cert_file, tls_key_file, tls_server_name, tls_skip_verify; sentinel_user,
	// sentinel_password, sentinel_password_file; dial_timeout, serve_timeout, build_timeout; client_name. Cannot be
	// combined with dir: a flag or variable for one of them overrides the other in the file; setting both in the same
	// place is an error. Default none: posts are read from dir.
	Redis RedisURL `yaml:"redis"`

	// RedisPassword is the password for Redis, if it is not in the URL. Cannot be combined with redis_password_file.
	RedisPassword Secret `yaml:"redis_password"`

	// RedisPasswordFile is a file that contains the password for Redis, with or without a newline at the end. Cannot be
	// combined with redis_password.
	RedisPasswordFile Path `yaml:"redis_password_file"`

	// Durability determines when a post written over HTTP is acknowledged: local, as soon as the server or the disk has
	// it; replicas, as soon as there is at least one Redis replica and all of them have it too. If the replicas do
	// not confirm it in time, the response is 202. replicas needs redis. Default local.
	Durability Durability `yaml:"durability"`

	// Dir is the folder of posts, one file per post. Cannot be combined with redis. Default ./posts if it exists, and
	// otherwise the sample posts that are part of the program.
	Dir Path `yaml:"dir"`

	// Data is the folder for everything except posts: copies of the published documents, records and the private
	// socket. Only one process can use it at a time. Default ./feedpub-data. With dir, it is feedpub-data next to the
	// folder of posts, followed by a hyphen and the name of that folder unless the name is posts; with the sample
	// posts, it is a folder in the user's cache.
	Data Path `yaml:"data"`

	Publishing `yaml:",inline"`

	// Build makes this server build the feeds, unless another server does. If it is false, the server serves the documents
	// that other servers build, which needs redis. Default true.
	Build bool `yaml:"build"`

	// Sites maps ids to sites, for a process that builds and serves several. Each has the keys from site to attribution,
	// and hosts and tokens_file. Omitted keys default to the values of the keys above. A request is routed by its Host to
	// the site that has this host in site.base_url, which is required, or in hosts. Needs redis. Default none: the keys
	// above configure a single site.
	Sites map[feed.SiteID]SiteSettings `yaml:"sites,omitempty"`

	// SitesFrom is a folder of additional sites. It contains a file ID.yml for each, with the same keys as an entry of
	// sites. A running server watches the folder, and also reads it on SIGHUP; a file with an error is reported and leaves
	// its site unchanged. Needs redis. Default none.
	SitesFrom Path `yaml:"sites_from,omitempty"`

	Log Log `yaml:"log"`

	Server Server `yaml:"server"`

	Polling Polling `yaml:"polling"`

	Egress Egress `yaml:"egress"`
}

// Egress limits the addresses to which feedpub sends requests, whether for external hubs, subscribers of the built-in
// hub, or webhooks. They must be public unless allow lists them.
type Egress struct {
	// Allow lists networks, such as 10.0.0.0/8, and single addresses that may be reached on any port even if they are not
	// public. Default none.
	Allow []Network `yaml:"allow"`

	// Ports lists the ports that may be reached at public addresses. Default 80, 443, 8080 and 8443.
	Ports []int `yaml:"ports"`
}

// Polling limits how often readers fetch feeds. Requests with an entity tag (If-None-Match) are not limited.
type Polling struct {
	// Limit is the maximum number of times that a network (/24, or /64 for IPv6) may fetch a whole feed within per.
	// Additional requests get 429. Loopback and the proxies are exempt. Default 0: no limit.
	Limit int `yaml:"limit"`

	// Per is the period to which limit applies. Default 1h.
	Per time.Duration `yaml:"per"`

	// Proxies are the networks of the proxies in front of this server, such as 10.0.0.0/8, or single addresses.
	// X-Forwarded-For is trusted only from these and from loopback. Default none.
	Proxies []Network `yaml:"proxies"`
}

// Admin configures the HTTP interface for operators and writers. Readers must not be able to reach it.
type Admin struct {
	// Listen is the address, host:port, of the HTTP interface for operators and writers: health checks, metrics, rebuilds
	// and posts. Default 127.0.0.1:8081.
	Listen Address `yaml:"listen"`

	// Hosts lists the host names, without a port, under which other machines or a proxy reach the admin address. Requests
	// for other hosts are refused, except for IP addresses, localhost and the name in listen. Default none.
	Hosts []Host `yaml:"hosts"`

	// TokensFile is a file of bearer tokens, one per line, for requests that change something, read posts, or come from
	// other machines: "NAME [write,rebuild]: SECRET". The write permission allows storing, deleting and reading posts, the
	// rebuild permission rebuilding feeds, and the reload permission reloading the configuration. Any token, even one with
	// only the read permission, allows reading metrics and lists from other machines. "NAME: SECRET" grants only rebuild.
	// Default none: such requests are refused.
	TokensFile Path `yaml:"tokens_file"`
}

// Hostnames returns the names under which the admin address can be reached: those in hosts, and the name in listen
// unless it is an IP address.
func (a Admin) Hostnames() []string {
	var names []string
	for _, h := range a.Hosts {
		names = append(names, string(h))
	}
	if name, _, err := net.SplitHostPort(string(a.Listen)); err == nil {
		if h, err := parseHost(name); err == nil {
			names = append(names, string(h))
		}
	}
	return names
}

// Log configures the log, which is written to standard error.
type Log struct {
	// Level is the lowest level that is logged: debug, info, warn or error. Default info.
	Level slog.Level `yaml:"level"`

	// Format is text or json. Default text.
	Format LogFormat `yaml:"format"`

	// Access logs one of every N responses to readers; 1 logs all. Queries and addresses are not logged. Default 0: no
	// responses are logged.
	Access int `yaml:"access"`
}

// Server configures the server for readers, and the limits of both HTTP servers, which must be positive.
type Server struct {
	// Engine is the HTTP server for readers: fast, for HTTP/1.1 without TLS, or standard, Go's own server, which also
	// supports TLS and HTTP/2. Default fast, or standard if tls_cert_file is set.
	Engine Engine `yaml:"engine"`

	// TLSCertFile is a PEM file with the certificate chain for readers. It can be replaced while the server is running.
	// Needs tls_key_file. Default none: HTTP without TLS, which a proxy in front of this server can add.
	TLSCertFile Path `yaml:"tls_cert_file"`

	// TLSKeyFile is a PEM file with the private key of the certificate. Needs tls_cert_file.
	TLSKeyFile Path `yaml:"tls_key_file"`

	// MaxConnections is the maximum number of open connections of readers. Additional clients wait. Default 20000.
	MaxConnections int `yaml:"max_connections"`

	// Memory limits the memory that the documents of all sites and the responses being sent may use together: a number of
	// bytes, or of KiB, MiB or GiB, such as 512MiB. Beyond it, the least recently requested documents are dropped, and
	// read from the data folder on the next request; archives and pages of posts may use a sixteenth of it, and documents
	// that nobody has requested a 32nd. Entity tags, dates and paths are always in memory, 2 to 3 KB per document. 0 means
	// no limit. Default 1GiB, enough for about 60,000 gzip-compressed documents of 18 KB.
	Memory Size `yaml:"memory"`

	// MaxUnread limits the bytes of responses that the clients in one network (/24, or /64 for IPv6) have requested but
	// not yet received: a number of bytes, or of KiB, MiB or GiB. Responses of up to 32 KiB do not count. Further requests
	// get 429. Loopback and polling.proxies are exempt. 0 means no limit. Default 64MiB.
	MaxUnread Size `yaml:"max_unread"`

	// ReadHeaderTimeout bounds the time for reading the header of a request. Default 5s.
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`

	// ReadTimeout bounds the time for reading a request. Default 10s.
	ReadTimeout time.Duration `yaml:"read_timeout"`

	// WriteTimeout bounds the time for writing a response. Default 30s.
	WriteTimeout time.Duration `yaml:"write_timeout"`

	// IdleTimeout bounds the time between two requests on a connection. Default 60s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`

	// MaxHeaderBytes bounds the size of a request's header. Default 16384.
	MaxHeaderBytes int `yaml:"max_header_bytes"`

	// DrainTimeout bounds the time for active requests and rebuilds to end after SIGTERM. Default 10s.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

// Default returns the configuration of a program without a file, variables or flags.
func Default() Config {
	return Config{
		Listen:     "127.0.0.1:8080",
		Admin:      Admin{Listen: "127.0.0.1:8081"},
		Durability: DurabilityLocal,
		Build:      true,
		Publishing: defaultPublishing(),
		Log:        Log{Level: slog.LevelInfo, Format: LogText},
		Server: Server{
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       60 * time.Second,
			MaxHeaderBytes:    16 << 10,
			MaxConnections:    20_000,
			Memory:            1 << 30,
			MaxUnread:         64 << 20,
			DrainTimeout:      10 * time.Second,
		},
		Polling: Polling{Per: time.Hour},
		Egress:  Egress{Ports: []int{80, 443, 8080, 8443}},
	}
}

// ReaderEngine returns the HTTP server for readers, with the default filled in.
func (c Config) ReaderEngine() Engine {
	switch {
	case c.Server.Engine != "":
		return c.Server.Engine
	case c.Server.TLSCertFile != "":
		return EngineStandard
	default:
		return EngineFast
	}
}
