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
	requests, err := h.config.Store.ClaimRequests(ctx, time.Time{}, claimTime, free)
	if err != nil {
		return err
	}
	for _, r := range requests {
		h.run(&h.verifications, maxVerifications, func() { h.verify(ctx, r) })
	}
	return nil
}

// verify asks a subscriber whether a request is its own, and carries it out if so. A request for a topic that does not
// exist is denied.
func (h *Hub) verify(ctx context.Context, r feed.ClaimedRequest) {
	if r.Request.Feed == "" {
		h.deny(ctx, feed.Denial{
			Callback: r.Request.Callback, Topic: r.Request.Topic, Reason: "this hub has no such topic",
		})
		h.finish(ctx, func(ctx context.Context) error { return h.config.Store.DropRequest(ctx, r.Claim) })
		return
	}
	outcome, err := h.confirm(ctx, r.Request)
	switch {
	case ctx.Err() != nil:
		h.finish(ctx, func(ctx context.Context) error {
			return h.config.Store.PostponeRequest(ctx, r.Claim, time.Millisecond)
		})
		return
	case errors.Is(err, errHostBusy):
		h.finish(ctx, func(ctx context.Context) error {
			return h.config.Store.PostponeRequest(ctx, r.Claim, jitter(busyDelay))
		})
		return
	}
	h.observe(VerificationKind, outcome, 0)
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

// confirm asks the callback of a request to confirm it, and returns [OK] if it does. The error is [errHostBusy] if the
// callback was not asked.
func (h *Hub) confirm(ctx context.Context, r feed.SubscriptionRequest) (Outcome, error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	challenge := base64.RawURLEncoding.EncodeToString(random[:])
	query := []string{"hub.mode", string(r.Mode), "hub.topic", r.Topic, "hub.challenge", challenge}
	if r.Mode == feed.SubscribeMode {
		query = append(query, "hub.lease_seconds", strconv.FormatInt(int64(r.Lease/time.Second), 10))
	}
	res, err := h.get(ctx, r.Callback, query, int64(len(challenge))+1)
	if errors.Is(err, errHostBusy) {
		return "", err
	}
	outcome, reason := outcomeOf(res, err)
	switch {
	case outcome == Gone:
		outcome = Failed
	case outcome == OK && subtle.ConstantTimeCompare(res.Body, []byte(challenge)) != 1:
		outcome, reason = Failed, "the body is not the challenge"
	}
	if outcome != OK {
		h.config.Log.Debug("a request to the hub was not confirmed", "mode", r.Mode, "outcome", outcome, "reason", reason)
	}
	return outcome, nil
}

// deny informs a callback that it has no subscription. It tries only once.
func (h *Hub) deny(ctx context.Context, d feed.Denial) {
	res, err := h.get(ctx, d.Callback, []string{"hub.mode", "denied", "hub.topic", d.Topic, "hub.reason", d.Reason}, 0)
	outcome, _ := outcomeOf(res, err)
	h.observe(DenialKind, outcome, 0)
}

// errHostBusy is the error for a request that was not sent because too many are waiting for the host, or the host is
// failing.
var errHostBusy = errors.New("too many requests to the host, or it does not respond")

// get sends a GET request with additional query parameters to a callback, and returns up to body bytes of the response.
func (h *Hub) get(ctx context.Context, callback string, query []string, body int64) (egress.Response, error) {
	name := hostOf(callback)
	if h.hosts.wait(name) != start {
		return egress.Response{}, errHostBusy
	}
	res, err := h.config.Send.Do(ctx, egress.Request{
		Method: http.MethodGet, URL: withQuery(callback, query), MaxBody: body,
		Header: http.Header{"User-Agent": {h.config.Program}},
	})
	h.hosts.done(name, ctx.Err() == nil && overloaded(res, err))
	return res, err
}

// withQuery appends parameters, given as names and values, to a URL. The URL's own query is left unchanged.
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
