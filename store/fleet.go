package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Report tells the site's other processes of a member for the time to live; reporting again tells it anew. It costs one
// small write.
func (s *Site) Report(ctx context.Context, m feed.Member, ttl time.Duration) error {
	if m.ID == "" {
		return s.client.wrap("report", fmt.Errorf("a member without an id: %w", feed.ErrInvalid))
	}
	b, err := json.Marshal(m)
	if err != nil {
		return s.client.wrap("report", err)
	}
	// The set first: a name without a report is forgotten, a report without a name would not be found.
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.SAdd(ctx, s.keys.fleet(), m.ID)
		p.Set(ctx, s.keys.member(m.ID), b, ttl)
		return nil
	})
	return s.client.wrap("report", err)
}

// Leave forgets a member at once, as its time to live would later.
func (s *Site) Leave(ctx context.Context, id string) error {
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, s.keys.member(id))
		p.SRem(ctx, s.keys.fleet(), id)
		return nil
	})
	return s.client.wrap("leave", err)
}

// Members returns the members whose last report still lives, by id. One that cannot be read, which a later release may
// have written, is there with its id only.
func (s *Site) Members(ctx context.Context) ([]feed.Member, error) {
	ids, err := s.client.build.SMembers(ctx, s.keys.fleet()).Result()
	if err != nil || len(ids) == 0 {
		return nil, s.client.wrap("members", err)
	}
	slices.Sort(ids)
	reports, err := s.client.build.MGet(ctx, mapKeys(ids, s.keys.member)...).Result()
	if err != nil {
		return nil, s.client.wrap("members", err)
	}
	members := make([]feed.Member, 0, len(ids))
	var silent []string
	for i, id := range ids {
		text, ok := reports[i].(string)
		if !ok {
			silent = append(silent, id)
			continue
		}
		var m feed.Member
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			s.client.log.Warn("a process's report is not readable", "site", string(s.keys), "id", id, "error", err)
			m = feed.Member{}
		}
		m.ID = id
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b feed.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members, s.client.wrap("members", s.forget(ctx, silent))
}

// forget takes members off the list that have no report.
func (s *Site) forget(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	keys := append([]string{s.keys.fleet()}, mapKeys(ids, s.keys.member)...)
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return run(ctx, s.client.build, forgetMembersSource, keys, args...).Err()
}

// The schema of what this package stores. A release that stores something in another way gets the next number, reads and
// writes the ones before too, and leaves a site at its number until an upgrade raises it.
const (
	// SchemaVersion is the newest schema, which this program was made for.
	SchemaVersion = 1
	// SchemaReader is the oldest program, by its SchemaVersion, that may read what this one stores.
	SchemaReader = 1
	// SchemaWriter is the oldest program, by its SchemaVersion, that may write beside this one.
	SchemaWriter = 1
)

// Schema returns what the site says of its data; the zero Schema if it says nothing yet. A schema that can't be read is
// an error of kind [feed.ErrInvalid].
func (s *Site) Schema(ctx context.Context) (feed.Schema, error) {
	stored, err := s.client.build.HGetAll(ctx, s.keys.schema()).Result()
	if err != nil || len(stored) == 0 {
		return feed.Schema{}, s.client.wrap("schema", err)
	}
	var x feed.Schema
	for _, f := range []struct {
		name string
		to   *int
	}{{"version", &x.Version}, {"reader", &x.Reader}, {"writer", &x.Writer}, {"renderer", &x.Renderer}} {
		if *f.to, err = strconv.Atoi(stored[f.name]); err != nil {
			return feed.Schema{}, s.client.wrap("schema", fmt.Errorf("%s: %w: %w", f.name, feed.ErrInvalid, err))
		}
	}
	since, err := strconv.ParseInt(stored["since"], 10, 64)
	if err != nil {
		return feed.Schema{}, s.client.wrap("schema", fmt.Errorf("since: %w: %w", feed.ErrInvalid, err))
	}
	x.Since = feed.Token(since)
	return x, nil
}

// Decide makes a schema the site's and returns it with its Since, which is greater than any token that the store has
// given out, and at least the one that the given schema has. Builders with earlier tokens are refused from then on.
// If the site's schema is not the one that was read, nothing is decided and the error is of kind [feed.ErrStale].
func (s *Site) SetSchema(ctx context.Context, read, schema feed.Schema) (feed.Schema, error) {
	reply, err := words(ctx, s.client.once, setSchemaSource, []string{s.keys.schema(), s.keys.token()},
		int64(read.Since), int64(schema.Since), schema.Version, schema.Reader, schema.Writer, schema.Renderer)
	if err == nil && (len(reply) != 2 || reply[0] != "ok") {
		err = fmt.Errorf("another decision was made meanwhile: %w", feed.ErrStale)
	}
	if err != nil {
		return feed.Schema{}, s.client.wrap("decide on the schema", err)
	}
	since, err := strconv.ParseInt(reply[1], 10, 64)
	schema.Since = feed.Token(since)
	return schema, s.client.wrap("decide on the schema", err)
}
