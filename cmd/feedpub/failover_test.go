package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store/storetest"
)

// silence is the time that a master must be unreachable before its replica is promoted.
const silence = 2 * time.Second

// TestFailoverThroughSentinels kills the master of a site while posts are written and read. Readers must never get an
// error or an older document, acknowledged posts must survive, and all replicas must end up serving the same bytes.
func TestFailoverThroughSentinels(t *testing.T) {
	t.Parallel()
	testFailover(t, storetest.StartSentinels(t, silence))
}

// TestFailoverOfCluster is like TestFailoverThroughSentinels, but with a Redis Cluster.
func TestFailoverOfCluster(t *testing.T) {
	t.Parallel()
	testFailover(t, storetest.StartCluster(t, silence))
}

func testFailover(t *testing.T, redis *storetest.Group) {
	const (
		site     = "blog"
		replicas = 3
		before   = 15
		after    = 15
	)
	f := deployment{t: t, dir: t.TempDir()}
	f.write("tokens", "writer [write]: failover-secret\n")
	f.write("feedpub.yml", fmt.Sprintf(`
redis: %s
durability: replicas
site: {id: %s, title: Failover, base_url: "http://feeds.example/", limit: 1000}
admin: {tokens_file: tokens}
`, redis.URL(), site))
	f.start("build")
	for range replicas {
		address := freeAddress(t)
		f.members = append(f.members, &member{
			deployment: &f, http: "http://" + address, admin: f.start("serve", "--build=false", "--listen", address),
		})
	}
	confirmed := map[string]bool{} // by id: whether the Redis replicas had the post when it was acknowledged
	next := 0
	post := func() {
		next++
		id := fmt.Sprintf("post-%03d", next)
		confirmed[id] = f.put(next%replicas, site, id, next)
	}
	post()
	for _, p := range f.members {
		f.await("the first post in the feed of "+p.http, func() bool { return p.has("post-001") })
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers sync.WaitGroup
	for _, p := range f.members {
		for _, path := range paths() {
			readers.Go(func() { p.read(ctx, t, path) })
		}
	}
	// On a busy machine a Redis replica may confirm a post too late, so more posts are written.
	for range before {
		f.await("a confirmed post", func() bool { post(); return confirmed[fmt.Sprintf("post-%03d", next)] })
	}

	master := redis.Master(site)
	killed := time.Now()
	master.Kill()
	post()
	took := time.Since(killed)
	first := fmt.Sprintf("post-%03d", next)
	for _, p := range f.members {
		f.await(first+" in the feed of "+p.http, func() bool { return p.has(first) })
	}
	t.Logf("the master was killed: a post was stored %v later, and served by all %d replicas %v later", took, replicas,
		time.Since(killed))
	for range after {
		post()
	}
	master.Restart()
	redis.AwaitWhole()
	f.await("a confirmed post after the failover", func() bool {
		post()
		return confirmed[fmt.Sprintf("post-%03d", next)]
	})

	// Every other post has the tag.
	last, lastButOne := fmt.Sprintf("post-%03d", next), fmt.Sprintf("post-%03d", next-1)
	want := map[string]edition{}
	for i, p := range f.members {
		for _, path := range paths() {
			var got edition
			f.await("the last post in "+p.http+path, func() bool {
				got = p.get(t.Context(), path, "")
				return got.newest() == last || strings.HasPrefix(path, "/tags/") && got.newest() == lastButOne
			})
			if i == 0 {
				want[path] = got
			} else if !bytes.Equal(got.body, want[path].body) || got.etag != want[path].etag {
				t.Errorf("%s%s serves %s:\n%s\nwant %s:\n%s", p.http, path, got.etag, got.body, want[path].etag, want[path].body)
			}
		}
	}
	stop()
	readers.Wait()

	feed := f.members[0].get(t.Context(), "/feed.json", "")
	for id, ok := range confirmed {
		if !bytes.Contains(feed.body, []byte(`"`+id+`"`)) {
			t.Errorf("%s was acknowledged (confirmed by the Redis replicas: %t) but is lost", id, ok)
		}
	}
	t.Logf("%d posts; readers got %d responses, all 200 or 304, and never an older document", next, f.answers.Load())
}

// paths returns the paths of the documents that are compared.
func paths() []string {
	var all []string
	for _, name := range []feed.Name{feed.Main, "tags/odd", "tags/even"} {
		for _, format := range []feed.Format{feed.RSS, feed.Atom, feed.JSON} {
			all = append(all, name.Path(format))
		}
	}
	return all
}

// deployment is a set of processes that share a configuration.
type deployment struct {
	t       *testing.T
	dir     string
	members []*member    // processes that serve readers
	answers atomic.Int64 // responses to readers
}

// member is a process that serves readers.
type member struct {
	deployment  *deployment
	http, admin string // URLs
}

// edition is what a reader sees of a document in one response.
type edition struct {
	status int
	etag   string
	body   []byte
}

func (f *deployment) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// start starts feedpub with the configuration, a data folder of its own and the arguments given. The process is
// stopped at the end of the test.
func (f *deployment) start(args ...string) (admin string) {
	f.t.Helper()
	address := freeAddress(f.t)
	dir, err := os.MkdirTemp(f.dir, args[0])
	if err != nil {
		f.t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command("feedpub", append(args, "--config", filepath.Join(f.dir, "feedpub.yml"),
		"--admin-listen", address, "--data", dir)...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := errors.Join(cmd.Start(), out.Close()); err != nil {
		f.t.Fatalf("start feedpub: %v", err)
	}
	f.t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			f.t.Errorf("feedpub %s does not exit with status 0: %v", args, err)
		}
		if f.t.Failed() {
			text, err := os.ReadFile(out.Name())
			f.t.Logf("feedpub %s (%v):\n%s", args, err, text)
		}
	})
	return "http://" + address
}

// await polls until done returns true.
func (f *deployment) await(what string, done func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !done(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// put sends a post to a process repeatedly until it is acknowledged, and reports whether the Redis replicas have
// confirmed it.
func (f *deployment) put(through int, site, id string, n int) (confirmed bool) {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{
		"id": id, "title": "Post " + id, "content_text": "Number " + id, "tags": []string{[]string{"even", "odd"}[n%2]},
		"date_published": time.Date(2025, 1, 1, 0, n, 0, 0, time.UTC),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	var last string
	f.await("the acknowledgement of "+id, func() bool {
		header := http.Header{"Authorization": {"Bearer failover-secret"}, "Content-Type": {"application/json"}}
		status, text, err := fetch(f.t.Context(), http.MethodPut, f.members[through].admin+"/sites/"+site+"/posts/"+id,
			header, bytes.NewReader(body))
		if last = text; err != nil {
			last = err.Error()
		}
		confirmed = status == http.StatusOK || status == http.StatusCreated
		if err == nil && !confirmed && status != http.StatusAccepted && status != http.StatusServiceUnavailable {
			f.t.Fatalf("the response to PUT of %s is:\n%s\nwant 200, 201, 202 or 503", id, last)
		}
		return err == nil && (confirmed || status == http.StatusAccepted)
	})
	return confirmed
}

// get requests a document, with If-None-Match if etag is not empty.
func (p *member) get(ctx context.Context, path, etag string) edition {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.http+path, nil)
	if err != nil {
		return edition{body: []byte(err.Error())}
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return edition{body: []byte(err.Error())}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return edition{body: []byte(err.Error())}
	}
	return edition{res.StatusCode, res.Header.Get("ETag"), body}
}

// has reports whether the main feed contains a post.
func (p *member) has(id string) bool {
	return bytes.Contains(p.get(p.deployment.t.Context(), "/feed.json", "").body, []byte(`"`+id+`"`))
}

// read polls a document as a feed reader does, until ctx is done. An error, or an edition older than the previous one,
// fails the test.
func (p *member) read(ctx context.Context, t *testing.T, path string) {
	var known edition
	for {
		got := p.get(ctx, path, known.etag)
		if ctx.Err() != nil {
			return
		}
		p.deployment.answers.Add(1)
		switch {
		case got.status == http.StatusNotModified:
		case got.status == http.StatusNotFound && known.etag == "" && strings.HasPrefix(path, "/tags/"):
			// No post has the tag yet.
		case got.status != http.StatusOK:
			t.Errorf("%s%s responds with %d: %s", p.http, path, got.status, got.body)
			return
		case got.newest() < known.newest():
			t.Errorf("%s%s serves a document whose newest post is %s after one whose newest post is %s",
				p.http, path, got.newest(), known.newest())
			return
		default:
			known = got
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// newest returns the greatest id in a document, which is the id of the newest post. Last-Modified cannot be used: the
// server omits it while it is in the future.
func (e edition) newest() string {
	return slices.Max(append(regexp.MustCompile(`post-\d{3}`).FindAllString(string(e.body), -1), ""))
}
