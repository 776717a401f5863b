package intake_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

const fullPost = `{
  "id": "2014/06/talks",
  "url": "https://blog.example/2014/06/talks",
  "external_url": "https://paper.example/talks",
  "title": "Talks & talks",
  "content_html": "<p>Hello</p>",
  "summary": "On talks",
  "image": "/i.png",
  "date_published": "2014-06-17T08:30:00+02:00",
  "date_modified": "2014-06-18 09:00Z",
  "authors": [{"name": "Ada", "url": "https://ada.example/", "avatar": "a.png"}],
  "tags": ["talks", "Vienna"],
  "language": "en-GB",
  "attachments": [{"url": "a.mp3", "mime_type": "audio/mpeg", "title": "T", "size_in_bytes": 120, "duration_in_seconds": 1.5}],
  "status": "published",
  "quotes": [{
    "source": {
      "publication": "The Paper", "publication_url": "https://paper.example/", "feed_url": "https://paper.example/feed",
      "headline": "Talks held", "url": "https://paper.example/1", "authors": [{"name": "Bob"}],
      "date_published": "2014-06", "agencies": ["Wire"]
    },
    "text": "They talked."
  }],
  "via": [{"name": "Cleo", "url": "https://cleo.example/"}],
  "attribution": "given",
  "_plugin": {"z": 1, "a": [1.50, null]},
  "banner_image": null
}`

func wantFullPost() feed.Post {
	return feed.Post{
		ID:            "2014/06/talks",
		URL:           "https://blog.example/2014/06/talks",
		ExternalURL:   "https://paper.example/talks",
		Title:         "Talks & talks",
		ContentHTML:   "<p>Hello</p>",
		Summary:       "On talks",
		Image:         "/i.png",
		DatePublished: time.Date(2014, 6, 17, 8, 30, 0, 0, time.FixedZone("", 2*60*60)),
		DateModified:  time.Date(2014, 6, 18, 9, 0, 0, 0, time.UTC),
		Authors:       []feed.Author{{Name: "Ada", URL: "https://ada.example/", Avatar: "a.png"}},
		Tags:          []string{"talks", "Vienna"},
		Language:      "en-GB",
		Attachments: []feed.Attachment{
			{URL: "a.mp3", MIMEType: "audio/mpeg", Title: "T", SizeInBytes: 120, DurationInSeconds: 1.5},
		},
		Status: feed.Published,
		Quotes: []feed.Quote{{
			Source: feed.Source{
				Publication: "The Paper", PublicationURL: "https://paper.example/", FeedURL: "https://paper.example/feed",
				Headline: "Talks held", URL: "https://paper.example/1", Authors: []feed.Author{{Name: "Bob"}},
				DatePublished: "2014-06", Agencies: []string{"Wire"},
			},
			Text: "They talked.",
		}},
		Via:         []feed.Via{{Name: "Cleo", URL: "https://cleo.example/"}},
		Attribution: feed.AttributionGiven,
		Unknown: map[string]json.RawMessage{
			"_plugin":      json.RawMessage(`{"z": 1, "a": [1.50, null]}`),
			"banner_image": json.RawMessage(`null`),
		},
	}
}

func TestDecode(t *testing.T) {
	got, err := intake.Decode("2014/06/talks", []byte(fullPost))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantFullPost(), got); diff != "" {
		t.Errorf("Decode of a post with every member (-want +got):\n%s", diff)
	}
}

func TestDecodeDateOffset(t *testing.T) {
	p, err := intake.Decode("2014/06/talks", []byte(fullPost))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.DatePublished.Format(time.RFC3339), "2014-06-17T08:30:00+02:00"; got != want {
		t.Errorf("got date %s, want %s", got, want)
	}
}

func TestEncode(t *testing.T) {
	want := wantFullPost()
	encoded, err := intake.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(encoded), "\n") {
		t.Errorf("Encode wrote several lines: %s", encoded)
	}
	if wantEnd := `,"_plugin":{"z":1,"a":[1.50,null]},"banner_image":null}`; !strings.HasSuffix(string(encoded), wantEnd) {
		t.Errorf("Encode: got %s, want the unknown members unchanged at the end: %s", encoded, wantEnd)
	}
	got, err := intake.Decode(want.ID, encoded)
	if err != nil {
		t.Fatal(err)
	}
	want.Unknown["_plugin"] = json.RawMessage(`{"z":1,"a":[1.50,null]}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode of the encoded post (-want +got):\n%s", diff)
	}
}

func TestDecodeMissingID(t *testing.T) {
	for _, raw := range []string{`{}`, `{"id":null}`, `{"id":""}`, "\ufeff {\"title\":\"t\"} \n"} {
		p, err := intake.Decode("key", []byte(raw))
		if err != nil || p.ID != "key" {
			t.Errorf("Decode(key, %s): got id %q and error %v, want id key", raw, p.ID, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"empty", ``, "line 1, column 1: unexpected end of JSON input"},
		{"cut off", "{\"title\": \"a\",\n \"tags\": [", "line 2, column 10: unexpected end of JSON input"},
		{"comma too many", "{\n  \"title\": \"ü\",,\n}",
			"line 2, column 16: invalid character ',' looking for beginning of object key string"},
		{"two values", `{} {}`, "line 1, column 4: invalid character '{' after top-level value"},
		{"no object", `["a"]`, "want an object, got an array"},
		{"another id", `{"id":"other"}`, `id: want "key", the id under which the post is stored, got "other"`},
		{"id of another type", `{"id":7}`, "id: want a string, got a number"},
		{"control in id", `{"id":"a\u0007"}`, `id: want no control characters, got "a\a"`},
		{"title", `{"title":{}}`, "title: want a string, got an object"},
		{"author without object", `{"authors":["Ada"]}`, "authors[0]: want an object, got a string"},
		{"author's name", `{"authors":[{"name":"Ada"},{"name":1}]}`, "authors[1].name: want a string, got a number"},
		{"empty author", `{"authors":[{}]}`, "authors[0]: want a name, url or avatar"},
		{"authors", `{"authors":{"name":"Ada"}}`, "authors: want an array, got an object"},
		{"tag", `{"tags":["a",null]}`, "tags[1]: want a string, got null"},
		{"url", `{"url":"http://[::1"}`, `url: want a URL, got "http://[::1"`},
		{"script", `{"url":" JavaScript:alert(1)"}`, `url: want a URL with a different scheme, got "JavaScript:alert(1)"`},
		{"date", `{"date_published":"last Tuesday"}`,
			`date_published: want a date such as 2006-01-02T15:04:05+01:00 (RFC 3339), got "last Tuesday"`},
		{"date without offset", `{"date_modified":"2014-06-17T10:00:00"}`,
			`date_modified: want a date such as 2006-01-02T15:04:05+01:00 (RFC 3339), got "2014-06-17T10:00:00"`},
		{"language", `{"language":"English (UK)"}`,
			`language: want a language tag such as en or pt-BR (BCP 47), got "English (UK)"`},
		{"attachment without url", `{"attachments":[{"mime_type":"audio/mpeg"}]}`, "attachments[0].url: missing"},
		{"attachment without type", `{"attachments":[{"url":"a.mp3"}]}`, "attachments[0].mime_type: missing"},
		{"attachment's type", `{"attachments":[{"url":"a.mp3","mime_type":"mp3"}]}`,
			`attachments[0].mime_type: want a media type such as audio/mpeg, got "mp3"`},
		{"size", `{"attachments":[{"url":"a.mp3","mime_type":"audio/mpeg","size_in_bytes":-1}]}`,
			"attachments[0].size_in_bytes: want a number from 0 to 9007199254740991, got -1"},
		{"size with fraction", `{"attachments":[{"url":"a.mp3","mime_type":"audio/mpeg","size_in_bytes":1.5}]}`,
			"attachments[0].size_in_bytes: want a whole number, got 1.5"},
		{"status", `{"status":"hidden"}`, `status: want published, draft or private, got "hidden"`},
		{"attribution", `{"attribution":"all"}`, `attribution: want auto, given or none, got "all"`},
		{"source", `{"quotes":[{"source":"The Paper"}]}`, "quotes[0].source: want an object, got a string"},
		{"source's date", `{"quotes":[{"source":{"date_published":"May"}}]}`,
			`quotes[0].source.date_published: want a date such as 2006, 2006-01, 2006-01-02 or 2006-01-02T15:04:05+01:00, got "May"`},
		{"empty quote", `{"quotes":[{}]}`, "quotes[0]: want a source, text or html"},
		{"empty via", `{"via":[{"name":" "}]}`, "via[0]: want a name or url"},
		{"too large", `{"title":"` + strings.Repeat("x", intake.MaxSize) + `"}`, "want at most 1048576 bytes, got 1048588"},
		{"too large because of images",
			`{"content_html":"<img src=\"data:image/png;base64,` + strings.Repeat("x", intake.MaxSize) + `\">"}`,
			"want at most 1048576 bytes, got 1048631, of which 1048598 are images in the text; save them as files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := intake.Decode("key", []byte(tt.raw))
			if err == nil {
				t.Fatalf("no error, want %q", tt.want)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("error %v is not of kind %v", err, feed.ErrInvalid)
			}
		})
	}
}

func TestCheckID(t *testing.T) {
	tests := []struct {
		id string
		ok bool
	}{
		{"a", true},
		{"https://blog.example/?p=1", true},
		{"tag:blog.example,2014:ü 🙂", true},
		{strings.Repeat("x", 512), true},
		{strings.Repeat("x", 513), false},
		{"", false},
		{"a\nb", false},
		{"a\u0085b", false},
		{"a\xff", false},
	}
	for _, tt := range tests {
		if err := intake.CheckID(tt.id); (err == nil) != tt.ok {
			t.Errorf("CheckID(%q): got error %v, want valid: %t", tt.id, err, tt.ok)
		}
	}
}

func TestParseDate(t *testing.T) {
	tests := []struct{ text, want string }{
		{"2014-06-17T08:30:00Z", "2014-06-17T08:30:00Z"},
		{"2014-06-17T08:30:00.123456+05:30", "2014-06-17T08:30:00.123456+05:30"},
		{" 2014-06-17t08:30:00z ", "2014-06-17T08:30:00Z"},
		{"2014-06-17T08:30Z", "2014-06-17T08:30:00Z"},
		{"2014-06-17 08:30:00+0200", "2014-06-17T08:30:00+02:00"},
		{"2014-06-17 08:30:00 +02:00", "2014-06-17T08:30:00+02:00"},
		{"2014-06-17", "2014-06-17T00:00:00Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"1066-10-14", "1066-10-14T00:00:00Z"},
		{"9999-12-31", "9999-12-31T00:00:00Z"},
		{"9999-12-31T23:59:59-01:00", ""},
		{"0000-01-01", ""},
		{"2014-06-17T08:30:00", ""},
		{"2014-06-17 08:30", ""},
		{"2014-06-17T08:30.5Z", ""},
		{"2014-06-17T08:30:00,5Z", "2014-06-17T08:30:00.5Z"},
		{"2014-02-30", ""},
		{"2014-06-17T25:00:00Z", ""},
		{"17/06/2014", ""},
		{"1403000000", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got := ""
		if d, ok := intake.ParseDate(tt.text); ok {
			got = d.Format(time.RFC3339Nano)
		}
		if got != tt.want {
			t.Errorf("ParseDate(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	tests := []struct {
		name, raw string
		want      feed.Status
	}{
		{"other member invalid", `{"title":7,"status":"draft"}`, feed.Draft},
		{"other case", `{"title":7,"status":" Private "}`, feed.Private},
		{"deleted", `{"status":"deleted"}`, intake.Deleted},
		{"published", `{"title":7,"status":"published"}`, feed.Published},
		{"none", `{"title":7}`, feed.Published},
		{"of another type", `{"status":["draft"]}`, feed.Published},
		{"of another object", `{"title":7,"_x":{"status":"draft"}}`, feed.Published},
		{"cut off", `{"title":"a","status":"private","content_html":"<p`, feed.Private},
		{"broken, any object", `{"title":"a",,"_x":{"status":"published"},"_y":{"status" : "draft"}}`, feed.Draft},
		{"broken, in a text", `{"title":"a",,"content_text":"so \"status\":\"draft\" is"}`, feed.Published},
		{"not JSON", "\xff\x00", feed.Published},
	}
	for _, tt := range tests {
		if got := intake.StatusOf([]byte(tt.raw)); got != tt.want {
			t.Errorf("%s: StatusOf(%s) = %q, want %q", tt.name, tt.raw, got, tt.want)
		}
	}
}
