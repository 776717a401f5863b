package chaos

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// ledger holds the last write of each post.
type ledger struct {
	mu    sync.Mutex
	posts map[string]write
}

// write is one attempt to store or delete a post.
type write struct {
	id     string
	body   string // "" for a deletion
	public bool
	// sure is set if the write was acknowledged, by the Redis replicas too, if there are any.
	sure bool
	// settled is set if the write was acknowledged at once. Otherwise an earlier attempt may still take effect, so the
	// post is not written again.
	settled bool
}

func newLedger() *ledger { return &ledger{posts: map[string]write{}} }

func (l *ledger) set(w write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts[w.id] = w
}

func (l *ledger) all() []write {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []write
	for _, id := range slices.Sorted(maps.Keys(l.posts)) {
		out = append(out, l.posts[id])
	}
	return out
}

// next returns the next write: of a new post, or of one that may be written again.
func (r *rig) next(count int) write {
	id := fmt.Sprintf("p%03d", count)
	if known := r.ledger.all(); r.random.IntN(2) == 0 && len(known) > 0 {
		if old := known[r.random.IntN(len(known))]; old.settled {
			id = old.id
		}
	}
	w := write{id: id, public: true}
	kind := r.random.IntN(12)
	if kind == 0 {
		w.public = false
		return w
	}
	post := map[string]any{"id": id, "title": "Post " + id, "content_text": fmt.Sprintf("Version %d.", count)}
	if kind == 1 {
		post["status"], w.public = "private", false
	}
	if r.random.IntN(4) > 0 {
		post["date_published"] = time.Date(2024, 1, 1+r.random.IntN(9), 0, 0, 0, 0, time.UTC)
	}
	var tags []string
	for range r.random.IntN(3) {
		tags = append(tags, []string{"Go", "News", "C#"}[r.random.IntN(3)])
	}
	post["tags"] = tags
	raw, err := json.Marshal(post)
	if err != nil {
		panic(err)
	}
	w.body = string(raw)
	return w
}

// put writes until the write is acknowledged or ctx is done.
func (r *rig) put(ctx context.Context, w write) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last := ""
	defer func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.violation("%s was not acknowledged within %v: %s", w.id, patience, last)
		}
	}()
	for attempt := 0; ctx.Err() == nil; attempt++ {
		n := r.nodes[r.random.IntN(len(r.nodes))]
		method := http.MethodPut
		if w.body == "" {
			method = http.MethodDelete
		}
		r.ledger.set(w)
		status, text := n.do(method, "/sites/main/posts/"+w.id, w.body)
		switch last = text; status {
		case http.StatusOK, http.StatusCreated, http.StatusNoContent, http.StatusAccepted:
			w.sure = status != http.StatusAccepted
			w.settled = attempt == 0
			r.ledger.set(w)
			r.tally.count("writes acknowledged")
			return
		case http.StatusNotFound:
			if w.body == "" { // deleted by an earlier attempt, or never stored
				w.sure = true
				r.ledger.set(w)
				return
			}
			r.violation("PUT of %s: %s", w.id, text)
			return
		case 0, http.StatusServiceUnavailable, http.StatusConflict, http.StatusInsufficientStorage:
		default:
			r.violation("%s of %s: %d %s", method, w.id, status, text)
			return
		}
		<-time.After(30 * time.Millisecond)
	}
}

// read reads the documents of a node until ctx is done.
func (r *rig) read(ctx context.Context, n *node, bodies *sync.Map) {
	for ctx.Err() == nil {
		for _, path := range []string{"/feed.json", "/atom.xml", "/tags/go/feed.json"} {
			status, header, body := n.get(path)
			if status == 0 {
				continue
			}
			r.tally.count("reads")
			switch status {
			case http.StatusOK:
				hash := feed.HashOf([]byte(body))
				if before, known := bodies.LoadOrStore(path+header.Get("ETag"), hash); known && before != hash {
					r.violation("%s of %s: two bodies have the entity tag %s", path, n.name, header.Get("ETag"))
				}
			case http.StatusServiceUnavailable, http.StatusNotFound:
			default:
				r.violation("%s of %s: status %d", path, n.name, status)
			}
		}
		<-time.After(60 * time.Millisecond)
	}
}

// check checks the promises after the last fault: it writes a last post, rebuilds, and compares what all nodes serve
// with the ledger and with a fresh build.
func (r *rig) check() {
	r.ledger.set(write{id: "last", public: true, body: `{"id": "last", "content_text": "The last post."}`})
	// A Redis replica may confirm a write too late on a busy machine.
	r.await("the confirmation of every write", func() string {
		unsure := ""
		for _, w := range r.ledger.all() {
			if !w.sure {
				unsure = w.id
				r.put(r.t.Context(), w)
			}
		}
		return unsure
	})
	for _, n := range r.nodes {
		if !r.await("a rebuild through "+n.name, func() string { return rebuilt(n.do(http.MethodPost, "/sites/main/rebuild", "")) }) {
			return
		}
	}
	for _, n := range r.nodes {
		var got served
		if !r.await("the posts of "+n.name, func() string {
			// A crawl reads one document after the other, and the node may receive a commit in the meantime.
			got = n.crawl()
			if wrong := r.wrong(got); wrong != "" {
				return wrong
			}
			return differs(r.nodes[0].crawl(), got)
		}) {
			r.explain(n, got)
			return
		}
	}
	r.compareFresh()
}

// differs returns "" if two crawls have found the same documents.
func differs(want, got served) string {
	for path, body := range want.bodies {
		if got.bodies[path] != body {
			return path + " differs from that of the first node"
		}
	}
	return ""
}

// rebuilt returns "" if the response to a rebuild says that all feeds are current.
func rebuilt(status int, text string) string {
	var report feed.Report
	if status != http.StatusOK || json.Unmarshal([]byte(text), &report) != nil {
		return fmt.Sprintf("%d %s", status, text)
	}
	for _, f := range report.Feeds {
		if !f.Outcome.Current() {
			return fmt.Sprintf("%s is %s: %s", f.Feed, f.Outcome, f.Reason)
		}
	}
	return ""
}

// served is what a crawl of a node found.
type served struct {
	posts  map[string]int    // number of documents of the main feed that contain a post
	bodies map[string]string // by path
}

// crawl reads the main feed, its archives and some other documents.
func (n *node) crawl() served {
	s := served{posts: map[string]int{}, bodies: map[string]string{}}
	for path := "/atom.xml"; path != "" && s.bodies[path] == ""; {
		_, _, body := n.get(path)
		s.bodies[path] = body
		var doc struct {
			Entries []struct {
				ID string `xml:"id"`
			} `xml:"entry"`
			Links []struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"link"`
		}
		if err := xml.Unmarshal([]byte(body), &doc); err != nil {
			break
		}
		for _, e := range doc.Entries {
			s.posts[strings.TrimPrefix(e.ID, "urn:feedpub:main:")]++
		}
		path = ""
		for _, l := range doc.Links {
			if l.Rel == "prev-archive" {
				path = strings.TrimPrefix(l.Href, "https://feeds.example")
			}
		}
	}
	for _, path := range []string{"/feed.json", "/feed.xml", "/tags/go/atom.xml", "/tags/news/atom.xml"} {
		if status, _, body := n.get(path); status == http.StatusOK {
			s.bodies[path] = body
		}
	}
	return s
}

// wrong returns "" if a crawl has found every public post exactly once and no other posts.
func (r *rig) wrong(s served) string {
	var wrong []string
	found := maps.Clone(s.posts)
	for _, w := range r.ledger.all() {
		want := 0
		if w.public {
			want = 1
		}
		if found[w.id] != want {
			wrong = append(wrong, fmt.Sprintf("%s is served %d times, want %d", w.id, found[w.id], want))
		}
		delete(found, w.id)
	}
	for id := range found {
		wrong = append(wrong, id+" was never written")
	}
	return strings.Join(wrong, "; ")
}

// explain logs the stored versions of the posts that are not served the expected number of times.
func (r *rig) explain(n *node, s served) {
	for _, w := range r.ledger.all() {
		if public := s.posts[w.id] > 0; public != w.public {
			status, text := n.do(http.MethodGet, "/sites/main/posts/"+w.id, "")
			r.t.Logf("%+v is in the store: %d %s", w, status, text)
		}
	}
	for _, path := range []string{"/sites/main/problems", "/sites/main/feeds"} {
		_, text := n.do(http.MethodGet, path, "")
		r.t.Logf("%s: %s", path, text)
	}
	for path, body := range s.bodies {
		r.t.Logf("%s: %d bytes, links %q", path, len(body), links.FindAllString(body, -1))
	}
}

// links matches the links of an Atom document to archives.
var links = regexp.MustCompile(`<link[^>]*(prev|next)-archive[^>]*>`)

// compareFresh compares documents with those of a new site with the same posts and records.
func (r *rig) compareFresh() {
	n := r.nodes[0]
	export := filepath.Join(r.dir, "export.jsonl")
	// On a busy machine the first connection to Redis may time out.
	if !r.await("an export", func() string {
		if out, err := exec.Command(r.program, n.args("export", "--output", export)...).CombinedOutput(); err != nil {
			return fmt.Sprintf("%v: %s", err, out)
		}
		return ""
	}) {
		return
	}
	fresh := &node{
		rig: r, name: "fresh", dir: filepath.Join(r.dir, "fresh"), readers: freeAddress(r.t), admin: freeAddress(r.t),
		clock: n.clock,
	}
	if err := os.Mkdir(fresh.dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if out, err := exec.Command(r.program, fresh.args("import", export)...).CombinedOutput(); err != nil {
		r.violation("import: %v: %s", err, out)
		return
	}
	r.nodes = append(r.nodes, fresh) // for the logs
	fresh.start()
	defer fresh.kill()
	r.await("the documents of a fresh build", func() string {
		got, want := fresh.crawl(), n.crawl() // again, since replicas may have restored lost documents since the rebuild
		if wrong := r.wrong(got); wrong != "" {
			return wrong
		}
		for path, body := range want.bodies {
			if fresh := got.bodies[path]; fresh != body && !(fresh == "" && !strings.Contains(body, "<entry")) {
				return fmt.Sprintf("%s differs (-fresh +served):\n%s", path, cmp.Diff(fresh, body))
			}
		}
		return ""
	})
}
