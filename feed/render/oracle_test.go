package render_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mmcdole/gofeed"

	"feedpub/feed"
	"feedpub/feed/render"
)

// parsedItem is an item as decoded from a document of any format.
type parsedItem struct {
	ID, Title, Link, HTML string
	Summary               string // as plain text
	Published, Updated    time.Time
	Authors               []string
	Tags                  []string
	Related               []string // URLs of quoted articles
	Via                   []string
	Attachments           []string
}

// modelOf returns the expected result of decoding the item. It uses no code of the renderer.
func modelOf(item *feed.Item) parsedItem {
	s := parsedItem{ID: item.ID, Title: strings.TrimSpace(item.Title), Link: ascii(item.URL), Summary: item.Summary,
		Published: item.Published.UTC(), Updated: item.Updated.UTC(), Tags: item.Tags,
		HTML: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(item.HTML)}
	for _, a := range item.Authors {
		s.Authors = append(s.Authors, a.Name)
	}
	for _, q := range item.Quotes {
		if q.Source.URL != "" {
			s.Related = append(s.Related, q.Source.URL)
		}
	}
	for _, v := range item.Via {
		if v.URL != "" {
			s.Via = append(s.Via, v.URL)
		}
	}
	for _, a := range item.Attachments {
		s.Attachments = append(s.Attachments, a.URL)
	}
	return s
}

// ascii converts the non-ASCII URLs of the fixtures to URIs.
func ascii(address string) string {
	return strings.NewReplacer("bücher", "xn--bcher-kva", "ä", "%C3%A4", "ö", "%C3%B6",
		"[", "%5B", "]", "%5D", "|", "%7C").Replace(address)
}

type xmlLink struct {
	Rel   string `xml:"rel,attr"`
	Href  string `xml:"href,attr"`
	Title string `xml:"title,attr"`
}

func hrefs(links []xmlLink, rel string) []string {
	var list []string
	for _, l := range links {
		if l.Rel == rel {
			list = append(list, l.Href)
		}
	}
	return list
}

func readRSS(t *testing.T, doc []byte) []parsedItem {
	t.Helper()
	type address struct {
		URL string `xml:"url,attr"`
	}
	var rss struct {
		Items []struct {
			Links   []xmlLink `xml:"http://www.w3.org/2005/Atom link"`
			Content string    `xml:"http://purl.org/rss/1.0/modules/content/ encoded"`
			Creator []string  `xml:"http://purl.org/dc/elements/1.1/ creator"`
			Media   []address `xml:"http://search.yahoo.com/mrss/ content"`

			Title       string    `xml:"title"`
			Link        string    `xml:"link"`
			Description string    `xml:"description"`
			GUID        string    `xml:"guid"`
			PubDate     string    `xml:"pubDate"`
			Category    []string  `xml:"category"`
			Enclosure   []address `xml:"enclosure"`
		} `xml:"channel>item"`
	}
	if err := xml.Unmarshal(doc, &rss); err != nil {
		t.Fatalf("the RSS document is not well-formed: %v\n%s", err, doc)
	}
	var parsed []parsedItem
	for _, i := range rss.Items {
		s := parsedItem{ID: i.GUID, Title: i.Title, Link: i.Link, HTML: i.Content,
			Summary: html.UnescapeString(i.Description),
			Tags:    i.Category, Related: hrefs(i.Links, "related"), Via: hrefs(i.Links, "via")}
		var err error
		if s.Published, err = time.Parse("Mon, 02 Jan 2006 15:04:05 -0700", i.PubDate); err != nil {
			t.Errorf("pubDate of %q: %v", i.GUID, err)
		}
		s.Published = s.Published.UTC()
		if len(i.Creator) > 1 {
			t.Errorf("item %q has %d dc:creator elements, want 1: readers show only one", i.GUID, len(i.Creator))
		} else if len(i.Creator) == 1 {
			s.Authors = strings.Split(i.Creator[0], ", ")
		}
		for _, a := range slices.Concat(i.Enclosure, i.Media) {
			s.Attachments = append(s.Attachments, a.URL)
		}
		parsed = append(parsed, s)
	}
	return parsed
}

func readAtom(t *testing.T, doc []byte) []parsedItem {
	t.Helper()
	type text struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	}
	var atom struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		Entries []struct {
			ID        string    `xml:"http://www.w3.org/2005/Atom id"`
			Title     text      `xml:"http://www.w3.org/2005/Atom title"`
			Content   text      `xml:"http://www.w3.org/2005/Atom content"`
			Summary   text      `xml:"http://www.w3.org/2005/Atom summary"`
			Published string    `xml:"http://www.w3.org/2005/Atom published"`
			Updated   string    `xml:"http://www.w3.org/2005/Atom updated"`
			Links     []xmlLink `xml:"http://www.w3.org/2005/Atom link"`
			Authors   []string  `xml:"http://www.w3.org/2005/Atom author>name"`
			Category  []struct {
				Term string `xml:"term,attr"`
			} `xml:"http://www.w3.org/2005/Atom category"`
		} `xml:"http://www.w3.org/2005/Atom entry"`
	}
	if err := xml.Unmarshal(doc, &atom); err != nil {
		t.Fatalf("the Atom document is not well-formed: %v\n%s", err, doc)
	}
	unmark := func(x text) string {
		if x.Type == "html" {
			return html.UnescapeString(x.Text)
		}
		return x.Text
	}
	var parsed []parsedItem
	for _, e := range atom.Entries {
		s := parsedItem{ID: e.ID, Title: unmark(e.Title), HTML: e.Content.Text, Summary: unmark(e.Summary),
			Authors: e.Authors,
			Related: hrefs(e.Links, "related"), Via: hrefs(e.Links, "via"), Attachments: hrefs(e.Links, "enclosure")}
		s.Link = cmp.Or(append(hrefs(e.Links, "alternate"), "")...)
		for _, c := range e.Category {
			s.Tags = append(s.Tags, c.Term)
		}
		var err1, err2 error
		s.Published, err1 = time.Parse(time.RFC3339Nano, e.Published)
		s.Updated, err2 = time.Parse(time.RFC3339Nano, e.Updated)
		if err := cmp.Or(err1, err2); err != nil {
			t.Errorf("times of entry %q: %v", e.ID, err)
		}
		if n := len(e.Links); n > 0 && s.Link != "" && e.Links[n-1].Rel != "alternate" {
			t.Errorf("the last link of entry %q is rel=%s, want alternate", e.ID, e.Links[n-1].Rel)
		}
		parsed = append(parsed, s)
	}
	return parsed
}

func readJSON(t *testing.T, doc []byte) []parsedItem {
	t.Helper()
	type address struct {
		URL string `json:"url"`
	}
	var jf struct {
		Items []struct {
			ID            string    `json:"id"`
			URL           string    `json:"url"`
			Title         string    `json:"title"`
			ContentHTML   string    `json:"content_html"`
			Summary       string    `json:"summary"`
			DatePublished time.Time `json:"date_published"`
			DateModified  time.Time `json:"date_modified"`
			Authors       []struct {
				Name string `json:"name"`
			} `json:"authors"`
			Tags        []string  `json:"tags"`
			Attachments []address `json:"attachments"`
			Feedpub     struct {
				Quotes []struct {
					Source address `json:"source"`
				} `json:"quotes"`
				Via []address `json:"via"`
			} `json:"_feedpub"`
		} `json:"items"`
	}
	if err := json.Unmarshal(doc, &jf); err != nil {
		t.Fatalf("the JSON Feed document is not JSON: %v\n%s", err, doc)
	}
	var parsed []parsedItem
	for _, i := range jf.Items {
		s := parsedItem{ID: i.ID, Title: i.Title, Link: i.URL, HTML: i.ContentHTML, Summary: i.Summary,
			Published: i.DatePublished, Updated: i.DateModified, Tags: i.Tags}
		for _, a := range i.Authors {
			s.Authors = append(s.Authors, a.Name)
		}
		for _, q := range i.Feedpub.Quotes {
			if q.Source.URL != "" {
				s.Related = append(s.Related, q.Source.URL)
			}
		}
		for _, v := range i.Feedpub.Via {
			if v.URL != "" {
				s.Via = append(s.Via, v.URL)
			}
		}
		for _, a := range i.Attachments {
			s.Attachments = append(s.Attachments, a.URL)
		}
		parsed = append(parsed, s)
	}
	return parsed
}

// want returns the expected items of the document in the format.
func (fx fixture) want(format feed.Format) []parsedItem {
	var parsed []parsedItem
	for _, item := range fx.published() {
		s := modelOf(item)
		if format == feed.RSS { // RSS items have no updated time
			s.Published, s.Updated = s.Published.Truncate(time.Second), time.Time{}
		}
		if format == feed.Atom {
			s.ID = render.AtomID(fx.feed.Site.ID, item.ID)
		}
		if format == feed.RSS && fx.feed.TitleLink == feed.SourceTitle && item.ExternalURL != "" {
			s.Link = item.ExternalURL
			if item.URL != "" {
				mark := `<p><a href="` + html.EscapeString(item.URL) + `" rel="bookmark" title="` +
					html.EscapeString(item.Title) + `">★</a></p>`
				if s.HTML += mark; fx.feed.Content == feed.SummaryContent {
					s.Summary += mark
				}
			}
		}
		if fx.feed.Content == feed.SummaryContent {
			s.HTML = ""
		}
		parsed = append(parsed, s)
	}
	return parsed
}

// compare compares decoded items with the expected ones. For generated text, such as the titles of untitled posts,
// it only checks that the text is not empty.
func (fx fixture) compare(t *testing.T, format feed.Format, want, got []parsedItem, doc []byte) {
	t.Helper()
	short := fx.feed.Content == feed.SummaryContent
	for i := range min(len(want), len(got)) {
		if short && strings.TrimSpace(want[i].Summary) == "" && format != feed.JSON {
			if got[i].Summary == "" {
				t.Errorf("item %q has no summary in %s", got[i].ID, format)
			}
			got[i].Summary = want[i].Summary
		}
		if short && format == feed.Atom && want[i].Link == "" { // RFC 4287 requires content here
			if got[i].HTML != "<p>"+want[i].Summary+"</p>" {
				t.Errorf("item %q has the content %q in %s, want its summary", got[i].ID, got[i].HTML, format)
			}
			got[i].HTML, got[i].Summary = "", want[i].Summary
		}
		if want[i].Title == "" && format != feed.JSON {
			if strings.TrimSpace(got[i].Title) == "" {
				t.Errorf("item %q has no title in %s", got[i].ID, format)
			}
			got[i].Title = ""
		}
		if want[i].HTML == "" && !short {
			if got[i].HTML == "" {
				t.Errorf("item %q has no content in %s", got[i].ID, format)
			}
			got[i].HTML = ""
		}
	}
	fractions := cmpopts.EquateApproxTime(time.Second) // Atom adds fractions to equal times
	anyOrder := gocmp.FilterPath(func(p gocmp.Path) bool {
		// RSS allows a single enclosure with an http URL, so the order of attachments may differ.
		return strings.HasSuffix(p.GoString(), ".Attachments")
	}, cmpopts.SortSlices(strings.Compare))
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty(), fractions, anyOrder); diff != "" {
		t.Errorf("items of the %s document (-want +got):\n%s\n%s", format, diff, doc)
	}
}

// documentReaders are the functions that [readDocument] calls.
var documentReaders = map[feed.Format]func(*testing.T, []byte) []parsedItem{
	feed.RSS: readRSS, feed.Atom: readAtom, feed.JSON: readJSON,
}

// readDocument decodes the document's items with the standard library.
func readDocument(t *testing.T, format feed.Format, doc []byte) []parsedItem {
	t.Helper()
	read := documentReaders[format]
	if read == nil {
		t.Fatalf("no reader for format %q: add one to documentReaders", format)
	}
	return read(t, doc)
}

// TestDocumentsDecode decodes documents with the standard library and compares the items with the fixture's items.
func TestDocumentsDecode(t *testing.T) {
	for _, fx := range fixtures() {
		t.Run(fx.name, func(t *testing.T) {
			for format, doc := range documents(t, fx) {
				fx.compare(t, format, fx.want(format), readDocument(t, format, doc), doc)
			}
		})
	}
}

// TestDocumentsGofeed decodes documents with a parser that feed readers use. It does not support credits.
func TestDocumentsGofeed(t *testing.T) {
	for _, fx := range fixtures() {
		t.Run(fx.name, func(t *testing.T) {
			for format, doc := range documents(t, fx) {
				parsed, err := gofeed.NewParser().Parse(bytes.NewReader(doc))
				if err != nil {
					t.Errorf("gofeed cannot read the %s document: %v\n%s", format, err, doc)
					continue
				}
				if parsed.FeedType != string(format) {
					t.Errorf("gofeed detects the %s document as %s", format, parsed.FeedType)
				}
				if want := render.URL(fx.feed.Site, fx.feed.Name, format); parsed.FeedLink != want {
					t.Errorf("gofeed reads the %s document's own URL as %q, want %q", format, parsed.FeedLink, want)
				}
				if html.UnescapeString(parsed.Title) != fx.feed.Title {
					t.Errorf("gofeed reads the %s document's title as %q, want %q", format, parsed.Title, fx.feed.Title)
				}
				if len(parsed.Items) != len(fx.published()) {
					t.Errorf("gofeed finds %d items in the %s document, want %d", len(parsed.Items), format, len(fx.published()))
					continue
				}
				var got []parsedItem
				for _, i := range parsed.Items {
					s := parsedItem{ID: i.GUID, Title: i.Title, Link: i.Link, HTML: i.Content, Summary: i.Description,
						Tags: i.Categories}
					if format == feed.JSON && fx.feed.Content == feed.SummaryContent {
						s.HTML = "" // gofeed returns content_text
					}
					if format != feed.JSON {
						s.Summary = html.UnescapeString(s.Summary)
					}
					for _, a := range i.Authors {
						s.Authors = append(s.Authors, a.Name)
					}
					got = append(got, s)
				}
				want := fx.want(format)
				for i := range want {
					if format == feed.Atom && html.UnescapeString(got[i].Title) == want[i].Title {
						got[i].Title = want[i].Title // gofeed does not decode titles of type html
					}
					want[i].Published, want[i].Updated = time.Time{}, time.Time{}
					want[i].Related, want[i].Via, want[i].Attachments = nil, nil, nil
					if format == feed.RSS && len(want[i].Authors) > 1 {
						want[i].Authors = []string{strings.Join(want[i].Authors, ", ")}
					}
				}
				fx.compare(t, format, want, got, doc)
			}
		})
	}
}
