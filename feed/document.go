package feed

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"time"
	"unique"
)

// Document is a feed in one format, or a page: rendered, but not committed.
type Document struct {
	Format Format
	Body   []byte // identity coding; must not be modified
	Hash   Hash   // hash of Body
	Bounds Bounds // positions of the items in Body
	Policy string // Content-Security-Policy that the document is served with; empty means none
}

// NewDocument returns the document with its hash. It takes ownership of body and bounds.
func NewDocument(f Format, body []byte, bounds Bounds) Document {
	return Document{Format: f, Body: body, Hash: HashOf(body), Bounds: bounds}
}

// Bounds are the offsets of the items in a document's identity bytes, in ascending order, followed by the end of the
// last item: item i extends from Bounds[i] to Bounds[i+1]. A separator between two items, such as the comma in JSON,
// belongs to the first of them. A document without items has no Bounds. Bounds must not be modified.
type Bounds []uint32

// Items returns the number of items.
func (b Bounds) Items() int { return max(len(b)-1, 0) }

// Validate returns nil if the offsets ascend and lie within a document of size bytes. Otherwise it returns an error of
// kind [ErrInvalid].
func (b Bounds) Validate(size int) error {
	if len(b) == 1 {
		return fmt.Errorf("item bounds: the last item has no end: %w", ErrInvalid)
	}
	for i, offset := range b {
		if int64(offset) > int64(size) || i > 0 && offset <= b[i-1] {
			return fmt.Errorf("item bounds: offset %d after %d in a document of %d bytes: %w",
				offset, b[max(i-1, 0)], size, ErrInvalid)
		}
	}
	return nil
}

// castagnoli is the table of the checksum that ends encoded bounds.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append appends the bounds in binary form to dst: their number, the distances between them, and a checksum.
func (b Bounds) Append(dst []byte) []byte {
	from := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	last := uint32(0)
	for _, offset := range b {
		dst = binary.AppendUvarint(dst, uint64(offset-last))
		last = offset
	}
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli))
}

// DecodeBounds decodes bounds that [Bounds.Append] encoded from the beginning of data, and returns the bytes after
// them. The error is of kind [ErrInvalid] if they are damaged. It does not check them against a document; see
// [Bounds.Validate].
func DecodeBounds(data []byte) (b Bounds, rest []byte, err error) {
	damaged := fmt.Errorf("item bounds: damaged: %w", ErrInvalid)
	count, n := binary.Uvarint(data)
	if n <= 0 || count > uint64(len(data)) { // an offset takes at least a byte
		return nil, nil, damaged
	}
	rest = data[n:]
	if count > 0 {
		b = make(Bounds, count)
	}
	last := uint64(0)
	for i := range b {
		distance, n := binary.Uvarint(rest)
		if n <= 0 || distance > math.MaxUint32 || last+distance > math.MaxUint32 {
			return nil, nil, damaged
		}
		last += distance
		b[i], rest = uint32(last), rest[n:]
	}
	const sum = 4
	encoded := len(data) - len(rest)
	if len(rest) < sum || binary.BigEndian.Uint32(rest) != crc32.Checksum(data[:encoded], castagnoli) {
		return nil, nil, damaged
	}
	return b, rest[sum:], nil
}

// Hash is the SHA-256 of a document's identity bytes in lower-case hexadecimal: 64 characters. It names the document
// in the store and is its entity tag.
type Hash string

// HashOf returns the hash of b.
func HashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

// Checksum detects damaged bytes, but unlike a [Hash] it does not protect against deliberate changes. It consists of
// the length of the bytes, their CRC-32 and their CRC-32C, in hexadecimal and separated by dashes. Computing it takes a
// tenth of the time of a Hash.
type Checksum string

// ChecksumOf returns the checksum of b.
func ChecksumOf(b []byte) Checksum {
	return Checksum(fmt.Sprintf("%x-%08x-%08x", len(b), crc32.ChecksumIEEE(b), crc32.Checksum(b, castagnoli)))
}

// Head is the committed state of a feed. It contains everything that a replica needs to serve the feed's documents,
// except their bytes, so replicas do not depend on the configuration of feeds.
type Head struct {
	Feed   Name   `json:"feed"`
	Token  Token  `json:"token"`  // the fencing token of the builder that committed it
	Config string `json:"config"` // fingerprint of the configuration and the rendering version
	// IDs are the ids of the posts in the documents, in order. A commit is held if a post is missing without an
	// explanation.
	IDs       []string      `json:"ids"`
	Documents []DocumentRef `json:"documents"`
}

// Compact makes equal strings of all heads in the process share their memory. Most strings, such as media types and the
// ids of posts, occur in many heads. Most paths occur in the Link of the same document.
func (h *Head) Compact() {
	h.Config = unique.Make(h.Config).Value()
	for i, id := range h.IDs {
		h.IDs[i] = unique.Make(id).Value()
	}
	for i := range h.Documents {
		d := &h.Documents[i]
		d.Format, d.MediaType = unique.Make(d.Format).Value(), unique.Make(d.MediaType).Value()
		d.Policy = unique.Make(d.Policy).Value()
		if i := strings.Index(d.Link, d.Path); i >= 0 {
			d.Path = d.Link[i : i+len(d.Path)]
		}
	}
}

// HeadSum is the SHA-256 of the stored bytes of a head. Heads of the same feed that have the same sum are equal. The
// zero value is not the sum of any head. A release may change how it stores heads, so a different sum does not mean
// that the head has changed.
type HeadSum [sha256.Size]byte

// StoredHead is a head as it was read from a store. If Unchanged is true, the stored bytes have the sum that the caller
// passed, and Feed is the only field of Head that is set.
type StoredHead struct {
	Head
	Sum       HeadSum // zero if the store does not use sums
	Unchanged bool
}

// Document returns the document in format f, and whether it exists.
func (h Head) Document(f Format) (DocumentRef, bool) {
	i := slices.IndexFunc(h.Documents, func(d DocumentRef) bool { return d.Format == f })
	if i < 0 {
		return DocumentRef{}, false
	}
	return h.Documents[i], true
}

// Later reports whether h was committed later than other, a head of the same feed: by a later builder, or by the same
// builder with a later document. The result does not depend on the current state of the store.
func (h Head) Later(other Head) bool {
	if h.Token != other.Token {
		return h.Token > other.Token
	}
	return h.Modified().After(other.Modified())
}

// Entered returns the ids of the posts that are in a head but not in the head that it replaces. It returns none for the
// pages of posts and for the index, which show posts of feeds.
func Entered(h, previous Head) []string {
	if h.Feed == Pages || h.Feed.OfPost() {
		return nil
	}
	before := make(map[string]bool, len(previous.IDs))
	for _, id := range previous.IDs {
		before[id] = true
	}
	var ids []string
	for _, id := range h.IDs {
		if !before[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// Modified returns the latest modification time of the documents.
func (h Head) Modified() time.Time {
	var latest time.Time
	for _, d := range h.Documents {
		if d.Modified.After(latest) {
			latest = d.Modified
		}
	}
	return latest
}

// DocumentRef describes a committed document without holding its bytes.
type DocumentRef struct {
	Format    Format        `json:"format"`
	Path      string        `json:"path"`       // absolute path of the document's URL
	MediaType string        `json:"media_type"` // Content-Type
	Link      string        `json:"link"`       // value of the Link header (RFC 8288): rel=self and any rel=hub
	MaxAge    time.Duration `json:"max_age"`    // max-age in the Cache-Control header
	// Policy is the value of the Content-Security-Policy header, or empty if the header is not sent.
	Policy string `json:"policy,omitempty"`
	Hash   Hash   `json:"hash"`
	Length int    `json:"length"` // bytes in identity coding
	// Modified is the value of Last-Modified, in UTC and whole seconds. It is later than the modification time of any
	// earlier version of the document.
	Modified time.Time `json:"modified"`
	// Aliases are additional paths at which the document is served. They are absolute and percent-decoded, and may have
	// a query.
	Aliases []string `json:"aliases,omitempty"`
	// Brotli is set if the document is also committed in brotli coding, as stable documents are.
	Brotli bool `json:"brotli,omitempty"`
	// GzipSum is the checksum of the bytes in gzip coding, or empty if the builder recorded none. Bytes that match it
	// need not be unpacked to compare them with Hash.
	GzipSum Checksum `json:"gzip_sum,omitempty"`
}

// Equal reports whether d and e are equal. Times are compared with [time.Time.Equal].
func (d DocumentRef) Equal(e DocumentRef) bool {
	return d.Format == e.Format && d.Path == e.Path && d.MediaType == e.MediaType && d.Link == e.Link &&
		d.MaxAge == e.MaxAge && d.Hash == e.Hash && d.Length == e.Length && d.Modified.Equal(e.Modified) &&
		d.Policy == e.Policy && slices.Equal(d.Aliases, e.Aliases) && d.Brotli == e.Brotli &&
		d.GzipSum == e.GzipSum
}

// Blob holds the bytes of a committed document in the codings in which the store and replicas keep them: gzip (RFC
// 1952) and, for stable documents, brotli.
type Blob struct {
	Hash Hash   // hash of the identity bytes
	Gzip []byte // must not be modified
	Size int    // bytes in identity coding
	// Bounds say where each item of the document begins and ends. The hash does not cover them.
	Bounds Bounds `json:",omitempty"`
	// Brotli holds the bytes in brotli coding (RFC 7932), or is nil. It must not be modified.
	Brotli []byte `json:",omitempty"`
	// Checked is set by a store that has unpacked Gzip and found that the result has the length Size and the hash Hash.
	// Replicas check the bytes if it is not set.
	Checked bool `json:"-"`
}

// Token is a fencing token. A builder that takes over gets a greater token than its predecessor, and the store rejects
// any further commits by the predecessor. A token is at least the Unix time in milliseconds at which it was issued.
type Token int64
