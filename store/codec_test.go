package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// fullItem returns an item with all members set, so that tests fail if the codec omits a member.
func fullItem() *feed.Item {
	author := feed.Author{Name: "Ann", URL: "https://a/", Avatar: "https://a/a.png"}
	return &feed.Item{
		ID: "tag:x,2014:1 }{ 🎉", URL: "https://x/1", ExternalURL: "https://y/1", Title: "T", HTML: "<p>h</p>", Text: "t",
		Summary: "s", Image: "https://x/i.png",
		Published: time.Date(2014, 6, 17, 1, 2, 3, 4e6, time.UTC),
		Updated:   time.Date(2014, 6, 18, 1, 2, 3, 4e6, time.UTC),
		Authors:   []feed.Author{author}, Tags: []string{"go", ""}, Language: "de",
		Attachments: []feed.Attachment{
			{URL: "https://x/a.mp3", MIMEType: "audio/mpeg", Title: "A", SizeInBytes: 1 << 40, DurationInSeconds: 1.5},
		},
		Quotes: []feed.Quote{{
			Source: feed.Source{
				Publication: "the Guardian", PublicationURL: "https://g/", FeedURL: "https://g/rss",
				Headline: "H", URL: "https://g/1",
				Authors: []feed.Author{author, {Name: "Bob"}}, DatePublished: "2014-06-16", Agencies: []string{"AP"},
			},
			Text: "quoted", HTML: "<p>quoted</p>", Confidence: 0.75, Certain: true,
		}},
		Via:   []feed.Via{{Name: "V", URL: "https://v/"}},
		Feeds: []feed.Name{"authors/ann", "tags/go"}, ExcludeFrom: []feed.Name{"links"},
		Intake: "3", RawSum: feed.HashOf(nil),
	}
}

func TestItemRoundTrip(t *testing.T) {
	for name, it := range map[string]*feed.Item{
		"full":             fullItem(),
		"zero":             {},
		"before the epoch": {ID: "a", Published: time.UnixMilli(-1).UTC(), Updated: time.UnixMilli(-1e12).UTC()},
		"bad UTF-8":        {ID: "\xff", HTML: "\xff\xfe\x00"},
		"large":            {ID: "l", HTML: strings.Repeat("x", 1<<20)},
	} {
		b, err := encodeItem(it)
		if err != nil {
			t.Errorf("%s: encode: %v", name, err)
			continue
		}
		got, err := decodeItem(string(b))
		if err != nil {
			t.Errorf("%s: decode: %v", name, err)
			continue
		}
		if diff := cmp.Diff(it, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		again, err := encodeItem(got)
		if err != nil || string(again) != string(b) {
			t.Errorf("%s: encoding the item again produces different bytes (error %v); unchanged items would count as changed",
				name, err)
		}
		if sum := itemSum(string(b)); len(sum) != 2*sumEnd {
			t.Errorf("%s: sum is %q; want %d hexadecimal digits", name, sum, 2*sumEnd)
		}
	}
}

func TestDecodeDamagedItem(t *testing.T) {
	good, err := encodeItem(fullItem())
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{
		"empty": nil, "header only": good[:headerSize], "cut": good[:len(good)-1], "longer": append(slices.Clip(good), 0),
	}
	for i := range len(itemMagic) {
		b := append([]byte(nil), good...)
		b[i] ^= 1
		damaged[fmt.Sprintf("byte %d", i)] = b
	}
	// Set the length of the first string to more than the rest of the item.
	long := append([]byte(nil), good[:headerSize]...)
	damaged["endless"] = append(long, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
	for i := range good[headerSize:] {
		damaged[fmt.Sprintf("cut to %d", headerSize+i)] = good[:headerSize+i]
	}
	for name, b := range damaged {
		if _, err := decodeItem(string(b)); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("%s: decode: error is %v; want an error of kind %q", name, err, feed.ErrInvalid)
		}
		sum, err := rawSum(itemSum(string(b)))
		if err != nil || !strings.HasPrefix(string(b), sum) {
			t.Errorf("%s: sum is %q, %v; want a prefix of the stored item, so that it can be replaced", name, sum, err)
		}
	}
}

func TestEncodeItemOutOfRange(t *testing.T) {
	it := &feed.Item{ID: "a", Published: time.UnixMilli(math.MaxInt64)}
	if _, err := encodeItem(it); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("encode: error is %v; want an error of kind %q", err, feed.ErrInvalid)
	}
}

func FuzzDecodeItem(f *testing.F) {
	b, err := encodeItem(fullItem())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(itemMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := decodeItem(string(b))
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("decode: error is %v; want an error of kind %q", err, feed.ErrInvalid)
			}
			return
		}
		again, err := encodeItem(it)
		if errors.Is(err, feed.ErrInvalid) {
			return // the date does not fit into the header
		}
		back, err2 := decodeItem(string(again))
		if err != nil || err2 != nil {
			t.Fatalf("a decoded item cannot be encoded and decoded again: %v, %v", err, err2)
		}
		if diff := cmp.Diff(it, back, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("encoded and decoded again (-first +second):\n%s", diff)
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	at := time.Date(2014, 6, 17, 1, 2, 3, 4e6, time.UTC)
	for _, want := range []feed.Record{
		{ID: "a"}, {ID: "a", FirstSeen: at}, {ID: "a", Removed: at}, {ID: "a", FirstSeen: at, Removed: at.Add(time.Hour)},
		{ID: "a", FirstSeen: time.UnixMilli(0).UTC()}, {ID: "a", FirstSeen: time.UnixMilli(-5).UTC()},
		{ID: "a", Changed: at}, {ID: "a", FirstSeen: at, Removed: at.Add(time.Hour), Changed: at.Add(time.Minute)},
	} {
		got, err := decodeRecord("a", encodeRecord(want))
		if err != nil || got != want {
			t.Errorf("record %+v is decoded as %+v, %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "1", "1 ", " 1", "1 2 3 4", "1 2 ", "x -", "- x", "- - x"} {
		if r, err := decodeRecord("a", bad); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("record %q is decoded as %+v, %v; want an error of kind %q", bad, r, err, feed.ErrInvalid)
		}
	}
}

func FuzzPostRoundTrip(f *testing.F) {
	packed := coding.GzipSmall([]byte(strings.Repeat("post ", 200)))
	for _, raw := range [][]byte{nil, []byte("{}"), []byte(gzipMagic), packed, []byte(strings.Repeat("x", 600))} {
		f.Add(raw, true)
		f.Add(raw, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, compressed bool) {
		stored := packPost(raw, compressed)
		if got := unpackPost(stored); string(got) != string(raw) {
			t.Errorf("post %q is unpacked as %q", raw, got)
		}
		if len(raw) > 0 && raw[0] == '{' && !compressed && string(stored) != string(raw) {
			t.Errorf("post %q is stored as %q; want plain JSON", raw, stored)
		}
	})
}

func TestDecodeBlob(t *testing.T) {
	body := []byte("<rss/>")
	gz, other := coding.Gzip.Pack(body), coding.Gzip.Pack([]byte("<atom/>"))
	good := feed.Blob{Hash: feed.HashOf(body), Gzip: gz, Size: len(body)}
	bounded := good
	bounded.Bounds = feed.Bounds{1, 3, uint32(len(body))}
	for name, want := range map[string]feed.Blob{"without bounds": good, "with bounds": bounded} {
		got, err := decodeBlob(want.Hash, encodeBlob(want))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want.Checked = true // otherwise replicas would unpack the document again
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	outside, cut := good, encodeBlob(bounded)[:blobHeader+1]
	outside.Bounds = feed.Bounds{1, uint32(len(body)) + 1}
	for name, b := range map[string][]byte{
		"empty":         nil,
		"bounds cut":    cut,
		"bounds beyond": encodeBlob(outside),
		"other bytes":   encodeBlob(feed.Blob{Gzip: other, Size: len("<atom/>")}),
		"other length":  encodeBlob(feed.Blob{Gzip: gz, Size: len(body) - 1}),
		"longer length": encodeBlob(feed.Blob{Gzip: gz, Size: 1 << 62}),
		"no gzip":       encodeBlob(feed.Blob{Gzip: body, Size: len(body)}),
		"cut":           encodeBlob(feed.Blob{Gzip: gz[:len(gz)-4], Size: len(body)}),
		"other layout":  append([]byte{2}, encodeBlob(good)[1:]...),
	} {
		if _, err := decodeBlob(good.Hash, b); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("%s: decode: error is %v; want an error of kind %q", name, err, feed.ErrInvalid)
		}
	}
}

// benchItem returns an item of typical size, with 3 KB of text and one quote.
func benchItem() *feed.Item {
	it := fullItem()
	it.HTML = strings.Repeat("<p>Some words of a post.</p>\n", 110)
	it.Text = strings.Repeat("Some words of a post.\n", 110)
	it.Quotes[0].HTML, it.Quotes[0].Text = strings.Repeat("Quoted. ", 100), strings.Repeat("Quoted. ", 100)
	return it
}

func BenchmarkEncodeItem(b *testing.B) {
	it := benchItem()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encodeItem(it); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeItem(b *testing.B) {
	stored, err := encodeItem(benchItem())
	if err != nil {
		b.Fatal(err)
	}
	reply := string(stored)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeItem(reply); err != nil {
			b.Fatal(err)
		}
	}
}
