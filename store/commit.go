package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

const (
	// uploadTTL is how long uploaded documents wait for their commit; a builder that dies in between leaves no litter.
	uploadTTL = 24 * time.Hour
	// replacedTTL is how long a replaced document stays for replicas that lag.
	replacedTTL = 3 * 24 * time.Hour
	// keptChanges is about how many commits the stream remembers; a replica that missed more reads all heads.
	keptChanges = 10_000
	// commitTries bounds the attempts when a document expires, or another commit of the same token slips in, between
	// reading the head and flipping it.
	commitTries = 4
)

// Commit makes documents the current ones of a feed, in one step, and announces them. The result is
//   - [feed.Committed] and the new head if any document has new bytes. Its Last-Modified is Now in whole seconds, but
//     later than that of the version before; a document with the same bytes keeps its own.
//   - [feed.Unchanged] and the head if all bytes are the committed ones. What else the head says is updated, and
//     announced if readers can see it (path, media type, links, max-age).
//
// The feed is dirty no longer if its mark is still Dirty. Blobs may lack those that the store has already.
//
// It is refused with an error of kind [feed.ErrStale] if a later builder has come, with [feed.ErrNotFound] if bytes are
// neither in Blobs nor in the store, and with [feed.ErrInvalid] if the request contradicts itself. Nothing is visible
// to readers then. After [feed.ErrUnavailable] the commit may have been made: repeating it answers Unchanged.
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
	blobs := make(map[feed.Hash]feed.Blob, len(r.Blobs))
	for _, b := range r.Blobs {
		blobs[b.Hash] = b
	}
	var have map[feed.Hash]bool // what need not be uploaded
	read := r.Previous
	for range commitTries {
		if read == nil {
			h, err := s.head(ctx, s.client.build, r.Head.Feed)
			if err != nil && !errors.Is(err, feed.ErrNotFound) {
				return "", feed.Head{}, err
			}
			read = &h
		}
		current := *read
		if have == nil {
			have = map[feed.Hash]bool{}
			for _, d := range current.Documents {
				have[d.Hash] = true
			}
		}
		if err := s.upload(ctx, r.Head, blobs, have); err != nil {
			return "", feed.Head{}, err
		}
		keys, args, err := s.commitArgs(r, current)
		if err != nil {
			return "", feed.Head{}, err
		}
		reply, err := words(ctx, s.client.once, commitSource, keys, args...)
		if err != nil {
			return "", feed.Head{}, err
		}
		switch reply[0] {
		case "token":
			return "", feed.Head{}, fmt.Errorf("token %d, but a builder with token %s has come: %w",
				r.Head.Token, strings.Join(reply[1:], ""), feed.ErrStale)
		case "moved":
			read = nil
		case "absent":
			hash := feed.Hash(strings.Join(reply[1:], ""))
			if _, ok := blobs[hash]; !ok {
				return "", feed.Head{}, fmt.Errorf("document %s is neither given nor stored: %w", hash, feed.ErrNotFound)
			}
			have = map[feed.Hash]bool{} // something expired or was deleted: send all
		default:
			s.client.waits.nudge(s.keys.changes())
			return s.committed(ctx, r, reply)
		}
	}
	return "", feed.Head{}, fmt.Errorf("the head moved %d times meanwhile: %w", commitTries, feed.ErrStale)
}

// checkHead returns an error of kind [feed.ErrInvalid] for a head that cannot be committed.
func checkHead(h feed.Head) error {
	if h.Feed == "" || len(h.Documents) == 0 {
		return fmt.Errorf("head of %q with %d documents: %w", h.Feed, len(h.Documents), feed.ErrInvalid)
	}
	seen := map[feed.Format]bool{}
	for _, d := range h.Documents {
		if d.Format == "" || seen[d.Format] || strings.ContainsAny(string(d.Format), ", =") {
			return fmt.Errorf("head of %s: format %q is empty, malformed or given twice: %w", h.Feed, d.Format, feed.ErrInvalid)
		}
		if len(d.Hash) != len(feed.HashOf(nil)) || strings.Trim(string(d.Hash), "0123456789abcdef") != "" {
			return fmt.Errorf("head of %s: %s: hash %q: %w", h.Feed, d.Format, d.Hash, feed.ErrInvalid)
		}
		seen[d.Format] = true
	}
	return nil
}

// upload sends the documents' bytes that the store lacks. What exists is not written again: it is named by its content.
func (s *Site) upload(ctx context.Context, h feed.Head, blobs map[feed.Hash]feed.Blob, have map[feed.Hash]bool) error {
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, d := range h.Documents {
			if b, ok := blobs[d.Hash]; ok && !have[d.Hash] {
				p.SetArgs(ctx, s.keys.doc(b.Hash), encodeBlob(b), redis.SetArgs{Mode: "NX", TTL: uploadTTL})
			}
			if b := blobs[d.Hash]; d.Brotli && len(b.Brotli) > 0 {
				p.SetArgs(ctx, s.keys.brotli(b.Hash), b.Brotli, redis.SetArgs{Mode: "NX", TTL: uploadTTL})
			}
		}
		return nil
	})
	if errors.Is(err, redis.Nil) { // it existed
		err = nil
	}
	return err
}

func (s *Site) commitArgs(r feed.CommitRequest, current feed.Head) (keys []string, args []any, err error) {
	h := r.Head
	ids, err := encodeIDs(h.IDs)
	if err != nil {
		return nil, nil, err
	}
	keys = []string{
		s.keys.token(), s.keys.head(h.Feed), s.keys.heads(), s.keys.version(), s.keys.changes(), s.keys.dirty(),
		s.keys.journal(),
	}
	var read strings.Builder
	for _, d := range current.Documents {
		fmt.Fprintf(&read, "%s=%s,", d.Format, d.Hash)
	}
	args = []any{
		int64(h.Token), r.Now.UnixMilli(), r.Dirty, string(h.Feed), h.Config, ids, keptChanges,
		replacedTTL.Milliseconds(), read.String(), len(h.Documents), 0,
	}
	const previousArg = 10 // the last of these, which is known below
	for _, d := range h.Documents {
		ref, err := encodeRef(d)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, s.keys.doc(d.Hash))
		args = append(args, string(d.Format), string(d.Hash), ref)
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

// committed reads the script's reply to a commit that was made.
func (s *Site) committed(ctx context.Context, r feed.CommitRequest, reply []string) (feed.Outcome, feed.Head, error) {
	if len(reply) != 2+len(r.Head.Documents) {
		return "", feed.Head{}, fmt.Errorf("script answered %q", reply)
	}
	head := r.Head
	head.Documents = slices.Clone(r.Head.Documents)
	for i := range head.Documents {
		seconds, err := strconv.ParseInt(reply[2+i], 10, 64)
		if err != nil {
			return "", feed.Head{}, fmt.Errorf("script answered %q: %w", reply, err)
		}
		head.Documents[i].Modified = time.Unix(seconds, 0).UTC()
	}
	if reply[1] == "1" {
		if err := s.sync(ctx); err != nil {
			return "", feed.Head{}, err
		}
	}
	if reply[0] == "committed" {
		return feed.Committed, head, nil
	}
	return feed.Unchanged, head, nil
}
