package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// A stored item starts with a header of fixed size that can be decoded on its own:
//
//	 0.. 3  magic and version of this format
//	 4..19  the first 16 bytes of the SHA-256 of the members; see codec
//	20..35  time of publication in Unix milliseconds, decimal, padded with spaces
//	36..51  intake and raw post that the item was made from; see originOf
//	52..    the members as a Zstandard frame (RFC 8878) with a checksum
//
// An item contains its text several times, as HTML, as plain text and in quotes; compression reduces it to a fifth. If
// the order or meaning of members changes, the version must change. Items of other versions are not converted: they are
// rebuilt from their posts.
const (
	itemMagic    = "fpi\x02"
	sumEnd       = 20
	publishedEnd = 36
	headerSize   = 52
)

// zstdEncoder and zstdDecoder are created once, since their tables are far larger than an item. Both are safe for
// concurrent use.
var (
	zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
	})
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxRaw))
	})
)

// scratch holds buffers for members while an item is encoded or decoded.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// encodeItem encodes an item for storage. Equal items have equal encodings.
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

// decodeItem decodes an item that encodeItem encoded. The error is of kind [feed.ErrInvalid] if b is damaged or has a
// different format.
func decodeItem(b string) (*feed.Item, error) {
	if len(b) < headerSize || b[:len(itemMagic)] != itemMagic {
		return nil, fmt.Errorf("stored item: unknown format: %w", feed.ErrInvalid)
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
	c := codec{decode: true, rest: string(members)} // copy once: the item's strings share the memory of this string
	var it feed.Item
	c.item(&it)
	if c.bad || c.rest != "" {
		return nil, fmt.Errorf("stored item: damaged: %w", feed.ErrInvalid)
	}
	return &it, nil
}

// normalizeItem returns a copy of an item in the form that decodeItem returns: times in UTC and milliseconds, empty
// lists as nil. As a result, documents do not depend on which items are cached.
func normalizeItem(it *feed.Item) *feed.Item {
	var out feed.Item
	e := codec{}
	e.item(it)
	d := codec{decode: true, rest: string(e.buf)}
	d.item(&out)
	return &out
}

// originOf returns a value that identifies the intake and the raw post that an item was made from.
func originOf(intake string, raw feed.Hash) string {
	sum := sha256.Sum256([]byte(intake + " " + string(raw)))
	return string(sum[:headerSize-publishedEnd])
}

// decodeHeader returns the time of publication and the origin in the header of a stored item, or false if b is not in
// this format.
func decodeHeader(b string) (published time.Time, origin string, ok bool) {
	if len(b) < headerSize || b[:len(itemMagic)] != itemMagic {
		return time.Time{}, "", false
	}
	published, err := decodeTime(strings.TrimRight(b[sumEnd:publishedEnd], " "))
	return published, b[publishedEnd:headerSize], err == nil
}

// itemSum returns the [feed.StoredPost.ItemSum] of a stored item, which need not be decodable.
func itemSum(b string) string { return hex.EncodeToString([]byte(b[:min(len(b), sumEnd)])) }

// rawSum returns the first bytes of the stored item whose itemSum is sum. Scripts compare them with the stored item.
func rawSum(sum string) (string, error) {
	b, err := hex.DecodeString(sum)
	if err != nil || len(b) > sumEnd {
		return "", fmt.Errorf("item sum %q: not one that Load returned: %w", sum, feed.ErrInvalid)
	}
	return string(b), nil
}

// Times are stored in Unix milliseconds; the zero time is stored as "-".

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

// encodePosition encodes a position for storage: its time, a space and the post's id.
func encodePosition(p feed.Position) string { return encodeTime(p.Time) + " " + p.ID }

func decodePosition(s string) (feed.Position, error) {
	ms, id, ok := strings.Cut(s, " ")
	t, err := decodeTime(ms)
	if !ok || err != nil || t.IsZero() {
		return feed.Position{}, fmt.Errorf("stored position %q: %w", s, feed.ErrInvalid)
	}
	return feed.Position{Time: t, ID: id}, nil
}

// encodeRecord encodes a record for storage, without its id: the times first seen and removed and, if there is one, the
// time changed, separated by spaces.
func encodeRecord(r feed.Record) string {
	s := encodeTime(r.FirstSeen) + " " + encodeTime(r.Removed)
	if !r.Changed.IsZero() {
		s += " " + encodeTime(r.Changed)
	}
	return s
}

func decodeRecord(id, s string) (feed.Record, error) {
	seen, removed, ok := strings.Cut(s, " ")
	if !ok {
		return feed.Record{}, fmt.Errorf("stored record of %q: %q: %w", id, s, feed.ErrInvalid)
	}
	removed, changed, hasChanged := strings.Cut(removed, " ")
	r := feed.Record{ID: id}
	var err error
	if r.FirstSeen, err = decodeTime(seen); err != nil {
		return feed.Record{}, fmt.Errorf("stored record of %q: first seen: %w", id, err)
	}
	if r.Removed, err = decodeTime(removed); err != nil {
		return feed.Record{}, fmt.Errorf("stored record of %q: removed: %w", id, err)
	}
	if hasChanged {
		if r.Changed, err = decodeTime(changed); err != nil {
			return feed.Record{}, fmt.Errorf("stored record of %q: changed: %w", id, err)
		}
	}
	return r, nil
}

// codec encodes or decodes the members of an item; one list of members defines the order for both. Strings and lists
// are preceded by their length as a varint, numbers have eight bytes, times are Unix milliseconds. Decoded strings
// share the memory of the input, because a full rebuild reads every item.
type codec struct {
	buf    []byte // output of encoding
	decode bool
	rest   string // remaining input of decoding
	bad    bool   // the input is damaged
}

func (c *codec) item(it *feed.Item) {
	for _, s := range []*string{
		&it.ID, &it.URL, &it.ExternalURL, &it.Title, &it.HTML, &it.Text, &it.Summary, &it.Image, &it.Language, &it.Intake,
		(*string)(&it.RawSum),
	} {
		c.string(s)
	}
	c.time(&it.Published)
	c.time(&it.Updated)
	list(c, &it.Authors, c.author)
	list(c, &it.Tags, c.string)
	list(c, &it.Attachments, c.attachment)
	list(c, &it.Quotes, c.quote)
	list(c, &it.Via, c.via)
	list(c, &it.Feeds, func(n *feed.Name) { c.string((*string)(n)) })
	list(c, &it.ExcludeFrom, func(n *feed.Name) { c.string((*string)(n)) })
}

func (c *codec) author(a *feed.Author) {
	c.string(&a.Name)
	c.string(&a.URL)
	c.string(&a.Avatar)
}

func (c *codec) attachment(a *feed.Attachment) {
	c.string(&a.URL)
	c.string(&a.MIMEType)
	c.string(&a.Title)
	c.int(&a.SizeInBytes)
	c.float(&a.DurationInSeconds)
}

func (c *codec) quote(q *feed.Quote) {
	s := &q.Source
	for _, s := range []*string{
		&s.Publication, &s.PublicationURL, &s.FeedURL, &s.Headline, &s.URL, &s.DatePublished, &q.Text, &q.HTML,
	} {
		c.string(s)
	}
	list(c, &s.Authors, c.author)
	list(c, &s.Agencies, c.string)
	c.float(&q.Confidence)
	c.bool(&q.Certain)
}

func (c *codec) via(v *feed.Via) {
	c.string(&v.Name)
	c.string(&v.URL)
}

// list encodes or decodes a list. An empty list is decoded as nil.
func list[T any](c *codec, v *[]T, member func(*T)) {
	n := len(*v)
	c.length(&n)
	if c.decode && n > 0 {
		*v = make([]T, n)
	}
	for i := range *v {
		member(&(*v)[i])
	}
}

// length encodes or decodes the length of a string or a list. A list must not be longer than the remaining input, since
// each element takes at least one byte.
func (c *codec) length(n *int) {
	if !c.decode {
		c.buf = binary.AppendUvarint(c.buf, uint64(*n))
		return
	}
	*n = 0
	var v uint64
	for shift := 0; ; shift += 7 {
		if len(c.rest) == 0 || shift > 28 {
			c.fail()
			return
		}
		b := c.rest[0]
		c.rest = c.rest[1:]
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	// Without this limit, a damaged item could cause an allocation of any size.
	if v > uint64(len(c.rest)) {
		c.fail()
		return
	}
	*n = int(v)
}

func (c *codec) string(s *string) {
	n := len(*s)
	c.length(&n)
	if !c.decode {
		c.buf = append(c.buf, *s...)
		return
	}
	*s, c.rest = c.rest[:n], c.rest[n:]
}

func (c *codec) fixed(v *uint64) {
	if !c.decode {
		c.buf = binary.BigEndian.AppendUint64(c.buf, *v)
		return
	}
	if len(c.rest) < 8 {
		c.fail()
		return
	}
	*v = binary.BigEndian.Uint64([]byte(c.rest[:8]))
	c.rest = c.rest[8:]
}

func (c *codec) int(n *int64) {
	v := uint64(*n)
	c.fixed(&v)
	*n = int64(v)
}

func (c *codec) float(f *float64) {
	v := math.Float64bits(*f)
	c.fixed(&v)
	*f = math.Float64frombits(v)
}

func (c *codec) bool(b *bool) {
	var n int64
	if *b {
		n = 1
	}
	c.int(&n)
	*b = n != 0
}

func (c *codec) time(t *time.Time) {
	ms := t.UnixMilli()
	c.int(&ms)
	if c.decode {
		*t = time.UnixMilli(ms).UTC()
	}
}

// fail marks the input as damaged; everything decoded after that is empty.
func (c *codec) fail() { c.bad, c.rest = true, "" }

const (
	gzipMagic = "\x1f\x8b"
	// compressFrom is the minimum size, in bytes, of posts that are compressed. Compressing smaller posts saves little.
	compressFrom = 512
	// maxRaw is the maximum size in bytes of decompressed data; posts are far smaller.
	maxRaw = 64 << 20
)

// packPost encodes a raw post for storage. It compresses the post with gzip if compression is enabled and makes the
// post smaller. A post that itself begins with the gzip magic number is always compressed, so that unpackPost returns
// it unchanged.
func packPost(raw []byte, compressed bool) []byte {
	ambiguous := bytes.HasPrefix(raw, []byte(gzipMagic))
	if !ambiguous && (!compressed || len(raw) < compressFrom) {
		return raw
	}
	packed := coding.GzipSmall(raw)
	if !ambiguous && len(packed) >= len(raw) {
		return raw
	}
	return packed
}

// unpackPost decodes the value of a post's key, compressed or not, and returns the raw post. Bytes that begin with the
// gzip magic number but cannot be decompressed are returned unchanged: decoding the post then reports the error.
func unpackPost(stored []byte) []byte {
	if !bytes.HasPrefix(stored, []byte(gzipMagic)) {
		return stored
	}
	raw, err := coding.Gunzip(stored, maxRaw)
	if err != nil {
		return stored
	}
	return raw
}
