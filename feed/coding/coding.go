// Package coding packs and unpacks documents and posts in content codings (RFC 9110 section 8.4.1). It does not choose
// the coding of a response; package serve does. It is the only importer of the gzip and brotli libraries.
package coding

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"feedpub/feed"
)

// Coding is a content coding.
type Coding uint8

// The codings, from the least to the most compact. Every document is stored in gzip coding; see
// [feed.Blob].
const (
	Identity Coding = iota
	Gzip            // RFC 1952
	Brotli          // RFC 7932

	Count = iota // number of codings, which are numbered from 0
)

const (
	// MaxLength is the maximum length of an unpacked document in bytes. It limits the memory that is allocated for a
	// stored length.
	MaxLength = 64 << 20

	// documentLevel is the gzip level for documents. Compared with the default level it takes two thirds of the time and
	// produces 7% more bytes. The time delays each change, but the bytes matter less: most readers send a validator and
	// receive no document.
	documentLevel = 2
	// At brotliLevel, a feed of 100 KB takes about 5 ms and produces a fifth fewer bytes than gzip at documentLevel.
	// Levels up to 9 save another 1% in 5 times the time; level 11 saves another 10% in 100 times the time.
	brotliLevel = 5
	// maxRatio is the maximum compression ratio of deflate, and so of gzip.
	maxRatio = 1032
)

// codec holds the properties and functions of a coding.
type codec struct {
	token     string // name in Accept-Encoding and Content-Encoding
	tagSuffix string
	extension string
	wildcard  bool
	pack      func(dst io.Writer, body []byte) error
	readers   *sync.Pool                  // pool of resetReader
	committed func(feed.DocumentRef) bool // implements Committed
	stored    func(feed.Blob) []byte      // implements Stored
}

// resetReader is a decoder that can be reused. Decoders are reused because their tables are larger than most documents.
type resetReader interface {
	io.Reader
	Reset(io.Reader) error
}

var codecs = [Count]codec{
	Identity: {
		token:     "identity",
		wildcard:  true,
		committed: func(feed.DocumentRef) bool { return true },
		stored:    func(feed.Blob) []byte { return nil },
	},
	Gzip: {
		token: "gzip", tagSuffix: "-gz", extension: ".gz",
		wildcard:  true,
		pack:      gzipPacker(documentLevel),
		readers:   &sync.Pool{New: func() any { return new(gzip.Reader) }},
		committed: func(feed.DocumentRef) bool { return true },
		stored:    func(b feed.Blob) []byte { return b.Gzip },
	},
	Brotli: {
		token: "br", tagSuffix: "-br", extension: ".br",
		pack: func(dst io.Writer, body []byte) error {
			w := brotli.NewWriterLevel(dst, brotliLevel)
			_, err := w.Write(body)
			return errors.Join(err, w.Close())
		},
		readers:   &sync.Pool{New: func() any { return new(brotli.Reader) }},
		committed: func(d feed.DocumentRef) bool { return d.Brotli },
		stored:    func(b feed.Blob) []byte { return b.Brotli },
	},
}

var packSmall = gzipPacker(gzip.DefaultCompression)

// gzipPacker returns a function that compresses body with gzip. The gzip header has neither a time nor a name.
func gzipPacker(level int) func(dst io.Writer, body []byte) error {
	writers := sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, level) // fails only for an unknown level
		return w
	}}
	return func(dst io.Writer, body []byte) error {
		w, _ := writers.Get().(*gzip.Writer)
		defer writers.Put(w)
		w.Reset(dst)
		_, err := w.Write(body)
		return errors.Join(err, w.Close())
	}
}

// All returns the codings, in the order of their numbers.
func All() (all [Count]Coding) {
	for i := range all {
		all[i] = Coding(i)
	}
	return all
}

// Compressed returns the codings in which documents are stored: all but Identity.
func Compressed() (all [Count - 1]Coding) {
	for i := range all {
		all[i] = Identity + 1 + Coding(i)
	}
	return all
}

// codec returns a coding's row in the table. It panics if there is none.
func (c Coding) codec() *codec {
	if c >= Count || codecs[c].token == "" {
		panic(fmt.Sprintf("coding: no codec for coding %d", c))
	}
	return &codecs[c]
}

// Token returns the coding's name in Accept-Encoding and Content-Encoding.
func (c Coding) Token() string { return c.codec().token }

// TagSuffix returns the suffix of the entity tag of a document in this coding; "" for Identity. Each coding of a
// document is a separate representation, and strong tags of different representations must differ (RFC 9110 section
// 8.8.3.3).
func (c Coding) TagSuffix() string { return c.codec().tagSuffix }

// Extension returns the file name extension for this coding, including the dot; "" for Identity.
func (c Coding) Extension() string { return c.codec().extension }

// Wildcard reports whether a client that accepts "*" receives the coding. If not, the client must list it explicitly:
// programs that send "*" may support only gzip.
func (c Coding) Wildcard() bool { return c.codec().wildcard }

// Committed reports whether a document is committed in the coding.
func (c Coding) Committed(d feed.DocumentRef) bool { return c.codec().committed(d) }

// Stored returns the bytes of a blob in the coding, which must not be modified; nil if the blob has none, and always
// nil for Identity.
func (c Coding) Stored(b feed.Blob) []byte { return c.codec().stored(b) }

// Pack returns body in the coding. The result is deterministic for a given version of the library. The caller owns it;
// for Identity it is a copy of body.
func (c Coding) Pack(body []byte) []byte {
	if c == Identity {
		return bytes.Clone(body)
	}
	return pack(c.codec().pack, body)
}

// GzipSmall returns body compressed with gzip. The result is about 7% shorter than that of Gzip.Pack and takes about
// 50% more time.
func GzipSmall(body []byte) []byte { return pack(packSmall, body) }

func pack(write func(io.Writer, []byte) error, body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body) / 3)
	if err := write(&b, body); err != nil {
		panic("coding: write to a buffer: " + err.Error()) // writes to a buffer never fail
	}
	return bytes.Clone(b.Bytes())
}

// read calls f with a reader for the unpacked bytes. The reader is valid until f returns.
func (c Coding) read(packed []byte, f func(io.Reader) error) error {
	if c == Identity {
		return f(bytes.NewReader(packed))
	}
	pool := c.codec().readers
	r, _ := pool.Get().(resetReader)
	defer pool.Put(r)
	err := r.Reset(bytes.NewReader(packed))
	if err == nil {
		err = f(r)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %w", c.Token(), err, feed.ErrInvalid)
	}
	return nil
}

// Unpack returns the unpacked bytes, which the caller owns. It returns an error of kind [feed.ErrInvalid] if packed
// does not unpack to length bytes or is damaged, or if length is not between 0 and MaxLength. It does not allocate
// memory for a length that packed cannot unpack to.
func (c Coding) Unpack(packed []byte, length int) ([]byte, error) {
	if length < 0 || length > MaxLength || c == Gzip && length/maxRatio > len(packed) {
		return nil, fmt.Errorf("%s: %d bytes cannot unpack to %d: %w", c.Token(), len(packed), length, feed.ErrInvalid)
	}
	body := make([]byte, length)
	err := c.read(packed, func(r io.Reader) error {
		if _, err := io.ReadFull(r, body); err != nil {
			return fmt.Errorf("shorter than %d bytes: %w", length, err)
		}
		// Read to the end, where the decoder verifies the checksum.
		switch _, err := io.ReadFull(r, make([]byte, 1)); {
		case err == nil:
			return fmt.Errorf("longer than %d bytes", length)
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	return body, nil
}

// Body returns the document of a blob in identity coding: b.Size bytes, which the caller owns. The error is of kind
// [feed.ErrInvalid]. Body does not compare the bytes with b.Hash.
func Body(b feed.Blob) ([]byte, error) { return Gzip.Unpack(b.Gzip, b.Size) }

// Gunzip unpacks gzip data. It returns an error of kind [feed.ErrInvalid] if packed is damaged or unpacks to more than
// limit bytes.
func Gunzip(packed []byte, limit int) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(min(claimedLength(packed), limit, maxRatio*len(packed)) + bytes.MinRead)
	err := Gzip.read(packed, func(r io.Reader) error {
		_, err := out.ReadFrom(io.LimitReader(r, int64(limit)+1))
		if err == nil && out.Len() > limit {
			err = fmt.Errorf("unpacks to more than %d bytes", limit)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// claimedLength returns the length in the last four bytes of a gzip file (RFC 1952 section 2.3.1).
func claimedLength(packed []byte) int {
	if len(packed) < 4 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(packed[len(packed)-4:]))
}

// Check returns nil if packed unpacks to length bytes with the given hash, else an error of kind [feed.ErrInvalid]. It
// unpacks little more than length bytes, and keeps only a small part in memory at a time.
func (c Coding) Check(packed []byte, hash feed.Hash, length int) error {
	sum := sha256.New()
	var n int64
	err := c.read(packed, func(r io.Reader) (err error) {
		n, err = io.Copy(sum, io.LimitReader(r, int64(length)+1))
		return err
	})
	if err != nil {
		return fmt.Errorf("document %s: %w", hash, err)
	}
	if got := feed.Hash(hex.EncodeToString(sum.Sum(nil))); got != hash || n != int64(length) {
		return fmt.Errorf("document %s: %s: hash is %s, length at least %d, want length %d: %w",
			hash, c.Token(), got, n, length, feed.ErrInvalid)
	}
	return nil
}

// NewGzipWriter returns a writer that compresses with gzip and writes to w, for data that is too long to keep in
// memory. The caller must close it.
func NewGzipWriter(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

// NewGzipReader returns a reader that unpacks r. The caller must limit the number of bytes it reads.
func NewGzipReader(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
