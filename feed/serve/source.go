package serve

import (
	"context"
	"time"

	"feedpub/feed"
)

// Source is where committed documents come from: one site's part of the store. A replica trusts nothing that it says
// beyond what it can check. Errors are of the kinds in package feed.
type Source interface {
	// Heads returns the heads of all feeds of the site.
	Heads(ctx context.Context) ([]feed.Head, error)
	// Head returns the head of one feed, or an error of kind [feed.ErrNotFound].
	Head(ctx context.Context, name feed.Name) (feed.Head, error)
	// Blob returns a document's bytes, or an error of kind [feed.ErrNotFound].
	Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error)
	// Version returns the site's version, which moves with every commit.
	Version(ctx context.Context) (int64, error)
	// Changes returns the announcements of commits after an entry, oldest first. If there is none it waits for up to
	// block, or not at all if block is 0, and returns none.
	Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error)
	// LastChange returns the entry of the latest announcement, from which Changes reads on.
	LastChange(ctx context.Context) (string, error)
}
