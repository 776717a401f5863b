package publish

import (
	"context"
	"errors"
	"testing"

	"feedpub/feed"
)

// endingIndex is an index whose reader's term ends while it is read.
type endingIndex struct {
	indexReader
	end func()
}

func (x endingIndex) Select(ctx context.Context, _ feed.Name, _ int) ([]string, error) {
	x.end()
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestRequestAtEndOfTerm checks what a rebuild is told that waits for a scan when the builder's term ends: if the token
// was superseded, the next term must perform the rebuild, so it must not fail with the context of the term.
func TestRequestAtEndOfTerm(t *testing.T) {
	for _, tt := range []struct{ cause, want error }{{errSuperseded, errSuperseded}, {errLeaseLost, errLeaseLost}, {nil, errLeaseLost}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := &reconciler{index: endingIndex{end: func() { cancel(tt.cause) }}}
		s := r.start()
		done := make(chan error, 1)
		go func() { done <- r.run(ctx, 1, s) }()
		if err := r.request(t.Context(), 1); !errors.Is(err, tt.want) {
			t.Errorf("request in a term that ends with %v: %v, want %v", tt.cause, err, tt.want)
		}
		if err := <-done; err == nil {
			t.Error("run returns no error after the end of its term")
		}
	}
}
