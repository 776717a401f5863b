package config

import (
	"strings"
	"time"

	"feedpub/feed"
)

// Publishing configures how one site is published: what its feeds consist of, and when they are built. Settings of the
// whole process are in [Config].
type Publishing struct {
	Site Site `yaml:"site"`

	// Schedule determines when feeds without their own schedule are rebuilt: a cron specification of five fields, a
	// descriptor such as @hourly, or "@every 15m". Default "*/15 * * * *".
	Schedule string `yaml:"schedule"`

	// Schedules maps the names of feeds, such as main or tags/go, to their schedules. Default none.
	Schedules map[feed.Name]string `yaml:"schedules"`

	// TimeZone is the IANA time zone of schedules. In a zone with daylight saving time, a run scheduled at 02:30 may be
	// skipped in spring, and a run at 01:30 may happen twice in autumn. Default UTC.
	TimeZone Zone `yaml:"time_zone"`

	// OnChange rebuilds a feed as soon as one of its posts changes, at most once a second. If it is false, changes
	// wait for the schedule. Default true.
	OnChange bool `yaml:"on_change"`

	// Families configure the feeds in the families tags, authors and sources. Default none: the settings for all feeds
	// apply.
	Families map[feed.Family]Family `yaml:"families"`

	// Feeds configures individual feeds by name: main, a feed in a family such as tags/go, or a new feed that contains
	// the posts that match its criteria. The name of a new feed is also its path and consists of 1 to 63 characters
	// from a-z, 0-9 and "-". Default none.
	Feeds map[feed.Name]Feed `yaml:"feeds"`

	// Pages publishes an HTML page for each feed, and one at / that lists them. Default true.
	Pages bool `yaml:"pages"`

	// MediaDir is a folder of images, recordings and other files that posts refer to by relative paths. They are served
	// below /media/ on base_url. Default none for posts in Redis, and the folder of the posts for posts in a folder.
	MediaDir Path `yaml:"media_dir"`

	// Paths lists the platforms that the blog has moved from: wordpress, ghost, hugo, jekyll or blogger. Their feed
	// paths serve the feeds of this site, and their comment-feed paths respond with 410. A feed's own path takes
	// precedence: /feed.xml is Atom in Jekyll but RSS here, which is harmless because feed readers detect the format.
	// Default none.
	Paths []Preset `yaml:"paths"`

	// Aliases maps additional old paths, with a query if needed, to documents. A feed's own path takes precedence.
	// Default none.
	Aliases map[string]Alias `yaml:"aliases"`

	// Moved maps old paths and names of feeds to a new URL, path or feed, to which requests are redirected with status
	// 301. Feeds that are named here are no longer listed. Default none.
	Moved map[string]string `yaml:"moved"`

	// Retired lists paths and names of feeds for which requests are answered with status 410, so that readers
	// unsubscribe. Feeds that are named here are no longer listed. Default none.
	Retired []string `yaml:"retired"`

	// MediaTypes is own, or application/xml for RSS and Atom. With own, a browser still gets application/xml, which it
	// displays, if the request says that a person opens the document. Browsers say so only to HTTPS addresses and to the
	// local machine; elsewhere they show the source text or download it. Default own.
	MediaTypes MediaTypes `yaml:"media_types"`

	Attribution Attribution `yaml:"attribution"`

	Push Push `yaml:"push"`

	// Notify lists the webhooks that are called when something happens to the site. Default none.
	Notify []Webhook `yaml:"notify"`
}

// Site describes the publication.
type Site struct {
	// ID is part of every key in Redis. It consists of 1 to 63 characters from a-z, 0-9 and "-". With sites or
	// sites_from, a flag or variable sets it to choose the site that a command works on. Default main, or none if there
	// are several sites.
	ID feed.SiteID `yaml:"id,omitempty"`

	// Title is the title of the main feed and part of the titles of the others. Default main.
	Title string `yaml:"title"`

	// Description is one sentence about the site. Default none: the title is used.
	Description string `yaml:"description"`

	// Language is the BCP 47 tag of the language of posts that do not specify one. Default en.
	Language Language `yaml:"language"`

	// BaseURL is the URL of the root of the feeds, without a slash at the end. Default http:// and the listen address;
	// required if that is not a loopback address, since other machines may not be able to resolve it.
	BaseURL URL `yaml:"base_url"`

	// HomeURL is the URL of the blog. Relative links in posts without a URL are resolved against it. Default base_url.
	HomeURL URL `yaml:"home_url"`

	// Permalink is the URL pattern, relative to home_url, for posts that have no url, such as /:year/:month/:slug/. It may
	// contain :year, :month, :day, :slug (the post's slug, else its file name or id) and :path (the path of its file
	// without the extension). Default none: these posts get pages at /posts/ on base_url, unless pages is false.
	Permalink string `yaml:"permalink"`

	// Authors are the authors of the feeds, each with a name and optionally url and avatar. Default none: the site's
	// title is used.
	Authors []Author `yaml:"authors"`

	// Copyright is the rights statement of the feeds. Default none.
	Copyright string `yaml:"copyright"`

	// Icon is the URL of a square image, which may be a file next to the posts. Feeds refer to it, pages use it as their
	// icon, and /favicon.ico redirects to it. Default none.
	Icon URL `yaml:"icon"`

	// Accent is the color of links on pages, written as "#b3261e". It is made darker, or lighter in the dark color
	// scheme, as far as needed for a contrast ratio of 4.5. Default none: a dark blue.
	Accent Color `yaml:"accent"`

	// Style is a CSS file of up to 64 KiB that is added to the style sheet of the pages. It may use images over HTTPS, and
	// images and fonts in the folder of the posts, but cannot import other style sheets. It is read when the
	// configuration is loaded. Default none.
	Style StyleFile `yaml:"style"`

	// Hubs lists the WebSub hubs that are notified of changes and that the documents link to: URLs of external hubs, and a
	// path such as /hub, at which the built-in hub is served. Default none.
	Hubs []Hub `yaml:"hubs"`

	// Since is the date of a feed that has no posts yet, YYYY-MM-DD or RFC 3339. Default 2000-01-01.
	Since Date `yaml:"since"`

	// Limit is the maximum number of items in a feed, 1 to 10000. Default 50.
	Limit int `yaml:"limit"`

	// TTL is the polling interval that readers are asked to use, in whole minutes from 1m to 24h: Cache-Control's max-age
	// and RSS's ttl. Default 15m.
	TTL time.Duration `yaml:"ttl"`
}

// Author is an author of the site: a person or an organization.
type Author struct {
	// Name is required.
	Name string `yaml:"name"`
	// URL is the author's page. Default none.
	URL URL `yaml:"url"`
	// Avatar is the URL of a picture. Default none.
	Avatar URL `yaml:"avatar"`
}

// Attribution configures how credits are read from prose.
type Attribution struct {
	// Threshold is the minimum confidence at which a credit is published, greater than 0 and at most 1. Credits below it
	// are suggestions. Default 0.7.
	Threshold float64 `yaml:"threshold"`

	// Model is the path of the model that reads credits, as written by deploy/train. A site that sets it keeps that model
	// when a release ships a new one. Default none: the built-in model.
	Model Path `yaml:"model"`

	// Publications lists publications that are recognized by name in addition to the built-in ones. Default none.
	Publications []Publication `yaml:"publications"`
}

// Publication is a publication that posts quote, and its names.
type Publication struct {
	// Name is the name that credits show. Required.
	Name string `yaml:"name"`
	// Aliases are alternative names for the publication in prose.
	Aliases []string `yaml:"aliases"`
	// Domains are the host names of the publication's articles, including their subdomains.
	Domains []string `yaml:"domains"`
	// URL is the publication's home page.
	URL URL `yaml:"url"`
	// FeedURL is the URL of the publication's feed, for the RSS source element.
	FeedURL URL `yaml:"feed_url"`
	// Agency marks a news agency, whose articles appear in many publications.
	Agency bool `yaml:"agency"`
}

// Push configures the built-in hub, which is enabled by a path in site.hubs.
type Push struct {
	// Signature is the signature method for deliveries to subscribers with a secret: sha1, sha256, sha384 or sha512.
	// Default sha256.
	Signature Signature `yaml:"signature"`

	// Lease is the duration of subscriptions that do not request one, 5m to 720h. Longer requests are shortened to 720h,
	// and shorter ones extended to 5m. Default 240h.
	Lease time.Duration `yaml:"lease"`

	// Limit is the maximum number of subscriptions, 1 to 10000000. Beyond it, new subscribers get 503. Default 100000.
	Limit int `yaml:"limit"`
}

// Webhook is a URL that is called with a signed message for each event (Standard Webhooks).
type Webhook struct {
	// URL is required.
	URL URL `yaml:"url"`
	// SecretFile is the file that contains the signing secret: whsec_ followed by 24 to 64 bytes in base64. Required.
	SecretFile Path `yaml:"secret_file"`
	// Events lists the events to send: commit, held, rejected and failed. Default all.
	Events []Event `yaml:"events"`
}

func defaultPublishing() Publishing {
	return Publishing{
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
		Attribution: Attribution{Threshold: 0.7},
		Push:        Push{Signature: "sha256", Lease: 240 * time.Hour, Limit: 100_000},
	}
}

// FeedSite returns the site for building documents, with the defaults that depend on other keys filled in.
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
		Permalink:   s.Permalink,
		Authors:     authors,
		Copyright:   s.Copyright,
		Icon:        string(s.Icon),
		Accent:      string(s.Accent),
		Style:       s.Style.CSS,
		Hubs:        c.hubURLs(base),
		Since:       s.Since.Time,
		Limit:       s.Limit,
		TTL:         s.TTL,
	}
}

// hubURLs returns the URLs of the site's hubs. The URL of the built-in hub is below base.
func (c Config) hubURLs(base string) []string {
	var urls []string
	for _, h := range c.Site.Hubs {
		if h.Own() {
			h = Hub(base) + h
		}
		urls = append(urls, string(h))
	}
	return urls
}

// OwnHub returns the path of the site's built-in hub, or "" if it is not enabled.
func (c Config) OwnHub() string {
	for _, h := range c.Site.Hubs {
		if h.Own() {
			return string(h)
		}
	}
	return ""
}

// OtherHubs returns the URLs of the external hubs.
func (c Config) OtherHubs() []string {
	var urls []string
	for _, h := range c.Site.Hubs {
		if !h.Own() {
			urls = append(urls, string(h))
		}
	}
	return urls
}
