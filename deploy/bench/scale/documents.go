package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/posttest"
	"feedpub/feed/publish"
)

// documents measures the memory of a server with many feeds, with all documents in memory and with a memory limit. Each
// feed has three formats of about 18 KB when compressed with gzip.
func (b *bench) documents(ctx context.Context) error {
	site := b.client.Site("documents")
	// The server does not build while this process holds the lease.
	token, err := site.Acquire(ctx, publish.Job, "scale", time.Hour, time.Now(), 0)
	if err != nil {
		return err
	}
	names := make([]feed.Name, b.documentFeeds)
	names[0] = feed.Main
	for i := range names[1:] {
		names[i+1] = feed.Join(feed.Tags, fmt.Sprintf("a-tag-of-some-length-%06d", i))
	}
	var packed atomic.Int64
	if err := b.time("commit of feeds", 1, nil, func() error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(4)
		for i, name := range names {
			g.Go(func() error {
				request := commitOf(name, i)
				request.Head.Token = token
				for _, blob := range request.Blobs {
					packed.Add(int64(len(blob.Gzip)))
				}
				_, _, err := site.Commit(ctx, request)
				return err
			})
		}
		return g.Wait()
	}); err != nil {
		return err
	}
	if err := b.out.Encode(result{Work: "documents in gzip coding", Feeds: len(names), MiB: float64(packed.Load()) / (1 << 20)}); err != nil {
		return err
	}
	data, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return err
	}
	if _, err := b.program(ctx); err != nil { // build the program before the clock starts
		return err
	}
	for _, start := range []struct{ work, memory string }{
		{"from Redis, all in memory", "0"},
		{"from disk, all in memory", "0"},
		{"from disk, 256 MiB in memory", "256MiB"},
	} {
		if err := b.hold(ctx, start.work, data, start.memory, names); err != nil {
			return fmt.Errorf("%s: %w", start.work, err)
		}
	}
	return nil
}

// commitOf returns a commit for a feed whose documents contain its own posts.
func commitOf(name feed.Name, n int) feed.CommitRequest {
	const items = 19
	c := feed.CommitRequest{Head: feed.Head{Feed: name, Config: "scale"}, Now: time.Now()}
	for i := range items {
		c.Head.IDs = append(c.Head.IDs, posttest.Post(n*items+i).ID)
	}
	for _, f := range feed.Formats() {
		body := []byte(name.Path(f) + "\n")
		for i := range items {
			body = append(body, posttest.Post(n*items+i).Raw...)
		}
		d := feed.NewDocument(f, body, nil)
		c.Blobs = append(c.Blobs, feed.Blob{Hash: d.Hash, Gzip: coding.Gzip.Pack(body), Size: len(body)})
		c.Head.Documents = append(c.Head.Documents, feed.DocumentRef{
			Format: f, Path: name.Path(f), MediaType: f.MediaType(), MaxAge: time.Hour, Hash: d.Hash, Length: len(body),
			Link: "<https://feeds.example" + name.Path(f) + `>; rel="self"`,
		})
	}
	return c
}

// hold starts a server on a data folder, requests all documents twice, and reports the time and memory used.
func (b *bench) hold(ctx context.Context, work, data, memory string, names []feed.Name) error {
	began := time.Now()
	r, err := b.startServe(ctx, data, "FEEDPUB_SITE_ID=documents", "FEEDPUB_SERVER_MEMORY="+memory)
	if err != nil {
		return err
	}
	defer r.stop()
	say := func(what string, res result) error {
		res.Work, res.Feeds = "many feeds "+work+": "+what, len(names)
		return b.out.Encode(res)
	}
	last := slices.Max(names[1:])
	if err := r.get(ctx, feed.Main.Path(feed.RSS), ""); err != nil {
		return err
	}
	if err := say("main feed served", result{Seconds: time.Since(began).Seconds()}); err != nil {
		return err
	}
	for !r.serves(ctx, last.Path(feed.JSON)) {
		time.Sleep(10 * time.Millisecond)
	}
	if err := say("all feeds served", result{Seconds: time.Since(began).Seconds()}); err != nil {
		return err
	}
	for _, what := range []string{"first read", "second read"} {
		var took []time.Duration
		for _, name := range names {
			for _, f := range feed.Formats() {
				start := time.Now()
				if err := r.get(ctx, name.Path(f), ""); err != nil {
					return err
				}
				took = append(took, time.Since(start))
			}
		}
		slices.Sort(took)
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid()))
		if err != nil {
			return err
		}
		if err := say(what, result{P50: ms(took[len(took)/2]), P99: ms(took[len(took)*99/100]),
			MiB: field(status, "VmRSS:") / 1024, PeakMiB: field(status, "VmHWM:") / 1024}); err != nil {
			return err
		}
	}
	return nil
}

// serves reports whether a request for a path returns status 200.
func (r *replica) serves(ctx context.Context, path string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, r.base+path, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
