package render_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/render"
)

// render1 renders the feed and fails the test if an item is rejected.
func render1(t *testing.T, f feed.Feed) map[feed.Format]string {
	t.Helper()
	docs, rejected, err := render.New().Documents(f)
	if err != nil || len(rejected) > 0 {
		t.Fatalf("Documents: error %v, rejected %+v", err, rejected)
	}
	bodies := map[feed.Format]string{}
	for _, d := range docs {
		bodies[d.Format] = string(d.Body)
	}
	return bodies
}

func TestDocumentsAreDeterministic(t *testing.T) {
	for _, fx := range fixtures() {
		want := documents(t, fx)

		// A different process may use a different time zone and read items in a different order.
		f := fx.feed
		zone := time.FixedZone("elsewhere", -9*60*60-30*60)
		f.Items = nil
		for _, item := range fx.feed.Items {
			moved := *item
			moved.Published, moved.Updated = item.Published.In(zone), item.Updated.In(zone)
			f.Items = append(f.Items, &moved)
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(f.Items), func(i, j int) {
			f.Items[i], f.Items[j] = f.Items[j], f.Items[i]
		})
		slices.SortFunc(f.Items, feed.CompareItems)
		f.Updated = f.Updated.In(zone)

		r := render.New()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				docs, _, err := r.Documents(f)
				if err != nil {
					t.Errorf("%s: %v", fx.name, err)
				}
				for _, d := range docs {
					if diff := cmp.Diff(string(want[d.Format]), string(d.Body)); diff != "" {
						t.Errorf("%s: the %s document of equal posts differs (-want +got):\n%s",
							fx.name, d.Format, diff)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestRejectedItem(t *testing.T) {
	good := []*feed.Item{post("first"), post("last", at(date(2014, 6, 1, 8, 0)))}
	want := render1(t, mainFeed(good...))
	when := at(date(2014, 6, 10, 8, 0))
	for _, tt := range []struct {
		name, place string
		bad         *feed.Item
	}{
		{"control character in the content", "content", post("bad", when, func(i *feed.Item) { i.HTML = "<p>\x00</p>" })},
		{"bad UTF-8 in the content", "content", post("bad", when, func(i *feed.Item) { i.HTML = "<p>\xff</p>" })},
		{"escape character in the title", "title", post("bad", when, titled("\x1b[31m"))},
		{"bad UTF-8 in a tag", "tags[1]", post("bad", when, func(i *feed.Item) { i.Tags = []string{"a", "\xc3"} })},
		{"bad UTF-8 in the headline of the second quote", "quotes[1].source.headline", post("bad", when, func(i *feed.Item) {
			i.Quotes = []feed.Quote{{}, {Source: feed.Source{Headline: "\x80"}}}
		})},
		{"control character in an attachment's title", "attachments[0].title", post("bad", when, func(i *feed.Item) {
			i.Attachments = []feed.Attachment{{Title: "\v"}}
		})},
		{"control character in the id", "id", post("ba\x01d", when)},
		{"no id", "id", post("", when)},
		{"a year of five digits", "date_published", post("bad", at(date(10000, 1, 1, 0, 0)))},
		{"a year before the first", "date_published", post("bad", at(date(0, 1, 1, 0, 0)))},
		{"a duration that is not a number", "", post("bad", when, func(i *feed.Item) {
			i.Attachments = []feed.Attachment{{URL: "https://blog.example.org/a", DurationInSeconds: math.NaN()}}
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := mainFeed(good...)
			f.Items = []*feed.Item{good[0], tt.bad, good[1]}
			docs, rejected, err := render.New().Documents(f)
			if err != nil {
				t.Fatalf("Documents of a feed with an invalid post: %v", err)
			}
			if len(rejected) != 1 || rejected[0].ID != tt.bad.ID || rejected[0].Kind != feed.KindRejected ||
				rejected[0].Place != tt.place || !strings.HasSuffix(rejected[0].Reason, ".") {
				t.Errorf("rejected %+v, want the invalid post with place %q and a reason", rejected, tt.place)
			}
			for _, d := range docs {
				if diff := cmp.Diff(want[d.Format], string(d.Body)); diff != "" {
					t.Errorf("the %s document differs from one without the invalid post (-want +got):\n%s", d.Format, diff)
				}
			}
			for _, format := range feed.Formats() {
				_, err := render.Fragment("main", tt.bad, format, render.Variant{})
				if tt.place != "" && !errors.Is(err, feed.ErrInvalid) {
					t.Errorf("Fragment as %s = %v, want an error of kind %v", format, err, feed.ErrInvalid)
				}
			}
		})
	}
}

func TestDuplicateIDs(t *testing.T) {
	want := render1(t, mainFeed(post("a")))
	f := mainFeed(post("a"))
	f.Items = append(f.Items, post("a", titled("another")), nil)
	docs, rejected, err := render.New().Documents(f)
	if err != nil || len(rejected) != 2 {
		t.Fatalf("Documents: error %v, rejected %+v; want the second post with the id and the nil post", err, rejected)
	}
	for _, d := range docs {
		if string(d.Body) != want[d.Format] {
			t.Errorf("the %s document does not contain exactly the first post:\n%s", d.Format, d.Body)
		}
	}
}

func TestInvalidMetadata(t *testing.T) {
	for name, edit := range map[string]func(*feed.Feed){
		"title":       func(f *feed.Feed) { f.Title = "a\x00b" },
		"description": func(f *feed.Feed) { f.Description = "\xff" },
		"copyright":   func(f *feed.Feed) { f.Site.Copyright = "\x1b" },
		"author":      func(f *feed.Feed) { f.Site.Authors = []feed.Author{{Name: "\x07"}} },
	} {
		f := mainFeed(post("a"))
		edit(&f)
		docs, _, err := render.New().Documents(f)
		if !errors.Is(err, feed.ErrInvalid) || docs != nil {
			t.Errorf("Documents of a feed with a control character in its %s = %d documents, %v; want an error of kind %v",
				name, len(docs), err, feed.ErrInvalid)
		}
	}
}

func TestIDsDoNotDependOnBaseURL(t *testing.T) {
	ids := func(base string) (list []string) {
		f := mainFeed(post("a"), post("https://blog.example.org/1"))
		f.Site.BaseURL, f.Site.HomeURL, f.Site.Title = base, base, base
		for format, doc := range render1(t, f) {
			for _, s := range readDocument(t, format, []byte(doc)) {
				list = append(list, s.ID)
			}
			if format == feed.Atom { // the first id is that of the feed
				_, id, _ := strings.Cut(doc, "<id>")
				id, _, _ = strings.Cut(id, "</id>")
				list = append(list, id)
			}
		}
		slices.Sort(list)
		return list
	}
	if diff := cmp.Diff(ids("http://127.0.0.1:8080"), ids("https://feeds.example.net/blog")); diff != "" {
		t.Errorf("ids depend on the base URL (-want +got):\n%s", diff)
	}
}

// TestQuotedAuthorIsNotAuthor checks that quoted authors are not in author, dc:creator or atom:source. Several feed
// readers show the people in these elements as the post's authors.
func TestQuotedAuthorIsNotAuthor(t *testing.T) {
	for _, authors := range [][]feed.Author{nil, {{Name: "Steve"}}} {
		item := post("quoting", guardian, func(i *feed.Item) { i.Authors = authors })
		want := modelOf(item).Authors
		docs := render1(t, mainFeed(item))
		for format, got := range map[feed.Format][]string{
			feed.RSS:  readRSS(t, []byte(docs[feed.RSS]))[0].Authors,
			feed.Atom: readAtom(t, []byte(docs[feed.Atom]))[0].Authors,
			feed.JSON: readJSON(t, []byte(docs[feed.JSON]))[0].Authors,
		} {
			if !slices.Equal(want, got) {
				t.Errorf("authors in %s are %q, want %q; the authors of quoted articles must not be included", format, got, want)
			}
		}
		for _, element := range []string{"<author>", "<atom:source", "<atom:author", "<managingEditor>"} {
			if strings.Contains(docs[feed.RSS], element) {
				t.Errorf("RSS has %s", element)
			}
		}
		if strings.Contains(docs[feed.Atom], "<source") {
			t.Error("Atom has <source>, whose author some readers show as the entry's")
		}
	}
}

func TestRSSSource(t *testing.T) {
	item := post("quoting", guardian)
	want := `<source url="https://www.theguardian.com/world/rss">The Guardian</source>`
	if doc := render1(t, mainFeed(item))[feed.RSS]; !strings.Contains(doc, want) {
		t.Errorf("RSS lacks %s:\n%s", want, doc)
	}
	item.Quotes[0].Source.FeedURL = ""
	if doc := render1(t, mainFeed(item))[feed.RSS]; strings.Contains(doc, "<source") {
		t.Errorf("RSS has <source> without a feed of the source:\n%s", doc)
	}
}

func TestCredits(t *testing.T) {
	docs := render1(t, mainFeed(post("quoting", guardian, func(i *feed.Item) {
		i.Quotes = append(i.Quotes, i.Quotes[0]) // a second passage from the same article
		i.Quotes[1].HTML = "<b onclick=alert(1)>"
		i.Via = []feed.Via{{Name: "A friend", URL: "https://friend.example.org/"}}
	})))
	for format, list := range map[feed.Format][]string{
		feed.RSS: {
			`<atom:link rel="related" title="US and Iran hold talks" href="https://www.theguardian.com/world/2014/jun/16/talks">`,
			`<atom:link rel="via" title="A friend" href="https://friend.example.org/">`,
		},
		feed.Atom: {
			`<link rel="related" title="US and Iran hold talks" href="https://www.theguardian.com/world/2014/jun/16/talks">`,
			`<link rel="via" title="A friend" href="https://friend.example.org/">`,
		},
		feed.JSON: {
			`"external_url": "https://www.theguardian.com/world/2014/jun/16/talks"`, `"publication": "The Guardian"`,
			`"publication_url"`, `"feed_url"`, `"headline": "US and Iran hold talks"`, `"name": "Paul Lewis"`,
			`"date_published": "2014-06-16"`, `"Reuters"`,
			`"text": "“We are open`, `"confidence": 0.97`, `"name": "A friend"`,
		},
	} {
		for _, want := range list {
			if !strings.Contains(docs[format], want) {
				t.Errorf("%s lacks %s:\n%s", format, want, docs[format])
			}
		}
	}
	if n := strings.Count(docs[feed.Atom], `rel="related"`); n != 1 {
		t.Errorf("Atom links to the quoted article %d times, want once", n)
	}
	if strings.Contains(docs[feed.JSON], "onclick") {
		t.Error("JSON contains the HTML of a quote, which is not sanitized")
	}
}

func TestUntitledPost(t *testing.T) {
	docs := render1(t, mainFeed(post("note", titled(" \n"))))
	if _, item, _ := strings.Cut(docs[feed.JSON], `"items"`); strings.Contains(item, `"title"`) {
		t.Errorf("JSON Feed has a title for an untitled post:\n%s", docs[feed.JSON])
	}
	for _, format := range []feed.Format{feed.RSS, feed.Atom} {
		if !strings.Contains(docs[format], ">What there is to say about it.</title>") {
			t.Errorf("%s does not use the first words of an untitled post as its title:\n%s", format, docs[format])
		}
	}
}

// TestFragmentInDocuments checks that the documents of all feeds contain the result of Fragment.
func TestFragmentInDocuments(t *testing.T) {
	item := post("shared", guardian)
	other := testSite()
	other.Title, other.Language, other.BaseURL = "Another", "de", "https://elsewhere.example.org"
	feeds := []feed.Feed{
		mainFeed(item),
		mainFeed(item, post("newer", at(date(2015, 1, 1, 0, 0)))),
		build.Feed(other, feed.Join(feed.Tags, "x"), "X", []*feed.Item{item}, date(2016, 1, 1, 0, 0)),
	}
	for _, format := range feed.Formats() {
		fragment, err := render.Fragment("main", item, format, render.Variant{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range feeds {
			if doc := render1(t, f)[format]; !strings.Contains(doc, string(fragment)) {
				t.Errorf("the %s document of %s lacks the item's fragment\n%s\nDocument:\n%s", format, f.Title, fragment, doc)
			}
		}
	}
}

func TestUpdated(t *testing.T) {
	for _, tt := range []struct {
		name      string
		feed      feed.Feed
		rss, atom string
	}{
		{"empty feed", mainFeed(), "Sat, 01 Jan 2000 00:00:00 +0000", "2000-01-01T00:00:00Z"}, // the site's Since
		{"edited post", mainFeed(post("a", func(i *feed.Item) { i.Updated = date(2014, 7, 1, 0, 0) })),
			"Tue, 01 Jul 2014 00:00:00 +0000", "2014-07-01T00:00:00Z"},
		{"removed post", build.Feed(testSite(), feed.Main, "", []*feed.Item{post("a")}, date(2014, 8, 1, 0, 0)),
			"Fri, 01 Aug 2014 00:00:00 +0000", "2014-08-01T00:00:00Z"},
	} {
		docs := render1(t, tt.feed)
		if want := "<lastBuildDate>" + tt.rss + "</lastBuildDate>"; !strings.Contains(docs[feed.RSS], want) {
			t.Errorf("%s: RSS lacks %s", tt.name, want)
		}
		if want := "\n  <updated>" + tt.atom + "</updated>"; !strings.Contains(docs[feed.Atom], want) {
			t.Errorf("%s: Atom lacks %s", tt.name, want)
		}
	}
}

// atomTimes returns the atom:updated of each entry by the post's id.
func atomTimes(t *testing.T, items ...*feed.Item) map[string]time.Time {
	t.Helper()
	times := map[string]time.Time{}
	doc := render1(t, mainFeed(items...))[feed.Atom]
	for _, s := range readAtom(t, []byte(doc)) {
		times[strings.TrimPrefix(s.ID, "urn:feedpub:main:")] = s.Updated
	}
	return times
}

func TestUniqueUpdatedTimes(t *testing.T) {
	var items []*feed.Item
	for i := range 2000 { // so many that about two pairs share a microsecond
		items = append(items, post("p"+string(rune('a'+i%26))+strings.Repeat("x", i/26)))
	}
	f := mainFeed()
	f.Items, f.Updated = items, items[0].Updated
	slices.SortFunc(f.Items, feed.CompareItems)
	seen := map[time.Time]string{}
	doc := render1(t, f)[feed.Atom]
	for _, s := range readAtom(t, []byte(doc)) {
		if other, ok := seen[s.Updated]; ok {
			t.Errorf("%s and %s have the same updated time %v", other, s.ID, s.Updated)
		}
		seen[s.Updated] = s.ID
		if d := s.Updated.Sub(items[0].Updated); d <= 0 || d >= time.Second {
			t.Errorf("%v is added to the time of %s, want a fraction of a second", d, s.ID)
		}
	}
	_, head, _ := strings.Cut(doc, "<updated>")
	head, _, _ = strings.Cut(head, "</updated>")
	updated, err := time.Parse(time.RFC3339Nano, head)
	if err != nil {
		t.Fatal(err)
	}
	for at, id := range seen {
		if at.After(updated) {
			t.Errorf("%s was updated at %v, after the feed at %v", id, at, updated)
		}
	}
}

func TestFractionsAreStable(t *testing.T) {
	before := atomTimes(t, post("b"), post("d"))
	after := atomTimes(t, post("a"), post("b"), post("c"), post("d"), post("e"))
	for _, id := range []string{"b", "d"} {
		if !before[id].Equal(after[id]) {
			t.Errorf("updated time of %s is %v, want %v, as without the other posts with this time", id, after[id], before[id])
		}
	}
	if alone := atomTimes(t, post("b"))["b"]; !alone.Equal(date(2014, 6, 17, 9, 30)) {
		t.Errorf("updated time of a post with a unique time is %v, want it unchanged", alone)
	}
}

func TestURLAndLink(t *testing.T) {
	f := mainFeed()
	f.Name = feed.Join(feed.Tags, "zürich")
	f.Site.BaseURL = "https://feeds.example.org/blog/"
	for _, format := range feed.Formats() {
		want := "https://feeds.example.org/blog/tags/z%C3%BCrich/" + format.File()
		if got := render.URL(f.Site, f.Name, format); got != want {
			t.Errorf("URL as %s = %q, want %q", format, got, want)
		}
		if got, want := render.New().Link(f, format), "<"+want+`>; rel="self"`; got != want {
			t.Errorf("Link as %s without a hub = %q, want %q", format, got, want)
		}
		withHub := f
		withHub.Site.Hubs = []string{"https://hub.example.org/?a=<b>\r\nX: y", "https://feeds.example.org/blog/hub"}
		want = "<" + want + `>; rel="self", <https://hub.example.org/?a=%3Cb%3E%0D%0AX:%20y>; rel="hub", ` +
			`<https://feeds.example.org/blog/hub>; rel="hub"`
		if got := render.New().Link(withHub, format); got != want {
			t.Errorf("Link as %s with two hubs = %q, want %q", format, got, want)
		}
	}
}

// TestArchivesListNoHubs checks that archives list hubs in version 1 but not in version 2, since they are not topics,
// and that the upgrade changes no other documents.
func TestArchivesListNoHubs(t *testing.T) {
	first, err := render.New().At(1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.At(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, fx := range fixtures() {
		_, number := fx.feed.Name.Archived()
		archive := number > 0
		before, after := withPage(t, first, fx.feed), withPage(t, second, fx.feed)
		for i, d := range after {
			same := bytes.Equal(before[i].Body, d.Body)
			if want := !archive || d.Format == feed.HTML || len(fx.feed.Site.Hubs) == 0; same != want {
				t.Errorf("%s as %s: equal in versions 1 and 2: %t, want %t", fx.name, d.Format, same, want)
			}
			for _, hub := range fx.feed.Site.Hubs {
				if archive && (bytes.Contains(d.Body, []byte(hub)) || strings.Contains(second.Link(fx.feed, d.Format), hub)) {
					t.Errorf("%s as %s lists the hub %s", fx.name, d.Format, hub)
				}
				if !strings.Contains(first.Link(fx.feed, d.Format), hub) && d.Format.Subscribed() {
					t.Errorf("%s as %s: the Link field of version 1 does not list the hub %s", fx.name, d.Format, hub)
				}
			}
		}
	}
}

// withPage returns the documents of a feed and its page.
func withPage(t *testing.T, r *render.Renderer, f feed.Feed) []feed.Document {
	t.Helper()
	docs, _, err := r.Documents(f)
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.Page(f)
	if err != nil {
		t.Fatal(err)
	}
	return append(docs, page)
}

func TestDocumentsOrder(t *testing.T) {
	docs, _, err := render.New().Documents(mainFeed())
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range docs {
		if want := feed.Formats()[i]; d.Format != want {
			t.Errorf("document %d is %s, want %s", i, d.Format, want)
		}
		if !bytes.HasSuffix(d.Body, []byte("\n")) {
			t.Errorf("the %s document does not end with a line feed", d.Format)
		}
	}
}

func TestFragmentUnknownFormat(t *testing.T) {
	if _, err := render.Fragment("main", post("a"), "gopher", render.Variant{}); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Fragment as gopher = %v, want an error of kind %v", err, feed.ErrInvalid)
	}
}

func TestRSSAttachments(t *testing.T) {
	doc := render1(t, mainFeed(post("podcast", func(i *feed.Item) {
		i.Attachments = []feed.Attachment{
			{URL: "ftp://ftp.example.org/0.mp3", MIMEType: "audio/mpeg"},
			{URL: "https://blog.example.org?file=1", MIMEType: "audio/mpeg", SizeInBytes: 1},
			{URL: "https://blog.example.org/2.mp3", MIMEType: "audio/mpeg", SizeInBytes: 2, DurationInSeconds: 2.5,
				Title: "Two"},
		}
	})))[feed.RSS]
	for _, want := range []string{
		`<media:content url="ftp://ftp.example.org/0.mp3" type="audio/mpeg"></media:content>`,
		`<enclosure url="https://blog.example.org/?file=1" length="1" type="audio/mpeg"></enclosure>`,
		`<media:content url="https://blog.example.org/2.mp3" type="audio/mpeg" fileSize="2" duration="2.5">`,
		`<media:title>Two</media:title>`,
	} {
		if !strings.Contains(doc, want) {
			t.Errorf("RSS lacks %s:\n%s", want, doc)
		}
	}
}
