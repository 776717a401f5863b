package audience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/durable"
)

const (
	// saveEvery is the interval at which counts are saved. A crash loses at most the counts of one interval.
	saveEvery = 5 * time.Minute
	// sampleEvery is the interval at which the daily figures are updated. firstSample is the time from the start to the
	// first update; by then, most sites serve their documents.
	sampleEvery = time.Minute
	firstSample = 3 * time.Second
	// forgetAfter is the number of days without a request after which a feed is no longer saved.
	forgetAfter = 30
	// format names the format of the file. Files in a different format are ignored.
	format = "feedpub audience 1"
)

// The file is gzip-compressed JSON Lines; the gzip checksum detects damage. It has a header, and then a line for each
// feed.
type (
	header struct {
		Format string `json:"format"`
		Salt   []byte `json:"salt"` // with a new salt, every client would be counted again
	}
	saved struct {
		Feed        feed.Name              `json:"feed"`
		LastPoll    int64                  `json:"last_poll"` // in days since 1970
		Polls       uint64                 `json:"polls"`
		NotModified uint64                 `json:"not_modified,omitempty"`
		Deltas      uint64                 `json:"deltas,omitempty"`
		Clients     map[string]uint64      `json:"clients,omitempty"` // by name, because client numbers depend on the table known
		Aggregators map[string]savedReport `json:"aggregators,omitempty"`
		Sketches    map[int64][]byte       `json:"sketches,omitempty"` // by day
		Days        []savedDay             `json:"days,omitempty"`     // earlier releases ignore them
	}
	savedReport struct {
		Subscribers int   `json:"subscribers"`
		Day         int64 `json:"day"`
	}
)

// Open returns the Audience that was saved in the file at path, or an empty one with the given salt if there is no such
// file. A damaged file is logged and ignored, because serving does not need the counts.
func Open(path string, now func() time.Time, salt Salt, log *slog.Logger) *Audience {
	a := New(now, salt)
	a.path, a.log = path, log
	b, err := os.ReadFile(path)
	if err == nil {
		err = a.restore(b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("cannot read saved reader counts; counting starts from 0", "file", path, "error", err)
	}
	a.onDisk = a.polls()
	return a
}

// Run records the daily figures of the feeds that served returns, and saves them with the counts, at intervals and when
// ctx is done. served may return nil if the feeds are the same as in its last call. Errors are logged, and the save is
// retried. The returned error is always nil.
func (a *Audience) Run(ctx context.Context, served func() []Served) error {
	save := time.NewTimer(feed.UnhurriedWait(time.Now(), saveEvery))
	defer save.Stop()
	sampled := time.NewTimer(firstSample)
	defer sampled.Stop()
	var before string // the last error, which is not logged again
	unsaved := false
	for {
		select {
		case <-ctx.Done():
		case <-save.C:
			save.Reset(feed.UnhurriedWait(time.Now(), saveEvery))
		case <-sampled.C:
			unsaved = a.sample(served()) || unsaved
			sampled.Reset(feed.UnhurriedWait(time.Now(), sampleEvery))
			continue
		}
		unsaved = a.sample(served()) || unsaved
		if polls := a.polls(); polls != a.onDisk || unsaved {
			reason := ""
			if err := a.save(); err != nil {
				reason = err.Error()
			} else {
				a.onDisk, unsaved = polls, false
			}
			if reason != "" && reason != before {
				a.log.Error("cannot save reader counts; a restart would lose them", "file", a.path, "error", reason)
			}
			before = reason
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// polls returns the number of counted requests.
func (a *Audience) polls() (sum uint64) {
	for _, t := range a.tallies() {
		t.mu.Lock()
		sum += t.polls
		t.mu.Unlock()
	}
	return sum
}

// tallies returns the tallies in the order of their first requests.
func (a *Audience) tallies() []*tally {
	a.mu.RLock()
	defer a.mu.RUnlock()
	list := make([]*tally, len(a.order))
	for i, name := range a.order {
		list[i] = a.feeds[name]
	}
	return list
}

// save writes the file. Only its owner may read it, because it contains the salt.
func (a *Audience) save() error {
	if err := os.MkdirAll(filepath.Dir(a.path), 0o755); err != nil {
		return err
	}
	b, err := a.encode()
	if err != nil {
		return err
	}
	return durable.WriteFile(a.path, b, 0o600)
}

func (a *Audience) encode() ([]byte, error) {
	var b bytes.Buffer
	packed := coding.NewGzipWriter(&b)
	lines := json.NewEncoder(packed)
	err := lines.Encode(header{Format: format, Salt: a.salt[:]})
	today := dayOf(a.now())
	a.historyMu.Lock()
	defer a.historyMu.Unlock()
	polled := make(map[feed.Name]bool)
	for _, t := range a.tallies() {
		polled[t.feed] = true
		if s := t.saved(today); s.LastPoll > today-forgetAfter {
			if h := a.history[t.feed]; h != nil {
				s.Days = h.saved()
			}
			err = errors.Join(err, lines.Encode(s))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.history)) {
		if h := a.history[name]; !polled[name] && len(h.days) > 0 {
			err = errors.Join(err, lines.Encode(saved{Feed: name, Days: h.saved()}))
		}
	}
	err = errors.Join(err, packed.Close())
	return b.Bytes(), err
}

func (t *tally) saved(today int64) saved {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := saved{
		Feed: t.feed, LastPoll: t.last, Polls: t.polls, NotModified: t.notModified, Deltas: t.deltas,
		Clients: t.named(), Aggregators: map[string]savedReport{}, Sketches: map[int64][]byte{},
	}
	for name, g := range t.aggregators {
		s.Aggregators[name] = savedReport{g.subscribers, g.day}
	}
	for day, sketch := range t.recent(today) {
		s.Sketches[day] = sketch[:]
	}
	return s
}

// restore replaces the state with the contents of a file, or returns an error and changes nothing.
func (a *Audience) restore(b []byte) error {
	packed, err := coding.NewGzipReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	lines := json.NewDecoder(packed)
	var o header
	if err := lines.Decode(&o); err != nil {
		return err
	}
	if o.Format != format {
		return fmt.Errorf("format is %.40q, want %q: %w", o.Format, format, feed.ErrInvalid)
	}
	if len(o.Salt) != len(a.salt) {
		return fmt.Errorf("salt has %d bytes, want %d: %w", len(o.Salt), len(a.salt), feed.ErrInvalid)
	}
	today := dayOf(a.now())
	var order []feed.Name
	feeds, days := make(map[feed.Name]*tally), make(map[feed.Name]*history)
	for {
		var s saved
		if err := lines.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		days[s.Feed] = s.restored(today)
		if s.LastPoll == 0 {
			continue // the feed was never requested
		}
		t, err := s.tally(a, today)
		if err != nil {
			return fmt.Errorf("feed %q: %w", s.Feed, err)
		}
		if feeds[s.Feed] == nil {
			order = append(order, s.Feed)
		}
		feeds[s.Feed] = t
	}
	a.salt, a.feeds, a.order, a.history = Salt(o.Salt), feeds, order, days
	return nil
}

// tally returns the tally of an Audience for a line of the file. It ignores days in the future, which may have been
// recorded while the clock was wrong.
func (s *saved) tally(of *Audience, today int64) (*tally, error) {
	t := newTally(of, s.Feed)
	t.last, t.polls, t.notModified, t.deltas = min(s.LastPoll, today), s.Polls, s.NotModified, s.Deltas
	for name, n := range s.Clients {
		t.clients[numberOf(name)] += n
	}
	for _, name := range slices.Sorted(maps.Keys(s.Aggregators)) {
		if g := s.Aggregators[name]; g.Day <= today {
			t.aggregators[nameOf(numberOf(name))] = report{min(max(g.Subscribers, 0), maxSubscribers), g.Day}
		}
	}
	for _, day := range slices.Sorted(maps.Keys(s.Sketches)) {
		b := s.Sketches[day]
		if len(b) != registers || slices.Max(b) > maxRank {
			return nil, fmt.Errorf("sketch of day %d is malformed: %w", day, feed.ErrInvalid)
		}
		if day > today-days && day <= today {
			*t.sketchOf(day) = sketch(b)
		}
	}
	return t, nil
}
