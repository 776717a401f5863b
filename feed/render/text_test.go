package render

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"feedpub/feed"
)

func TestURI(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a URI", "https://user@example.org:8080/a;b=c/%C3%A4?q=1&r=(2)#f",
			"https://user@example.org:8080/a;b=c/%C3%A4?q=1&r=(2)#f"},
		{"non-ASCII path, query and fragment", "https://example.org/ä/日?ö=ü#é",
			"https://example.org/%C3%A4/%E6%97%A5?%C3%B6=%C3%BC#%C3%A9"},
		{"non-ASCII host", "https://Bücher.example.org:81/", "https://xn--bcher-kva.example.org:81/"},
		{"host without an ASCII form", "https://ä_ö.example.org/", "https://%C3%A4_%C3%B6.example.org/"},
		{"blanks around and within", " https://example.org/a b\n", "https://example.org/a%20b"},
		{"delimiters of headers, attributes and links", "https://example.org/\r\n\"'<>\\^`{|}[]",
			"https://example.org/%0D%0A%22'%3C%3E%5C%5E%60%7B%7C%7D%5B%5D"},
		{"a percent sign that does not begin an escape", "https://example.org/100%/%4/%zz/%41",
			"https://example.org/100%25/%254/%25zz/%41"},
		{"a second fragment", "https://example.org/#a#b", "https://example.org/#a%23b"},
		{"no path", "https://example.org", "https://example.org"},
		{"a query right after the host", "https://example.org?ä", "https://example.org?%C3%A4"},
		{"an IPv6 address", "http://[2001:db8::1]:80/ä", "http://[2001:db8::1]:80/%C3%A4"},
		{"no authority", "mailto:jürgen@example.org", "mailto:j%C3%BCrgen@example.org"},
		{"bytes that are not UTF-8", "https://example.org/\xff", "https://example.org/%FF"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := uri(tt.in); got != tt.want {
				t.Errorf("uri(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if again := uri(tt.want); again != tt.want {
				t.Errorf("uri(%q) = %q, want it unchanged", tt.want, again)
			}
		})
	}
}

func TestWithPath(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.org":     "https://example.org/",
		"https://example.org/a":   "https://example.org/a",
		"https://example.org?a=1": "https://example.org/?a=1",
		"https://example.org#a/b": "https://example.org/#a/b",
	} {
		if got := withPath(in); got != want {
			t.Errorf("withPath(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestIsRSSImage(t *testing.T) {
	for address, want := range map[string]bool{
		"https://example.org/icon.png":       true,
		"https://example.org/icon.JPEG?v1":   true,
		"https://example.org/icon":           true,
		"https://example.org/icon.svg":       false,
		"https://example.org/icon.webp?.png": false,
		"https://example.org":                false,
		"":                                   false,
	} {
		if got := isRSSImage(address); got != want {
			t.Errorf("isRSSImage(%q) = %v, want %v", address, got, want)
		}
	}
}

func TestFirstWords(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"short text is unchanged", "one two", "one two"},
		{"blanks are joined", " one\n\n two\t", "one two"},
		{"cut after a word", "one two three four", "one two…"},
		{"without a trailing comma", "one two, three four", "one two…"},
		{"cut within a long word", "abcdefghijklmnop", "abcdefghij…"},
		{"not within a letter and its mark", "abcdefghie\u0301jkl", "abcdefghi…"},
		{"not within an emoji sequence", "abcdefg👩‍👩‍👧‍👦 and more", "abcdefg…"},
		{"not within a flag", "abcdefghi🇪🇺 and more", "abcdefghi…"},
		{"not before a skin tone", "abcdefghi👍🏽 and more", "abcdefghi…"},
		{"nothing", " \n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := firstWords(tt.in, 10); got != tt.want {
				t.Errorf("firstWords(%q, 10) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestHeading(t *testing.T) {
	published := time.Date(2014, 6, 17, 23, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		want string
		item feed.Item
	}{
		{"Title", feed.Item{Title: " Title ", Text: "Text"}},
		{"Text", feed.Item{Title: " ", Text: "Text", Summary: "Summary"}},
		{"Summary", feed.Item{Text: "\n", Summary: "Summary"}},
		{"2014-06-17", feed.Item{Published: published}},
	} {
		if got := heading(&tt.item); got != tt.want {
			t.Errorf("heading(%+v) = %q, want %q", tt.item, got, tt.want)
		}
	}
}

func TestRFC3339(t *testing.T) {
	at := time.Date(2014, 6, 17, 9, 30, 0, 0, time.FixedZone("", 60*60))
	for add, want := range map[time.Duration]string{
		0:                      "2014-06-17T08:30:00Z",
		120 * time.Millisecond: "2014-06-17T08:30:00.120Z",
		7 * time.Microsecond:   "2014-06-17T08:30:00.000007Z",
		7 * time.Nanosecond:    "2014-06-17T08:30:00.000000Z",
	} {
		if got := rfc3339(at.Add(add)); got != want {
			t.Errorf("rfc3339(%v) = %q, want %q", at.Add(add), got, want)
		}
	}
}

func TestTTL(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, time.Second: 1, time.Minute: 1, 61 * time.Second: 2, time.Hour: 60} {
		if got := ttl(d); got != want {
			t.Errorf("ttl(%v) = %d, want %d", d, got, want)
		}
	}
}

// FuzzRespell checks that the result decodes to the same values.
func FuzzRespell(f *testing.F) {
	f.Add("a & b < c > d \" ' \n\t\r", "a & b < c > d \" ' \n\t\r", "]]> <![CDATA[ &amp; <p>")
	f.Add(">", "/>", "]]>")
	f.Add("&#x26;", "<!--", "")
	type element struct {
		XMLName xml.Name `xml:"e"`
		Attr    string   `xml:"attr,attr"`
		Text    string   `xml:"text"`
		HTML    cdata    `xml:"html"`
		After   string   `xml:"after"`
	}
	f.Fuzz(func(t *testing.T, attr, text, html string) {
		html = unixLines(html)
		for _, s := range []string{attr, text, html} {
			if checkText(s) != nil || !utf8.ValidString(s) {
				return
			}
		}
		encoded, err := xml.Marshal(element{Attr: attr, Text: text, HTML: cdata{HTML: html}, After: text})
		if err != nil {
			t.Fatal(err)
		}
		out := respell(encoded)
		var back struct {
			Attr  string `xml:"attr,attr"`
			Text  string `xml:"text"`
			HTML  string `xml:"html"`
			After string `xml:"after"`
		}
		if err := xml.Unmarshal(out, &back); err != nil {
			t.Fatalf("result is not well-formed: %v\n%s\n%s", err, encoded, out)
		}
		if back.Attr != attr || back.Text != text || back.HTML != html || back.After != text {
			t.Errorf("result decodes to %q, want attr %q, text %q, html %q\n%s", back, attr, text, html, out)
		}
		if html == "" && (strings.Contains(string(out), "&amp;") || strings.Contains(string(out), "&lt;")) {
			t.Errorf("plain text has a named reference: %s", out)
		}
	})
}
