package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestOlderCopy replaces the store with an older copy while no server is running, and checks that the servers hold
// changes until an operator accepts the copy: a post that has been edited or withdrawn since then does not return in
// its old version.
func TestOlderCopy(t *testing.T) {
	for _, topology := range []topology{always, folder} {
		t.Run(string(topology), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, topology, 1, 2, &tally{counts: map[string]int{}})
			defer r.logs()
			r.replaceByCopy()
		})
	}
}

// replaceByCopy runs [TestOlderCopy] on one topology.
func (r *rig) replaceByCopy() {
	put := func(id, text string) {
		r.put(r.t.Context(), write{id: id, body: fmt.Sprintf(
			`{"id": %q, "content_text": %q, "date_published": "2024-01-02T03:04:05Z"}`, id, text)})
	}
	stop := func() {
		for _, n := range r.nodes {
			n.end(syscall.SIGTERM)
		}
		if r.redis != nil {
			r.redis.Stop()
		}
	}
	start := func() {
		if r.redis != nil {
			r.redis.Restart()
		}
		for _, n := range r.nodes {
			n.start()
		}
	}
	for _, n := range r.nodes {
		n.start()
	}
	put("edited", "The old text.")
	put("secret", "A secret.")
	r.servesPosts("at first", "edited", "secret")
	stop()
	data := r.storeDir()
	copied := filepath.Join(r.dir, "copy")
	r.must(os.CopyFS(copied, os.DirFS(data)))

	start()
	put("edited", "The new text.")
	r.put(r.t.Context(), write{id: "secret"})
	put("new", "A new post.")
	r.servesPosts("after the edits", "edited", "new")
	stop()
	r.must(os.RemoveAll(data))
	r.must(os.CopyFS(data, os.DirFS(copied)))

	start()
	put("late", "A late post.")
	for _, n := range r.nodes {
		r.checkHolding(n)
	}
	if out, err := r.command("rebuild"); err == nil || !strings.Contains(out, "held") {
		r.t.Errorf("feedpub rebuild: %v, want an error, since feeds are held: %s", err, out)
	}
	r.servesPosts("while changes are held", "edited", "new")
	if _, _, body := r.nodes[0].get("/feed.json"); !strings.Contains(body, "The new text.") {
		r.t.Errorf("the feed lacks the new text: %s", body)
	}

	// A missing file is a deletion if the file was known, but a missing key may be a loss.
	if out, err := r.command("rebuild", "--accept-rollback"); err != nil {
		if !strings.Contains(out, "vanished without explanation: new") {
			r.t.Errorf("feedpub rebuild --accept-rollback: %v, want an error that names the lost post: %s", err, out)
		}
		if out, err := r.command("post", "delete", "new"); err != nil {
			r.t.Errorf("confirm the loss of a post: %v: %s", err, out)
		}
	} else if r.topology != folder {
		r.t.Error("feedpub rebuild --accept-rollback succeeded, want a feed to be held because it lacks a lost post")
	}
	r.servesPosts("after the copy was accepted", "edited", "late", "secret")
	if _, text := r.nodes[0].do(http.MethodGet, "/readyz", ""); strings.Contains(text, "older copy") {
		r.t.Errorf("/readyz still reports the rollback: %s", text)
	}
}

// checkHolding checks that a node reports that changes are held.
func (r *rig) checkHolding(n *node) {
	r.await(n.name+" reports the rollback", func() string {
		if _, text := n.do(http.MethodGet, "/readyz", ""); !strings.Contains(text, "older copy") {
			return "/readyz: " + text
		}
		if _, text := n.do(http.MethodGet, "/problems", ""); !strings.Contains(text, `"kind":"rollback"`) &&
			!strings.Contains(text, `"kind": "rollback"`) {
			return "/problems: " + text
		}
		return ""
	})
}

// storeDir returns the folder with the posts: that of Redis, or that of the first node.
func (r *rig) storeDir() string {
	if r.redis != nil {
		return r.redis.Dir()
	}
	return filepath.Join(r.nodes[0].dir, "posts")
}

// servesPosts waits until all nodes serve the given posts and no others.
func (r *rig) servesPosts(when string, want ...string) {
	r.t.Helper()
	for _, n := range r.nodes {
		r.await(when+": the posts of "+n.name, func() string {
			var got []string
			for id := range n.crawl().posts {
				got = append(got, id)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				return fmt.Sprintf("%q, want %q", got, want)
			}
			return ""
		})
	}
}

// command runs a command of the program for the first node.
func (r *rig) command(args ...string) (string, error) {
	out, err := exec.Command(r.program, r.nodes[0].args(args...)...).CombinedOutput()
	return string(out), err
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
}
