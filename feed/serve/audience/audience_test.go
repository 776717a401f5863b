package audience

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

var noon = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)

// salt makes estimates reproducible, and exact for few readers.
var salt = Salt([]byte("sixteen bytes ok"))

func address(i int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0x0a000000+uint32(i))
	return netip.AddrFrom4(a)
}

func TestAudience(t *testing.T) {
	now := noon
	a := New(func() time.Time { return now }, salt)
	for range 2 {
		a.Polled("tags/go", nil, 200, address(1), "newsboat/2.39 (Linux x86_64)")
		a.Polled("tags/go", nil, 304, address(1), "newsboat/2.39 (Linux x86_64)")
	}
	const feedly = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; %d subscribers; like FeedFetcher-Google)"
	a.Polled("main", nil, 200, address(1), fmt.Sprintf(feedly, 16))
	a.Polled("main", nil, 304, address(2), fmt.Sprintf(feedly, 17))
	a.Polled("main", nil, 226, address(3), "Feedbin feed-id:1373711 - 142 subscribers")
	a.Polled("main", nil, 200, address(4), "SomeAggregator/1 (3 subscribers)")
	a.Polled("main", nil, 200, address(5), "Mozilla/5.0 (compatible; Googlebot/2.1)")
	a.Polled("main", nil, 200, address(6), "")
	a.Polled("main", nil, 200, address(6), "\x1b[31mevil\"} 1\n")
	a.Polled("main", nil, 404, address(7), "newsboat/2.39")
	a.Polled("main", nil, 429, address(7), "newsboat/2.39")
	want := []feed.Readership{
		{Feed: "tags/go", Polls: 4, NotModified: 2, Clients: map[string]uint64{"newsboat": 4}, Subscribers: 1, Direct: 1},
		{Feed: "main", Polls: 7, NotModified: 1, Deltas: 1, Subscribers: 17 + 142 + 3 + 2, Direct: 2,
			Clients: map[string]uint64{
				"feedly": 2, "feedbin": 1, "other": 2, "googlebot": 1, "unnamed": 1,
			}},
	}
	if diff := cmp.Diff(want, a.Readers()); diff != "" {
		t.Errorf("Readers (-want +got):\n%s", diff)
	}
}

func TestReadersExpire(t *testing.T) {
	now := noon
	a := New(func() time.Time { return now }, salt)
	for day := range 30 {
		a.Polled("main", nil, 304, address(day), "newsboat")
		a.Polled("main", nil, 304, address(1000), "elfeed") // polls every day
		if day == 2 {
			a.Polled("main", nil, 304, address(2000), "Feedly (100 subscribers)")
		}
		want := min(day+1, days) + 1
		got := a.Readers()[0]
		if got.Direct != want {
			t.Errorf("day %d: %d direct readers, want %d", day, got.Direct, want)
		}
		if day >= 2 && day < 2+days {
			want += 100
		}
		if got.Subscribers != want {
			t.Errorf("day %d: %d subscribers, want %d", day, got.Subscribers, want)
		}
		now = now.Add(24 * time.Hour)
	}
	now = now.Add(100 * 24 * time.Hour)
	if got := a.Readers()[0].Direct; got != 0 {
		t.Errorf("after 100 days without polls: %d direct readers, want 0", got)
	}
	a.Polled("main", nil, 304, address(1), "newsboat")
	if got := a.Readers()[0].Direct; got != 1 {
		t.Errorf("after 100 days without polls and one poll: %d direct readers, want 1", got)
	}
}

func TestEstimateError(t *testing.T) {
	for _, n := range []int{0, 1, 10, 100, 1000, 10_000, 100_000} {
		a := New(func() time.Time { return noon }, salt)
		for i := range n {
			a.Polled("main", nil, 200, address(i), "newsboat")
		}
		got := 0
		if n > 0 {
			got = a.Readers()[0].Direct
		}
		// Allow two standard errors, which cover 95% of the estimates.
		if math.Abs(float64(got-n)) > 2*0.046*float64(n) {
			t.Errorf("the estimate for %d readers is %d, want a smaller error", n, got)
		}
	}
}

func TestClientNamesAreBounded(t *testing.T) {
	a := New(func() time.Time { return noon }, salt)
	for i := range 3 * maxAgents {
		a.Polled("main", nil, 200, address(i), fmt.Sprintf("agent-%d", i)+strings.Repeat("x", 1000))
	}
	if n := len(a.agents); n > maxAgents {
		t.Errorf("%d User-Agents are stored, want at most %d", n, maxAgents)
	}
	if got := a.Readers()[0].Clients; len(got) != 1 || got["other"] != 3*maxAgents {
		t.Errorf("clients are %v, want all with one name", got)
	}
}

// TestAddressesAreNotKept checks that the data in memory does not identify readers.
func TestAddressesAreNotKept(t *testing.T) {
	a := New(func() time.Time { return noon }, salt)
	a.Polled("main", nil, 200, netip.MustParseAddr("192.0.2.77"), "newsboat")
	kept := fmt.Sprintf("%+v %+v", a.feeds["main"], a.agents)
	if strings.Contains(kept, "192.0.2.77") || strings.Contains(kept, "192 0 2 77") {
		t.Errorf("the data contains an address: %s", kept)
	}
}

func TestParseAgent(t *testing.T) {
	for _, c := range []struct {
		userAgent string
		want      agent
	}{
		{
			"NewsBlur Feed Fetcher - 54 subscribers - https://www.newsblur.com/site/1",
			agent{name: "newsblur", kind: aggregator, subscribers: 54},
		},
		{
			"Mozilla/5.0 (compatible; theoldreader.com; 10 subscribers; feed-id=1)",
			agent{name: "the-old-reader", kind: aggregator, subscribers: 10},
		},
		{"BazQux/2.4 (+https://bazqux.com/fetcher; 1 subscriber)", agent{name: "bazqux", kind: aggregator, subscribers: 1}},
		{
			"Mozilla/5.0 (compatible; Miniflux/2.2; +https://miniflux.app)",
			agent{name: "miniflux", kind: reader, subscribers: 0},
		},
		{"FreshRSS/1.24 (Linux; https://freshrss.org)", agent{name: "freshrss", kind: reader, subscribers: 0}},
		{
			"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
			agent{name: "browser", kind: reader, subscribers: 0},
		},
		{"curl/8.5.0", agent{name: "curl", kind: robot, subscribers: 0}},
		{"x subscribers", agent{name: "other", kind: reader, subscribers: 0}},
		{"99999999999999999999 subscribers", agent{name: "other", kind: reader, subscribers: 0}},
		{" subscribers", agent{name: "other", kind: reader, subscribers: 0}},
		{"", agent{name: "unnamed", kind: reader, subscribers: 0}},
	} {
		got := parseAgent(c.userAgent)
		if name := nameOf(got.number); name != got.name {
			t.Errorf("parseAgent(%q) returns the number of %q but the name %q", c.userAgent, name, got.name)
		}
		got.number = 0
		if got != c.want {
			t.Errorf("parseAgent(%q) = %+v, want %+v", c.userAgent, got, c.want)
		}
	}
}

// FuzzParseAgent checks that parseAgent returns only names in known.
// TestMemo checks that polls with a memo are counted by the Audience that receives them.
func TestMemo(t *testing.T) {
	var memo atomic.Value
	audiences := [...]*Audience{New(time.Now, salt), New(time.Now, salt)}
	for i := range 6 {
		audiences[i%3/2].Polled("main", &memo, 304, address(1), "newsboat")
	}
	for i, want := range []uint64{4, 2} {
		if got := audiences[i].Readers(); len(got) != 1 || got[0].Polls != want {
			t.Errorf("audience %d has %+v, want one feed with %d polls", i, got, want)
		}
	}
}

func FuzzParseAgent(f *testing.F) {
	f.Add("Feedly/1.0 (16 subscribers)")
	f.Fuzz(func(t *testing.T, userAgent string) {
		got := parseAgent(userAgent)
		names := map[string]bool{otherName: true, unnamedName: true}
		for _, k := range known {
			names[k.name] = true
		}
		if !names[got.name] || got.subscribers < 0 || got.subscribers > maxSubscribers {
			t.Errorf("parseAgent(%q) = %+v, want a known name", userAgent, got)
		}
	})
}

func BenchmarkPolled(b *testing.B) {
	a := New(time.Now, salt)
	for i := 0; b.Loop(); i++ {
		a.Polled("main", nil, 304, address(i&1023), "newsboat/2.39 (Linux x86_64)")
	}
}
