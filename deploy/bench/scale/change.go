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
	heads, err := b.site.Heads(ctx)
	if err != nil {
		return err
	}
	var first, all []time.Duration
	for i := range b.edits {
		p := posttest.Version(b.posts-1-i%40, i+1)
		paths := pathsOf(heads, p.ID)
		if len(paths) == 0 {
			return fmt.Errorf("post %s is not in any document", p.ID)
		}
		for _, path := range paths {
			if err := r.get(ctx, path, ""); err != nil {
				return err
			}
		}
		// A feed is built at most once a second.
		time.Sleep(time.Second + 50*time.Millisecond)
		start := time.Now()
		if err := b.site.Put(ctx, p); err != nil {
			return err
		}
		for j, path := range paths {
			if err := r.get(ctx, path, r.tags[path]); err != nil {
				return err
			}
			if j == 0 {
				first = append(first, time.Since(start))
			}
		}
		all = append(all, time.Since(start))
	}
	return errors.Join(
		b.latencies("one post changed, until a second process serves the main feed", first),
		b.latencies("one post changed, until a second process serves all its documents", all),
	)
}

// pathsOf returns the paths of the documents that contain a post, those of the main feed first.
func pathsOf(heads []feed.Head, id string) []string {
	var first, rest []string
	for _, h := range heads {
		if !slices.Contains(h.IDs, id) {
			continue
		}
		for _, d := range h.Documents {
			if h.Feed == feed.Main {
				first = append(first, d.Path)
			} else {
				rest = append(rest, d.Path)
			}
		}
	}
	return append(first, rest...)
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
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
		if err != nil {
			return err
		}
		request.Host = r.host
		request.Header.Set("Accept-Encoding", "gzip")
		request.Header.Set("If-None-Match", tag)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		if response.StatusCode == http.StatusOK {
			r.tags[path] = response.Header.Get("ETag")
			return nil
		}
	}
	return fmt.Errorf("%s does not change", path)
}
