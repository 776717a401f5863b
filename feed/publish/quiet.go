package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
)

const (
	// quietFor is for how long a document must not have changed before it is packed anew: what changes sooner is not
	// worth the time, which is ten times that of gzip coding.
	quietFor = 10 * time.Minute
	// quietLength is from how many bytes on the second coding is worth its place in memory.
	quietLength = 4 << 10
)

// packQuiet packs documents that stay quiet in brotli coding. Builders do it, and not replicas: under one strong entity
// tag all must send the same bytes, whatever version of the library they have.
func (p *Publisher) packQuiet(ctx context.Context, token feed.Token) error {
	heads, err := p.Store.Heads(ctx)
	if err != nil {
		return fmt.Errorf("pack quiet documents: %w", err)
	}
	for _, head := range heads {
		if !slices.ContainsFunc(head.Documents, p.quiet) {
			continue
		}
		err := p.packFeed(ctx, token, head)
		switch {
		case err == nil:
		case errors.Is(err, feed.ErrStale) || errors.Is(err, feed.ErrUnavailable) || ctx.Err() != nil:
			return fmt.Errorf("pack quiet documents: %w", err)
		default: // of this feed only; it is served in gzip coding all the same
			p.Logger.Warn("feed not packed in brotli coding", "feed", head.Feed, "error", err)
		}
	}
	return nil
}

// quiet says whether a committed document is to be packed.
func (p *Publisher) quiet(d feed.DocumentRef) bool {
	return !d.Brotli && d.Length >= quietLength && p.Clock().Sub(d.Modified) >= quietFor
}

// packFeed packs the quiet documents of a feed, and commits them with no other change.
func (p *Publisher) packFeed(ctx context.Context, token feed.Token, head feed.Head) error {
	head.Documents = slices.Clone(head.Documents)
	var blobs []feed.Blob
	for i, d := range head.Documents {
		if !p.quiet(d) {
			continue
		}
		blob, err := p.Store.Blob(ctx, d.Hash)
		if err != nil {
			return err
		}
		body, err := unpack(blob)
		if err != nil {
			return err
		}
		blob.Brotli = coding.Brotli.Pack(body)
		head.Documents[i].Brotli = true
		blobs = append(blobs, blob)
	}

	// Packing took a while; nobody else commits while the head is compared with what it was then.
	p.work.Lock()
	defer p.work.Unlock()
	now, err := p.Store.Head(ctx, head.Feed)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(now.Documents, head.Documents, func(a, b feed.DocumentRef) bool {
		a.Brotli = b.Brotli
		return a.Equal(b)
	}) {
		return nil // it has not stayed quiet
	}
	previous := now
	now.Documents, now.Token = head.Documents, token
	_, _, err = p.Store.Commit(ctx, feed.CommitRequest{Head: now, Previous: &previous, Blobs: blobs, Now: p.Clock()})
	return err
}
