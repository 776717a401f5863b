package render

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"feedpub/feed"
)

// contentSum is a hash of a site's id and all fields of an item that fragments depend on. Items that differ only in the
// other fields, such as Feeds and Intake, have equal sums.
type contentSum [sha256.Size]byte

// sumContent returns the item's sum. It uses buf as a buffer, and returns it for the next call.
func sumContent(buf []byte, site feed.SiteID, item *feed.Item) (contentSum, []byte) {
	s := summer{buf[:0]}
	s.text(string(site))
	for _, t := range [...]string{
		item.ID, item.URL, item.ExternalURL, item.Title, item.HTML, item.Text, item.Summary, item.Image, item.Language,
	} {
		s.text(t)
	}
	// Times of valid items are whole milliseconds, but an invalid item must not have the same sum as a valid item.
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

// summer encodes values so that different lists of values have different encodings.
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
