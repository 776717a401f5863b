package coding

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"sync"

	"github.com/klauspost/compress/flate"

	"feedpub/feed"
	"feedpub/feed/cache"
)

const (
	// sectionRadius is half of the average length of a section in bytes; see [joinWriter.sections]. When an item changes,
	// one or two sections are compressed again. Sections of two thirds of this length would make documents in gzip coding
	// 2% longer.
	sectionRadius = 12 << 10
	// sectionWindow is the maximum number of bytes before a section that its matches may refer to. Deflate allows 32 KiB,
	// but the window has to be read for each section that is compressed.
	sectionWindow = 2 << 10
	// sectionLevel is the level at which sections are compressed. With these three values, documents of 50 posts are 8% to
	// 9% longer than those of Gzip.Pack, and take about as long to compress if no section is cached.
	sectionLevel = 1
	// checkedLength is the number of bytes of an item that decide whether the item begins a section. They contain its id.
	checkedLength = 512
	// minJoined is the minimum length in bytes of a document that is divided into sections.
	minJoined = 4 * sectionRadius

	// DefaultJoinerBytes is the usual size of a Joiner's cache. It is enough for 300 feeds of 50 items in three formats if
	// all of them are rebuilt regularly. When the cache is full, sections that are still in use are kept.
	DefaultJoinerBytes = 128 << 20
	// sectionOverhead is the approximate memory used by a cached section, in bytes, excluding its compressed bytes.
	sectionOverhead = 120
)

// Joiner compresses documents with gzip. It divides the items of a document into sections, compresses each section, and
// joins the results. It caches the results, so if one item changes, only the sections next to it are compressed again.
// The cache does not affect the bytes of a document, which depend only on the document and its bounds.
//
// A nil Joiner caches nothing. A Joiner is safe for concurrent use.
type Joiner struct {
	sections *cache.Cache[sectionKey, []byte]
	seeds    [2]maphash.Seed
}

// sectionKey identifies the bytes of a section and its window. It contains two 64-bit hashes with random seeds instead
// of a SHA-256 sum: without special instructions, a processor takes about as long to compute the sum as to compress the
// bytes.
type sectionKey struct {
	sums           [2]uint64
	window, length int
}

// NewJoiner returns a Joiner whose cache has the given size in bytes. If the size is 0, it caches nothing.
func NewJoiner(cacheBytes int) *Joiner {
	return &Joiner{
		sections: cache.New[sectionKey, []byte](cacheBytes),
		seeds:    [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
}

// AgeCache drops the cached sections that have not been used since the previous call; see [cache.Cache.Age].
func (j *Joiner) AgeCache() { j.sections.Age() }

// gzipHeader is the header of a gzip file without time and name, made on an unknown system (RFC 1952 section 2.3).
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// Gzip returns a document in gzip coding, and the number of its bytes that were compressed because the cache did not
// have them. The result is deterministic for a given version of the library, but differs from that of Gzip.Pack. The
// caller owns it. A short document and one with invalid bounds are compressed as one section.
func (j *Joiner) Gzip(body []byte, bounds feed.Bounds) (packed []byte, compressed int) {
	if len(body) < minJoined || bounds.Items() < 2 || bounds.Validate(len(body)) != nil {
		return Gzip.Pack(body), len(body)
	}
	first, last := int(bounds[0]), int(bounds[bounds.Items()])
	w, _ := joinWriters.Get().(*joinWriter)
	defer joinWriters.Put(w)
	w.joined = append(w.joined[:0], gzipHeader...)
	// The head of a document contains the time of the latest change, so it is neither cached nor part of a window.
	w.deflate(nil, body[:first], false)
	compressed = first + len(body) - last
	from := first
	for _, end := range w.sections(body, bounds) {
		to, window := int(bounds[end]), min(from-first, sectionWindow)
		compressed += j.section(w, body[from-window:to], window)
		from = to
	}
	w.deflate(nil, body[last:], true) // there is no window, so w does not keep the document in memory
	// Computing the checksum of the document takes less time than combining the checksums of the sections.
	w.joined = binary.LittleEndian.AppendUint32(w.joined, crc32.ChecksumIEEE(body))
	w.joined = binary.LittleEndian.AppendUint32(w.joined, uint32(len(body)))
	return bytes.Clone(w.joined), compressed
}

// sections divides the items of a document into sections, and returns for each section the index after its last item.
// The caller must not use the result after the next call.
//
// An item begins a section if its checksum is less than those of all items that begin within sectionRadius bytes of it.
// So the other sections stay the same when an item is added, removed or changed. The sections have similar lengths: if
// each item with a checksum below a limit began a section, a few long sections would contain most of the bytes, and so
// most of the changes.
func (w *joinWriter) sections(body []byte, bounds feed.Bounds) []int {
	w.sums, w.ends = w.sums[:0], w.ends[:0]
	for i := range bounds.Items() {
		item := body[bounds[i]:bounds[i+1]]
		w.sums = append(w.sums, crc32.ChecksumIEEE(item[:min(len(item), checkedLength)]))
	}
	for i := range w.sums[1:] {
		if beginsSection(w.sums, bounds, i+1) {
			w.ends = append(w.ends, i+1)
		}
	}
	w.ends = append(w.ends, bounds.Items())
	return w.ends
}

// beginsSection reports whether item i begins a section, given the checksums of all items. Of items with equal
// checksums, the first one begins it.
func beginsSection(sums []uint32, bounds feed.Bounds, i int) bool {
	for j := i - 1; j >= 0 && bounds[i]-bounds[j] <= sectionRadius; j-- {
		if sums[j] <= sums[i] {
			return false
		}
	}
	for j := i + 1; j < len(sums) && bounds[j]-bounds[i] <= sectionRadius; j++ {
		if sums[j] < sums[i] {
			return false
		}
	}
	return true
}

// section appends a compressed section to w.joined. The first window bytes of text are the section's window, and the
// rest is the section. It returns the section's length if it was compressed, and 0 if it was cached.
func (j *Joiner) section(w *joinWriter, text []byte, window int) int {
	length := len(text) - window
	if j == nil || j.sections == nil {
		w.deflate(text[:window], text[window:], false)
		return length
	}
	key := sectionKey{
		sums:   [2]uint64{maphash.Bytes(j.seeds[0], text), maphash.Bytes(j.seeds[1], text)},
		window: window, length: length,
	}
	if packed, ok := j.sections.Get(key); ok {
		w.joined = append(w.joined, packed...)
		return 0
	}
	from := len(w.joined)
	w.deflate(text[:window], text[window:], false)
	packed := bytes.Clone(w.joined[from:])
	j.sections.Put(key, packed, len(packed)+sectionOverhead)
	return length
}

// joinWriter compresses sections. It is reused, since its tables and its buffer are larger than most documents.
type joinWriter struct {
	joined   []byte // the document in gzip coding
	deflater *flate.Writer
	// sums and ends are buffers of the method sections.
	sums []uint32
	ends []int
}

var joinWriters = sync.Pool{New: func() any {
	w := new(joinWriter)
	var err error
	if w.deflater, err = flate.NewWriter(w, sectionLevel); err != nil {
		panic(fmt.Sprintf("coding: level %d: %v", sectionLevel, err)) // the level is a constant
	}
	return w
}}

// Write appends compressed bytes to w.joined.
func (w *joinWriter) Write(p []byte) (int, error) {
	w.joined = append(w.joined, p...)
	return len(p), nil
}

// deflate appends compressed text to w.joined as deflate blocks that end at a byte boundary. The blocks may refer to
// window, the bytes before text, which stays in memory until the next call. If final is set, the blocks end the
// compressed data; otherwise other blocks may follow.
func (w *joinWriter) deflate(window, text []byte, final bool) {
	w.deflater.ResetDict(w, window)
	_, err := w.deflater.Write(text)
	if final {
		err = errors.Join(err, w.deflater.Close())
	} else {
		err = errors.Join(err, w.deflater.Flush())
	}
	if err != nil {
		panic("coding: write to memory: " + err.Error()) // writes to memory never fail
	}
}
