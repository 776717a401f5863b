package feed

import (
	"context"
	"time"
)

// UnhurriedInterval is the interval at which a store with many sites sends the calls of [Unhurried], at multiples of
// the interval since 1970.
const UnhurriedInterval = 250 * time.Millisecond

type unhurriedKey struct{}

// Unhurried returns a context for calls to the store that nothing waits for. A store with many sites sends such calls
// together, up to a quarter of a second later, which costs less.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, unhurriedKey{}, true)
}

// IsUnhurried reports whether ctx was returned by [Unhurried], or derived from it.
func IsUnhurried(ctx context.Context) bool {
	unhurried, _ := ctx.Value(unhurriedKey{}).(bool)
	return unhurried
}

// UnhurriedWait returns how long to wait, starting now, before a periodic task: at least the given time, and at most an
// [UnhurriedInterval] longer. It ends shortly before a store sends the calls of [Unhurried], so that an idle process
// with many sites wakes up a few times a second rather than for each task. A wait of less than two seconds is not
// extended.
func UnhurriedWait(now time.Time, wait time.Duration) time.Duration {
	const (
		minExtended = 2 * time.Second
		lead        = UnhurriedInterval / 10 // enough for the tasks to add their calls
	)
	if wait < minExtended {
		return wait
	}
	late := time.Duration(now.Add(wait+lead).UnixNano() % int64(UnhurriedInterval))
	return wait + (UnhurriedInterval-late)%UnhurriedInterval
}
