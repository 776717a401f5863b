package hosting

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/intake"
)

const (
	// maxTryTime limits the time for reading one post in a separate process. maxTryMemory limits the memory of that
	// process, in bytes.
	maxTryTime   = 2 * time.Second
	maxTryMemory = 512 << 20
	// tryTick is the interval at which both limits are checked.
	tryTick = 20 * time.Millisecond
	// maxSilence is the time after which a process that reports nothing is killed. The time to start the process counts.
	maxSilence = 30 * time.Second
	// tryBudget bounds the time that one call of tryPosts spends on all posts. Posts that are left over are rejected for
	// now.
	tryBudget = 30 * time.Second
)

// The exit statuses of a process that tries posts, if a post takes too long or too much memory.
const (
	exitSlow   = 70
	exitGreedy = 71
)

// trial is the input of a process that tries posts, in JSON.
type trial struct {
	Site        feed.Site
	Attribution config.Attribution
	Posts       []trialPost
}

type trialPost struct {
	ID  string
	Raw []byte
}

// TryPosts reads the posts of a trial from r, one after the other, and writes a line to w after each. If a post takes
// too long or too much memory, the process exits at once.
func TryPosts(r io.Reader, w io.Writer) error {
	var t trial
	if err := json.NewDecoder(r).Decode(&t); err != nil {
		return fmt.Errorf("posts to try: %w", err)
	}
	reader, err := NewReader(t.Attribution)
	if err != nil {
		return err
	}
	in := intake.New(t.Site, reader)
	var read atomic.Int64
	done := make(chan struct{})
	defer close(done)
	go limitReading(&read, done)
	for _, p := range t.Posts {
		_, _ = in.Item(p.ID, p.Raw, feed.Record{ID: p.ID, FirstSeen: t.Site.Since}) // the builder reports errors
		read.Add(1)
		if _, err := fmt.Fprintln(w, "read"); err != nil {
			return fmt.Errorf("posts to try: %w", err)
		}
	}
	return nil
}

// limitReading ends the process if a post takes too long or too much memory. It returns when done is closed. read is
// the number of posts read so far.
func limitReading(read *atomic.Int64, done <-chan struct{}) {
	var before int64
	for ticks := 0; ; {
		select {
		case <-done:
			return
		case <-time.After(tryTick):
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapAlloc > maxTryMemory {
			os.Exit(exitGreedy)
		}
		if now := read.Load(); now != before {
			before, ticks = now, 0
		}
		if ticks++; time.Duration(ticks)*tryTick > maxTryTime {
			os.Exit(exitSlow)
		}
	}
}

// tryPosts reads posts in separate processes, and returns the reasons for rejecting those that kill a process or
// take too long.
func (s *Site) tryPosts(ctx context.Context, posts []feed.StoredPost) (map[string]string, error) {
	reasons := map[string]string{}
	for begun := time.Now(); len(posts) > 0; {
		if time.Since(begun) > tryBudget {
			for _, p := range posts {
				reasons[p.ID] = "a builder stopped while reading this post or one of many others"
			}
			break
		}
		n, reason, err := s.tryFrom(ctx, posts)
		if err != nil {
			return nil, err
		}
		if posts = posts[n:]; reason != "" {
			reasons[posts[0].ID] = reason
			posts = posts[1:]
		}
	}
	return reasons, nil
}

// tryFrom reads posts in one separate process. It returns the number of posts that the process read before it ended,
// and the reason why it did not read the next post, or "" if it read all of them.
func (s *Site) tryFrom(ctx context.Context, posts []feed.StoredPost) (read int, reason string, err error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	t := trial{Site: s.Source.Config.FeedSite(), Attribution: s.Source.Config.Attribution}
	for _, p := range posts {
		t.Posts = append(t.Posts, trialPost{p.ID, p.Raw})
	}
	cmd := s.Source.process.Try(running)
	input, err := cmd.StdinPipe()
	if err != nil {
		return 0, "", fmt.Errorf("try posts: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", fmt.Errorf("try posts: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 0, "", fmt.Errorf("try posts: %w", err)
	}
	go func() {
		_ = json.NewEncoder(input).Encode(t) // returns an error if the process has ended
		_ = input.Close()
	}()
	silence := time.AfterFunc(maxSilence, stop)
	defer silence.Stop()
	for lines := bufio.NewScanner(output); lines.Scan(); {
		read++
		silence.Reset(maxSilence)
	}
	err = cmd.Wait()
	if read == len(posts) {
		return read, "", nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case running.Err() != nil:
		return 0, "", fmt.Errorf("try posts: the process has reported nothing for %v", maxSilence)
	case !ok || exit.ExitCode() == 1: // TryPosts has failed
		return 0, "", fmt.Errorf("try posts: the process has read %d of %d posts: %w", read, len(posts), err)
	case exit.ExitCode() == exitSlow:
		return read, fmt.Sprintf("reading it takes longer than %v", maxTryTime), nil
	case exit.ExitCode() == exitGreedy:
		return read, "reading it takes more than " + strconv.Itoa(maxTryMemory>>20) + " MB of memory", nil
	}
	return read, "reading it crashes the program (" + exit.String() + ")", nil
}
