package feed_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestNameCompare(t *testing.T) {
	names := []feed.Name{"tags/z", "authors/a", feed.Main, "a", "tags/a"}
	slices.SortFunc(names, feed.Name.Compare)
	if diff := cmp.Diff([]feed.Name{feed.Main, "a", "authors/a", "tags/a", "tags/z"}, names); diff != "" {
		t.Errorf("order of names (-want +got):\n%s", diff)
	}
	for _, a := range names {
		for _, b := range names {
			if a.Compare(b) != -b.Compare(a) {
				t.Errorf("Compare(%s, %s) = %d, Compare(%s, %s) = %d; want opposite signs",
					a, b, a.Compare(b), b, a, b.Compare(a))
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
