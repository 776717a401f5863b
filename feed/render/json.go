package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/feeds"

	"feedpub/feed"
)

// jsonFeed extends the type from gorilla/feeds: the items member is required, and is written even if it is empty.
type jsonFeed struct {
	feeds.JSONFeed
	Items []jsonItem `json:"items"`
}

// jsonItem extends the type from gorilla/feeds, which lacks some members and misnames the members of attachments.
type jsonItem struct {
	feeds.JSONItem
	Language    string           `json:"language,omitempty"`
	Attachments []jsonAttachment `json:"attachments,omitempty"`
	Feedpub     *jsonExtension   `json:"_feedpub,omitempty"`
}

type jsonAttachment struct {
	URL               string  `json:"url"`
	MIMEType          string  `json:"mime_type"`
	Title             string  `json:"title,omitempty"`
	SizeInBytes       int64   `json:"size_in_bytes,omitempty"`
	DurationInSeconds float64 `json:"duration_in_seconds,omitempty"`
}

// jsonExtension is the value of the _feedpub extension: quotes and vias with the same members as in posts.
type jsonExtension struct {
	Quotes []feed.Quote `json:"quotes,omitempty"`
	Via    []feed.Via   `json:"via,omitempty"`
}

func newJSONItem(item *feed.Item, v Variant) jsonItem {
	published, updated := item.Published.UTC(), item.Updated.UTC()
	x := jsonItem{
		JSONItem: feeds.JSONItem{
			Id:            item.ID,
			Url:           uri(item.URL),
			ExternalUrl:   uri(item.ExternalURL),
			Title:         strings.TrimSpace(item.Title), // omitted for untitled posts
			Summary:       item.Summary,
			Image:         uri(item.Image),
			PublishedDate: &published,
			ModifiedDate:  &updated,
			Authors:       jsonAuthors(item.Authors),
			Tags:          tags(item),
		},
		Language: item.Language,
	}
	if v.Content == feed.SummaryContent {
		x.ContentText = summary(item) // content is required
	} else {
		x.ContentHTML = content(item)
	}
	for _, a := range item.Attachments {
		x.Attachments = append(x.Attachments, jsonAttachment{
			URL:               uri(a.URL),
			MIMEType:          mediaType(a),
			Title:             strings.TrimSpace(a.Title),
			SizeInBytes:       max(a.SizeInBytes, 0),
			DurationInSeconds: max(a.DurationInSeconds, 0),
		})
	}
	if len(item.Quotes) > 0 || len(item.Via) > 0 {
		x.Feedpub = &jsonExtension{Via: item.Via, Quotes: slices.Clone(item.Quotes)}
		for i := range x.Feedpub.Quotes {
			x.Feedpub.Quotes[i].HTML = "" // it is not sanitized; the item's content contains the sanitized passage
			if v.Content == feed.SummaryContent {
				x.Feedpub.Quotes[i].Text = ""
			}
		}
	}
	return x
}

// jsonIndent is the indentation of an item in a document.
const jsonIndent = "    "

func jsonFragment(p *pen, _ int, _ feed.SiteID, item *feed.Item, v Variant) ([]byte, error) {
	x := newJSONItem(item, v)
	p.json.reset(jsonIndent)
	x.write(&p.json)
	return p.json.finish()
}

// write writes the item's members in the same order as encoding/json.
func (x *jsonItem) write(w *jsonWriter) {
	w.open('{')
	w.key("id")
	w.string(x.Id)
	w.member("url", x.Url)
	w.member("external_url", x.ExternalUrl)
	w.member("title", x.Title)
	w.member("content_html", x.ContentHTML)
	w.member("content_text", x.ContentText)
	w.member("summary", x.Summary)
	w.member("image", x.Image)
	w.time("date_published", x.PublishedDate)
	w.time("date_modified", x.ModifiedDate)
	if len(x.Authors) > 0 {
		w.key("authors")
		w.open('[')
		for _, a := range x.Authors {
			w.author(a.Name, a.Url, a.Avatar)
		}
		w.close(']')
	}
	w.list("tags", x.Tags)
	w.member("language", x.Language)
	if len(x.Attachments) > 0 {
		w.key("attachments")
		w.open('[')
		for _, a := range x.Attachments {
			w.open('{')
			w.key("url")
			w.string(a.URL)
			w.key("mime_type")
			w.string(a.MIMEType)
			w.member("title", a.Title)
			w.integer("size_in_bytes", a.SizeInBytes)
			w.number("duration_in_seconds", a.DurationInSeconds)
			w.close('}')
		}
		w.close(']')
	}
	if x.Feedpub != nil {
		w.key("_feedpub")
		x.Feedpub.write(w)
	}
	w.close('}')
}

func (x *jsonExtension) write(w *jsonWriter) {
	w.open('{')
	if len(x.Quotes) > 0 {
		w.key("quotes")
		w.open('[')
		for _, q := range x.Quotes {
			w.open('{')
			w.key("source")
			writeSource(w, q.Source)
			w.member("text", q.Text)
			w.member("html", q.HTML)
			w.number("confidence", q.Confidence)
			w.close('}')
		}
		w.close(']')
	}
	if len(x.Via) > 0 {
		w.key("via")
		w.open('[')
		for _, v := range x.Via {
			w.open('{')
			w.member("name", v.Name)
			w.member("url", v.URL)
			w.close('}')
		}
		w.close(']')
	}
	w.close('}')
}

func writeSource(w *jsonWriter, s feed.Source) {
	w.open('{')
	w.member("publication", s.Publication)
	w.member("publication_url", s.PublicationURL)
	w.member("feed_url", s.FeedURL)
	w.member("headline", s.Headline)
	w.member("url", s.URL)
	if len(s.Authors) > 0 {
		w.key("authors")
		w.open('[')
		for _, a := range s.Authors {
			w.author(a.Name, a.URL, a.Avatar)
		}
		w.close(']')
	}
	w.member("date_published", s.DatePublished)
	w.list("agencies", s.Agencies)
	w.close('}')
}

func (w *jsonWriter) author(name, address, avatar string) {
	w.open('{')
	w.member("name", name)
	w.member("url", address)
	w.member("avatar", avatar)
	w.close('}')
}

func jsonFrame(f feed.Feed, version int, _ time.Time) (frame, error) {
	x := jsonFeed{
		JSONFeed: feeds.JSONFeed{
			Version:     "https://jsonfeed.org/version/1.1",
			Title:       f.Title,
			Language:    f.Site.Language,
			HomePageUrl: uri(f.Site.HomeURL),
			FeedUrl:     URL(f.Site, f.Name, feed.JSON),
			Description: f.Description,
			Icon:        uri(f.Site.Icon),
			Authors:     jsonAuthors(feedAuthors(f.Site)),
		},
		Items: []jsonItem{},
	}
	for _, hub := range hubsOf(f, version) {
		x.Hubs = append(x.Hubs, &feeds.JSONHub{Type: "WebSub", Url: uri(hub)})
	}
	if f.History.Prev != "" { // next_url refers to the document with the next older items
		x.NextUrl = URL(f.Site, f.History.Prev, feed.JSON)
	}
	doc, err := encodeJSON(x, "")
	if err != nil {
		return frame{}, err
	}
	var back jsonFeed
	if err := json.Unmarshal(doc, &back); err != nil {
		return frame{}, err
	}
	if err := same(&x, &back); err != nil {
		return frame{}, err
	}
	const foot = "]\n}"
	head, ok := bytes.CutSuffix(doc, []byte(foot))
	if !ok {
		return frame{}, fmt.Errorf("encoded document does not end in %q: %w", foot, feed.ErrInvalid)
	}
	return frame{head: head, foot: []byte(foot + "\n")}, nil
}

// encodeJSON encodes v without HTML escaping; see [json.Encoder.SetEscapeHTML].
func encodeJSON(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func jsonAuthors(authors []feed.Author) []*feeds.JSONAuthor {
	var list []*feeds.JSONAuthor
	for _, a := range authors {
		if a != (feed.Author{}) {
			list = append(list, &feeds.JSONAuthor{Name: strings.TrimSpace(a.Name), Url: uri(a.URL), Avatar: uri(a.Avatar)})
		}
	}
	return list
}
