package coding_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// items returns n items of about the given length: numbered paragraphs of words with frequencies like those of prose.
func items(seed uint64, n, length int) []string {
	random := rand.New(rand.NewPCG(seed, 0))
	zipf := rand.NewZipf(random, 1.1, 4, 20_000)
	all := make([]string, n)
	for i := range all {
		var b strings.Builder
		fmt.Fprintf(&b, "<item><guid>%d-%d</guid>", seed, i)
		for size := length/2 + random.IntN(length); b.Len() < size; {
			fmt.Fprintf(&b, "%x ", zipf.Uint64()*2654435761%1_000_003)
		}
		b.WriteString("</item>\n")
		all[i] = b.String()
	}
	return all
}

// document returns a document and its bounds.
func document(head string, items []string, foot string) ([]byte, feed.Bounds) {
	body := []byte(head)
	bounds := feed.Bounds{uint32(len(body))}
	for _, item := range items {
		body = append(body, item...)
		bounds = append(bounds, uint32(len(body)))
	}
	if len(items) == 0 {
		bounds = nil
	}
	return append(body, foot...), bounds
}

// gunzip unpacks one gzip file with the standard library, which checks its checksum and length.
func gunzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	in := bytes.NewReader(packed)
	r, err := gzip.NewReader(in)
	if err != nil {
		t.Fatalf("read the gzip header: %v", err)
	}
	r.Multistream(false)
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("unpack: %v", err)
	}
	if in.Len() > 0 {
		t.Fatalf("%d bytes follow the gzip file", in.Len())
	}
	return body
}

func TestJoinedGzip(t *testing.T) {
	head, foot := "<?xml version=\"1.0\"?>\n<rss><channel>\n", "</channel></rss>\n"
	long := items(1, 3, 100_000)
	for name, list := range map[string][]string{
		"no items": nil, "one item": items(1, 1, 3000), "a short document": items(1, 5, 1000),
		"50 items": items(1, 50, 3500), "200 short items": items(1, 200, 400), "long items": long,
		"an item longer than the window of deflate": {long[0], strings.Repeat(long[0], 9), long[1]},
		"equal items":           repeat(items(1, 1, 3500)[0], 50),
		"an empty head and one": items(2, 40, 2000),
	} {
		t.Run(name, func(t *testing.T) {
			head := head
			if strings.HasPrefix(name, "an empty head") {
				head = ""
			}
			body, bounds := document(head, list, foot)
			joiner := coding.NewJoiner(1 << 20)
			packed, _ := joiner.Gzip(body, bounds)
			if got := gunzip(t, packed); !bytes.Equal(got, body) {
				t.Fatalf("the joined gzip unpacks to %d bytes that differ from the document of %d bytes", len(got), len(body))
			}
			if err := coding.Gzip.Check(packed, feed.HashOf(body), len(body)); err != nil {
				t.Error(err)
			}
			var none *coding.Joiner
			for other, j := range map[string]*coding.Joiner{"the same": joiner, "a new": coding.NewJoiner(1 << 20),
				"a nil": none, "an uncached": coding.NewJoiner(0)} {
				if again, _ := j.Gzip(body, bounds); !bytes.Equal(again, packed) {
					t.Errorf("%s Joiner returns different bytes for the same document", other)
				}
			}
			if whole := coding.Gzip.Pack(body); float64(len(packed)) > 1.12*float64(len(whole))+200 {
				t.Errorf("the joined gzip has %d bytes; the document compressed whole has %d", len(packed), len(whole))
			}
		})
	}
}

func repeat(item string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = item
	}
	return all
}

// TestJoinedGzipWithInvalidBounds checks that the bounds decide only how a document is divided.
func TestJoinedGzipWithInvalidBounds(t *testing.T) {
	body, bounds := document("<rss>", items(1, 50, 3500), "</rss>")
	end := uint32(len(body))
	for name, invalid := range map[string]feed.Bounds{
		"none": nil, "one": bounds[:1], "descending": {90, 80, 100}, "after the end": {0, 10, end + 1}, "whole": {0, end},
		"no head and foot": {0, end / 2, end},
	} {
		packed, _ := coding.NewJoiner(1<<20).Gzip(body, invalid)
		if got := gunzip(t, packed); !bytes.Equal(got, body) {
			t.Errorf("bounds %s: the gzip file does not unpack to the document", name)
		}
	}
}

// TestJoinedGzipOfChange checks how much of a document is compressed when one of its 50 items changes.
func TestJoinedGzipOfChange(t *testing.T) {
	const changes = 40
	all := items(1, 50+changes, 3500)
	joiner := coding.NewJoiner(coding.DefaultJoinerBytes)
	pack := func(time int, list []string) (compressed, length int) {
		body, bounds := document(fmt.Sprintf("<rss><updated>%d</updated>", time), list, "</rss>")
		packed, compressed := joiner.Gzip(body, bounds)
		if got := gunzip(t, packed); !bytes.Equal(got, body) {
			t.Fatal("the gzip file does not unpack to the document")
		}
		return compressed, len(body)
	}
	if compressed, length := pack(0, all[changes:]); compressed != length {
		t.Fatalf("%d bytes of a new document of %d bytes were compressed, want all", compressed, length)
	}
	var compressed, length int
	for i := range changes { // the new post is the first, and the last post leaves the feed
		c, n := pack(i+1, all[changes-i-1:len(all)-i-1])
		compressed, length = compressed+c, length+n
	}
	t.Logf("a new post: %.3f of each document is compressed", float64(compressed)/float64(length))
	if compressed > length/4 {
		t.Errorf("%d new posts: %d of %d bytes were compressed, want at most a quarter", changes, compressed, length)
	}
	compressed, length = 0, 0
	list := all[:50]
	pack(0, list)
	for i := range changes {
		list[i] = strings.Replace(list[i], "</item>", " edited</item>", 1)
		c, n := pack(100+i, list)
		compressed, length = compressed+c, length+n
	}
	t.Logf("an edited post: %.3f of each document is compressed", float64(compressed)/float64(length))
	if compressed > length/4 {
		t.Errorf("%d edited posts: %d of %d bytes were compressed, want at most a quarter", changes, compressed, length)
	}
	if compressed, _ := pack(100+changes-1, list); compressed > 200 {
		t.Errorf("%d bytes of an unchanged document were compressed, want only its head and foot", compressed)
	}
}

// TestJoinerCacheIsBounded checks that a Joiner with a small cache compresses a document again after many others.
func TestJoinerCacheIsBounded(t *testing.T) {
	joiner := coding.NewJoiner(100_000)
	body, bounds := document("<rss>", items(1, 50, 3500), "</rss>")
	joiner.Gzip(body, bounds)
	for seed := range uint64(5) {
		joiner.Gzip(document("<rss>", items(seed+2, 50, 3500), "</rss>"))
	}
	if _, compressed := joiner.Gzip(body, bounds); compressed != len(body) {
		t.Errorf("%d of %d bytes were compressed, want all: the cache should have dropped them", compressed, len(body))
	}
}

// TestJoinedGzipLength checks that a document in sections is little longer than if it were compressed whole.
func TestJoinedGzipLength(t *testing.T) {
	body, bounds := document("<rss>", items(1, 50, 3500), "</rss>")
	packed, _ := coding.NewJoiner(1<<20).Gzip(body, bounds)
	if whole := len(coding.Gzip.Pack(body)); len(packed)*100 > whole*106 {
		t.Errorf("%d bytes in sections, %d whole; want at most 6%% more", len(packed), whole)
	}
}

// TestJoinedGzipInZlib unpacks a document with zlib.
func TestJoinedGzipInZlib(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	body, bounds := document("<rss>", items(1, 50, 3500), "</rss>")
	packed, _ := coding.NewJoiner(1<<20).Gzip(body, bounds)
	cmd := exec.CommandContext(t.Context(), python, "-c",
		"import sys, zlib\nd = zlib.decompressobj(31)\nb = d.decompress(sys.stdin.buffer.read()) + d.flush()\n"+
			"assert d.eof and not d.unused_data\nsys.stdout.buffer.write(b)")
	cmd.Stdin = bytes.NewReader(packed)
	if got, err := cmd.Output(); err != nil || !bytes.Equal(got, body) {
		t.Errorf("zlib unpacks %d bytes, %v; want the document of %d bytes", len(got), err, len(body))
	}
}

// FuzzJoinedGzip checks that any bytes, divided in any way, are unpacked to the same bytes.
func FuzzJoinedGzip(f *testing.F) {
	f.Add([]byte("<item>text</item>"), uint64(1), uint16(40), uint16(4000))
	f.Add([]byte{0}, uint64(2), uint16(900), uint16(1))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, repeat, length uint16) {
		body := bytes.Repeat(text, min(int(repeat), 300_000/(len(text)+1)))
		random := rand.New(rand.NewPCG(seed, 1))
		for i := range body {
			if random.IntN(50) == 0 {
				body[i] = byte(random.Uint32())
			}
		}
		var bounds feed.Bounds
		for at := random.IntN(100); at <= len(body); at += 1 + random.IntN(int(length)+1) {
			bounds = append(bounds, uint32(at))
		}
		joiner := coding.NewJoiner(1 << 20)
		packed, _ := joiner.Gzip(body, bounds)
		if got := gunzip(t, packed); !bytes.Equal(got, body) {
			t.Fatalf("the gzip file unpacks to %d bytes that differ from the document of %d bytes", len(got), len(body))
		}
		again, _ := joiner.Gzip(body, bounds)
		uncached, _ := (*coding.Joiner)(nil).Gzip(body, bounds)
		if !bytes.Equal(again, packed) || !bytes.Equal(uncached, packed) {
			t.Fatal("the same document is compressed to different bytes")
		}
	})
}

func BenchmarkJoiner(b *testing.B) {
	list := items(1, 51, 3500)
	body, bounds := document("<rss>", list[1:], "</rss>")
	newer, newerBounds := document("<rss>", list[:50], "</rss>")
	b.Run("whole", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			coding.Gzip.Pack(body)
		}
	})
	b.Run("not cached", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			coding.NewJoiner(coding.DefaultJoinerBytes).Gzip(body, bounds)
		}
	})
	b.Run("cached", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		joiner := coding.NewJoiner(coding.DefaultJoinerBytes)
		for b.Loop() {
			joiner.Gzip(body, bounds)
		}
	})
	b.Run("new post", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			b.StopTimer()
			joiner := coding.NewJoiner(coding.DefaultJoinerBytes)
			joiner.Gzip(body, bounds)
			b.StartTimer()
			joiner.Gzip(newer, newerBounds)
		}
	})
}
