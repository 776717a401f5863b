package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store"
)

var (
	takeovers = flag.Int("takeovers", 3, "kill the builder this `number` of times in TestTakeover")
	busy      = flag.Bool("busy", false, "keep every processor busy in TestTakeover, and check the slowest takeover, not the median")
)

// takeoverLimit is the promised time between killing a builder and the next commit.
const takeoverLimit = 5 * time.Second

// TestTakeover kills the builder of a site, and measures the time until another one has committed the next post.
func TestTakeover(t *testing.T) {
	total := &tally{counts: map[string]int{}}
	r := newRig(t, everysec, 1, 0, total)
	defer r.logs()
	r.diskSize = "128m"
	r.nodes = []*node{r.newNode("node0"), r.newNode("node1")}
	client, err := store.Open(store.Options{URL: r.redis.URL(), DialTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	x := &takeover{rig: r, site: client.Site("main")}
	posts := 200
	if *busy {
		posts = 1000
	}
	x.fill(posts)
	for _, n := range r.nodes {
		n.start()
	}
	x.awaitPost(fmt.Sprintf("post%04d", posts-1))
	if *busy {
		keepBusy(t)
	}
	var times []time.Duration
	for i := range *takeovers {
		times = append(times, x.kill(fmt.Sprintf("after%d", i)))
	}
	slices.Sort(times)
	p50, p95, worst := times[len(times)/2], times[len(times)*95/100], times[len(times)-1]
	t.Logf("%d builders killed: next commit after %v (median), %v (95 %%), %v (worst)", len(times), p50, p95, worst)
	if *busy && worst > takeoverLimit || p50 > takeoverLimit {
		r.violation("the next commit came after %v at worst and %v in the median, want %v", worst, p50, takeoverLimit)
	}
}

// takeover is a site with two servers that build.
type takeover struct {
	*rig
	site *store.Site
}

// fill writes n posts with different tags.
func (x *takeover) fill(n int) {
	x.t.Helper()
	posts := make([]feed.RawPost, n)
	for i := range posts {
		id := fmt.Sprintf("post%04d", i)
		posts[i] = feed.RawPost{ID: id, Raw: fmt.Appendf(nil,
			`{"id": %q, "content_text": "Text of %s.", "tags": ["tag %d"], "date_published": "2024-01-01T00:00:00Z"}`,
			id, id, i%20)}
	}
	for batch := range slices.Chunk(posts, 100) {
		if err := x.site.Put(x.t.Context(), batch...); err != nil {
			x.t.Fatal(err)
		}
	}
}

// kill kills the builder, writes a post, and returns the time between the kill and the commit of the post. Then it
// starts the killed server again.
func (x *takeover) kill(id string) time.Duration {
	x.t.Helper()
	for _, n := range x.nodes {
		x.await(n.name+" is ready", func() string {
			if status, text := n.do(http.MethodGet, "/readyz", ""); status != http.StatusOK {
				return text
			}
			return ""
		})
	}
	<-time.After(rand.N(time.Second)) // kill at any time between two renewals
	killed, other := x.builder()
	begun := time.Now()
	killed.kill()
	if status, text := other.do(http.MethodPut, "/sites/main/posts/"+id, `{"content_text": "Next."}`); status != http.StatusCreated {
		x.t.Fatalf("PUT: %d %s", status, text)
	}
	x.awaitPost(id)
	took := time.Since(begun).Round(time.Millisecond)
	killed.start()
	return took
}

// builder returns the server that builds, and the other one.
func (x *takeover) builder() (builder, other *node) {
	x.t.Helper()
	x.await("a builder", func() string {
		owner, left, err := x.site.Holder(x.t.Context(), publish.Job)
		if err != nil || left == 0 {
			return fmt.Sprintf("the lease is held for %v, %v", left, err)
		}
		for i, n := range x.nodes {
			if strings.Contains(owner, ":"+strconv.Itoa(n.pid())+":") {
				builder, other = n, x.nodes[1-i]
				return ""
			}
		}
		return "the builder is " + owner
	})
	return builder, other
}

// awaitPost waits until a post is in the committed main feed.
func (x *takeover) awaitPost(id string) {
	x.t.Helper()
	var head feed.Head
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if head, err = x.site.Head(x.t.Context(), feed.Main); err == nil && slices.Contains(head.IDs, id) {
			return
		}
	}
	x.t.Fatalf("%s was not committed within %v: %v, %v", id, patience, head.IDs, err)
}

// pid returns the process id of the program.
func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Pid
}

// keepBusy keeps every processor busy until the test ends.
func keepBusy(t *testing.T) {
	t.Helper()
	for range runtime.NumCPU() {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // returns an error, since the program was killed
		})
	}
}
