package audience

import (
	"strconv"
	"strings"
)

// kind is what sort of program a client is.
type kind uint8

const (
	direct   kind = iota // somebody reads with it
	gatherer             // fetches for many and says for how many
	robot                // nobody reads with it
)

// known are the well-known programs by a part of their User-Agent in lower case. The first match counts, so what is
// special stands before what is general.
var known = [...]struct {
	part, name string
	kind       kind
}{
	{"feedly", "feedly", gatherer}, {"feedbin", "feedbin", gatherer}, {"inoreader", "inoreader", gatherer},
	{"newsblur", "newsblur", gatherer}, {"theoldreader", "the-old-reader", gatherer}, {"bazqux", "bazqux", gatherer},
	{"feedwrangler", "feed-wrangler", gatherer}, {"feed wrangler", "feed-wrangler", gatherer}, {"netvibes", "netvibes", gatherer},
	{"feedspot", "feedspot", gatherer}, {"bloglovin", "bloglovin", gatherer}, {"newsgator", "newsgator", gatherer},

	{"miniflux", "miniflux", direct}, {"freshrss", "freshrss", direct}, {"tiny tiny rss", "tt-rss", direct}, {"tt-rss", "tt-rss", direct},
	{"nextcloud", "nextcloud-news", direct}, {"commafeed", "commafeed", direct}, {"yarr", "yarr", direct}, {"netnewswire", "netnewswire", direct},
	{"newsboat", "newsboat", direct}, {"newsraft", "newsraft", direct}, {"liferea", "liferea", direct}, {"thunderbird", "thunderbird", direct},
	{"reeder", "reeder", direct}, {"akregator", "akregator", direct}, {"quiterss", "quiterss", direct}, {"rssguard", "rss-guard", direct},
	{"rss guard", "rss-guard", direct}, {"vienna", "vienna", direct}, {"readkit", "readkit", direct}, {"newsflash", "newsflash", direct},
	{"fluent reader", "fluent-reader", direct}, {"feeder", "feeder", direct}, {"elfeed", "elfeed", direct}, {"sfeed", "sfeed", direct},
	{"rss2email", "rss2email", direct}, {"feedparser", "feedparser", direct}, {"simplepie", "simplepie", direct},

	{"slackbot", "slack", robot}, {"discord", "discord", robot}, {"googlebot", "googlebot", robot}, {"bingbot", "bingbot", robot},
	{"curl/", "curl", robot}, {"wget/", "wget", robot}, {"bot", "robot", robot}, {"crawler", "robot", robot}, {"spider", "robot", robot},
	{"monitor", "robot", robot}, {"mozilla/", "browser", direct},
}

// Names of what is not among the known, and their numbers.
const (
	otherName  = "other"
	silentName = "unnamed" // no User-Agent

	otherNumber  = len(known)
	silentNumber = len(known) + 1
	names        = len(known) + 2
)

// nameOf returns the name of agents of a number. Several numbers may have one name.
func nameOf(number int) string {
	switch number {
	case otherNumber:
		return otherName
	case silentNumber:
		return silentName
	default:
		return known[number].name
	}
}

// numberOf returns a number of agents of a name, that of others if it is not known any more.
func numberOf(name string) int {
	if name == silentName {
		return silentNumber
	}
	for i, k := range known {
		if k.name == name {
			return i
		}
	}
	return otherNumber
}

// agent is what a User-Agent says.
type agent struct {
	name        string
	number      int // of the name, to count by
	kind        kind
	subscribers int
}

// maxSubscribers bounds what a client may claim for others.
const maxSubscribers = 10_000_000

func parseAgent(userAgent string) agent {
	a := agent{name: otherName, number: otherNumber}
	if userAgent == "" {
		a.name, a.number = silentName, silentNumber
		return a
	}
	lower := strings.ToLower(userAgent)
	for i, k := range known {
		if strings.Contains(lower, k.part) {
			a.name, a.number, a.kind = k.name, i, k.kind
			break
		}
	}
	// "12 subscribers" is what aggregators have agreed on.
	if before, _, ok := strings.Cut(lower, " subscriber"); ok {
		digits := before[strings.LastIndexFunc(before, func(r rune) bool { return r < '0' || r > '9' })+1:]
		if n, err := strconv.Atoi(digits); err == nil && n <= maxSubscribers {
			a.kind, a.subscribers = gatherer, n
		}
	}
	return a
}
