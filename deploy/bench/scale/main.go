// Scale measures what feedpub's work costs as posts grow: filling Redis, the first read of all posts, rebuilding all
// feeds, rebuilding with nothing changed, and the way of one changed post to its committed documents.
//
// It starts a redis-server of its own on a Unix socket in a temporary folder, works on posts that are always the same,
// prints one line of JSON for each measurement, and removes everything. It needs Debian's redis-server.
//
//	go run ./deploy/bench/scale -posts 100000
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"feedpub/deploy/bench/posts"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/store"
)

func main() {
	n := flag.Int("posts", 10_000, "how many posts")
	edits := flag.Int("edits", 200, "how many single changes are timed")
	profile := flag.String("cpuprofile", "", "write a CPU profile of everything after filling to this file")
	flag.Parse()
	if err := run(context.Background(), *n, *edits, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// result is one measurement.
type result struct {
	Work    string  `json:"work"`
	Posts   int     `json:"posts"`
	Feeds   int     `json:"feeds,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	P50     float64 `json:"p50_ms,omitempty"`
	P99     float64 `json:"p99_ms,omitempty"`
	MiB     float64 `json:"mib,omitempty"`
}

func run(ctx context.Context, n, edits int, profile string) error {
	dir, err := os.MkdirTemp("", "feedpub-scale-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	url, stop, err := startRedis(dir)
	if err != nil {
		return err
	}
	defer stop()
	client, err := store.Open(store.Options{URL: url, Compress: true})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	b := bench{ctx: ctx, n: n, site: client.Site("main"), out: json.NewEncoder(os.Stdout)}
	if err := b.until(client.Ping); err != nil {
		return err
	}
	if err := b.time("fill", b.fill); err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return errors.Join(b.measure(edits), b.memory(url))
}

type bench struct {
	ctx   context.Context
	n     int
	site  *store.Site
	out   *json.Encoder
	feeds int
}

func (b *bench) fill() error {
	batch := make([]feed.RawPost, 0, 1000)
	for p := range posts.All(b.n) {
		if batch = append(batch, p); len(batch) == cap(batch) {
			if err := b.site.Put(b.ctx, batch...); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return b.site.Put(b.ctx, batch...)
}

func (b *bench) measure(edits int) error {
	site := feed.Site{
		ID: "main", Title: "Scale", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
		Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: time.Hour,
	}
	rebuild := func(p *publish.Publisher, want feed.Outcome) func() error {
		return func() error {
			r, err := p.Rebuild(b.ctx)
			if err != nil {
				return err
			}
			b.feeds = len(r.Feeds)
			for _, f := range r.Feeds {
				if f.Outcome != want {
					return fmt.Errorf("%s is %s, want %s: %s", f.Feed, f.Outcome, want, f.Reason)
				}
			}
			return nil
		}
	}
	p, err := b.publisher(site)
	if err != nil {
		return err
	}
	if err := b.time("first read and build", rebuild(p, feed.Committed)); err != nil {
		return err
	}
	if err := b.time("nothing changed", rebuild(p, feed.Unchanged)); err != nil {
		return err
	}
	site.Title = "Scale, again" // every document changes, no item does
	if p, err = b.publisher(site); err != nil {
		return err
	}
	if err := b.time("rebuild all", rebuild(p, feed.Committed)); err != nil {
		return err
	}
	site.Title = "Scale, once more" // with what the renderer has kept
	warm := p
	if p, err = b.publisher(site); err != nil {
		return err
	}
	p.Renderer = warm.Renderer
	if err := b.time("rebuild all, fragments cached", rebuild(p, feed.Committed)); err != nil {
		return err
	}
	return b.change(p, edits)
}

// change times single edits, from the write to the commit of the main feed.
func (b *bench) change(p *publish.Publisher, edits int) error {
	took := make([]time.Duration, 0, edits)
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	p.OnChange = true
	go func() { done <- p.Run(ctx) }()
	announced, err := b.site.Changes(ctx, "", 0)
	if err != nil {
		cancel()
		return err
	}
	at := announced[len(announced)-1].Entry
	for i := range edits {
		// A second apart, since a feed is built on change once a second at most.
		time.Sleep(time.Second + 50*time.Millisecond)
		start := time.Now()
		if err := b.site.Put(ctx, posts.Version(b.n-1-i%40, i+1)); err != nil {
			cancel()
			return err
		}
		for seen := false; !seen; {
			changes, err := b.site.Changes(ctx, at, time.Second)
			if err != nil {
				cancel()
				return err
			}
			for _, c := range changes {
				at, seen = c.Entry, seen || c.Feed == feed.Main
			}
		}
		took = append(took, time.Since(start))
	}
	cancel()
	if err := <-done; err != nil {
		return err
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return b.out.Encode(result{
		Work: "one post changed, to the main feed's commit", Posts: b.n, Feeds: b.feeds,
		P50: ms(took[len(took)/2]), P99: ms(took[len(took)*99/100]),
	})
}

func (b *bench) publisher(site feed.Site) (*publish.Publisher, error) {
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		return nil, err
	}
	return publish.New(publish.Config{
		Site: site, Store: b.site, Intake: intake.New(site, reader), Renderer: render.New(), Canonical: reader.Canonical,
		Owner: "scale", Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	}), nil
}

func (b *bench) time(work string, do func() error) error {
	runtime.GC()
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", work, err)
	}
	return b.out.Encode(result{Work: work, Posts: b.n, Feeds: b.feeds, Seconds: time.Since(start).Seconds()})
}

// memory says how much Redis and this process hold.
func (b *bench) memory(url string) error {
	out, err := exec.CommandContext(b.ctx, "redis-cli", "-s", strings.TrimPrefix(url, "unix://"), "info", "memory").Output()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			bytes, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return err
			}
			if err := b.out.Encode(result{Work: "memory of Redis", Posts: b.n, MiB: bytes / (1 << 20)}); err != nil {
				return err
			}
		}
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	return b.out.Encode(result{Work: "peak memory of this process", Posts: b.n, MiB: float64(usage.Maxrss) / 1024})
}

// until repeats do for some seconds until it succeeds.
func (b *bench) until(do func(context.Context) error) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := do(b.ctx)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// startRedis starts a server without persistence, and returns its URL and what ends it.
func startRedis(dir string) (url string, stop func(), err error) {
	socket := filepath.Join(dir, "redis.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start redis-server (Debian's package redis-server): %w", err)
	}
	return "unix://" + socket, func() {
		_ = cmd.Process.Kill() // this process, by its id
		_ = cmd.Wait()
	}, nil
}
