package memstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"feedpub/feed"
)

// Acquire takes the lease of a job.
func (s *Site) Acquire(
	_ context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token,
) (feed.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	process := feed.ProcessOf(owner)
	if l, held := s.lease(job); held && l.owner != owner && (process == "" || feed.ProcessOf(l.owner) != process) {
		return 0, fmt.Errorf("acquire %s: held by %s: %w", job, l.owner, feed.ErrLocked)
	}
	s.data.token = max(s.data.token+1, feed.Token(now.UnixMilli()), seen+1)
	s.data.leases[job] = lease{owner, s.now().Add(ttl)}
	return s.data.token, nil
}

// lease returns the lease of a job, and whether it is held. The caller must hold mu.
func (s *Site) lease(job string) (lease, bool) {
	l, ok := s.data.leases[job]
	return l, ok && s.now().Before(s.endOf(l))
}

// endOf returns when a lease ends: when it expires, or when the process of its owner is no longer recorded as alive.
// The caller must hold mu.
func (s *Site) endOf(l lease) time.Time {
	process := feed.ProcessOf(l.owner)
	if alive := s.data.alive[process]; process != "" && alive.Before(l.until) {
		return alive
	}
	return l.until
}

// SetAlive records that a process is alive, and reports whether that was recorded before.
func (s *Site) SetAlive(_ context.Context, process string, ttl time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.now().Before(s.data.alive[process])
	s.data.alive[process] = s.now().Add(ttl)
	return before, nil
}

// ClearAlive removes the record that a process is alive.
func (s *Site) ClearAlive(_ context.Context, process string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data.alive, process)
	return nil
}

// Renew extends the lease of a job.
func (s *Site) Renew(_ context.Context, job, owner string, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.data.leases[job]; !ok || l.owner != owner || !s.now().Before(l.until) {
		return fmt.Errorf("renew %s: lease has expired: %w", job, feed.ErrLocked)
	}
	s.data.leases[job] = lease{owner, s.now().Add(ttl)}
	return nil
}

// Release releases the lease of a job.
func (s *Site) Release(_ context.Context, job, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data.leases[job].owner == owner {
		delete(s.data.leases, job)
	}
	return nil
}

// Holder returns the owner of the lease of a job, and the time until it expires.
func (s *Site) Holder(_ context.Context, job string) (string, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, held := s.lease(job)
	if !held {
		return "", 0, nil
	}
	return l.owner, s.endOf(l).Sub(s.now()), nil
}

// maxRequests is the maximum number of requests that wait for a reply.
const maxRequests = 100

// Ask sends a request to the builder and returns its reply.
func (s *Site) Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	s.mu.Lock()
	if len(s.data.requests.entries) >= maxRequests {
		s.mu.Unlock()
		return nil, fmt.Errorf("ask: %d requests wait for the builder: %w", maxRequests, feed.ErrUnavailable)
	}
	s.asked++
	id := strconv.Itoa(s.asked)
	s.data.requests.add(s.now(), feed.Request{ID: id, Payload: bytes.Clone(request)})
	s.announce()
	s.mu.Unlock()
	var reply []byte
	err := s.await(ctx, timeout, func() bool {
		var ok bool
		if reply, ok = s.data.replies[id]; ok {
			delete(s.data.replies, id)
		}
		return ok
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask: %w", err)
	case reply == nil:
		return nil, fmt.Errorf("ask: no reply within %v: %w", timeout, feed.ErrUnavailable)
	}
	return reply, nil
}

// Requests returns the requests without a reply after an entry.
func (s *Site) Requests(ctx context.Context, after string, block time.Duration) (out []feed.Request, err error) {
	err = s.await(ctx, block, func() bool {
		for _, e := range s.data.requests.after(after) {
			r := e.value
			r.Entry = e.id()
			out = append(out, r)
		}
		return len(out) > 0
	})
	return out, err
}

// Reply replies to a request.
func (s *Site) Reply(_ context.Context, r feed.Request, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := &s.data.requests
	requests.entries = slices.DeleteFunc(requests.entries, func(e entry[feed.Request]) bool { return e.id() == r.Entry })
	if r.ID != "" {
		s.data.replies[r.ID] = append([]byte{}, payload...)
		s.announce()
	}
	return nil
}

// Report publishes the state of a process, and returns the members and the schema.
func (s *Site) Report(_ context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error) {
	if m.ID == "" {
		return nil, feed.Schema{}, fmt.Errorf("report: member has no id: %w", feed.ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.members[m.ID] = member{m, s.now().Add(ttl)}
	return s.members(), s.data.schema, nil
}

// Leave removes a member.
func (s *Site) Leave(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data.members, id)
	return nil
}

// Members returns the members whose reports have not expired.
func (s *Site) Members(context.Context) ([]feed.Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members(), nil
}

// members returns the members whose reports have not expired. The caller must hold mu.
func (s *Site) members() []feed.Member {
	var list []feed.Member
	for _, m := range s.data.members {
		if s.now().Before(m.until) {
			list = append(list, m.Member)
		}
	}
	slices.SortFunc(list, func(a, b feed.Member) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Schema returns the schema of the site.
func (s *Site) Schema(context.Context) (feed.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.schema, nil
}

// SetSchema replaces the schema of the site.
func (s *Site) SetSchema(_ context.Context, read, schema feed.Schema) (feed.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.data.schema.Since
	if stored != read.Since {
		return feed.Schema{}, fmt.Errorf("the schema was changed by another process: %w", feed.ErrStale)
	}
	schema.Since = max(s.data.token+1, stored+1, schema.Since)
	s.data.schema, s.data.token = schema, schema.Since
	return schema, nil
}
