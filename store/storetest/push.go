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
		{"HostHasOneClaimant", testHostHasOneClaimant},
		{"HostOfDeadClaimant", testHostOfDeadClaimant},
		{"HostThatFails", testHostThatFails},
		{"HostOfAllWork", testHostOfAllWork},
		{"HostIsThatOfSubscription", testHostIsThatOfSubscription},
		{"ForgetHosts", testForgetHosts},
		{"RequestIsReplaced", testRequestIsReplaced},
		{"EarlierRequest", testEarlierRequest},
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

// pushNow is the time at which the tests run. The store's clock is not used.
var pushNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const lease = 30 * time.Second

// claiming returns the arguments of a claim of all work that is due at the given time.
func claiming(at time.Time) feed.Claiming {
	return feed.Claiming{At: at, Lease: lease, Most: 100, Claimant: "a", Serial: 1}
}

// commitText commits a version of the main feed in RSS and JSON with the given text, n seconds after pushNow.
func (s pushSuite) commitText(text string, n int) {
	s.t.Helper()
	s.commitDirty(text, n, 0)
}

// commitDirty is like commitText, for a feed whose items were read when it had the given mark.
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

// notices claims all notices that are due at the given time, and returns their keys.
func (s pushSuite) notices(at time.Time) (keys []string, claims []feed.Claim) {
	s.t.Helper()
	claims, err := s.ClaimNotices(s.ctx, claiming(at))
	must(s.t, "ClaimNotices", err)
	for _, c := range claims {
		keys = append(keys, c.Key)
	}
	slices.Sort(keys)
	return keys, claims
}

// deliveries claims all deliveries that are due at the given time.
func (s pushSuite) deliveries(at time.Time) []feed.Delivery {
	s.t.Helper()
	d, err := s.ClaimDeliveries(s.ctx, claiming(at))
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
	_, err := s.FinishDelivery(s.ctx, at, d, r)
	must(s.t, "FinishDelivery", err)
}

// deliverAll delivers everything that is due.
func (s pushSuite) deliverAll(at time.Time) {
	s.t.Helper()
	for _, d := range s.deliveries(at) {
		s.finish(at, d, feed.DeliveryResult{Version: s.version(), Delivered: true})
	}
}

// fanOut schedules the deliveries of the hub's notices.
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
	s.commitText("1", 5) // commits the same bytes again
	if got, _ := s.notices(pushNow.Add(10 * time.Second)); len(got) > 0 {
		s.t.Errorf("notices of a commit without new bytes: %q, want none", got)
	}
}

// testImportIsQuiet checks that changes are not announced to hubs if they all come from imports.
func testImportIsQuiet(s pushSuite) {
	n := 0
	// commit commits a version after changes to posts, and returns the notices. Only the posts in imported are unchanged
	// since an import stored them.
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
		{"an imported post that has since changed", []string{"i"}, []string{"i2"}, all},
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
	delivered, err := s.Delivered(s.ctx)
	must(s.t, "Delivered", err)
	if len(delivered) != 0 {
		s.t.Errorf("Delivered = %v before the first delivery, want none", delivered)
	}
	// Report an earlier version than the current one as delivered.
	for _, d := range s.deliveries(pushNow) {
		s.finish(pushNow, d, feed.DeliveryResult{Version: s.version() - 1, Delivered: true})
	}
	if delivered, err = s.Delivered(s.ctx); err != nil || delivered[s.subscription(0).ID()] != s.version() {
		s.t.Errorf("Delivered = %v, %v; want the current version, %d, which must not be delivered", delivered, err, s.version())
	}
}

func testCommitRenewsNotice(s pushSuite) {
	s.commitText("1", 0)
	s.commitText("2", 1)
	at := pushNow.Add(2 * time.Second)
	_, claims := s.notices(at)
	s.commitText("3", 3) // commits a third version while the notices of the second one are being delivered
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
		s.t.Errorf("notices are %+v, want a single notice with the later value", claims)
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

// claimedBy claims deliveries for a claimant, and returns the number for each host.
func (s pushSuite) claimedBy(claimant string, at time.Time, serial int64, most int) map[string]int {
	s.t.Helper()
	list, err := s.ClaimDeliveries(s.ctx, feed.Claiming{
		At: at, Lease: lease, Most: most, Claimant: claimant, Serial: serial,
	})
	must(s.t, "ClaimDeliveries", err)
	hosts := make(map[string]int)
	for _, d := range list {
		hosts[d.Host]++
	}
	return hosts
}

func (s pushSuite) wantHosts(what string, got, want map[string]int) {
	s.t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s: claimed deliveries by host (-want +got):\n%s", what, diff)
	}
}

// testHostHasOneClaimant checks that while a claimant has work for a host, all work for the host is the claimant's.
func testHostHasOneClaimant(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(9) // three subscriptions on each of three hosts
	first := s.claimedBy("a", pushNow, 1, 1)
	var host string
	for name := range first {
		host = name
	}
	got := s.claimedBy("b", pushNow, 1, 100)
	if len(first) != 1 || got[host] != 0 || len(got) != 2 {
		s.t.Fatalf("claimant a claimed %v and then claimant b claimed %v; want work for one host, and all work for the other two hosts",
			first, got)
	}
	at := pushNow.Add(time.Second)
	s.wantHosts("b again", s.claimedBy("b", at, 2, 100), map[string]int{})
	at = at.Add(time.Second)
	s.wantHosts("a again", s.claimedBy("a", at, 2, 1), map[string]int{host: 1})
	release := func(claimant string, serial int64) {
		r := feed.HostReport{Host: host, Serial: serial, Release: true}
		must(s.t, "ReportHosts", s.ReportHosts(s.ctx, at, claimant, []feed.HostReport{r}))
	}
	release("a", 1) // ignored, because claimant a has not processed its claim with serial number 2 yet
	release("b", 2)
	at = at.Add(time.Second)
	s.wantHosts("claimant b, before claimant a releases the host", s.claimedBy("b", at, 3, 100), map[string]int{})
	release("a", 2)
	at = at.Add(time.Second)
	s.wantHosts("claimant b, after claimant a has released the host", s.claimedBy("b", at, 4, 100), map[string]int{host: 1})
}

func testHostOfDeadClaimant(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(3)
	s.claimedBy("dead", pushNow, 1, 100)
	sub := s.subscription(3) // a subscription on the same host as the first one
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	s.wantHosts("before the claims end", s.claimedBy("b", pushNow.Add(lease), 1, 100), map[string]int{})
	s.wantHosts("when the claims have ended", s.claimedBy("b", pushNow.Add(lease+2*time.Second), 2, 100),
		map[string]int{"host-0.example": 2, "host-1.example": 1, "host-2.example": 1})
}

// testHostThatFails checks that no claimant gets work for a host that is failing, and that the number of failures
// outlives the claimant.
func testHostThatFails(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(3)
	s.claimedBy("a", pushNow, 1, 100)
	reports := []feed.HostReport{
		{Host: "host-0.example", Serial: 1, Failures: 2, Pause: time.Minute, Release: true},
		{Host: "host-1.example", Serial: 1, Failures: 1, Release: true},
		{Host: "host-2.example", Serial: 1, Release: true},
	}
	must(s.t, "ReportHosts", s.ReportHosts(s.ctx, pushNow, "a", reports))
	failures := func(what string, at time.Time, want map[string]int) {
		s.t.Helper()
		list, err := s.ClaimDeliveries(s.ctx, feed.Claiming{At: at, Lease: lease, Most: 100, Claimant: "b", Serial: 1})
		must(s.t, "ClaimDeliveries", err)
		got := make(map[string]int)
		for _, d := range list {
			got[d.Host] = d.Failures
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			s.t.Errorf("%s: failures by host of the claimed deliveries (-want +got):\n%s", what, diff)
		}
	}
	failures("during the pause", pushNow.Add(lease+time.Second), map[string]int{"host-1.example": 1, "host-2.example": 0})
	at := pushNow.Add(time.Minute + lease + time.Second)
	failures("after it", at, map[string]int{"host-0.example": 2, "host-1.example": 1, "host-2.example": 0})
	reports = []feed.HostReport{{Host: "host-0.example", Serial: 1}} // the host responds again
	must(s.t, "ReportHosts", s.ReportHosts(s.ctx, at, "b", reports))
	failures("after a success", at.Add(lease+time.Second), map[string]int{
		"host-0.example": 0, "host-1.example": 1, "host-2.example": 0,
	})
}

// testHostOfAllWork checks that deliveries, verifications and notices for one host count together.
func testHostOfAllWork(s pushSuite) {
	s.commitText("1", 0) // adds a notice to the notify:b queue
	sub := s.subscription(0)
	s.request(feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: sub}, "c", wide)
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	_, err := s.Revoke(s.ctx, s.subscription(3), "spam") // adds a notice about the denial
	must(s.t, "Revoke", err)
	at := time.Now().Add(time.Second)
	counts := func(claimant string) (n [3]int) {
		at = at.Add(2 * time.Second)
		r := feed.Claiming{At: at, Lease: time.Hour, Most: 100, Claimant: claimant, Serial: 1}
		r.Hosts = map[string]string{"notify:b": sub.Host()}
		notices, err := s.ClaimNotices(s.ctx, r)
		must(s.t, "ClaimNotices", err)
		requests, err := s.ClaimRequests(s.ctx, r)
		must(s.t, "ClaimRequests", err)
		deliveries, err := s.ClaimDeliveries(s.ctx, r)
		must(s.t, "ClaimDeliveries", err)
		return [...]int{len(notices), len(requests), len(deliveries)}
	}
	s.subscribe(1)
	if got := s.claimedBy("a", pushNow, 1, 100); len(got) != 1 {
		s.t.Fatalf("claimant a claims %v, want work for one host", got)
	}
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, s.subscription(3), feed.Claim{}))
	for _, tt := range []struct {
		claimant string
		want     [3]int
	}{{"a", [...]int{2, 1, 2}}, {"b", [3]int{}}} {
		if got := counts(tt.claimant); got != tt.want {
			s.t.Errorf("%s claims %v; want %v notices, requests and deliveries", tt.claimant, got, tt.want)
		}
	}
}

// testHostIsThatOfSubscription checks that the script finds the same host in a callback as [feed.Subscription.Host].
func testHostIsThatOfSubscription(s pushSuite) {
	callbacks := []string{
		"https://a.example/", "https://B.Example", "http://c.example:8080/cb?x=https://z.example/", "https://d.example./cb",
		"https://user:secret@e.example/", "https://user@z.example@f.example/", "https://[2001:db8::1]:443/cb",
		"HTTP://g.example?q", "https://h.example?u=/@z.example", "http://127.0.0.1:1/", "http://i\u00e4.example/<&>",
		"http://j&k.example/", "http://l.example:8443",
	}
	want := make(map[string]int)
	for _, c := range callbacks {
		sub := s.subscription(0)
		sub.Callback = c
		want[sub.Host()]++
		must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, feed.Claim{}))
	}
	s.wantHosts("callbacks", s.claimedBy("a", pushNow, 1, 100), want)
}

// testForgetHosts checks that a host is forgotten an hour after the last claim of work for it has ended.
func testForgetHosts(s pushSuite) {
	s.commitText("1", 0)
	s.subscribe(1)
	s.claimedBy("a", pushNow, 1, 100)
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, s.subscription(3), feed.Claim{}))
	must(s.t, "ForgetHosts", s.ForgetHosts(s.ctx, pushNow.Add(lease+time.Hour-time.Second)))
	at := pushNow.Add(time.Second)
	s.wantHosts("while the host is remembered", s.claimedBy("b", at, 1, 100), map[string]int{})
	must(s.t, "ForgetHosts", s.ForgetHosts(s.ctx, pushNow.Add(lease+time.Hour)))
	// This report arrives after the host was forgotten.
	r := []feed.HostReport{{Host: "host-0.example", Serial: 1, Failures: 2, Pause: time.Hour}}
	must(s.t, "ReportHosts", s.ReportHosts(s.ctx, at, "a", r))
	at = pushNow.Add(3 * time.Second)
	s.wantHosts("when the host is forgotten", s.claimedBy("b", at, 2, 100), map[string]int{"host-0.example": 1})
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
	claims, err := s.ClaimRequests(s.ctx, claiming(pushNow))
	must(s.t, "ClaimRequests", err)
	if len(claims) != 1 || claims[0].Request.ID() != r.ID() {
		s.t.Fatalf("claims are %+v; want only the request", claims)
	}
	r.Mode = feed.UnsubscribeMode
	s.request(r, "c", wide)
	must(s.t, "DropRequest", s.DropRequest(s.ctx, claims[0].Claim))
	claims, err = s.ClaimRequests(s.ctx, claiming(pushNow))
	must(s.t, "ClaimRequests", err)
	if len(claims) != 1 {
		s.t.Fatalf("claimed %d requests after the first was dropped, want 1, the second", len(claims))
	}
	if got := claims[0].Request; got.Mode != feed.UnsubscribeMode {
		s.t.Errorf("the claimed request is %+v; want the later one", got)
	}
	must(s.t, "DropRequest", s.DropRequest(s.ctx, claims[0].Claim))
	claims, err = s.ClaimRequests(s.ctx, claiming(pushNow.Add(time.Hour)))
	if err != nil || len(claims) != 0 {
		s.t.Errorf("%d requests are left, %v; want none", len(claims), err)
	}
}

// testEarlierRequest checks that a verified request has no effect once a later one for the same topic and callback has
// been handled.
func testEarlierRequest(s pushSuite) {
	r := feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: s.subscription(0)}
	var claims []feed.Claim
	for i := range 2 {
		r.Secret = fmt.Sprint(i)
		s.request(r, "c", wide)
		c := claiming(pushNow) // both claims end in the same millisecond
		c.Serial = int64(i)
		got, err := s.ClaimRequests(s.ctx, c)
		must(s.t, "ClaimRequests", err)
		claims = append(claims, got[0].Claim)
	}
	for _, i := range []int{1, 0} {
		sub := s.subscription(0)
		sub.Secret = fmt.Sprint(i)
		must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, sub, claims[i]))
	}
	if _, err := s.Unsubscribe(s.ctx, s.subscription(0), claims[0]); err != nil {
		s.t.Errorf("Unsubscribe: %v", err)
	}
	var secrets []string
	for st, err := range s.Subscriptions(s.ctx) {
		must(s.t, "Subscriptions", err)
		secrets = append(secrets, st.Secret)
	}
	if !slices.Equal(secrets, []string{"1"}) {
		s.t.Errorf("the secrets of the subscriptions are %q, want that of the later request", secrets)
	}
}

func testRequestLimits(s pushSuite) {
	one := func(n int) feed.SubscriptionRequest {
		return feed.SubscriptionRequest{Mode: feed.SubscribeMode, Subscription: s.subscription(n)}
	}
	s.subscribe(2) // one on host 0 and one on host 1
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
			s.t.Errorf("%s: the request exceeds the limit %q, want %q", tt.name, got, tt.want)
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
	claims, err := s.ClaimRequests(s.ctx, claiming(pushNow))
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
		s.t.Errorf("state is %+v, want no request and one subscription", state)
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
	for _, tt := range []struct {
		version int64
		again   bool
	}{{old, true}, {s.version(), false}} {
		again, err := s.FinishDelivery(s.ctx, at, d[0], feed.DeliveryResult{Version: tt.version, Delivered: true})
		if err != nil || again != tt.again {
			s.t.Errorf("FinishDelivery of version %d = %t, %v; want %t", tt.version, again, err, tt.again)
		}
		if again {
			d = s.wantDeliveries("after the first version", at, 1)
		}
	}
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
	s.finish(at, d[0], feed.DeliveryResult{Version: s.version(), Retry: time.Second}) // the delivery was not attempted
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
		s.t.Errorf("TopicSubscribers = %v, %v; want 3 of main", by, err)
	}
	state, err := s.PushState(s.ctx)
	if err != nil || state.Failing != 3 || state.Subscriptions != 3 || state.Topics != 1 {
		s.t.Errorf("state is %+v, %v; want 3 failing subscriptions", state, err)
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
		s.t.Fatalf("notices are %+v, want one with a denial", claims)
	}
	if want := (feed.Denial{Callback: sub.Callback, Topic: sub.Topic, Reason: "spam"}); d != want {
		s.t.Errorf("the denial is %+v, want %+v", d, want)
	}
}

func testRemoveExpired(s pushSuite) {
	s.subscribe(2)
	long := s.subscription(7)
	long.Expires = pushNow.Add(2 * time.Hour)
	must(s.t, "Subscribe", s.Site.Subscribe(s.ctx, pushNow, long, feed.Claim{}))
	if got, err := s.RemoveExpired(s.ctx, pushNow.Add(time.Hour-time.Second), 10); err != nil || len(got) != 0 {
		s.t.Errorf("before the end of the lease, %d subscriptions are removed (error %v); want none", len(got), err)
	}
	if got, err := s.RemoveExpired(s.ctx, pushNow.Add(time.Hour), 10); err != nil || len(got) != 2 {
		s.t.Errorf("at the end of the lease, %d subscriptions are removed (error %v); want 2", len(got), err)
	}
	if st, err := s.PushState(s.ctx); err != nil || st.Subscriptions != 1 {
		s.t.Errorf("state is %+v (error %v), want one subscription", st, err)
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
	for _, sub := range subs { // simulate a restart
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
