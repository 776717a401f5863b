package store

import (
	"context"
	_ "embed" // for the scripts
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// The scripts use only what miniredis supports: no cmsgpack, struct or bit, no shebang, no ZMSCORE. Numbers that may
// have more than 14 digits are formatted explicitly, since Lua would write them with an exponent.
var (
	//go:embed lua/absorb.lua
	absorbSource string
	//go:embed lua/add_publication.lua
	addPublicationSource string
	//go:embed lua/decide.lua
	decideSource string
	//go:embed lua/acquire.lua
	acquireSource string
	//go:embed lua/add_archives.lua
	addArchivesSource string
	//go:embed lua/add_run.lua
	addRunSource string
	//go:embed lua/commit.lua
	commitSource string
	//go:embed lua/forget_members.lua
	forgetMembersSource string
	//go:embed lua/feed_items.lua
	feedItemsSource string
	//go:embed lua/mark_dirty.lua
	markDirtySource string
	//go:embed lua/mark_served.lua
	markServedSource string
	//go:embed lua/now.lua
	nowSource string
	//go:embed lua/push_claim.lua
	pushClaimSource string
	//go:embed lua/push_fan_out.lua
	pushFanOutSource string
	//go:embed lua/push_finish.lua
	pushFinishSource string
	//go:embed lua/push_finish_notice.lua
	pushFinishNoticeSource string
	//go:embed lua/push_forget.lua
	pushForgetSource string
	//go:embed lua/push_next.lua
	pushNextSource string
	//go:embed lua/push_notify.lua
	pushNotifySource string
	//go:embed lua/push_release.lua
	pushReleaseSource string
	//go:embed lua/push_request.lua
	pushRequestSource string
	//go:embed lua/push_subscribe.lua
	pushSubscribeSource string
	//go:embed lua/push_unsubscribe.lua
	pushUnsubscribeSource string
	//go:embed lua/waiting.lua
	waitingSource string
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

// run runs a script with EVALSHA, and sends its text only if the server does not have it, for example after a failover.
// It must not be used in a pipeline, where the text cannot be sent again.
func run(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) *redis.Cmd {
	return redis.NewScript(source).Run(ctx, c, keys, args...)
}

// status runs a script that replies with a string, and returns the string.
func status(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) (string, error) {
	return run(ctx, c, source, keys, args...).Text()
}

// words runs a script that replies with a list of strings. The first string is the outcome.
func words(ctx context.Context, c redis.UniversalClient, source string, keys []string, args ...any) ([]string, error) {
	return wordsOf(run(ctx, c, source, keys, args...))
}

func wordsOf(cmd *redis.Cmd) ([]string, error) {
	reply, err := cmd.StringSlice()
	if err != nil {
		return nil, err
	}
	if len(reply) == 0 {
		return nil, errors.New("script replied with an empty list")
	}
	return reply, nil
}

// errReply returns the error for an unknown reply of a script.
func errReply(reply any) error { return fmt.Errorf("unknown script reply %q", reply) }

// errFenced returns the error for a builder whose token is older than the stored one.
func errFenced(token feed.Token, stored string) error {
	return fmt.Errorf("token %d is older than %s, the token of a later builder: %w", token, stored, feed.ErrStale)
}

// unrepeated is a client for scripts that must not be repeated when their reply is lost, because the second reply would
// differ. A Cluster client still follows a slot that has moved, since in that case the script has not run.
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
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, script, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	_ = u.Process(ctx, onceCmd{cmd}) // the error is in cmd
	return cmd
}

// onceCmd is a command that go-redis does not retry.
type onceCmd struct{ *redis.Cmd }

// NoRetry reports to go-redis that the command must not be retried.
func (onceCmd) NoRetry() bool { return true }
