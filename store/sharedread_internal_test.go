package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// blockingStreams is a hook that replies to XREAD like a server whose reads block.
type blockingStreams struct {
	mu      sync.Mutex
	last    map[string]string // id of the last entry, by stream
	added   chan struct{}     // closed and replaced when an entry is added
	err     error             // if not nil, the reply to every command
	silent  bool              // if set, the server never replies
	blocked int               // number of reads that are blocked now
	most    int               // greatest number of reads that were blocked at the same time
	reads   int               // number of reads so far
	streams int               // greatest number of streams in one read
}

func (b *blockingStreams) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		x := cmd.(*redis.XStreamSliceCmd)
		args := x.Args()[slices.Index(x.Args(), any("streams"))+1:]
		block, _ := x.Args()[slices.Index(x.Args(), any("block"))+1].(int64)
		err := b.read(ctx, x, args[:len(args)/2], args[len(args)/2:], time.Duration(block)*time.Millisecond)
		if err != nil {
			x.SetErr(err)
		}
		return err
	}
}

func (b *blockingStreams) read(ctx context.Context, x *redis.XStreamSliceCmd, names, positions []any, block time.Duration) error {
	timeout := time.After(block)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	b.blocked++
	defer func() { b.blocked-- }()
	b.most, b.streams = max(b.most, b.blocked), max(b.streams, len(names))
	for {
		if b.err != nil {
			return b.err
		}
		var reply []redis.XStream
		for i, n := range names {
			if name := n.(string); b.last[name] > positions[i].(string) {
				reply = append(reply, redis.XStream{Stream: name, Messages: []redis.XMessage{{ID: b.last[name]}}})
			}
		}
		if len(reply) > 0 && !b.silent {
			x.SetVal(reply)
			return nil
		}
		added, silent := b.added, b.silent
		b.mu.Unlock()
		if silent {
			<-ctx.Done()
			b.mu.Lock()
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			b.mu.Lock()
			return ctx.Err()
		case <-timeout:
			b.mu.Lock()
			return redis.Nil
		case <-added:
			b.mu.Lock()
		}
	}
}

func (b *blockingStreams) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (b *blockingStreams) DialHook(next redis.DialHook) redis.DialHook { return next }

// change changes the state of the server and wakes the blocked reads.
func (b *blockingStreams) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.added)
	b.added = make(chan struct{})
}

func newTestReads(b *blockingStreams) *sharedReads {
	c := redis.NewClient(&redis.Options{
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	c.AddHook(b)
	return newSharedReads(c, 800*time.Millisecond)
}

// startShared starts a wait for a stream and returns a channel for its outcome.
func startShared(ctx context.Context, r *sharedReads, stream, after string, wait time.Duration) <-chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		found, err := r.await(ctx, stream, after, start.Add(wait))
		done <- outcome{found, err, time.Since(start)}
	}()
	synctest.Wait()
	return done
}

func TestSharedReads(t *testing.T) {
	broken := errors.New("broken")
	const late = 225 * time.Millisecond // see feed.UnhurriedWait
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, b *blockingStreams, r *sharedReads)
	}{
		{"a new entry is found at once", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			x, y := startShared(t.Context(), r, "x", "1-0", time.Minute), startShared(t.Context(), r, "y", "1-0", 5*time.Second)
			time.Sleep(3300 * time.Millisecond)
			b.change(func() { b.last["x"] = "2-0" })
			wantOutcome(t, "wait for the changed stream", x, outcome{Found: true, After: 3300 * time.Millisecond})
			wantOutcome(t, "wait for another stream", y, outcome{After: 5*time.Second + late})
			if !r.reading("y", "1-0") || r.reading("y", "0-0") || r.reading("x", "1-0") {
				t.Error("reading does not report the streams and positions of the reads")
			}
		}},
		{"an entry from before the wait is found at once", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			b.last["x"] = "2-0"
			wantOutcome(t, "wait", startShared(t.Context(), r, "x", "1-0", time.Minute), outcome{Found: true})
			wantOutcome(t, "wait after it", startShared(t.Context(), r, "x", "2-0", 2*time.Second), outcome{After: 2*time.Second + late})
		}},
		{"two positions of one stream", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			b.last["x"] = "2-0"
			level := startShared(t.Context(), r, "x", "2-0", 10*time.Second)
			behind := startShared(t.Context(), r, "x", "1-0", 10*time.Second)
			wantOutcome(t, "wait of a call that must read again", behind, outcome{Found: true, After: pollInterval})
			wantOutcome(t, "wait after the last entry", level, outcome{After: 10*time.Second + late})
		}},
		{"an error ends all waits", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			x, y := startShared(t.Context(), r, "x", "0-0", time.Minute), startShared(t.Context(), r, "y", "0-0", time.Minute)
			time.Sleep(5 * time.Second)
			b.change(func() { b.err = broken })
			wantOutcome(t, "first wait", x, outcome{Err: broken, After: 5 * time.Second})
			wantOutcome(t, "second wait", y, outcome{Err: broken, After: 5 * time.Second})
			b.change(func() { b.err, b.last["x"] = nil, "1-0" })
			wantOutcome(t, "next wait", startShared(t.Context(), r, "x", "0-0", time.Minute), outcome{Found: true})
		}},
		{"a server that does not reply is an error", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			b.silent = true
			wantOutcome(t, "wait", startShared(t.Context(), r, "x", "0-0", time.Minute),
				outcome{Err: context.DeadlineExceeded, After: shortBlock + 800*time.Millisecond})
		}},
		{"a canceled context ends a wait", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
			defer cancel()
			x := startShared(ctx, r, "x", "0-0", time.Hour)
			wantOutcome(t, "wait", x, outcome{Err: context.DeadlineExceeded, After: 1100 * time.Millisecond})
		}},
		{"close ends waits", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			x := startShared(t.Context(), r, "x", "0-0", time.Hour)
			r.close()
			wantOutcome(t, "wait before close", x, outcome{Err: redis.ErrClosed})
			late := startShared(t.Context(), r, "x", "0-0", time.Hour)
			wantOutcome(t, "wait after close", late, outcome{Err: redis.ErrClosed})
		}},
		{"no reads without waits", func(t *testing.T, b *blockingStreams, r *sharedReads) {
			<-startShared(t.Context(), r, "x", "0-0", 15*time.Second)
			time.Sleep(time.Hour)
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.reads > 4 {
				t.Errorf("%d reads in an hour after a wait of 15 s, want at most 4", b.reads)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &blockingStreams{last: map[string]string{}, added: make(chan struct{})}
				r := newTestReads(b)
				tt.run(t, b, r)
				r.close()
			})
		})
	}
}

// TestSharedReadsOfManyStreams checks that a change of one of 3,000 streams is found at once, that repeated waits keep
// their streams in the same reads, and that the number of reads and connections is bounded.
func TestSharedReadsOfManyStreams(t *testing.T) {
	const number, seconds = 3000, 20
	synctest.Test(t, func(t *testing.T) {
		b := &blockingStreams{last: map[string]string{}, added: make(chan struct{})}
		r := newTestReads(b)
		ctx, cancel := context.WithCancel(t.Context())
		found := make(chan string, number)
		for i := range number {
			stream := fmt.Sprint("stream-", i)
			go func() {
				for after := "0-0"; ctx.Err() == nil; {
					if ok, _ := r.await(ctx, stream, after, time.Now().Add(2*time.Second)); ok {
						after = "1-0"
						found <- stream
					}
				}
			}()
		}
		time.Sleep(2 * longBlock)
		b.mu.Lock()
		before := b.reads
		b.most, b.streams = 0, 0
		b.mu.Unlock()
		time.Sleep(seconds * time.Second)
		b.mu.Lock()
		if reads := b.reads - before; reads > 4*maxShared || b.most > maxShared || b.streams > 300 {
			t.Errorf("%d reads in %d s, %d at the same time, of up to %d streams; want at most %d, %d and 300",
				reads, seconds, b.most, b.streams, 4*maxShared, maxShared)
		}
		b.mu.Unlock()
		for i := range 10 {
			stream := fmt.Sprint("stream-", 7+i*299)
			start := time.Now()
			b.change(func() { b.last[stream] = "1-0" })
			if got := <-found; got != stream || time.Since(start) > 0 {
				t.Errorf("%s was found %v after a change of %s, want it found at once", got, time.Since(start), stream)
			}
			time.Sleep(700 * time.Millisecond)
		}
		cancel()
		r.close()
	})
}
