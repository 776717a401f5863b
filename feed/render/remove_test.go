package render_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/render"
)

// feedDates matches the dates of the feed itself, which Remove does not change.
var feedDates = regexp.MustCompile(`(?m)^( {4}<(pubDate|lastBuildDate)>| {2}<updated>).*\n`)

// removable returns a feed whose items have similar ids.
func removable() feed.Feed {
	var items []*feed.Item
	content := "\n    <item>\n      <guid isPermaLink=\"false\">a</guid>\n    </item>\n" +
		"  <entry><id>urn:feedpub:main:a</id></entry>"
	for i, id := range []string{
		"a", " a", "a ", "  ", "\ta", "<b>", "&lt;b&gt;", "]]>", "<id>a</id>", "</guid></item>", `"`, `\"`, `a","id":"b`,
		"https://blog.example.org/1", "urn:feedpub:main:a", "ü", "u\u0308", strings.Repeat("x", 512),
	} {
		items = append(items, post(id, guardian, at(date(2014, 6, 17, 9, i)), titled("<guid>"+id+"</guid>"),
			func(item *feed.Item) { item.HTML += content }))
	}
	return mainFeed(items...)
}

func TestRemove(t *testing.T) {
	f := removable()
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
	whole := documentsOf(t, f)
	posts := ids(f.Items)
	for name, removed := range cases {
		less := f
		less.Items = slices.DeleteFunc(slices.Clone(f.Items), func(item *feed.Item) bool {
			return slices.Contains(removed, item.ID)
		})
		want := documentsOf(t, less)
		for format, d := range whole {
			t.Run(name+"/"+string(format), func(t *testing.T) {
				got, err := render.Remove(d, posts, removed)
				if err != nil {
					t.Fatalf("Remove: %v", err)
				}
				wantBody := feedDates.ReplaceAllString(string(want[format].Body), "")
				diff := cmp.Diff(wantBody, feedDates.ReplaceAllString(string(got.Body), ""))
				// A page that is rendered without posts has a note, which Remove does not add.
				if noted := format == feed.HTML && len(less.Items) == 0; diff != "" && !noted {
					t.Errorf("after Remove of %.80q, the document differs from that of a feed without these posts (-want +got):\n%s",
						removed, diff)
				}
				parsed, err := parseAndRemove(f.Site.ID, format, d.Body, removed)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(parsed), string(got.Body)); diff != "" {
					t.Errorf("after Remove of %.80q, the document differs from the oracle's (-want +got):\n%s", removed, diff)
				}
				if got.Hash != feed.HashOf(got.Body) || got.Format != format {
					t.Errorf("the document has the format %s and the hash %s, want %s and %s",
						got.Format, got.Hash, format, feed.HashOf(got.Body))
				}
				checkBounds(t, f.Site.ID, got, ids(less.Items))
			})
		}
	}
}

// documentsOf returns the feed's documents, including its page.
func documentsOf(t *testing.T, f feed.Feed) map[feed.Format]feed.Document {
	t.Helper()
	docs, rejected, err := render.New().Documents(f)
	if err != nil || len(rejected) > 0 {
		t.Fatalf("Documents: %v, rejected %+v", err, rejected)
	}
	page, err := render.New().Page(f)
	if err != nil {
		t.Fatalf("Page: %v", err)
	}
	all := map[feed.Format]feed.Document{}
	for _, d := range append(docs, page) {
		all[d.Format] = d
	}
	return all
}

// checkBounds checks that the bounds of the document enclose the items of the posts.
func checkBounds(t *testing.T, site feed.SiteID, d feed.Document, posts []string) {
	t.Helper()
	if err := d.Bounds.Validate(len(d.Body)); err != nil || d.Bounds.Items() != len(posts) {
		t.Errorf("%s: got bounds for %d items (error %v), want %d", d.Format, d.Bounds.Items(), err, len(posts))
		return
	}
	for i, id := range posts {
		item := string(d.Body[d.Bounds[i]:d.Bounds[i+1]])
		if d.Format == feed.HTML {
			id = pageAnchor(id)
		} else if d.Format == feed.Atom {
			id = render.AtomID(site, id)
		}
		if got := itemID(t, d.Format, item); got != id {
			t.Errorf("%s: item %d has the id %q, want %q: %s", d.Format, i, got, id, item)
		}
	}
}

// itemID decodes the id of an item.
func itemID(t *testing.T, format feed.Format, item string) string {
	t.Helper()
	switch format { //nolint:exhaustive // other formats have no items
	case feed.HTML:
		id, _, _ := strings.Cut(strings.TrimPrefix(item, "<!--"), "-->")
		return id
	case feed.JSON:
		var j struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(strings.TrimSuffix(item, ",\n")), &j); err != nil {
			t.Fatalf("%v: %s", err, item)
		}
		return j.ID
	default:
		var x struct {
			GUID string `xml:"guid"`
			ID   string `xml:"id"`
		}
		if err := xml.Unmarshal([]byte(item), &x); err != nil {
			t.Fatalf("%v: %s", err, item)
		}
		return x.GUID + x.ID
	}
}

// TestBoundsOfDocuments checks the bounds of every fixture's documents.
func TestBoundsOfDocuments(t *testing.T) {
	for _, fx := range fixtures() {
		docs, rejected, err := render.New().Documents(fx.feed)
		if err != nil {
			t.Fatal(err)
		}
		page, err := render.New().Page(fx.feed)
		if err != nil {
			t.Fatal(err)
		}
		var posts []string
		for _, item := range fx.feed.Items {
			if !slices.ContainsFunc(rejected, func(p feed.Problem) bool { return p.ID == item.ID }) {
				posts = append(posts, item.ID)
			}
		}
		for _, d := range append(docs, page) {
			checkBounds(t, fx.feed.Site.ID, d, posts)
		}
	}
}

func TestRemoveInvalidBounds(t *testing.T) {
	f := removable()
	posts := make([]string, len(f.Items))
	for i, item := range f.Items {
		posts[i] = item.ID
	}
	last := len(posts)
	for format, d := range documentsOf(t, f) {
		for name, change := range map[string]func(*feed.Document){
			"none":                    func(d *feed.Document) { d.Bounds = nil },
			"of one offset":           func(d *feed.Document) { d.Bounds = d.Bounds[:1] },
			"of fewer items":          func(d *feed.Document) { d.Bounds = d.Bounds[:last] },
			"descending":              func(d *feed.Document) { d.Bounds[1], d.Bounds[2] = d.Bounds[2], d.Bounds[1] },
			"beyond the end":          func(d *feed.Document) { d.Bounds[last] = uint32(len(d.Body)) + 1 },
			"off by one":              func(d *feed.Document) { d.Bounds[3]++ },
			"off by one at the start": func(d *feed.Document) { d.Bounds[0]-- },
			"off by one at the end":   func(d *feed.Document) { d.Bounds[last]-- },
			"of the whole document":   func(d *feed.Document) { d.Bounds[0], d.Bounds[last] = 0, uint32(len(d.Body)) },
			"of another format": func(d *feed.Document) {
				d.Format = map[feed.Format]feed.Format{
					feed.RSS: feed.Atom, feed.Atom: feed.JSON, feed.JSON: feed.HTML, feed.HTML: feed.RSS,
				}[d.Format]
			},
			"of a format without items": func(d *feed.Document) { d.Format = feed.CSS },
			"of an unknown format":      func(d *feed.Document) { d.Format = "unknown" },
			"of a shorter document":     func(d *feed.Document) { d.Body = d.Body[:d.Bounds[last]-1] },
		} {
			damaged := d
			damaged.Bounds = slices.Clone(d.Bounds)
			change(&damaged)
			got, err := render.Remove(damaged, posts, posts[1:3])
			if !errors.Is(err, feed.ErrInvalid) || got.Body != nil {
				t.Errorf("%s with bounds %s: Remove = %q, %v; want an error of kind %q",
					format, name, got.Body, err, feed.ErrInvalid)
			}
		}
	}
}

// FuzzRemove checks that wrong bounds are detected, and compares results with the oracle.
func FuzzRemove(f *testing.F) {
	docs, _, err := render.New().Documents(mainFeed(
		post("a"), post(" b", at(date(2014, 6, 16, 8, 0))), post("<c>", at(date(2014, 6, 15, 8, 0)))))
	if err != nil {
		f.Fatal(err)
	}
	for i, d := range docs {
		f.Add(i, d.Bounds[0], d.Bounds[1], d.Bounds[2], d.Bounds[3], uint8(5))
	}
	f.Add(0, uint32(0), uint32(1), uint32(1<<31), uint32(1<<32-1), uint8(1))
	posts := []string{"a", " b", "<c>"}
	f.Fuzz(func(t *testing.T, format int, b0, b1, b2, b3 uint32, mask uint8) {
		d := docs[uint(format)%uint(len(docs))]
		right := slices.Clone(d.Bounds)
		d.Bounds = feed.Bounds{b0, b1, b2, b3}
		var removed []string
		for i, id := range posts {
			if mask&(1<<i) != 0 {
				removed = append(removed, id)
			}
		}
		got, err := render.Remove(d, posts, removed)
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) || slices.Equal(d.Bounds, right) {
				t.Fatalf("Remove with bounds %v: %v", d.Bounds, err)
			}
			return
		}
		if !slices.Equal(d.Bounds, right) {
			t.Fatalf("Remove accepts the bounds %v, want an error; the correct bounds are %v", d.Bounds, right)
		}
		want, err := parseAndRemove(testSite().ID, d.Format, d.Body, removed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got.Body)); diff != "" {
			t.Errorf("without %q (-want +got):\n%s", removed, diff)
		}
	})
}
