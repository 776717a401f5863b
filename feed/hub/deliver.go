package hub

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // WebSub allows it, for subscribers that support nothing else
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/egress"
)

// retryDelays are the delays after each failed attempt to deliver a version. After the last one, the subscriber gets
// nothing until the next version.
var retryDelays = [...]time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour, 3 * time.Hour, 8 * time.Hour,
}

const (
	// busyDelay is the delay of a delivery whose host has too many waiting deliveries.
	busyDelay = 5 * time.Second
	// maxRetryAfter bounds the delay that a receiver may request.
	maxRetryAfter = 24 * time.Hour
)

// version is a version of a topic, ready to be delivered.
type version struct {
	feed.TopicVersion
	body []byte
}

// startDeliveries starts deliveries that are due.
func (h *Hub) startDeliveries(ctx context.Context) error {
	free := maxDeliveries - int(h.deliveries.Load())
	if free <= 0 || h.config.URL == "" {
		return nil
	}
	claimed, claiming := time.Now(), h.claiming(free)
	deliveries, err := h.claimDeliveries(ctx, claiming)
	if err != nil {
		return err
	}
	topics := make(map[string]*version)
	for i, d := range deliveries {
		// The version is read after the claim, so it is not older than any that another process has delivered.
		v, err := h.current(ctx, topics, d.Subscription)
		if err != nil {
			for _, d := range deliveries[i:] { // they are due again when the claim ends
				h.hosts.ended(d.Claim)
			}
			return err
		}
		h.deliveries.Add(1)
		h.work.Add(1)
		h.start(ctx, &job{Delivery: d, version: v, latest: claimed.Add(startTime)})
	}
	return nil
}

// claimDeliveries claims deliveries, and records the claims for their hosts.
func (h *Hub) claimDeliveries(ctx context.Context, r feed.Claiming) ([]feed.Delivery, error) {
	defer h.hosts.claiming()()
	deliveries, err := h.config.Store.ClaimDeliveries(ctx, r)
	for _, d := range deliveries {
		h.hosts.claimed(d.Claim, r.Serial)
	}
	return deliveries, err
}

// job is a claimed delivery. It must not be started after latest.
type job struct {
	feed.Delivery
	version *version // nil if the topic no longer exists
	latest  time.Time
}

// current returns the current version of the topic of a subscription, or nil if there is none. It caches the result in
// topics.
func (h *Hub) current(ctx context.Context, topics map[string]*version, s feed.Subscription) (*version, error) {
	key := string(s.Format) + " " + string(s.Feed)
	if v, ok := topics[key]; ok {
		return v, nil
	}
	v, err := h.read(ctx, s.Feed, s.Format)
	if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
		v, err = nil, nil
	}
	if err == nil {
		topics[key] = v
	}
	return v, err
}

// read reads the current version of a document.
func (h *Hub) read(ctx context.Context, name feed.Name, format feed.Format) (*version, error) {
	topic, err := h.config.Store.Topic(ctx, name, format)
	if err != nil {
		return nil, err
	}
	v := &version{TopicVersion: topic}
	if body, ok := h.bodies.Get(topic.Ref.Hash); ok {
		v.body = body
		return v, nil
	}
	blob, err := h.config.Store.Blob(ctx, topic.Ref.Hash)
	if err != nil {
		return nil, err
	}
	if v.body, err = coding.Body(blob); err != nil {
		return nil, err
	}
	if feed.HashOf(v.body) != topic.Ref.Hash {
		return nil, fmt.Errorf("document %s: the bytes do not match the hash: %w", topic.Ref.Hash, feed.ErrInvalid)
	}
	h.bodies.Put(topic.Ref.Hash, v.body, len(v.body))
	return v, nil
}

// start starts a job as soon as the limits for its host permit it.
func (h *Hub) start(ctx context.Context, j *job) {
	run := func() { h.work.Go(func() { h.deliver(ctx, j) }) }
	switch h.hosts.admit(j.Host, ours, func(admitted bool) {
		if admitted {
			run()
		} else {
			h.work.Go(func() { h.postpone(ctx, j, breakerTime) })
		}
	}) {
	case start:
		run()
	case queued:
	case busy:
		h.postpone(ctx, j, busyDelay)
	case broken:
		h.postpone(ctx, j, breakerTime)
	}
}

// end ends a job and records its result.
func (h *Hub) end(ctx context.Context, j *job, r feed.DeliveryResult) {
	r.Version = math.MaxInt32 // greater than any version, because a topic that does not exist has nothing to deliver
	if j.version != nil {
		r.Version = j.version.Number()
	}
	again := false
	h.finish(ctx, func(ctx context.Context) (err error) {
		again, err = h.config.Store.FinishDelivery(ctx, time.Time{}, j.Delivery, r)
		return err
	})
	h.hosts.ended(j.Claim)
	if h.deliveries.Add(-1) == maxDeliveries/2 || again { // wait until half have ended, to claim work in batches
		h.Wake()
	}
	h.work.Done()
}

// postpone ends a job that was not attempted.
func (h *Hub) postpone(ctx context.Context, j *job, d time.Duration) {
	h.end(ctx, j, feed.DeliveryResult{Retry: jitter(d)})
}

// deliver sends the delivery of a job and records its result.
func (h *Hub) deliver(ctx context.Context, j *job) {
	if ctx.Err() != nil || time.Now().After(j.latest) {
		h.hosts.done(j.Host, ours, unknown)
		h.postpone(ctx, j, time.Millisecond)
		return
	}
	if j.version == nil || !j.Now.Before(j.Subscription.Expires) {
		h.hosts.done(j.Host, ours, unknown)
		h.end(ctx, j, feed.DeliveryResult{})
		return
	}
	began := time.Now()
	send, cancel := sending(ctx)
	res, err := h.config.Send.Do(send, h.request(j))
	interrupted := err != nil && send.Err() != nil
	cancel()
	if interrupted {
		h.hosts.done(j.Host, ours, unknown)
		h.postpone(ctx, j, time.Millisecond)
		return
	}
	h.hosts.done(j.Host, ours, healthOf(res, err))
	outcome, reason := outcomeOf(res, err)
	h.observeDelivery(j, outcome, time.Since(began))
	if outcome == Gone {
		h.finish(ctx, func(ctx context.Context) error {
			_, err := h.config.Store.Unsubscribe(ctx, j.Subscription, feed.Claim{})
			return err
		})
	}
	h.end(ctx, j, result(j, outcome, reason, res.RetryAfter))
}

// observeDelivery reports the outcome of a delivery to the observer.
func (h *Hub) observeDelivery(j *job, outcome Outcome, took time.Duration) {
	if outcome == Failed && j.Failure.Attempts >= len(retryDelays) {
		outcome = Dropped
	}
	var delay time.Duration
	committed := time.UnixMilli(j.version.Version)
	if j.Failure.Attempts == 0 && j.Subscription.Created.Before(committed) {
		delay = max(time.Millisecond, j.Now.Sub(committed)+took)
	}
	h.observe(DeliveryKind, outcome, delay)
}

func result(j *job, outcome Outcome, reason string, retryAfter time.Duration) feed.DeliveryResult {
	if outcome == OK {
		return feed.DeliveryResult{Delivered: true}
	}
	f := feed.DeliveryFailure{Attempts: j.Failure.Attempts + 1, Since: j.Failure.Since, At: j.Now, Reason: reason}
	if j.Failure.Attempts == 0 {
		f.Since = j.Now
	}
	if f.Attempts > len(retryDelays) {
		f.Attempts = 0 // the next version gets the full number of attempts
		return feed.DeliveryResult{Failure: &f}
	}
	retry := max(jitter(retryDelays[f.Attempts-1]), min(retryAfter, maxRetryAfter))
	return feed.DeliveryResult{Retry: retry, Failure: &f}
}

// request returns the request that delivers a version.
func (h *Hub) request(j *job) egress.Request {
	header := http.Header{
		"Content-Type": {j.version.Ref.MediaType},
		"Link":         {h.link(j.version.Ref)},
		"User-Agent":   {h.config.Program},
	}
	if j.Subscription.Secret != "" {
		header.Set("X-Hub-Signature", sign(h.config.Signature, j.Subscription.Secret, j.version.body))
	}
	return egress.Request{
		Method: http.MethodPost, URL: j.Subscription.Callback, Header: header, Body: bytes.NewReader(j.version.body),
	}
}

// link returns the Link field of a delivery: the links of the document, plus a rel=hub link if the document has none
// yet.
func (h *Hub) link(ref feed.DocumentRef) string {
	hub := "<" + h.config.URL + `>; rel="hub"`
	if strings.Contains(ref.Link, hub) {
		return ref.Link
	}
	return ref.Link + ", " + hub
}

// sign returns the value of X-Hub-Signature for a body.
func sign(method, secret string, body []byte) string {
	newHash := map[string]func() hash.Hash{
		"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	}[method]
	mac := hmac.New(newHash, []byte(secret))
	_, _ = mac.Write(body) // never fails
	return method + "=" + hex.EncodeToString(mac.Sum(nil))
}

// jitter returns a duration that differs from d by up to a tenth, so that requests that failed together are not retried
// together.
func jitter(d time.Duration) time.Duration {
	const share = 10
	return d + time.Duration(rand.Int64N(int64(d/share)*2+1)) - d/share
}
