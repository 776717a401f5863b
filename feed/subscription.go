package feed

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"
)

// HubQueue is the queue of notices about topics with subscribers. When a notice is handled, deliveries to the
// subscribers become due.
const HubQueue = "hub"

// DenialQueue is the queue of notices to subscribers whose subscription was revoked. The value of each is a [Denial].
const DenialQueue = "denial"

// Denial tells a subscriber that its subscription to a topic was denied or has been revoked.
type Denial struct {
	Callback string `json:"callback"`
	Topic    string `json:"topic"`
	Reason   string `json:"reason,omitempty"`
}

// Subscription is a verified subscription to a document of the site through the built-in hub.
type Subscription struct {
	Callback string `json:"callback"`
	Topic    string `json:"topic"` // URL of the document, as the subscriber gave it
	Feed     Name   `json:"feed"`
	Format   Format `json:"format"`
	// Secret is the key that signs deliveries; without it, they are not signed.
	Secret  string    `json:"secret,omitempty"`
	Created time.Time `json:"created"`
	// Expires is the end of the lease. It is zero in a record of a subscription that has ended.
	Expires time.Time `json:"expires,omitzero"`
}

// ID identifies the subscription: a callback has at most one subscription to a document.
func (s Subscription) ID() string {
	return subscriptionID(string(s.Format) + " " + string(s.Feed) + " " + s.Callback)
}

func subscriptionID(text string) string {
	sum := sha256.Sum256([]byte(text))
	const length = 16
	return base64.RawURLEncoding.EncodeToString(sum[:length])
}

// Host returns the host of the callback, in lower case.
func (s Subscription) Host() string { return hostOf(s.Callback) }

func hostOf(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}

// SubscriptionMode is what a request to a hub asks for.
type SubscriptionMode string

// The modes.
const (
	SubscribeMode   SubscriptionMode = "subscribe"
	UnsubscribeMode SubscriptionMode = "unsubscribe"
)

// SubscriptionRequest is a request to the built-in hub that the subscriber has not confirmed yet.
type SubscriptionRequest struct {
	Mode         SubscriptionMode `json:"mode"`
	Subscription                  // Created and Expires are zero; Feed is empty if the topic is not a document of the site
	Lease        time.Duration    `json:"lease,omitempty"`
}

// ID identifies the request: a later request for the same topic and callback replaces an earlier one.
func (r SubscriptionRequest) ID() string {
	return subscriptionID("request " + r.Topic + " " + r.Callback)
}

// ClaimedRequest is a request to the hub that a process has claimed.
type ClaimedRequest struct {
	Claim
	Request SubscriptionRequest
}

// HubLimits bound the work that anonymous clients can cause a hub to do.
type HubLimits struct {
	Pending       int // requests that wait for verification
	PerHost       int // requests per minute with callbacks on one host
	PerClient     int // requests per minute from one client
	Subscriptions int // all subscriptions
	HostTotal     int // subscriptions with callbacks on one host
	TopicTotal    int // subscriptions to one topic
}

// HubLimit is the limit that a request exceeds, or "" if it exceeds none.
type HubLimit string

// The limits.
const (
	PendingLimit       HubLimit = "pending"
	HostRateLimit      HubLimit = "host rate"
	ClientRateLimit    HubLimit = "client rate"
	SubscriptionsLimit HubLimit = "subscriptions"
	HostLimit          HubLimit = "host"
	TopicLimit         HubLimit = "topic"
)

// TopicVersion is the state of a document that is a topic.
type TopicVersion struct {
	Ref DocumentRef
	// Version is the site's version at which the feed's head last changed, which is about the time of the commit in Unix
	// milliseconds.
	Version int64
}

// Number returns a number that increases with every version of the document.
func (t TopicVersion) Number() int64 { return t.Ref.Modified.Unix() }

// Delivery is a claimed delivery to a subscriber.
type Delivery struct {
	Claim
	Subscription Subscription
	Failure      DeliveryFailure // failure of the last attempt; zero if it succeeded
}

// DeliveryFailure describes the last failed attempt to deliver something.
type DeliveryFailure struct {
	Attempts int       `json:"attempts"` // failed attempts since the last success; 0 after the last attempt for a version
	Since    time.Time `json:"since"`    // time of the first of these attempts
	At       time.Time `json:"at"`
	Reason   string    `json:"reason"`
}

// DeliveryResult is the result of an attempt to deliver a version of a topic.
type DeliveryResult struct {
	Version   int64 // the number of the version
	Delivered bool
	// Retry is the time until the next attempt. Zero means that there is none for this version.
	Retry time.Duration
	// Failure replaces the recorded failure if Delivered is false. Nil keeps it: there was no attempt.
	Failure *DeliveryFailure
}

// SubscriptionState is a subscription with the state of its deliveries.
type SubscriptionState struct {
	ID string `json:"id"`
	Subscription
	// Version is the Last-Modified of the version that was last delivered or is being delivered; zero if there is none.
	Version time.Time `json:"version,omitzero"`
	// Next is when the next attempt is due; zero if the subscriber has the current version, or no further attempt will be
	// made.
	Next    time.Time        `json:"next,omitzero"`
	Failure *DeliveryFailure `json:"failure,omitempty"`
}

// PushState summarizes the subscriptions and the outbox of a site.
type PushState struct {
	Subscriptions int `json:"subscriptions"`
	Topics        int `json:"topics"`
	Requests      int `json:"requests"`   // waiting for verification
	Deliveries    int `json:"deliveries"` // waiting or in progress
	Notices       int `json:"notices"`    // waiting or in progress
	Failing       int `json:"failing"`    // subscriptions whose last delivery failed
	Expiring      int `json:"expiring"`   // subscriptions whose lease ends within a day
	// Oldest is when the delivery or notice that has waited longest was due; zero if none is overdue.
	Oldest time.Time `json:"oldest,omitzero"`
}

// StoredNotice is a notice in an embedded store's outbox on disk.
type StoredNotice struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	Done  bool   `json:"done,omitempty"` // the notice has been delivered or abandoned
}
