package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// An in-process server is empty when it starts. So that not every post must be read again, its owner can save what
// builders have derived from the posts, with [Site.Derived], and restore it with [Site.RestoreDerived].

// DerivedPost is what a builder has derived from a post.
type DerivedPost struct {
	ID string `json:"id"`
	// Sources is the hash of everything that is stored about the post and that its item depends on: the post itself,
	// its record, and the decisions about its credits.
	Sources feed.Hash `json:"sources"`
	// Item is the item as it is stored, or nil if the post has none, or is rejected.
	Item []byte `json:"item,omitempty"`
	// Feeds are the feeds that contain the item, and Due is the time at which it enters its feeds if it is in none.
	Feeds    []feed.Name    `json:"feeds,omitempty"`
	Due      time.Time      `json:"due,omitzero"`
	Problems []feed.Problem `json:"problems,omitempty"`
}

// DerivedState describes the state of a site's derived data.
type DerivedState struct {
	// Stamp changes with each absorption that changes documents, and with each commit.
	Stamp string
	// Archives is a hash of the recorded archives.
	Archives feed.Hash
	// Inbox is the number of inbox entries that were not absorbed.
	Inbox int64
	// Dirty are the dirty feeds.
	Dirty []feed.Name
}

// derivedBatch is the number of posts that Derived and RestoreDerived handle in one round trip.
const derivedBatch = 250

// DerivedState returns the state of the derived data.
func (s *Site) DerivedState(ctx context.Context) (DerivedState, error) {
	archives, err := s.Archives(ctx)
	if err != nil {
		return DerivedState{}, err
	}
	state := DerivedState{Archives: feed.HashOf(fmt.Append(nil, archives))}
	var values *redis.SliceCmd
	var inbox *redis.IntCmd
	var dirty *redis.StringSliceCmd
	if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		values = p.MGet(ctx, s.keys.marks(), s.keys.version(), s.keys.cursor())
		inbox, dirty = p.XLen(ctx, s.keys.inbox()), p.ZRange(ctx, s.keys.dirty(), 0, -1)
		return nil
	}); err != nil {
		return DerivedState{}, s.client.wrap("derived state", err)
	}
	state.Inbox = inbox.Val()
	for _, name := range dirty.Val() {
		state.Dirty = append(state.Dirty, feed.Name(name))
	}
	state.Stamp = fmt.Sprint(values.Val(), state.Archives, state.Inbox, state.Dirty)
	return state, nil
}

// Derived returns what was derived from posts, in the order of ids. problems are the problems of the site, by id. The
// result has no element for a post that does not exist.
func (s *Site) Derived(ctx context.Context, problems map[string][]feed.Problem, ids ...string) ([]DerivedPost, error) {
	out := make([]DerivedPost, 0, len(ids))
	for some := range slices.Chunk(ids, derivedBatch) {
		var posts, items *redis.SliceCmd
		indexed, due := make([]*redis.FloatCmd, len(some)), make([]*redis.FloatCmd, len(some))
		sources := s.newSources(some)
		_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
			posts, items = p.MGet(ctx, mapKeys(some, s.keys.post)...), p.MGet(ctx, mapKeys(some, s.keys.item)...)
			sources.read(ctx, p)
			for i, id := range some {
				indexed[i], due[i] = p.ZScore(ctx, s.keys.index(feed.Main), id), p.ZScore(ctx, s.keys.due(), id)
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.client.wrap("derived", err)
		}
		for i, id := range some {
			raw, ok := posts.Val()[i].(string)
			if !ok {
				continue
			}
			sum := feed.HashOf(unpackPost([]byte(raw)))
			d := DerivedPost{ID: id, Sources: sources.hash(i, sum)}
			if item, ok := items.Val()[i].(string); ok {
				s.derive(&d, item, sum, indexed[i].Err() == nil, due[i], problems[id])
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// derive sets the fields of d for a stored item, unless the item was not made from the version of the post with the
// given hash, or the post is rejected.
func (s *Site) derive(
	d *DerivedPost, stored string, raw feed.Hash, indexed bool, due *redis.FloatCmd, problems []feed.Problem,
) {
	item := s.decodeItem(d.ID, stored)
	if item == nil || item.RawSum != raw || slices.ContainsFunc(problems, func(p feed.Problem) bool {
		return p.Kind == feed.KindRejected || p.Kind == feed.KindMissing
	}) {
		return
	}
	switch {
	case indexed:
		d.Feeds = append([]feed.Name{feed.Main}, item.Feeds...)
	case due.Err() == nil:
		d.Due = time.UnixMilli(int64(due.Val())).UTC()
	default:
		return
	}
	d.Item = []byte(stored)
	for _, p := range problems {
		if slices.Contains(postProblems(), p.Kind) {
			d.Problems = append(d.Problems, p)
		}
	}
}

// sources reads what the items of posts depend on, apart from the posts themselves.
type sources struct {
	site               *Site
	ids                []string
	records, decisions *redis.SliceCmd
}

func (s *Site) newSources(ids []string) *sources { return &sources{site: s, ids: ids} }

func (x *sources) read(ctx context.Context, p redis.Pipeliner) {
	x.records = p.MGet(ctx, mapKeys(x.ids, x.site.keys.record)...)
	x.decisions = p.HMGet(ctx, x.site.keys.credits(), x.ids...)
}

// hash returns [DerivedPost.Sources] for the post with the given index and the hash of the post itself.
func (x *sources) hash(i int, raw feed.Hash) feed.Hash {
	record, _ := x.records.Val()[i].(string)
	decisions, _ := x.decisions.Val()[i].(string)
	return feed.HashOf(fmt.Appendf(nil, "%s %q %q", raw, record, decisions))
}

// RestoreDerived stores posts with what was derived from them, without inbox entries. Each element of derived belongs
// to the post at the same index, and is used only if it has an item and its Sources match. RestoreDerived reports, for
// each post, whether the Sources match and whether the post was stored.
func (s *Site) RestoreDerived(
	ctx context.Context, posts []feed.RawPost, derived []DerivedPost,
) (same, restored []bool, err error) {
	for from := 0; from < len(posts); from += derivedBatch {
		some := posts[from:min(from+derivedBatch, len(posts))]
		read := s.newSources(mapKeys(some, func(p feed.RawPost) string { return p.ID }))
		if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
			read.read(ctx, p)
			return nil
		}); err != nil {
			return nil, nil, s.client.wrap("restore derived", err)
		}
		err := transact(ctx, s.client.build, func(p redis.Pipeliner) error {
			for i, post := range some {
				d := derived[from+i]
				equal := d.Sources == read.hash(i, feed.HashOf(post.Raw))
				published, _, ok := decodeHeader(string(d.Item[:min(len(d.Item), headerSize)]))
				same = append(same, equal)
				restored = append(restored, equal && ok)
				if equal && ok {
					s.restoreDerived(ctx, p, post, d, published)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, s.client.wrap("restore derived", err)
		}
	}
	return same, restored, nil
}

func (s *Site) restoreDerived(
	ctx context.Context, p redis.Pipeliner, post feed.RawPost, d DerivedPost, published time.Time,
) {
	p.Set(ctx, s.keys.post(post.ID), packPost(post.Raw, s.client.compress), 0)
	p.Set(ctx, s.keys.item(post.ID), d.Item, 0)
	for _, name := range d.Feeds {
		p.ZAdd(ctx, s.keys.index(name), redis.Z{Score: float64(published.UnixMilli()), Member: post.ID})
	}
	if !d.Due.IsZero() {
		p.ZAdd(ctx, s.keys.due(), redis.Z{Score: float64(d.Due.UnixMilli()), Member: post.ID})
	}
	for _, problem := range d.Problems {
		if field, since, rest, err := encodeProblem(problem); err == nil {
			p.HSet(ctx, s.keys.problems(), field, strings.Join([]string{since, rest}, " "))
		}
	}
}
