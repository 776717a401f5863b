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
	//go:embed lua/absorb.lua
	absorbSource string
	//go:embed lua/acquire.lua
	acquireSource string
	//go:embed lua/add_archives.lua
	addArchivesSource string
	//go:embed lua/commit.lua
	commitSource string
	//go:embed lua/forget_members.lua
	forgetMembersSource string
	//go:embed lua/mark_dirty.lua
	markDirtySource string
	//go:embed lua/set_problem.lua
	setProblemSource string
	//go:embed lua/release.lua
	releaseSource string
	//go:embed lua/renew.lua
	renewSource string
	//go:embed lua/restore_records.lua
	restoreRecordsSource string
	//go:embed lua/set_schema.lua
	setSchemaSource string
	//go:embed lua/restore_head.lua
	restoreHeadSource string
)

// run runs a script by its hash, sending its text only when the server does not know it: each master of a Cluster learns
// it by itself, and a replica that takes over too. Never in a pipeline, where the text could not be sent again.
func run(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) *redis.Cmd {
	return redis.NewScript(source).Run(ctx, c, keys, args...)
}

// unrepeated is a client for scripts that must not be repeated when their reply is lost: the answer to the repetition
// would be that of another question. A Cluster's client still follows a slot that has moved, since then nothing has run.
type unrepeated struct{ redis.UniversalClient }

// EvalSha runs a script by its hash.
func (u unrepeated) EvalSha(ctx context.Context, hash string, keys []string, args ...any) *redis.Cmd {
	return u.eval(ctx, "evalsha", hash, keys, args)
}

// Eval runs a script by its text.
func (u unrepeated) Eval(ctx context.Context, source string, keys []string, args ...any) *redis.Cmd {
	return u.eval(ctx, "eval", source, keys, args)
}

func (u unrepeated) eval(ctx context.Context, name, script string, keys []string, args []any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, name, script, len(keys))
	for _, k := range keys {
		words = append(words, k)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	_ = u.Process(ctx, onceCmd{cmd}) // the command has the error
	return cmd
}

type onceCmd struct{ *redis.Cmd }

// NoRetry says that the command is not to be repeated.
func (onceCmd) NoRetry() bool { return true }

// status runs a script that answers one word.
func status(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) (string, error) {
	return run(ctx, c, source, keys, args...).Text()
}

// words runs a script that answers a list of words, the first of which says how it went.
func words(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) ([]string, error) {
	return wordsOf(run(ctx, c, source, keys, args...))
}

func wordsOf(answer *redis.Cmd) ([]string, error) {
	reply, err := answer.StringSlice()
	if err != nil {
		return nil, err
	}
	if len(reply) == 0 {
		return nil, fmt.Errorf("script answered nothing")
	}
	return reply, nil
}
