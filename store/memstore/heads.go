package memstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// fence returns an error of kind [feed.ErrStale] if a builder with a greater token has written. The caller must hold
// mu.
func (s *Site) fence(token feed.Token) error {
	if s.data.token > token {
		return fmt.Errorf("token %d is older than %d: %w", token, s.data.token, feed.ErrStale)
	}
	return nil
}

// markDirty makes feeds dirty. The caller must hold mu.
func (s *Site) markDirty(names ...feed.Name) {
	if len(names) == 0 {
		return
	}
	s.data.mark = max(s.data.mark+1, s.now().UnixMilli())
	for _, n := range names {
		s.data.dirty[n] = s.data.mark
	}
}

// MarkDirty makes feeds dirty.
func (s *Site) MarkDirty(_ context.Context, names ...feed.Name) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.markDirty(names...)
	return nil
}

// DirtyFeeds returns the feeds to rebuild.
func (s *Site) DirtyFeeds(context.Context) ([]feed.DirtyFeed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]feed.DirtyFeed, 0, len(s.data.dirty))
	for n, mark := range s.data.dirty {
		list = append(list, feed.DirtyFeed{Name: n, Mark: mark})
	}
	slices.SortFunc(list, func(a, b feed.DirtyFeed) int {
		return cmp.Or(cmp.Compare(a.Mark, b.Mark), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}

// Names returns recorded names.
func (s *Site) Names(_ context.Context, names ...feed.Name) (map[feed.Name]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(names) == 0 {
		return maps.Clone(s.data.names), nil
	}
	out := map[feed.Name]string{}
	for _, n := range names {
		if full := s.data.names[n]; full != "" {
			out[n] = full
		}
	}
	return out, nil
}

// LastRemoval returns when a post was last removed from a feed.
func (s *Site) LastRemoval(_ context.Context, name feed.Name) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ms, ok := s.data.removals[name]; ok {
		return time.UnixMilli(ms).UTC(), nil
	}
	return time.Time{}, nil
}

// Archives returns the archives, ordered by name.
func (s *Site) Archives(context.Context) ([]feed.Archive, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]feed.Archive, 0, len(s.data.archives))
	for _, n := range slices.Sorted(maps.Keys(s.data.archives)) {
		out = append(out, feed.Archive{Feed: n, Until: s.data.archives[n]})
	}
	return out, nil
}

// ArchiveCount returns the number of archives.
func (s *Site) ArchiveCount(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.data.archives), nil
}

// AddArchives records archives.
func (s *Site) AddArchives(_ context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error {
	for _, a := range archives {
		if err := checkArchive(a); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fence(token); err != nil {
		return err
	}
	for _, a := range archives {
		if old, ok := s.data.archives[a.Feed]; ok && old.Compare(a.Until) != 0 {
			return fmt.Errorf("archive %s already exists with a different end: %w", a.Feed, feed.ErrStale)
		}
	}
	s.data.token = token
	for _, a := range archives {
		s.data.archives[a.Feed] = archiveEnd(a.Until)
	}
	s.markDirty(dirty...)
	return nil
}

func archiveEnd(p feed.Position) feed.Position {
	return feed.Position{Time: time.UnixMilli(p.Time.UnixMilli()).UTC(), ID: p.ID}
}

func checkArchive(a feed.Archive) error {
	if _, number := a.Feed.Archived(); number == 0 || a.Until.Time.IsZero() {
		return fmt.Errorf("archive %q until %v: want the name of an archive and a non-zero end: %w",
			a.Feed, a.Until.Time, feed.ErrInvalid)
	}
	return checkID(a.Until.ID)
}

// Head returns the head of a feed.
func (s *Site) Head(_ context.Context, name feed.Name) (feed.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.data.heads[name]
	if !ok {
		return feed.Head{}, fmt.Errorf("head of %s: %w", name, feed.ErrNotFound)
	}
	return h, nil
}

// Heads returns all heads, ordered by name.
func (s *Site) Heads(context.Context) ([]feed.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.data.heads), func(a, b feed.Head) int { return cmp.Compare(a.Feed, b.Feed) }), nil
}

// StoredHeads returns all heads, ordered by name, without sums: heads in memory need not be decoded.
func (s *Site) StoredHeads(ctx context.Context, _ map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error) {
	heads, err := s.Heads(ctx)
	stored := make([]feed.StoredHead, len(heads))
	for i, h := range heads {
		stored[i].Head = h
	}
	return stored, err
}

// Version returns the number that grows with each commit.
func (s *Site) Version(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.version, nil
}

// Changes returns the commits after an entry.
func (s *Site) Changes(ctx context.Context, after string, block time.Duration) (out []feed.Announcement, err error) {
	err = s.await(ctx, block, func() bool {
		for _, e := range s.data.changes.after(after) {
			a := e.value
			a.Entry = e.id()
			out = append(out, a)
		}
		return len(out) > 0
	})
	return out, err
}

// LastChange returns the position of the latest commit.
func (s *Site) LastChange(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.data.changes.entries); n > 0 {
		return s.data.changes.entries[n-1].id(), nil
	}
	return "0-0", nil
}

// CurrentHeads returns the heads of feeds that exist.
func (s *Site) CurrentHeads(_ context.Context, names ...feed.Name) ([]feed.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var heads []feed.Head
	for _, n := range names {
		if h, ok := s.data.heads[n]; ok {
			heads = append(heads, h)
		}
	}
	return heads, nil
}

// Editions returns the heads of feeds that exist, and their documents that are not in known.
func (s *Site) Editions(
	ctx context.Context, known []feed.Hash, names ...feed.Name,
) (heads []feed.Head, blobs []feed.Blob, err error) {
	if heads, err = s.CurrentHeads(ctx, names...); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range heads {
		for _, d := range h.Documents {
			if b, ok := s.data.docs[d.Hash]; ok && !slices.Contains(known, d.Hash) {
				b.Brotli = nil
				blobs = append(blobs, b)
			}
		}
	}
	return heads, blobs, nil
}

// Blobs returns documents in gzip coding. A document that does not exist is a zero Blob.
func (s *Site) Blobs(_ context.Context, hashes ...feed.Hash) ([]feed.Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blobs := make([]feed.Blob, len(hashes))
	for i, h := range hashes {
		blobs[i] = s.data.docs[h]
		blobs[i].Brotli = nil
	}
	return blobs, nil
}

// Blob returns a document.
func (s *Site) Blob(_ context.Context, hash feed.Hash) (feed.Blob, error) {
	s.mu.Lock()
	b, ok := s.data.docs[hash]
	s.mu.Unlock()
	if !ok {
		return feed.Blob{}, fmt.Errorf("document %s: %w", hash, feed.ErrNotFound)
	}
	if b.Brotli != nil && coding.Brotli.Check(b.Brotli, hash, b.Size) != nil {
		b.Brotli = nil
	}
	return b, nil
}

// MissingDocuments returns the hashes whose documents are not in the store.
func (s *Site) MissingDocuments(_ context.Context, hashes ...feed.Hash) ([]feed.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []feed.Hash
	for _, h := range hashes {
		if _, ok := s.data.docs[h]; !ok {
			missing = append(missing, h)
		}
	}
	return missing, nil
}

func checkHead(h feed.Head) error {
	if h.Feed == "" || len(h.Documents) == 0 {
		return fmt.Errorf("head of feed %q has %d documents; want a feed and at least one document: %w",
			h.Feed, len(h.Documents), feed.ErrInvalid)
	}
	seen := map[feed.Format]bool{}
	for _, d := range h.Documents {
		if d.Format == "" || seen[d.Format] || strings.ContainsAny(string(d.Format), ", =") {
			return fmt.Errorf("head of %s: format %q is empty, malformed or repeated: %w", h.Feed, d.Format, feed.ErrInvalid)
		}
		if len(d.Hash) != len(feed.HashOf(nil)) || strings.Trim(string(d.Hash), "0123456789abcdef") != "" {
			return fmt.Errorf("head of %s: %s: hash %q: %w", h.Feed, d.Format, d.Hash, feed.ErrInvalid)
		}
		seen[d.Format] = true
	}
	return nil
}

// Commit replaces the documents of a feed.
func (s *Site) Commit(_ context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	if err := checkHead(r.Head); err != nil {
		return feed.Failed, feed.Head{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	current, exists := s.data.heads[r.Head.Feed]
	if err := s.fence(r.Head.Token); err != nil {
		return feed.Failed, feed.Head{}, err
	}
	if exists && current.Token > r.Head.Token {
		return feed.Failed, feed.Head{}, fmt.Errorf("token %d is older than %d: %w",
			r.Head.Token, current.Token, feed.ErrStale)
	}
	s.data.token = r.Head.Token
	s.upload(r.Blobs)
	if r.Previous != nil && !slices.EqualFunc(current.Documents, r.Previous.Documents, sameVersion) {
		return feed.Failed, feed.Head{}, fmt.Errorf("the head has changed since it was read: %w", feed.ErrStale)
	}
	for _, d := range r.Head.Documents {
		if _, ok := s.data.docs[d.Hash]; !ok {
			return feed.Failed, feed.Head{}, fmt.Errorf("document %s is neither in the request nor in the store: %w",
				d.Hash, feed.ErrNotFound)
		}
	}
	now := r.Now
	if now.IsZero() {
		now = s.now()
	}
	head, outcome, touched := replaceDocuments(r.Head, current, now)
	s.data.heads[head.Feed] = head
	if touched {
		s.commitVersion(head.Feed, now)
		s.markCommitted(feed.Entered(r.Head, current), now)
	}
	if mark, ok := s.data.dirty[head.Feed]; ok && mark == r.Dirty {
		delete(s.data.dirty, head.Feed)
	}
	returned := head
	returned.IDs, returned.Documents = r.Head.IDs, slices.Clone(head.Documents)
	return outcome, returned, nil
}

// CommitAll makes commits of different feeds.
func (s *Site) CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult {
	results := make([]feed.CommitResult, len(requests))
	for i, r := range requests {
		results[i].Outcome, results[i].Head, results[i].Err = s.Commit(ctx, r)
	}
	return results
}

// sameVersion reports whether two documents are the same version of one document.
func sameVersion(a, b feed.DocumentRef) bool {
	return a.Format == b.Format && a.Hash == b.Hash && a.Modified.Equal(b.Modified)
}

// replaceDocuments returns the new head, the outcome, and whether anything that replicas serve has changed.
func replaceDocuments(head, current feed.Head, now time.Time) (next feed.Head, outcome feed.Outcome, touched bool) {
	head.Documents = slices.Clone(head.Documents)
	head.IDs = append([]string{}, head.IDs...)
	outcome = feed.Unchanged
	for i := range head.Documents {
		d := &head.Documents[i]
		old, ok := current.Document(d.Format)
		if ok && old.Hash == d.Hash {
			d.Modified = old.Modified
			touched = touched || !old.Equal(*d)
			continue
		}
		outcome = feed.Committed
		seconds := now.Unix()
		if ok {
			seconds = max(seconds, old.Modified.Unix()+1)
		}
		d.Modified = time.Unix(seconds, 0).UTC()
	}
	if !slices.EqualFunc(head.Documents, current.Documents, func(a, b feed.DocumentRef) bool {
		return a.Format == b.Format
	}) {
		outcome = feed.Committed
	}
	return head, outcome, touched || outcome == feed.Committed
}

// upload stores documents. The caller must hold mu.
func (s *Site) upload(blobs []feed.Blob) {
	for _, b := range blobs {
		old, ok := s.data.docs[b.Hash]
		if ok && (old.Brotli != nil || b.Brotli == nil) {
			continue
		}
		if ok {
			old.Brotli = b.Brotli
			b = old
		}
		s.data.docs[b.Hash] = b
	}
}

// commitVersion increases the version to at least now and announces a commit. The caller must hold mu.
func (s *Site) commitVersion(name feed.Name, now time.Time) {
	s.data.version = max(s.data.version+1, now.UnixMilli())
	s.data.changes.add(s.now(), feed.Announcement{Feed: name, Version: s.data.version})
	s.announce()
}

// RestoreHeads restores heads that are missing or earlier than their copies.
func (s *Site) RestoreHeads(
	_ context.Context, heads []feed.Head, blobs func(feed.Hash) (feed.Blob, error),
) error {
	var errs []error
	for _, h := range heads {
		errs = append(errs, s.restoreHead(h, blobs, false))
	}
	return errors.Join(errs...)
}

// RestoreHead restores a head that the store has lost.
func (s *Site) RestoreHead(_ context.Context, h feed.Head, blobs func(feed.Hash) (feed.Blob, error)) error {
	return s.restoreHead(h, blobs, h.Feed != feed.Pages)
}

func (s *Site) restoreHead(h feed.Head, blobs func(feed.Hash) (feed.Blob, error), dirty bool) error {
	if err := checkHead(h); err != nil {
		return err
	}
	s.mu.Lock()
	current, ok := s.data.heads[h.Feed]
	s.mu.Unlock()
	if ok && !h.Later(current) {
		return nil
	}
	h.Documents, h.IDs = slices.Clone(h.Documents), append([]string{}, h.IDs...)
	var bytes []feed.Blob
	for i, d := range h.Documents {
		b, err := blobs(d.Hash)
		if err != nil {
			return fmt.Errorf("restore head of %s: %w", h.Feed, err)
		}
		bytes = append(bytes, b)
		h.Documents[i].Brotli = false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if current, ok := s.data.heads[h.Feed]; ok && !h.Later(current) {
		return nil
	}
	s.upload(bytes)
	s.data.token = max(s.data.token, h.Token)
	s.data.heads[h.Feed] = h
	s.commitVersion(h.Feed, s.now())
	if dirty {
		s.markDirty(h.Feed)
	}
	return nil
}

// Records lists the primary records.
func (s *Site) Records(context.Context) iter.Seq2[feed.ExportLine, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []feed.ExportLine
	for _, n := range slices.Sorted(maps.Keys(s.data.names)) {
		lines = append(lines, feed.ExportLine{Name: &feed.PathName{Feed: n, Full: s.data.names[n]}})
	}
	for _, n := range slices.Sorted(maps.Keys(s.data.removals)) {
		lines = append(lines, feed.ExportLine{Removal: &feed.FeedRemoval{
			Feed: n, Time: time.UnixMilli(s.data.removals[n]).UTC(),
		}})
	}
	for _, n := range slices.Sorted(maps.Keys(s.data.archives)) {
		lines = append(lines, feed.ExportLine{Archive: &feed.Archive{Feed: n, Until: s.data.archives[n]}})
	}
	for _, id := range slices.Sorted(maps.Keys(s.data.credits)) {
		lines = append(lines, feed.ExportLine{Credits: &feed.Decisions{ID: id, List: s.data.credits[id]}})
	}
	for _, name := range slices.Sorted(maps.Keys(s.data.known)) {
		p := s.data.known[name]
		lines = append(lines, feed.ExportLine{Publication: &p})
	}
	for _, id := range slices.Sorted(maps.Keys(s.data.records)) {
		r := s.data.records[id]
		lines = append(lines, feed.ExportLine{Record: &r})
	}
	return func(yield func(feed.ExportLine, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// RestoreRecords restores primary records and merges them with those of the site.
func (s *Site) RestoreRecords(_ context.Context, lines ...feed.ExportLine) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lines {
		if err := s.restoreRecord(l); err != nil {
			return err
		}
	}
	return nil
}

// restoreRecord restores one line. The caller must hold mu.
func (s *Site) restoreRecord(l feed.ExportLine) error {
	d := &s.data
	switch {
	case l.Rendering != 0: // see [Site.SetSchema]
	case l.Record != nil:
		return s.restorePostRecord(*l.Record)
	case l.Name != nil:
		if d.names[l.Name.Feed] == "" {
			d.names[l.Name.Feed] = l.Name.Full
		}
	case l.Removal != nil:
		if ms := l.Removal.Time.UnixMilli(); d.removals[l.Removal.Feed] < ms {
			d.removals[l.Removal.Feed] = ms
		}
	case l.Archive != nil:
		if err := checkArchive(*l.Archive); err != nil {
			return err
		}
		if _, ok := d.archives[l.Archive.Feed]; !ok {
			d.archives[l.Archive.Feed] = archiveEnd(l.Archive.Until)
		}
	case l.Credits != nil:
		return s.restoreDecisions(*l.Credits)
	case l.Publication != nil:
		return s.addPublication(*l.Publication)
	default:
		return fmt.Errorf("line has no known member: %w", feed.ErrInvalid)
	}
	return nil
}

// restorePostRecord merges the record of a post with the stored one. The caller must hold mu.
func (s *Site) restorePostRecord(r feed.Record) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	old, exists := s.data.records[r.ID]
	next := recordOf(r.ID, r)
	if exists {
		next.Removed = old.Removed
		if next.FirstSeen.IsZero() || !old.FirstSeen.IsZero() && old.FirstSeen.Before(next.FirstSeen) {
			next.FirstSeen = old.FirstSeen
		}
		if next.Changed.Before(old.Changed) {
			next.Changed = old.Changed
		}
	}
	if exists && next == old {
		return nil
	}
	s.data.records[r.ID] = next
	if s.data.posts[r.ID] != nil {
		s.submit(r.ID)
	}
	return nil
}
