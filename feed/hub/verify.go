package hub

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/egress"
)

// startVerifications starts the verifications that are due.
func (h *Hub) startVerifications(ctx context.Context) error {
	free := maxVerifications - int(h.verifications.Load())
	if free <= 0 || h.config.URL == "" {
		return nil
	}
	latest, claiming := time.Now().Add(startTime), h.claiming(free)
	defer h.hosts.claiming()()
	requests, err := h.config.Store.ClaimRequests(ctx, claiming)
	if err != nil {
		return err
	}
	for _, r := range requests {
		h.hosts.claimed(r.Claim, claiming.Serial)
		h.run(&h.verifications, maxVerifications, func() {
			defer h.hosts.ended(r.Claim)
			h.verify(ctx, r, latest)
		})
	}
	return nil
}

// verify asks a subscriber whether it has sent a request, and carries out the request if it has. A request for a topic
// that does not exist is denied. It sends no request after latest.
func (h *Hub) verify(ctx context.Context, r feed.ClaimedRequest, latest time.Time) {
	var outcome Outcome
	var err error
	if r.Request.Feed == "" {
		err = h.deny(ctx, r.Host, latest, feed.Denial{
			Callback: r.Request.Callback, Topic: r.Request.Topic, Reason: "this hub has no such topic",
		})
	} else {
		outcome, err = h.confirm(ctx, r.Host, latest, r.Request)
	}
	delay := notSent(err)
	if ctx.Err() != nil {
		delay = time.Millisecond
	}
	if delay > 0 {
		h.finish(ctx, func(ctx context.Context) error { return h.config.Store.PostponeRequest(ctx, r.Claim, delay) })
		return
	}
	h.finish(ctx, func(ctx context.Context) error {
		if outcome != OK {
			return h.config.Store.DropRequest(ctx, r.Claim)
		}
		return h.apply(ctx, r)
	})
	h.Wake()
}

// apply carries out a verified request.
func (h *Hub) apply(ctx context.Context, r feed.ClaimedRequest) error {
	sub := r.Request.Subscription
	if r.Request.Mode == feed.UnsubscribeMode {
		_, err := h.config.Store.Unsubscribe(ctx, sub, r.Claim)
		return err
	}
	sub.Created = r.Now // the store's time
	sub.Expires = r.Now.Add(r.Request.Lease)
	return h.config.Store.Subscribe(ctx, time.Time{}, sub, r.Claim)
}

// confirm asks a request's callback to confirm the request, and returns [OK] if it does. There is an error only if the
// callback was not asked; see [notSent].
func (h *Hub) confirm(
	ctx context.Context, host string, latest time.Time, r feed.SubscriptionRequest,
) (Outcome, error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	challenge := base64.RawURLEncoding.EncodeToString(random[:])
	query := []string{"hub.mode", string(r.Mode), "hub.topic", r.Topic, "hub.challenge", challenge}
	if r.Mode == feed.SubscribeMode {
		query = append(query, "hub.lease_seconds", strconv.FormatInt(int64(r.Lease/time.Second), 10))
	}
	res, err := h.get(ctx, host, latest, r.Callback, query, int64(len(challenge))+1)
	if notSent(err) > 0 {
		return "", err
	}
	outcome, reason := outcomeOf(res, err)
	switch {
	case outcome == Gone:
		outcome = Failed
	case outcome == OK && subtle.ConstantTimeCompare(res.Body, []byte(challenge)) != 1:
		outcome, reason = Failed, "the body is not the challenge"
	}
	if ctx.Err() == nil {
		h.observe(VerificationKind, outcome, 0)
	}
	if outcome != OK {
		h.config.Log.Debug("a request to the hub was not confirmed", "mode", r.Mode, "outcome", outcome, "reason", reason)
	}
	return outcome, nil
}

// deny informs a callback that it has no subscription. There is an error only if nothing was sent; see [notSent]. A
// denial that was sent is not repeated.
func (h *Hub) deny(ctx context.Context, host string, latest time.Time, d feed.Denial) error {
	query := []string{"hub.mode", "denied", "hub.topic", d.Topic, "hub.reason", d.Reason}
	res, err := h.get(ctx, host, latest, d.Callback, query, 0)
	if notSent(err) > 0 {
		return err
	}
	outcome, _ := outcomeOf(res, err)
	h.observe(DenialKind, outcome, 0)
	return nil
}

// The reasons why a request was not sent.
var (
	errHostBusy   = errors.New("too many requests to the host")
	errHostBroken = errors.New("the host does not respond")
)

// notSent returns the delay before the next attempt if err means that the request was not sent, and 0 otherwise.
func notSent(err error) time.Duration {
	switch {
	case errors.Is(err, errHostBusy):
		return jitter(busyDelay)
	case errors.Is(err, errHostBroken):
		return jitter(breakerTime)
	default:
		return 0
	}
}

// get sends a GET request to a callback, with additional query parameters, and returns up to body bytes of the
// response. It does not send the request after latest. A failure does not count as a failure of the host, since anyone
// can trigger the request.
func (h *Hub) get(
	ctx context.Context, host string, latest time.Time, callback string, query []string, body int64,
) (egress.Response, error) {
	switch h.hosts.wait(host, strangers) {
	case start:
	case queued, busy:
		return egress.Response{}, errHostBusy
	case broken:
		return egress.Response{}, errHostBroken
	}
	defer h.hosts.done(host, strangers, unknown)
	if time.Now().After(latest) {
		return egress.Response{}, errHostBusy
	}
	return h.config.Send.Do(ctx, egress.Request{
		Method: http.MethodGet, URL: withQuery(callback, query), MaxBody: body,
		Header: http.Header{"User-Agent": {h.config.Program}},
	})
}

// withQuery appends parameters to the query of a callback URL. query contains alternating names and values.
func withQuery(callback string, query []string) string {
	var b strings.Builder
	b.WriteString(callback)
	separator := "?"
	if strings.Contains(callback, "?") {
		separator = "&"
		if strings.HasSuffix(callback, "?") || strings.HasSuffix(callback, "&") {
			separator = ""
		}
	}
	for i := 0; i+1 < len(query); i += 2 {
		b.WriteString(separator + query[i] + "=" + url.QueryEscape(query[i+1]))
		separator = "&"
	}
	return b.String()
}
