package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"testing"
	"time"

	"feedpub/feed/posttest"
)

// BenchmarkLoad runs the program with the load of a usual server: it reads many posts for the first time and builds
// their feeds, reads new versions of them and builds the feeds again, builds single changes, and answers polls with 304
// and with whole feeds in gzip coding. With -cpuprofile, it makes the profile with which the compiler optimizes the
// program; see "make pgo". It needs redis-server and wrk.
func BenchmarkLoad(b *testing.B) {
	const posts, changes, seconds = 3000, 20, 10
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		b.Skip("wrk is not installed")
	}
	p := newPlatform(b, 1, 0, 0)
	site := p.store.Site(siteID(0))
	put := func(edit int, numbers ...int) {
		for some := range slices.Chunk(numbers, 250) {
			for _, i := range some {
				if err := site.Put(b.Context(), posttest.Version(i, edit)); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	all := make([]int, posts)
	for i := range all {
		all[i] = i
	}
	put(0, all...)
	p.start()
	tag := p.changed(b, "")
	for edit := range 3 {
		put(edit+1, all...)
		tag = p.changed(b, tag)
		if status, body := p.ask(http.MethodPost, "/sites/"+string(siteID(0))+"/rebuild", ""); status != http.StatusOK {
			b.Fatalf("rebuild: status %d: %s", status, body)
		}
	}
	for i := range changes {
		put(10+i, posts-1-i%40)
		tag = p.changed(b, tag)
	}
	for _, condition := range []string{"If-None-Match: " + tag, "X-Unconditional: 1"} {
		out, err := exec.CommandContext(b.Context(), wrk, "-t1", "-c64", fmt.Sprintf("-d%ds", seconds),
			"-H", "Host: "+hostOf(siteID(0)), "-H", "Accept-Encoding: gzip", "-H", condition,
			"http://"+p.readers+"/feed.xml").CombinedOutput()
		if err != nil {
			b.Fatalf("wrk: %v\n%s", err, out)
		}
		b.Logf("%s\n%s", condition, out)
	}
}

// changed waits until the main feed has an entity tag other than the given one, and returns it.
func (p *platform) changed(b *testing.B, tag string) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.readers+"/feed.xml", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Host = hostOf(siteID(0))
		r.Header.Set("Accept-Encoding", "gzip")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
		if now := res.Header.Get("Etag"); res.StatusCode == http.StatusOK && now != tag {
			return now
		}
		time.Sleep(10 * time.Millisecond)
	}
}
