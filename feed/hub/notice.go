package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/egress"
)

const (
	firstRetry  = time.Second
	lastRetry   = 6 * time.Hour
	retryFactor = 4
	// retryTime is how long a notice is retried.
	retryTime = 24 * time.Hour
	// servingTime is how long after a commit external hubs are notified even if some replicas do not serve it yet.
	servingTime     = 2 * time.Second
	servingInterval = 50 * time.Millisecond
)

// noticeState is the value of a notice in the outbox.
type noticeState struct {
	Attempts int       `json:"attempts,omitempty"`
	Since    time.Time `json:"since,omitzero"` // time of the first attempt
	// ID, Time and Data are those of the message to a webhook. They are not recorded for commits.
	ID   string          `json:"id,omitempty"`
	Time time.Time       `json:"time,omitzero"`
	Data json.RawMessage `json:"data,omitempty"`
}

// startNotices starts the notices that are due.
func (h *Hub) startNotices(ctx context.Context) error {
	free := maxNotices - int(h.notices.Load())
	if free <= 0 {
		return nil
	}
	claiming := h.claiming(free)
	claiming.Hosts = h.hostOf
	latest := time.Now().Add(startTime)
	defer h.hosts.claiming()()
	claims, err := h.config.Store.ClaimNotices(ctx, claiming)
	if err != nil {
		return err
	}
	for _, c := range claims {
		h.hosts.claimed(c, claiming.Serial)
		h.run(&h.notices, maxNotices, func() {
			defer h.hosts.ended(c)
			h.notice(ctx, c, latest)
		})
	}
	return nil
}

// notice handles a notice. It sends no request after the given time.
func (h *Hub) notice(ctx context.Context, c feed.Claim, latest time.Time) {
	n, err := feed.ParseNotice(c.Key)
	if err != nil {
		h.finishNotice(ctx, c, 0, noticeState{})
		return
	}
	switch kind, _, _ := strings.Cut(n.Queue, ":"); {
	case n.Queue == feed.HubQueue:
		h.fanOut(ctx, c)
	case n.Queue == feed.DenialQueue:
		h.sendDenial(ctx, c, latest)
	case kind == string(PingKind) && h.peers[n.Queue] != "":
		h.send(ctx, c, latest, PingKind, func() (egress.Request, error) { return h.ping(ctx, n, c) })
	case kind == string(WebhookKind) && h.hooks[n.Queue].URL != "":
		h.callWebhook(ctx, c, latest, n)
	default:
		// The receiver is not in this process's configuration. It may be in another process's, or have been removed.
		h.retry(ctx, c, stateOf(c), 0)
	}
}

// fanOut schedules the deliveries of a topic.
func (h *Hub) fanOut(ctx context.Context, c feed.Claim) {
	for ctx.Err() == nil {
		count, err := h.config.Store.FanOut(ctx, time.Time{}, c, fanOutBatch)
		if err != nil {
			h.config.Log.Warn("deliveries to subscribers are delayed", "error", err)
			return // the notice is due again when the claim ends
		}
		if count > 0 {
			h.Wake()
		}
		if count < fanOutBatch {
			return
		}
	}
}

func stateOf(c feed.Claim) noticeState {
	var s noticeState
	if c.Value == "" || json.Unmarshal([]byte(c.Value), &s) != nil {
		return noticeState{}
	}
	return s
}

// finishNotice records that a notice is done or, if retry is positive, schedules it again after retry.
func (h *Hub) finishNotice(ctx context.Context, c feed.Claim, retry time.Duration, s noticeState) {
	value, err := json.Marshal(s)
	if err != nil {
		value = nil // cannot happen
	}
	h.finish(ctx, func(ctx context.Context) error {
		return h.config.Store.FinishNotice(ctx, time.Time{}, c, retry, string(value))
	})
}

// retry schedules a notice again after a failure, and reports whether it did so: a notice is abandoned after a day.
func (h *Hub) retry(ctx context.Context, c feed.Claim, s noticeState, retryAfter time.Duration) bool {
	if s.Attempts++; s.Attempts == 1 {
		s.Since = c.Now
	}
	if c.Now.Sub(s.Since) >= retryTime {
		h.finishNotice(ctx, c, 0, noticeState{})
		return false
	}
	delay := firstRetry
	for range s.Attempts - 1 {
		delay = min(delay*retryFactor, lastRetry)
	}
	h.finishNotice(ctx, c, max(jitter(delay), min(retryAfter, maxRetryAfter)), s)
	return true
}

// errNothing is the error for a notice that no longer needs to be sent.
var errNothing = errors.New("nothing to send")

// sendDenial sends the denial in a notice.
func (h *Hub) sendDenial(ctx context.Context, c feed.Claim, latest time.Time) {
	var d feed.Denial
	err := json.Unmarshal([]byte(c.Value), &d)
	if err == nil {
		err = h.deny(ctx, c.Host, latest, d)
	}
	h.finish(ctx, func(ctx context.Context) error {
		return h.config.Store.FinishNotice(ctx, time.Time{}, c, notSent(err), c.Value)
	})
}

// send sends the request for a notice and records the result. It does not send the request after latest.
func (h *Hub) send(
	ctx context.Context, c feed.Claim, latest time.Time, kind Kind, make func() (egress.Request, error),
) {
	state := stateOf(c)
	r, err := make()
	switch {
	case errors.Is(err, errNothing):
		h.finishNotice(ctx, c, 0, noticeState{})
		return
	case err != nil || ctx.Err() != nil:
		h.finishNotice(ctx, c, retryInterval, state)
		return
	}
	switch h.hosts.wait(c.Host, ours) {
	case start, queued:
	case busy:
		h.finishNotice(ctx, c, retryInterval, state)
		return
	case broken:
		h.finishNotice(ctx, c, jitter(breakerTime), state)
		return
	}
	if time.Now().After(latest) {
		h.hosts.done(c.Host, ours, unknown)
		h.finishNotice(ctx, c, time.Millisecond, state)
		return
	}
	send, cancel := sending(ctx)
	res, err := h.config.Send.Do(send, r)
	interrupted := err != nil && send.Err() != nil
	cancel()
	if interrupted {
		h.hosts.done(c.Host, ours, unknown)
		h.finishNotice(ctx, c, time.Millisecond, state)
		return
	}
	h.hosts.done(c.Host, ours, healthOf(res, err))
	outcome, reason := outcomeOf(res, err)
	if outcome == OK {
		h.observe(kind, outcome, h.delayOf(c, state))
		h.finishNotice(ctx, c, 0, noticeState{})
		return
	}
	if !h.retry(ctx, c, state, res.RetryAfter) {
		outcome = Dropped
	}
	h.config.Log.Warn("cannot notify a receiver", "kind", kind, "host", c.Host, "outcome", outcome, "reason", reason)
	h.observe(kind, outcome, 0)
}

// delayOf returns how long a notice waited to be claimed. It returns 0 if this is not the first attempt to deliver it.
func (h *Hub) delayOf(c feed.Claim, s noticeState) time.Duration {
	if s.Attempts > 0 {
		return 0
	}
	return max(time.Millisecond, c.Now.Sub(c.Due))
}

// ping waits until the replicas serve a change to a topic, and returns the request that notifies an external hub of it.
func (h *Hub) ping(ctx context.Context, n feed.Notice, c feed.Claim) (egress.Request, error) {
	v, err := h.config.Store.Topic(ctx, n.Feed, n.Format)
	switch {
	case errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid):
		return egress.Request{}, errNothing
	case err != nil:
		return egress.Request{}, err
	}
	h.awaitReplicas(ctx, v.Version, c.Now)
	topic := selfURL(v.Ref)
	form := url.Values{"hub.mode": {"publish"}, "hub.url": {topic}, "hub.topic": {topic}}
	return egress.Request{
		Method: http.MethodPost, URL: h.peers[n.Queue], Body: strings.NewReader(form.Encode()),
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {h.config.Program},
		},
	}, nil
}

// awaitReplicas waits until all replicas serve a version, or until servingTime after its commit.
func (h *Hub) awaitReplicas(ctx context.Context, version int64, now time.Time) {
	if h.config.Serving == nil {
		return
	}
	left := min(servingTime, servingTime-now.Sub(time.UnixMilli(version)))
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	for ctx.Err() == nil && !h.config.Serving(ctx, version) {
		select {
		case <-ctx.Done():
		case <-time.After(servingInterval):
		}
	}
}

// post returns a request with a JSON body.
func (h *Hub) post(url string, header http.Header, body []byte) egress.Request {
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", h.config.Program)
	return egress.Request{Method: http.MethodPost, URL: url, Header: header, Body: bytes.NewReader(body)}
}
