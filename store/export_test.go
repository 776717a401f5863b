package store

import (
	"context"

	"feedpub/feed"
)

// CommitOnce commits as if current were the head, and returns the reply of the script. Unlike [Site.Commit], it does
// not read the head again if it has changed.
func (s *Site) CommitOnce(ctx context.Context, r feed.CommitRequest, current feed.Head) (string, error) {
	blobs := map[feed.Hash]feed.Blob{}
	for _, b := range r.Blobs {
		blobs[b.Hash] = b
	}
	reply, err := s.tryCommit(ctx, r, current, blobs, false)
	if err != nil {
		return "", err
	}
	return reply[0], nil
}
