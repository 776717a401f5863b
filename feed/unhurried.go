package feed

import "context"

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
