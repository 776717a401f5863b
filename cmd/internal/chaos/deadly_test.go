package chaos

import (
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

// othersLimit is the promised time within which other posts are published after a post has killed a builder.
const othersLimit = 10 * time.Second

// TestDeadlyPosts checks that a post that kills the builder, takes too much memory or takes forever to read kills at
// most one builder and is then rejected, that other posts are published in the meantime, and that a corrected version
// is published.
func TestDeadlyPosts(t *testing.T) {
	for _, tt := range []struct {
		word, reason string
		dies         bool
	}{
		{"DEADLY", "reading it crashes the program (signal: killed)", true},
		{"GREEDY", "reading it takes", true}, // too much memory or, on a busy machine, too long
		{"ENDLESS", "reading it takes longer than 2s", false},
	} {
		for _, topology := range []topology{folder, everysec} {
			t.Run(tt.word+" "+string(topology), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, topology, 1, 1, &tally{counts: map[string]int{}})
				defer r.logs()
				r.testDeadly("FEEDPUB-CRASH-"+tt.word, tt.reason, tt.dies)
			})
		}
	}
}

func (r *rig) testDeadly(word, reason string, dies bool) {
	n := r.nodes[0]
	r.store("first", "The first post.")
	n.start()
	if !r.awaitPosts(n, "first") {
		return
	}
	posts := []string{"first"}
	for i := range 3 {
		posts = append(posts, fmt.Sprintf("p%d", i))
		r.store(posts[i+1], "Text.")
	}
	begun := time.Now()
	r.store("deadly", "Text with the word "+word+".")
	if dies {
		r.await("the death of the program", func() string {
			if n.isRunning() {
				return "it runs"
			}
			return ""
		})
	}
	n.start() // does nothing if it is running
	r.store("last", "The last post.")
	posts = append(posts, "last")
	if !r.awaitPosts(n, posts...) {
		return
	}
	if took := time.Since(begun); took > othersLimit {
		r.violation("the other posts were published after %v, want %v", took, othersLimit)
	}
	rejected := func() string {
		_, text := n.do(http.MethodGet, "/sites/main/problems", "")
		if !strings.Contains(text, `"deadly"`) || !strings.Contains(text, reason) {
			return text
		}
		return ""
	}
	r.await("the problem", rejected)
	n.kill()
	n.start()
	r.await("a rebuild", func() string { return rebuilt(n.do(http.MethodPost, "/sites/main/rebuild", "")) })
	r.await("the problem after a restart and a rebuild", rejected)
	if !n.isRunning() {
		r.violation("the program has died again")
	}
	r.store("deadly", "A corrected text.")
	if r.awaitPosts(n, append(posts, "deadly")...) {
		r.await("no problem", func() string {
			if _, text := n.do(http.MethodGet, "/sites/main/problems", ""); strings.Contains(text, "deadly") {
				return text
			}
			return ""
		})
	}
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

// awaitPosts waits until exactly the given posts are in the main feed and its archives.
func (r *rig) awaitPosts(n *node, ids ...string) bool {
	r.t.Helper()
	return r.await("posts "+strings.Join(ids, " "), func() string {
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
	})
}
