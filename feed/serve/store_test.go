package serve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"feedpub/feed"
)

// fakeStore is an in-memory store that can be made to fail or return wrong data.
type fakeStore struct {
	mu      sync.Mutex
	heads   map[feed.Name]feed.Head
	blobs   map[feed.Hash]feed.Blob
	stream  []feed.Announcement
	version int64
	entries int
	down    error               // the error that every call returns, or nil
	wrong   feed.Hash           // a document whose read returns an error without a kind
	unread  map[feed.Name]error // the errors of heads that cannot be read; StoredHeads omits them
	mute    bool                // commits are not announced
	news    chan struct{}       // closed and replaced with every announcement
	calls   map[string]int
	asked   []feed.Hash // the arguments of all calls of Blobs
	decoded []feed.Name // the heads that the last StoredHeads has decoded, in alphabetical order
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		heads: map[feed.Name]feed.Head{}, blobs: map[feed.Hash]feed.Blob{}, calls: map[string]int{},
		news: make(chan struct{}),
	}
}

// do calls f with the store locked.
func (s *fakeStore) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// commit commits and announces documents of a feed, as a builder does.
func (s *fakeStore) commit(name feed.Name, token feed.Token, modified time.Time, text string) feed.Head {
	head, blobs := commit(name, token, modified, text)
	s.do(func() {
		s.heads[name] = head
		for _, b := range blobs {
			s.blobs[b.Hash] = b
		}
	})
	s.announce(name)
	return head
}

func (s *fakeStore) announce(name feed.Name) {
	s.do(func() {
		s.version++
		if s.mute {
			return
		}
		s.entries++
		s.stream = append(s.stream, feed.Announcement{Entry: strconv.Itoa(s.entries), Feed: name, Version: s.version})
		close(s.news)
		s.news = make(chan struct{})
	})
}

func (s *fakeStore) call(name string) error {
	s.calls[name]++
	return s.down
}

func (s *fakeStore) StoredHeads(_ context.Context, known map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("Heads"); err != nil {
		return nil, err
	}
	s.decoded = nil
	var heads []feed.StoredHead
	for _, h := range s.heads {
		if s.unread[h.Feed] != nil {
			continue
		}
		text, err := json.Marshal(h)
		if err != nil {
			return nil, err
		}
		stored := feed.StoredHead{Head: h, Sum: sha256.Sum256(text)}
		if stored.Unchanged = stored.Sum == known[h.Feed]; stored.Unchanged {
			stored.Head = feed.Head{Feed: h.Feed}
		} else {
			s.decoded = append(s.decoded, h.Feed)
		}
		heads = append(heads, stored)
	}
	slices.Sort(s.decoded)
	return heads, nil
}

func (s *fakeStore) Head(_ context.Context, name feed.Name) (feed.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("Head"); err != nil {
		return feed.Head{}, err
	}
	if err := s.unread[name]; err != nil {
		return feed.Head{}, err
	}
	h, ok := s.heads[name]
	if !ok {
		return h, fmt.Errorf("head of %s: %w", name, feed.ErrNotFound)
	}
	return h, nil
}

func (s *fakeStore) Editions(
	_ context.Context, known []feed.Hash, names ...feed.Name,
) (heads []feed.Head, blobs []feed.Blob, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("Editions"); err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		switch err := s.unread[name]; {
		case errors.Is(err, feed.ErrNotFound), errors.Is(err, feed.ErrInvalid):
			continue
		case err != nil:
			return nil, nil, err
		}
		if h, ok := s.heads[name]; ok {
			heads = append(heads, h)
			for _, d := range h.Documents {
				if b, ok := s.blobs[d.Hash]; ok && d.Hash != s.wrong && !slices.Contains(known, d.Hash) {
					s.asked = append(s.asked, d.Hash)
					blobs = append(blobs, b)
				}
			}
		}
	}
	return heads, blobs, nil
}

func (s *fakeStore) Blob(_ context.Context, hash feed.Hash) (feed.Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("Blob"); err != nil {
		return feed.Blob{}, err
	}
	if hash == s.wrong {
		return feed.Blob{}, errors.New("WRONGTYPE Operation against a key holding the wrong kind of value")
	}
	b, ok := s.blobs[hash]
	if !ok {
		return b, fmt.Errorf("document %s: %w", hash, feed.ErrNotFound)
	}
	return b, nil
}

func (s *fakeStore) Blobs(_ context.Context, hashes ...feed.Hash) ([]feed.Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call("Blobs"); err != nil {
		return nil, err
	}
	s.asked = append(s.asked, hashes...)
	blobs := make([]feed.Blob, len(hashes))
	for i, hash := range hashes {
		if hash != s.wrong {
			blobs[i] = s.blobs[hash]
		}
	}
	return blobs, nil
}

func (s *fakeStore) Version(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, s.call("Version")
}

func (s *fakeStore) LastChange(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strconv.Itoa(s.entries), s.call("LastChange")
}

func (s *fakeStore) Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	timeout := time.After(block)
	for {
		s.mu.Lock()
		err, news := s.call("Changes"), s.news
		i := slices.IndexFunc(s.stream, func(a feed.Announcement) bool {
			n, _ := strconv.Atoi(a.Entry)
			m, _ := strconv.Atoi(after)
			return n > m
		})
		var changes []feed.Announcement
		if i >= 0 {
			changes = slices.Clone(s.stream[i:])
		}
		s.mu.Unlock()
		if err != nil || len(changes) > 0 {
			return changes, err
		}
		select {
		case <-news:
		case <-timeout:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
