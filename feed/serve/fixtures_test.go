package serve

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// noon is the modification time of the fixtures' documents; later is the modification time of newer versions.
var (
	noon  = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

const noonHTTP = "Fri, 17 May 2024 12:00:00 GMT"

// commit returns a committed feed: a head with a document in each format, whose bytes depend on the feed and the text.
func commit(name feed.Name, token feed.Token, modified time.Time, text string) (feed.Head, []feed.Blob) {
	head := feed.Head{Feed: name, Token: token, Config: "c", IDs: []string{text}}
	var blobs []feed.Blob
	for _, f := range feed.Formats() {
		body := fmt.Appendf(nil, "<%s %s>%s</%s>\n", f, name, strings.Repeat(text+" ", 50), f)
		blob := feed.Blob{Hash: feed.HashOf(body), Gzip: coding.GzipSmall(body), Size: len(body)}
		blobs = append(blobs, blob)
		head.Documents = append(head.Documents, feed.DocumentRef{
			Format: f, Path: name.Path(f), MediaType: f.MediaType(),
			Link:   "<https://example.com" + (&url.URL{Path: name.Path(f)}).EscapedPath() + `>; rel="self"`,
			MaxAge: 15 * time.Minute, Hash: blob.Hash, Length: blob.Size, Modified: modified,
		})
	}
	return head, blobs
}

// site returns a snapshot of the given feeds, all committed at noon. The text of each feed is its name.
func site(t testing.TB, o Options, names ...feed.Name) *Snapshot {
	t.Helper()
	var heads []feed.Head
	blobs := map[feed.Hash]feed.Blob{}
	for _, name := range names {
		h, bs := commit(name, 1, noon, string(name))
		heads = append(heads, h)
		for _, b := range bs {
			blobs[b.Hash] = b
		}
	}
	s, err := NewSnapshot(o, heads, func(h feed.Hash) (feed.Blob, bool) { b, ok := blobs[h]; return b, ok })
	if err != nil {
		t.Fatalf("NewSnapshot(%v): %v", names, err)
	}
	return s
}

// hashAt returns the hash of the document at path.
func hashAt(t testing.TB, s *Snapshot, path string) string {
	t.Helper()
	d := s.document(path)
	if d == nil {
		t.Fatalf("nothing is served at %s", path)
	}
	return string(d.ref.Hash)
}

func headers(r Response) map[string]string {
	m := map[string]string{}
	for _, f := range r.Header {
		m[f.Name] = f.Values[0]
	}
	return m
}

// body returns the body of a response in identity coding.
func body(t testing.TB, r Response) string {
	t.Helper()
	if r.Get("Content-Encoding") != "gzip" {
		return string(r.Body)
	}
	b, err := coding.Gzip.Unpack(r.Body, gzipLength(r.Body))
	if err != nil {
		t.Fatalf("response body: %v", err)
	}
	return string(b)
}

// gzipLength returns the length at the end of a gzip file (RFC 1952 section 2.3.1).
func gzipLength(gz []byte) int {
	n := gz[len(gz)-4:]
	return int(n[0]) | int(n[1])<<8 | int(n[2])<<16 | int(n[3])<<24
}

// logTo returns a logger that writes to the test's log.
func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

var _ Source = (*fakeStore)(nil)

var errDown = fmt.Errorf("connection refused: %w", feed.ErrUnavailable)

// testLimits are the default limits of package config.
var testLimits = Limits{
	ReadHeaderTimeout: 5 * time.Second,
	ReadTimeout:       10 * time.Second,
	WriteTimeout:      30 * time.Second,
	IdleTimeout:       60 * time.Second,
	MaxHeaderBytes:    16 << 10,
	MaxConnections:    20_000,
}

// answerOf returns a Front's response with a copy of its body, and releases it.
func answerOf(f *Front, v *Visit) Response {
	res := f.Answer(v)
	body := slices.Clone(res.Body)
	res.Release()
	res.Body = body
	return res
}
