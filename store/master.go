package store

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// master returns the client of the server that holds the site's slot: the pool itself, unless it is a Cluster's. It is
// for what has no key to be sent by (SCAN, INFO, WAIT): a Cluster's client would send that to any server. Sites with
// the same master get the same client, and none may keep it, since the slot can go to another server.
//
// A command sent through it is not sent on when the slot has moved: the error is then one of kind [feed.ErrUnavailable].
func (s *Site) master(ctx context.Context, pool redis.UniversalClient) (*redis.Client, error) {
	switch p := pool.(type) {
	case *redis.Client:
		return p, nil
	case *redis.ClusterClient:
		return p.MasterForKey(ctx, s.keys.nothing())
	default:
		return nil, fmt.Errorf("client of type %T has no masters: %w", pool, feed.ErrInvalid)
	}
}

// incarnation returns a name for the process that m speaks to and for the data that it holds, "" if the server does not
// tell. It is an error if that server is not the master of the site's slot. What was read in several steps, such as by
// SCAN, is whole only if the incarnation was the same before and after: another server, or the same one restarted,
// takes a cursor that it never gave out and leaves keys out without a word.
func (s *Site) incarnation(ctx context.Context, m *redis.Client) (string, error) {
	// A server of a Cluster answers MOVED or ASK for a slot that is another's or on its way there.
	if err := m.Exists(ctx, s.keys.nothing()).Err(); err != nil {
		return "", err
	}
	info, err := info(ctx, m, "server")
	return info["run_id"], err
}

// clustered reports whether sites may be on different servers.
func (c *Client) clustered() bool {
	_, ok := c.build.(*redis.ClusterClient)
	return ok
}

// eachMaster calls f for each server that may hold a site's keys, for several at once, and returns its first error.
func (c *Client) eachMaster(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	switch p := c.build.(type) {
	case *redis.Client:
		return f(ctx, p)
	case *redis.ClusterClient:
		return p.ForEachMaster(ctx, f)
	default:
		return fmt.Errorf("client of type %T has no masters: %w", c.build, feed.ErrInvalid)
	}
}
