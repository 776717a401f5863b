package store

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// An in-process server need not keep the bytes of documents that are on disk. After [Site.Unload], their keys exist
// with empty values, and the server must reply to a GET or MGET of such a key with [DocumentKey.Value].

// DocumentKey is the key of a document in one coding.
type DocumentKey struct {
	Hash   feed.Hash
	Brotli bool // whether the value is the document in brotli coding
}

// ParseDocumentKey returns the document and the coding that a key of the site stores, or false if the key is not that
// of a document.
func (s *Site) ParseDocumentKey(key string) (DocumentKey, bool) {
	hash, ok := strings.CutPrefix(key, s.keys.doc(""))
	if !ok {
		return DocumentKey{}, false
	}
	if k := (DocumentKey{Hash: feed.Hash(hash)}); key == s.keys.doc(k.Hash) && len(hash) == len(feed.HashOf(nil)) {
		return k, true
	}
	k := DocumentKey{Hash: feed.Hash(hash[:min(len(hash), len(feed.HashOf(nil)))]), Brotli: true}
	return k, key == s.keys.brotli(k.Hash)
}

// DocumentKey returns the key of a document in gzip coding.
func (s *Site) DocumentKey(h feed.Hash) string { return s.keys.doc(h) }

// Value returns the value of the key, which is nil if the document is not stored in its coding.
func (k DocumentKey) Value(b feed.Blob) []byte {
	if k.Brotli {
		return b.Brotli
	}
	return encodeBlob(b)
}

// Unload replaces the stored bytes of documents with empty values. It keeps the time at which a document expires, and
// does nothing for a document that does not exist. The bytes in brotli coding are replaced only if the blob has them.
func (s *Site) Unload(ctx context.Context, blobs ...feed.Blob) error {
	return s.client.wrap("unload documents", s.setDocuments(ctx, blobs, func(DocumentKey, feed.Blob) []byte { return nil }))
}

// Reload restores the bytes of documents that Unload has replaced with empty values.
func (s *Site) Reload(ctx context.Context, blobs ...feed.Blob) error {
	return s.client.wrap("reload documents", s.setDocuments(ctx, blobs, DocumentKey.Value))
}

func (s *Site) setDocuments(
	ctx context.Context, blobs []feed.Blob, value func(DocumentKey, feed.Blob) []byte,
) error {
	if len(blobs) == 0 {
		return nil
	}
	existing := redis.SetArgs{Mode: "XX", KeepTTL: true}
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, b := range blobs {
			p.SetArgs(ctx, s.keys.doc(b.Hash), value(DocumentKey{Hash: b.Hash}, b), existing)
			if len(b.Brotli) > 0 {
				p.SetArgs(ctx, s.keys.brotli(b.Hash), value(DocumentKey{Hash: b.Hash, Brotli: true}, b), existing)
			}
		}
		return nil
	})
	if errors.Is(err, redis.Nil) { // a document does not exist
		err = nil
	}
	return err
}
