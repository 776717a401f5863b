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
	// stableAge is the minimum time without changes before a document is compressed with brotli, which takes ten times as
	// long as gzip.
	stableAge = 10 * time.Minute
	// stableLength is the minimum length in bytes at which a second coding is worth its memory.
	stableLength = 4 << 10
)

// compressStable compresses stable documents with brotli. The builder compresses them for all replicas: replicas with
// different versions of the library could send different bytes under one strong entity tag. The work lock is not held
// during compression.
func (r *rebuilder) compressStable(ctx context.Context, token feed.Token) error {
	heads, err := readAllHeads(ctx, r.heads, r.replica)
	if err != nil {
		return fmt.Errorf("compress stable documents: %w", err)
	}
	for _, head := range heads {
		if !slices.ContainsFunc(head.Documents, r.isStable) {
			continue
		}
		err := r.compressFeed(ctx, token, head)
		switch {
		case err == nil:
		case errors.Is(err, feed.ErrStale) || errors.Is(err, feed.ErrUnavailable) || ctx.Err() != nil:
			return fmt.Errorf("compress stable documents: %w", err)
		default: // the feed is still served with gzip
			r.logger.Warn("feed not compressed with brotli", "feed", head.Feed, "error", err)
		}
	}
	return nil
}

// isStable reports whether a committed document should be compressed with brotli.
func (r *rebuilder) isStable(d feed.DocumentRef) bool {
	return !d.Brotli && d.Length >= stableLength && r.clock().Sub(d.Modified) >= stableAge
}

// compressFeed compresses the stable documents of a feed and commits them. Nothing else in the head changes.
func (r *rebuilder) compressFeed(ctx context.Context, token feed.Token, head feed.Head) error {
	head.Documents = slices.Clone(head.Documents)
	var blobs []feed.Blob
	for i, d := range head.Documents {
		if !r.isStable(d) {
			continue
		}
		blob, err := r.documents.Blob(ctx, d.Hash)
		if err != nil {
			return err
		}
		body, err := decompress(blob)
		if err != nil {
			return err
		}
		blob.Brotli = coding.Brotli.Pack(body)
		head.Documents[i].Brotli = true
		blobs = append(blobs, blob)
	}
	return r.work.do(ctx, func() error {
		current, err := r.heads.Head(ctx, head.Feed)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(current.Documents, head.Documents, func(a, b feed.DocumentRef) bool {
			a.Brotli = b.Brotli
			return a.Equal(b)
		}) {
			return nil // the feed was committed during compression
		}
		compressed := current
		compressed.Documents, compressed.Token = head.Documents, token
		_, err = r.send(ctx, feed.CommitRequest{Head: compressed, Previous: &current, Blobs: blobs})
		return err
	})
}
