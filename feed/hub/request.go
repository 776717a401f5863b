package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
)

const (
	minLease = 5 * time.Minute
	maxLease = 30 * 24 * time.Hour
	// maxSecret is the maximum length of a subscriber's secret in bytes.
	maxSecret = 199
	// maxURL is the maximum length of a callback or topic.
	maxURL = 2048
)

// Subscribe adapts [Hub.Request] to package serve.
func (h *Hub) Subscribe(ctx context.Context, contentType string, form []byte, client netip.Addr) (
	status int, text string, retryAfter time.Duration,
) {
	r := h.Request(ctx, contentType, form, client)
	return r.Status, r.Text, r.RetryAfter
}

// Reply is the reply to a request to the hub.
type Reply struct {
	Status     int
	Text       string        // one line, which contains no part of the request
	RetryAfter time.Duration // 0 if the request need not be repeated
}

// Request handles a form that a client has posted to the hub. If client is the zero Addr, its requests are not limited.
// If the form requests or ends a subscription, a 202 reply means that the request will be verified; it does not depend
// on whether the topic or the callback is acceptable.
func (h *Hub) Request(ctx context.Context, contentType string, form []byte, client netip.Addr) Reply {
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || mediaType != "application/x-www-form-urlencoded" {
		return Reply{Status: http.StatusUnsupportedMediaType, Text: "want a form: application/x-www-form-urlencoded"}
	}
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return malformed("the form is malformed")
	}
	if values.Get("hub.mode") == "publish" {
		return Reply{Status: http.StatusAccepted, Text: "this hub detects changes itself"}
	}
	r, err := h.parse(values)
	if err != nil {
		return malformed(err.Error())
	}
	if err := h.findTopic(ctx, &r.Subscription); err != nil {
		return h.unavailable(err)
	}
	limit, err := h.config.Store.RequestSubscription(ctx, time.Time{}, r, networkOf(client), h.config.Limits)
	if err != nil {
		return h.unavailable(err)
	}
	if limit != "" {
		return limited(limit)
	}
	h.Wake()
	return Reply{Status: http.StatusAccepted, Text: "accepted; the callback will be asked to confirm"}
}

func malformed(text string) Reply { return Reply{Status: http.StatusBadRequest, Text: text} }

func (h *Hub) unavailable(err error) Reply {
	h.config.Log.Warn("a request to the hub was not accepted", "error", err)
	return Reply{
		Status: http.StatusServiceUnavailable, Text: "the hub is unavailable; try again later", RetryAfter: 30 * time.Second,
	}
}

// limited returns the reply to a request that exceeds a limit.
func limited(l feed.HubLimit) Reply {
	r := Reply{Status: http.StatusServiceUnavailable, RetryAfter: time.Hour}
	switch l {
	case feed.ClientRateLimit:
		r = Reply{http.StatusTooManyRequests, "too many requests from your network; try again later", time.Minute}
	case feed.HostRateLimit:
		r = Reply{http.StatusTooManyRequests, "too many requests for callbacks on this host; try again later", time.Minute}
	case feed.PendingLimit:
		r.Text, r.RetryAfter = "too many requests wait for verification; try again later", time.Minute
	case feed.HostLimit:
		r.Text = "too many subscriptions with callbacks on this host"
	case feed.TopicLimit:
		r.Text = "too many subscriptions to this topic"
	case feed.SubscriptionsLimit:
		r.Text = "too many subscriptions"
	}
	return r
}

// parse returns the request in a form. Unknown parameters are ignored.
func (h *Hub) parse(form url.Values) (feed.SubscriptionRequest, error) {
	r := feed.SubscriptionRequest{
		Mode: feed.SubscriptionMode(form.Get("hub.mode")),
		Subscription: feed.Subscription{
			Callback: form.Get("hub.callback"), Topic: form.Get("hub.topic"), Secret: form.Get("hub.secret"),
		},
	}
	if r.Mode != feed.SubscribeMode && r.Mode != feed.UnsubscribeMode {
		return r, errors.New("hub.mode: want subscribe or unsubscribe")
	}
	for _, p := range []struct{ name, value string }{{"hub.callback", r.Callback}, {"hub.topic", r.Topic}} {
		if err := checkURL(p.value); err != nil {
			return r, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if len(r.Secret) > maxSecret {
		return r, fmt.Errorf("hub.secret: want fewer than %d bytes", maxSecret+1)
	}
	r.Lease = h.config.Lease
	if text := form.Get("hub.lease_seconds"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return r, errors.New("hub.lease_seconds: want a number")
		}
		if seconds > 0 { // some subscribers send 0 for the default
			r.Lease = time.Duration(min(seconds, uint64(maxLease/time.Second))) * time.Second
		}
	}
	r.Lease = min(max(r.Lease, minLease), maxLease)
	return r, nil
}

// checkURL returns an error unless text is an absolute http or https URL without a fragment. Whether requests may be
// sent to its host is checked only when a request is sent.
func checkURL(text string) error {
	if text == "" {
		return errors.New("is required")
	}
	if len(text) > maxURL {
		return fmt.Errorf("want at most %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Contains(text, "#") {
		return errors.New("want an absolute http or https URL without a fragment")
	}
	return nil
}

// findTopic sets the feed and the format of a subscription, unless its topic is not a document of the site.
func (h *Hub) findTopic(ctx context.Context, s *feed.Subscription) error {
	name, format, ok := h.documentAt(s.Topic)
	if !ok {
		return nil
	}
	v, err := h.config.Store.Topic(ctx, name, format)
	if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
		return nil
	}
	if err != nil {
		return err
	}
	if selfURL(v.Ref) == s.Topic {
		s.Feed, s.Format = name, format
	}
	return nil
}

// documentAt returns the feed and the format of the document whose URL would be topic, and false if there can be no
// such document. Archives are not topics, since they do not change.
func (h *Hub) documentAt(topic string) (feed.Name, feed.Format, bool) {
	path, ok := strings.CutPrefix(topic, strings.TrimSuffix(h.config.BaseURL, "/")+"/")
	if !ok {
		return "", "", false
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return "", "", false
	}
	folder, file := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		folder, file = path[:i], path[i+1:]
	}
	name := cmp.Or(feed.Name(folder), feed.Main)
	if _, number := name.Archived(); number > 0 {
		return "", "", false
	}
	for _, f := range feed.Formats() {
		if f.File() == file && name.Path(f) == "/"+path {
			return name, f, true
		}
	}
	return "", "", false
}

// selfURL returns the URL of a document: the target of its rel=self link, which comes first.
func selfURL(ref feed.DocumentRef) string {
	target, _, ok := strings.Cut(strings.TrimPrefix(ref.Link, "<"), `>; rel="self"`)
	if !ok {
		return ""
	}
	return target
}

// networkOf returns the network of a client, or "" if client is not valid. All clients in a network share one limit.
func networkOf(client netip.Addr) string {
	if !client.IsValid() {
		return ""
	}
	bits := 64
	if client.Is4() {
		bits = 24
	}
	network, err := client.WithZone("").Prefix(bits)
	if err != nil {
		return "" // cannot happen
	}
	return network.String()
}
