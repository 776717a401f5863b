package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// stateBatch is the number of sites whose state is read in one round trip.
const stateBatch = 200

// States returns the states of sites in the order of the arguments. The builder of a site is the holder of the lease of
// the job. The values may be from slightly different times. States takes two round trips for stateBatch sites, and one
// for each process that holds a lease.
func (c *Client) States(ctx context.Context, job string, sites ...feed.SiteID) ([]feed.SiteState, error) {
	out := make([]feed.SiteState, 0, len(sites))
	for batch := range slices.Chunk(sites, stateBatch) {
		states, err := c.states(ctx, job, batch)
		if err != nil {
			return nil, c.wrap("states", err)
		}
		out = append(out, states...)
	}
	return out, nil
}

// stateReplies are the replies to the commands that read the state of a site.
type stateReplies struct {
	holder, cursor, token, version *redis.StringCmd
	problems                       *redis.StringSliceCmd
	waiting                        *redis.XMessageSliceCmd
}

// states reads the states of sites in one batch.
func (c *Client) states(ctx context.Context, job string, sites []feed.SiteID) ([]feed.SiteState, error) {
	replies := make([]stateReplies, len(sites))
	_, err := c.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range sites {
			keys, r := keyspace(id), &replies[i]
			r.holder, r.cursor = p.Get(ctx, keys.lease(job)), p.Get(ctx, keys.cursor())
			r.token, r.version = p.Get(ctx, keys.token()), p.Get(ctx, keys.version())
			r.problems = p.HKeys(ctx, keys.problems())
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	if _, err := c.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range sites {
			start := "-"
			if after := replies[i].cursor.Val(); after != "" {
				start = "(" + after
			}
			replies[i].waiting = p.XRangeN(ctx, keyspace(id).inbox(), start, "+", 1)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	states := make([]feed.SiteState, len(sites))
	for i, r := range replies {
		if states[i], err = c.state(ctx, r); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// state returns the state that replies describe.
func (c *Client) state(ctx context.Context, r stateReplies) (st feed.SiteState, err error) {
	number := func(reply *redis.StringCmd) (n int64) {
		if err == nil && reply.Err() == nil {
			n, err = reply.Int64()
		}
		return n
	}
	st.Build.Token, st.Build.Version = feed.Token(number(r.token)), number(r.version)
	if list := r.waiting.Val(); len(list) > 0 {
		st.Build.Waiting = entryTime(list[0].ID)
	}
	st.Problems = make(map[feed.ProblemKind]int)
	for _, field := range r.problems.Val() {
		kind, _, _ := strings.Cut(field, ":")
		st.Problems[feed.ProblemKind(kind)]++
	}
	owner := r.holder.Val()
	if process := feed.ProcessOf(owner); process != "" && err == nil {
		left, aliveErr := c.alive(ctx, process)
		if err = aliveErr; left == 0 {
			owner = "" // the lease has ended with the process
		}
	}
	st.Build.Builder = feed.UnboundOwner(owner)
	return st, err
}
