package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// A blob is stored as a version byte, the identity length as 8 bytes, big endian, the item bounds as [feed.Bounds.Append]
// writes them, and the gzip bytes.
const (
	blobVersion = 1
	blobHeader  = 9
	boundsRoom  = 16 // about what bounds take besides 2 or 3 bytes for each item
)

// existsBatch is the number of documents in one pipeline.
const existsBatch = 1000

func encodeBlob(b feed.Blob) []byte {
	out := make([]byte, 0, blobHeader+boundsRoom+3*len(b.Bounds)+len(b.Gzip))
	out = append(out, blobVersion)
	out = binary.BigEndian.AppendUint64(out, uint64(b.Size))
	out = b.Bounds.Append(out)
	return append(out, b.Gzip...)
}

// decodeBlob returns the blob named h. The error is of kind [feed.ErrInvalid] if its bytes do not have that hash or its
// bounds are damaged: the reply of a broken server never reaches a reader.
func decodeBlob(h feed.Hash, stored []byte) (feed.Blob, error) {
	if len(stored) < blobHeader || stored[0] != blobVersion {
		return feed.Blob{}, fmt.Errorf("stored document %s: unknown layout: %w", h, feed.ErrInvalid)
	}
	size := min(binary.BigEndian.Uint64(stored[1:blobHeader]), coding.MaxLength+1)
	b := feed.Blob{Hash: h, Size: int(size)}
	var err error
	if b.Bounds, b.Gzip, err = feed.DecodeBounds(stored[blobHeader:]); err != nil {
		return feed.Blob{}, fmt.Errorf("stored document %s: %w", h, err)
	}
	body, err := coding.Body(b)
	if err != nil {
		return feed.Blob{}, fmt.Errorf("stored document %s: %w", h, err)
	}
	if feed.HashOf(body) != h {
		return feed.Blob{}, fmt.Errorf("stored document %s: has other bytes: %w", h, feed.ErrInvalid)
	}
	if err := b.Bounds.Validate(b.Size); err != nil {
		return feed.Blob{}, fmt.Errorf("stored document %s: %w", h, err)
	}
	return b, nil
}

// Blob returns a document after it has verified its hash, or an error of kind [feed.ErrNotFound]. Replaced documents are
// kept for three days. Brotli is nil if the stored brotli coding is not that of the document.
func (s *Site) Blob(ctx context.Context, h feed.Hash) (feed.Blob, error) {
	var stored, packed *redis.StringCmd
	// Each command has its own error; a document without brotli coding is not one.
	_, _ = s.client.serve.Pipelined(ctx, func(p redis.Pipeliner) error {
		stored, packed = p.Get(ctx, s.keys.doc(h)), p.Get(ctx, s.keys.brotli(h))
		return nil
	})
	bytes, err := stored.Bytes()
	if err != nil {
		return feed.Blob{}, s.client.wrap(fmt.Sprintf("document %s", h), err)
	}
	b, err := decodeBlob(h, bytes)
	if err != nil {
		return b, s.client.wrap("document", err)
	}
	if br, err := packed.Bytes(); err == nil && coding.Brotli.Check(br, h, b.Size) == nil {
		b.Brotli = br
	}
	return b, nil
}

// MissingDocuments returns those of hashes for which the store has no document.
func (s *Site) MissingDocuments(ctx context.Context, hashes ...feed.Hash) ([]feed.Hash, error) {
	var absent []feed.Hash
	for some := range slices.Chunk(hashes, existsBatch) {
		found := make([]*redis.IntCmd, len(some))
		if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, h := range some {
				found[i] = p.Exists(ctx, s.keys.doc(h))
			}
			return nil
		}); err != nil {
			return nil, s.client.wrap("absent documents", err)
		}
		for i, h := range some {
			if found[i].Val() == 0 {
				absent = append(absent, h)
			}
		}
	}
	return absent, nil
}
