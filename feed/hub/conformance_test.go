package hub_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // one of WebSub's signature methods
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/egress"
	"feedpub/feed/hub"
	"feedpub/store/storetest"
)

// conformance is a test of one normative statement of WebSub, or of one promise of this hub.
type conformance struct {
	name    string
	options []option
	run     func(w *world)
}

// TestConformance runs all tests on all stores.
func TestConformance(t *testing.T) {
	tests := slices.Concat(
		requestTests(), verificationTests(), stateTests(), denialTests(), distributionTests(), failureTests(), orderTests(),
		publisherTests(), limitTests(), webhookTests(),
	)
	if len(tests) < 80 {
		t.Errorf("there are %d tests, want at least 80", len(tests))
	}
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) { runConformance(t, open, tests) })
	}
	// The tests omitted here, such as the tests of delays after failures, take longer and do not depend on the kind of
	// Redis.
	const noFailover = 10 * time.Second
	stateful := slices.Concat(
		requestTests(), verificationTests(), stateTests(), denialTests(), distributionTests(), orderTests(), limitTests(),
	)
	if len(stateful) < 80 {
		t.Errorf("there are %d tests for Sentinels and Clusters, want at least 80", len(stateful))
	}
	t.Run("cluster", func(t *testing.T) {
		runConformance(t, redisAt(storetest.StartCluster(t, noFailover).URL()), stateful)
	})
	t.Run("sentinels", func(t *testing.T) {
		runConformance(t, redisAt(storetest.StartSentinels(t, noFailover).URL()), stateful)
	})
}

func runConformance(t *testing.T, open opener, tests []conformance) {
	for i, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			id := feed.SiteID(fmt.Sprintf("hub-%d", i))
			c.run(newWorld(t, open(t, id), id, c.options...))
		})
	}
}

// reply returns a test that posts a form and checks the status.
func reply(name string, status int, more ...string) conformance {
	return conformance{name: name, run: func(w *world) {
		form := w.form("/cb", more...)
		for k, v := range form {
			if v[0] == "-" {
				form.Del(k)
			}
		}
		r := w.ask(form)
		w.check(r.Status == status, "the reply to %v is %+v, want status %d", form, r, status)
		w.check(r.Text != "" && !strings.Contains(r.Text, "\n"), "the reply %q is not one line", r.Text)
		if status != http.StatusAccepted {
			w.settled()
			w.check(len(w.log) == 0, "a malformed request caused requests: %+v", w.log)
		}
	}}
}

func requestTests() []conformance {
	const accepted, malformed = http.StatusAccepted, http.StatusBadRequest
	long := "https://example.org/" + strings.Repeat("a", 2048)
	return []conformance{
		reply("request/form accepted", accepted),
		reply("request/callback missing", malformed, "hub.callback", "-"),
		reply("request/mode missing", malformed, "hub.mode", "-"),
		reply("request/topic missing", malformed, "hub.topic", "-"),
		reply("request/mode unknown", malformed, "hub.mode", "observe"),
		reply("request/callback relative", malformed, "hub.callback", "/cb"),
		reply("request/callback not http", malformed, "hub.callback", "ftp://example.org/"),
		reply("request/callback with fragment", malformed, "hub.callback", "https://example.org/#a"),
		reply("request/callback too long", malformed, "hub.callback", long),
		reply("request/topic relative", malformed, "hub.topic", "feed.xml"),
		reply("request/topic too long", malformed, "hub.topic", long),
		reply("request/secret of 199 bytes", accepted, "hub.secret", strings.Repeat("s", 199)),
		reply("request/secret of 200 bytes", malformed, "hub.secret", strings.Repeat("s", 200)),
		reply("request/lease no number", malformed, "hub.lease_seconds", "soon"),
		reply("request/lease negative", malformed, "hub.lease_seconds", "-1"),
		reply("request/unknown parameters ignored", accepted, "hub.verify", "sync", "hub.foo", "bar", "x", "y"),
		reply("request/unsubscribe accepted", accepted, "hub.mode", "unsubscribe"),
		reply("request/publish accepted", accepted, "hub.mode", "publish"),
		{"request/not a form", nil, func(w *world) {
			for _, contentType := range []string{"application/json", "text/plain", "", "x/"} {
				r := w.hub.Request(w.t.Context(), contentType, []byte(w.form("/cb").Encode()), netip.Addr{})
				w.check(r.Status == http.StatusUnsupportedMediaType, "%q: status %d, want 415", contentType, r.Status)
			}
		}},
		{"request/form with charset", nil, func(w *world) {
			r := w.hub.Request(w.t.Context(), formType+"; charset=utf-8", []byte(w.form("/cb").Encode()), netip.Addr{})
			w.check(r.Status == accepted, "status %d, want 202", r.Status)
		}},
		{"request/malformed form", nil, func(w *world) {
			r := w.hub.Request(w.t.Context(), formType, []byte("hub.mode=%zz"), netip.Addr{})
			w.check(r.Status == malformed, "status %d, want 400", r.Status)
		}},
		{"request/nothing reflected", nil, func(w *world) {
			for _, more := range [][]string{
				{}, {"hub.mode", "<script>"}, {"hub.callback", "<script>"}, {"hub.topic", "<script>"},
				{"hub.lease_seconds", "<script>"}, {"hub.secret", strings.Repeat("<script>", 30)},
			} {
				r := w.ask(w.form("/cb", more...))
				w.check(!strings.Contains(r.Text, "script") && !strings.Contains(r.Text, "127.0.0.1"), "%v: %q", more, r.Text)
			}
		}},
		{"request/answer before verification", nil, func(w *world) {
			w.hold("GET /cb")
			w.accepted(w.form("/cb"))
			w.await(1, gets("/cb"))
			w.check(len(w.subscriptions()) == 0, "there is a subscription before the verification")
		}},
		{"request/answer does not depend on topic", nil, func(w *world) {
			w.accepted(w.form("/cb", "hub.topic", "https://elsewhere.example/feed.xml"))
		}},
		{"request/store unavailable", []option{func(c *hub.Config) { c.Store = unavailable{c.Store} }}, func(w *world) {
			r := w.ask(w.form("/cb"))
			w.check(r.Status == http.StatusServiceUnavailable && r.RetryAfter > 0, "reply %+v, want 503 with Retry-After", r)
		}},
	}
}

// verified returns a test of whether the hub accepts a callback's response to a verification.
func verified(name, path string, ok bool) conformance {
	return conformance{name: name, run: func(w *world) {
		w.accepted(w.form(path))
		w.await(1, gets(path))
		if ok {
			w.await(1, posts(path))
			w.wantSubscriptions(1)
			return
		}
		w.wantSubscriptions(0)
		w.check(len(w.matching(posts(path))) == 0, "a callback that did not confirm got a delivery")
		w.check(len(w.matching(gets("/target"))) == 0, "a redirect is followed")
	}}
}

// leases returns a test of the lease in the verification.
func leases(name, asked, want string) conformance {
	return conformance{name: name, run: func(w *world) {
		w.subscribe("/cb", "hub.lease_seconds", asked)
		got := w.matching(gets("/cb"))[0].query.Get("hub.lease_seconds")
		w.check(got == want, "lease_seconds %q, want %q", got, want)
		s := w.only()
		d := s.Expires.Sub(s.Created)
		w.check(fmt.Sprint(int(d.Seconds())) == want, "the lease is %v, want %s s", d, want)
	}}
}

func verificationTests() []conformance {
	return []conformance{
		verified("verification/200 with challenge", "/cb", true),
		verified("verification/201 with challenge", "/get/201", true),
		verified("verification/299 with challenge", "/get/299", true),
		verified("verification/302 with challenge", "/get/302", false),
		verified("verification/307 with challenge", "/get/307", false),
		verified("verification/404 with challenge", "/get/404", false),
		verified("verification/410 with challenge", "/get/410", false),
		verified("verification/500 with challenge", "/get/500", false),
		verified("verification/empty body", "/body/empty", false),
		verified("verification/wrong body", "/body/wrong", false),
		verified("verification/longer body", "/body/longer", false),
		verified("verification/shorter body", "/body/shorter", false),
		verified("verification/body with newline", "/body/newline", false),
		verified("verification/body in capitals", "/body/upper", false),
		verified("verification/huge body", "/body/huge", false),
		leases("verification/lease asked for", "3600", "3600"),
		leases("verification/lease default", "", "864000"),
		leases("verification/lease of 0", "0", "864000"),
		leases("verification/lease too short", "10", "300"),
		leases("verification/lease too long", "99999999999", "2592000"),
		{"verification/parameters", nil, func(w *world) {
			w.subscribe("/cb")
			q := w.matching(gets("/cb"))[0].query
			w.check(q.Get("hub.mode") == "subscribe", "hub.mode is %q", q.Get("hub.mode"))
			w.check(q.Get("hub.topic") == topic(feed.Main, feed.RSS), "hub.topic is %q", q.Get("hub.topic"))
			w.check(len(q) == 4, "the parameters are %v, want mode, topic, challenge and lease_seconds", q)
		}},
		{"verification/challenge", nil, func(w *world) {
			w.subscribe("/cb")
			w.accepted(w.form("/cb"))
			w.await(2, gets("/cb"))
			form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // the form of 32 bytes in base64url
			seen := map[string]bool{}
			for _, r := range w.matching(gets("/cb")) {
				c := r.query.Get("hub.challenge")
				w.check(form.MatchString(c), "the challenge %q is not 32 bytes in base64url", c)
				w.check(!seen[c], "the challenge %q is used again", c)
				seen[c] = true
			}
		}},
		{"verification/query of callback kept", nil, func(w *world) {
			w.subscribe("/cb?k=1&empty=&a%20b=c+d")
			r := w.matching(gets("/cb"))[0]
			w.check(strings.HasPrefix(r.raw, "k=1&empty=&a%20b=c+d&hub.mode="), "the query is %q", r.raw)
		}},
		{"verification/overlapping names", nil, func(w *world) {
			w.subscribe("/cb?hub.mode=mine&hub.challenge=mine")
			q := w.matching(gets("/cb"))[0].query
			w.check(slices.Equal(q["hub.mode"], []string{"mine", "subscribe"}), "hub.mode is %q", q["hub.mode"])
		}},
		{"verification/query ends in ampersand", nil, func(w *world) {
			w.subscribe("/cb?k=1&")
			r := w.matching(gets("/cb"))[0]
			w.check(strings.HasPrefix(r.raw, "k=1&hub.mode="), "the query is %q", r.raw)
		}},
		{"verification/deliveries to exact callback", nil, func(w *world) {
			d := w.subscribe("/cb?k=1&hub.mode=mine")
			w.check(d.raw == "k=1&hub.mode=mine", "the query of the delivery is %q", d.raw)
		}},
		{"verification/unknown parameters not passed on", nil, func(w *world) {
			w.subscribe("/cb", "foo", "bar", "hub.secret", "s")
			w.check(!strings.Contains(w.matching(gets("/cb"))[0].raw, "foo"), "an unknown parameter is passed on")
			w.check(!w.matching(gets("/cb"))[0].query.Has("hub.secret"), "the secret is passed on")
		}},
		{"verification/forbidden callback", nil, func(w *world) {
			for _, host := range []string{"10.0.0.1", "169.254.169.254", "[::1]", "0x7f000001", "user@127.0.0.1"} {
				w.accepted(w.form("/cb", "hub.callback", "http://"+host+"/cb"))
			}
			w.wantSubscriptions(0)
		}},
		{"verification/loopback not allowed", []option{func(c *hub.Config) { c.Send = egress.New(egress.Config{}) }},
			func(w *world) {
				w.accepted(w.form("/cb"))
				w.wantSubscriptions(0)
				w.check(len(w.log) == 0, "a forbidden callback got requests: %+v", w.log)
			}},
		{"verification/user agent", nil, func(w *world) {
			w.subscribe("/cb")
			got := w.matching(gets("/cb"))[0].header.Get("User-Agent")
			w.check(got == "feedpub/test", "User-Agent is %q", got)
		}},
	}
}

// signedWith reports whether a request has a valid signature made with a secret.
func signedWith(r received, secret string) bool {
	return validSignature(r, "sha256", sha256.New, secret)
}

func validSignature(r received, method string, h func() hash.Hash, secret string) bool {
	mac := hmac.New(h, []byte(secret))
	_, _ = mac.Write([]byte(r.body))
	return r.header.Get("X-Hub-Signature") == method+"="+hex.EncodeToString(mac.Sum(nil))
}

func stateTests() []conformance {
	return []conformance{
		{"state/renewal replaces", nil, func(w *world) {
			w.subscribe("/cb", "hub.lease_seconds", "300")
			before := w.only()
			w.accepted(w.form("/cb", "hub.lease_seconds", "3000"))
			w.until("the lease to be extended", func() bool { return w.only().Expires.After(before.Expires) })
			w.settled()
			w.check(len(w.matching(posts("/cb"))) == 1, "a renewal repeats the delivery of the current version")
			w.publish()
			w.await(2, posts("/cb"))
		}},
		{"state/renewal on each delivery", nil, func(w *world) {
			// Some subscribers renew on each delivery. This must not make the hub deliver a version twice.
			w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					w.ask(w.form("/cb", "hub.secret", "sesame"))
				}
				w.serve(rw, r)
			})
			w.subscribe("/cb", "hub.secret", "sesame")
			w.publish()
			w.await(2, posts("/cb"))
			w.settled()
			w.check(len(w.matching(posts("/cb"))) == 2, "two versions are delivered %d times", len(w.matching(posts("/cb"))))
		}},
		{"state/renewal changes secret", nil, func(w *world) {
			w.check(signedWith(w.subscribe("/cb", "hub.secret", "old"), "old"), "the delivery is not signed with the secret")
			w.check(signedWith(w.subscribe("/cb", "hub.secret", "new"), "new"), "the delivery is not signed with the new secret")
		}},
		{"state/renewal drops secret", nil, func(w *world) {
			w.subscribe("/cb", "hub.secret", "old")
			d := w.subscribe("/cb")
			w.check(d.header.Get("X-Hub-Signature") == "", "a delivery is signed although the secret was dropped")
		}},
		{"state/failed renewal changes nothing", nil, func(w *world) {
			w.subscribe("/cb", "hub.secret", "old", "hub.lease_seconds", "600")
			before := w.only()
			w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					http.NotFound(rw, r)
					return
				}
				w.serve(rw, r)
			})
			w.accepted(w.form("/cb", "hub.secret", "new"))
			w.settled()
			after := w.only()
			w.check(after.Secret == "old" && after.Expires.Equal(before.Expires), "the subscription is %+v", after)
			w.publish()
			w.check(signedWith(w.await(2, posts("/cb"))[1], "old"), "a delivery is not signed with the old secret")
		}},
		{"state/no delivery before verification", nil, func(w *world) {
			w.hold("GET /cb")
			w.accepted(w.form("/cb"))
			w.await(1, gets("/cb"))
			w.publish()
			w.until("the commit to be handled", func() bool {
				st, err := w.site.PushState(w.t.Context())
				return err == nil && st.Notices == 0 && st.Deliveries == 0
			})
			w.check(len(w.matching(posts("/cb"))) == 0, "a delivery was sent before the verification")
		}},
		{"state/two topics of one callback", nil, func(w *world) {
			w.subscribe("/cb")
			w.subscribe("/cb", "hub.topic", topic(feed.Main, feed.JSON))
			w.wantSubscriptions(2)
			w.publish()
			w.await(4, posts("/cb"))
		}},
		{"state/two callbacks of one topic", nil, func(w *world) {
			w.subscribe("/cb?k=1")
			w.subscribe("/cb?k=2")
			w.wantSubscriptions(2)
		}},
		{"state/later request wins", nil, func(w *world) {
			w.hold("GET /cb")
			w.accepted(w.form("/cb", "hub.secret", "first"))
			w.await(1, gets("/cb"))
			w.accepted(w.form("/cb", "hub.secret", "second"))
			w.open("GET /cb")
			w.await(2, gets("/cb"))
			w.settled()
			w.check(w.only().Secret == "second", "the secret is %q, want that of the later request", w.only().Secret)
		}},
		{"state/unsubscribe", nil, func(w *world) {
			w.subscribe("/cb")
			w.accepted(w.form("/cb", "hub.mode", "unsubscribe"))
			q := w.await(2, gets("/cb"))[1].query
			w.check(q.Get("hub.mode") == "unsubscribe" && q.Get("hub.topic") == topic(feed.Main, feed.RSS) &&
				q.Get("hub.challenge") != "", "the verification has %v", q)
			w.wantSubscriptions(0)
			w.publish()
			w.settled()
			w.check(len(w.matching(posts("/cb"))) == 1, "a delivery was sent after the end of the subscription")
		}},
		{"state/unsubscribe not confirmed", nil, func(w *world) {
			w.subscribe("/cb")
			w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					http.NotFound(rw, r)
					return
				}
				w.serve(rw, r)
			})
			w.accepted(w.form("/cb", "hub.mode", "unsubscribe"))
			w.wantSubscriptions(1)
			w.publish()
			w.await(2, posts("/cb"))
		}},
		{"state/unsubscribe without subscription", nil, func(w *world) {
			w.accepted(w.form("/cb", "hub.mode", "unsubscribe"))
			w.await(1, gets("/cb"))
			w.wantSubscriptions(0)
		}},
		{"state/lease ends", nil, func(w *world) {
			now := time.Now()
			sub := feed.Subscription{Callback: w.server.URL + "/cb", Topic: topic(feed.Main, feed.RSS), Feed: feed.Main,
				Format: feed.RSS, Created: now.Add(-time.Hour), Expires: now.Add(-time.Second)}
			if err := w.site.Subscribe(w.t.Context(), now.Add(time.Hour), sub, feed.Claim{}); err != nil {
				w.t.Fatal(err)
			}
			w.hub.Wake()
			w.until("the subscription to be removed", func() bool { return len(w.subscriptions()) == 0 })
			w.publish()
			w.settled()
			w.check(len(w.matching(posts("/cb"))) == 0, "a delivery was sent after the end of the lease")
		}},
		{"state/lease is not perpetual", nil, func(w *world) {
			w.subscribe("/cb", "hub.lease_seconds", "9223372036854775807")
			w.check(w.only().Expires.Sub(w.only().Created) <= 30*24*time.Hour, "the lease ends at %v", w.only().Expires)
		}},
		{"state/survives another hub", nil, func(w *world) {
			w.subscribe("/cb")
			w.check(w.only().Callback == w.server.URL+"/cb" && w.only().Feed == feed.Main, "stored as %+v", w.only())
		}},
	}
}

// denied returns a test of a request for a topic that the hub does not have.
func denied(name, url string) conformance {
	return conformance{name: name, run: func(w *world) {
		w.accepted(w.form("/cb?k=1", "hub.topic", url))
		r := w.await(1, gets("/cb"))[0]
		w.check(r.query.Get("hub.mode") == "denied", "hub.mode is %q, want denied", r.query.Get("hub.mode"))
		w.check(r.query.Get("hub.topic") == url, "hub.topic is %q, want %q", r.query.Get("hub.topic"), url)
		w.check(r.query.Get("hub.reason") != "" && r.query.Get("k") == "1", "the query is %q", r.raw)
		w.check(!r.query.Has("hub.challenge"), "a denial contains a challenge")
		w.wantSubscriptions(0)
	}}
}

func denialTests() []conformance {
	return []conformance{
		denied("denial/other host", "https://elsewhere.example/feed.xml"),
		denied("denial/other scheme", "http"+strings.TrimPrefix(topic(feed.Main, feed.RSS), "https")),
		denied("denial/no such feed", topic("tags/none", feed.RSS)),
		denied("denial/archive", topic("archive/1", feed.RSS)),
		denied("denial/page", base+"/main/"),
		denied("denial/query", topic(feed.Main, feed.RSS)+"?a"),
		denied("denial/other path", base+"/feed.xml/"),
		denied("denial/dots", base+"/x/../feed.xml"),
		{"denial/revoked", nil, func(w *world) {
			w.subscribe("/cb")
			if ok, err := w.site.Revoke(w.t.Context(), w.only().Subscription, "spam"); !ok || err != nil {
				w.t.Fatalf("Revoke = %v, %v", ok, err)
			}
			w.hub.Wake()
			q := w.await(2, gets("/cb"))[1].query
			w.check(q.Get("hub.mode") == "denied" && q.Get("hub.reason") == "spam", "the query is %v", q)
			w.wantSubscriptions(0)
		}},
	}
}

// contentOf returns a test of the deliveries of a format.
func contentOf(f feed.Format) conformance {
	return conformance{name: "distribution/" + string(f), run: func(w *world) {
		first := w.subscribe("/cb", "hub.topic", topic(feed.Main, f))
		w.check(first.body == text(f, 1), "the delivery after the verification is %q, want the document", first.body)
		w.publish()
		second := w.await(2, posts("/cb"))[1]
		w.check(second.body == text(f, w.version), "the delivery is %q, want the new document", second.body)
		for _, d := range []received{first, second} {
			got := d.header.Get("Content-Type")
			w.check(got == f.MediaType(), "Content-Type is %q, want %q", got, f.MediaType())
			w.check(slices.Equal(d.header["Link"], []string{link(feed.Main, f)}), "Link is %q", d.header["Link"])
			w.check(d.header.Get("Content-Encoding") == "", "the delivery has a Content-Encoding")
		}
	}}
}

// signature returns a test of a signature method.
func signature(method string, h func() hash.Hash, secret string) conformance {
	return conformance{
		"distribution/signature " + method + " " + secret, []option{func(c *hub.Config) { c.Signature = method }},
		func(w *world) {
			d := w.subscribe("/cb", "hub.secret", secret)
			w.check(validSignature(d, method, h, secret), "X-Hub-Signature is %q", d.header.Get("X-Hub-Signature"))
			w.check(!validSignature(d, method, h, secret+"x"), "the signature is valid for a different secret")
		},
	}
}

func distributionTests() []conformance {
	return []conformance{
		contentOf(feed.RSS), contentOf(feed.Atom), contentOf(feed.JSON),
		signature("sha1", sha1.New, "s"), signature("sha256", sha256.New, "s"), signature("sha384", sha512.New384, "s"),
		signature("sha512", sha512.New, "s"), signature("sha256", sha256.New, "gehe\u00efm & = % \u00fc"),
		{"distribution/no signature without secret", nil, func(w *world) {
			d := w.subscribe("/cb")
			w.check(len(d.header["X-Hub-Signature"]) == 0, "the delivery is signed although there is no secret")
		}},
		{"distribution/each version", nil, func(w *world) {
			w.subscribe("/cb")
			for i := range 3 {
				w.publish()
				got := w.await(i+2, posts("/cb"))[i+1].body
				w.check(got == text(feed.RSS, w.version), "delivery %d is %q", i+2, got)
			}
		}},
		{"distribution/unchanged bytes", nil, func(w *world) {
			w.subscribe("/cb")
			w.commitVersion(w.queues, feed.Main, 1) // commits the bytes of the first version again
			w.hub.Wake()
			w.settled()
			w.check(len(w.matching(posts("/cb"))) == 1, "unchanged bytes are delivered")
		}},
		{"distribution/other feeds", nil, func(w *world) {
			w.subscribe("/cb")
			w.commit(w.queues, "tags/go")
			w.commit(w.queues, "tags/go")
			w.hub.Wake()
			w.settled()
			w.check(len(w.matching(posts("/cb"))) == 1, "another feed is delivered")
		}},
		{"distribution/link without hub", nil, func(w *world) {
			d := w.subscribe("/cb")
			w.check(strings.Count(d.header.Get("Link"), `rel="hub"`) == 1, "Link is %q", d.header.Get("Link"))
			w.check(strings.Count(d.header.Get("Link"), `rel="self"`) == 1, "Link is %q", d.header.Get("Link"))
		}},
	}
}

// delivered returns a test of the response to a delivery.
func delivered(name, path string, ok bool) conformance {
	return conformance{name: name, run: func(w *world) {
		w.accepted(w.form(path))
		w.await(1, posts(path))
		w.settled()
		s := w.only()
		if ok {
			w.check(s.Failure == nil && s.Next.IsZero(), "after a success: %+v", s)
			return
		}
		w.check(s.Failure != nil && s.Failure.Attempts == 1 && s.Failure.Reason != "", "failure: %+v", s.Failure)
		wait := time.Until(s.Next)
		w.check(wait > 5*time.Second && wait < 12*time.Second, "the next attempt is in %v, want about 10 s", wait)
		w.check(len(w.matching(gets("/target"))) == 0 && len(w.matching(posts("/target"))) == 0, "a redirect is followed")
	}}
}

func failureTests() []conformance {
	return []conformance{
		delivered("failure/200", "/post/200", true),
		delivered("failure/202", "/post/202", true),
		delivered("failure/204", "/post/204", true),
		delivered("failure/long body ignored", "/long", true),
		delivered("failure/301", "/post/301", false),
		delivered("failure/307", "/post/307", false),
		delivered("failure/400", "/post/400", false),
		delivered("failure/404", "/post/404", false),
		delivered("failure/500", "/post/500", false),
		{"failure/410 ends subscription", nil, func(w *world) {
			w.accepted(w.form("/post/410"))
			w.await(1, posts("/post/410"))
			w.wantSubscriptions(0)
		}},
		{"failure/Retry-After", nil, func(w *world) {
			w.accepted(w.form("/post/503/3600"))
			w.await(1, posts("/post/503/3600"))
			w.settled()
			wait := time.Until(w.only().Next)
			w.check(wait > 59*time.Minute && wait < 61*time.Minute, "the next attempt is in %v, want an hour", wait)
		}},
		{"failure/subscription stays", nil, func(w *world) {
			w.accepted(w.form("/post/500"))
			w.await(1, posts("/post/500"))
			w.publish()
			w.settled()
			w.check(w.only().Expires.After(time.Now().Add(time.Hour)), "the lease is cut short")
			w.check(len(w.matching(posts("/post/500"))) == 1, "a new version ignores the delay after a failure")
		}},
		{"failure/renewal is delivered at once", nil, func(w *world) {
			w.accepted(w.form("/post/500"))
			w.await(1, posts("/post/500"))
			w.settled()
			w.accepted(w.form("/post/500"))
			w.await(2, posts("/post/500"))
		}},
		{"failure/verifications do not count", nil, func(w *world) {
			// Otherwise anyone could stop the deliveries to a host by requesting subscriptions for callbacks on that host that
			// fail.
			w.subscribe("/cb")
			for i := range 5 {
				w.accepted(w.form(fmt.Sprintf("/get/500/%d", i)))
			}
			isGet := func(r received) bool { return r.method == http.MethodGet && strings.HasPrefix(r.path, "/get") }
			w.await(5, isGet)
			w.publish()
			w.await(2, posts("/cb"))
		}},
		{"failure/host that fails gets a pause", nil, func(w *world) {
			now := time.Now()
			for i := range 8 {
				sub := feed.Subscription{Callback: fmt.Sprintf("%s/post/500/0/%d", w.server.URL, i), Feed: feed.Main,
					Topic: topic(feed.Main, feed.RSS), Format: feed.RSS, Created: now, Expires: now.Add(time.Hour)}
				if err := w.site.Subscribe(w.t.Context(), time.Time{}, sub, feed.Claim{}); err != nil {
					w.t.Fatal(err)
				}
			}
			w.hub.Wake()
			// A claimed delivery is due again in 20 seconds, and one that was postponed in a minute.
			w.until("the deliveries to have failed or to be postponed", func() bool {
				return !slices.ContainsFunc(w.subscriptions(), func(s feed.SubscriptionState) bool {
					return s.Failure == nil && time.Until(s.Next) < 30*time.Second
				})
			})
			isPost := func(r received) bool { return r.method == http.MethodPost }
			w.check(len(w.matching(isPost)) < 8, "all deliveries to a failing host were attempted")
			w.accepted(w.form("/cb"))
			w.until("the verification to be postponed", func() bool {
				st, err := w.site.PushState(w.t.Context())
				_, next, _ := w.site.NextPush(w.t.Context())
				return err == nil && st.Requests == 1 && time.Until(next) > 5*time.Second
			})
			w.check(len(w.matching(gets("/cb"))) == 0, "a failing host got a verification")
		}},
	}
}

// twoAtATime returns a test of the limit of two concurrent deliveries to a host, which applies to all hubs of a site
// together.
func twoAtATime(name string, hubs int) conformance {
	return conformance{name: name, run: func(w *world) {
		for range hubs - 1 {
			w.run(w.second())
		}
		// The subscriptions are verified first: verifications count as requests to the host too.
		for i := range 5 {
			w.accepted(w.form(fmt.Sprintf("/cb/%d", i)))
		}
		isPost := func(r received) bool { return r.method == http.MethodPost }
		before := len(w.await(5, isPost))
		w.settled()
		for i := range 5 {
			w.hold(fmt.Sprintf("POST /cb/%d", i))
		}
		w.publish()
		w.await(before+2, isPost)
		w.until("the remaining deliveries to be claimed or postponed", func() bool {
			return !slices.ContainsFunc(w.subscriptions(), func(s feed.SubscriptionState) bool {
				return time.Until(s.Next) <= 0
			})
		})
		n := len(w.matching(isPost)) - before
		w.check(n == 2, "%d deliveries to a host at the same time, want 2", n)
		w.open("")
		w.await(before+5, isPost)
	}}
}

func orderTests() []conformance {
	return []conformance{
		{"order/coalesced to newest", nil, func(w *world) {
			w.subscribe("/cb")
			w.hold("POST /cb")
			w.publish()
			w.await(2, posts("/cb"))
			for range 3 {
				w.publish()
			}
			w.open("POST /cb")
			w.await(3, posts("/cb"))
			w.settled()
			got := w.matching(posts("/cb"))
			w.check(len(got) == 3 && got[2].body == text(feed.RSS, w.version), "%d deliveries, the last %q; want 3, the newest",
				len(got), got[len(got)-1].body)
		}},
		{"order/one delivery at a time", nil, func(w *world) {
			w.subscribe("/cb")
			w.hold("POST /cb")
			w.publish()
			w.await(2, posts("/cb"))
			w.publish()
			w.subscribe("/other")
			w.check(len(w.matching(posts("/cb"))) == 2, "two deliveries were sent to a subscriber at the same time")
		}},
		{"order/one verification at a time to a host", nil, func(w *world) {
			w.subscribe("/cb/0")
			for i := range 3 {
				w.hold(fmt.Sprintf("GET /slow/%d", i))
				w.accepted(w.form(fmt.Sprintf("/slow/%d", i)))
			}
			isGet := func(r received) bool { return r.method == http.MethodGet && strings.HasPrefix(r.path, "/slow") }
			w.await(1, isGet)
			w.publish() // must be delivered: requests that anyone can trigger do not delay deliveries to the host
			w.await(2, posts("/cb/0"))
			w.check(len(w.matching(isGet)) == 1, "%d verifications at the same time, want 1", len(w.matching(isGet)))
			w.open("")
			w.await(3, isGet)
			w.wantSubscriptions(4)
		}},
		twoAtATime("order/two at a time to a host", 1),
		twoAtATime("order/two at a time to a host from three processes", 3),
	}
}

func peers(paths ...string) option { return func(c *hub.Config) { c.Peers = paths } }

func publisherTests() []conformance {
	noHub := func(c *hub.Config) { c.URL = "" }
	return []conformance{
		{"publisher/ping", []option{peers("/peer")}, func(w *world) {
			w.publish()
			var topics []string
			for _, r := range w.await(3, posts("/peer")) {
				form, err := url.ParseQuery(r.body)
				w.check(err == nil && form.Get("hub.mode") == "publish" && len(form["hub.url"]) == 1 && len(form) == 3,
					"the form is %q, %v", r.body, err)
				w.check(form.Get("hub.url") == form.Get("hub.topic"), "hub.url and hub.topic differ: %q", r.body)
				w.check(r.header.Get("Content-Type") == formType, "Content-Type is %q", r.header.Get("Content-Type"))
				topics = append(topics, form.Get("hub.topic"))
			}
			slices.Sort(topics)
			want := []string{topic(feed.Main, feed.Atom), topic(feed.Main, feed.JSON), topic(feed.Main, feed.RSS)}
			w.check(slices.Equal(topics, want), "topics %q, want %q", topics, want)
		}},
		{"publisher/all hubs", []option{peers("/a", "/b"), noHub}, func(w *world) {
			w.publish()
			w.await(3, posts("/a"))
			w.await(3, posts("/b"))
		}},
		{"publisher/202 and 204 are enough", []option{peers("/post/202", "/post/204")}, func(w *world) {
			w.publish()
			w.await(3, posts("/post/202"))
			w.await(3, posts("/post/204"))
			w.settled()
		}},
		{"publisher/first version", []option{peers("/peer")}, func(w *world) {
			w.commit(w.queues, "tags/new")
			w.hub.Wake()
			w.settled()
			w.check(len(w.log) == 0, "the first version is announced: %+v", w.log)
		}},
		{"publisher/unchanged bytes", []option{peers("/peer")}, func(w *world) {
			w.commitVersion(w.queues, feed.Main, 1)
			w.hub.Wake()
			w.settled()
			w.check(len(w.log) == 0, "unchanged bytes are announced: %+v", w.log)
		}},
		{"publisher/retry", []option{peers("/post/500")}, func(w *world) {
			for v := range 2 {
				w.commitVersion(w.queues, "tags/one", v+1, feed.RSS)
			}
			w.hub.Wake()
			w.await(2, posts("/post/500")) // the first retry arrives after about a second
		}},
		{"publisher/hub that fails gets a pause", []option{peers("/post/500"), noHub}, func(w *world) {
			w.publish()
			w.await(3, posts("/post/500"))
			w.until("the retries to be postponed", func() bool { // otherwise, the retries would be made after a second
				_, next, err := w.site.NextPush(w.t.Context())
				return err == nil && time.Until(next) > 30*time.Second
			})
			w.check(len(w.matching(posts("/post/500"))) <= 4, "a failing hub got %d requests", len(w.matching(posts("/post/500"))))
		}},
		{"publisher/Retry-After", []option{peers("/post/503/3600")}, func(w *world) {
			w.publish()
			w.await(1, posts("/post/503/3600"))
			w.until("the notices to be postponed", func() bool {
				_, next, err := w.site.NextPush(w.t.Context())
				return err == nil && time.Until(next) > 50*time.Second
			})
		}},
		{"publisher/after replicas", []option{peers("/peer"), servingLater()}, func(w *world) {
			began := time.Now()
			w.publish()
			w.await(1, posts("/peer"))
			w.check(time.Since(began) >= 100*time.Millisecond, "pinged after %v, before the replicas serve the version", time.Since(began))
			w.check(time.Since(began) < 2*time.Second, "pinged after %v, long after the replicas serve the version", time.Since(began))
		}},
		{"publisher/without replicas", []option{peers("/peer"), func(c *hub.Config) {
			c.Serving = neverServing
		}}, func(w *world) {
			began := time.Now()
			w.publish()
			w.await(1, posts("/peer"))
			w.check(time.Since(began) > 1500*time.Millisecond, "pinged after %v, want 2 s", time.Since(began))
		}},
		{"publisher/newer commit renews", []option{peers("/peer"), noHub}, func(w *world) {
			w.hold("POST /peer")
			w.publish()
			w.await(1, posts("/peer"))
			w.publish()
			w.open("POST /peer")
			w.await(4, posts("/peer"))
			w.settled()
		}},
		{"publisher/forbidden hub", []option{peers("/peer"), func(c *hub.Config) { c.Send = egress.New(egress.Config{}) }},
			func(w *world) {
				w.publish()
				w.until("the notices to be retried later", func() bool {
					now, next, err := w.site.NextPush(w.t.Context())
					return err == nil && next.After(now)
				})
				w.check(len(w.log) == 0, "a forbidden hub got requests: %+v", w.log)
			}},
	}
}

func limits(l feed.HubLimits) []option { return []option{func(c *hub.Config) { c.Limits = l }} }

// refused returns a test of the reply to the third of three requests, which have different callbacks.
func refused(name string, l feed.HubLimits, status int) conformance {
	return conformance{name, limits(l), func(w *world) {
		client := netip.MustParseAddr("192.0.2.7")
		var r hub.Reply
		for i := range 3 {
			form := w.form(fmt.Sprintf("/cb/%d", i))
			r = w.hub.Request(w.t.Context(), formType, []byte(form.Encode()), client)
			if i < 2 {
				w.check(r.Status == http.StatusAccepted, "request %d: %+v", i, r)
				w.until("the verification", func() bool { return len(w.subscriptions()) == i+1 })
			}
		}
		w.check(r.Status == status && r.RetryAfter > 0 && r.Text != "", "reply %+v, want %d, a reason and Retry-After", r, status)
		w.wantSubscriptions(2)
		w.accepted(w.form("/cb/0")) // a renewal, which is accepted without a client address
		w.await(2, gets("/cb/0"))
	}}
}

func limitTests() []conformance {
	return []conformance{
		refused("limit/client rate", feed.HubLimits{PerClient: 2}, http.StatusTooManyRequests),
		refused("limit/subscriptions", feed.HubLimits{Subscriptions: 2}, http.StatusServiceUnavailable),
		refused("limit/host", feed.HubLimits{HostTotal: 2}, http.StatusServiceUnavailable),
		refused("limit/topic", feed.HubLimits{TopicTotal: 2}, http.StatusServiceUnavailable),
		{"limit/host rate", limits(feed.HubLimits{PerHost: 2}), func(w *world) {
			for i, want := range []int{202, 202, 429, 429} {
				r := w.ask(w.form(fmt.Sprintf("/cb/%d", i)))
				w.check(r.Status == want, "request %d: status %d, want %d", i, r.Status, want)
			}
		}},
		{"limit/client without a limit", limits(feed.HubLimits{PerClient: 2}), func(w *world) {
			for i := range 4 {
				w.accepted(w.form(fmt.Sprintf("/cb/%d", i)))
			}
		}},
		{"limit/pending", limits(feed.HubLimits{Pending: 1}), func(w *world) {
			w.hold("GET /cb/0")
			w.accepted(w.form("/cb/0"))
			w.await(1, gets("/cb/0"))
			r := w.ask(w.form("/cb/1"))
			w.check(r.Status == http.StatusServiceUnavailable && r.RetryAfter > 0, "reply %+v, want 503", r)
			w.accepted(w.form("/cb/0")) // replaces the pending request, so it does not exceed the limit
		}},
	}
}

var webhookKey = []byte("0123456789abcdef0123456789abcdef")

func webhooks(events ...feed.Event) option {
	return func(c *hub.Config) { c.Webhooks = []hub.Webhook{{URL: "/hook", Secret: webhookKey, Events: events}} }
}

// validMessage checks the signature of a message, and decodes it.
func (w *world) validMessage(r received) (kind string, data map[string]any) {
	w.t.Helper()
	id, at := r.header.Get("Webhook-Id"), r.header.Get("Webhook-Timestamp")
	mac := hmac.New(sha256.New, webhookKey)
	_, _ = mac.Write([]byte(id + "." + at + "." + r.body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	w.check(r.header.Get("Webhook-Signature") == want, "the signature is %q, want %q", r.header.Get("Webhook-Signature"), want)
	var m struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	err := json.Unmarshal([]byte(r.body), &m)
	w.check(err == nil && !m.Timestamp.IsZero() && id != "", "message %q: %v", r.body, err)
	return m.Type, m.Data
}

func webhookTests() []conformance {
	return []conformance{
		{"webhook/commit", []option{webhooks()}, func(w *world) {
			w.publish()
			kind, data := w.validMessage(w.await(1, posts("/hook"))[0])
			docs, _ := data["documents"].([]any)
			w.check(kind == "feedpub.commit" && data["feed"] == "main" && len(docs) == 4, "the message is %s with %v", kind, data)
		}},
		{"webhook/held", []option{webhooks(feed.HeldEvent)}, func(w *world) {
			w.publish() // must not call the webhook, which does not receive commit events
			if err := w.hub.FeedEvent(w.t.Context(), feed.HeldEvent, "tags/go", "posts vanished"); err != nil {
				w.t.Fatal(err)
			}
			kind, data := w.validMessage(w.await(1, posts("/hook"))[0])
			w.check(kind == "feedpub.held" && data["feed"] == "tags/go" && data["reason"] == "posts vanished",
				"the message is %s with %v", kind, data)
		}},
		{"webhook/rejected", []option{webhooks(feed.RejectedEvent)}, func(w *world) {
			const id = "a post with spaces"
			reject := func(reason string) {
				p := feed.Problem{ID: id, Kind: feed.KindRejected, Reason: reason, Place: "date"}
				change := feed.Change{ID: id, Problem: &p, Notices: w.hub.Rejected(p)}
				err := w.site.Absorb(w.t.Context(), feed.Absorption{Token: 1, Changes: []feed.Change{change}})
				if err != nil {
					w.t.Fatal(err)
				}
				w.hub.Wake()
			}
			reject("no date")
			reject("no date") // not reported, since the reason is the same
			kind, data := w.validMessage(w.await(1, posts("/hook"))[0])
			w.check(kind == "feedpub.rejected" && data["post"] == id && data["reason"] == "date: no date", "the message is %s with %v", kind,
				data)
			w.settled()
			reject("no date")
			w.settled()
			w.check(len(w.matching(posts("/hook"))) == 1, "a rejection is reported twice")
			reject("no title")
			w.await(2, posts("/hook"))
		}},
		{"webhook/rejected file", []option{webhooks()}, func(w *world) {
			for _, kind := range []feed.ProblemKind{feed.KindFile, feed.KindRejected} {
				for _, stored := range w.hub.Rejected(feed.Problem{ID: "a b.md", Kind: kind, Reason: "no title"}) {
					n, err := feed.ParseNotice(stored.Key)
					if err == nil {
						err = w.site.AddNotice(w.t.Context(), time.Time{}, n, stored.Value)
					}
					if err != nil {
						w.t.Fatal(err)
					}
				}
			}
			w.hub.Wake()
			got := map[any]any{}
			for _, r := range w.await(2, posts("/hook")) {
				kind, data := w.validMessage(r)
				w.check(kind == "feedpub.rejected" && data["reason"] == "no title", "the message is %s with %v", kind, data)
				got["file"], got["post"] = cmp.Or(got["file"], data["file"]), cmp.Or(got["post"], data["post"])
			}
			w.check(got["file"] == "a b.md" && got["post"] == "a b.md", "messages about %v, want the file and the post", got)
		}},
		{"webhook/unwanted event", []option{webhooks(feed.CommitEvent)}, func(w *world) {
			if err := w.hub.FeedEvent(w.t.Context(), feed.FailedEvent, "main", "x"); err != nil {
				w.t.Fatal(err)
			}
			w.publish()
			w.await(1, posts("/hook"))
			w.settled()
			w.check(len(w.matching(posts("/hook"))) == 1, "an unwanted event is sent")
		}},
		{"webhook/retry keeps id", []option{func(c *hub.Config) {
			c.Webhooks = []hub.Webhook{{URL: "/post/500", Secret: webhookKey}}
		}}, func(w *world) {
			if err := w.hub.FeedEvent(w.t.Context(), feed.FailedEvent, "main", "x"); err != nil {
				w.t.Fatal(err)
			}
			got := w.await(2, posts("/post/500"))
			w.validMessage(got[0])
			w.validMessage(got[1])
			w.check(got[0].header.Get("Webhook-Id") == got[1].header.Get("Webhook-Id"), "the retry has a different id")
		}},
	}
}
