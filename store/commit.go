package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
	"feedpub/feed/crash"
)

const (
	// uploadTTL is how long uploaded documents are kept if they are not committed, for example because the builder
	// crashed.
	uploadTTL = 24 * time.Hour
	// defaultKeepReplaced is how long replaced documents are kept for replicas that lag.
	defaultKeepReplaced = 3 * 24 * time.Hour
	// keptChanges is the approximate number of commits that the stream keeps; a replica that has missed more reads all
	// heads.
	keptChanges = 10_000
	// commitTries is the maximum number of attempts. An attempt fails if a document expires or, without
	// [feed.CommitRequest.Previous], if the head changes after it was read.
	commitTries = 4
	// maxTransaction is the maximum number of bytes of documents that are committed in one transaction. It bounds how long
	// the transaction blocks the server.
	maxTransaction = 4 << 20
)

// Commit replaces the documents of a feed in one step and announces them. It returns
//   - [feed.Committed] and the new head if any document has new bytes. The Last-Modified of changed documents is
//     r.Now, or the store's time if r.Now is zero, in whole seconds, but always later than the previous Last-Modified.
//     Unchanged documents keep their Last-Modified.
//   - [feed.Unchanged] and the head if no document has new bytes. Other fields of the head are updated, and the update
//     is announced if it is visible to readers (path, media type, links, max-age).
//
// If the feed's mark is still r.Dirty, the feed is no longer dirty. r.Blobs need not contain blobs that the store
// already has.
//
// The error is of kind [feed.ErrStale] if a later builder has already written, or if the documents are not those of
// r.Previous; [feed.ErrNotFound] if the bytes of a document are neither in r.Blobs nor in the store; and
// [feed.ErrInvalid] if the request is inconsistent or the stored head is damaged. Nothing is changed in these cases.
// After an error of kind [feed.ErrUnavailable] the commit may have been made; without r.Previous, repeating it returns
// Unchanged.
func (s *Site) Commit(ctx context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	outcome, head, err := s.commit(ctx, r)
	if err != nil {
		return feed.Failed, feed.Head{}, s.client.wrap(fmt.Sprintf("commit of %s", r.Head.Feed), err)
	}
	return outcome, head, nil
}

func (s *Site) commit(ctx context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	if err := checkHead(r.Head); err != nil {
		return "", feed.Head{}, err
	}
	blobs := blobsOf(r)
	current, uploadAll := r.Previous, false
	for range commitTries {
		if current == nil {
			h, err := s.head(ctx, s.client.build, r.Head.Feed)
			if err != nil && !errors.Is(err, feed.ErrNotFound) {
				return "", feed.Head{}, err
			}
			current = &h
		}
		reply, err := s.tryCommit(ctx, r, *current, blobs, uploadAll)
		if err != nil {
			return "", feed.Head{}, err
		}
		switch reply[0] {
		case "changed":
			if r.Previous != nil {
				return "", feed.Head{}, s.changed(ctx, r.Head.Feed)
			}
			current = nil
		case "absent":
			uploadAll = true // a document expired or was deleted
		default:
			s.client.poller.nudge(s.keys.changes())
			return s.committed(ctx, r, reply)
		}
	}
	return "", feed.Head{}, fmt.Errorf("the head changed during each of %d attempts: %w", commitTries, feed.ErrStale)
}

// CommitAll makes commits of different feeds, and returns their results in the order of the requests: each commit
// succeeds or fails like a call of [Site.Commit]. Usually they are made in one transaction, so that replicas read the
// new documents of all feeds at once.
func (s *Site) CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult {
	results := make([]feed.CommitResult, len(requests))
	commit := func(i int) {
		result := &results[i]
		result.Outcome, result.Head, result.Err = s.Commit(ctx, requests[i])
	}
	if !s.canTransact(requests) {
		var g sync.WaitGroup
		for i := range requests {
			g.Go(func() { commit(i) })
		}
		g.Wait()
		return results
	}
	replies, errs := s.commitTogether(ctx, requests)
	for i, r := range requests {
		if errs[i] == nil && replies[i] == nil {
			commit(i)
			continue
		}
		result, err := &results[i], errs[i]
		if err == nil {
			result.Outcome, result.Head, err = s.committed(ctx, r, replies[i])
		}
		result.Err = s.client.wrap(fmt.Sprintf("commit of %s", r.Head.Feed), err)
	}
	s.client.poller.nudge(s.keys.changes())
	return results
}

// canTransact reports whether the requests can be sent in one transaction. In a Cluster, it would be repeated if its
// reply was lost. An embedded store needs none, because round trips take no time there.
func (s *Site) canTransact(requests []feed.CommitRequest) bool {
	if len(requests) < 2 || s.client.Clustered() || s.client.local != nil || crash.Armed(crash.CommitUploaded) {
		return false
	}
	size := 0
	for _, r := range requests {
		if r.Previous == nil || checkHead(r.Head) != nil {
			return false
		}
		for _, b := range r.Blobs {
			size += len(b.Gzip) + len(b.Brotli)
		}
	}
	return size <= maxTransaction
}

// commitTogether sends requests in one transaction. It returns the reply of the script or an error for each request, or
// neither if the request must be sent again by itself.
func (s *Site) commitTogether(ctx context.Context, requests []feed.CommitRequest) (replies [][]string, errs []error) {
	replies, errs = make([][]string, len(requests)), make([]error, len(requests))
	scripts, uploads := make([]*redis.Cmd, len(requests)), make([][]redis.Cmder, len(requests))
	script := redis.NewScript(commitSource)
	crash.At(crash.CommitRendered)
	_, failed := s.client.once.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, r := range requests {
			keys, args, err := s.commitArgs(r, *r.Previous)
			if err != nil {
				return err
			}
			blobs, stored := blobsOf(r), map[feed.Hash]bool{}
			for _, d := range r.Previous.Documents {
				stored[d.Hash] = true
			}
			before := p.Len()
			s.addUploads(ctx, p, r.Head, blobs, stored)
			uploads[i] = p.Cmds()[before:]
			scripts[i] = script.EvalSha(ctx, p, keys, args...)
		}
		return nil
	})
	crash.At(crash.CommitDone)
	for i, r := range requests {
		if scripts[i] == nil {
			errs[i] = failed
			continue
		}
		replies[i], errs[i] = replyOf(r, uploads[i], scripts[i])
	}
	return replies, errs
}

// replyOf returns the reply of the commit script after the uploads of a request, or an error, or neither if the request
// must be sent again.
func replyOf(r feed.CommitRequest, uploads []redis.Cmder, script *redis.Cmd) ([]string, error) {
	for _, upload := range uploads {
		if err := upload.Err(); err != nil && !errors.Is(err, redis.Nil) { // Nil means that the document already exists
			return nil, err
		}
	}
	if redis.HasErrorPrefix(script.Err(), "NOSCRIPT") {
		return nil, nil
	}
	reply, err := wordsOf(script)
	if err != nil {
		return nil, err
	}
	switch reply[0] {
	case "token":
		return nil, errFenced(r.Head.Token, strings.Join(reply[1:], ""))
	case "changed", "absent":
		return nil, nil
	}
	return reply, nil
}

// blobsOf returns the bytes of the documents in a request.
func blobsOf(r feed.CommitRequest) map[feed.Hash]feed.Blob {
	blobs := make(map[feed.Hash]feed.Blob, len(r.Blobs))
	for _, b := range r.Blobs {
		blobs[b.Hash] = b
	}
	return blobs
}

// changed returns the error for a commit that was to replace documents that the feed no longer has.
func (s *Site) changed(ctx context.Context, name feed.Name) error {
	if _, err := s.head(ctx, s.client.build, name); err != nil && !errors.Is(err, feed.ErrNotFound) {
		return err // reading the head again would not help the caller
	}
	return fmt.Errorf("the head has changed since it was read: %w", feed.ErrStale)
}

// tryCommit uploads documents and runs the script once. It returns the script's reply, or an error if the reply reports
// a failure.
func (s *Site) tryCommit(
	ctx context.Context, r feed.CommitRequest, current feed.Head, blobs map[feed.Hash]feed.Blob, uploadAll bool,
) ([]string, error) {
	stored := map[feed.Hash]bool{}
	if !uploadAll {
		for _, d := range current.Documents {
			stored[d.Hash] = true
		}
	}
	keys, args, err := s.commitArgs(r, current)
	if err != nil {
		return nil, err
	}
	crash.At(crash.CommitRendered)
	reply, err := s.uploadAndCommit(ctx, r.Head, blobs, stored, keys, args)
	if err != nil {
		return nil, err
	}
	crash.At(crash.CommitDone)
	switch reply[0] {
	case "token":
		return nil, errFenced(r.Head.Token, strings.Join(reply[1:], ""))
	case "absent":
		hash := feed.Hash(strings.Join(reply[1:], ""))
		if _, ok := blobs[hash]; !ok {
			return nil, fmt.Errorf("document %s is neither in the request nor in the store: %w", hash, feed.ErrNotFound)
		}
	}
	return reply, nil
}

// uploadAndCommit uploads documents and runs the script, in one round trip if possible. In a Cluster, a pipeline would
// repeat the script if its reply was lost.
func (s *Site) uploadAndCommit(
	ctx context.Context, h feed.Head, blobs map[feed.Hash]feed.Blob, stored map[feed.Hash]bool, keys []string, args []any,
) ([]string, error) {
	if s.client.Clustered() || crash.Armed(crash.CommitUploaded) {
		if err := s.upload(ctx, h, blobs, stored); err != nil {
			return nil, err
		}
		crash.At(crash.CommitUploaded)
		return words(ctx, s.client.once, commitSource, keys, args...)
	}
	var script *redis.Cmd
	uploads, _ := s.client.once.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its own error
		s.addUploads(ctx, p, h, blobs, stored)
		script = redis.NewScript(commitSource).EvalSha(ctx, p, keys, args...)
		return nil
	})
	for _, upload := range uploads[:max(len(uploads)-1, 0)] {
		if err := upload.Err(); err != nil && !errors.Is(err, redis.Nil) { // Nil means that the document already exists
			return nil, err
		}
	}
	if redis.HasErrorPrefix(script.Err(), "NOSCRIPT") {
		return words(ctx, s.client.once, commitSource, keys, args...)
	}
	return wordsOf(script)
}

// checkHead returns an error of kind [feed.ErrInvalid] for a head that cannot be committed.
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

// upload writes the documents of a head that are not in stored. It does not overwrite existing documents, since their
// keys are hashes of their contents.
func (s *Site) upload(
	ctx context.Context, h feed.Head, blobs map[feed.Hash]feed.Blob, stored map[feed.Hash]bool,
) error {
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		s.addUploads(ctx, p, h, blobs, stored)
		return nil
	})
	if errors.Is(err, redis.Nil) { // the document already exists
		err = nil
	}
	return err
}

// addUploads adds the commands of upload to a pipeline.
func (s *Site) addUploads(
	ctx context.Context, p redis.Pipeliner, h feed.Head, blobs map[feed.Hash]feed.Blob, stored map[feed.Hash]bool,
) {
	for _, d := range h.Documents {
		if b, ok := blobs[d.Hash]; ok && !stored[d.Hash] {
			p.SetArgs(ctx, s.keys.doc(b.Hash), encodeBlob(b), redis.SetArgs{Mode: "NX", TTL: uploadTTL})
		}
		if b := blobs[d.Hash]; d.Brotli && len(b.Brotli) > 0 {
			p.SetArgs(ctx, s.keys.brotli(b.Hash), b.Brotli, redis.SetArgs{Mode: "NX", TTL: uploadTTL})
		}
	}
}

func (s *Site) commitArgs(r feed.CommitRequest, current feed.Head) (keys []string, args []any, err error) {
	h := r.Head
	ids, err := encodeIDs(h.IDs)
	if err != nil {
		return nil, nil, err
	}
	keys = []string{
		s.keys.token(), s.keys.head(h.Feed), s.keys.heads(), s.keys.version(), s.keys.changes(), s.keys.dirty(),
		s.keys.journal(), s.keys.outbox(), s.keys.quiet(), s.keys.unannounced(), s.keys.milestones(), s.keys.unserved(),
	}
	var read strings.Builder
	for _, d := range current.Documents {
		fmt.Fprintf(&read, "%s=%s@%d,", d.Format, d.Hash, d.Modified.Unix())
	}
	now := "" // empty means the server's time
	if !r.Now.IsZero() {
		now = strconv.FormatInt(r.Now.UnixMilli(), 10)
	}
	args = []any{
		int64(h.Token), now, r.Dirty, string(h.Feed), h.Config, ids, keptChanges,
		s.client.keepReplaced.Milliseconds(), read.String(), len(h.Documents), 0,
		strings.Join(r.Notices.Topics, " "), strings.Join(r.Notices.Feeds, " "),
	}
	const previousArg = 10 // index of the argument that is set below
	entered := feed.Entered(h, current)
	args = append(args, len(entered))
	for _, id := range entered {
		args = append(args, id)
	}
	for _, d := range h.Documents {
		ref, err := encodeRef(d)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, s.keys.doc(d.Hash))
		topic := "0"
		if d.Format.Known() && d.Format.Subscribed() {
			topic = "1"
		}
		args = append(args, string(d.Format), string(d.Hash), ref, topic)
	}
	previous := len(keys)
	for _, d := range current.Documents {
		keys = append(keys, s.keys.doc(d.Hash))
		if d.Brotli {
			keys = append(keys, s.keys.brotli(d.Hash))
		}
	}
	args[previousArg] = len(keys) - previous
	for _, d := range h.Documents {
		if d.Brotli {
			keys = append(keys, s.keys.brotli(d.Hash))
		}
	}
	return keys, args, nil
}

// commitOutcomes returns a map from the first word of the script's reply to the outcome of a successful commit.
func commitOutcomes() map[string]feed.Outcome {
	return map[string]feed.Outcome{
		"committed": feed.Committed,
		"touched":   feed.Unchanged, // the head has changed, but the documents have not
		"unchanged": feed.Unchanged,
	}
}

// committed returns the results of a successful commit from the script's reply.
func (s *Site) committed(ctx context.Context, r feed.CommitRequest, reply []string) (feed.Outcome, feed.Head, error) {
	outcome, ok := commitOutcomes()[reply[0]]
	if !ok || len(reply) != 2+len(r.Head.Documents) {
		return "", feed.Head{}, errReply(reply)
	}
	head := r.Head
	head.Documents = slices.Clone(r.Head.Documents)
	for i := range head.Documents {
		seconds, err := strconv.ParseInt(reply[2+i], 10, 64)
		if err != nil {
			return "", feed.Head{}, fmt.Errorf("%w: %w", errReply(reply), err)
		}
		head.Documents[i].Modified = time.Unix(seconds, 0).UTC()
	}
	if reply[1] == "1" {
		if err := s.sync(ctx); err != nil {
			return "", feed.Head{}, err
		}
	}
	return outcome, head, nil
}
