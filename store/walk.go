package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// PostIDs returns the ids of all posts in batches of any size and in no order. A post that exists during the whole
// walk comes at least once, perhaps more often; one that comes or goes meanwhile may or may not. After an error the
// walk ends: then it says nothing about what is missing.
//
// The walk is over all keys of a server. Sites of one client that walk at the same time share it: see walks.
func (s *Site) PostIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scanOne(ctx, "post ids", kindPost)
}

// ItemIDs returns the ids of all ready items as PostIDs does those of posts.
func (s *Site) ItemIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scanOne(ctx, "item ids", kindItem)
}

// IDs returns the ids of all posts and of all items in one walk, as PostIDs does those of posts.
func (s *Site) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range s.scan(ctx, "ids", kinds{kindPost: true, kindItem: true}) {
			if !yield(feed.IDs{Posts: ids[kindPost], Items: ids[kindItem]}, err) {
				return
			}
		}
	}
}

// scanOne is scan for keys of one kind.
func (s *Site) scanOne(ctx context.Context, op string, k kind) iter.Seq2[[]string, error] {
	var of kinds
	of[k] = true
	return func(yield func([]string, error) bool) {
		for ids, err := range s.scan(ctx, op, of) {
			if !yield(ids[k], err) {
				return
			}
		}
	}
}

func (s *Site) scan(ctx context.Context, op string, of kinds) iter.Seq2[idLists, error] {
	return func(yield func(idLists, error) bool) {
		more := true
		err := s.walk(ctx, of, func(ids idLists) bool {
			more = yield(ids, nil)
			return more
		})
		if err != nil && more {
			yield(idLists{}, s.client.wrap(op, err))
		}
	}
}

// walk gives all ids, in batches, until give returns false.
func (s *Site) walk(ctx context.Context, of kinds, give func(idLists) bool) error {
	m, err := s.master(ctx, s.client.build)
	if err != nil {
		return err
	}
	if s.client.walks.several() {
		for _, p := range []pace{swift, patient} {
			if err := s.client.walks.join(ctx, m, p, s.keys, of, give); !errors.Is(err, errLeftBehind) {
				return err
			}
		}
	}
	return s.walkAlone(ctx, m, of, give)
}

// walkAlone is a walk of this site's own. Its last step is to see that it was one server, and that server the master of
// the site's slot all the time: after a failover or a restart keys may have been left out.
func (s *Site) walkAlone(ctx context.Context, m *redis.Client, of kinds, give func(idLists) bool) error {
	before, err := s.incarnation(ctx, m)
	if err != nil {
		return err
	}
	// A site's id has no character with a meaning in patterns.
	for keys, err := range scanKeys(ctx, m, of.pattern(string(s.keys))) {
		if err != nil {
			return err
		}
		// miniredis gives all keys at once.
		for batch := range slices.Chunk(keys, walkBatch) {
			var ids idLists
			for _, key := range batch {
				if _, k, id := splitKey(key); k < kindCount && of[k] {
					ids[k] = append(ids[k], id)
				}
			}
			if !give(ids) {
				return nil
			}
		}
	}
	after, err := s.incarnation(ctx, m)
	if err == nil && before != after {
		err = errAnotherServer()
	}
	return err
}

func errAnotherServer() error {
	return fmt.Errorf("another server took over during the walk: %w", feed.ErrUnavailable)
}

// scanKeys gives the keys that match a pattern. It says nothing about which server it spoke to.
func scanKeys(ctx context.Context, m *redis.Client, pattern string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for cursor := uint64(0); ; {
			keys, next, err := m.Scan(ctx, cursor, pattern, scanCount).Result()
			if !yield(keys, err) || err != nil || next == 0 {
				return
			}
			cursor = next
		}
	}
}

const (
	// scanCount is how many keys a server looks at in one step; others wait for it, about half a millisecond.
	scanCount = 1000
	// walkBatch is how many ids of each kind are given at once at most.
	walkBatch = 1000
)

// kind is what a key that ends in the id of a post holds.
type kind int

const (
	kindPost kind = iota
	kindItem
	kindRecord
	kindCount
)

// kinds are those that a walk is for, and idLists what it finds, by kind.
type (
	kinds   [kindCount]bool
	idLists [kindCount][]string
)

func (l *idLists) len() int {
	n := 0
	for _, ids := range l {
		n += len(ids)
	}
	return n
}

// pattern returns what the keys match that a walk looks for, and few others; site may be a pattern itself.
func (of kinds) pattern(site string) string {
	k := keyspace(site)
	switch of {
	case kinds{kindPost: true}:
		return k.post("*")
	case kinds{kindItem: true}:
		return k.item("*")
	case kinds{kindRecord: true}:
		return k.record("*")
	case kinds{kindPost: true, kindItem: true}:
		return k.key("[pi][ot][se][tm]", "*")
	default:
		return k.key("*")
	}
}

// splitKey returns the site, the kind and the id of a key that ends in an id; the kind of others is kindCount.
func splitKey(key string) (keyspace, kind, string) {
	rest, ok := strings.CutPrefix(key, "feedpub:{")
	if !ok {
		return "", kindCount, ""
	}
	site, rest, _ := strings.Cut(rest, "}:")
	name, id, ok := strings.Cut(rest, ":")
	if !ok {
		return "", kindCount, ""
	}
	switch name {
	case "post":
		return keyspace(site), kindPost, id
	case "item":
		return keyspace(site), kindItem, id
	case "record":
		return keyspace(site), kindRecord, id
	default:
		return "", kindCount, ""
	}
}
