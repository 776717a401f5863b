package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/posttest"
)

// change measures the time from writing an edited post until a second process serves the changed documents over HTTP.
func (b *bench) change(ctx context.Context) error {
	if err := b.publisher(nil); err != nil {
		return err
	}
	defer b.rest()
	if err := b.lead(ctx); err != nil {
		return err
	}
	r, err := b.startReplica(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	c, err := b.startClient()
	if err != nil {
		return err
	}
	defer c.stop()
	heads, err := b.site.Heads(ctx)
	if err != nil {
		return err
	}
	var first, all []time.Duration
	for i := range b.edits {
		p := posttest.Version(b.posts-1-i%40, i+1)
		feeds := documentsOf(heads, p.ID, r.base)
		if len(feeds) == 0 {
			return fmt.Errorf("post %s is not in any document", p.ID)
		}
		reply, err := c.change(p, feeds)
		if err != nil {
			return err
		}
		first, all = append(first, reply.First), append(all, reply.All)
	}
	return errors.Join(
		b.latencies("one post changed, until a second process serves the main feed", first),
		b.latencies("one post changed, until a second process serves all its documents", all),
	)
}

// documentsOf returns the documents that contain a post at the server with the given base URL, by feed, those of the
// main feed first.
func documentsOf(heads []feed.Head, id, base string) (feeds [][]location) {
	for _, h := range heads {
		if !slices.Contains(h.IDs, id) {
			continue
		}
		documents := make([]location, len(h.Documents))
		for i, d := range h.Documents {
			documents[i] = location{base, d.Path}
		}
		if h.Feed == feed.Main {
			feeds = slices.Insert(feeds, 0, documents)
		} else {
			feeds = append(feeds, documents)
		}
	}
	return feeds
}

// reader polls documents like a feed reader and keeps their entity tags.
type reader struct {
	base string
	host string // host of the site; "" if the server has only one
	tags map[string]string
}

// get requests a path repeatedly until its entity tag differs from the given one.
func (r *reader) get(ctx context.Context, path, tag string) error {
	return r.getWithin(ctx, path, tag, 20*time.Second, time.Millisecond)
}

// getWithin is like get, but with a time limit and an interval between requests.
func (r *reader) getWithin(ctx context.Context, path, tag string, limit, interval time.Duration) error {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(interval) {
		if changed, err := r.request(ctx, path, tag); err != nil || changed {
			return err
		}
	}
	return fmt.Errorf("%s does not change", path)
}

// request requests a path once, and reports whether its entity tag differs from the given one.
func (r *reader) request(ctx context.Context, path, tag string) (changed bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return false, err
	}
	request.Host = r.host
	request.Header.Set("Accept-Encoding", "gzip")
	request.Header.Set("If-None-Match", tag)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		return false, err
	}
	r.tags[path] = response.Header.Get("ETag")
	return true, nil
}
