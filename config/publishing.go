package config

import (
	"strings"
	"time"

	"feedpub/feed"
)

// Publishing is how one site is published: all that its feeds are made of, and when. What a process has once, however
// many sites it serves, is in [Config].
type Publishing struct {
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
	// lead to the feeds here, and those of comments answer 410. Jekyll's /feed.xml, which was Atom, is the RSS here: a
	// feed's own path always wins, and readers look at what they get. Default none.
	Paths []Preset `yaml:"paths"`

	// Aliases are further old paths, with a query if need be, at which documents are served too. A feed's own path is
	// never taken away by one. Default none.
	Aliases map[string]Alias `yaml:"aliases"`

	// Moved are paths, or feeds by name, that answer 301, with the URL, the path or the name of the feed that they lead
	// to. Feeds by name are not listed any more. Default none.
	Moved map[string]string `yaml:"moved"`

	// Retired are paths, or feeds by name, that answer 410: readers stop asking. Feeds by name are not listed any more.
	// Default none.
	Retired []string `yaml:"retired"`

	// MediaTypes is own, or application/xml for RSS and Atom, which browsers show instead of downloading. Default own.
	MediaTypes MediaTypes `yaml:"media_types"`

	Attribution Attribution `yaml:"attribution"`
}

// Site is the publication.
type Site struct {
	// ID is part of every key in Redis: 1 to 63 of a-z, 0-9 and "-". Beside sites or sites_from it chooses the one of
	// them that a command works on, by a flag or variable. Default main; of several sites, none.
	ID feed.SiteID `yaml:"id,omitempty"`

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
		Attribution: Attribution{Threshold: 0.5},
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
