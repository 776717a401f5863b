package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// The fields of a head's hash: "token", "config", "ids" (JSON), "formats" (names, each followed by a comma), and for
// each format "doc:FORMAT": hash, Last-Modified in Unix seconds and docRef as JSON, separated by spaces.
const (
	fieldToken   = "token"
	fieldConfig  = "config"
	fieldIDs     = "ids"
	fieldFormats = "formats"
	fieldDoc     = "doc:"
)

// headBatch is the number of heads that are read in one round trip.
const headBatch = 500

// docRef is the part of a document's entry in a head that the commit script does not read.
type docRef struct {
	Path      string        `json:"path"`
	MediaType string        `json:"media_type"`
	Link      string        `json:"link,omitempty"`
	MaxAge    time.Duration `json:"max_age,omitempty"` // nanoseconds
	Length    int           `json:"length"`
	Policy    string        `json:"policy,omitempty"`
	Aliases   []string      `json:"aliases,omitempty"`
	Brotli    bool          `json:"brotli,omitempty"`
	GzipSum   feed.Checksum `json:"gzip_sum,omitempty"`
}

func encodeRef(d feed.DocumentRef) (string, error) {
	b, err := json.Marshal(docRef{
		Path: d.Path, MediaType: d.MediaType, Link: d.Link, MaxAge: d.MaxAge, Length: d.Length, Policy: d.Policy,
		Aliases: d.Aliases, Brotli: d.Brotli, GzipSum: d.GzipSum,
	})
	return string(b), err
}

// encodeIDs returns ids as JSON. It encodes nil as [], so that equal heads have equal encodings.
func encodeIDs(ids []string) (string, error) {
	if ids == nil {
		ids = []string{}
	}
	b, err := json.Marshal(ids)
	return string(b), err
}

func decodeHead(name feed.Name, m map[string]string) (feed.Head, error) {
	h := feed.Head{Feed: name, Config: m[fieldConfig]}
	bad := func(field string, err error) error {
		return fmt.Errorf("stored head of %s: %s: %w: %w", name, field, feed.ErrInvalid, err)
	}
	token, err := strconv.ParseInt(m[fieldToken], 10, 64)
	if err != nil {
		return feed.Head{}, bad(fieldToken, err)
	}
	h.Token = feed.Token(token)
	if err := json.Unmarshal([]byte(m[fieldIDs]), &h.IDs); err != nil {
		return feed.Head{}, bad(fieldIDs, err)
	}
	h.Documents = make([]feed.DocumentRef, 0, strings.Count(m[fieldFormats], ","))
	for format := range strings.SplitSeq(strings.TrimSuffix(m[fieldFormats], ","), ",") {
		part := strings.SplitN(m[fieldDoc+format], " ", 3)
		if len(part) != 3 {
			return feed.Head{}, bad(fieldDoc+format, errors.New("missing"))
		}
		seconds, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil {
			return feed.Head{}, bad(fieldDoc+format, err)
		}
		var ref docRef
		if err := json.Unmarshal([]byte(part[2]), &ref); err != nil {
			return feed.Head{}, bad(fieldDoc+format, err)
		}
		h.Documents = append(h.Documents, feed.DocumentRef{
			Format: feed.Format(format), Path: ref.Path, MediaType: ref.MediaType, Link: ref.Link, MaxAge: ref.MaxAge,
			Hash: feed.Hash(strings.Clone(part[0])), Length: ref.Length, Modified: time.Unix(seconds, 0).UTC(), Policy: ref.Policy,
			Aliases: ref.Aliases, Brotli: ref.Brotli, GzipSum: ref.GzipSum,
		})
	}
	h.Compact()
	return h, nil
}

// Head returns the head of a feed, or an error of kind [feed.ErrNotFound].
func (s *Site) Head(ctx context.Context, name feed.Name) (feed.Head, error) {
	h, err := s.head(ctx, s.client.serve, name)
	return h, s.client.wrap(fmt.Sprintf("head of %s", name), err)
}

func (s *Site) head(ctx context.Context, c redis.UniversalClient, name feed.Name) (feed.Head, error) {
	m, err := c.HGetAll(ctx, s.keys.head(name)).Result()
	if err != nil {
		return feed.Head{}, err
	}
	if len(m) == 0 {
		return feed.Head{}, feed.ErrNotFound
	}
	return decodeHead(name, m)
}

// HeadsOf returns the heads of feeds in one round trip, in the order of the names. If one of them does not exist, the
// error is of kind [feed.ErrNotFound].
func (s *Site) HeadsOf(ctx context.Context, names ...feed.Name) ([]feed.Head, error) {
	stored := make([]*redis.MapStringStringCmd, len(names))
	if _, err := s.client.serve.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			stored[i] = p.HGetAll(ctx, s.keys.head(name))
		}
		return nil
	}); err != nil {
		return nil, s.client.wrap("heads", err)
	}
	heads := make([]feed.Head, len(names))
	for i, name := range names {
		fields, err := stored[i].Val(), error(feed.ErrNotFound)
		if len(fields) > 0 {
			heads[i], err = decodeHead(name, fields)
		}
		if err != nil {
			return nil, s.client.wrap(fmt.Sprintf("head of %s", name), err)
		}
	}
	return heads, nil
}

// Editions returns the heads of feeds, and the documents of these heads that are not in known. Like [Site.Blobs] it
// does not check the bytes of documents, returns them in gzip coding only, and omits those that do not exist or cannot
// be decoded. Heads that do not exist or cannot be decoded are omitted too. An embedded store returns no documents.
//
// It takes two round trips. A script would take one, but the server copies each string that a script reads or returns,
// which takes several times as long as the second round trip.
func (s *Site) Editions(
	ctx context.Context, known []feed.Hash, names ...feed.Name,
) (heads []feed.Head, blobs []feed.Blob, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	heads, err = s.currentHeads(ctx, s.client.serve, names)
	if err != nil || s.client.local != nil { // the documents of an embedded store may not be in memory
		return heads, nil, s.client.wrap("heads", err)
	}
	has := make(map[feed.Hash]bool, len(known))
	for _, h := range known {
		has[h] = true
	}
	var hashes []feed.Hash
	for _, head := range heads {
		for _, d := range head.Documents {
			if !has[d.Hash] {
				has[d.Hash] = true
				hashes = append(hashes, d.Hash)
			}
		}
	}
	blobs, err = s.gzipBlobs(ctx, hashes)
	return heads, blobs, s.client.wrap("documents", err)
}

// gzipBlobs is like [Site.Blobs], but omits documents that do not exist or cannot be decoded. It uses a command for
// each document, since go-redis returns the reply of MGET as strings, which would have to be copied.
func (s *Site) gzipBlobs(ctx context.Context, hashes []feed.Hash) ([]feed.Blob, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	stored := make([]*redis.StringCmd, len(hashes))
	_, err := s.client.serve.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, h := range hashes {
			stored[i] = p.Get(ctx, s.keys.doc(h))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) { // Nil means that the first of the missing documents does not exist
		return nil, err
	}
	blobs := make([]feed.Blob, 0, len(hashes))
	for i, h := range hashes {
		bytes, err := stored[i].Bytes()
		if err != nil {
			continue
		}
		if b, err := parseBlob(h, bytes); err == nil {
			blobs = append(blobs, b)
		}
	}
	return blobs, nil
}

// pairs returns the pairs of strings in a list that a script has returned.
func pairs(list any) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		all, _ := list.([]any)
		for i := 0; i+1 < len(all); i += 2 {
			first, _ := all[i].(string)
			second, _ := all[i+1].(string)
			if !yield(first, second) {
				return
			}
		}
	}
}

// CurrentHeads returns the heads of feeds in one round trip, except for those that do not exist or cannot be decoded.
func (s *Site) CurrentHeads(ctx context.Context, names ...feed.Name) ([]feed.Head, error) {
	heads, err := s.currentHeads(ctx, s.client.build, names)
	return heads, s.client.wrap("heads", err)
}

func (s *Site) currentHeads(ctx context.Context, c redis.UniversalClient, names []feed.Name) ([]feed.Head, error) {
	stored := make([]*redis.MapStringStringCmd, len(names))
	if _, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			stored[i] = p.HGetAll(ctx, s.keys.head(name))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var heads []feed.Head
	for i, name := range names {
		if h, err := decodeHead(name, stored[i].Val()); err == nil {
			heads = append(heads, h)
		}
	}
	return heads, nil
}

// appendFields appends fields of a head to b, each preceded by its length: the fields that decodeHead reads.
func appendFields(b []byte, m map[string]string) []byte {
	field := func(value string) {
		b = binary.AppendUvarint(b, uint64(len(value)))
		b = append(b, value...)
	}
	field(m[fieldToken])
	field(m[fieldConfig])
	field(m[fieldIDs])
	field(m[fieldFormats])
	for format := range strings.SplitSeq(strings.TrimSuffix(m[fieldFormats], ","), ",") {
		field(m[fieldDoc+format])
	}
	return b
}

// Heads returns the heads of all feeds, ordered by name. Heads that cannot be decoded are logged and skipped.
func (s *Site) Heads(ctx context.Context) ([]feed.Head, error) {
	stored, err := s.StoredHeads(ctx, nil)
	if err != nil {
		return nil, err
	}
	heads := make([]feed.Head, len(stored))
	for i, h := range stored {
		heads[i] = h.Head
	}
	return heads, nil
}

// StoredHeads is like Heads, but also returns the sum of each head, and does not decode heads whose sums are known to
// the caller. Decoding takes most of the time that it takes to read heads.
func (s *Site) StoredHeads(ctx context.Context, known map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error) {
	names, err := s.client.serve.ZRange(ctx, s.keys.heads(), 0, -1).Result()
	if err != nil {
		return nil, s.client.wrap("heads", err)
	}
	slices.Sort(names)
	out := make([]feed.StoredHead, 0, len(names))
	var fields []byte
	for batch := range slices.Chunk(names, headBatch) {
		cmds := make([]*redis.MapStringStringCmd, len(batch))
		if _, err := s.client.serve.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, n := range batch {
				cmds[i] = p.HGetAll(ctx, s.keys.head(feed.Name(n)))
			}
			return nil
		}); err != nil {
			return nil, s.client.wrap("heads", err)
		}
		for i, n := range batch {
			name := feed.Name(n)
			fields = appendFields(fields[:0], cmds[i].Val())
			sum := feed.HeadSum(sha256.Sum256(fields))
			if sum == known[name] {
				out = append(out, feed.StoredHead{Head: feed.Head{Feed: name}, Sum: sum, Unchanged: true})
				continue
			}
			h, err := decodeHead(name, cmds[i].Val())
			if err != nil {
				s.client.log.Warn("stored head cannot be decoded", "site", string(s.keys), "feed", n, "error", err)
				continue
			}
			out = append(out, feed.StoredHead{Head: h, Sum: sum})
		}
	}
	return out, nil
}

// Version returns a number that increases with each commit of the site. It is 0 before the first commit. Replicas poll
// it to detect announcements that they have missed. The number increases even if the server loses its data, since it is
// at least the Unix time of the commit in milliseconds.
func (s *Site) Version(ctx context.Context) (int64, error) {
	if !s.client.poller.crowded() {
		v, err := s.client.serve.Get(ctx, s.keys.version()).Int64()
		if errors.Is(err, redis.Nil) {
			return 0, nil
		}
		return v, s.client.wrap("version", err)
	}
	reply, err := s.client.poller.merge(ctx, mergeValues, s.keys.version())
	if err != nil || reply[0] == nil {
		return 0, s.client.wrap("version", err)
	}
	text, _ := reply[0].(string)
	v, err := strconv.ParseInt(text, 10, 64)
	return v, s.client.wrap("version", err)
}

// A blob is stored as a version byte, the identity length as 8 bytes, big endian, the item bounds as
// [feed.Bounds.Append] writes them, and the gzip bytes.
const (
	blobVersion = 1
	blobHeader  = 9
	boundsRoom  = 16 // approximate size of bounds, excluding the 2 or 3 bytes per item
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

// parseBlob returns the blob named h without checking its gzip bytes and its bounds. The error is of kind
// [feed.ErrInvalid] if the layout is unknown or the bounds are damaged.
func parseBlob(h feed.Hash, stored []byte) (feed.Blob, error) {
	if len(stored) < blobHeader || stored[0] != blobVersion {
		return feed.Blob{}, fmt.Errorf("stored document %s: unknown layout: %w", h, feed.ErrInvalid)
	}
	size := min(binary.BigEndian.Uint64(stored[1:blobHeader]), coding.MaxLength+1)
	b := feed.Blob{Hash: h, Size: int(size)}
	var err error
	if b.Bounds, b.Gzip, err = feed.DecodeBounds(stored[blobHeader:]); err != nil {
		return feed.Blob{}, fmt.Errorf("stored document %s: %w", h, err)
	}
	return b, nil
}

// decodeBlob returns the blob named h. The error is of kind [feed.ErrInvalid] if the bytes of the blob do not have that
// hash or its bounds are damaged, so that damaged data is never served.
func decodeBlob(h feed.Hash, stored []byte) (feed.Blob, error) {
	b, err := parseBlob(h, stored)
	if err != nil {
		return feed.Blob{}, err
	}
	body, err := coding.Body(b)
	if err != nil {
		return feed.Blob{}, fmt.Errorf("stored document %s: %w", h, err)
	}
	if feed.HashOf(body) != h {
		return feed.Blob{}, fmt.Errorf("stored document %s: its bytes do not have that hash: %w", h, feed.ErrInvalid)
	}
	if err := b.Bounds.Validate(b.Size); err != nil {
		return feed.Blob{}, fmt.Errorf("stored document %s: %w", h, err)
	}
	b.Checked = true
	return b, nil
}

// Blob returns a document and verifies its hash. If the document does not exist, the error is of kind
// [feed.ErrNotFound]. Replaced documents are kept for [Options.KeepReplaced]. Brotli is nil if the stored brotli coding
// does not decode to the document.
func (s *Site) Blob(ctx context.Context, h feed.Hash) (feed.Blob, error) {
	var stored, packed *redis.StringCmd
	// Each command has its own error; a missing brotli coding is not an error.
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

// Blobs returns documents in one round trip, in the order of the hashes. Unlike [Site.Blob] it does not check their
// bytes, and returns them in gzip coding only. A document that does not exist or cannot be decoded is a zero Blob.
func (s *Site) Blobs(ctx context.Context, hashes ...feed.Hash) ([]feed.Blob, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	values, err := s.client.serve.MGet(ctx, mapKeys(hashes, s.keys.doc)...).Result()
	if err != nil {
		return nil, s.client.wrap("documents", err)
	}
	blobs := make([]feed.Blob, len(hashes))
	for i, h := range hashes {
		stored, ok := values[i].(string)
		if !ok {
			continue
		}
		if b, err := parseBlob(h, []byte(stored)); err == nil {
			blobs[i] = b
		}
	}
	return blobs, nil
}

// MissingDocuments returns those of the given hashes whose documents are not in the store.
func (s *Site) MissingDocuments(ctx context.Context, hashes ...feed.Hash) ([]feed.Hash, error) {
	var absent []feed.Hash
	for some := range slices.Chunk(hashes, existsBatch) {
		// Usually all of them exist, which one command can show.
		n, err := s.client.build.Exists(ctx, mapKeys(some, s.keys.doc)...).Result()
		if err != nil {
			return nil, s.client.wrap("absent documents", err)
		}
		if n == int64(len(some)) {
			continue
		}
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
