package store

import (
	"context"
	_ "embed" // for the scripts
	"fmt"

	"github.com/redis/go-redis/v9"
)

// The scripts use only what miniredis has too: no cmsgpack, struct or bit, no shebang, no ZMSCORE. Numbers that may
// exceed 14 digits are formatted, since Lua would write them with an exponent.
var (
	//go:embed absorb.lua
	absorbSource string
	//go:embed acquire.lua
	acquireSource string
	//go:embed close.lua
	closeSource string
	//go:embed commit.lua
	commitSource string
	//go:embed mark.lua
	markSource string
	//go:embed problem.lua
	problemSource string
	//go:embed release.lua
	releaseSource string
	//go:embed renew.lua
	renewSource string
	//go:embed restore.lua
	restoreSource string
	//go:embed seed.lua
	seedSource string
)

// run runs a script by its hash, sending its text only when the server does not know it. Never in a pipeline, where
// the text could not be sent again.
func run(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) *redis.Cmd {
	return redis.NewScript(source).Run(ctx, c, keys, args...)
}

// status runs a script that answers one word.
func status(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) (string, error) {
	return run(ctx, c, source, keys, args...).Text()
}

// words runs a script that answers a list of words, the first of which says how it went.
func words(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) ([]string, error) {
	reply, err := run(ctx, c, source, keys, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	if len(reply) == 0 {
		return nil, fmt.Errorf("script answered nothing")
	}
	return reply, nil
}
