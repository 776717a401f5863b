// Package audience tells who reads the feeds, from their polls. It keeps counts, not people: of an address no more than a
// trace in a sketch, made with a keyed hash. They are kept in a file, and a lost file costs no more than the counts.
package audience

import (
	"encoding/binary"
	"iter"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/dchest/siphash"

	"feedpub/feed"
)

const (
	// days is for how long a reader counts that does not come back.
	days = 7
	// maxAgents is how many User-Agents are remembered with what they say.
	maxAgents = 4096
	// maxAgentLength is how much of a User-Agent is looked at.
	maxAgentLength = 512
)

// Salt is the key that addresses are hashed with. Who has it can try which addresses made a trace: it is drawn at random
// and kept secret.
type Salt [16]byte

// Audience counts the polls of each feed. It is safe for concurrent use.
type Audience struct {
	now  func() time.Time
	salt Salt
	path string // where it is saved
	log  *slog.Logger

	onDisk uint64 // how many polls were counted when it was last saved; only Open and Run use it

	mu     sync.RWMutex
	agents map[string]agent
	feeds  map[feed.Name]*tally
	order  []feed.Name // of feeds, as they were first polled
}

// tally is what is known of one feed. What every poll writes stands together: the tallies of thousands of feeds don't fit
// in a processor's cache.
type tally struct {
	mu                         sync.Mutex
	polls, notModified, deltas uint64
	day                        int64             // of the newest sketch
	last                       int64             // day on which it was last polled
	sketches                   [days + 1]*sketch // by the day modulo their number
	clients                    [names]uint64     // by the agents' numbers

	gatherers map[string]report
	feed      feed.Name
}

// report is what an aggregator last said.
type report struct {
	subscribers int
	day         int64
}

func newTally(name feed.Name) *tally { return &tally{feed: name, gatherers: make(map[string]report)} }

// New returns an audience of nobody that is not saved. The same polls under the same salt give the same estimates.
func New(now func() time.Time, salt Salt) *Audience {
	return &Audience{now: now, salt: salt, agents: make(map[string]agent), feeds: make(map[feed.Name]*tally)}
}

// Polled counts a poll. Only answers that show a reader of the feed count: 200, 226 and 304.
func (a *Audience) Polled(name feed.Name, status int, client netip.Addr, userAgent string) {
	if status != 200 && status != 226 && status != 304 {
		return
	}
	userAgent = userAgent[:min(len(userAgent), maxAgentLength)]
	t, who := a.lookUp(name, userAgent)
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
	case gatherer:
		t.gatherers[who.name] = report{who.subscribers, day}
	case direct:
		t.sketchOf(day).add(hash)
	}
}

// dayOf returns the days since 1970.
func dayOf(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

// hash returns the trace of a client: readers behind one address are told apart by their programs.
func (a *Audience) hash(client netip.Addr, userAgent string) uint64 {
	var buffer [16 + maxAgentLength]byte
	address := client.As16()
	text := append(append(buffer[:0], address[:]...), userAgent...)
	return siphash.Hash(binary.LittleEndian.Uint64(a.salt[:8]), binary.LittleEndian.Uint64(a.salt[8:]), text)
}

// lookUp returns the tally of a feed and what a User-Agent says.
func (a *Audience) lookUp(name feed.Name, userAgent string) (*tally, agent) {
	a.mu.RLock()
	t, who := a.feeds[name], a.agents[userAgent]
	a.mu.RUnlock()
	if t != nil && who.name != "" {
		return t, who
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if t = a.feeds[name]; t == nil {
		t = newTally(name)
		a.feeds[name] = t
		a.order = append(a.order, name)
	}
	if who = a.agents[userAgent]; who.name == "" {
		if len(a.agents) >= maxAgents {
			clear(a.agents) // cheaper than knowing which are old
		}
		who = parseAgent(userAgent)
		a.agents[strings.Clone(userAgent)] = who
	}
	return t, who
}

// sketchOf returns the sketch of a day, and forgets those that it takes the place of.
func (t *tally) sketchOf(day int64) *sketch {
	for ; t.day < day; t.day++ {
		if day-t.day > int64(len(t.sketches)) {
			t.day = day - int64(len(t.sketches))
		}
		t.sketches[(t.day+1)%int64(len(t.sketches))] = nil
	}
	s := &t.sketches[day%int64(len(t.sketches))]
	if *s == nil {
		*s = new(sketch)
	}
	return *s
}

// Readers returns what is known of each feed that was polled, in the order in which they were first.
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
	for _, g := range t.gatherers {
		if g.day > today-days {
			r.Subscribers += g.subscribers
		}
	}
	return r
}

// named returns how many polls there were by the clients' names.
func (t *tally) named() map[string]uint64 {
	byName := make(map[string]uint64)
	for number, n := range t.clients {
		if n > 0 {
			byName[nameOf(number)] += n
		}
	}
	return byName
}

// recent returns the sketches of the days whose readers count today, by day.
func (t *tally) recent(today int64) iter.Seq2[int64, *sketch] {
	return func(yield func(int64, *sketch) bool) {
		for d := max(today-days+1, 0); d <= t.day; d++ {
			if s := t.sketches[d%int64(len(t.sketches))]; s != nil && d > t.day-int64(len(t.sketches)) && !yield(d, s) {
				return
			}
		}
	}
}
