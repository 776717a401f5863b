package simulate

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

const (
	// deadlyWord marks a post that crashes every process that reads it.
	deadlyWord = "DEADLY"
	// deadlyReason is the reason for rejecting such a post.
	deadlyReason = "reading it crashes the program"
	// othersLimit is the promised time within which other posts are published.
	othersLimit = 10 * time.Second
)

// deadly reports whether any of the posts crashes the process that reads it.
func (w *world) deadly(ids []string) bool {
	posts, err := w.site.RawPosts(context.Background(), ids...)
	return err == nil && slices.ContainsFunc(posts, func(p feed.RawPost) bool { return bytes.Contains(p.Raw, []byte(deadlyWord)) })
}

// try reads posts in a separate process.
func (w *world) try(ctx context.Context, posts []feed.StoredPost) (map[string]string, error) {
	reasons := map[string]string{}
	for _, p := range posts {
		if !sleep(ctx, 100*time.Millisecond) {
			return nil, ctx.Err()
		}
		w.mu.Lock()
		w.tried[p.ID] = true
		w.mu.Unlock()
		if bytes.Contains(p.Raw, []byte(deadlyWord)) {
			reasons[p.ID] = deadlyReason
		}
	}
	return reasons, nil
}

// deathOf returns a function that ends a run of the process at once. The process is started again after a second.
func (p *process) deathOf(run int, replica *serve.Replica) func() {
	c, mount, w := p.conn, p.mount, p.w
	return func() {
		if c.isDead() {
			return
		}
		c.kill()
		if mount != nil {
			mount.kill()
		}
		w.count("killed by a post")
		w.mu.Lock()
		w.deaths++
		w.mu.Unlock()
		p.mu.Lock()
		if p.serving == replica {
			p.serving = nil
		}
		p.mu.Unlock()
		w.later(time.Second, func() {
			defer p.hold()()
			if p.run == run {
				p.crashNow()
				p.startNow()
			}
		})
	}
}

// testDeadly checks that a post that crashes the process that reads it crashes at most one builder, is rejected after
// it was tried in a process of its own, does not delay other posts by more than is promised, and is published when it
// is corrected. No other post is rejected.
func (w *world) testDeadly(x *writer) {
	w.mu.Lock()
	deaths := w.deaths
	clear(w.tried)
	w.mu.Unlock()
	begun := time.Now()
	others := map[feed.Name]string{}
	for i := range 4 {
		id := fmt.Sprintf("other%d", i)
		others[feed.Name("tags/"+id)] = id
		if i == 2 {
			x.write(version{
				post: "killer", invalid: true, raw: fmt.Appendf(nil, `{"id":"killer","content_text":%q}`, deadlyWord),
			})
		}
		x.write(version{
			post: id, public: true, raw: fmt.Appendf(nil, `{"id":%q,"content_text":"Text.","tags":[%[1]q]}`, id),
		})
		time.Sleep(x.r.between(0, 400*time.Millisecond))
	}
	w.awaitTags(others, begun)
	time.Sleep(othersLimit) // the last of them may have been published before the deadly post was read
	w.checkRejected("after its death", true)
	w.mu.Lock()
	tried, died := w.tried["killer"], w.deaths-deaths
	w.mu.Unlock()
	if !tried || died != 1 {
		w.violation("a deadly post has ended %d processes, and was tried in a separate process: %t; want 1 and true", died, tried)
	}
	w.rebuild(context.Background())
	w.checkRejected("after a rebuild", true)
	x.write(version{post: "killer", public: true, raw: []byte(`{"id":"killer","content_text":"Corrected.","tags":["killer"]}`)})
	w.awaitTags(map[feed.Name]string{"tags/killer": "killer"}, time.Now())
	w.checkRejected("after its correction", false)
	time.Sleep(12 * time.Second) // enough time for two polls of a replica
	w.checkReplicas()
	w.checkPosts()
	w.checkFresh()
}

// awaitTags waits until the feeds contain the posts.
func (w *world) awaitTags(posts map[feed.Name]string, begun time.Time) {
	for len(posts) > 0 {
		time.Sleep(100 * time.Millisecond)
		for name, id := range posts {
			if h, err := w.site.Head(context.Background(), name); err == nil && slices.Contains(h.IDs, id) {
				delete(posts, name)
			}
		}
		if took := time.Since(begun); took > othersLimit && len(posts) > 0 {
			w.violation("%v are not published %v after they were written beside a deadly post", posts, took)
			return
		}
	}
}

// checkRejected checks which posts are rejected for being deadly: only the deadly one if want is set, and none
// otherwise.
func (w *world) checkRejected(when string, want bool) {
	problems, err := w.site.Problems(context.Background())
	if err != nil {
		w.violation("problems: %v", err)
	}
	rejected := false
	for _, p := range problems {
		switch {
		case p.Kind != feed.KindRejected || !strings.Contains(p.Reason, deadlyReason):
		case p.ID == "killer":
			rejected = true
		default:
			w.violation("%s, %s is rejected: %s", when, p.ID, p.Reason)
		}
	}
	if rejected != want {
		w.violation("%s, the deadly post is rejected: %t, want %t", when, rejected, want)
	}
}
