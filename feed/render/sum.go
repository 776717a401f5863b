package render

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"feedpub/feed"
)

// contentSum identifies what an item says and the site it says it on. Equal sums mean equal fragments: it is over all
// that fragments are made of, and what it leaves out (the feeds an item is in, and how it came about) no document shows.
type contentSum [sha256.Size]byte

// sumContent returns the item's sum. It writes to buf, which it returns for the next call.
func sumContent(buf []byte, site feed.SiteID, item *feed.Item) (contentSum, []byte) {
	s := summer{buf[:0]}
	s.text(string(site))
	for _, t := range [...]string{item.ID, item.URL, item.ExternalURL, item.Title, item.HTML, item.Text, item.Summary, item.Image,
		item.Language} {
		s.text(t)
	}
	// Milliseconds would do for a good item, but what is not good must not pass for it.
	s.number(item.Published.Unix())
	s.number(int64(item.Published.Nanosecond()))
	s.number(item.Updated.Unix())
	s.number(int64(item.Updated.Nanosecond()))
	s.authors(item.Authors)
	s.texts(item.Tags)
	s.number(int64(len(item.Attachments)))
	for _, a := range item.Attachments {
		s.text(a.URL)
		s.text(a.MIMEType)
		s.text(a.Title)
		s.number(a.SizeInBytes)
		s.float(a.DurationInSeconds)
	}
	s.number(int64(len(item.Quotes)))
	for _, q := range item.Quotes {
		for _, t := range [...]string{q.Text, q.HTML, q.Source.Publication, q.Source.PublicationURL, q.Source.FeedURL,
			q.Source.Headline, q.Source.URL, q.Source.DatePublished} {
			s.text(t)
		}
		s.float(q.Confidence)
		s.authors(q.Source.Authors)
		s.texts(q.Source.Agencies)
	}
	s.number(int64(len(item.Via)))
	for _, v := range item.Via {
		s.text(v.Name)
		s.text(v.URL)
	}
	return sha256.Sum256(s.b), s.b
}

// summer writes values so that no two lists of them give the same bytes.
type summer struct{ b []byte }

func (s *summer) number(n int64)  { s.b = binary.AppendVarint(s.b, n) }
func (s *summer) float(f float64) { s.b = binary.LittleEndian.AppendUint64(s.b, math.Float64bits(f)) }

func (s *summer) text(t string) {
	s.number(int64(len(t)))
	s.b = append(s.b, t...)
}

func (s *summer) texts(list []string) {
	s.number(int64(len(list)))
	for _, t := range list {
		s.text(t)
	}
}

func (s *summer) authors(list []feed.Author) {
	s.number(int64(len(list)))
	for _, a := range list {
		s.text(a.Name)
		s.text(a.URL)
		s.text(a.Avatar)
	}
}
