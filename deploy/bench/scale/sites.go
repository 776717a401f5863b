package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/posttest"
)

const (
	// sitePosts is the number of posts per site.
	sitePosts = 5
	// idleTime is how long idle sites are measured, and baseTime is how long a server with one site is measured.
	idleTime = 30 * time.Second
	baseTime = 5 * time.Second
	// scrapeInterval is the time between two reads of the metrics, which cost more than idle sites do.
	scrapeInterval = 5 * time.Second
	// quarter is the default interval between rebuilds of all feeds. Idle sites are measured between
	// two such rebuilds.
	quarter = 15 * time.Minute
)

// manySites measures "feedpub serve" with many sites: its startup, its cost when idle, and the time until it serves a
// change written by a different process.
func (b *bench) manySites(ctx context.Context) error {
	ids := make([]feed.SiteID, b.manySiteCount)
	for i := range ids {
		ids[i] = feed.SiteID(fmt.Sprintf("site-%d", i))
		batch := make([]feed.RawPost, sitePosts)
		for j := range batch {
			batch[j] = posttest.Post(j)
		}
		if err := b.client.Site(ids[i]).Put(ctx, batch...); err != nil {
			return err
		}
	}
	b.posts = sitePosts
	// A server with one site shows how much memory the program needs for itself.
	one, err := b.startSites(ctx, ids[:1])
	if err != nil {
		return err
	}
	base, err := one.leastMemory(ctx, baseTime)
	one.stop()
	if err != nil {
		return err
	}
	var many *replica
	defer func() {
		if many != nil {
			many.stop()
		}
	}()
	if err := b.time(fmt.Sprintf("start of %d sites", len(ids)), 1, nil, func() error {
		many, err = b.startSites(ctx, ids)
		return err
	}); err != nil {
		return err
	}
	memory, err := many.leastMemory(ctx, b.settle)
	if err != nil {
		return err
	}
	idle := fmt.Sprintf("%d idle sites", len(ids))
	if err := b.out.Encode(result{
		Work: idle + ": one of them", Posts: sitePosts, MiB: (memory - base) / float64(max(len(ids)-1, 1)),
	}); err != nil {
		return err
	}
	if err := b.idle(ctx, idle, many.pid()); err != nil {
		return err
	}
	return b.changeSites(ctx, many, ids)
}

// idle measures what a server with idle sites costs.
func (b *bench) idle(ctx context.Context, work string, pid int) error {
	const margin = 20 * time.Second
	now := time.Now()
	if left := now.Truncate(quarter).Add(quarter).Sub(now); left < idleTime+margin {
		time.Sleep(left + 2*margin)
	} else if since := quarter - left; since < 2*margin {
		time.Sleep(2*margin - since)
	}
	own, redis, start := used(pid), used(b.server.pid()), time.Now()
	rate := b.commands(ctx, idleTime)
	r := result{
		Work: work, Posts: sitePosts, Seconds: time.Since(start).Seconds(), CPU: (used(pid) - own).Seconds(),
		RedisCPU: (used(b.server.pid()) - redis).Seconds(), PerSecond: rate,
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	r.MiB = field(status, "VmRSS:") / 1024
	return b.out.Encode(r)
}

// leastMemory returns the least memory that the server uses within d for objects and stacks, in MiB. It is lowest right
// after a garbage collection.
func (r *replica) leastMemory(ctx context.Context, d time.Duration) (float64, error) {
	least := math.Inf(1)
	for end := time.Now().Add(d); time.Now().Before(end); {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.admin+"/metrics", nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err == nil { // on a busy machine, a reply may be cut off
			now := field(text, "go_memstats_alloc_bytes ") + field(text, "go_memstats_stack_inuse_bytes ")
			least = min(least, now/(1<<20))
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(scrapeInterval):
		}
	}
	return least, nil
}

// changeSites measures the time from a change of one of the sites until it is served.
func (b *bench) changeSites(ctx context.Context, server *replica, ids []feed.SiteID) error {
	took := make([]time.Duration, 0, b.edits)
	for i := range b.edits {
		id := ids[i*7919%len(ids)] // a prime, so that the sites are spread over the whole list
		r := reader{base: server.base, host: hostOf(id), tags: map[string]string{}}
		path := feed.Main.Path(feed.RSS)
		if err := r.get(ctx, path, ""); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		start := time.Now()
		if err := b.client.Site(id).Put(ctx, posttest.Post(sitePosts+i)); err != nil {
			return err
		}
		if err := r.get(ctx, path, r.tags[path]); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	if len(took) == 0 {
		return nil
	}
	return b.latencies(fmt.Sprintf("one of %d sites changed, until it is served", len(ids)), took)
}

func hostOf(id feed.SiteID) string { return string(id) + ".example" }

// startSites starts "feedpub serve" with the sites, and waits until it serves all of them.
func (b *bench) startSites(ctx context.Context, ids []feed.SiteID) (*replica, error) {
	dir, err := os.MkdirTemp(b.dir, "sites-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "sites"), 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "feedpub.yml")
	if err := os.WriteFile(file, []byte("sites_from: sites\nlog: {level: warn}\nsite: {language: en}\n"), 0o600); err != nil {
		return nil, err
	}
	for _, id := range ids {
		text := fmt.Sprintf("site: {base_url: 'http://%s', title: The site %s}\n", hostOf(id), id)
		if err := os.WriteFile(filepath.Join(dir, "sites", string(id)+".yml"), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	r, err := b.startProgram(ctx, filepath.Join(dir, "data"), "FEEDPUB_CONFIG="+file)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		x := reader{base: r.base, host: hostOf(id), tags: map[string]string{}}
		if err := x.getWithin(ctx, feed.Main.Path(feed.RSS), "", 10*time.Minute, 50*time.Millisecond); err != nil {
			r.stop()
			return nil, err
		}
	}
	return r, nil
}

// commands returns the number of commands per second that Redis executes during d.
func (b *bench) commands(ctx context.Context, within time.Duration) float64 {
	count := func() float64 {
		out, err := exec.CommandContext(ctx, "redis-cli", "-s", b.server.socket, "info", "commandstats").Output()
		if err != nil {
			return 0
		}
		n := 0.0
		for line := range strings.Lines(string(out)) {
			_, calls, _ := strings.Cut(line, ":calls=")
			calls, _, _ = strings.Cut(calls, ",")
			n += field([]byte("n:"+calls), "n:")
		}
		return n
	}
	before := count()
	time.Sleep(within)
	return (count() - before) / within.Seconds()
}
