package serve

import (
	"regexp"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

func TestMatchTags(t *testing.T) {
	h := string(feed.HashOf([]byte("a document")))
	other := string(feed.HashOf([]byte("another")))
	for _, test := range []struct {
		name, list string
		want       bool
	}{
		{"strong", `"` + h + `"`, true},
		{"weak", `W/"` + h + `"`, true},
		{"gzip", `"` + h + `-gz"`, true},
		{"brotli", `"` + h + `-br"`, true},
		{"last of a list", `"` + other + `", W/"x","` + h + `"`, true},
		{"first of a list", `"` + h + `","y"`, true},
		{"after a tag with a comma", `"a,b", "` + h + `"`, true},
		{"after empty members", ` ,, "` + h + `"`, true},
		{"without quotes", h, true},
		{"without quotes, in a list", `"x", ` + h + `-gz , "y"`, true},
		{"any", "*", true},
		{"any tag with spaces", " * ", true},
		{"another", `"` + other + `"`, false},
		{"longer", `"` + h + `0"`, false},
		{"with a prefix", `"x` + h + `"`, false},
		{"shorter", `"` + h[:63] + `"`, false},
		{"upper case", `"` + strings.ToUpper(h) + `"`, false},
		{"inside a tag after a comma", `"x,` + h + `"`, false},
		{"any tag in a list", `"x", *`, false},
		{"unclosed", `"` + h, false},
		{"after an unclosed tag", `"x, ` + h, false},
		{"followed by text", `"` + h + `" x`, false},
		{"after a tag that is followed by text", `"x" y, "` + h + `"`, true},
		{"with a lower-case weak prefix", `w/"` + h + `"`, false},
		{"only commas", ", ,", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := matchTags(test.list, h).matched; got != test.want {
				t.Errorf("matchTags(%s).matched = %t, want %t", test.list, got, test.want)
			}
		})
	}
}

func FuzzMatchTags(f *testing.F) {
	h := string(feed.HashOf([]byte("a document")))
	for _, list := range []string{"*", `"H"`, `W/"H-gz", "x"`, `"a,b" , "H"`, `"x" y, H`, `"unclosed`} {
		f.Add(strings.ReplaceAll(list, "H", h))
	}
	f.Fuzz(func(t *testing.T, list string) {
		got := matchTags(list, h)
		if want, certain := oracleMatch(list, h); certain && got.matched != want {
			t.Errorf("matchTags(%s).matched = %t, want %t", list, got.matched, want)
		}
		if got.matched && !strings.Contains(list, h) && strings.Trim(list, " \t") != "*" {
			t.Errorf("matchTags(%s).matched = true, but %s is not listed", list, h)
		}
	})
}

var (
	tagList = regexp.MustCompile(`^[ \t,]*(?:(?:W/)?"[^"]*"[ \t]*(?:,[ \t,]*|$))*$`)
	tagOf   = regexp.MustCompile(`"([^"]*)"`)
)

// oracleMatch is a second implementation of matchTags, for lists that follow the grammar of RFC 9110 section 13.1.2.
// certain is false for other lists.
func oracleMatch(list, hash string) (match, certain bool) {
	if strings.Trim(list, " \t") == "*" {
		return true, true
	}
	if !tagList.MatchString(list) {
		return false, false
	}
	for _, m := range tagOf.FindAllStringSubmatch(list, -1) {
		if m[1] == hash || strings.HasPrefix(m[1], hash+"-") {
			return true, true
		}
	}
	return false, true
}

func TestUnmodifiedSince(t *testing.T) {
	ref := feed.DocumentRef{Hash: feed.HashOf(nil), Modified: noon}
	d := newDocument(feed.Main, &ref, nil)
	for _, test := range []struct {
		value string
		want  bool
	}{
		{"Fri, 17 May 2024 12:00:00 GMT", true},
		{"Friday, 17-May-24 12:00:00 GMT", true},
		{"Fri May 17 12:00:00 2024", true},
		{"Fri, 17 May 2024 12:00:01 GMT", true},
		{"Fri, 17 May 2024 11:59:59 GMT", false},
		{"Friday, 17-May-24 11:59:59 GMT", false},
		{"Fri May 17 11:59:59 2024", false},
		{"Fri, 17 May 2024 12:00:00 GMT; length=17", false},
		{"2024-05-17T12:00:00Z", false},
		{"1715947200", false},
	} {
		if got := d.unmodifiedSince(test.value, coding.Gzip); got != test.want {
			t.Errorf("unmodifiedSince(%q) of a document modified at %v = %t, want %t", test.value, noon, got, test.want)
		}
	}
	undated := newDocument(feed.Main, &feed.DocumentRef{Hash: feed.HashOf(nil)}, nil)
	if undated.unmodifiedSince(noonHTTP, coding.Gzip) {
		t.Errorf("unmodifiedSince(%q) of a document without Last-Modified = true, want false", noonHTTP)
	}
}
