package intake_test

import (
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// TestReplacedCharacters checks that replaced characters are counted, with the place of the first.
func TestReplacedCharacters(t *testing.T) {
	for name, test := range map[string]struct {
		raw   string
		count int
		place string
	}{
		"none":                     {`{"title":"Zoë 日本 😀","content_text":"Fine.\n\tVery."}`, 0, ""},
		"bytes that are not UTF-8": {"{\"content_text\":\"caf\xe9 and \xff\xfe\"}", 3, "content_text"},
		"NUL":                      {`{"title":"a\u0000b","content_text":"x"}`, 1, "title"},
		"a control character":      {`{"content_html":"<p>a\u0001</p>"}`, 1, "content_html"},
		"half of a surrogate pair": {`{"content_text":"\ud83d alone"}`, 1, "content_text"},
		"a whole surrogate pair":   {`{"content_text":"\ud83d\ude00"}`, 0, ""},
		"two values":               {`{"title":"\u0000","tags":["ok","\u0001\u0002"],"content_text":"x"}`, 3, "title"},
		"a nested value": {`{"content_text":"x","authors":[{"name":"A"},{"name":"B\u0007"}]}`, 1,
			"authors[1].name"},
		"U+FFFD that was written":      {"{\"content_text\":\"\ufffd and \\ufffd and \\uFFFD\"}", 0, ""},
		"U+FFFD written and not":       {"{\"content_text\":\"\\ufffd\xff\"}", 1, "content_text"},
		"an escaped backslash":         {`{"content_text":"\\ufffd \ud800"}`, 1, "content_text"},
		"white space that is replaced": {`{"content_text":"a\u000bb\u000c"}`, 0, ""},
		"a member that is not known":   {"{\"content_text\":\"x\",\"mine\":\"\xff\"}", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := intake.New(testSite, nil).Item("1", []byte(test.raw), feed.Record{FirstSeen: firstSeen})
			if err != nil {
				t.Fatal(err)
			}
			if got := result.Replaced; got.Count != test.count || got.Place != test.place {
				t.Errorf("replaced characters in %q: got %+v, want %d, the first in %q", test.raw, got, test.count, test.place)
			}
		})
	}
	for count, want := range map[int]string{1: "1 character is", 2: "2 characters are"} {
		if got := (intake.Replaced{Count: count}).String(); !strings.HasPrefix(got, want) {
			t.Errorf("String of %d replaced characters = %q, want prefix %q", count, got, want)
		}
	}
}
