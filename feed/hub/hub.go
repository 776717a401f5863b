// Package hub announces changes (WebSub, W3C Recommendation). It is the built-in hub of a site, which verifies
// subscriptions to the site's documents and delivers each new version. It also notifies external hubs and calls
// webhooks. It does not build or store documents: it delivers those in the committed heads.
//
// All state is in the store. Any number of processes can deliver at the same time: each claims work for a limited time,
// and if a process stops before it has finished, another takes over the work. A subscriber may therefore get a
// version twice, but never an older version after a newer one, because only one process at a time delivers to a
// subscriber, and it reads the version after it has claimed the delivery.
package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"feedpub/feed"
	"feedpub/feed/cache"
	"feedpub/feed/egress"
)

const (
	// claimTime is the duration of a claim. If a process is killed, this is how long its claimed work has to wait. It must
	// be greater than the sum of startTime and the timeout of a request.
	claimTime = 20 * time.Second
	// startTime is how long after a claim a request may still be started.
	startTime = 8 * time.Second
	// pollInterval is the interval between checks of the store for work that other processes have added.
	pollInterval = time.Second
	// renewInterval is the interval between calls to Store.RenewTopics, which finds deliveries that the store has lost.
	renewInterval = 10 * time.Minute
	// retryInterval is the pause after a store error.
	retryInterval = time.Second

	// graceTime is how long a request in progress may take after the context of Run is done.
	graceTime = 3 * time.Second

	maxDeliveries    = 512 // deliveries that a process may have claimed at a time
	maxVerifications = 64
	maxNotices       = 64
	fanOutBatch      = 1000
	expiredBatch     = 200
	cachedBodies     = 32 << 20 // bytes
)

// Store is the part of a site's store that a [Hub] needs; see the methods of store.Site with the same names.
type Store interface {
	RequestSubscription(
		ctx context.Context, at time.Time, r feed.SubscriptionRequest, client string, l feed.HubLimits,
	) (feed.HubLimit, error)
	ClaimRequests(ctx context.Context, r feed.Claiming) ([]feed.ClaimedRequest, error)
	DropRequest(ctx context.Context, c feed.Claim) error
	PostponeRequest(ctx context.Context, c feed.Claim, d time.Duration) error
	Subscribe(ctx context.Context, at time.Time, sub feed.Subscription, verified feed.Claim) error
	Unsubscribe(ctx context.Context, sub feed.Subscription, verified feed.Claim) (bool, error)
	RemoveExpired(ctx context.Context, at time.Time, n int) ([]feed.Subscription, error)
	Topic(ctx context.Context, name feed.Name, format feed.Format) (feed.TopicVersion, error)
	Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error)
	FanOut(ctx context.Context, at time.Time, c feed.Claim, n int) (int, error)
	ClaimDeliveries(ctx context.Context, r feed.Claiming) ([]feed.Delivery, error)
	FinishDelivery(ctx context.Context, at time.Time, d feed.Delivery, r feed.DeliveryResult) (again bool, err error)
	AddNotice(ctx context.Context, at time.Time, n feed.Notice, value string) error
	ClaimNotices(ctx context.Context, r feed.Claiming) ([]feed.Claim, error)
	FinishNotice(ctx context.Context, at time.Time, c feed.Claim, retry time.Duration, value string) error
	ReportHosts(ctx context.Context, at time.Time, claimant string, reports []feed.HostReport) error
	ForgetHosts(ctx context.Context, at time.Time) error
	RenewTopics(ctx context.Context) error
	NextPush(ctx context.Context) (now, next time.Time, err error)
}

// Sender sends requests. It is implemented by [egress.Client].
type Sender interface {
	Do(ctx context.Context, r egress.Request) (egress.Response, error)
}

// Webhook is a receiver of events.
type Webhook struct {
	URL    string
	Secret []byte // signing key
	Events []feed.Event
}

// Config holds everything that a [Hub] depends on. All fields are required unless marked optional.
type Config struct {
	Site  feed.SiteID
	Store Store
	Send  Sender
	Log   *slog.Logger

	// BaseURL is the site's [feed.Site.BaseURL].
	BaseURL string
	// URL is the URL of the built-in hub, or empty if the hub is not enabled.
	URL string
	// Peers are the URLs of the external hubs.
	Peers    []string
	Webhooks []Webhook
	// Signature is the signature method: sha1, sha256, sha384 or sha512.
	Signature string
	// Lease is the duration of subscriptions that do not request one.
	Lease time.Duration
	// Limits bound subscriptions and requests. Zero fields mean the defaults.
	Limits feed.HubLimits

	// Serving reports whether all replicas serve a version of the site. External hubs fetch documents, so they are
	// notified once Serving returns true, or two seconds after the commit if it does not. It may be nil.
	Serving func(ctx context.Context, version int64) bool
	// Observer receives the outcome of each request. It is called concurrently and must not block. It may be nil.
	Observer Observer
	// Program is the value of the User-Agent field.
	Program string
}

// Kind is a kind of request that a hub sends.
type Kind string

// The kinds.
const (
	DeliveryKind     Kind = "delivery"     // delivers a version of a topic to a subscriber
	VerificationKind Kind = "verification" // asks a subscriber to confirm a request
	DenialKind       Kind = "denial"       // informs a subscriber that it has no subscription
	PingKind         Kind = "ping"         // notifies an external hub
	WebhookKind      Kind = "webhook"      // reports an event to a webhook
)

// Kinds returns all kinds of requests.
func Kinds() []Kind { return []Kind{DeliveryKind, VerificationKind, DenialKind, PingKind, WebhookKind} }

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{OK, Failed, Forbidden, Gone, Dropped} }

// Outcome is the outcome of a request that a hub sends.
type Outcome string

// The outcomes.
const (
	OK        Outcome = "ok"
	Failed    Outcome = "failed"    // no response, or a response that reports a failure
	Forbidden Outcome = "forbidden" // not sent: the address must not be reached
	Gone      Outcome = "gone"      // 410, which ends a subscription
	Dropped   Outcome = "dropped"   // failed for the last time
)

// Observer receives the outcome of requests.
type Observer interface {
	// Pushed is called with the outcome of a request. For the first attempt to announce a commit or another event, delay
	// is the time since the event. For all other requests it is 0.
	Pushed(kind, outcome string, delay time.Duration)
}

// Hub is the part of a site that announces changes. Its methods are safe for concurrent use.
type Hub struct {
	config  Config
	wake    chan struct{}
	hosts   hosts
	bodies  *cache.Cache[feed.Hash, []byte]
	peers   map[string]string  // URLs by queue
	hooks   map[string]Webhook // by queue
	hostOf  map[string]string  // hosts of peers and webhooks by queue
	work    sync.WaitGroup
	renewed time.Time // when the topics were last renewed; used only by Run

	claimant string // identifies this hub to the store
	serial   atomic.Int64

	deliveries, verifications, notices atomic.Int64 // numbers of deliveries, verifications and notices that are claimed and not finished
}

// New returns a Hub. It delivers while Run is running.
func New(c Config) *Hub {
	h := &Hub{
		config: c, wake: make(chan struct{}, 1), bodies: cache.New[feed.Hash, []byte](cachedBodies),
		peers: make(map[string]string), hooks: make(map[string]Webhook), hostOf: make(map[string]string),
		claimant: rand.Text(),
	}
	h.hosts.byName, h.hosts.reports = make(map[string]*host), make(chan struct{}, 1)
	h.config.Limits = withDefaults(c.Limits)
	for _, url := range c.Peers {
		q := queueOf(PingKind, url)
		h.peers[q], h.hostOf[q] = url, hostOf(url)
	}
	for _, w := range c.Webhooks {
		q := queueOf(WebhookKind, w.URL)
		h.hooks[q], h.hostOf[q] = w, hostOf(w.URL)
	}
	return h
}

// withDefaults returns the limits, with zero fields replaced by their defaults.
func withDefaults(l feed.HubLimits) feed.HubLimits {
	for _, d := range []struct {
		limit *int
		value int
	}{
		{&l.Pending, 10_000}, {&l.PerHost, 120}, {&l.PerClient, 120}, {&l.Subscriptions, 100_000}, {&l.HostTotal, 5000},
		{&l.TopicTotal, 1_000_000},
	} {
		if *d.limit == 0 {
			*d.limit = d.value
		}
	}
	return l
}

// queueOf returns the queue of the notices for a receiver.
func queueOf(kind Kind, url string) string {
	const length = 9
	sum := sha256.Sum256([]byte(url))
	return string(kind) + ":" + base64.RawURLEncoding.EncodeToString(sum[:length])
}

// Queues returns the queues to which each commit must add notices for a Hub with this configuration. It uses only URL,
// Peers and Webhooks.
func (c Config) Queues() feed.NoticeQueues {
	var q feed.NoticeQueues
	if c.URL != "" {
		q.Topics = append(q.Topics, feed.HubQueue)
	}
	for _, url := range c.Peers {
		q.Topics = append(q.Topics, queueOf(PingKind, url))
	}
	for _, w := range c.Webhooks {
		if w.wants(feed.CommitEvent) {
			q.Feeds = append(q.Feeds, queueOf(WebhookKind, w.URL))
		}
	}
	return q
}

// Wake makes Run look for work at once.
func (h *Hub) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx is done, and then waits a few seconds at most for the requests in progress. It retries after
// store errors, and always returns nil.
func (h *Hub) Run(ctx context.Context) error {
	defer h.report(ctx)
	defer h.work.Wait()
	h.work.Go(func() { h.reportHosts(ctx) })
	failing := false
	for ctx.Err() == nil {
		wait, err := h.step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			h.config.Log.Warn("changes are not announced until the store is available", "error", err)
		case err == nil && failing:
			h.config.Log.Info("changes are announced again")
		}
		if failing = err != nil; failing {
			wait = retryInterval
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-h.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// step starts the work that is due, and returns the time until more work becomes due.
func (h *Hub) step(ctx context.Context) (time.Duration, error) {
	if err := h.renew(ctx); err != nil {
		return 0, err
	}
	now, next, err := h.config.Store.NextPush(ctx)
	switch {
	case err != nil:
		return 0, err
	case next.IsZero():
		return pollInterval, nil
	case next.After(now): // for an idle site, NextPush is the only command
		return min(pollInterval, next.Sub(now)), nil
	}
	for _, start := range []func(context.Context) error{
		h.removeExpired, h.startNotices, h.startVerifications, h.startDeliveries,
	} {
		if err := start(ctx); err != nil {
			return 0, err
		}
	}
	// Work may still be due if it has to wait for other work to end.
	const soon = 10 * time.Millisecond
	return soon, nil
}

// removeExpired removes subscriptions whose lease has ended.
func (h *Hub) removeExpired(ctx context.Context) error {
	removed, err := h.config.Store.RemoveExpired(ctx, time.Time{}, expiredBatch)
	for _, sub := range removed {
		h.config.Log.Debug("subscription expired", "feed", sub.Feed, "format", sub.Format)
	}
	return err
}

// renew schedules deliveries again if the store has lost them, and removes old records of hosts. It does so at the
// start and then every renewInterval.
func (h *Hub) renew(ctx context.Context) error {
	if time.Since(h.renewed) < renewInterval {
		return nil
	}
	if err := h.config.Store.ForgetHosts(ctx, time.Time{}); err != nil {
		return err
	}
	if h.config.URL != "" {
		if err := h.config.Store.RenewTopics(ctx); err != nil {
			return err
		}
	}
	h.renewed = time.Now()
	return nil
}

// run calls f in a goroutine that Run waits for. counter counts the running calls. If their number has reached limit,
// Run is woken when a call returns, since it can then claim more work.
func (h *Hub) run(counter *atomic.Int64, limit int64, f func()) {
	counter.Add(1)
	h.work.Go(func() {
		defer func() {
			if counter.Add(-1) >= limit-1 {
				h.Wake()
			}
		}()
		f()
	})
}

// sending returns a context for sending a request. It ends graceTime after ctx is done, not at once: a request that is
// cut off may have arrived, and would be sent again. The caller must call the returned function when the request has
// ended.
func sending(ctx context.Context) (context.Context, context.CancelFunc) {
	send, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(graceTime)
		defer timer.Stop()
		select {
		case <-send.Done():
		case <-timer.C:
			cancel()
		}
	})
	return send, func() {
		stop()
		cancel()
	}
}

func (h *Hub) observe(kind Kind, outcome Outcome, delay time.Duration) {
	if h.config.Observer != nil {
		h.config.Observer.Pushed(string(kind), string(outcome), delay)
	}
}

// finish calls f, which records a result in the store, even if ctx is done: otherwise the work would be repeated.
func (h *Hub) finish(ctx context.Context, f func(context.Context) error) {
	const most = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	if err := f(ctx); err != nil {
		h.config.Log.Warn("cannot record the result of a request; the request will be repeated", "error", err)
	}
}

// outcomeOf returns the outcome of a request, and the reason if it is not [OK].
func outcomeOf(res egress.Response, err error) (Outcome, string) {
	const statusOK, statusLimit, statusGone = 200, 300, 410
	switch {
	case errors.Is(err, egress.ErrForbidden):
		return Forbidden, err.Error()
	case err != nil:
		return Failed, err.Error()
	case res.Status >= statusOK && res.Status < statusLimit:
		return OK, ""
	case res.Status == statusGone:
		return Gone, "status 410"
	default:
		return Failed, fmt.Sprintf("status %d", res.Status)
	}
}

// hostOf returns the host of a URL as [feed.Claim] contains it.
func hostOf(url string) string { return feed.Subscription{Callback: url}.Host() }
