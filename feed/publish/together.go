package publish

import (
	"context"
	"sync"
)

// together runs functions at the same time, and returns the first error. After an error, the context of all functions
// is canceled. The first function runs in the calling goroutine, since a process may have thousands of sites, and each
// goroutine needs memory.
func together(ctx context.Context, first func(context.Context) error, others ...func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var once sync.Once
	var failed error
	run := func(f func(context.Context) error) {
		if err := f(ctx); err != nil {
			once.Do(func() {
				failed = err
				stop(err)
			})
		}
	}
	var g sync.WaitGroup
	for _, f := range others {
		g.Go(func() { run(f) })
	}
	run(first)
	g.Wait()
	return failed
}
