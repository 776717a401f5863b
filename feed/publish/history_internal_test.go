package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"feedpub/feed"
)

// recorded is a RunStore that counts runs.
type recorded int

func (n *recorded) AddRun(context.Context, feed.Run) error {
	*n++
	return nil
}

// TestStoppedStartIsSilent checks that a process that stops during its first rebuild does not record a failure, unless
// the rebuild had an effect or failed for a different reason.
func TestStoppedStartIsSilent(t *testing.T) {
	stopped := fmt.Errorf("publish due posts: %w", context.Canceled)
	for _, tt := range []struct {
		trigger  feed.Trigger
		absorbed int
		err      error
		want     recorded
	}{
		{feed.StartTrigger, 0, stopped, 0},
		{feed.TakeoverTrigger, 0, stopped, 0},
		{feed.StartTrigger, 1, stopped, 1},
		{feed.StartTrigger, 0, errors.New("no space left"), 1},
		{feed.StartTrigger, 0, nil, 1},
		{feed.CommandTrigger, 0, stopped, 1},
	} {
		var got recorded
		h := &history{store: &got, clock: time.Now, logger: slog.New(slog.DiscardHandler)}
		ctx, a := h.begin(t.Context(), feed.Cause{Trigger: tt.trigger})
		a.absorbed.posts = tt.absorbed
		a.end(ctx, tt.err)
		if got != tt.want {
			t.Errorf("%s, %d posts absorbed, error %v: %d runs are recorded; want %d",
				tt.trigger, tt.absorbed, tt.err, got, tt.want)
		}
	}
}
