package render_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/render"
)

// feedDates are the dates that a document gives for the feed as a whole: those of what was struck stay.
var feedDates = regexp.MustCompile(`(?m)^( {4}<(pubDate|lastBuildDate)>| {2}<updated>).*\n`)

// strikable is a feed whose items differ in their ids as little as they can.
func strikable() feed.Feed {
	var items []*feed.Item
	for i, id := range []string{"a", " a", "a ", "  ", "\ta", "<b>", "&lt;b&gt;", "]]>", "<id>a</id>", "</guid></item>", `"`, `\"`, `a","id":"b`,
		"https://blog.example.org/1", "urn:feedpub:main:a", "ü", "u\u0308", strings.Repeat("x", 512)} {
		items = append(items, post(id, guardian, at(date(2014, 6, 17, 9, i)), titled("<guid>"+id+"</guid>"), func(item *feed.Item) {
			item.HTML += "\n    <item>\n      <guid isPermaLink=\"false\">a</guid>\n    </item>\n  <entry><id>urn:feedpub:main:a</id></entry>"
		}))
	}
	return mainFeed(items...)
}

func TestRemoveKeepsAllOtherBytes(t *testing.T) {
	f := strikable()
	ids := func(items []*feed.Item) (list []string) {
		for _, item := range items {
			list = append(list, item.ID)
		}
		return list
	}
	cases := map[string][]string{
		"first":            ids(f.Items[:1]),
		"middle":           ids(f.Items[5:6]),
		"last":             ids(f.Items[len(f.Items)-1:]),
		"all":              ids(f.Items),
		"none":             nil,
		"unknown":          {"nobody", "A", "a\n", "", "urn:feedpub:main:"},
		"first and second": ids(f.Items[:2]),
		"last two":         ids(f.Items[len(f.Items)-2:]),
		"all but one":      ids(slices.Concat(f.Items[:3], f.Items[4:])),
		"scattered":        ids([]*feed.Item{f.Items[9], f.Items[0], f.Items[4], f.Items[9]}),
	}
	for _, item := range f.Items {
		cases[fmt.Sprintf("%.20q", item.ID)] = []string{item.ID}
	}
	whole := render1(t, f)
	for name, struck := range cases {
		less := f
		less.Items = slices.DeleteFunc(slices.Clone(f.Items), func(item *feed.Item) bool { return slices.Contains(struck, item.ID) })
		want := render1(t, less)
		for _, format := range feed.Formats() {
			t.Run(name+"/"+string(format), func(t *testing.T) {
				got, err := render.Remove(f.Site.ID, format, []byte(whole[format]), struck)
				if err != nil {
					t.Fatalf("Remove: %v", err)
				}
				if diff := cmp.Diff(feedDates.ReplaceAllString(want[format], ""), feedDates.ReplaceAllString(string(got), "")); diff != "" {
					t.Errorf("the document without %.80q is not that of a feed that never had them (-want +got):\n%s", struck, diff)
				}
			})
		}
	}
}

func TestRemoveFromPage(t *testing.T) {
	f := strikable()
	r := render.New()
	whole, err := r.Page(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range [][]int{{}, {0}, {3}, {len(f.Items) - 1}, {0, 1, 5}, {2, 2}} {
		var struck []string
		for _, i := range n {
			struck = append(struck, f.Items[i].ID)
		}
		less := f
		less.Items = slices.DeleteFunc(slices.Clone(f.Items), func(item *feed.Item) bool { return slices.Contains(struck, item.ID) })
		want, err := r.Page(less)
		if err != nil {
			t.Fatal(err)
		}
		got, err := render.Remove(f.Site.ID, feed.HTML, whole.Body, append(struck, "unknown"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want.Body), string(got)); diff != "" {
			t.Errorf("the page without %q is not that of a feed that never had them (-want +got):\n%s", struck, diff)
		}
	}
}

func TestRemoveInvalidDocument(t *testing.T) {
	whole := render1(t, strikable())
	for name, tt := range map[string]struct {
		format feed.Format
		body   string
	}{
		"another format":       {feed.RSS, whole[feed.Atom]},
		"yet another format":   {feed.Atom, whole[feed.JSON]},
		"cut off RSS":          {feed.RSS, whole[feed.RSS][:len(whole[feed.RSS])-10]},
		"cut off JSON":         {feed.JSON, whole[feed.JSON][:len(whole[feed.JSON])-3]},
		"JSON without items":   {feed.JSON, `{"version": "https://jsonfeed.org/version/1.1"}`},
		"items that are none":  {feed.JSON, `{"items": {"id": "a"}}`},
		"items without an id":  {feed.JSON, `{"items": [1, 2]}`},
		"JSON that is a list":  {feed.JSON, `[{"items": []}]`},
		"a format nobody has":  {"opml", "<opml/>"},
		"no page":              {feed.HTML, "<p>"},
		"text after the items": {feed.JSON, `{"items": []} {`},
	} {
		if got, err := render.Remove("main", tt.format, []byte(tt.body), []string{"a"}); !errors.Is(err, feed.ErrInvalid) || got != nil {
			t.Errorf("%s: Remove = %q, %v; want an error of kind %v", name, got, err, feed.ErrInvalid)
		}
	}
}

func FuzzRemove(f *testing.F) {
	docs, _, err := render.New().Documents(mainFeed(post("a"), post(" b", at(date(2014, 6, 16, 8, 0))), post("<c>", at(date(2014, 6, 15, 8, 0)))))
	if err != nil {
		f.Fatal(err)
	}
	for i, d := range docs {
		f.Add(i, d.Body, " b", "<c>")
	}
	f.Add(0, []byte("<rss>&#32;<channel>&#32;<item><guid>a</guid></item>x</channel></rss>"), "a", "b")
	f.Add(2, []byte(`{"items":[{"id":"a"} , {"id":"b"}]}`), "a", "b")
	f.Fuzz(func(t *testing.T, format int, body []byte, first, second string) {
		as := feed.Formats()[uint(format)%3]
		got, err := render.Remove("main", as, body, []string{first, second})
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Fatalf("error %v is not of kind %v", err, feed.ErrInvalid)
			}
			return
		}
		if len(got) > len(body) {
			t.Errorf("striking makes %q longer: %q", body, got)
		}
		if as == feed.JSON {
			if !json.Valid(got) {
				t.Errorf("striking from %q leaves %q, which is not JSON", body, got)
			}
			return
		}
		for d := xml.NewDecoder(strings.NewReader(string(got))); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("striking from %q leaves %q, which is not well-formed: %v", body, got, err)
			}
		}
	})
}
