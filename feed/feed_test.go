package feed_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestNamesAreOrderedWithTheMainFeedFirst(t *testing.T) {
	names := []feed.Name{"tags/z", "authors/a", feed.Main, "a", "tags/a"}
	slices.SortFunc(names, feed.Name.Compare)
	if diff := cmp.Diff([]feed.Name{feed.Main, "a", "authors/a", "tags/a", "tags/z"}, names); diff != "" {
		t.Errorf("order of names (-want +got):\n%s", diff)
	}
	for _, a := range names {
		for _, b := range names {
			if a.Compare(b) != -b.Compare(a) {
				t.Errorf("%s and %s: %d and %d", a, b, a.Compare(b), b.Compare(a))
			}
		}
	}
}

func TestValidatePostID(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "https://blog.example/1?a&b": true, "日本 語": true, strings.Repeat("x", 512): true,
		"": false, strings.Repeat("x", 513): false, "a\nb": false, "a\x00": false, "a\u0085b": false, "a\xff": false,
	} {
		err := feed.ValidatePostID(id)
		if (err == nil) != ok || err != nil && !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("ValidatePostID(%.20q) = %v, want valid: %t", id, err, ok)
		}
	}
}

func TestBlobBody(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	text := strings.Repeat("a document ", 5000)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := (feed.Blob{Gzip: b.Bytes(), Size: len(text)}).Body(); err != nil || string(got) != text {
		t.Errorf("Body = %d bytes, %v; want the %d bytes that were packed", len(got), err, len(text))
	}
	spoilt := bytes.Clone(b.Bytes())
	spoilt[len(spoilt)-5] ^= 1 // of the checksum
	for name, blob := range map[string]feed.Blob{
		"shorter":               {Gzip: b.Bytes(), Size: len(text) + 1},
		"longer":                {Gzip: b.Bytes(), Size: len(text) - 1},
		"of a size made up":     {Gzip: b.Bytes(), Size: math.MaxInt},
		"of a negative size":    {Gzip: b.Bytes(), Size: -1},
		"cut off":               {Gzip: b.Bytes()[:b.Len()-1], Size: len(text)},
		"with a wrong checksum": {Gzip: spoilt, Size: len(text)},
		"not in gzip coding":    {Gzip: []byte(text), Size: len(text)},
		"without a byte":        {Size: 0},
	} {
		if _, err := blob.Body(); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Body of a blob %s: %v, want an error of kind %q", name, err, feed.ErrInvalid)
		}
	}
}
