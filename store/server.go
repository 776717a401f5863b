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

// Check checks the configuration of the server, or of each master of a Cluster. It returns an error of kind
// [feed.ErrInvalid] if a server evicts posts when its memory is full (the policies allkeys-*) or is not the kind of
// server that the URL specifies. It returns warnings to the operator about missing persistence, about writes that a
// crash or a failover may lose, and about settings that it cannot read. It uses CONFIG and, where that is
// forbidden, INFO.
func (c *Client) Check(ctx context.Context) (warnings []string, err error) {
	var mu sync.Mutex
	err = c.eachMaster(ctx, func(ctx context.Context, m *redis.Client) error {
		risks, err := c.inspect(ctx, m)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range risks {
			if c.Clustered() {
				r = m.Options().Addr + ": " + r
			}
			warnings = append(warnings, r)
		}
		if err != nil && c.Clustered() {
			err = fmt.Errorf("%s: %w", m.Options().Addr, err)
		}
		return err
	})
	if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
		err = fmt.Errorf("the server is not part of a Cluster; use a URL that begins with redis://: %w", feed.ErrInvalid)
	}
	slices.Sort(warnings) // masters reply in no particular order
	return warnings, c.wrap("check", err)
}

// inspect checks one server.
func (c *Client) inspect(ctx context.Context, m *redis.Client) (warnings []string, err error) {
	if err := m.Ping(ctx).Err(); err != nil {
		return nil, err
	}
	cluster, err := info(ctx, m, "cluster")
	if err != nil {
		return nil, err
	}
	if cluster["cluster_enabled"] == "1" && !c.Clustered() {
		return nil, fmt.Errorf("the server is part of a Cluster; use a URL that begins with redis+cluster://: %w",
			feed.ErrInvalid)
	}
	s, err := settings(ctx, m)
	if err != nil {
		return nil, err
	}
	switch policy, ok := s["maxmemory-policy"]; {
	case !ok:
		warnings = append(warnings,
			"the server does not reveal its maxmemory-policy: ensure that it is noeviction, or posts may be evicted")
	case strings.HasPrefix(policy, "allkeys-"):
		return warnings, fmt.Errorf("maxmemory-policy is %s, which evicts posts when memory is full; "+
			"set it to noeviction: %w", policy, feed.ErrInvalid)
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

// persistence returns a warning about a server's persistence, or "".
func persistence(s map[string]string) string {
	aof, aofKnown := s["appendonly"]
	save, saveKnown := s["save"]
	switch {
	case aof == "yes":
		return ""
	case !aofKnown:
		return "the server does not reveal whether it persists data: " +
			"ensure that appendonly is yes, or posts are lost when it stops"
	case saveKnown && save == "":
		return "the server has neither an append-only file nor snapshots: all posts are lost when it stops; " +
			"set appendonly yes"
	default:
		return "the server has no append-only file: posts since its last snapshot are lost when it crashes; " +
			"set appendonly yes"
	}
}

// durability returns a warning if an acknowledged write may be lost although the server persists data, or "". An
// argument is "" if the server does not reveal the setting.
func (c *Client) durability(fsync, replicas string) string {
	switch {
	case c.confirm > 0 && replicas == "0":
		return "durability is replicas, but the server has no replica now, so no write is confirmed"
	case c.confirm > 0:
		return ""
	case replicas != "" && replicas != "0":
		return "a failover may lose posts that were acknowledged just before it; " +
			"set durability to replicas for posts that are submitted over HTTP"
	case fsync != "" && fsync != "always":
		return "appendfsync is " + fsync + ": posts acknowledged just before a crash of the machine are lost; " +
			"set it to always"
	default:
		return ""
	}
}

// settings returns the known settings of a server, keyed by their names in CONFIG. It is not an error if a server
// forbids CONFIG or INFO, but it is an error if a server cannot be reached.
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
		delete(s, "appendfsync") // appendfsync has no effect without an append-only file
	}
	return s, nil
}

// info returns the fields in a section of INFO, or no fields if the server forbids the command.
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

// isReply reports whether err is an error reply of the server rather than a network error.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// master returns the client of the server that has the site's slot; without a Cluster, that is the pool itself. It is
// used for commands without a key (SCAN, INFO, WAIT), which a Cluster client would send to any server. For sites with
// the same master, it returns the same client. The caller must not keep the client, since the slot may move; commands
// then fail with an error of kind [feed.ErrUnavailable] rather than follow the slot.
func (s *Site) master(ctx context.Context, pool redis.UniversalClient) (*redis.Client, error) {
	switch p := pool.(type) {
	case *redis.Client:
		return p, nil
	case *redis.ClusterClient:
		return p.MasterForKey(ctx, s.keys.absent())
	default:
		return nil, fmt.Errorf("cannot find the masters of a client of type %T: %w", pool, feed.ErrInvalid)
	}
}

// incarnation returns the run id of m's server, or "" if the server does not reveal it. It returns an error if the
// server is not the master of the site's slot. A SCAN is complete only if the incarnation was the same before and after
// it: another server, or the same server after a restart, accepts a cursor that it did not return and silently skips
// keys.
func (s *Site) incarnation(ctx context.Context, m *redis.Client) (string, error) {
	// A server of a Cluster replies MOVED or ASK if the slot has moved or is being moved.
	if err := m.Exists(ctx, s.keys.absent()).Err(); err != nil {
		return "", err
	}
	info, err := info(ctx, m, "server")
	return info["run_id"], err
}

// Clustered reports whether sites may be on different servers.
func (c *Client) Clustered() bool {
	_, ok := c.build.(*redis.ClusterClient)
	return ok
}

// eachMaster calls f for each master, concurrently in a Cluster, and returns the first error.
func (c *Client) eachMaster(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	switch p := c.build.(type) {
	case *redis.Client:
		return f(ctx, p)
	case *redis.ClusterClient:
		return p.ForEachMaster(ctx, f)
	default:
		return fmt.Errorf("cannot find the masters of a client of type %T: %w", c.build, feed.ErrInvalid)
	}
}
