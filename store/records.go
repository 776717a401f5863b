package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"feedpub/feed"
)

// restoreBatch is how many lines one script brings back.
const restoreBatch = 500

// Records returns all primary records of the site: names, removals and archives by feed, then the records of posts in
// no order. One of a post may come more than once. After an error the walk ends.
func (s *Site) Records(ctx context.Context) iter.Seq2[feed.ExportLine, error] {
	return func(yield func(feed.ExportLine, error) bool) {
		names, err := s.Names(ctx)
		if err != nil {
			yield(feed.ExportLine{}, err)
			return
		}
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if !yield(feed.ExportLine{Name: &feed.PathName{Feed: n, Full: names[n]}}, nil) {
				return
			}
		}
		removals, err := s.client.build.HGetAll(ctx, s.keys.removals()).Result()
		if err != nil {
			yield(feed.ExportLine{}, s.client.wrap("records", err))
			return
		}
		for _, n := range slices.Sorted(maps.Keys(removals)) {
			t, err := decodeTime(removals[n])
			if !yield(feed.ExportLine{Removal: &feed.FeedRemoval{Feed: feed.Name(n), Time: t}}, s.client.wrap("records", err)) || err != nil {
				return
			}
		}
		archives, err := s.Archives(ctx)
		if err != nil {
			yield(feed.ExportLine{}, err)
			return
		}
		for _, a := range archives {
			if !yield(feed.ExportLine{Archive: &a}, nil) {
				return
			}
		}
		for ids, err := range s.scanOne(ctx, "records", kindRecord) {
			if err != nil {
				yield(feed.ExportLine{}, err)
				return
			}
			values, err := s.client.build.MGet(ctx, mapKeys(ids, s.keys.record)...).Result()
			if err != nil {
				yield(feed.ExportLine{}, s.client.wrap("records", err))
				return
			}
			for i, v := range values {
				stored, ok := v.(string)
				if !ok {
					continue // gone since
				}
				r, err := decodeRecord(ids[i], stored)
				if !yield(feed.ExportLine{Record: &r}, s.client.wrap("records", err)) || err != nil {
					return
				}
			}
		}
	}
}

// Restore brings primary records back, never over what the site knows better: of two times a post was first seen the
// earlier stands, a record of removal only where the post has no record yet, a name or an archive only where it is free,
// a removal from a feed only if it is later. A post whose record changes is put into the inbox, to be read again. Repeating it
// does no harm. A line without a member, or with an id that posts can't have, is an error of kind [feed.ErrInvalid].
func (s *Site) RestoreRecords(ctx context.Context, lines ...feed.ExportLine) error {
	if s.client.owner != nil {
		return s.client.wrap("restore", s.restoreDelegated(ctx, lines))
	}
	journal := false
	for batch := range slices.Chunk(lines, restoreBatch) {
		keys := []string{s.keys.inbox(), s.keys.names(), s.keys.removals(), s.keys.journal(), s.keys.archives()}
		var args []any
		for _, l := range batch {
			switch {
			case l.Record != nil:
				if err := checkID(l.Record.ID); err != nil {
					return s.client.wrap("restore", err)
				}
				keys = append(keys, s.keys.record(l.Record.ID), s.keys.post(l.Record.ID))
				args = append(args, "record", l.Record.ID, encodeTime(l.Record.FirstSeen), encodeTime(l.Record.Removed))
			case l.Name != nil:
				args = append(args, "name", string(l.Name.Feed), l.Name.Full, "")
			case l.Removal != nil:
				args = append(args, "removal", string(l.Removal.Feed), l.Removal.Time.UnixMilli(), "")
			case l.Archive != nil:
				if err := checkArchive(*l.Archive); err != nil {
					return s.client.wrap("restore", err)
				}
				args = append(args, "archive", string(l.Archive.Feed), encodePosition(l.Archive.Until), "")
			default:
				return s.client.wrap("restore", fmt.Errorf("line of no known kind: %w", feed.ErrInvalid))
			}
		}
		reply, err := status(ctx, s.client.build, restoreRecordsSource, keys, args...)
		if err != nil {
			return s.client.wrap("restore", err)
		}
		journal = journal || reply == "journal"
	}
	if journal {
		return s.client.wrap("restore", s.sync(ctx))
	}
	return nil
}

// RestoreHeads seeds the store with heads that were committed earlier, from copies on a disk: a head that is missing, or
// that is earlier than the copy ([feed.Head.Later]), is written with the copy's Last-Modified, others are left. Blobs
// gives the bytes of a document. A head that can't be restored doesn't keep the others from it; the errors are joined.
func (s *Site) RestoreHeads(ctx context.Context, heads []feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error {
	var errs []error
	for _, h := range heads {
		if err := s.restoreHead(ctx, h, blobs, false); err != nil {
			errs = append(errs, s.client.wrap(fmt.Sprintf("restore head of %s", h.Feed), err))
		}
	}
	return errors.Join(errs...)
}

// RestoreHead is RestoreHeads of one head for a store that has lost what a replica still serves. If the head is written, its
// feed becomes dirty too: the posts that it was made of may be lost as well, and the builder is to find that out and hold
// the feed, rather than never to look at it.
func (s *Site) RestoreHead(ctx context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error {
	// The pages are no feed, and are made whenever feeds are.
	return s.client.wrap(fmt.Sprintf("give back head of %s", h.Feed), s.restoreHead(ctx, h, blobs, h.Feed != feed.Pages))
}

func (s *Site) restoreHead(ctx context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error), dirty bool) error {
	if err := checkHead(h); err != nil {
		return err
	}
	current, err := s.head(ctx, s.client.build, h.Feed)
	switch {
	case errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid):
		current = feed.Head{Token: -1}
	case err != nil:
		return err
	case !h.Later(current):
		return nil // spares the upload; the script decides
	}
	bytes := map[feed.Hash]feed.Blob{}
	keys := []string{
		s.keys.token(), s.keys.head(h.Feed), s.keys.heads(), s.keys.version(), s.keys.changes(), s.keys.journal(),
		s.keys.dirty(), s.keys.marks(),
	}
	var formats strings.Builder
	ids, err := encodeIDs(h.IDs)
	if err != nil {
		return err
	}
	fields := []any{fieldToken, int64(h.Token), fieldConfig, h.Config, fieldIDs, ids}
	for _, d := range h.Documents {
		b, err := blobs(d.Hash)
		if err != nil {
			return err
		}
		bytes[d.Hash] = b
		d.Brotli = false // it is made again when the document has been quiet for a while
		ref, err := encodeRef(d)
		if err != nil {
			return err
		}
		keys = append(keys, s.keys.doc(d.Hash))
		formats.WriteString(string(d.Format) + ",")
		fields = append(fields, fieldDoc+string(d.Format), fmt.Sprintf("%s %d %s", d.Hash, d.Modified.Unix(), ref))
	}
	fields = append(fields, fieldFormats, formats.String())
	if err := s.upload(ctx, h, bytes, nil); err != nil {
		return err
	}
	for _, d := range current.Documents {
		keys = append(keys, s.keys.doc(d.Hash))
	}
	mark := 0
	if dirty {
		mark = 1
	}
	args := append([]any{
		int64(h.Token), s.client.now().UnixMilli(), string(h.Feed), keptChanges, mark, replacedTTL.Milliseconds(),
		int64(current.Token), len(h.Documents),
	}, fields...)
	reply, err := status(ctx, s.client.once, restoreHeadSource, keys, args...)
	if err == nil && reply == "absent" {
		err = fmt.Errorf("its documents were not kept: %w", feed.ErrUnavailable)
	}
	return err
}
