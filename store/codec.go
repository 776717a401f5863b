package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"feedpub/feed"
)

// A ready item is stored behind a header of fixed size that scripts can read without decoding the rest:
//
//	 0.. 3  magic and version of this layout
//	 4..19  the first 16 bytes of the SHA-256 of the body
//	20..35  time of publication in Unix milliseconds, decimal, padded with spaces
//	36..    body: CBOR (RFC 8949) of itemV1
const (
	itemMagic  = "fpi\x01"
	sumEnd     = 20
	headerSize = 36
)

// The mirrors of the domain's types, with numbers in place of names for brevity. A number is never used again for
// another meaning; members may be added under new ones, and decoders skip those that they do not know.
type itemV1 struct {
	ID          string         `cbor:"1,keyasint"`
	URL         string         `cbor:"2,keyasint,omitempty"`
	ExternalURL string         `cbor:"3,keyasint,omitempty"`
	Title       string         `cbor:"4,keyasint,omitempty"`
	HTML        string         `cbor:"5,keyasint,omitempty"`
	Text        string         `cbor:"6,keyasint,omitempty"`
	Summary     string         `cbor:"7,keyasint,omitempty"`
	Image       string         `cbor:"8,keyasint,omitempty"`
	Published   int64          `cbor:"9,keyasint"`
	Updated     int64          `cbor:"10,keyasint"`
	Authors     []authorV1     `cbor:"11,keyasint,omitempty"`
	Tags        []string       `cbor:"12,keyasint,omitempty"`
	Language    string         `cbor:"13,keyasint,omitempty"`
	Attachments []attachmentV1 `cbor:"14,keyasint,omitempty"`
	Quotes      []quoteV1      `cbor:"15,keyasint,omitempty"`
	Via         []viaV1        `cbor:"16,keyasint,omitempty"`
	Feeds       []feed.Name    `cbor:"17,keyasint,omitempty"`
	Intake      string         `cbor:"18,keyasint,omitempty"`
	RawSum      feed.Hash      `cbor:"19,keyasint,omitempty"`
}

type authorV1 struct {
	Name   string `cbor:"1,keyasint,omitempty"`
	URL    string `cbor:"2,keyasint,omitempty"`
	Avatar string `cbor:"3,keyasint,omitempty"`
}

type attachmentV1 struct {
	URL               string  `cbor:"1,keyasint"`
	MIMEType          string  `cbor:"2,keyasint"`
	Title             string  `cbor:"3,keyasint,omitempty"`
	SizeInBytes       int64   `cbor:"4,keyasint,omitempty"`
	DurationInSeconds float64 `cbor:"5,keyasint,omitempty"`
}

type quoteV1 struct {
	Source     sourceV1 `cbor:"1,keyasint"`
	Text       string   `cbor:"2,keyasint,omitempty"`
	HTML       string   `cbor:"3,keyasint,omitempty"`
	Confidence float64  `cbor:"4,keyasint,omitempty"`
}

type sourceV1 struct {
	Publication    string     `cbor:"1,keyasint,omitempty"`
	PublicationURL string     `cbor:"2,keyasint,omitempty"`
	FeedURL        string     `cbor:"3,keyasint,omitempty"`
	Headline       string     `cbor:"4,keyasint,omitempty"`
	URL            string     `cbor:"5,keyasint,omitempty"`
	Authors        []authorV1 `cbor:"6,keyasint,omitempty"`
	DatePublished  string     `cbor:"7,keyasint,omitempty"`
	Agencies       []string   `cbor:"8,keyasint,omitempty"`
}

type viaV1 struct {
	Name string `cbor:"1,keyasint,omitempty"`
	URL  string `cbor:"2,keyasint,omitempty"`
}

// convert maps s, and nothing to nil, so that items compare equal whichever of the two they had.
func convert[From, To any](s []From, f func(From) To) []To {
	if len(s) == 0 {
		return nil
	}
	out := make([]To, len(s))
	for i, v := range s {
		out[i] = f(v)
	}
	return out
}

func quoteToV1(q feed.Quote) quoteV1 {
	s := q.Source
	return quoteV1{
		Source: sourceV1{
			Publication: s.Publication, PublicationURL: s.PublicationURL, FeedURL: s.FeedURL, Headline: s.Headline,
			URL:     s.URL,
			Authors: convert(s.Authors, func(a feed.Author) authorV1 { return authorV1(a) }), DatePublished: s.DatePublished,
			Agencies: s.Agencies,
		},
		Text: q.Text, HTML: q.HTML, Confidence: q.Confidence,
	}
}

func quoteFromV1(q quoteV1) feed.Quote {
	s := q.Source
	return feed.Quote{
		Source: feed.Source{
			Publication: s.Publication, PublicationURL: s.PublicationURL, FeedURL: s.FeedURL, Headline: s.Headline,
			URL:     s.URL,
			Authors: convert(s.Authors, func(a authorV1) feed.Author { return feed.Author(a) }), DatePublished: s.DatePublished,
			Agencies: s.Agencies,
		},
		Text: q.Text, HTML: q.HTML, Confidence: q.Confidence,
	}
}

// encodeItem returns the stored form of an item: equal items give equal bytes.
func encodeItem(it *feed.Item) ([]byte, error) {
	v := itemV1{
		ID: it.ID, URL: it.URL, ExternalURL: it.ExternalURL, Title: it.Title, HTML: it.HTML, Text: it.Text,
		Summary: it.Summary, Image: it.Image, Published: it.Published.UnixMilli(), Updated: it.Updated.UnixMilli(),
		Authors: convert(it.Authors, func(a feed.Author) authorV1 { return authorV1(a) }),
		Tags:    it.Tags, Language: it.Language,
		Attachments: convert(it.Attachments, func(a feed.Attachment) attachmentV1 { return attachmentV1(a) }),
		Quotes:      convert(it.Quotes, quoteToV1),
		Via:         convert(it.Via, func(v feed.Via) viaV1 { return viaV1(v) }),
		Feeds:       it.Feeds, Intake: it.Intake, RawSum: it.RawSum,
	}
	body, err := cbor.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode item %q: %w", it.ID, err)
	}
	sum := sha256.Sum256(body)
	b := make([]byte, 0, headerSize+len(body))
	b = append(b, itemMagic...)
	b = append(b, sum[:sumEnd-len(itemMagic)]...)
	b = fmt.Appendf(b, "%-16d", v.Published)
	if len(b) != headerSize {
		return nil, fmt.Errorf("encode item %q: published %v is out of range: %w", it.ID, it.Published, feed.ErrInvalid)
	}
	return append(b, body...), nil
}

// decodeItem returns the item that encodeItem encoded, or an error of kind [feed.ErrInvalid] for anything else, such
// as an item of a later layout or one with a changed byte.
func decodeItem(b []byte) (*feed.Item, error) {
	if len(b) < headerSize || string(b[:len(itemMagic)]) != itemMagic {
		return nil, fmt.Errorf("stored item: unknown layout: %w", feed.ErrInvalid)
	}
	body := b[headerSize:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:sumEnd-len(itemMagic)], b[len(itemMagic):sumEnd]) {
		return nil, fmt.Errorf("stored item: damaged: %w", feed.ErrInvalid)
	}
	var v itemV1
	if err := cbor.Unmarshal(body, &v); err != nil {
		return nil, fmt.Errorf("stored item: %w: %w", feed.ErrInvalid, err)
	}
	return &feed.Item{
		ID: v.ID, URL: v.URL, ExternalURL: v.ExternalURL, Title: v.Title, HTML: v.HTML, Text: v.Text,
		Summary: v.Summary, Image: v.Image,
		Published: time.UnixMilli(v.Published).UTC(), Updated: time.UnixMilli(v.Updated).UTC(),
		Authors: convert(v.Authors, func(a authorV1) feed.Author { return feed.Author(a) }),
		Tags:    v.Tags, Language: v.Language,
		Attachments: convert(v.Attachments, func(a attachmentV1) feed.Attachment { return feed.Attachment(a) }),
		Quotes:      convert(v.Quotes, quoteFromV1),
		Via:         convert(v.Via, func(v viaV1) feed.Via { return feed.Via(v) }),
		Feeds:       v.Feeds, Intake: v.Intake, RawSum: v.RawSum,
	}, nil
}

// itemSum returns what identifies a stored item, decodable or not: see [feed.Stored.ItemSum].
func itemSum(b []byte) string { return hex.EncodeToString(b[:min(len(b), sumEnd)]) }

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
