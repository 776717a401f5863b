// Package audience estimates the number of readers of each feed from the requests for it, and keeps daily figures for
// 90 days. It stores no addresses, only sketches of their keyed hashes. Counts and figures are saved in a file, and
// restart at 0 if the file is lost.
package audience

import (
	"encoding/binary"
	"iter"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"

	"feedpub/feed"
)

const (
	// days is the number of days that a reader is counted after its last request.
	days = 7
	// maxAgents is the maximum number of parsed User-Agents in the cache.
	maxAgents = 4096
	// maxAgentLength is the number of bytes of a User-Agent that are examined.
	maxAgentLength = 512
)

// Salt is the key for hashing addresses. It must be random and secret: anyone who has it can test whether an
// address is in a sketch.
type Salt [16]byte

// Audience counts the requests for each feed. It is safe for concurrent use.
type Audience struct {
	now  func() time.Time
	salt Salt
	path string // path of the saved file
	log  *slog.Logger

	onDisk uint64 // number of requests in the saved file; used by Open and Run only

	mu     sync.RWMutex
	agents map[string]agent
	feeds  map[feed.Name]*tally
	order  []feed.Name // the keys of feeds in the order of their first requests

	historyMu sync.Mutex // locked before mu
	history   map[feed.Name]*history
	sampled   sampleState // of the last sample
}

// tally holds one feed's counts. What requests read and write is in one block of memory, because the tallies of
// thousands of feeds do not fit in a CPU cache.
type tally struct {
	of                         *Audience // the owner
	mu                         sync.Mutex
	polls, notModified, deltas uint64
	day                        int64             // day of the newest sketch
	last                       int64             // day of the last request
	sketches                   [days + 1]*sketch // indexed by day modulo the length
	clients                    [names]uint64     // indexed by client number
	newest                     sketch            // the sketch of day

	aggregators map[string]report
	feed        feed.Name
}

// report is the last number of subscribers that an aggregator reported.
type report struct {
	subscribers int
	day         int64
}

func newTally(of *Audience, name feed.Name) *tally {
	return &tally{of: of, feed: name, aggregators: make(map[string]report)}
}

// New returns an empty Audience that is not saved. The same requests with the same salt produce the same estimates.
func New(now func() time.Time, salt Salt) *Audience {
	return &Audience{now: now, salt: salt, agents: make(map[string]agent), feeds: make(map[feed.Name]*tally),
		history: make(map[feed.Name]*history)}
}

// Polled counts a request if its status is 200, 226 or 304. It keeps the tally of the feed in memo, which may be nil.
func (a *Audience) Polled(name feed.Name, memo *atomic.Value, status int, client netip.Addr, userAgent string) {
	if status != 200 && status != 226 && status != 304 {
		return
	}
	userAgent = userAgent[:min(len(userAgent), maxAgentLength)]
	t, who := a.tallyIn(memo, name), a.agentOf(userAgent)
	day := dayOf(a.now())
	hash := a.hash(client, userAgent)

	t.mu.Lock()
	defer t.mu.Unlock()
	t.polls++
	t.last = day
	switch status {
	case 304:
		t.notModified++
	case 226:
		t.deltas++
	}
	t.clients[who.number]++
	switch who.kind {
	case aggregator:
		t.aggregators[who.name] = report{who.subscribers, day}
	case reader:
		t.sketchOf(day).add(hash)
	case robot:
		// counted only by client name
	}
}

// dayOf returns the number of days since 1970.
func dayOf(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

// hash returns the hash of a client. It includes the User-Agent to distinguish readers with the same address.
func (a *Audience) hash(client netip.Addr, userAgent string) uint64 {
	var buffer [16 + maxAgentLength]byte
	address := client.As16()
	text := append(append(buffer[:0], address[:]...), userAgent...)
	return siphash.Hash(binary.LittleEndian.Uint64(a.salt[:8]), binary.LittleEndian.Uint64(a.salt[8:]), text)
}

// tallyIn returns the tally of a feed, which it keeps in memo unless memo is nil.
func (a *Audience) tallyIn(memo *atomic.Value, name feed.Name) *tally {
	if memo == nil {
		return a.tallyOf(name)
	}
	t, _ := memo.Load().(*tally)
	if t == nil || t.of != a {
		t = a.tallyOf(name)
		memo.Store(t)
	}
	return t
}

// tallyOf returns the tally of a feed.
func (a *Audience) tallyOf(name feed.Name) *tally {
	a.mu.RLock()
	t := a.feeds[name]
	a.mu.RUnlock()
	if t != nil {
		return t
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if t = a.feeds[name]; t == nil {
		t = newTally(a, name)
		a.feeds[name] = t
		a.order = append(a.order, name)
	}
	return t
}

// agentOf returns what a User-Agent says.
func (a *Audience) agentOf(userAgent string) agent {
	a.mu.RLock()
	who := a.agents[userAgent]
	a.mu.RUnlock()
	if who.name != "" {
		return who
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if who = a.agents[userAgent]; who.name == "" {
		if len(a.agents) >= maxAgents {
			clear(a.agents) // clearing the cache is cheaper than tracking the age of its entries
		}
		who = parseAgent(userAgent)
		a.agents[strings.Clone(userAgent)] = who
	}
	return who
}

// sketchOf returns the sketch of a day, and clears the expired sketches of the days in between.
func (t *tally) sketchOf(day int64) *sketch {
	if last := &t.sketches[t.day%int64(len(t.sketches))]; day > t.day && *last == &t.newest {
		earlier := t.newest
		*last, t.newest = &earlier, sketch{}
	}
	for ; t.day < day; t.day++ {
		if day-t.day > int64(len(t.sketches)) {
			t.day = day - int64(len(t.sketches))
		}
		t.sketches[(t.day+1)%int64(len(t.sketches))] = nil
	}
	s := &t.sketches[day%int64(len(t.sketches))]
	switch {
	case *s == nil && day == t.day:
		*s = &t.newest
	case *s == nil: // the clock was set back
		*s = new(sketch)
	}
	return *s
}

// Readers returns the readership of all feeds that were requested, in the order of their first requests.
func (a *Audience) Readers() []feed.Readership {
	today := dayOf(a.now())
	tallies := a.tallies()
	list := make([]feed.Readership, 0, len(tallies))
	for _, t := range tallies {
		list = append(list, t.readership(today))
	}
	return list
}

func (t *tally) readership(today int64) feed.Readership {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := feed.Readership{
		Feed: t.feed, Polls: t.polls, NotModified: t.notModified, Deltas: t.deltas, Clients: t.named(),
	}
	var sum sketch
	for _, s := range t.recent(today) {
		sum.merge(s)
	}
	r.Direct = sum.estimate()
	r.Subscribers = r.Direct
	for _, g := range t.aggregators {
		if g.day > today-days {
			r.Subscribers += g.subscribers
		}
	}
	return r
}

// named returns the number of requests for each client name.
func (t *tally) named() map[string]uint64 {
	byName := make(map[string]uint64)
	for number, n := range t.clients {
		if n > 0 {
			byName[nameOf(number)] += n
		}
	}
	return byName
}

// recent returns the sketches of the last [days] days, by day.
func (t *tally) recent(today int64) iter.Seq2[int64, *sketch] {
	return func(yield func(int64, *sketch) bool) {
		for d := max(today-days+1, 0); d <= t.day; d++ {
			if s := t.sketches[d%int64(len(t.sketches))]; s != nil && d > t.day-int64(len(t.sketches)) && !yield(d, s) {
				return
			}
		}
	}
}
