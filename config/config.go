// Package config is feedpub's configuration: one strict, typed structure read from a YAML file, environment variables
// and flags, with every mistake reported at once and with its place. It says what is configured; acting on it is the
// commands' business, and only they import it.
package config

import (
	"log/slog"
	"time"

	"feedpub/feed"
)

// Config is the whole configuration. The comment of a field is its reference. A key is its path in the YAML file, such
// as site.base_url; as an environment variable it is FEEDPUB_ and the path in capitals with "_" for ".", such as
// FEEDPUB_SITE_BASE_URL, and an empty variable counts as unset. A list or map in a variable is written as YAML in one
// line: FEEDPUB_SCHEDULES='{main: "@hourly"}'.
//
// A flag wins over a variable, a variable over the file, and the file over the default. A relative path is relative to
// the folder of the file that names it, elsewhere to the working directory.
type Config struct {
	// Listen is the address, host:port, on which readers get the feeds. Default 127.0.0.1:8080.
	Listen Address `yaml:"listen"`

	Admin Admin `yaml:"admin"`

	// Redis is the URL of the Redis that holds the posts: redis://[user:password@]host:port[/db], or unix://path;
	// redis+sentinel://[user:password@]host:port,host:port/MASTER[/db] for the master that Sentinels watch, and
	// redis+cluster://[user:password@]host:port,host:port for a Cluster; rediss with each for TLS. Parameters behind a
	// question mark are: tls_ca_file, tls_cert_file, tls_key_file, tls_server_name, tls_skip_verify; sentinel_user,
	// sentinel_password, sentinel_password_file; dial_timeout, serve_timeout, build_timeout; client_name.
	// Excludes dir: of the two, the one set in the stronger place wins, and both in one are an error.
	// Default none: posts come from dir.
	Redis RedisURL `yaml:"redis"`

	// RedisPassword is the password for Redis, instead of one in the URL. Excludes redis_password_file.
	RedisPassword Secret `yaml:"redis_password"`

	// RedisPasswordFile names a file that holds the password for Redis, with or without a newline at its end.
	// Excludes redis_password.
	RedisPasswordFile Path `yaml:"redis_password_file"`

	// Durability is when a post that is written over HTTP counts as stored: local, when the server or the disk has it, or
	// replicas, when all replicas that the Redis has, at least one, have it too; without their word in time the answer is
	// 202. replicas needs redis. Default local.
	Durability Durability `yaml:"durability"`

	// Dir is the folder of posts, one file per post. Excludes redis. Default ./posts if it exists, else the sample
	// posts that come with the program.
	Dir Path `yaml:"dir"`

	// Data is the folder for what is not posts: copies of the published documents, records, the private socket. One
	// process uses it at a time. Default ./feedpub-data; for dir, that beside the folder of posts, with the folder's name
	// behind it unless that is posts; for the sample posts, a folder in the user's cache.
	Data Path `yaml:"data"`

	Publishing `yaml:",inline"`

	// Build says that this server builds the feeds too, unless another does. With false it only serves what others build,
	// which needs redis. Default true.
	Build bool `yaml:"build"`

	// Sites are several sites by their ids, for one process to build and serve: each with the keys from site to
	// attribution, which are as above where it leaves them out, and hosts and tokens_file. Readers are told apart by the
	// host that they ask for: that of a site's site.base_url, which is required, and its hosts. Needs redis. Default
	// none: there is the one site that is described above.
	Sites map[feed.SiteID]SiteSettings `yaml:"sites,omitempty"`

	// SitesFrom names a folder of further sites, one file ID.yml for each, with the same keys as an entry of sites. A
	// running server follows the folder, and reads it anew on SIGHUP too; a file with a mistake is reported, and
	// leaves its site as it was. Needs redis. Default none.
	SitesFrom Path `yaml:"sites_from,omitempty"`

	Log Log `yaml:"log"`

	Server Server `yaml:"server"`

	Polling Polling `yaml:"polling"`
}

// Polling is how often readers may come. A request with an entity tag (If-None-Match) is always welcome.
type Polling struct {
	// Limit is how often a network (/24, or /64 of IPv6) may fetch a feed whole in the time of per; beyond that it is
	// told to wait (429). Loopback and the proxies are exempt. Default 0: no limit.
	Limit int `yaml:"limit"`

	// Per is the time that limit is for. Default 1h.
	Per time.Duration `yaml:"per"`

	// Proxies are the networks of the proxies before this server, such as 10.0.0.0/8, or single addresses. Of them and
	// of loopback alone is believed for whom they ask (X-Forwarded-For). Default none.
	Proxies []Network `yaml:"proxies"`
}

// Admin is the side for operators and writers. It is never to be reachable by readers.
type Admin struct {
	// Listen is the address, host:port, of the admin side: health, metrics, rebuilds. Default 127.0.0.1:8081.
	Listen Address `yaml:"listen"`

	// TokensFile names a file of bearer tokens, one a line, for the requests that change something or read posts:
	// "NAME [write,rebuild]: SECRET", where write is the right to store, delete and read posts and rebuild that to
	// trigger a rebuild; "NAME: SECRET" has the latter only. Default none: such requests are refused.
	TokensFile Path `yaml:"tokens_file"`
}

// Log is what the program tells about its work, on standard error.
type Log struct {
	// Level is the least level that is written: debug, info, warn or error. Default info.
	Level slog.Level `yaml:"level"`

	// Format is text for people or json for machines. Default text.
	Format LogFormat `yaml:"format"`

	// Access says that one of so many answers to readers is logged: 1 is all. Queries and addresses are left out.
	// Default 0: none.
	Access int `yaml:"access"`
}

// Server is how readers are served, and the limits of both HTTP servers, which are all positive.
type Server struct {
	// Engine is the HTTP engine for readers: fast, which speaks HTTP/1.1 without TLS, or standard, Go's own, which
	// speaks TLS and HTTP/2 too. Default fast, or standard where tls_cert_file is set.
	Engine Engine `yaml:"engine"`

	// TLSCertFile names a PEM file with the certificate for readers and those that lead to its root. It may be
	// replaced while the server runs. Needs tls_key_file. Default none: plain HTTP, with TLS left to a server before this one.
	TLSCertFile Path `yaml:"tls_cert_file"`

	// TLSKeyFile names a PEM file with the certificate's private key. Needs tls_cert_file.
	TLSKeyFile Path `yaml:"tls_key_file"`

	// MaxConnections is how many connections of readers may be open at a time; further clients wait. Default 20000.
	MaxConnections int `yaml:"max_connections"`

	// Memory is how much memory the documents' bytes may take, of all sites together: a number of bytes, or one of KiB,
	// MiB or GiB such as 512MiB. What was asked for least recently is dropped beyond it, and read from the data folder
	// when it is asked for again. Entity tags, dates and paths always stay, some 4 KB a document. 0 is no bound.
	// Default 1GiB, which is 60,000 documents of 18 KB in gzip coding.
	Memory Size `yaml:"memory"`

	// ReadHeaderTimeout is how long a client may take to send a request's header. Default 5s.
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`

	// ReadTimeout is how long a client may take to send a whole request. Default 10s.
	ReadTimeout time.Duration `yaml:"read_timeout"`

	// WriteTimeout is how long a response may take. Default 30s.
	WriteTimeout time.Duration `yaml:"write_timeout"`

	// IdleTimeout is how long an idle connection is kept. Default 60s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`

	// MaxHeaderBytes is how long a request's header may be. Default 16384.
	MaxHeaderBytes int `yaml:"max_header_bytes"`

	// DrainTimeout is how long requests and a running build may take to end after SIGTERM. Default 10s.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

// Default returns the configuration of a program that is told nothing.
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
			DrainTimeout:      10 * time.Second,
		},
		Polling: Polling{Per: time.Hour},
	}
}

// ReaderEngine returns the engine that readers are served by, the default filled in.
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
