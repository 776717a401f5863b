package store

import (
	"encoding/binary"
	"math"
	"time"

	"feedpub/feed"
)

// codec writes or reads the members of an item, in one order that is told once for both. Strings and lists are preceded
// by their length as a varint; numbers have eight bytes, times are Unix milliseconds. Decoded strings are parts of the
// one that is read, so that nothing is copied: a rebuild from nothing reads every item.
type codec struct {
	buf    []byte // what is written
	decode bool
	rest   string // what is still to be read
	bad    bool   // something could not be read
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

// list writes or reads a list; an empty one is read as nil.
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

// length writes or reads the length of what follows, of which each part has at least a byte.
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
	// Otherwise a damaged item could ask for any amount of memory.
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

// fail ends the reading: whatever is read from now on is empty.
func (c *codec) fail() { c.bad, c.rest = true, "" }
