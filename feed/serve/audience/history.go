package audience

import (
	"cmp"
	"slices"

	"feedpub/feed"
)

// keepDays is the number of days whose figures are kept. The figures of a feed for one day take 24 bytes in memory, and
// about 15 in the file.
const keepDays = 90

// Served is a feed as it is served now.
type Served struct {
	Feed         feed.Name
	Posts, Bytes int
	Pushed       int // subscriptions through the built-in hub
}

// history holds the daily figures of a feed. Days on which nothing was polled and nothing changed are left out.
type history struct {
	days               []day
	polls, notModified uint64 // counts at the last sample
	served             Served
}

// day is a [feed.FeedDay] in a compact form.
type day struct{ number, polls, notModified, subscribers, posts, bytes uint32 }

// sampleState is the day and the number of counted requests at a sample.
type sampleState struct {
	today uint32
	polls uint64
}

// sample adds what has happened since the last sample to the figures of the current day. Requests around midnight may
// be counted on the following day. If served is empty, the feeds are the same as before. It reports whether the file
// must be written.
func (a *Audience) sample(served []Served) (changed bool) {
	today, polls := uint32(dayOf(a.now())), a.polls() //nolint:gosec // days since 1970
	a.historyMu.Lock()
	defer a.historyMu.Unlock()
	if now := (sampleState{today, polls}); len(served) > 0 || now != a.sampled {
		a.sampled = now
	} else {
		return false // nothing has changed since the last sample
	}
	if len(served) > 0 { // otherwise the documents are the same, or have not been loaded yet
		for _, h := range a.history {
			h.served = Served{}
		}
	}
	for _, s := range served {
		a.historyOf(s.Feed).served = s
	}
	polled := make(map[feed.Name]bool)
	for _, t := range a.tallies() {
		h := a.historyOf(t.feed)
		changed = h.add(today, t.readership(int64(today))) || changed
		polled[t.feed] = t.polledSince(int64(today) - forgetAfter)
	}
	for name, h := range a.history {
		_, counted := polled[name]
		switch {
		case len(served) > 0 && h.served.Feed == "" && !polled[name]:
			delete(a.history, name) // the feed was removed
			changed = true
		case !counted:
			changed = h.add(today, feed.Readership{}) || changed
		}
	}
	return changed
}

// historyOf returns the history of a feed. The caller must hold historyMu.
func (a *Audience) historyOf(name feed.Name) *history {
	h := a.history[name]
	if h == nil {
		h = new(history)
		a.history[name] = h
	}
	return h
}

// polledSince reports whether the feed was requested after the given day.
func (t *tally) polledSince(day int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last > day
}

// add adds the counts since the last sample to the figures of today. It reports whether there is a new entry, or any
// figure other than the counts has changed.
func (h *history) add(today uint32, r feed.Readership) (changed bool) {
	next := day{
		number: today, subscribers: uint32(r.Subscribers + h.served.Pushed), //nolint:gosec // bounded counts
		posts: uint32(h.served.Posts), bytes: uint32(h.served.Bytes), //nolint:gosec // sizes of documents in memory
		polls:       uint32(r.Polls - min(h.polls, r.Polls)),                   //nolint:gosec // few requests arrive between two samples
		notModified: uint32(r.NotModified - min(h.notModified, r.NotModified)), //nolint:gosec // few requests arrive between two samples
	}
	h.polls, h.notModified = max(h.polls, r.Polls), max(h.notModified, r.NotModified)
	if len(h.days) > 0 {
		last := &h.days[len(h.days)-1]
		same := next.subscribers == last.subscribers && next.posts == last.posts && next.bytes == last.bytes
		if last.number >= today { // greater if the clock was set back
			last.polls += next.polls
			last.notModified += next.notModified
			last.subscribers, last.posts, last.bytes = next.subscribers, next.posts, next.bytes
			return !same
		}
		if same && next.polls == 0 {
			return false
		}
	}
	h.days = append(h.days, next)
	h.trim(today)
	return true
}

// trim removes the entries that are older than keepDays days. If the first of the last keepDays days has no entry, trim
// keeps the latest entry before that day, because its figures had not changed by then.
func (h *history) trim(today uint32) {
	n := 0
	for n+1 < len(h.days) && h.days[n+1].number+keepDays <= today+1 {
		n++
	}
	h.days = slices.Delete(h.days, 0, n)
}

// Days returns the figures of a feed on each of the last 90 days, oldest first, beginning with the first day whose
// figures are known. The last element is for today.
func (a *Audience) Days(name feed.Name) []feed.FeedDay {
	today := uint32(dayOf(a.now())) //nolint:gosec // days since 1970
	a.mu.RLock()
	t := a.feeds[name]
	a.mu.RUnlock()
	a.historyMu.Lock()
	defer a.historyMu.Unlock()
	h := a.history[name]
	if h == nil {
		if t == nil {
			return nil
		}
		h = a.historyOf(name)
	}
	if t != nil {
		h.add(today, t.readership(int64(today)))
	}
	return h.all(today)
}

// all returns the figures of the last keepDays days, including those on which nothing was polled and nothing changed.
func (h *history) all(today uint32) []feed.FeedDay {
	var list []feed.FeedDay
	i := 0
	var state day
	for number := today + 1 - keepDays; number <= today; number++ {
		state.polls, state.notModified = 0, 0
		for ; i < len(h.days) && h.days[i].number <= number; i++ {
			state = h.days[i]
		}
		if i == 0 {
			continue // no figures are known yet
		}
		if state.number != number {
			state.polls, state.notModified = 0, 0
		}
		list = append(list, feed.FeedDay{
			Day: int(number), Polls: int(state.polls), NotModified: int(state.notModified),
			Subscribers: int(state.subscribers), Posts: int(state.posts), Bytes: int(state.bytes),
		})
	}
	return list
}

// savedDay is a day in the file: its number, polls, 304 responses, subscribers, posts and bytes.
type savedDay [6]uint32

// saved returns the days as the file stores them.
func (h *history) saved() []savedDay {
	list := make([]savedDay, len(h.days))
	for i, d := range h.days {
		list[i] = savedDay{d.number, d.polls, d.notModified, d.subscribers, d.posts, d.bytes}
	}
	return list
}

// restored returns the history for a line of the file. It ignores days in the future, which may have been recorded
// while the clock was wrong.
func (s *saved) restored(today int64) *history {
	h := &history{polls: s.Polls, notModified: s.NotModified}
	for _, d := range s.Days {
		if int64(d[0]) <= today {
			h.days = append(h.days, day{d[0], d[1], d[2], d[3], d[4], d[5]})
		}
	}
	slices.SortFunc(h.days, func(a, b day) int { return cmp.Compare(a.number, b.number) })
	if n := len(h.days); n > 0 {
		last := h.days[n-1]
		h.served = Served{Feed: s.Feed, Posts: int(last.posts), Bytes: int(last.bytes)}
		h.trim(uint32(today)) //nolint:gosec // days since 1970
	}
	return h
}
