package store

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

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

// Unpack returns a post as it was put from what its key holds. What looks compressed and is not is given back as it is: it came so, and
// whoever decodes it says what is wrong.
func Unpack(stored []byte) []byte {
	if !bytes.HasPrefix(stored, []byte(gzipMagic)) {
		return stored
	}
	raw, err := expand(stored, maxRaw)
	if err != nil {
		return stored
	}
	return raw
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
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
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w: %w", feed.ErrInvalid, err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w: %w", feed.ErrInvalid, err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("gzip: expands to more than %d bytes: %w", limit, feed.ErrInvalid)
	}
	return raw, nil
}
