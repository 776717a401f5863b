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

// restoreBatch is the maximum number of lines that one call of the script restores.
const restoreBatch = 500

// Records returns an iterator over all primary records of the site: names, removals and archives ordered by feed; the
// subscriptions in no particular order; decisions ordered by post, and publications ordered by name; and the records of
// posts in no particular order. A subscription or a post's record may be returned more than once. The iterator ends
// after an error.
func (s *Site) Records(ctx context.Context) iter.Seq2[feed.ExportLine, error] {
	return func(yield func(feed.ExportLine, error) bool) {
		lines, err := s.feedRecords(ctx)
		if err != nil {
			yield(feed.ExportLine{}, s.client.wrap("records", err))
			return
		}
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
		if !s.subscriptionRecords(ctx, yield) {
			return
		}
		lines, err = s.creditRecords(ctx)
		if err != nil {
			yield(feed.ExportLine{}, err)
			return
		}
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
		for ids, err := range s.scanOne(ctx, "records", kindRecord) {
			if err != nil {
				yield(feed.ExportLine{}, err)
				return
			}
			records, err := s.postRecords(ctx, ids)
			for _, r := range records {
				if !yield(feed.ExportLine{Record: &r}, nil) {
					return
				}
			}
			if err != nil {
				yield(feed.ExportLine{}, s.client.wrap("records", err))
				return
			}
		}
	}
}

// feedRecords returns the names, removals and archives.
func (s *Site) feedRecords(ctx context.Context) ([]feed.ExportLine, error) {
	var lines []feed.ExportLine
	names, err := s.Names(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		lines = append(lines, feed.ExportLine{Name: &feed.PathName{Feed: n, Full: names[n]}})
	}
	removals, err := s.client.build.HGetAll(ctx, s.keys.removals()).Result()
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Sorted(maps.Keys(removals)) {
		t, err := decodeTime(removals[n])
		if err != nil {
			return nil, err
		}
		lines = append(lines, feed.ExportLine{Removal: &feed.FeedRemoval{Feed: feed.Name(n), Time: t}})
	}
	archives, err := s.Archives(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range archives {
		lines = append(lines, feed.ExportLine{Archive: &a})
	}
	return lines, nil
}

// postRecords returns the records of posts; posts whose records no longer exist are omitted. If it returns an error,
// the returned records are still valid.
func (s *Site) postRecords(ctx context.Context, ids []string) ([]feed.Record, error) {
	values, err := s.client.build.MGet(ctx, mapKeys(ids, s.keys.record)...).Result()
	if err != nil {
		return nil, err
	}
	records := make([]feed.Record, 0, len(ids))
	for i, v := range values {
		stored, ok := v.(string)
		if !ok {
			continue
		}
		r, err := decodeRecord(ids[i], stored)
		if err != nil {
			return records, err
		}
		records = append(records, r)
	}
	return records, nil
}

// RestoreRecords restores primary records from an export and merges them with the records of the site:
//   - Of two times at which a post was first seen, the earlier one is kept.
//   - Of two times at which a post changed, the later one is kept.
//   - The removal of a post is restored only if the post has no record.
//   - The removal of a post from a feed is restored only if it is later than the stored one.
//   - A name, an archive or a subscription is restored only if it does not exist.
//   - A decision about a credit is restored only if none is stored.
//
// A post whose record or decisions have changed gets an inbox entry, so that it is absorbed again. The call may be
// repeated. A rendering version is ignored: see [Site.SetSchema]. If a line has no member or an invalid id, the error
// is of kind [feed.ErrInvalid].
func (s *Site) RestoreRecords(ctx context.Context, lines ...feed.ExportLine) error {
	if s.client.owner != nil {
		return s.client.wrap("restore records", s.restoreDelegated(ctx, lines))
	}
	journal := false
	for batch := range slices.Chunk(lines, restoreBatch) {
		noted, err := s.restoreLines(ctx, batch)
		if err != nil {
			return s.client.wrap("restore records", err)
		}
		journal = journal || noted
	}
	if journal {
		return s.client.wrap("restore records", s.sync(ctx))
	}
	return nil
}

// restoreLines restores a batch of lines, and reports whether the journal has to be written to disk.
func (s *Site) restoreLines(ctx context.Context, batch []feed.ExportLine) (journal bool, err error) {
	keys := []string{
		s.keys.inbox(), s.keys.names(), s.keys.removals(), s.keys.journal(), s.keys.archives(), s.keys.imported(),
	}
	var args []any
	for _, l := range batch {
		switch {
		case l.Rendering != 0:
		case isPush(l):
			err = s.restorePush(ctx, l)
		case isCredits(l):
			var noted bool
			noted, err = s.restoreCredits(ctx, l)
			journal = journal || noted
		case l.Record != nil:
			err = checkID(l.Record.ID)
			keys = append(keys, s.keys.record(l.Record.ID), s.keys.post(l.Record.ID))
			args = append(args, "record", l.Record.ID, encodeTime(l.Record.FirstSeen), encodeTime(l.Record.Removed),
				encodeTime(l.Record.Changed))
		case l.Name != nil:
			args = append(args, "name", string(l.Name.Feed), l.Name.Full, "", "")
		case l.Removal != nil:
			args = append(args, "removal", string(l.Removal.Feed), l.Removal.Time.UnixMilli(), "", "")
		case l.Archive != nil:
			err = checkArchive(*l.Archive)
			args = append(args, "archive", string(l.Archive.Feed), encodePosition(l.Archive.Until), "", "")
		case l.Imported != nil:
			err = checkID(l.Imported.ID)
			args = append(args, "imported", l.Imported.ID, string(l.Imported.Sum), "", "")
		default:
			err = fmt.Errorf("the line has no known member: %w", feed.ErrInvalid)
		}
		if err != nil {
			return false, err
		}
	}
	reply, err := status(ctx, s.client.build, restoreRecordsSource, keys, args...)
	s.client.poller.nudge(s.keys.inbox())
	return journal || reply == "journal", err
}

// RestoreHeads restores heads from copies on a disk. A head that is missing or earlier than its copy
// ([feed.Head.Later]) is replaced by the copy, including Last-Modified; other heads are kept. Blobs returns the
// documents. It continues after a head that cannot be restored, and returns all errors, joined.
func (s *Site) RestoreHeads(ctx context.Context, heads []feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error {
	var errs []error
	for _, h := range heads {
		if err := s.restoreHead(ctx, h, blobs, false); err != nil {
			errs = append(errs, s.client.wrap(fmt.Sprintf("restore head of %s", h.Feed), err))
		}
	}
	return errors.Join(errs...)
}

// RestoreHead is like RestoreHeads for one head that the store has lost and a replica still serves. If it writes the
// head, it also marks the feed as dirty: posts may be lost as well, and only a rebuild detects the missing posts and
// holds the feed.
func (s *Site) RestoreHead(ctx context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error {
	// Pages have no posts of their own and are built with every feed.
	return s.client.wrap(fmt.Sprintf("restore head of %s", h.Feed), s.restoreHead(ctx, h, blobs, h.Feed != feed.Pages))
}

func (s *Site) restoreHead(
	ctx context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error), dirty bool,
) error {
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
		return nil // this saves the upload; the script checks again
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
		d.Brotli = false // the builder adds it again when the document is stable
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
		int64(h.Token), s.client.now().UnixMilli(), string(h.Feed), keptChanges, mark, s.client.keepReplaced.Milliseconds(),
		int64(current.Token), len(h.Documents),
	}, fields...)
	reply, err := status(ctx, s.client.once, restoreHeadSource, keys, args...)
	s.client.poller.nudge(s.keys.changes())
	if err != nil {
		return err
	}
	return restoreHeadError(reply)
}

// restoreHeadError returns the error for a reply of the script that restores a head, or nil.
func restoreHeadError(reply string) error {
	switch reply {
	case "ok", "kept":
		return nil
	case "absent":
		return fmt.Errorf("its documents expired during the restore: %w", feed.ErrUnavailable)
	default:
		return errReply(reply)
	}
}
