// Package config is feedpub's configuration: one strict, typed structure read from a YAML file, environment variables
// and flags, with every mistake reported at once and with its place. It says what is configured; acting on it is the
// commands' business, and only they import it.
package config

import (
	"log/slog"
	"strings"
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

	// Redis is the URL of the Redis that holds the posts: redis://[user:password@]host:port[/db], rediss:// for TLS,
	// or unix://path. Excludes dir: of the two, the one set in the stronger place wins, and both in one are an error.
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

	Site Site `yaml:"site"`

	// Schedule says when feeds are rebuilt that have no schedule of their own: a cron specification of five fields, a
	// descriptor such as @hourly, or "@every 15m". Default "*/15 * * * *".
	Schedule string `yaml:"schedule"`

	// Schedules are the schedules of single feeds by name, such as main or tags/go. Default none.
	Schedules map[feed.Name]string `yaml:"schedules"`

	// TimeZone is the IANA time zone in which schedules are read. In a zone with daylight saving time, a run at 02:30
	// is skipped in spring and one at 01:30 comes twice in autumn. Default UTC, which has none.
	TimeZone Zone `yaml:"time_zone"`

	// OnChange rebuilds a feed at once when a post of it changes, at most once a second; with false, changes wait for
	// the schedule. Default true.
	OnChange bool `yaml:"on_change"`

	// Families say how the feeds of tags, authors and sources are made, by these names. Default as all feeds are made.
	Families map[feed.Family]Family `yaml:"families"`

	// Feeds are single feeds by name: main, a feed of a family such as tags/go, or a new one of the name that its paths
	// are to have, 1 to 63 of a-z, 0-9 and "-", which has the posts that meet its criteria. Default none.
	Feeds map[feed.Name]Feed `yaml:"feeds"`

	// Pages makes a page for people of each feed, and one at / that lists them. Default true.
	Pages bool `yaml:"pages"`

	// Paths are platforms that the blog has moved from: wordpress, ghost, hugo, jekyll or blogger. Their paths of feeds
	// lead to the feeds here, and those of comments answer 410. Default none.
	Paths []Preset `yaml:"paths"`

	// Aliases are further old paths, with a query if need be, at which documents are served too. A feed's own path is
	// never taken away by one. Default none.
	Aliases map[string]Alias `yaml:"aliases"`

	// Moved are paths, or feeds by name, that answer 301, with the URL, the path or the name of the feed that they lead
	// to. Default none.
	Moved map[string]string `yaml:"moved"`

	// Retired are paths, or feeds by name, that answer 410: readers stop asking. Default none.
	Retired []string `yaml:"retired"`

	// MediaTypes is own, or application/xml for RSS and Atom, which browsers show instead of downloading. Default own.
	MediaTypes MediaTypes `yaml:"media_types"`

	Attribution Attribution `yaml:"attribution"`

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

// Site is the publication.
type Site struct {
	// ID is part of every key in Redis: 1 to 63 of a-z, 0-9 and "-". Default main.
	ID feed.SiteID `yaml:"id"`

	// Title is the title of the main feed and part of the others'. Default main.
	Title string `yaml:"title"`

	// Description is one sentence about the site. Default none: feeds describe themselves by their titles.
	Description string `yaml:"description"`

	// Language is the BCP 47 tag of the language of posts that say nothing else. Default en.
	Language Language `yaml:"language"`

	// BaseURL is the URL under which readers find the feeds, without a slash at its end. Default http:// and the
	// listen address; required when that is not a loopback address, since nobody else could follow it.
	BaseURL URL `yaml:"base_url"`

	// HomeURL is the URL of the blog itself. Relative links of posts that have no URL are resolved against it. Default
	// base_url.
	HomeURL URL `yaml:"home_url"`

	// Authors are the authors of the feeds, each with a name and perhaps url and avatar. Default none: the site's
	// title stands for them.
	Authors []Author `yaml:"authors"`

	// Copyright is the rights statement of the feeds. Default none.
	Copyright string `yaml:"copyright"`

	// Icon is the URL of a square image. Default none.
	Icon URL `yaml:"icon"`

	// Hub is the URL of the WebSub hub that readers may subscribe through. Default none.
	Hub URL `yaml:"hub"`

	// Since is the date of a feed that has no posts yet, YYYY-MM-DD or RFC 3339. Default 2000-01-01.
	Since Date `yaml:"since"`

	// Limit is how many items a feed has at most, at least 1. Default 50.
	Limit int `yaml:"limit"`

	// TTL is how often readers are asked to come, in whole minutes from 1m to 24h: Cache-Control's max-age and RSS's
	// ttl. Default 15m.
	TTL time.Duration `yaml:"ttl"`
}

// Author is a person or body that writes the site.
type Author struct {
	// Name is required.
	Name string `yaml:"name"`
	// URL is the author's page. Default none.
	URL URL `yaml:"url"`
	// Avatar is the URL of a picture. Default none.
	Avatar URL `yaml:"avatar"`
}

// Attribution is how sources are read from prose.
type Attribution struct {
	// Threshold is how sure the reading of a source must be for it to be published, above 0 up to 1; what is below is
	// listed for the operator. Default 0.5.
	Threshold float64 `yaml:"threshold"`

	// Publications are publications known by name, beside those built in. Default none.
	Publications []Publication `yaml:"publications"`
}

// Publication is a publication that posts quote, and the names it goes by.
type Publication struct {
	// Name is how it is credited. Required.
	Name string `yaml:"name"`
	// Aliases are other names that stand for it in prose.
	Aliases []string `yaml:"aliases"`
	// Domains are the host names of its articles; subdomains are included.
	Domains []string `yaml:"domains"`
	// URL is its home page.
	URL URL `yaml:"url"`
	// FeedURL is its own feed, for RSS's source element.
	FeedURL URL `yaml:"feed_url"`
	// Agency says that it is a news agency, which others carry.
	Agency bool `yaml:"agency"`
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

	// TLSCertFile names a PEM file with the certificate for readers and those that lead to its root. It is read at the
	// start. Needs tls_key_file. Default none: plain HTTP, with TLS left to a server before this one.
	TLSCertFile Path `yaml:"tls_cert_file"`

	// TLSKeyFile names a PEM file with the certificate's private key. Needs tls_cert_file.
	TLSKeyFile Path `yaml:"tls_key_file"`

	// MaxConnections is how many connections of readers may be open at a time; further clients wait. Default 20000.
	MaxConnections int `yaml:"max_connections"`

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
		Site: Site{
			ID:       "main",
			Title:    "main",
			Language: "en",
			Since:    Date{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)},
			Limit:    50,
			TTL:      15 * time.Minute,
		},
		Schedule:    "*/15 * * * *",
		TimeZone:    Zone{time.UTC},
		OnChange:    true,
		Pages:       true,
		MediaTypes:  OwnMediaTypes,
		Attribution: Attribution{Threshold: 0.5},
		Log:         Log{Level: slog.LevelInfo, Format: LogText},
		Server: Server{
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       60 * time.Second,
			MaxHeaderBytes:    16 << 10,
			MaxConnections:    20_000,
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

// FeedSite returns what documents are made from, with the defaults that depend on other keys filled in.
func (c Config) FeedSite() feed.Site {
	s := c.Site
	base := string(s.BaseURL)
	if base == "" {
		base = "http://" + string(c.Listen)
	}
	base = strings.TrimRight(base, "/")
	home := string(s.HomeURL)
	if home == "" {
		home = base
	}
	var authors []feed.Author
	for _, a := range s.Authors {
		authors = append(authors, feed.Author{Name: a.Name, URL: string(a.URL), Avatar: string(a.Avatar)})
	}
	return feed.Site{
		ID:          s.ID,
		Title:       s.Title,
		Description: s.Description,
		Language:    string(s.Language),
		BaseURL:     base,
		HomeURL:     home,
		Authors:     authors,
		Copyright:   s.Copyright,
		Icon:        string(s.Icon),
		Hub:         string(s.Hub),
		Since:       s.Since.Time,
		Limit:       s.Limit,
		TTL:         s.TTL,
	}
}
