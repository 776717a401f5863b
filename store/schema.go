package store

import (
	"context"
	"fmt"
	"strconv"

	"feedpub/feed"
)

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
	reply, err := words(ctx, s.client.once, schemaSource, []string{s.keys.schema(), s.keys.token()},
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
