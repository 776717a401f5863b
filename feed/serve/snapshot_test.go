package serve

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

func TestNewSnapshotErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *feed.Head, bs map[feed.Hash]feed.Blob)
		kind   error
	}{
		{"valid", func(*feed.Head, map[feed.Hash]feed.Blob) {}, nil},
		{"no name", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Feed = "" }, feed.ErrInvalid},
		{"no documents", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents = nil }, feed.ErrInvalid},
		{"a relative alias", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Aliases = []string{"old"} },
			feed.ErrInvalid},
		{"a policy of two lines", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Policy = "a\r\nb" },
			feed.ErrInvalid},
		{"a malformed hash", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Hash = "../../etc/passwd" },
			feed.ErrInvalid},
		{"upper-case hash", func(h *feed.Head, _ map[feed.Hash]feed.Blob) {
			h.Documents[1].Hash = feed.Hash(strings.ToUpper(string(h.Documents[1].Hash)))
		}, feed.ErrInvalid},
		{"relative path", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Path = "feed.xml" },
			feed.ErrInvalid},
		{"no media type", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].MediaType = "" }, feed.ErrInvalid},
		{"media type of two lines", func(h *feed.Head, _ map[feed.Hash]feed.Blob) {
			h.Documents[1].MediaType = "text/html\r\nX: y"
		}, feed.ErrInvalid},
		{"link beyond ASCII", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Link = "<é>" }, feed.ErrInvalid},
		{"negative age", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].MaxAge = -1 }, feed.ErrInvalid},
		{"negative length", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Length = -1 }, feed.ErrInvalid},
		{"huge length", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Length = 1 << 40 }, feed.ErrInvalid},
		{"longer than its length", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Length-- },
			feed.ErrInvalid},
		{"shorter than its length", func(h *feed.Head, _ map[feed.Hash]feed.Blob) { h.Documents[1].Length++ },
			feed.ErrInvalid},
		{"document missing", func(h *feed.Head, bs map[feed.Hash]feed.Blob) { delete(bs, h.Documents[1].Hash) },
			feed.ErrNotFound},
		{"another document", func(h *feed.Head, bs map[feed.Hash]feed.Blob) {
			body := bytes.Repeat([]byte("x"), h.Documents[1].Length)
			bs[h.Documents[1].Hash] = feed.Blob{Gzip: coding.GzipSmall(body)}
		}, feed.ErrInvalid},
		{"document cut off", func(h *feed.Head, bs map[feed.Hash]feed.Blob) {
			b := bs[h.Documents[1].Hash]
			b.Gzip = b.Gzip[:len(b.Gzip)-8]
			bs[h.Documents[1].Hash] = b
		}, feed.ErrInvalid},
		{"checksum wrong", func(h *feed.Head, bs map[feed.Hash]feed.Blob) {
			b := bs[h.Documents[1].Hash]
			b.Gzip = bytes.Clone(b.Gzip)
			b.Gzip[len(b.Gzip)-8] ^= 1
			bs[h.Documents[1].Hash] = b
		}, feed.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			head, list := commit(feed.Main, 1, noon, "text")
			blobs := map[feed.Hash]feed.Blob{}
			for _, b := range list {
				blobs[b.Hash] = b
			}
			test.change(&head, blobs)
			_, err := NewSnapshot(Options{}, []feed.Head{head}, func(h feed.Hash) (feed.Blob, bool) {
				b, ok := blobs[h]
				return b, ok
			})
			if !errors.Is(err, test.kind) {
				t.Errorf("NewSnapshot: %v, want %v", err, test.kind)
			}
		})
	}
}

func TestPathClaimedByTwoFeeds(t *testing.T) {
	s := site(t, Options{}, feed.Main, "tags/a")
	thief := s.edition("tags/a").head
	thief.Feed = "aaa"
	thief.Documents = append([]feed.DocumentRef{}, thief.Documents...)
	thief.Documents[0].Path = "/feed.xml"
	e, err := newEdition(thief, s.edition("tags/a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	next := s.with(map[feed.Name]*edition{"aaa": e}, nil)
	if got, want := hashAt(t, next, "/feed.xml"), hashAt(t, s, "/feed.xml"); got != want {
		t.Errorf("hash of /feed.xml is %s, want that of the main feed, %s", got, want)
	}
}

func TestSnapshotIsImmutable(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	before := hashAt(t, s, "/feed.xml")
	next := s.with(map[feed.Name]*edition{feed.Main: editionOf(t, feed.Main, 2, "new")}, nil)
	if got := hashAt(t, s, "/feed.xml"); got != before {
		t.Errorf("the earlier snapshot serves %s after a commit, want %s as before", got, before)
	}
	if got := hashAt(t, next, "/feed.xml"); got == before {
		t.Errorf("the new snapshot serves the old document")
	}
}

// TestCheckedBlob checks that a replica relies on the store's check of a document only if the store has checked it
// against the hash and the length in the head.
func TestCheckedBlob(t *testing.T) {
	head, sound := revise(t, 1, rss("a=1 b=2"))
	damaged := bytes.Clone(sound.Gzip)
	damaged[len(damaged)/2] ^= 0xff
	for name, c := range map[string]struct {
		change func(*feed.Blob)
		want   error
	}{
		"checked by the store":           {func(b *feed.Blob) { b.Checked = true }, nil},
		"not checked":                    {func(*feed.Blob) {}, feed.ErrInvalid},
		"checked for a different hash":   {func(b *feed.Blob) { b.Checked, b.Hash = true, feed.HashOf(nil) }, feed.ErrInvalid},
		"checked for a different length": {func(b *feed.Blob) { b.Checked = true; b.Size++ }, feed.ErrInvalid},
		"sound, with a different hash":   {func(b *feed.Blob) { b.Checked, b.Gzip, b.Hash = true, sound.Gzip, "" }, nil},
	} {
		blob := sound
		blob.Gzip = damaged // to show whether the bytes are checked
		c.change(&blob)
		_, err := newEdition(head, nil, func(feed.DocumentRef) (feed.Blob, error) { return blob, nil })
		if !errors.Is(err, c.want) {
			t.Errorf("%s: new edition: %v, want %v", name, err, c.want)
		}
	}
}

// BenchmarkNewEdition applies a commit of a 190 KB document.
func BenchmarkNewEdition(b *testing.B) {
	var items strings.Builder
	for i := range 2200 {
		fmt.Fprintf(&items, "i%d=%s ", i, feed.HashOf(fmt.Append(nil, i))[:16])
	}
	head, blob := revise(b, 1, rss(items.String()))
	if blob.Size < 180_000 || blob.Size > 200_000 {
		b.Fatalf("the document has %d bytes", blob.Size)
	}
	for name, checked := range map[string]bool{"checked by the store": true, "not checked": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			blob.Checked = checked
			for b.Loop() {
				if _, err := newEdition(head, nil, func(feed.DocumentRef) (feed.Blob, error) { return blob, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
