package embedded

import (
	"context"
	"errors"
	"fmt"

	"feedpub/feed"
	"feedpub/feed/crash"
	"feedpub/store"
)

// backing writes posts and records to files for [Store.Client].
type backing struct{ *Store }

// WritePosts writes and removes files and then calls apply. The folder is not scanned in the meantime. If the process
// is killed before apply is called, or if apply fails, the next scan puts the posts into the server, as it does after a
// file was edited.
func (b backing) WritePosts(site feed.SiteID, changes []store.PostChange, check, apply func() error) error {
	if site != b.o.Site { // only posts of this site have files
		return fmt.Errorf("the folder contains the posts of site %s, not of site %s: %w",
			b.o.Site, site, feed.ErrInvalid)
	}
	b.folder.mu.Lock()
	defer b.folder.mu.Unlock()
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	if err := b.folder.apply(changes); errors.Is(err, feed.ErrInvalid) {
		return err
	} else if err != nil {
		b.o.Logger.Error("cannot write posts to the folder", "error", err)
		return fmt.Errorf("write posts to the folder: %w: %w", feed.ErrUnavailable, err)
	}
	crash.At(crash.PostFile)
	return apply()
}

// SaveReading writes or removes the file that lists the posts being read.
func (b backing) SaveReading(_ feed.SiteID, saved []byte) error {
	if err := b.disk.saveReading(saved); err != nil {
		return fmt.Errorf("write to the data folder: %w: %w", feed.ErrUnavailable, err)
	}
	return nil
}

// Sync writes the changes in the journal to the data folder.
func (b backing) Sync(ctx context.Context, _ feed.SiteID) error {
	// A canceled context does not mean that the disk failed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), internalTimeout)
	defer cancel()
	if err := b.disk.sync(ctx); err != nil {
		return fmt.Errorf("write records to the data folder: %w: %w", feed.ErrUnavailable, err)
	}
	return nil
}
