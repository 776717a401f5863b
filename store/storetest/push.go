package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
)

// pushSuite is the argument of each test of [RunPush]: an empty site.
type pushSuite struct {
	*store.Site
	suite
	t *testing.T
}

// RunPush tests the part of the contract that a hub and an outbox need, on the store that open opens.
func RunPush(t *testing.T, open Opener) {
	t.Helper()
	for i, tt := range []struct {
		name string
		run  func(s pushSuite)
	}{
		{"CommitAddsNotices", testCommitAddsNotices},
		{"CommitOfFirstVersion", testCommitOfFirstVersion},
		{"CommitRenewsNotice", testCommitRenewsNotice},
		{"ImportIsQuiet", testImportIsQuiet},
		{"NoticeRetries", testNoticeRetries},
		{"NoticeOfEvent", testNoticeOfEvent},
		{"ClaimIsExclusive", testClaimIsExclusive},
		{"RequestIsReplaced", testRequestIsReplaced},
		{"RequestLimits", testRequestLimits},
		{"SubscribeDeliversAtOnce", testSubscribeDeliversAtOnce},
		{"FanOutInBatches", testFanOutInBatches},
		{"DeliveryCoalesces", testDeliveryCoalesces},
		{"CommitDuringDelivery", testCommitDuringDelivery},
		{"RenewalDuringDelivery", testRenewalDuringDelivery},
		{"FailuresAndRetries", testFailuresAndRetries},
		{"GivenUpUntilNextVersion", testGivenUpUntilNextVersion},
		{"LateResultIsIgnored", testLateResultIsIgnored},
		{"Unsubscribe", testUnsubscribe},
		{"Revoke", testRevoke},
		{"RemoveExpired", testRemoveExpired},
		{"SubscriptionsAreRecords", testSubscriptionsAreRecords},
		{"RestoreDelivered", testRestoreDelivered},
		{"PushState", testPushState},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := feed.SiteID(fmt.Sprintf("push-%d", i))
			site := open(t, id).Site(id)
			tt.run(pushSuite{Site: site, suite: suite{Site: site, ctx: t.Context()}, t: t})
		})
	}
}

// now is the time of the tests. The store's clock is not used.
var pushNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const lease = 30 * time.Second

// commitText commits a version of the main feed in RSS and JSON with the given text, n seconds after pushNow.
func (s pushSuite) commitText(text string, n int) {
	s.t.Helper()
	s.commitDirty(text, n, 0)
}

// commitDirty is commitText of a feed whose items were read when it had the given mark.
func (s pushSuite) commitDirty(text string, n int, mark int64) {
	s.t.Helper()
	var h feed.Head
	var blobs []feed.Blob
	h.Feed, h.Token, h.Config = feed.Main, 1, "c"
	for _, f := range []feed.Format{feed.RSS, feed.JSON, feed.HTML} {
		b := blobOf(s.t, string(f)+text)
		h.Documents = append(h.Documents, feed.DocumentRef{
			Format: f, Path: feed.Main.Path(f), MediaType: f.MediaType(), Link: `<x>; rel="self"`, Hash: b.Hash, Length: b.Size,
		})
		blobs = append(blobs, b)
	}
	_, _, err := s.Site.Commit(s.ctx, feed.CommitRequest{
		Head: h, Blobs: blobs, Dirty: mark, Now: pushNow.Add(time.Duration(n) * time.Second),
		Notices: feed.NoticeQueues{Topics: []string{feed.HubQueue, "ping:a"}, Feeds: []string{"notify:b"}},
	})
	must(s.t, "Commit", err)
}

func (s pushSuite) subscription(n int) feed.Subscription {
	return feed.Subscription{
		Callback: fmt.Sprintf("https://host-%d.example/cb?n=%d", n%3, n), Topic: "https://site.example/feed.xml",
		Feed: feed.Main, Format: feed.RSS, Secret: "s", Created: pushNow, Expires: pushNow.Add(time.Hour),
	}
}

// subscribe adds n subscriptions.
func (s pushSuite) subscribe(n int) []feed.Subscription {
	s.t.Helper()
	var subs []feed.Subscription
	for i := range n {
		subs = append(subs, s.subscription(i))
		must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, subs[i], feed.Claim{}))
	}
	return subs
}

// notices claims all notices that are due at a time, and returns their keys.
func (s pushSuite) notices(at time.Time) (keys []string, claims []feed.Claim) {
	s.t.Helper()
	claims, err := s.ClaimNotices(s.ctx, at, lease, 100)
	must(s.t, "ClaimNotices", err)
	for _, c := range claims {
		keys = append(keys, c.Key)
	}
	slices.Sort(keys)
	return keys, claims
}

// deliveries claims all deliveries that are due at a time.
func (s pushSuite) deliveries(at time.Time) []feed.Delivery {
	s.t.Helper()
	d, err := s.ClaimDeliveries(s.ctx, at, lease, 100)
	must(s.t, "ClaimDeliveries", err)
	return d
}

func (s pushSuite) wantDeliveries(what string, at time.Time, want int) []feed.Delivery {
	s.t.Helper()
	d := s.deliveries(at)
	if len(d) != want {
		s.t.Errorf("%s: %d deliveries are due, want %d", what, len(d), want)
	}
	return d
}

func (s pushSuite) version() int64 {
	s.t.Helper()
	v, err := s.Topic(s.ctx, feed.Main, feed.RSS)
	must(s.t, "Topic", err)
	return v.Number()
}

func (s pushSuite) finish(at time.Time, d feed.Delivery, r feed.DeliveryResult) {
	s.t.Helper()
	must(s.t, "FinishDelivery", s.FinishDelivery(s.ctx, at, d, r))
}

// deliverAll delivers everything that is due.
func (s pushSuite) deliverAll(at time.Time) {
	s.t.Helper()
	for _, d := range s.deliveries(at) {
		s.finish(at, d, feed.DeliveryResult{Version: s.version(), Delivered: true})
	}
}

// fanOut makes the deliveries of the hub's notices due.
func (s pushSuite) fanOut(at time.Time) {
	s.t.Helper()
	_, claims := s.notices(at)
	for _, c := range claims {
		if strings.HasPrefix(c.Key, feed.HubQueue+" ") {
			for n := 10; n == 10; {
				var err error
				n, err = s.FanOut(s.ctx, at, c, 10)
				must(s.t, "FanOut", err)
			}
		}
	}
}

func testCommitAddsNotices(s pushSuite) {
	s.commitText("1", 0)
	_, first := s.notices(pushNow)
	for _, c := range first {
		must(s.t, "FinishNotice", s.FinishNotice(s.ctx, pushNow, c, 0, ""))
	}
	s.commitText("2", 1)
	got, _ := s.notices(pushNow.Add(time.Second))
	want := []string{"hub json main", "hub rss main", "notify:b - main", "ping:a json main", "ping:a rss main"}
	if diff := gocmp.Diff(want, got); diff != "" {
		s.t.Errorf("notices of a commit with new bytes (-want +got):\n%s", diff)
	}
}

func testCommitOfFirstVersion(s pushSuite) {
	s.commitText("1", 0)
	if got, _ := s.notices(pushNow); !slices.Equal(got, []string{"notify:b - main"}) {
		s.t.Errorf("notices of the first version: %q, want only that of the feed", got)
	}
	s.commitText("1", 5) // the same bytes
	if got, _ := s.notices(pushNow.Add(10 * time.Second)); len(got) > 0 {
		s.t.Errorf("notices of a commit without new bytes: %q, want none", got)
	}
}

// testImportIsQuiet checks that changes are not announced to hubs if they all come from imports.
func testImportIsQuiet(s pushSuite) {
	n := 0
	// commit commits a version after changes to posts, and returns the notices. Only the posts in imported are as an
	// import has stored them.
	commit := func(imported []string, changed ...string) []string {
		s.t.Helper()
		var lines []feed.ExportLine
		for _, id := range imported {
			lines = append(lines, feed.ExportLine{Imported: &feed.ImportedPost{ID: id, Sum: feed.HashOf([]byte(id + "1"))}})
		}
		must(s.t, "RestoreRecords", s.RestoreRecords(s.ctx, lines...))
		for _, raw := range changed {
			change := enter(item(raw[:1], 1))
			change.Raw = feed.HashOf([]byte(raw))
			stored, err := s.Load(s.ctx, []string{change.ID})
			must(s.t, "Load", err)
			change.ItemSum = stored[0].ItemSum
			s.absorb(s.t, 1, change)
		}
		dirty, err := s.DirtyFeeds(s.ctx)
		if err != nil || len(dirty) != 1 || dirty[0].Name != feed.Main {
			s.t.Fatalf("DirtyFeeds = %v, %v; want main", dirty, err)
		}
		n++
		s.commitDirty(fmt.Sprint("n", n), n, dirty[0].Mark)
		at := pushNow.Add(time.Duration(n) * time.Second)
		keys, claims := s.notices(at)
		for _, c := range claims {
			must(s.t, "FinishNotice", s.FinishNotice(s.ctx, at, c, 0, ""))
		}
		return keys
	}
	all := []string{"hub json main", "hub rss main", "notify:b - main", "ping:a json main", "ping:a rss main"}
	quiet := []string{"notify:b - main"}
	s.commitText("0", 0)
	s.subscribe(1)
	s.notices(pushNow)
	for _, tt := range []struct {
		name     string
		imported []string
		changed  []string
		want     []string
	}{
		{"a post", nil, []string{"a1"}, all},
		{"an imported post", []string{"b"}, []string{"b1"}, quiet},
		{"two imported posts", []string{"c", "d"}, []string{"c1", "d1"}, quiet},
		{"a change of an imported post", nil, []string{"b2"}, all},
		{"an imported post and a post", []string{"e"}, []string{"e1", "f1"}, all},
		{"a post and an imported post", []string{"g"}, []string{"h1", "g1"}, all},
		{"an imported post that was changed since", []string{"i"}, []string{"i2"}, all},
		{"an imported post, last", []string{"j"}, []string{"j1"}, quiet},
	} {
		if diff := gocmp.Diff(tt.want, commit(tt.imported, tt.changed...)); diff != "" {
			s.t.Errorf("notices after %s (-want +got):\n%s", tt.name, diff)
		}
	}
	must(s.t, "RenewTopics", s.RenewTopics(s.ctx))
	if got, _ := s.notices(time.Time{}); len(got) > 0 {
		s.t.Errorf("notices after RenewTopics: %q; want none, since the current version was not announced", got)
	}
}

func testCommitRenewsNotice(s pushSuite) {
	s.commitText("1", 0)
	s.commitText("2", 1)
	at := pushNow.Add(2 * time.Second)
	_, claims := s.notices(at)
	s.commitText("3", 3) // while the notices of the second version are delivered
	for _, c := range claims {
		must(s.t, "FinishNotice", s.FinishNotice(s.ctx, at, c, 0, ""))
	}
	if got, _ := s.notices(at.Add(time.Second)); len(got) != 5 {
		s.t.Errorf("notices after a commit during their delivery: %q, want 5", got)
	}
}

func testNoticeRetries(s pushSuite) {
	s.commitText("1", 0)
	_, claims := s.notices(pushNow)
	must(s.t, "FinishNotice", s.FinishNotice(s.ctx, pushNow, claims[0], time.Minute, "state"))
	if got, _ := s.notices(pushNow.Add(59 * time.Second)); len(got) > 0 {
		s.t.Errorf("%q is due before the retry", got)
	}
	_, claims = s.notices(pushNow.Add(time.Minute))
	if len(claims) != 1 || claims[0].Value != "state" || !claims[0].Due.Equal(pushNow.Add(time.Minute)) {
		s.t.Errorf("the retry is %+v, want one with the value and the time that were set", claims)
	}
	if got, _ := s.notices(pushNow.Add(time.Minute + lease)); len(got) > 0 {
		s.t.Errorf("%q is due while it is claimed", got)
	}
	if got, _ := s.notices(pushNow.Add(time.Minute + lease + time.Millisecond)); len(got) != 1 {
		s.t.Errorf("%d notices are due after the claim of a process that has ended, want 1", len(got))
	}
}

func testNoticeOfEvent(s pushSuite) {
	n := feed.Notice{Queue: "notify:b", Format: "held", Feed: "tags/go"}
	for _, body := range []string{"old", "new"} {
		must(s.t, "AddNotice", s.AddNotice(s.ctx, pushNow, n, body))
	}
	_, claims := s.notices(pushNow)
	if len(claims) != 1 || claims[0].Key != "notify:b held tags/go" || claims[0].Value != "new" {
		s.t.Errorf("notices are %+v, want one with the later value", claims)
	}
	if got, err := feed.ParseNotice(claims[0].Key); err != nil || got != n {
		s.t.Errorf("ParseNotice = %+v, %v; want %+v", got, err, n)
	}
}

func testClaimIsExclusive(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(5)
	if n := len(s.deliveries(pushNow)); n != 5 {
		s.t.Fatalf("%d deliveries are due, want 5", n)
	}
	s.wantDeliveries("claimed by another process", pushNow.Add(lease), 0)
	s.wantDeliveries("after the claims", pushNow.Add(lease+time.Millisecond), 5)
}

var wide = feed.HubLimits{
	Pending: 100, PerHost: 100, PerClient: 100, Subscriptions: 100, HostTotal: 100, TopicTotal: 100,
}

func (s pushSuite) request(r feed.SubscriptionRequest, client string, l feed.HubLimits) feed.HubLimit {
	s.t.Helper()
	limit, err := s.RequestSubscription(s.ctx, pushNow, r, client, l)
	must(s.t, "RequestSubscription", err)
	return limit
}

func testRequestIsReplaced(s pushSuite) {
	r := feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: s.subscription(0)}
	s.request(r, "c", wide)
	claims, err := s.ClaimRequests(s.ctx, pushNow, lease, 10)
	must(s.t, "ClaimRequests", err)
	if len(claims) != 1 || claims[0].Request.ID() != r.ID() {
		s.t.Fatalf("claims %+v; want the request", claims)
	}
	r.Mode = feed.UnsubscribeMode
	s.request(r, "c", wide)
	must(s.t, "DropRequest", s.DropRequest(s.ctx, claims[0].Claim))
	claims, err = s.ClaimRequests(s.ctx, pushNow, lease, 10)
	must(s.t, "ClaimRequests", err)
	if len(claims) != 1 {
		s.t.Fatalf("%d requests after the first was dropped, want the second", len(claims))
	}
	if got := claims[0].Request; got.Mode != feed.UnsubscribeMode {
		s.t.Errorf("request %+v; want the later one", got)
	}
	must(s.t, "DropRequest", s.DropRequest(s.ctx, claims[0].Claim))
	claims, err = s.ClaimRequests(s.ctx, pushNow.Add(time.Hour), lease, 10)
	if err != nil || len(claims) != 0 {
		s.t.Errorf("%d requests are left, %v; want none", len(claims), err)
	}
}

func testRequestLimits(s pushSuite) {
	one := func(n int) feed.SubscriptionRequest {
		return feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: s.subscription(n)}
	}
	s.subscribe(2) // hosts 0 and 1
	for _, tt := range []struct {
		name   string
		change func(l *feed.HubLimits)
		n      int
		want   feed.HubLimit
	}{
		{"none", func(*feed.HubLimits) {}, 2, ""},
		{"pending", func(l *feed.HubLimits) { l.Pending = 1 }, 5, feed.PendingLimit},
		{"pending, again", func(l *feed.HubLimits) { l.Pending = 1 }, 2, ""},
		{"all", func(l *feed.HubLimits) { l.Subscriptions = 2 }, 5, feed.SubscriptionsLimit},
		{"all, renewal", func(l *feed.HubLimits) { l.Subscriptions = 2 }, 1, ""},
		{"host", func(l *feed.HubLimits) { l.HostTotal = 1 }, 3, feed.HostLimit},
		{"host, renewal", func(l *feed.HubLimits) { l.HostTotal = 1 }, 0, ""},
		{"topic", func(l *feed.HubLimits) { l.TopicTotal = 2 }, 5, feed.TopicLimit},
		{"topic, renewal", func(l *feed.HubLimits) { l.TopicTotal = 2 }, 0, ""},
		{"host rate", func(l *feed.HubLimits) { l.PerHost = 3 }, 0, feed.HostRateLimit},
		{"client rate", func(l *feed.HubLimits) { l.PerClient = 3 }, 0, feed.ClientRateLimit},
	} {
		l := wide
		tt.change(&l)
		if got := s.request(one(tt.n), "client", l); got != tt.want {
			s.t.Errorf("%s: limit %q, want %q", tt.name, got, tt.want)
		}
	}
	l := wide
	l.PerClient = 0
	if got := s.request(one(1), "", l); got != "" {
		s.t.Errorf("a client without a limit exceeds the limit %q", got)
	}
}

func testSubscribeDeliversAtOnce(s pushSuite) {
	s.commitText("1", 0)
	sub := s.subscription(0)
	r := feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: sub}
	s.request(r, "c", wide)
	claims, err := s.ClaimRequests(s.ctx, pushNow, lease, 1)
	must(s.t, "ClaimRequests", err)
	for range 2 { // the call may be repeated
		must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, claims[0].Claim))
	}
	d := s.wantDeliveries("after Subscribe", pushNow, 1)
	if diff := gocmp.Diff(sub, d[0].Subscription); diff != "" {
		s.t.Errorf("subscription (-want +got):\n%s", diff)
	}
	s.finish(pushNow, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	s.wantDeliveries("after the delivery", pushNow.Add(time.Hour), 0)
	state, err := s.PushState(s.ctx)
	must(s.t, "PushState", err)
	if state.Requests != 0 || state.Subscriptions != 1 {
		s.t.Errorf("%+v, want no request and one subscription", state)
	}
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	s.wantDeliveries("after a renewal with the same secret", pushNow, 0)
	sub.Secret = "another"
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	d = s.wantDeliveries("after a renewal with a different secret", pushNow, 1)
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	s.finish(pushNow, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	s.wantDeliveries("after a renewal with the same secret during a delivery", pushNow.Add(time.Hour), 0)
}

func testFanOutInBatches(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(25)
	s.deliverAll(pushNow)
	s.commitText("2", 1)
	at := pushNow.Add(2 * time.Second)
	_, claims := s.notices(at)
	i := slices.IndexFunc(claims, func(c feed.Claim) bool { return c.Key == "hub rss main" })
	var counts []int
	for range 3 {
		n, err := s.FanOut(s.ctx, at, claims[i], 10)
		must(s.t, "FanOut", err)
		counts = append(counts, n)
	}
	if !slices.Equal(counts, []int{10, 10, 5}) {
		s.t.Errorf("FanOut of 25 subscribers returns %v, want 10, 10 and 5", counts)
	}
	s.wantDeliveries("after FanOut", at, 25)
	if got, _ := s.notices(at.Add(time.Hour)); slices.Contains(got, "hub rss main") {
		s.t.Error("the notice remains after FanOut")
	}
}

func testDeliveryCoalesces(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(1)
	for i := range 5 {
		s.commitText(fmt.Sprint("n", i), i+1)
		s.fanOut(pushNow.Add(time.Duration(i+1) * time.Second))
	}
	at := pushNow.Add(10 * time.Second)
	d := s.wantDeliveries("after five commits", at, 1)
	s.finish(at, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	s.wantDeliveries("after the delivery of the newest", at.Add(time.Hour), 0)
}

func testCommitDuringDelivery(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(1)
	d, old := s.deliveries(pushNow), s.version()
	s.commitText("2", 1)
	at := pushNow.Add(2 * time.Second)
	s.fanOut(at)
	s.wantDeliveries("while the first version is delivered", at, 0)
	s.finish(at, d[0], feed.DeliveryResult{Version: old, Delivered: true})
	d = s.wantDeliveries("after it", at, 1)
	s.finish(at, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	s.wantDeliveries("after both", at.Add(time.Hour), 0)
}

func testRenewalDuringDelivery(s pushSuite) {
	s.commitText("1", 0)
	sub := s.subscribe(1)[0]
	d := s.deliveries(pushNow)
	sub.Secret = "another"
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	s.wantDeliveries("during a delivery with the old secret", pushNow, 0)
	s.finish(pushNow, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	d = s.wantDeliveries("after it", pushNow, 1)
	if d[0].Subscription.Secret != "another" {
		s.t.Errorf("the delivery has the secret %q, want the new one", d[0].Subscription.Secret)
	}
	s.finish(pushNow, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	s.wantDeliveries("after both", pushNow.Add(time.Hour), 0)
}

func failure(n int) *feed.DeliveryFailure {
	return &feed.DeliveryFailure{Attempts: n, Since: pushNow, At: pushNow, Reason: "503"}
}

func testFailuresAndRetries(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(1)
	d := s.deliveries(pushNow)
	s.finish(pushNow, d[0], feed.DeliveryResult{Version: s.version(), Retry: time.Minute, Failure: failure(1)})
	s.wantDeliveries("before the retry", pushNow.Add(59*time.Second), 0)
	s.commitText("2", 1)
	s.fanOut(pushNow.Add(2 * time.Second))
	s.wantDeliveries("before the retry, with a new version", pushNow.Add(59*time.Second), 0)
	at := pushNow.Add(time.Minute)
	d = s.wantDeliveries("at the retry", at, 1)
	if diff := gocmp.Diff(*failure(1), d[0].Failure); diff != "" {
		s.t.Errorf("the failure of the retry (-want +got):\n%s", diff)
	}
	s.finish(at, d[0], feed.DeliveryResult{Version: s.version(), Retry: time.Second}) // it was not attempted
	d = s.wantDeliveries("after a delay without an attempt", at.Add(time.Second), 1)
	if d[0].Failure.Attempts != 1 {
		s.t.Errorf("%d attempts, want 1", d[0].Failure.Attempts)
	}
	s.finish(at, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	for st, err := range s.Subscriptions(s.ctx) {
		if err != nil || st.Failure != nil || st.Version.Unix() != s.version() || !st.Next.IsZero() {
			s.t.Errorf("state after a success: %+v, %v", st, err)
		}
	}
}

func testGivenUpUntilNextVersion(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(1)
	d := s.deliveries(pushNow)
	s.finish(pushNow, d[0], feed.DeliveryResult{Version: s.version(), Failure: failure(0)})
	s.wantDeliveries("after giving up", pushNow.Add(24*time.Hour), 0)
	s.commitText("2", 1)
	s.fanOut(pushNow.Add(2 * time.Second))
	s.wantDeliveries("with the next version", pushNow.Add(2*time.Second), 1)
}

func testLateResultIsIgnored(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(1)
	late, at := s.deliveries(pushNow)[0], pushNow.Add(lease+time.Second)
	old := s.version()
	s.commitText("2", 1)
	s.fanOut(at)
	again := s.wantDeliveries("after the claim", at, 1)[0]
	s.finish(at, late, feed.DeliveryResult{Version: old, Retry: time.Hour, Failure: failure(1)})
	s.wantDeliveries("after the late result", at.Add(lease), 0)
	s.finish(at, again, feed.DeliveryResult{Version: s.version(), Delivered: true})
	s.finish(at, late, feed.DeliveryResult{Version: old, Delivered: true})
	s.wantDeliveries("after both results", at.Add(24*time.Hour), 0)
}

func testUnsubscribe(s pushSuite) {
	s.commitText("1", 0)
	subs := s.subscribe(4)
	d := s.deliveries(pushNow)
	for i, want := range []bool{true, false} {
		if got, err := s.Unsubscribe(s.ctx, subs[0], feed.Claim{}); err != nil || got != want {
			s.t.Errorf("Unsubscribe %d = %v, %v; want %v", i, got, err, want)
		}
	}
	for _, x := range d {
		s.finish(pushNow, x, feed.DeliveryResult{Version: s.version(), Retry: time.Minute, Failure: failure(1)})
	}
	s.wantDeliveries("without the one that has ended", pushNow.Add(time.Minute), 3)
	by, err := s.TopicSubscribers(s.ctx)
	if err != nil || by[feed.Main] != 3 {
		s.t.Errorf("subscribers %v, %v; want 3 of main", by, err)
	}
	state, err := s.PushState(s.ctx)
	if err != nil || state.Failing != 3 || state.Subscriptions != 3 || state.Topics != 1 {
		s.t.Errorf("%+v, %v; want 3 failing subscriptions", state, err)
	}
	for _, sub := range subs[1:] {
		_, err := s.Unsubscribe(s.ctx, sub, feed.Claim{})
		must(s.t, "Unsubscribe", err)
	}
	if state, err := s.PushState(s.ctx); err != nil || state.Topics != 0 || state.Failing != 0 || state.Deliveries != 0 {
		s.t.Errorf("%+v, %v; want nothing", state, err)
	}
	l := wide
	l.HostTotal = 1
	if got := s.request(feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: subs[0]}, "c", l); got != "" {
		s.t.Errorf("a host whose subscriptions have ended exceeds the limit %q", got)
	}
}

func testRevoke(s pushSuite) {
	sub := s.subscribe(1)[0]
	for _, want := range []bool{true, false} {
		if got, err := s.Revoke(s.ctx, sub, "spam"); err != nil || got != want {
			s.t.Errorf("Revoke = %v, %v; want %v", got, err, want)
		}
	}
	_, claims := s.notices(time.Time{})
	var d feed.Denial
	if len(claims) != 1 || json.Unmarshal([]byte(claims[0].Value), &d) != nil {
		s.t.Fatalf("notices %+v, want one with a denial", claims)
	}
	if want := (feed.Denial{Callback: sub.Callback, Topic: sub.Topic, Reason: "spam"}); d != want {
		s.t.Errorf("denial %+v, want %+v", d, want)
	}
}

func testRemoveExpired(s pushSuite) {
	s.subscribe(2)
	long := s.subscription(7)
	long.Expires = pushNow.Add(2 * time.Hour)
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, long, feed.Claim{}))
	if got, err := s.RemoveExpired(s.ctx, pushNow.Add(time.Hour-time.Second), 10); err != nil || len(got) != 0 {
		s.t.Errorf("before the end of the lease %d are removed, %v", len(got), err)
	}
	if got, err := s.RemoveExpired(s.ctx, pushNow.Add(time.Hour), 10); err != nil || len(got) != 2 {
		s.t.Errorf("at the end of the lease %d are removed, %v; want 2", len(got), err)
	}
	if st, err := s.PushState(s.ctx); err != nil || st.Subscriptions != 1 {
		s.t.Errorf("%+v, %v; want one subscription", st, err)
	}
}

func testSubscriptionsAreRecords(s pushSuite) {
	subs := s.subscribe(3)
	var lines []feed.ExportLine
	for l, err := range s.Site.Records(s.ctx) {
		must(s.t, "Records", err)
		if l.Subscription != nil {
			lines = append(lines, l)
		}
	}
	if len(lines) != 3 {
		s.t.Fatalf("the records have %d subscriptions, want 3", len(lines))
	}
	_, err := s.Unsubscribe(s.ctx, subs[0], feed.Claim{})
	must(s.t, "Unsubscribe", err)
	changed := subs[1]
	changed.Secret = "new"
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, changed, feed.Claim{}))
	must(s.t, "RestoreRecords", s.Site.RestoreRecords(s.ctx, lines...))
	secrets := map[string]string{}
	for st, err := range s.Subscriptions(s.ctx) {
		must(s.t, "Subscriptions", err)
		secrets[st.ID] = st.Secret
	}
	if len(secrets) != 3 || secrets[subs[0].ID()] != "s" || secrets[changed.ID()] != "new" {
		s.t.Errorf("secrets by subscription are %v; want the lost one restored and the changed one kept", secrets)
	}
	err = s.Site.RestoreRecords(s.ctx, feed.ExportLine{Subscription: &feed.Subscription{Expires: pushNow}})
	if !errors.Is(err, feed.ErrInvalid) {
		s.t.Errorf("a subscription without a callback: %v, want an error of kind ErrInvalid", err)
	}
}

func testRestoreDelivered(s pushSuite) {
	s.commitText("1", 0)
	subs := s.subscribe(3)
	s.deliverAll(pushNow)
	s.commitText("2", 1)
	s.fanOut(pushNow.Add(time.Second))
	at := pushNow.Add(2 * time.Second)
	d := s.deliveries(at)
	s.finish(at, d[0], feed.DeliveryResult{Version: s.version(), Delivered: true})
	delivered, err := s.Delivered(s.ctx)
	if err != nil || len(delivered) != 1 || delivered[d[0].Key] != s.version() {
		s.t.Fatalf("Delivered = %v, %v; want the version of one subscriber", delivered, err)
	}
	for _, sub := range subs { // as after a restart
		must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, at.Add(time.Hour), sub, feed.Claim{}))
	}
	must(s.t, "RestoreDelivered", s.RestoreDelivered(s.ctx, delivered))
	s.wantDeliveries("after the restart", at.Add(time.Hour), 2)
}

func testPushState(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(2)
	st, err := s.PushState(s.ctx)
	want := feed.PushState{Subscriptions: 2, Topics: 1, Deliveries: 2, Notices: 1, Expiring: 2, Oldest: pushNow}
	if diff := gocmp.Diff(want, st); err != nil || diff != "" {
		s.t.Errorf("PushState: %v (-want +got):\n%s", err, diff)
	}
	now, next, err := s.NextPush(s.ctx)
	if err != nil || now.IsZero() || !next.Equal(pushNow) {
		s.t.Errorf("NextPush = %v, %v, %v; want %v", now, next, err, pushNow)
	}
	must(s.t, "RenewTopics", s.RenewTopics(s.ctx))
	got, _ := s.notices(time.Time{})
	if !slices.Equal(got, []string{"hub rss main", "notify:b - main"}) {
		s.t.Errorf("notices after RenewTopics: %q", got)
	}
}
