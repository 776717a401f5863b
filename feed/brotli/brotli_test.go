package brotli_test

import (
	"bytes"
	"errors"
	"testing"

	"feedpub/feed"
	"feedpub/feed/brotli"
)

func TestWhatIsPackedIsTheBody(t *testing.T) {
	for _, body := range []string{"", "x", string(bytes.Repeat([]byte("<item>text</item>\n"), 5000))} {
		packed, err := brotli.Pack([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		again, err := brotli.Pack([]byte(body))
		if err != nil || !bytes.Equal(packed, again) {
			t.Errorf("%.20q packs as other bytes the second time (%v)", body, err)
		}
		if err := brotli.Check(packed, feed.HashOf([]byte(body)), len(body)); err != nil {
			t.Errorf("%.20q: %v", body, err)
		}
		for what, err := range map[string]error{
			"another hash":   brotli.Check(packed, feed.HashOf([]byte("y")), len(body)),
			"longer":         brotli.Check(packed, feed.HashOf([]byte(body)), len(body)+1),
			"cut":            brotli.Check(packed[:len(packed)-1], feed.HashOf([]byte(body)), len(body)),
			"something else": brotli.Check([]byte("something else"), feed.HashOf([]byte(body)), len(body)),
		} {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("%.20q, %s: %v, want ErrInvalid", body, what, err)
			}
		}
	}
}
