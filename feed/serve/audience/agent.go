package audience

import (
	"strconv"
	"strings"
)

// kind describes how a client reads feeds.
type kind uint8

const (
	reader     kind = iota // used by one person
	aggregator             // fetches for many subscribers and reports their number
	robot                  // fetches feeds for other purposes
)

// known lists the known clients by a lower-case part of their User-Agent. The first match wins, so specific parts
// come before general ones.
var known = [...]struct {
	part, name string
	kind       kind
}{
	{"feedly", "feedly", aggregator}, {"feedbin", "feedbin", aggregator}, {"inoreader", "inoreader", aggregator},
	{"newsblur", "newsblur", aggregator}, {"theoldreader", "the-old-reader", aggregator},
	{"bazqux", "bazqux", aggregator}, {"feedwrangler", "feed-wrangler", aggregator},
	{"feed wrangler", "feed-wrangler", aggregator}, {"netvibes", "netvibes", aggregator},
	{"feedspot", "feedspot", aggregator}, {"bloglovin", "bloglovin", aggregator},
	{"newsgator", "newsgator", aggregator},

	{"miniflux", "miniflux", reader}, {"freshrss", "freshrss", reader}, {"tiny tiny rss", "tt-rss", reader},
	{"tt-rss", "tt-rss", reader}, {"nextcloud", "nextcloud-news", reader}, {"commafeed", "commafeed", reader},
	{"yarr", "yarr", reader}, {"netnewswire", "netnewswire", reader}, {"newsboat", "newsboat", reader},
	{"newsraft", "newsraft", reader}, {"liferea", "liferea", reader}, {"thunderbird", "thunderbird", reader},
	{"reeder", "reeder", reader}, {"akregator", "akregator", reader}, {"quiterss", "quiterss", reader},
	{"rssguard", "rss-guard", reader}, {"rss guard", "rss-guard", reader}, {"vienna", "vienna", reader},
	{"readkit", "readkit", reader}, {"newsflash", "newsflash", reader},
	{"fluent reader", "fluent-reader", reader}, {"feeder", "feeder", reader}, {"elfeed", "elfeed", reader},
	{"sfeed", "sfeed", reader}, {"rss2email", "rss2email", reader}, {"feedparser", "feedparser", reader},
	{"simplepie", "simplepie", reader},

	{"slackbot", "slack", robot}, {"discord", "discord", robot}, {"googlebot", "googlebot", robot},
	{"bingbot", "bingbot", robot}, {"curl/", "curl", robot}, {"wget/", "wget", robot}, {"bot", "robot", robot},
	{"crawler", "robot", robot}, {"spider", "robot", robot}, {"monitor", "robot", robot},

	{"mozilla/", "browser", reader},
}

// Names and numbers for clients that are not in known.
const (
	otherName   = "other"
	unnamedName = "unnamed" // no User-Agent

	otherNumber   = len(known)
	unnamedNumber = len(known) + 1
	names         = len(known) + 2
)

// nameOf returns the name of the client with the given number. Several numbers may have the same name.
func nameOf(number int) string {
	switch number {
	case otherNumber:
		return otherName
	case unnamedNumber:
		return unnamedName
	default:
		return known[number].name
	}
}

// numberOf returns a number of the client with the given name, or otherNumber if it is not in known.
func numberOf(name string) int {
	if name == unnamedName {
		return unnamedNumber
	}
	for i, k := range known {
		if k.name == name {
			return i
		}
	}
	return otherNumber
}

// agent holds what a client's User-Agent says about it.
type agent struct {
	name        string
	number      int // index of the client's counter
	kind        kind
	subscribers int
}

// maxSubscribers is the maximum number that an aggregator can report.
const maxSubscribers = 10_000_000

func parseAgent(userAgent string) agent {
	a := agent{name: otherName, number: otherNumber}
	if userAgent == "" {
		a.name, a.number = unnamedName, unnamedNumber
		return a
	}
	lower := strings.ToLower(userAgent)
	for i, k := range known {
		if strings.Contains(lower, k.part) {
			a.name, a.number, a.kind = k.name, i, k.kind
			break
		}
	}
	// Aggregators report "12 subscribers" by convention.
	if before, _, ok := strings.Cut(lower, " subscriber"); ok {
		digits := before[strings.LastIndexFunc(before, func(r rune) bool { return r < '0' || r > '9' })+1:]
		if n, err := strconv.Atoi(digits); err == nil && n <= maxSubscribers {
			a.kind, a.subscribers = aggregator, n
		}
	}
	return a
}
