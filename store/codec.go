package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
)

// A ready item is stored behind a header of fixed size that scripts can read without decoding the rest:
//
//	 0.. 3  magic and version of this layout
//	 4..19  the first 16 bytes of the SHA-256 of the body
//	20..35  time of publication in Unix milliseconds, decimal, padded with spaces
//	36..    body, see codec
//
// Another order or meaning of members needs another version. Items of other versions are not converted: they are made
// anew from their posts.
const (
	itemMagic  = "fpi\x01"
	sumEnd     = 20
	headerSize = 36
)

// encodeItem returns the stored form of an item: equal items give equal bytes.
func encodeItem(it *feed.Item) ([]byte, error) {
	b := make([]byte, headerSize, headerSize+len(it.HTML)+len(it.Text)+1024)
	c := codec{buf: b}
	c.item(it)
	b = c.buf
	sum := sha256.Sum256(b[headerSize:])
	copy(b, itemMagic)
	copy(b[len(itemMagic):sumEnd], sum[:])
	if n := copy(b[sumEnd:headerSize], fmt.Sprintf("%-16d", it.Published.UnixMilli())); n != headerSize-sumEnd || b[headerSize-1] != ' ' {
		return nil, fmt.Errorf("encode item %q: published %v is out of range: %w", it.ID, it.Published, feed.ErrInvalid)
	}
	return b, nil
}

// decodeItem returns the item that encodeItem encoded, or an error of kind [feed.ErrInvalid] for what is none, such as
// an item of another layout or one that was cut. The item's strings are parts of b.
func decodeItem(b string) (*feed.Item, error) {
	if len(b) < headerSize || b[:len(itemMagic)] != itemMagic {
		return nil, fmt.Errorf("stored item: unknown layout: %w", feed.ErrInvalid)
	}
	c := codec{decode: true, rest: b[headerSize:]}
	var it feed.Item
	c.item(&it)
	if c.bad || c.rest != "" {
		return nil, fmt.Errorf("stored item: damaged: %w", feed.ErrInvalid)
	}
	return &it, nil
}

// itemSum returns what identifies a stored item, decodable or not: see [feed.Stored.ItemSum].
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
