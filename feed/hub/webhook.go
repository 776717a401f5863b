package hub

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/egress"
)

const (
	secretPrefix = "whsec_"
	minSecret    = 24
	maxKey       = 64
)

// ParseSecret returns the key in a webhook's secret: "whsec_" followed by 24 to 64 bytes in base64 (Standard Webhooks).
// The error is of kind [feed.ErrInvalid] and does not contain the secret.
func ParseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < minSecret || len(key) > maxKey {
		return nil, fmt.Errorf("want %s followed by %d to %d bytes in base64: %w", secretPrefix, minSecret, maxKey, feed.ErrInvalid)
	}
	return key, nil
}

// wants reports whether the webhook is called for an event.
func (w Webhook) wants(e feed.Event) bool { return len(w.Events) == 0 || slices.Contains(w.Events, e) }

// message is the body of a webhook call.
type message struct {
	Type      string          `json:"type"` // "feedpub." followed by the event
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// commitData is the data of a commit event.
type commitData struct {
	Site      feed.SiteID      `json:"site"`
	Feed      feed.Name        `json:"feed"`
	Documents []commitDocument `json:"documents"`
}

type commitDocument struct {
	Format   feed.Format `json:"format"`
	URL      string      `json:"url"`
	Hash     feed.Hash   `json:"hash"`
	Modified time.Time   `json:"modified"`
}

// eventData is the data of the other events.
type eventData struct {
	Site   feed.SiteID `json:"site"`
	Feed   feed.Name   `json:"feed,omitempty"`
	Post   string      `json:"post,omitempty"`
	File   string      `json:"file,omitempty"` // path in the folder of posts
	Reason string      `json:"reason"`
}

// FeedEvent queues calls to the webhooks for an event of a feed. It returns when the calls are recorded in the store.
func (h *Hub) FeedEvent(ctx context.Context, e feed.Event, name, reason string) error {
	for _, stored := range h.noticesOf(e, name, eventData{Site: h.config.Site, Feed: feed.Name(name), Reason: reason}) {
		n, err := feed.ParseNotice(stored.Key)
		if err == nil {
			err = h.config.Store.AddNotice(ctx, time.Time{}, n, stored.Value)
		}
		if err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
	}
	h.Wake()
	return nil
}

// Rejected returns the notices of the webhook calls for the rejection of a post or file. The caller stores them
// together with the rejection.
func (h *Hub) Rejected(p feed.Problem) []feed.StoredNotice {
	reason := p.Reason
	if p.Place != "" {
		reason = p.Place + ": " + reason
	}
	subject, data := p.ID, eventData{Site: h.config.Site, Post: p.ID, Reason: reason}
	if p.Kind == feed.KindFile {
		subject, data.Post, data.File = "file "+p.ID, "", p.ID // "file " is needed because a post's id may equal the path
	}
	return h.noticesOf(feed.RejectedEvent, subject, data)
}

func (h *Hub) noticesOf(e feed.Event, subject string, data eventData) []feed.StoredNotice {
	b, err := json.Marshal(data)
	if err != nil {
		return nil // cannot happen
	}
	var list []feed.StoredNotice
	for _, w := range h.config.Webhooks {
		if !w.wants(e) {
			continue
		}
		value, err := json.Marshal(noticeState{ID: "msg_" + rand.Text(), Time: time.Now().UTC().Truncate(time.Second), Data: b})
		if err != nil {
			return nil // cannot happen
		}
		n := feed.Notice{Queue: queueOf(WebhookKind, w.URL), Format: feed.Format(e), Feed: feed.Name(subject)}
		list = append(list, feed.StoredNotice{Key: n.Key(), Value: string(value)})
	}
	return list
}

// callWebhook sends the message of a notice to a webhook.
func (h *Hub) callWebhook(ctx context.Context, c feed.Claim, latest time.Time, n feed.Notice) {
	w := h.hooks[n.Queue]
	h.send(ctx, c, latest, WebhookKind, func() (egress.Request, error) {
		event, state := feed.Event(n.Format), stateOf(c)
		if n.Format == "-" {
			event = feed.CommitEvent
			var err error
			if state, err = h.commitMessage(ctx, n); err != nil {
				return egress.Request{}, err
			}
		}
		if len(state.Data) == 0 {
			return egress.Request{}, errNothing
		}
		body, err := json.Marshal(message{Type: "feedpub." + string(event), Timestamp: state.Time, Data: state.Data})
		if err != nil {
			return egress.Request{}, errNothing
		}
		// Use the time of this attempt, because receivers compare it with their clock.
		return h.post(w.URL, signed(w.Secret, state.ID, time.Now(), body), body), nil
	})
}

// commitMessage returns the message for the current version of a feed. Its id is the same in every attempt.
func (h *Hub) commitMessage(ctx context.Context, n feed.Notice) (noticeState, error) {
	data := commitData{Site: h.config.Site, Feed: n.Feed, Documents: []commitDocument{}}
	var version int64
	for _, f := range feed.FeedFormats() {
		v, err := h.config.Store.Topic(ctx, n.Feed, f)
		if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
			continue
		}
		if err != nil {
			return noticeState{}, err
		}
		version = max(version, v.Version)
		data.Documents = append(data.Documents, commitDocument{f, selfURL(v.Ref), v.Ref.Hash, v.Ref.Modified})
	}
	if len(data.Documents) == 0 {
		return noticeState{}, errNothing
	}
	b, err := json.Marshal(data)
	if err != nil {
		return noticeState{}, errNothing
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", h.config.Site, n.Key(), version))
	const length = 16
	return noticeState{
		ID: "msg_" + hex.EncodeToString(sum[:length]), Time: time.UnixMilli(version).UTC().Truncate(time.Second), Data: b,
	}, nil
}

// signed returns the header fields of a message (Standard Webhooks).
func signed(secret []byte, id string, at time.Time, body []byte) http.Header {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(id + "." + seconds + "."))
	_, _ = mac.Write(body) // never fails
	h := make(http.Header)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", seconds)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}
