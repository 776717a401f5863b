package hosting

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/egress"
	"feedpub/feed/hub"
	"feedpub/feed/publish"
	"feedpub/store"
)

// newEgress returns the HTTP client for requests to hubs, subscribers and webhooks, whose URLs may come from untrusted
// people.
func newEgress(c config.Egress) *egress.Client {
	e := egress.Config{Ports: c.Ports}
	for _, n := range c.Allow {
		e.Allow = append(e.Allow, n.Prefix)
	}
	return egress.New(e)
}

// pushing returns the configuration of a site's hub, without secrets and dependencies. It also reports whether the site
// has hubs or webhooks.
func pushing(c config.Config) (hub.Config, bool) {
	x := hub.Config{
		Site: c.Site.ID, BaseURL: c.FeedSite().BaseURL, Peers: c.OtherHubs(), Signature: string(c.Push.Signature),
		Lease: c.Push.Lease, Limits: feed.HubLimits{Subscriptions: c.Push.Limit},
	}
	if own := c.OwnHub(); own != "" {
		x.URL = x.BaseURL + own
	}
	for _, w := range c.Notify {
		hook := hub.Webhook{URL: string(w.URL)}
		for _, e := range w.Events {
			hook.Events = append(hook.Events, feed.Event(e))
		}
		x.Webhooks = append(x.Webhooks, hook)
	}
	return x, x.URL != "" || len(x.Peers)+len(x.Webhooks) > 0
}

// newHub returns the hub of a hosted site, or nil if the site has neither hubs nor webhooks.
func (s *Server) newHub(h *hostedSite) (*hub.Hub, error) {
	c := h.site.Source.Config
	x, any := pushing(c)
	if !any {
		return nil, nil
	}
	for i, w := range c.Notify {
		text, err := os.ReadFile(string(w.SecretFile))
		if err == nil {
			x.Webhooks[i].Secret, err = hub.ParseSecret(string(text))
		}
		if err != nil {
			return nil, fmt.Errorf("notify[%d].secret_file: %w", i, err)
		}
	}
	x.Store, x.Send, x.Log, x.Observer = h.site.Store, s.egress, h.log(), s.metrics
	x.Program = "feedpub/" + cmp.Or(h.site.Source.process.Build.Version, "dev") + " (+" + x.BaseURL + "/)"
	x.Serving = h.serving
	return hub.New(x), nil
}

// serving reports whether all processes that serve the site serve at least the given version.
func (h *hostedSite) serving(ctx context.Context, version int64) bool {
	if h.role.Serves {
		if served, _ := h.replica.Version(); served < version {
			return false
		}
	}
	if h.fleet == nil {
		return true
	}
	members, err := h.site.Store.Members(ctx)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(members, func(m feed.Member) bool {
		return m.Serves && m.ID != h.owner && m.Applied < version
	})
}

// push makes a publisher notify the site's hub.
func (h *hostedSite) push(c *publish.Config) {
	if h.hub == nil {
		return
	}
	// Without this, the hub would find the notices of a commit at its next poll.
	c.Committed = func(context.Context, feed.Head) { h.hub.Wake() }
	built := c.Built
	events := feedEvents{hosted: h, last: make(map[feed.Name]string)}
	c.Built = func(r feed.FeedReport) {
		built(r)
		events.built(r)
	}
	c.Rejected = h.hub.Rejected
}

// feedEvents turns the outcomes of rebuilds into events: one when a feed is held or fails, and one for each new reason.
// A feed that is held or fails is built again after a crash, so its event is not lost, but may be repeated.
type feedEvents struct {
	hosted *hostedSite
	last   map[feed.Name]string // outcome and reason of the last event; used by one goroutine at a time
}

func (f *feedEvents) built(r feed.FeedReport) {
	event, ok := map[feed.Outcome]feed.Event{feed.Held: feed.HeldEvent, feed.Failed: feed.FailedEvent}[r.Outcome]
	if !ok {
		delete(f.last, r.Feed)
		return
	}
	if text := string(event) + r.Reason; f.last[r.Feed] != text {
		f.last[r.Feed] = text
		h := f.hosted
		if err := h.hub.FeedEvent(h.ctx, event, string(r.Feed), r.Reason); err != nil && h.ctx.Err() == nil {
			h.log().Warn("cannot add an event for the webhooks", "event", event, "feed", r.Feed, "error", err)
		}
	}
}

// readers lists the readers of a site, including the subscribers of the built-in hub.
type readers struct {
	polls interface{ Readers() []feed.Readership }
	store *store.Site // nil if the site does not use the built-in hub

	mu     sync.Mutex
	counts map[feed.Name]int // as last read
}

// pushed returns the number of subscriptions of each feed, or the numbers last read if the store does not respond.
func (r *readers) pushed() map[feed.Name]int {
	if r.store == nil {
		return nil
	}
	const timeout = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	counts, err := r.store.TopicSubscribers(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.counts = counts
	}
	return r.counts
}

// Readers implements [admin.ReaderLister].
func (r *readers) Readers() []feed.Readership {
	counts, list := r.pushed(), r.polls.Readers()
	seen := make(map[feed.Name]bool, len(list))
	for i := range list {
		seen[list[i].Feed] = true
		list[i].Pushed = counts[list[i].Feed]
		list[i].Subscribers += list[i].Pushed
	}
	for name, n := range counts {
		if !seen[name] {
			list = append(list, feed.Readership{Feed: name, Subscribers: n, Pushed: n, Clients: map[string]uint64{}})
		}
	}
	return list
}
