package intake

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"

	"feedpub/feed"
)

// SourceMember is the member of a post with what its author says about the page at the external URL: an object like the
// source of a quote.
const SourceMember = "_source"

// externalSource returns what the post's author says about the page at its external URL. Invalid values are ignored.
func (in *Intake) externalSource(p feed.Post, item *feed.Item, base *url.URL) feed.Source {
	s := feed.Source{}
	if raw, ok := p.Unknown[SourceMember]; ok {
		var d decoder
		if given := d.source(SourceMember, raw); d.err == nil {
			s = in.quote(feed.Quote{Source: given}, base).Source
		}
	}
	if item.ExternalURL != "" {
		s.URL = item.ExternalURL
	}
	return s
}

// accountMembers are the members in which site generators expect the name of the author's account on social media.
var accountMembers = []string{"twitter", "twitter_username", "twitter_handle", "mastodon", "bluesky", "handle"}

// accounts returns the names of the author's accounts on social media, without "@" and host.
func accounts(p feed.Post) []string {
	var names []string
	for _, key := range accountMembers {
		var name string
		if raw, ok := p.Unknown[key]; !ok || json.Unmarshal(raw, &name) != nil {
			continue
		}
		if strings.Contains(name, "://") {
			name = path.Base(name)
		}
		name, _, _ = strings.Cut(strings.TrimLeft(name, "@"), "@")
		if name != "" && !strings.ContainsAny(name, " /") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
