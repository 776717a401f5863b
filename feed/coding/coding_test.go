package coding_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

func TestPackAndUnpack(t *testing.T) {
	for _, body := range []string{"", "x", strings.Repeat("<item>text</item>\n", 5000)} {
		for _, c := range coding.All() {
			packed := c.Pack([]byte(body))
			if again := c.Pack([]byte(body)); !bytes.Equal(packed, again) {
				t.Errorf("%s: Pack(%.20q) returns different bytes the second time", c.Token(), body)
			}
			if got, err := c.Unpack(packed, len(body)); err != nil || string(got) != body {
				t.Errorf("%s: Unpack(Pack(%.20q)) = %.20q, %v", c.Token(), body, got, err)
			}
			if err := c.Check(packed, feed.HashOf([]byte(body)), len(body)); err != nil {
				t.Errorf("%s: Check(Pack(%.20q)): %v", c.Token(), body, err)
			}
		}
		if got, err := coding.Gunzip(coding.GzipSmall([]byte(body)), len(body)); err != nil || string(got) != body {
			t.Errorf("Gunzip(GzipSmall(%.20q)) = %.20q, %v", body, got, err)
		}
	}
}

func TestCheckRejectsOtherBytes(t *testing.T) {
	body := strings.Repeat("<item>text</item>\n", 5000)
	hash := feed.HashOf([]byte(body))
	for _, c := range coding.All() {
		packed := c.Pack([]byte(body))
		for name, err := range map[string]error{
			"another hash": c.Check(packed, feed.HashOf([]byte("y")), len(body)),
			"longer":       c.Check(packed, hash, len(body)+1),
			"shorter":      c.Check(packed, hash, len(body)-1),
			"cut off":      c.Check(packed[:len(packed)-1], hash, len(body)),
			"other bytes":  c.Check([]byte("something else"), hash, len(body)),
			"no bytes":     c.Check(nil, hash, len(body)),
		} {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("%s: Check, %s: %v, want an error of kind %q", c.Token(), name, err, feed.ErrInvalid)
			}
		}
	}
}

func TestBody(t *testing.T) {
	text := strings.Repeat("a document ", 5000)
	packed := coding.Gzip.Pack([]byte(text))
	if got, err := coding.Body(feed.Blob{Gzip: packed, Size: len(text)}); err != nil || string(got) != text {
		t.Errorf("Body = %d bytes, %v; want the %d bytes that were packed", len(got), err, len(text))
	}
	damaged := bytes.Clone(packed)
	damaged[len(damaged)-5] ^= 1 // a byte of the checksum
	for name, blob := range map[string]feed.Blob{
		"shorter":               {Gzip: packed, Size: len(text) + 1},
		"longer":                {Gzip: packed, Size: len(text) - 1},
		"of an impossible size": {Gzip: packed, Size: math.MaxInt},
		"of a negative size":    {Gzip: packed, Size: -1},
		"cut off":               {Gzip: packed[:len(packed)-1], Size: len(text)},
		"with a wrong checksum": {Gzip: damaged, Size: len(text)},
		"not in gzip coding":    {Gzip: []byte(text), Size: len(text)},
		"without bytes":         {Size: 0},
	} {
		if _, err := coding.Body(blob); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Body of a blob %s: %v, want an error of kind %q", name, err, feed.ErrInvalid)
		}
	}
}

func TestGunzipIsBounded(t *testing.T) {
	bomb := coding.GzipSmall(make([]byte, 1<<20))
	if _, err := coding.Gunzip(bomb, 1<<10); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Gunzip of 1 MiB with a limit of 1 KiB: %v, want an error of kind %q", err, feed.ErrInvalid)
	}
	for _, packed := range []string{"", "\x1f\x8b", "text", string(bomb[:len(bomb)-1])} {
		if _, err := coding.Gunzip([]byte(packed), 1<<21); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Gunzip(%.20q): %v, want an error of kind %q", packed, err, feed.ErrInvalid)
		}
	}
}
