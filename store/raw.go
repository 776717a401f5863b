package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"feedpub/feed"
)

const (
	gzipMagic = "\x1f\x8b"
	// squeezeFrom is the size from which compressing a post is worth its reading time.
	squeezeFrom = 512
	// maxRaw is what a stored post may expand to; a post itself is far smaller.
	maxRaw = 64 << 20
)

// packPost returns the stored form of a raw post: in gzip coding if asked for and smaller. A post that would itself be
// taken for gzip is always packed, so that it comes back as it was.
func packPost(raw []byte, squeeze bool) ([]byte, error) {
	looksPacked := bytes.HasPrefix(raw, []byte(gzipMagic))
	if !looksPacked && (!squeeze || len(raw) < squeezeFrom) {
		return raw, nil
	}
	packed, err := compress(raw)
	if err != nil || (!looksPacked && len(packed) >= len(raw)) {
		return raw, err
	}
	return packed, nil
}

// UnpackPost returns a post as it was put from what its key holds. What looks compressed and is not is given back as it is: it came so, and
// whoever decodes it says what is wrong.
func UnpackPost(stored []byte) []byte {
	if !bytes.HasPrefix(stored, []byte(gzipMagic)) {
		return stored
	}
	raw, err := expand(stored, maxRaw)
	if err != nil {
		return stored
	}
	return raw
}

// The compressors' tables are far larger than a post, so they are used again.
var (
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

func compress(b []byte) ([]byte, error) {
	w, _ := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return out.Bytes(), nil
}

// expand decodes gzip, and refuses to expand it to more than limit bytes.
func expand(b []byte, limit int64) ([]byte, error) {
	r, _ := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("gzip: %w: %w", feed.ErrInvalid, err)
	}
	var out bytes.Buffer
	out.Grow(expandedSize(b, limit) + bytes.MinRead)
	if _, err := out.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("gzip: %w: %w", feed.ErrInvalid, err)
	}
	if int64(out.Len()) > limit {
		return nil, fmt.Errorf("gzip: expands to more than %d bytes: %w", limit, feed.ErrInvalid)
	}
	return out.Bytes(), nil
}

// expandedSize returns the size that b says it expands to, in its last four bytes (RFC 1952, section 2.3.1), as far as
// it can be believed: deflate makes nothing smaller than a 1032nd.
func expandedSize(b []byte, limit int64) int {
	if len(b) < 4 {
		return 0
	}
	said := int64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	return int(min(said, limit, 1032*int64(len(b))))
}
