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

// Report publishes the state of this process to the site's other processes for ttl. It replaces the previous report. It
// returns what [Site.Members] and [Site.Schema] return, in one round trip if there are no other processes.
func (s *Site) Report(ctx context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error) {
	members, schema, err := s.report(ctx, m, ttl)
	return members, schema, s.client.wrap("report", err)
}

func (s *Site) report(ctx context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error) {
	if m.ID == "" {
		return nil, feed.Schema{}, fmt.Errorf("member has no id: %w", feed.ErrInvalid)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, feed.Schema{}, err
	}
	// Add the id to the set first: an id without a report is removed later, but a report without its id in the set
	// would never be found.
	var add *redis.IntCmd
	var set *redis.StatusCmd
	var listed *redis.StringSliceCmd
	var stored *redis.MapStringStringCmd
	err = s.pipelined(ctx, func(p redis.Pipeliner) {
		add, set = p.SAdd(ctx, s.keys.fleet(), m.ID), p.Set(ctx, s.keys.member(m.ID), b, ttl)
		listed, stored = p.SMembers(ctx, s.keys.fleet()), p.HGetAll(ctx, s.keys.schema())
	})
	if err == nil {
		err = cmp.Or(add.Err(), set.Err(), listed.Err(), stored.Err())
	}
	if err != nil {
		return nil, feed.Schema{}, err
	}
	schema, err := decodeSchema(stored.Val())
	if err != nil {
		return nil, feed.Schema{}, err
	}
	others := slices.DeleteFunc(listed.Val(), func(id string) bool { return id == m.ID })
	members, err := s.members(ctx, others)
	if err != nil {
		return nil, feed.Schema{}, err
	}
	members = append(members, m)
	slices.SortFunc(members, compareIDs)
	return members, schema, nil
}

func compareIDs(a, b feed.Member) int { return cmp.Compare(a.ID, b.ID) }

// Leave removes a member before its report expires.
func (s *Site) Leave(ctx context.Context, id string) error {
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, s.keys.member(id))
		p.SRem(ctx, s.keys.fleet(), id)
		return nil
	})
	return s.client.wrap("leave", err)
}

// Members returns the members whose reports have not expired, ordered by id. If a report cannot be decoded, for example
// because a later release wrote it, only the ID is set.
func (s *Site) Members(ctx context.Context) ([]feed.Member, error) {
	var listed *redis.StringSliceCmd
	if err := s.pipelined(ctx, func(p redis.Pipeliner) { listed = p.SMembers(ctx, s.keys.fleet()) }); err != nil {
		return nil, s.client.wrap("members", err)
	}
	ids, err := listed.Result()
	if err != nil {
		return nil, s.client.wrap("members", err)
	}
	members, err := s.members(ctx, ids)
	return members, s.client.wrap("members", err)
}

// members returns the given members, except for those whose reports have expired, and removes these from the set.
func (s *Site) members(ctx context.Context, ids []string) ([]feed.Member, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var values *redis.SliceCmd
	if err := s.pipelined(ctx, func(p redis.Pipeliner) {
		values = p.MGet(ctx, mapKeys(ids, s.keys.member)...)
	}); err != nil {
		return nil, err
	}
	reports, err := values.Result()
	if err != nil {
		return nil, err
	}
	members := make([]feed.Member, 0, len(ids))
	var expired []string
	for i, id := range ids {
		text, ok := reports[i].(string)
		if !ok {
			expired = append(expired, id)
			continue
		}
		var m feed.Member
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			s.client.log.Warn("report of a process cannot be decoded", "site", string(s.keys), "id", id, "error", err)
			m = feed.Member{}
		}
		m.ID = id
		members = append(members, m)
	}
	slices.SortFunc(members, compareIDs)
	return members, s.forget(ctx, expired)
}

// forget removes ids from the set of members. The ids are those of members without a report.
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

// The schema of the data that this package stores. A release that changes the schema increments the number, can still
// read and write the previous schema, and does not upgrade a site until an operator requests it.
const (
	// SchemaVersion is the newest schema that this program supports.
	SchemaVersion = 1
	// SchemaReader is the lowest SchemaVersion of programs that can read data written by this program.
	SchemaReader = 1
	// SchemaWriter is the lowest SchemaVersion of programs that may write the same data as this program.
	SchemaWriter = 1
)

// Schema returns the schema of the site, or the zero Schema if none is recorded yet. If it cannot be decoded, the error
// is of kind [feed.ErrInvalid].
func (s *Site) Schema(ctx context.Context) (feed.Schema, error) {
	var fields *redis.MapStringStringCmd
	if err := s.pipelined(ctx, func(p redis.Pipeliner) { fields = p.HGetAll(ctx, s.keys.schema()) }); err != nil {
		return feed.Schema{}, s.client.wrap("schema", err)
	}
	stored, err := fields.Result()
	if err != nil {
		return feed.Schema{}, s.client.wrap("schema", err)
	}
	x, err := decodeSchema(stored)
	return x, s.client.wrap("schema", err)
}

// decodeSchema returns the schema that is stored in fields. Errors are of kind [feed.ErrInvalid].
func decodeSchema(stored map[string]string) (x feed.Schema, err error) {
	if len(stored) == 0 {
		return x, nil
	}
	for _, f := range []struct {
		name string
		to   *int
	}{{"version", &x.Version}, {"reader", &x.Reader}, {"writer", &x.Writer}, {"renderer", &x.Renderer}} {
		if *f.to, err = strconv.Atoi(stored[f.name]); err != nil {
			return feed.Schema{}, fmt.Errorf("schema: %s: %w: %w", f.name, feed.ErrInvalid, err)
		}
	}
	since, err := strconv.ParseInt(stored["since"], 10, 64)
	if err != nil {
		return feed.Schema{}, fmt.Errorf("schema: since: %w: %w", feed.ErrInvalid, err)
	}
	x.Since = feed.Token(since)
	return x, nil
}

// SetSchema replaces the schema of the site and returns the new one with its Since: a fencing token that is greater
// than all tokens of the store and at least schema.Since. Builders with earlier tokens can no longer write. If the
// stored schema differs from the one that was read, nothing is changed and the error is of kind [feed.ErrStale].
func (s *Site) SetSchema(ctx context.Context, read, schema feed.Schema) (feed.Schema, error) {
	reply, err := words(ctx, s.client.once, setSchemaSource, []string{s.keys.schema(), s.keys.token()},
		int64(read.Since), int64(schema.Since), schema.Version, schema.Reader, schema.Writer, schema.Renderer)
	if err == nil && (len(reply) != 2 || reply[0] != "ok") {
		err = fmt.Errorf("the schema was changed by another process: %w", feed.ErrStale)
	}
	if err != nil {
		return feed.Schema{}, s.client.wrap("set schema", err)
	}
	since, err := strconv.ParseInt(reply[1], 10, 64)
	schema.Since = feed.Token(since)
	return schema, s.client.wrap("set schema", err)
}
