package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gorilla/feeds"

	"feedpub/feed"
)

// jsonFeed is gorilla/feeds' feed with items that are always there, as JSON Feed 1.1 requires, even if there are none.
type jsonFeed struct {
	feeds.JSONFeed
	Items []jsonItem `json:"items"`
}

// jsonItem is gorilla/feeds' item with what it lacks, and with attachments as the specification names their members.
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

// jsonExtension is what a program that knows feedpub finds besides the item: what it quotes, as a writer would have
// given it, and where its author found that.
type jsonExtension struct {
	Quotes []feed.Quote `json:"quotes,omitempty"`
	Via    []feed.Via   `json:"via,omitempty"`
}

func newJSONItem(item *feed.Item) jsonItem {
	published, updated := item.Published.UTC(), item.Updated.UTC()
	x := jsonItem{
		JSONItem: feeds.JSONItem{
			Id:            item.ID,
			Url:           uri(item.URL),
			ExternalUrl:   uri(item.ExternalURL),
			Title:         strings.TrimSpace(item.Title), // none for an untitled post
			ContentHTML:   content(item),
			Summary:       item.Summary,
			Image:         uri(item.Image),
			PublishedDate: &published,
			ModifiedDate:  &updated,
			Authors:       jsonAuthors(item.Authors),
			Tags:          tags(item),
		},
		Language: item.Language,
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
		x.Feedpub = &jsonExtension{Via: orNil(item.Via)}
		for _, q := range item.Quotes {
			q.HTML = "" // the passage's markup stands in the content, where it has been cleaned
			q.Source.Authors, q.Source.Agencies = orNil(q.Source.Authors), orNil(q.Source.Agencies)
			x.Feedpub.Quotes = append(x.Feedpub.Quotes, q)
		}
	}
	return x
}

// orNil returns s as it reads back: an empty list is left out of the document.
func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// jsonItemsIndent is the indentation of an item in its document.
const jsonItemsIndent = "    "

func jsonFragment(item *feed.Item) ([]byte, error) {
	x := newJSONItem(item)
	fragment, err := encodeJSON(x, jsonItemsIndent)
	if err != nil {
		return nil, err
	}
	return append([]byte(jsonItemsIndent), fragment...), readBackJSON(fragment, x)
}

func jsonFrame(f feed.Feed) (frame, error) {
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
	if f.Site.Hub != "" {
		x.Hubs = []*feeds.JSONHub{{Type: "WebSub", Url: uri(f.Site.Hub)}}
	}
	doc, err := encodeJSON(x, "")
	if err != nil {
		return frame{}, err
	}
	if err := readBackJSON(doc, x); err != nil {
		return frame{}, err
	}
	const foot = "]\n}"
	head, ok := bytes.CutSuffix(doc, []byte(foot))
	if !ok {
		return frame{}, fmt.Errorf("encoded document does not end in %q: %w", foot, feed.ErrInvalid)
	}
	return frame{head: head, foot: []byte(foot + "\n"), open: "\n", sep: ",\n", close: "\n  "}, nil
}

// encodeJSON encodes without the escapes that only JSON within HTML needs.
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

// readBackJSON decodes what was encoded from v and compares it with v.
func readBackJSON[T any](encoded []byte, v T) error {
	var back T
	if err := json.Unmarshal(encoded, &back); err != nil {
		return err
	}
	return same(&v, &back)
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
