package main

import (
	"fmt"

	"feedpub/config"
)

// hint is a sentence on a setting that is left to a default which is right for a first try and most likely wrong for
// more. It says what to set.
type hint struct {
	text  string
	risky bool // it may do harm, and is no matter of taste
}

// label is what [hint.text] stands beside.
func (h hint) label() string {
	if h.risky {
		return "risky"
	}
	return "hint"
}

// hints returns what is to be said of a configuration.
func hints(c config.Config) []hint {
	if c.Several() {
		return nil // each has a title and a base_url of its own, or is no configuration
	}
	var out []hint
	if !c.Redis.IsZero() && c.Site.BaseURL == "" {
		out = append(out, hint{risky: true, text: fmt.Sprintf("site.base_url is not set, so the documents name %s, where this "+
			"server listens; another one on this Redis may listen elsewhere. Set it to where readers find the feeds",
			c.FeedSite().BaseURL)})
	}
	if c.Site.Title == config.Default().Site.Title {
		out = append(out, hint{text: fmt.Sprintf("site.title is not set, so the feeds are called %q. Set it in the "+
			"configuration, or with FEEDPUB_SITE_TITLE", c.Site.Title)})
	}
	return out
}
