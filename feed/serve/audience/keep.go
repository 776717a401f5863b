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
	// saveEvery is how often counts are saved: what a crash costs at most.
	saveEvery = 5 * time.Minute
	// forgetAfter is after how many days a feed that nobody polls is not saved any more.
	forgetAfter = 30
	// form names the form of the file. One of another form is not read.
	form = "feedpub audience 1"
)

// The file is JSON Lines in gzip coding, whose checksum tells what is damaged: the opening, and then a line for each feed.
type (
	opening struct {
		Form string `json:"form"`
		Salt []byte `json:"salt"` // without it the sketches would count those who come back once more
	}
	saved struct {
		Feed        feed.Name               `json:"feed"`
		LastPoll    int64                   `json:"last_poll"` // days are counted from 1970, as in tally
		Polls       uint64                  `json:"polls"`
		NotModified uint64                  `json:"not_modified,omitempty"`
		Deltas      uint64                  `json:"deltas,omitempty"`
		Clients     map[string]uint64       `json:"clients,omitempty"` // by name: numbers change with the list of the known
		Gatherers   map[string]savedReports `json:"gatherers,omitempty"`
		Sketches    map[int64][]byte        `json:"sketches,omitempty"` // by day
	}
	savedReports struct {
		Subscribers int   `json:"subscribers"`
		Day         int64 `json:"day"`
	}
)

// Open returns the audience that was saved in the file at path, or one of nobody with the given salt if there is no such
// file. A file that is damaged is logged and forgotten: counts are no reason not to serve.
func Open(path string, now func() time.Time, salt Salt, log *slog.Logger) *Audience {
	a := New(now, salt)
	a.path, a.log = path, log
	b, err := os.ReadFile(path)
	if err == nil {
		err = a.restore(b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the count of readers can't be read and starts anew", "file", path, "error", err)
	}
	a.onDisk = a.polls()
	return a
}

// Run saves the audience now and then, and when ctx ends. What can't be saved is logged and tried again. The error is
// always nil.
func (a *Audience) Run(ctx context.Context) error {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	var before string // the last error: one that stays is logged once
	for {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		if polls := a.polls(); polls != a.onDisk {
			reason := ""
			if err := a.save(); err != nil {
				reason = err.Error()
			} else {
				a.onDisk = polls
			}
			if reason != "" && reason != before {
				a.log.Error("the count of readers is not saved; a restart loses it", "file", a.path, "error", reason)
			}
			before = reason
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// polls returns how many polls were counted.
func (a *Audience) polls() (sum uint64) {
	for _, t := range a.tallies() {
		t.mu.Lock()
		sum += t.polls
		t.mu.Unlock()
	}
	return sum
}

// tallies returns what is known of each feed, in the order in which they were first polled.
func (a *Audience) tallies() []*tally {
	a.mu.RLock()
	defer a.mu.RUnlock()
	list := make([]*tally, len(a.order))
	for i, name := range a.order {
		list[i] = a.feeds[name]
	}
	return list
}

// save writes the file, for nobody else to read: who has the salt can try which addresses were here.
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
	err := lines.Encode(opening{Form: form, Salt: a.salt[:]})
	today := dayOf(a.now())
	for _, t := range a.tallies() {
		if s := t.saved(today); s.LastPoll > today-forgetAfter {
			err = errors.Join(err, lines.Encode(s))
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
		Clients: t.named(), Gatherers: map[string]savedReports{}, Sketches: map[int64][]byte{},
	}
	for name, g := range t.gatherers {
		s.Gatherers[name] = savedReports{g.subscribers, g.day}
	}
	for day, sketch := range t.recent(today) {
		s.Sketches[day] = sketch[:]
	}
	return s
}

// restore takes over what was saved, or nothing if it is not whole.
func (a *Audience) restore(b []byte) error {
	packed, err := coding.NewGzipReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	lines := json.NewDecoder(packed)
	var o opening
	if err := lines.Decode(&o); err != nil {
		return err
	}
	if o.Form != form {
		return fmt.Errorf("it is of the form %.40q, and %q is read: %w", o.Form, form, feed.ErrInvalid)
	}
	if len(o.Salt) != len(a.salt) {
		return fmt.Errorf("its salt has %d bytes, want %d: %w", len(o.Salt), len(a.salt), feed.ErrInvalid)
	}
	today := dayOf(a.now())
	var order []feed.Name
	feeds := make(map[feed.Name]*tally)
	for {
		var s saved
		if err := lines.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		t, err := s.tally(today)
		if err != nil {
			return fmt.Errorf("feed %q: %w", s.Feed, err)
		}
		if feeds[s.Feed] == nil {
			order = append(order, s.Feed)
		}
		feeds[s.Feed] = t
	}
	a.salt, a.feeds, a.order = Salt(o.Salt), feeds, order
	return nil
}

// tally returns what is known of the feed. What is of a day that has not come yet is left out: it would count for ever
// under a clock that went wrong once.
func (s *saved) tally(today int64) (*tally, error) {
	t := newTally(s.Feed)
	t.last, t.polls, t.notModified, t.deltas = min(s.LastPoll, today), s.Polls, s.NotModified, s.Deltas
	for name, n := range s.Clients {
		t.clients[numberOf(name)] += n
	}
	for _, name := range slices.Sorted(maps.Keys(s.Gatherers)) {
		if g := s.Gatherers[name]; g.Day <= today {
			t.gatherers[nameOf(numberOf(name))] = report{min(max(g.Subscribers, 0), maxSubscribers), g.Day}
		}
	}
	for _, day := range slices.Sorted(maps.Keys(s.Sketches)) {
		b := s.Sketches[day]
		if len(b) != registers || slices.Max(b) > maxRank {
			return nil, fmt.Errorf("the sketch of day %d is none: %w", day, feed.ErrInvalid)
		}
		if day > today-days && day <= today {
			*t.sketchOf(day) = sketch(b)
		}
	}
	return t, nil
}
