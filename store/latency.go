package store

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// The outcomes that [Client.Observe] reports.
const (
	CallOK          = "ok"
	CallTimeout     = "timeout"     // no reply in time
	CallUnavailable = "unavailable" // no connection, or a server that cannot serve now
	CallError       = "error"       // any other error, such as a script that the server rejects
)

// CallOutcomes returns all outcomes of calls.
func CallOutcomes() []string { return []string{CallOK, CallTimeout, CallUnavailable, CallError} }

// Observe sets a function that is called with the outcome and duration of each command or pipeline, including retries,
// except those that wait for new entries. Commands that set up a connection count too. It is called concurrently and
// must not block.
func (c *Client) Observe(f func(outcome string, d time.Duration)) { c.observer.Store(&f) }

// latencyHook reports calls to the function set by [Client.Observe].
type latencyHook struct{ client *Client }

var _ redis.Hook = latencyHook{}

func (h latencyHook) report(start time.Time, err error) {
	f := h.client.observer.Load()
	if f == nil {
		return
	}
	var timeout net.Error
	outcome := CallError
	switch {
	case err == nil, errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "NOSCRIPT"):
		outcome = CallOK // a script that is not loaded is sent again
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		outcome = CallTimeout
	case errors.Is(h.client.wrap("", err), feed.ErrUnavailable):
		outcome = CallUnavailable
	}
	(*f)(outcome, time.Since(start))
}

// DialHook implements [redis.Hook].
func (h latencyHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (h latencyHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		start := time.Now()
		err := next(ctx, cmd)
		h.report(start, err)
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (h latencyHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		start := time.Now()
		err := next(ctx, cmds)
		h.report(start, err)
		return err
	}
}
