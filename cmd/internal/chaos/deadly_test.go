package chaos

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

// timed is not set by default, because a machine that is busy with other tests can be slower than any limit. The tests
// of feed/publish and cmd/internal/simulate check the promised times in virtual time.
var timed = flag.Bool("timed", false, "check the time until other posts are published in TestDeadlyPosts")

// othersLimit is the promised time within which other posts are published after a post has killed a builder.
const othersLimit = 10 * time.Second

// TestDeadlyPosts checks that a post that kills the builder, takes too much memory or takes forever to read kills at
// most one builder and is then rejected, that other posts are published in the meantime, and that a corrected version
// is published.
func TestDeadlyPosts(t *testing.T) {
	for _, tt := range []struct {
		word, reason         string
		minDeaths, maxDeaths int
	}{
		{"DEADLY", "reading it crashes the program (signal: killed)", 1, 1},
		// On a busy machine, reading it takes too long before it takes too much memory.
		{"GREEDY", "reading it takes", 0, 1},
		{"ENDLESS", "reading it takes longer than 2s", 0, 0},
	} {
		for _, topology := range []topology{folder, everysec} {
			t.Run(tt.word+" "+string(topology), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, topology, 1, 1, &tally{counts: map[string]int{}})
				defer r.logs()
				deaths := r.testDeadly("FEEDPUB-CRASH-"+tt.word, tt.reason)
				if deaths < tt.minDeaths || deaths > tt.maxDeaths {
					r.violation("the program died %d times, want %d to %d times", deaths, tt.minDeaths, tt.maxDeaths)
				}
			})
		}
	}
}

// testDeadly stores a post with the given word and checks the promises. It starts the program again whenever it has
// died, and returns how often that was. After the post has been rejected and the program restarted, it must not die.
func (r *rig) testDeadly(word, reason string) (deaths int) {
	n := r.nodes[0]
	awaitRunning := func(what string, done func() string) bool {
		r.t.Helper()
		return r.await(what, func() string {
			if !n.isRunning() {
				deaths++
				n.start()
			}
			return done()
		})
	}
	published := func(ids ...string) bool {
		r.t.Helper()
		return awaitRunning("posts "+strings.Join(ids, " "), func() string { return n.publishes(ids) })
	}
	rejected := func() string {
		_, text := n.do(http.MethodGet, "/sites/main/problems", "")
		if !strings.Contains(text, `"deadly"`) || !strings.Contains(text, reason) {
			return text
		}
		return ""
	}
	r.store("first", "The first post.")
	n.start()
	if !published("first") {
		return deaths
	}
	posts := []string{"first"}
	for i := range 3 {
		posts = append(posts, fmt.Sprintf("p%d", i))
		r.store(posts[i+1], "Text.")
	}
	begun := time.Now()
	r.store("deadly", "Text with the word "+word+".")
	r.await("the death of the program, or the problem", func() string {
		if !n.isRunning() {
			return ""
		}
		return rejected()
	})
	r.store("last", "The last post.")
	posts = append(posts, "last")
	if !published(posts...) {
		return deaths
	}
	if took := time.Since(begun); *timed && took > othersLimit {
		r.violation("the other posts were published after %v, want %v", took, othersLimit)
	}
	awaitRunning("the problem", rejected)
	n.kill()
	n.start()
	r.await("a rebuild", func() string { return rebuilt(n.do(http.MethodPost, "/sites/main/rebuild", "")) })
	r.await("the problem after a restart and a rebuild", rejected)
	r.store("deadly", "A corrected text.")
	posts = append(posts, "deadly")
	r.await("the corrected post", func() string { return n.publishes(posts) })
	r.await("no problem", func() string {
		if _, text := n.do(http.MethodGet, "/sites/main/problems", ""); strings.Contains(text, "deadly") {
			return text
		}
		return ""
	})
	if !n.isRunning() {
		r.violation("the program has died again")
	}
	return deaths
}

// store writes a post without the program, which would check it.
func (r *rig) store(id, text string) {
	r.t.Helper()
	raw := fmt.Appendf(nil, `{"id": %q, "content_text": %q, "attribution": "none"}`, id, text)
	if r.topology == folder {
		path := filepath.Join(r.nodes[0].dir, "posts", id+".json")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	client, err := store.Open(store.Options{URL: r.redis.URL(), DialTimeout: 30 * time.Second})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Site("main").Put(r.t.Context(), feed.RawPost{ID: id, Raw: raw}); err != nil {
		r.t.Fatal(err)
	}
}

// publishes returns "" if exactly the given posts are in the main feed and its archives, and otherwise what is in them.
func (n *node) publishes(ids []string) string {
	got := n.crawl().posts
	for _, id := range ids {
		if got[id] != 1 {
			return fmt.Sprint(got)
		}
	}
	if len(got) != len(ids) {
		return fmt.Sprint(got)
	}
	return ""
}
