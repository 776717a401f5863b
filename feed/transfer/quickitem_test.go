package transfer

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// around are start tags that items stand in.
var around = []string{
	"",
	`<x xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/"><x>`,
	`<x xmlns="http://www.w3.org/2005/Atom" xmlns:odd="http://odd.example/" xmlns:xml="http://wrong.example/"><x xmlns:odd=" http://purl.org/dc/elements/1.1/ ">`,
}

// inside returns a file whose items stand in start tags.
func inside(t *testing.T, open string) *xmlFile {
	t.Helper()
	f := &xmlFile{}
	if err := f.readHead([]byte(open)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestQuickItem holds which items are read without encoding/xml, and that they are read as it does.
func TestQuickItem(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"text", "<item><title>A &amp; B &lt;i&gt; &#8212;&#x2014;&quot;&apos;</title></item>", true},
		{"section", "<item>\r\n<content:encoded><![CDATA[<p>a & b <!-- c --></p>\r\n]] >]]></content:encoded>\r</item>", true},
		{"two sections", "<item><a><![CDATA[b]]]]><![CDATA[>c]]></a></item>", true},
		{"empty section", "<item><a><![CDATA[]]></a></item>", true},
		{"attributes", `<item a="1" odd:b='2 "x"' xml:lang="en" ><wp:c d="&amp;"/></item >`, true},
		{"nothing", "<item/>", true},
		{"an entity of HTML", "<item>&nbsp;</item>", false},
		{"a bare ampersand", "<item>a & b</item>", false},
		{"a namespace of its own", `<item xmlns:b="http://b.example/"><b:c/></item>`, false},
		{"a comment", "<item><!-- a --></item>", false},
		{"an instruction", "<item><?php a ?></item>", false},
		{"an end that is missing", "<item><a></item>", false},
		{"an attribute without marks", "<item a=1></item>", false},
		{"a section without end", "<item><![CDATA[a</item>", false},
		{"more than an item", "<item></item> ", false},
		{"no tag", "item", false},
		{"an end of a section in text", "<item>]]></item>", false},
		{"a forbidden character", "<item>&#0;</item>", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, open := range around {
				if _, ok := quickItem(inside(t, open).spaces, []byte(tt.text)); ok != tt.want {
					t.Errorf("in %q, quickItem(%q) reads it: %t, want %t", open, tt.text, ok, tt.want)
				}
				sameAsDecoder(t, open, tt.text)
			}
		})
	}
}

// sameAsDecoder holds that what quickItem reads is what encoding/xml reads.
func sameAsDecoder(t *testing.T, open, text string) {
	t.Helper()
	f := inside(t, open)
	got, ok := quickItem(f.spaces, []byte(text))
	if !ok {
		return
	}
	want, err := parseItem(f.open, []byte(text))
	if err != nil {
		t.Errorf("quickItem(%q) reads what encoding/xml refuses: %v", text, err)
		return
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(element{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("in %q, %q is read otherwise than by encoding/xml (-want +got):\n%s", open, text, diff)
	}
}

func FuzzQuickItem(f *testing.F) {
	for i := range around {
		f.Add(i, `<item a="1" odd:b='2'><wp:c>&#x41;&amp;b</wp:c><![CDATA[<p>]]><odd:d/>`+"\r\n</item>")
		f.Add(i, "<a:b xml:c='&#13;'>\r]]<a:b></a:b></a:b>")
	}
	f.Fuzz(func(t *testing.T, i int, text string) {
		if utf8.ValidString(text) && strings.HasPrefix(text, "<") {
			sameAsDecoder(t, around[uint(i)%uint(len(around))], string(clean([]byte(text))))
		}
	})
}
