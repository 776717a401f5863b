package transfer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

func newReader(t testing.TB) *attribution.Reader {
	t.Helper()
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// read reads body and returns one line for each entry and error.
func read(t *testing.T, body string) []string {
	t.Helper()
	var got []string
	// Read one byte at a time, as from a slow pipe.
	for e, err := range transfer.Read(iotest.OneByteReader(strings.NewReader(body)), "f", newReader(t), nil) {
		switch {
		case err != nil:
			if !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, transfer.ErrDamaged) {
				t.Errorf("error %v is not of kind %v", err, feed.ErrInvalid)
			}
			got = append(got, "error: "+err.Error())
		case e.Post != nil:
			got = append(got, fmt.Sprintf("%s: post %q: %s", e.Pos, e.Post.ID, e.Post.Raw))
		default:
			record, err := json.Marshal(e.Record)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s: record %s", e.Pos, record))
		}
	}
	return got
}

var someDay = time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)

func TestRead(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"nothing", "", nil},
		{"white space", "\ufeff \n\t\r\n", nil},
		{"one post on a line", `{"id":"a","title":"t"}`, []string{`f:1: post "a": {"id":"a","title":"t"}`}},
		{"one post on several lines", "\ufeff{\n  \"id\": \"a\"\n}\n", []string{"f:1: post \"a\": {\n  \"id\": \"a\"\n}"}},
		{"one post without id", "{\n \"title\":\"}\\\"{\"\n}", []string{"f:1: post \"f\": {\n \"title\":\"}\\\"{\"\n}"}},
		{"lines", "{\"id\":\"a\"}\n\n {\"id\" : \"b\"} \r\n{\"id\":\"c\"}", []string{
			`f:1: post "a": {"id":"a"}`, "f:3: post \"b\":  {\"id\" : \"b\"} \r", `f:4: post "c": {"id":"c"}`}},
		{"bad lines among good ones", "{\"id\":\"a\"}\n{\"id\":\n[]\n{\"title\":\"t\"}\n{\"id\":7}\n{\"id\":\"a\\n\"}\n{\"id\":\"b\"}\n", []string{
			`f:1: post "a": {"id":"a"}`,
			"error: f:2: want a JSON object: unexpected end of JSON input: invalid",
			"error: f:3: want a JSON object: json: cannot unmarshal array into Go value of type map[string]json.RawMessage: invalid",
			"error: f:4: id: want 1 to 512 bytes, got none",
			"error: f:5: id: want a string, got 7: invalid",
			`error: f:6: id: want no control characters, got "a\n"`,
			`f:7: post "b": {"id":"b"}`}},
		{"a first line cut short", "{\"id\":\"a\",\n{\"id\":\"b\"}\n", []string{
			"error: f:1: want a JSON object: unexpected end of JSON input: invalid", `f:2: post "b": {"id":"b"}`}},
		{"records", `{"_record":{"record":{"id":"a","first_seen":"2024-05-01T00:00:00Z"}}}` + "\n" +
			`{"_record":{"name":{"feed":"tags/go","full":"Go"}}}` + "\n" +
			`{"_record":{"name":{"feed":"tags/go","full":"Go"},"record":{"id":"a"}}}` + "\n" + `{"_record":{"future":1}}`, []string{
			`f:1: record {"record":{"id":"a","first_seen":"2024-05-01T00:00:00Z"}}`,
			`f:2: record {"name":{"feed":"tags/go","full":"Go"}}`,
			`error: f:3: _record: want one of record, name, removal, archive, subscription, credits, publication and rendering, got 2: invalid`,
			`error: f:4: _record: json: unknown field "future": invalid`}},
		{"raw", `{"_raw":"eyI=","id":"a"}` + "\n" + `{"_raw":"?","id":"a"}`, []string{
			`f:1: post "a": {"`, `error: f:2: _raw: want base64: illegal base64 data at input byte 0: invalid`}},
		{"array", "[\n{\"id\":\"a\",,},\n{\"id\":\"b\"}, 7 ]\n", []string{
			"error: f:2: want a JSON object: invalid character ',' looking for beginning of object key string: invalid",
			`f:3: post "b": {"id":"b"}`,
			"error: f:3: want a JSON object: json: cannot unmarshal number into Go value of type map[string]json.RawMessage: invalid"}},
		{"array cut short", `[{"id":"a"}, {"id":"b"`, []string{`f:1: post "a": {"id":"a"}`, "error: f:1: the JSON ends too early: invalid"}},
		{"array with mismatched brackets", `[{"id":"a"], {"id":"b"}]`, []string{"error: f:1: mismatched brackets in the JSON: invalid"}},
		{"array followed by an object", "[]\n{}", []string{"error: f:2: want nothing after the array: invalid"}},
		{"objects on several lines", "{\n\"id\":\"a\"}{\"id\":\"b\"}\n{\n}", []string{
			"f:1: post \"a\": {\n\"id\":\"a\"}", `f:2: post "b": {"id":"b"}`, "error: f:3: id: want 1 to 512 bytes, got none"}},
		{"JSON Feed", `{"version":"https://jsonfeed.org/version/1.1","title":"items","items":[{"id":"a"},{"id":"b"}],"x":{"items":[1]}}`,
			[]string{`f:1: post "a": {"id":"a"}`, `f:1: post "b": {"id":"b"}`}},
		{"JSON Feed with members that have a meaning only in JSON Lines",
			`{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"a","_raw":"x"},{"id":"b","_record":{}}]}`,
			[]string{`f:1: post "a": {"id":"a","_raw":"x"}`, `f:1: post "b": {"id":"b","_record":{}}`}},
		{"JSON Feed with its version at the end", "{\n\"home_page_url\":\"/\",\n\"items\":[\n{\"id\":\"a\"}\n],\"version\":\"1\"}",
			[]string{`f:4: post "a": {"id":"a"}`}},
		{"a post with the member items", `{"id":"a","items":[{"id":"b"}]}`, []string{`f:1: post "a": {"id":"a","items":[{"id":"b"}]}`}},
		{"XML", "<?xml version='1.0'?><opml/>", []string{
			`error: f: unknown format, XML with the root element "opml"; tried Markdown with front matter, HTML, ` +
				`WordPress export (WXR), RSS or Atom, Ghost export, JSON or JSON Feed, plain text: invalid`}},
		{"bytes", "\x1f\x8b\x00", []string{"error: f: gzip: unexpected EOF: the file is damaged"}},
		{"prose in brackets", "[Update] The sea is back\n\nIt came back at night, and nobody knows why.", []string{
			`f: post "7e3f": {"id":"7e3f","title":"[Update] The sea is back",` +
				`"content_text":"It came back at night, and nobody knows why."}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, tt.body)
			for i, line := range got {
				// Hide the hash in the id, which TestReadText checks.
				if strings.HasPrefix(line, `f: post "`) {
					id := strings.Split(line, `"`)[1]
					got[i] = strings.ReplaceAll(line, id, "7e3f")
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Read of %q (-want +got):\n%s", tt.body, diff)
			}
		})
	}
}

func TestReadStops(t *testing.T) {
	for _, body := range []string{"{\"id\":\"a\"}\n{\"id\":\"b\"}\n", `[{"id":"a"},{"id":"b"}]`, "x\n{", "{\n\"id\":\"a\"}{}",
		"<rss><channel>" + strings.Repeat("<item><guid>a</guid></item>", 1000) + "</channel></rss>"} {
		entries := 0
		for _, err := range transfer.Read(strings.NewReader(body), "f", newReader(t), nil) {
			t.Logf("first entry of %.40q: error %v", body, err)
			entries++
			break
		}
		if entries != 1 {
			t.Errorf("iteration over %.40q continued after break: got %d entries, want 1", body, entries)
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("connection reset")
	for _, start := range []string{"", `{"id":"a"}` + "\n" + `{"id"`, `[{"id":"a"},{"id"`, "some text"} {
		r := io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken))
		var last error
		for _, err := range transfer.Read(r, "f", newReader(t), nil) {
			last = err
		}
		if !errors.Is(last, broken) {
			t.Errorf("after %q: got error %v, want %v", start, last, broken)
		}
	}
}

func TestReadTooLarge(t *testing.T) {
	large := `{"id":"b","title":"` + strings.Repeat("x", 17<<20) + `"}`
	tests := []struct{ name, body string }{
		{"line", "{\"id\":\"a\"}\n" + large + "\n{\"id\":\"c\"}\n"},
		{"value", "[{\"id\":\"a\"},\n" + large + ",{\"id\":\"c\"}]"},
	}
	for _, tt := range tests {
		var got []string
		for e, err := range transfer.Read(strings.NewReader(tt.body), "f", newReader(t), nil) {
			if err != nil {
				got = append(got, err.Error())
			} else {
				got = append(got, e.Post.ID)
			}
		}
		want := []string{"a", "f:2: want at most 16777216 bytes: invalid", "c"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestReadText(t *testing.T) {
	body, err := os.ReadFile("testdata/page.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := transfer.ReadText("page.txt", body, newReader(t), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	want := feed.Post{
		ID:    "cfe8e6d8eeb02875ca90ddacd76cf27c", // printf 'TITLE\nAUTHOR\nDAY' | sha256sum | cut -c1-32
		Title: "The Sea *Will Not* Wait",
		ContentText: `From the UK’s Guardian:

Houses fall into the sea as cliff gives way

By Ann Reed, Tom Oakes | May 4, 2015

Three houses fell into the sea on Sunday, said the council of the town, and more of them will follow
before the year is out.

“Nobody was hurt,” said a spokesman… The people of the street had left their homes a week before.

I told them so, and
more than once.`,
		Authors:       []feed.Author{{Name: "Maria"}},
		DatePublished: time.Date(2015, 5, 5, 0, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page.txt (-want +got):\n%s", diff)
	}
	again, err := transfer.ReadText("elsewhere.txt", append([]byte("\n\n"), body...), newReader(t), time.UTC)
	if err != nil || again.ID != got.ID {
		t.Errorf("ReadText of a renamed page: got id %s and error %v, want id %s", again.ID, err, got.ID)
	}
}

// TestReadTextWithoutTitle checks that the introduction of a quote is not used as the title, and that posts with the
// same introduction have different ids.
func TestReadTextWithoutTitle(t *testing.T) {
	const text = "From the UK's Guardian:\n\nHouses fall into the sea as cliff gives way\n\nBy Ann Reed, Tom Oakes | May 4, 2015\n\n" +
		"Three houses fell into the sea on Sunday, said the council of the town, and more will follow…\n\nI told them so."
	p, err := transfer.ReadText("f", []byte(text), newReader(t), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if p.Title != "" || p.ContentText != text {
		t.Errorf("got title %q and content\n%s\nwant no title and the whole text", p.Title, p.ContentText)
	}
	raw, err := intake.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	result, err := intake.New(feed.Site{ID: "main", Language: "en", HomeURL: "https://b.example"}, newReader(t)).
		Item(p.ID, raw, feed.Record{ID: p.ID, FirstSeen: time.Unix(0, 0)})
	if err != nil || result.Item == nil || len(result.Item.Quotes) != 1 {
		t.Fatalf("got %+v and error %v, want one quote", result, err)
	}
	source := result.Item.Quotes[0].Source
	if source.Publication != "Guardian" || source.DatePublished != "2015-05-04" || len(source.Authors) != 2 {
		t.Errorf("the quote is credited to %+v, want the Guardian of 2015-05-04 and its two authors", source)
	}
	other, err := transfer.ReadText("f", []byte(strings.Replace(text, "Houses", "Trees", 1)), newReader(t), time.UTC)
	if err != nil || other.ID == p.ID {
		t.Errorf("post with the same introduction: got id %s and error %v, want an id other than %s", other.ID, err, p.ID)
	}
}

func TestReadTextTimeZone(t *testing.T) {
	body, err := os.ReadFile("testdata/page.txt")
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("", -5*60*60)
	for e, err := range transfer.Read(bytes.NewReader(body), "page.txt", newReader(t), zone) {
		if err != nil {
			t.Fatal(err)
		}
		p, err := intake.Decode(e.Post.ID, e.Post.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.DatePublished.Format(time.RFC3339), "2015-05-05T00:00:00-05:00"; got != want {
			t.Errorf("published %s, want %s", got, want)
		}
	}
}

func TestReadTextErrors(t *testing.T) {
	for _, body := range []string{"", " \n\n", "« | »\n\n« Front Page | To Top", strings.Repeat("x", intake.MaxSize+1)} {
		if _, err := transfer.ReadText("f", []byte(body), newReader(t), time.UTC); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("ReadText(%.20q): got error %v, want an error of kind %v", body, err, feed.ErrInvalid)
		}
	}
}

func TestReadTextSkipsNavigation(t *testing.T) {
	tests := []struct{ line, want string }{
		{"« Older | Newer »", "Rain"},
		{"← Back", "Rain"},
		{"Next post »", "Rain"},
		{"« Tout va bien »", "« Tout va bien »"},
		{"Il dit « Tout va bien »", "Il dit « Tout va bien »"},
	}
	for _, tt := range tests {
		p, err := transfer.ReadText("f", []byte(tt.line+"\n\nRain\n\nIt rained all night, and nobody slept."), newReader(t), time.UTC)
		if err != nil || p.Title != tt.want {
			t.Errorf("after %q: got title %q and error %v, want %q", tt.line, p.Title, err, tt.want)
		}
	}
}

// TestWriterRoundTrip checks that Read returns what Writer wrote: the same records, and the same bytes for posts that
// are not JSON or are JSON on one line.
func TestWriterRoundTrip(t *testing.T) {
	posts := []struct {
		name string
		post feed.RawPost
		want string // expected post, if it differs from the original
		line bool   // whether the line is the post's JSON
	}{
		{name: "JSON", post: feed.RawPost{ID: "a", Raw: []byte(`{ "id":"a", "n":1.50,"x":"\u00e9é" } `)}, line: true},
		{name: "several lines", post: feed.RawPost{ID: "a", Raw: []byte("{\n \"id\": \"a\",\n \"n\": 1.50 }")}, want: `{"id":"a","n":1.50}`, line: true},
		{name: "no id", post: feed.RawPost{ID: `a"<é`, Raw: []byte(`{ "title":"t"}`)}, want: `{"id":"a\"\u003cé","title":"t"}`, line: true},
		{name: "empty", post: feed.RawPost{ID: "a", Raw: []byte(`{}`)}, want: `{"id":"a"}`, line: true},
		{name: "cannot be read", post: feed.RawPost{ID: "a", Raw: []byte(`{"id":"a", "title":7}`)}},
		{name: "ambiguous status", post: feed.RawPost{ID: "a", Raw: []byte(`{"id":"a", "draft":true}`)}},
		{name: "another id", post: feed.RawPost{ID: "a", Raw: []byte(`{"id":"b"}`)}},
		{name: "null for an id", post: feed.RawPost{ID: "a", Raw: []byte(`{"id":null}`)}},
		{name: "not JSON", post: feed.RawPost{ID: "a", Raw: []byte("\xff\x00{\n")}},
		{name: "not an object", post: feed.RawPost{ID: "a", Raw: []byte(`["a"]`)}},
		{name: "nothing", post: feed.RawPost{ID: "a", Raw: []byte{}}},
		{name: "JSON null", post: feed.RawPost{ID: "a", Raw: []byte(`null`)}},
		{name: "space before", post: feed.RawPost{ID: "a", Raw: []byte(` {"id":"a"}`)}},
		{name: "like a record", post: feed.RawPost{ID: "a", Raw: []byte(`{"id":"a","_record":{}}`)}},
		{name: "like raw", post: feed.RawPost{ID: "a", Raw: []byte(`{"id":"a","_raw":null}`)}},
		{name: "bad UTF-8 in JSON", post: feed.RawPost{ID: "a", Raw: []byte("{\"id\":\"a\",\"t\":\"\xff\"}")}, line: true},
		{name: "like a JSON Feed", post: feed.RawPost{ID: "a", Raw: []byte(`{"items":[],"id":"a","version":"https://jsonfeed.org/version/1"}`)}},
	}
	for _, tt := range posts {
		t.Run(tt.name, func(t *testing.T) {
			var file bytes.Buffer
			w := transfer.NewWriter(&file)
			records := []feed.ExportLine{
				{Record: &feed.Record{ID: "a", FirstSeen: time.Date(2024, 5, 1, 1, 2, 3, 4, time.UTC)}},
				{Name: &feed.PathName{Feed: "tags/go", Full: "Go <é>"}},
				{Removal: &feed.FeedRemoval{Feed: "main", Time: time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)}},
				{Subscription: &feed.Subscription{Callback: "https://a.example/?b", Topic: "https://b.example/feed.xml",
					Feed: feed.Main, Format: feed.RSS, Secret: "s", Created: someDay, Expires: someDay.Add(time.Hour)}},
				{Archive: &feed.Archive{Feed: "archive/1", Until: feed.Position{ID: "a", Time: time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)}}},
			}
			if err := w.Post(tt.post); err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if err := w.Record(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			want := []transfer.Entry{{Post: &tt.post, Exact: !tt.line, Pos: "f:1"}}
			if tt.want != "" {
				want[0].Post = &feed.RawPost{ID: tt.post.ID, Raw: []byte(tt.want)}
			}
			for i := range records {
				want = append(want, transfer.Entry{Record: &records[i], Pos: fmt.Sprintf("f:%d", i+2)})
			}
			written := file.String()
			var got []transfer.Entry
			for e, err := range transfer.Read(&file, "f", nil, nil) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("read back from\n%s(-want +got):\n%s", written, diff)
			}
		})
	}
}

func TestWriterEmptyRecord(t *testing.T) {
	w := transfer.NewWriter(io.Discard)
	for _, r := range []feed.ExportLine{{}, {Name: &feed.PathName{Full: "Go"}}, {Removal: &feed.FeedRemoval{Feed: "main"}}, {Record: &feed.Record{}}, {Archive: &feed.Archive{Feed: "archive/1"}},
		{Subscription: &feed.Subscription{Feed: "main", Format: feed.RSS, Expires: someDay}},
		{Subscription: &feed.Subscription{Feed: "main", Format: "pdf", Callback: "https://a.example/", Expires: someDay}},
		{Notice: &feed.StoredNotice{Key: "a b c"}}} {
		if err := w.Record(r); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("record %+v: got error %v, want an error of kind %v", r, err, feed.ErrInvalid)
		}
	}
}

func TestWriterFullDisk(t *testing.T) {
	w := transfer.NewWriter(fullDisk{})
	err := w.Post(feed.RawPost{ID: "a", Raw: bytes.Repeat([]byte("x"), 1<<16)})
	if flushed := w.Flush(); err == nil || flushed == nil {
		t.Errorf("write to a full disk: Post returned %v and Flush returned %v, want two errors", err, flushed)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// FuzzRead checks that every post has an id, and that posts do not change when they are written and read again.
func FuzzRead(f *testing.F) {
	page, err := os.ReadFile("testdata/page.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page)
	for _, s := range []string{
		"{\"id\":\"a\"}\n{\"_raw\":\"eyI=\",\"id\":\"b\"}\n{\"_record\":{\"name\":{\"feed\":\"tags/go\",\"full\":\"Go\"}}}\n",
		`[{"id":"a"},{"id":"b","x":[1,"]"]}]`, "{\n\"id\":\"a\"\n}\n{}", `{"items":[{"id":"a"}]}`, "[a]\n\nb",
	} {
		f.Add([]byte(s))
	}
	reader := newReader(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for e, err := range transfer.Read(bytes.NewReader(body), "f", reader, nil) {
			if err != nil {
				if !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, transfer.ErrDamaged) {
					t.Errorf("error %v is not of kind %v", err, feed.ErrInvalid)
				}
				continue
			}
			if e.Skipped != "" {
				continue
			}
			var file bytes.Buffer
			w := transfer.NewWriter(&file)
			if e.Post != nil {
				err = w.Post(*e.Post)
			} else {
				err = w.Record(*e.Record)
			}
			if err := errors.Join(err, w.Flush()); err != nil {
				t.Fatalf("%s: write: %v", e.Pos, err)
			}
			line := file.String()
			for again, err := range transfer.Read(&file, "f", reader, nil) {
				if err != nil {
					t.Fatalf("%s: read back from %s: %v", e.Pos, line, err)
				}
				if e.Post != nil && (again.Post == nil || again.Post.ID != e.Post.ID) {
					t.Errorf("%s: post %q, written as %s, was read back as %+v", e.Pos, e.Post.ID, line, again)
				}
			}
		}
	})
}

// TestDecodeTextID checks that editing a text file in a folder does not change its id.
func TestDecodeTextID(t *testing.T) {
	for _, body := range []string{"Title\n\nWords.\n", "A different title\n\nWords.\n"} {
		posts, err := transfer.Options{Reader: newReader(t)}.Decode("notes/a.txt", []byte(body))
		if err != nil || len(posts) != 1 || posts[0].ID != "notes/a.txt" {
			t.Fatalf("Decode: got %+v, %v, want one post with the id notes/a.txt", posts, err)
		}
		p, err := intake.Decode(posts[0].ID, posts[0].Raw)
		if err != nil || p.ID != "notes/a.txt" {
			t.Errorf("the post is %+v, %v, want one with the id notes/a.txt", p, err)
		}
	}
}

// TestDecodeFileMember checks that posts in subfolders contain the path of their file, and that attachments get media
// types.
func TestDecodeFileMember(t *testing.T) {
	o := transfer.Options{Reader: newReader(t)}
	for name, content := range map[string]string{
		"2024/a.md": "---\nattachments: [talk.mp3, {url: b.ogg, title: B}]\n---\nWords.", "2024/a.html": "<p>Words.",
		"2024/a.txt": "Title\n\nWords.", "a.md": "Words.", "a.txt": "Title\n\nWords.",
	} {
		posts, err := o.Decode(name, []byte(content))
		if err != nil || len(posts) != 1 {
			t.Fatalf("%s: %v, %d posts", name, err, len(posts))
		}
		p, err := intake.Decode(posts[0].ID, posts[0].Raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := ""
		if strings.Contains(name, "/") {
			want = `"` + name + `"`
		}
		if got := string(p.Unknown[intake.FileMember]); got != want {
			t.Errorf("%s: the path of the file is %s, want %s", name, got, want)
		}
		if name == "2024/a.md" && (len(p.Attachments) != 2 || p.Attachments[0].MIMEType != "audio/mpeg" ||
			p.Attachments[1] != (feed.Attachment{URL: "b.ogg", MIMEType: "audio/ogg", Title: "B"})) {
			t.Errorf("%s: attachments are %+v", name, p.Attachments)
		}
	}
}
