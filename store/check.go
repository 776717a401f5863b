package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Check looks at how the server is set up before it is relied on. It returns an error of kind [feed.ErrInvalid] if the
// server would evict posts when its memory is full (a policy of allkeys-*: posts vanish without a word), and sentences
// for the operator about what is risky: no persistence, or settings that the server doesn't tell. It asks CONFIG and,
// where that is forbidden, INFO.
func (c *Client) Check(ctx context.Context) (warnings []string, err error) {
	if err := c.Ping(ctx); err != nil {
		return nil, err
	}
	s, err := c.settings(ctx)
	if err != nil {
		return nil, c.wrap("check", err)
	}
	switch policy, ok := s["maxmemory-policy"]; {
	case !ok:
		warnings = append(warnings,
			"the server does not tell its maxmemory-policy: make sure that it is noeviction, or posts may vanish")
	case strings.HasPrefix(policy, "allkeys-"):
		return warnings, c.wrap("check", fmt.Errorf(
			"maxmemory-policy is %s, under which posts vanish when memory is full; set it to noeviction: %w",
			policy, feed.ErrInvalid))
	}
	aof, aofKnown := s["appendonly"]
	save, saveKnown := s["save"]
	switch {
	case aof == "yes":
	case !aofKnown:
		warnings = append(warnings,
			"the server does not tell whether it persists: make sure that appendonly is on, or posts are lost with the process")
	case saveKnown && save == "":
		warnings = append(warnings,
			"the server has neither an append-only file nor snapshots: all posts are lost when it stops; set appendonly yes")
	default:
		warnings = append(warnings,
			"the server has no append-only file: posts since its last snapshot are lost when it crashes; set appendonly yes")
	}
	return warnings, nil
}

// settings returns what is known of the server's configuration, by the names that CONFIG uses. A server that refuses to
// tell is no error; one that can't be reached is.
func (c *Client) settings(ctx context.Context) (map[string]string, error) {
	s := map[string]string{}
	for _, name := range []string{"maxmemory-policy", "appendonly", "save"} {
		m, err := c.build.ConfigGet(ctx, name).Result()
		if err != nil && unavailable(err) {
			return nil, err
		}
		maps.Copy(s, m)
	}
	if _, ok := s["maxmemory-policy"]; !ok {
		info, err := info(ctx, c.build, "memory")
		if err != nil {
			return nil, err
		}
		if v, ok := info["maxmemory_policy"]; ok {
			s["maxmemory-policy"] = v
		}
	}
	if _, ok := s["appendonly"]; !ok {
		info, err := info(ctx, c.build, "persistence")
		if err != nil {
			return nil, err
		}
		if v, ok := info["aof_enabled"]; ok {
			s["appendonly"] = map[string]string{"1": "yes"}[v]
		}
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
