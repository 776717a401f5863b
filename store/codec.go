package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"feedpub/feed"
)

// A ready item is stored behind a header of fixed size that can be read without the rest:
//
//	 0.. 3  magic and version of this layout
//	 4..19  the first 16 bytes of the SHA-256 of the members, see codec
//	20..35  time of publication in Unix milliseconds, decimal, padded with spaces
//	36..51  what the item was made of, see originOf
//	52..    the members as a Zstandard frame (RFC 8878) with a checksum
//
// An item holds its words several times over, as HTML, as text and as quotes: compressed it takes a fifth. Another
// order or meaning of members needs another version. Items of other versions are not converted: they are made anew from
// their posts.
const (
	itemMagic    = "fpi\x02"
	sumEnd       = 20
	publishedEnd = 36
	headerSize   = 52
)

// zstdEncoder and zstdDecoder are made once, and may be used by several goroutines at once. An item is far smaller than
// the tables of a compressor.
var (
	zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	})
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxRaw))
	})
)

// scratch holds buffers for members, which are needed no longer than encoding or decoding takes.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// encodeItem returns the stored form of an item: equal items give equal bytes.
func encodeItem(it *feed.Item) ([]byte, error) {
	encoder, err := zstdEncoder()
	if err != nil {
		return nil, fmt.Errorf("encode item %q: %w", it.ID, err)
	}
	buf, _ := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	c := codec{buf: (*buf)[:0]}
	c.item(it)
	*buf = c.buf

	sum, origin := sha256.Sum256(c.buf), originOf(it.Intake, it.RawSum)
	b := make([]byte, headerSize, headerSize+len(c.buf)/3)
	copy(b, itemMagic)
	copy(b[len(itemMagic):sumEnd], sum[:])
	n := copy(b[sumEnd:publishedEnd], fmt.Sprintf("%-16d", it.Published.UnixMilli()))
	if n != publishedEnd-sumEnd || b[publishedEnd-1] != ' ' {
		return nil, fmt.Errorf("encode item %q: published %v is out of range: %w", it.ID, it.Published, feed.ErrInvalid)
	}
	copy(b[publishedEnd:], origin)
	return encoder.EncodeAll(c.buf, b), nil
}

// decodeItem returns the item that encodeItem encoded, or an error of kind [feed.ErrInvalid] for what is none, such as
// an item of another layout or one that was cut.
func decodeItem(b string) (*feed.Item, error) {
	if len(b) < headerSize || b[:len(itemMagic)] != itemMagic {
		return nil, fmt.Errorf("stored item: unknown layout: %w", feed.ErrInvalid)
	}
	decoder, err := zstdDecoder()
	if err != nil {
		return nil, fmt.Errorf("stored item: %w", err)
	}
	buf, _ := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	members, err := decoder.DecodeAll([]byte(b[headerSize:]), (*buf)[:0])
	if err != nil {
		return nil, fmt.Errorf("stored item: damaged: %w: %w", err, feed.ErrInvalid)
	}
	*buf = members
	c := codec{decode: true, rest: string(members)} // copied once; the item's strings are parts of it
	var it feed.Item
	c.item(&it)
	if c.bad || c.rest != "" {
		return nil, fmt.Errorf("stored item: damaged: %w", feed.ErrInvalid)
	}
	return &it, nil
}

// originOf identifies what an item is made of: which intake, and which raw post.
func originOf(intake string, raw feed.Hash) string {
	sum := sha256.Sum256([]byte(intake + " " + string(raw)))
	return string(sum[:headerSize-publishedEnd])
}

// decodeHeader returns when the item whose header is given is published and what it was made of, or false for what is
// no item of this layout.
func decodeHeader(b string) (published time.Time, origin string, ok bool) {
	if len(b) < headerSize || b[:len(itemMagic)] != itemMagic {
		return time.Time{}, "", false
	}
	published, err := decodeTime(strings.TrimRight(b[sumEnd:publishedEnd], " "))
	return published, b[publishedEnd:headerSize], err == nil
}

// itemSum returns what identifies a stored item, decodable or not: see [feed.StoredPost.ItemSum].
func itemSum(b string) string { return hex.EncodeToString([]byte(b[:min(len(b), sumEnd)])) }

// rawSum returns the bytes that scripts compare an item's first ones with.
func rawSum(sum string) (string, error) {
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) > sumEnd {
		return "", fmt.Errorf("item sum %q: not one that Load gave: %w", sum, feed.ErrInvalid)
	}
	return string(b), nil
}

// Times are stored in Unix milliseconds, none as "-".

func encodeTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func decodeTime(s string) (time.Time, error) {
	if s == "-" {
		return time.Time{}, nil
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("stored time %q: %w", s, feed.ErrInvalid)
	}
	return time.UnixMilli(ms).UTC(), nil
}

// encodePosition returns the stored form of a position: its time and the post's id, apart.
func encodePosition(p feed.Position) string { return encodeTime(p.Time) + " " + p.ID }

func decodePosition(s string) (feed.Position, error) {
	ms, id, ok := strings.Cut(s, " ")
	t, err := decodeTime(ms)
	if !ok || err != nil || t.IsZero() {
		return feed.Position{}, fmt.Errorf("stored position %q: %w", s, feed.ErrInvalid)
	}
	return feed.Position{Time: t, ID: id}, nil
}

// encodeRecord returns the stored form of a record, without its id: first seen and removed, apart.
func encodeRecord(r feed.Record) string { return encodeTime(r.FirstSeen) + " " + encodeTime(r.Removed) }

func decodeRecord(id, s string) (feed.Record, error) {
	seen, removed, ok := strings.Cut(s, " ")
	if !ok {
		return feed.Record{}, fmt.Errorf("stored record of %q: %q: %w", id, s, feed.ErrInvalid)
	}
	r := feed.Record{ID: id}
	var err error
	if r.FirstSeen, err = decodeTime(seen); err != nil {
		return feed.Record{}, fmt.Errorf("stored record of %q: first seen: %w", id, err)
	}
	if r.Removed, err = decodeTime(removed); err != nil {
		return feed.Record{}, fmt.Errorf("stored record of %q: removed: %w", id, err)
	}
	return r, nil
}
