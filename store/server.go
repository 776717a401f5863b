package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Check looks at how the server, or each master of a Cluster, is set up before it is relied on. It returns an error of
// kind [feed.ErrInvalid] if a server would evict posts when its memory is full (a policy of allkeys-*: posts vanish
// without a word) or the URL takes it for what it is not, and sentences for the operator about what is risky: no
// persistence, writes that a crash or a failover may undo, or settings that the server doesn't tell. It asks CONFIG and,
// where that is forbidden, INFO.
func (c *Client) Check(ctx context.Context) (warnings []string, err error) {
	var mu sync.Mutex
	err = c.eachMaster(ctx, func(ctx context.Context, m *redis.Client) error {
		risks, err := c.inspect(ctx, m)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range risks {
			if c.clustered() {
				r = m.Options().Addr + ": " + r
			}
			warnings = append(warnings, r)
		}
		if err != nil && c.clustered() {
			err = fmt.Errorf("%s: %w", m.Options().Addr, err)
		}
		return err
	})
	if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
		err = fmt.Errorf("the server is not one of a Cluster; its URL begins with redis://: %w", feed.ErrInvalid)
	}
	slices.Sort(warnings) // the masters answer in any order
	return warnings, c.wrap("check", err)
}

// inspect is Check of one server.
func (c *Client) inspect(ctx context.Context, m *redis.Client) (warnings []string, err error) {
	if err := m.Ping(ctx).Err(); err != nil {
		return nil, err
	}
	cluster, err := info(ctx, m, "cluster")
	if err != nil {
		return nil, err
	}
	if cluster["cluster_enabled"] == "1" && !c.clustered() {
		return nil, fmt.Errorf("the server is one of a Cluster; the URL for all of it begins with redis+cluster://: %w", feed.ErrInvalid)
	}
	s, err := settings(ctx, m)
	if err != nil {
		return nil, err
	}
	switch policy, ok := s["maxmemory-policy"]; {
	case !ok:
		warnings = append(warnings,
			"the server does not tell its maxmemory-policy: make sure that it is noeviction, or posts may vanish")
	case strings.HasPrefix(policy, "allkeys-"):
		return warnings, fmt.Errorf("maxmemory-policy is %s, under which posts vanish when memory is full; set it to noeviction: %w",
			policy, feed.ErrInvalid)
	}
	replication, err := info(ctx, m, "replication")
	if err != nil {
		return nil, err
	}
	if risk := persistence(s); risk != "" {
		warnings = append(warnings, risk)
	}
	if risk := c.durability(s["appendfsync"], replication["connected_slaves"]); risk != "" {
		warnings = append(warnings, risk)
	}
	return warnings, nil
}

// persistence returns what is risky about how a server keeps its data, or "".
func persistence(s map[string]string) string {
	aof, aofKnown := s["appendonly"]
	save, saveKnown := s["save"]
	switch {
	case aof == "yes":
		return ""
	case !aofKnown:
		return "the server does not tell whether it persists: make sure that appendonly is on, or posts are lost with the process"
	case saveKnown && save == "":
		return "the server has neither an append-only file nor snapshots: all posts are lost when it stops; set appendonly yes"
	default:
		return "the server has no append-only file: posts since its last snapshot are lost when it crashes; set appendonly yes"
	}
}

// durability returns how a write that was acknowledged may be lost although the server persists, or "". What the server
// does not tell is "", too.
func (c *Client) durability(fsync, replicas string) string {
	switch {
	case c.confirm > 0 && replicas == "0":
		return "the server has no replica now: with durability replicas no write counts as confirmed"
	case c.confirm > 0:
		return ""
	case replicas != "" && replicas != "0":
		return "a failover may lose posts that were acknowledged just before it; set durability to replicas for posts over HTTP"
	case fsync != "" && fsync != "always":
		return "appendfsync is " + fsync + ": acknowledged posts of the last moments are lost when the machine fails; set it to always"
	default:
		return ""
	}
}

// settings returns what is known of a server's configuration, by the names that CONFIG uses. A server that refuses to
// tell is no error; one that can't be reached is.
func settings(ctx context.Context, m *redis.Client) (map[string]string, error) {
	s := map[string]string{}
	for _, name := range []string{"maxmemory-policy", "appendonly", "save", "appendfsync"} {
		values, err := m.ConfigGet(ctx, name).Result()
		if err != nil && (unavailable(err) || !isReply(err)) {
			return nil, err
		}
		maps.Copy(s, values)
	}
	if _, ok := s["maxmemory-policy"]; !ok {
		memory, err := info(ctx, m, "memory")
		if err != nil {
			return nil, err
		}
		if v, ok := memory["maxmemory_policy"]; ok {
			s["maxmemory-policy"] = v
		}
	}
	if _, ok := s["appendonly"]; !ok {
		persistence, err := info(ctx, m, "persistence")
		if err != nil {
			return nil, err
		}
		if v, ok := persistence["aof_enabled"]; ok {
			s["appendonly"] = map[string]string{"1": "yes"}[v]
		}
	}
	if s["appendonly"] != "yes" {
		delete(s, "appendfsync") // means nothing then
	}
	return s, nil
}

// info returns the fields of a section of INFO, none if the server refuses to tell.
func info(ctx context.Context, c redis.UniversalClient, section string) (map[string]string, error) {
	text, err := c.Info(ctx, section).Result()
	if err != nil {
		if unavailable(err) || !isReply(err) {
			return nil, err
		}
		return nil, nil
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[k] = v
		}
	}
	return fields, nil
}

// isReply reports whether err is an error that the server answered, and not one of getting there.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

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
