package intake_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
)

var testSite = feed.Site{
	ID: "main", Title: "Blog", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
	Limit: 10,
}

func newReader(t testing.TB) *attribution.Reader {
	t.Helper()
	reader, err := attribution.New(attribution.Options{Threshold: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

var firstSeen = time.Date(2024, 5, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))

func makeItem(t *testing.T, raw string) *feed.Item {
	t.Helper()
	result, err := intake.New(testSite, newReader(t)).Item("1", []byte(raw), feed.Record{ID: "1", FirstSeen: firstSeen})
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if result.Item == nil {
		t.Fatalf("%s: item is withheld as %q", raw, result.Withheld)
	}
	return result.Item
}

func TestItem(t *testing.T) {
	raw := `{
		"id": "1", "url": "/2014/talks", "title": " Talks\n\u0007 & <b>talks</b> ",
		"content_html": "<p onclick=x()>See <a href='#note'>this</a> and <img src='i.png' alt=''>.</p><script>alert(1)</script>",
		"image": "cover.png", "date_published": "2014-06-17T10:30:00.1239+02:00", "date_modified": "2014-06-16",
		"authors": [{"name": "Ada", "url": "/ada"}], "tags": ["Talks", " Talks ", "", "Go"], "language": "en_GB",
		"attachments": [{"url": "a b.mp3", "mime_type": "audio/mpeg"}],
		"quotes": [{"source": {"publication": "Some Gazette", "headline": "Talks held", "url": "https://paper.example/1",
			"authors": [{"name": "Bo Li"}], "date_published": "2014-06-16"}}],
		"via": [{"name": "Cleo", "url": "https://cleo.example/"}]
	}`
	want := &feed.Item{
		ID:          "1",
		URL:         "https://blog.example/2014/talks",
		ExternalURL: "https://paper.example/1",
		Title:       "Talks \ufffd & <b>talks</b>",
		HTML: `<p>See <a href="https://blog.example/2014/talks#note">this</a> and ` +
			`<img src="https://blog.example/2014/i.png" alt=""/>.</p>` +
			`<p>— Bo Li, <cite><a href="https://paper.example/1">Talks held</a></cite>, Some Gazette, ` +
			`<time datetime="2014-06-16">16 June 2014</time></p>`,
		Text:        "See this and .",
		Summary:     "See this and .\n— Bo Li: Talks held, Some Gazette, 16 June 2014",
		Image:       "https://blog.example/2014/cover.png",
		Published:   time.Date(2014, 6, 17, 8, 30, 0, 123000000, time.UTC),
		Updated:     time.Date(2014, 6, 17, 8, 30, 0, 123000000, time.UTC),
		Authors:     []feed.Author{{Name: "Ada", URL: "https://blog.example/ada"}},
		Tags:        []string{"Talks", "Go"},
		Language:    "en-GB",
		Attachments: []feed.Attachment{{URL: "https://blog.example/2014/a%20b.mp3", MIMEType: "audio/mpeg"}},
		Quotes: []feed.Quote{{
			Source: feed.Source{
				Publication: "Some Gazette", Headline: "Talks held", URL: "https://paper.example/1",
				Authors: []feed.Author{{Name: "Bo Li"}}, DatePublished: "2014-06-16",
			},
			Confidence: 1,
			Certain:    true,
		}},
		Via:    []feed.Via{{Name: "Cleo", URL: "https://cleo.example/"}},
		Intake: intake.New(testSite, newReader(t)).Fingerprint(),
		RawSum: feed.HashOf([]byte(raw)),
	}
	got := makeItem(t, raw)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if got.Published.Location() != time.UTC || got.Updated.Location() != time.UTC {
		t.Errorf("dates are in %v and %v, want UTC", got.Published.Location(), got.Updated.Location())
	}
}

func TestItemDates(t *testing.T) {
	tests := []struct {
		name, raw          string
		published, updated string
	}{
		{"none", `{}`, "2024-05-01T11:00:00.123Z", "2024-05-01T11:00:00.123Z"},
		{"modified only", `{"date_modified":"2024-05-02"}`, "2024-05-01T11:00:00.123Z", "2024-05-02T00:00:00Z"},
		{"both", `{"date_published":"2014-01-01","date_modified":"2014-01-02T00:00Z"}`, "2014-01-01T00:00:00Z",
			"2014-01-02T00:00:00Z"},
		{"modified before", `{"date_published":"2014-01-01","date_modified":"2013-01-02"}`, "2014-01-01T00:00:00Z",
			"2014-01-01T00:00:00Z"},
		{"implausible", `{"date_published":"1215-06-15"}`, "1215-06-15T00:00:00Z", "1215-06-15T00:00:00Z"},
	}
	for _, tt := range tests {
		item := makeItem(t, tt.raw)
		if got := item.Published.Format(time.RFC3339Nano); got != tt.published {
			t.Errorf("%s: published %s, want %s", tt.name, got, tt.published)
		}
		if got := item.Updated.Format(time.RFC3339Nano); got != tt.updated {
			t.Errorf("%s: updated %s, want %s", tt.name, got, tt.updated)
		}
	}
	_, err := intake.New(testSite, nil).Item("1", []byte(`{}`), feed.Record{})
	if !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("no date and no record: got error %v, want one of kind %v", err, feed.ErrInvalid)
	}
}

func TestItemContents(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"HTML counts", `{"content_html":"<p>h","content_markdown":"*m*","content_text":"t"}`, "<p>h</p>"},
		{"then Markdown", `{"content_markdown":"*m*","content_text":"t"}`, "<p><em>m</em></p>\n"},
		{"then text", `{"content_text":"<t>\n\nu"}`, "<p>&lt;t&gt;</p><p>u</p>"},
		{"none", `{}`, ""},
	}
	for _, tt := range tests {
		if got := makeItem(t, tt.raw).HTML; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestItemSummary(t *testing.T) {
	long := strings.Repeat("word ", 100)
	tests := []struct{ name, raw, want string }{
		{"given", `{"summary":" A\n summary\u0001 ","content_text":"t"}`, "A summary\ufffd"},
		{"nothing", `{}`, ""},
		{"short", `{"content_html":"<p>One<p>two"}`, "One two"},
		{"long", `{"content_text":"` + long + `"}`, strings.Repeat("word ", 59) + "word…"},
		{"without spaces", `{"content_text":"` + strings.Repeat("語", 400) + `"}`, strings.Repeat("語", 300) + "…"},
		{"combining", `{"content_text":"` + strings.Repeat("e\u0301", 200) + `"}`, strings.Repeat("e\u0301", 150) + "…"},
		{"one line for each source, in a language without English months",
			`{"language":"de","content_text":"t","quotes":[
				{"source":{"publication":"A","date_published":"2014-06-16"}},
				{"source":{"publication":"A","date_published":"2014-06-16"}},
				{"source":{"authors":[{"name":"B"}]}}, {"text":"c"}]}`,
			"t\n— A, 2014-06-16\n— B"},
		{"a source that the beginning names", `{"content_text":"From the north star: Our Paper, by Ann Lee. A passage.",
			"quotes":[{"source":{"publication":"North Star","headline":"Our Paper","authors":[{"name":"Ann Lee"}]},"text":"A passage."}]}`,
			"From the north star: Our Paper, by Ann Lee. A passage."},
		{"a source that the beginning names in part", `{"content_text":"From the North Star, by Ann Lee. A passage.",
			"quotes":[{"source":{"publication":"North Star","headline":"Our Paper","authors":[{"name":"Ann Lee"}]}}]}`,
			"From the North Star, by Ann Lee. A passage.\n— Ann Lee: Our Paper, North Star"},
		{"a name by chance", `{"content_text":"A star.","quotes":[{"source":{"publication":"Star"}}]}`, "A star.\n— Star"},
		{"a source that is named behind the beginning", `{"content_text":"` + long + `North Star, Our Paper.",
			"quotes":[{"source":{"publication":"North Star","headline":"Our Paper"}}]}`,
			strings.Repeat("word ", 59) + "word…\n— Our Paper, North Star"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, makeItem(t, tt.raw).Summary); diff != "" {
			t.Errorf("%s: summary (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestItemWithheld(t *testing.T) {
	for _, status := range []feed.Status{feed.Draft, feed.Private} {
		result, err := intake.New(testSite, nil).Item("1", []byte(`{"status":"`+string(status)+`"}`), feed.Record{})
		if err != nil || result.Item != nil || result.Withheld != status {
			t.Errorf("status %s: got %+v and error %v, want no item and Withheld %s", status, result, err, status)
		}
	}
}

func TestItemErrorPlace(t *testing.T) {
	deep := strings.Repeat("<div>", 600)
	tests := []struct{ raw, place string }{
		{`{"content_html":"` + deep + `"}`, "content_html"},
		{`{"content_text":"x","quotes":[{"text":"a"},{"html":"` + deep + `"}]}`, "quotes[1].html"},
		{`{"content_markdown":"` + strings.Repeat(">", 200) + `"}`, "content_markdown"},
		{`{"title":1}`, "title"},
	}
	for _, tt := range tests {
		_, err := intake.New(testSite, nil).Item("1", []byte(tt.raw), feed.Record{FirstSeen: firstSeen})
		var e *intake.Error
		if !errors.As(err, &e) || e.Place != tt.place || !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("%.40s: got error %v, want one of kind feed.ErrInvalid at %s", tt.raw, err, tt.place)
		}
	}
}

func TestAttributionModes(t *testing.T) {
	given := `"quotes":[{"source":{"publication":"Some Gazette"}}]`
	prose := `"content_text":"From the UK's Guardian:\n\nHouses fall into the sea\n\nBy Ann Reed | June 16, 2014\n\n` +
		`Three houses fell into the sea on Monday, said the council of the town, and more will follow them.\n\n“Nobody ` +
		`was hurt,” said a spokesman for the council, who asked everyone to stay away from the cliff.\n\nI told them so."`
	tests := []struct {
		name, raw string
		want      []string
	}{
		{"auto without quotes", `{` + prose + `}`, []string{"Guardian"}},
		{"auto with quotes", `{"attribution":"auto",` + prose + `,` + given + `}`, []string{"Some Gazette"}},
		{"given", `{"attribution":"given",` + prose + `}`, nil},
		{"none", `{"attribution":"none",` + prose + `,` + given + `}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			item := makeItem(t, tt.raw)
			var got []string
			for _, q := range item.Quotes {
				got = append(got, q.Source.Publication)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("publications (-want +got):\n%s\nHTML: %s", diff, item.HTML)
			}
			if len(tt.want) == 0 && strings.Contains(item.HTML, "<figure>") {
				t.Errorf("a passage is credited: %s", item.HTML)
			}
		})
	}
}

func TestCreditInProse(t *testing.T) {
	item := makeItem(t, `{"title":"The cliff","content_text":"From the UK's Guardian:\n\nHouses fall into the sea\n\n`+
		`By Ann Reed | June 16, 2014\n\nThree houses fell into the sea on Monday, said the council of the town, and more `+
		`will follow them.\n\n“Nobody was hurt,” said a spokesman for the council, who asked everyone to stay away from `+
		`the cliff…\n\nWhat a sad joke these people are."}`)
	want := `<p>From the UK's Guardian:</p><p>Houses fall into the sea</p><p>By Ann Reed | June 16, 2014</p>` +
		`<figure><blockquote><p>Three houses fell into the sea on Monday, said the council of the town, and more will ` +
		`follow them.</p><p>“Nobody was hurt,” said a spokesman for the council, who asked everyone to stay away from the ` +
		`cliff…</p></blockquote><figcaption>Ann Reed, <cite>Houses fall into the sea</cite>, Guardian, ` +
		`<time datetime="2014-06-16">16 June 2014</time></figcaption></figure><p>What a sad joke these people are.</p>`
	if diff := cmp.Diff(want, item.HTML); diff != "" {
		t.Errorf("HTML (-want +got):\n%s", diff)
	}
}

// TestCreditShownOnce checks that no caption is added if a line of the post already names the whole source.
func TestCreditShownOnce(t *testing.T) {
	const quotation = "<blockquote><p>Houses fall into the sea.</p></blockquote>"
	tests := []struct {
		name, html string
		captions   int
	}{
		{"a lead", "<p>Ann Reed, writing for the Guardian:</p>" + quotation, 0},
		{"a credit below", quotation + "<p>— Ann Reed, The Guardian</p>", 0},
		{"a source line below", quotation + `<p>Source: <a href="https://www.theguardian.com/uk/sea">The Guardian</a></p>`,
			0},
		{"the author's own caption", "<figure>" + quotation + "<figcaption>Ann Reed, The Guardian</figcaption></figure>", 1},
		{"a copied headline and byline", "<p>From the Guardian:</p><p>Houses fall</p><p>By Ann Reed | June 16, 2014</p>" +
			quotation, 1},
		{"a cite attribute, which is not shown",
			`<blockquote cite="https://www.theguardian.com/uk/sea"><p>Houses fall into the sea.</p></blockquote>`, 1},
	}
	for _, tt := range tests {
		raw, err := json.Marshal(map[string]string{"content_html": tt.html})
		if err != nil {
			t.Fatal(err)
		}
		item := makeItem(t, string(raw))
		if len(item.Quotes) != 1 {
			t.Errorf("%s: got %d quotes, want 1", tt.name, len(item.Quotes))
		}
		if got := strings.Count(item.HTML, "<figcaption>"); got != tt.captions ||
			strings.Contains(item.HTML, "<p>— Ann Reed, The Guardian</p><p>—") {
			t.Errorf("%s: got %d captions, want %d: %s", tt.name, got, tt.captions, item.HTML)
		}
	}
}

func TestPassageAcrossEmphasis(t *testing.T) {
	item := makeItem(t, `{"content_html":"<p>From the Guardian: <i>Three houses fell into the sea on Monday, said the council `+
		`of the town, and more of them will follow.<br><br>Nobody was hurt, said a spokesman for the council on Tuesday.</i>`+
		`<br><br>I told them so.</p>"}`)
	if len(item.Quotes) != 1 || strings.Count(item.HTML, "<figure>") != 1 || strings.Count(item.HTML, "<i>") != 2 {
		t.Errorf("got %d quotes, want 1 whose second paragraph has its own figure and emphasis: %s",
			len(item.Quotes), item.HTML)
	}
}

func TestKnownPublicationAddresses(t *testing.T) {
	tests := []struct{ name, source, wantHost, wantFeed string }{
		{"known", `{"publication":"the Guardian"}`, "theguardian.com", "www.theguardian.com"},
		{"of another address", `{"publication":"The Guardian","publication_url":"https://guardian.example/"}`,
			"guardian.example", ""},
		{"of another feed", `{"publication":"The Guardian","feed_url":"https://feeds.example/g"}`, "theguardian.com",
			"feeds.example"},
		{"unknown", `{"publication":"The Westerly Gazette of Nowhere"}`, "", ""},
	}
	for _, tt := range tests {
		source := makeItem(t, `{"quotes":[{"source":`+tt.source+`}]}`).Quotes[0].Source
		for _, address := range []struct{ what, got, want string }{
			{"PublicationURL", source.PublicationURL, tt.wantHost},
			{"FeedURL", source.FeedURL, tt.wantFeed},
		} {
			u, err := url.Parse(address.got)
			if err != nil || u.Hostname() != address.want {
				t.Errorf("%s: got %s %q, want a URL with host %q", tt.name, address.what, address.got, address.want)
			}
		}
	}
}

func TestQuotedAuthorIsNotPostAuthor(t *testing.T) {
	for _, raw := range []string{
		`{"content_text":"t","quotes":[{"source":{"authors":[{"name":"Ann Reed"}]}}]}`,
		`{"content_html":"<blockquote>Three houses fell into the sea.<cite>Ann Reed, The Guardian</cite></blockquote>"}`,
	} {
		item := makeItem(t, raw)
		if len(item.Authors) > 0 {
			t.Errorf("%s: got authors %v, want none", raw, item.Authors)
		}
		if !strings.Contains(item.HTML, "Ann Reed") {
			t.Errorf("%s: the quoted author is not credited in %s", raw, item.HTML)
		}
	}
}

// TestItemIsDeterministic checks that an item does not depend on the local time zone.
func TestItemIsDeterministic(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	first := makeItem(t, fullPost1)
	time.Local = time.FixedZone("CEST", 2*60*60)
	if diff := cmp.Diff(first, makeItem(t, fullPost1), cmp.Comparer(func(a, b time.Time) bool {
		return a.Format(time.RFC3339Nano) == b.Format(time.RFC3339Nano)
	})); diff != "" {
		t.Errorf("items of the same post in two time zones (-first +second):\n%s", diff)
	}
}

var fullPost1 = strings.Replace(fullPost, "2014/06/talks\",", "1\",", 1)

// FuzzItem checks that every post results in an error of kind feed.ErrInvalid or in an item that contains only valid
// XML characters, and that a second conversion produces the same item.
func FuzzItem(f *testing.F) {
	f.Add([]byte(fullPost1))
	f.Add([]byte(`{"content_text":"From the Guardian:\n\nBy Ann Reed\n\nA passage."}`))
	f.Add([]byte(`{"content_html":"<blockquote>a<cite>b</cite></blockquote>","quotes":[{"text":"a","source":{"url":"x"}}]}`))
	f.Add([]byte(`{"content_markdown":"> a\n\n(via [b](c))","date_published":"2014-06-17"}`))
	f.Add([]byte(`{"title":"\ud800\u0000","summary":"\u0001","content_text":"\u000b"}`))
	in := intake.New(testSite, newReader(f))
	record := feed.Record{ID: "1", FirstSeen: firstSeen}
	f.Fuzz(func(t *testing.T, raw []byte) {
		result, err := in.Item("1", raw, record)
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Fatalf("error %v is not of kind %v", err, feed.ErrInvalid)
			}
			intake.StatusOf(raw)
			return
		}
		if result.Item == nil {
			return
		}
		if strings.Contains(result.Item.Title, "\ufffd") && result.Replaced.Count == 0 &&
			!bytes.Contains(raw, []byte("\ufffd")) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
			t.Errorf("title %q has a replaced character, but none is reported", result.Item.Title)
		}
		again, err := in.Item("1", raw, record)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(result, again); diff != "" {
			t.Errorf("items of the same post, converted twice (-first +second):\n%s", diff)
		}
		item := result.Item
		for _, text := range []string{item.ID, item.URL, item.Title, item.HTML, item.Text, item.Summary, item.Image} {
			var b strings.Builder
			if err := xml.EscapeText(&b, []byte(text)); err != nil {
				t.Fatal(err)
			}
			var decoded string
			if err := xml.Unmarshal([]byte("<a>"+b.String()+"</a>"), &decoded); err != nil || decoded != text {
				t.Errorf("%q is decoded from XML as %q, error %v", text, decoded, err)
			}
		}
	})
}

// FuzzDecode checks that a decoded post conforms to the schema, and that encoding and decoding it again does not change
// it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(fullPost1))
	f.Add([]byte(`{"id":"1","x":{"a":[1e3,null,"\u00e9"]}}`))
	f.Add([]byte(`{"date_published":"2014-06-17 10:00 +0530","attachments":[{"url":"a","mime_type":"a/b","size_in_bytes":1e3}]}`))
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := intake.Decode("1", raw)
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Fatalf("error %v is not of kind %v", err, feed.ErrInvalid)
			}
			return
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
		if err != nil {
			t.Fatalf("the decoded post is not valid JSON for the schema: %v", err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("the schema rejects a post that Decode accepts: %v", err)
		}
		encoded, err := intake.Encode(p)
		if err != nil {
			t.Fatalf("Encode of a decoded post: %v", err)
		}
		if len(encoded) > intake.MaxSize {
			return
		}
		again, err := intake.Decode("1", encoded)
		if err != nil {
			t.Fatalf("Decode of the encoded post %s: %v", encoded, err)
		}
		twice, err := intake.Encode(again)
		if err != nil || string(twice) != string(encoded) {
			t.Errorf("encoded once %s, twice %s, error %v", encoded, twice, err)
		}
	})
}

// TestItemChanged checks that a post without a modification date gets the recorded time of its last change, unless it
// was published later.
func TestItemChanged(t *testing.T) {
	changed := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, tt := range []struct {
		name, dates string
		want        time.Time
	}{
		{"no dates", ``, changed},
		{"published before", `,"date_published":"2020-01-02T00:00:00Z"`, changed},
		{"published after", `,"date_published":"2030-01-02T00:00:00Z"`, time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)},
		{"modified", `,"date_published":"2020-01-02T00:00:00Z","date_modified":"2021-01-02T00:00:00Z"`,
			time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC)},
	} {
		record := feed.Record{ID: "1", FirstSeen: firstSeen, Changed: changed}
		result, err := intake.New(testSite, nil).Item("1", []byte(`{"id":"1","content_text":"x"`+tt.dates+`}`), record)
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Item.Updated; !got.Equal(tt.want) {
			t.Errorf("%s: the item's update time is %v, want %v", tt.name, got, tt.want)
		}
	}
}
