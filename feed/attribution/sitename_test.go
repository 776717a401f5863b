package attribution

import (
	"slices"
	"strings"
	"testing"
)

func TestSiteLabels(t *testing.T) {
	for host, want := range map[string][]string{
		"harbour-lights.example":   {"harbourlights"},
		"blog.harbourlights.co.uk": {"blog", "harbourlights"},
		"thesalter.example":        {"salter"},
		"t.co":                     nil,
		"localhost":                nil,
	} {
		if got := siteLabels(host); !slices.Equal(got, want) {
			t.Errorf("siteLabels(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestSiteName(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text, host, want string
	}{
		{"Keys are handed back [Oakham Courier]", "oakhamcourier.co.uk", "Oakham Courier"},
		{"At The Salt Road: a walk", "saltroad.example", "The Salt Road"},
		{"A walk (Lens & Ledger)", "lensandledger.example", "Lens & Ledger"},
		{"Ein Weg, in Klimática", "klimatica.example", "Klimática"},
		{"Ruth Calloway says so", "calloway.example", ""},
		{"Notes of the Harbour", "harbour.example", "Harbour"},
		{"Harbour Notes of today", "notes.example", ""},
		{"We lens and ledger", "lensandledger.example", ""},
		{"Oakham, Courier", "oakhamcourier.example", ""},
		{"The courier of Oakham", "oakhamcourier.example", ""},
	} {
		rd := r.readRules(parsed(t, "text", tt.text), &scratch{})
		b := rd.doc.blocks[0]
		got := ""
		if at := rd.siteName(b, siteLabels(tt.host)); !at.empty() {
			got = b.slice(at)
		}
		if strings.TrimPrefix(got, "The ") != strings.TrimPrefix(tt.want, "The ") {
			t.Errorf("the name of %s in %q is %q, want %q", tt.host, tt.text, got, tt.want)
		}
	}
}

// TestSiteNameInLink checks that a single word in the text of a link is not the name of a site.
func TestSiteNameInLink(t *testing.T) {
	r := newReader(t)
	rd := r.readRules(parsed(t, "html", `<p><a href="https://tides.example/clocks">Of Clocks and Tides</a></p>`), &scratch{})
	if at := rd.siteName(rd.doc.blocks[0], []string{"tides"}); !at.empty() {
		t.Error("a word of the text of a link is taken for the name of the site")
	}
	rd = r.readRules(parsed(t, "html", `<p>So says <a href="https://tides.example/clocks">Tides</a></p>`), &scratch{})
	if at := rd.siteName(rd.doc.blocks[0], []string{"tides"}); at.empty() {
		t.Error("the text of a link is not taken for the name of the site")
	}
}

// TestNameSite checks that the text beside a link names its site, unless the name is that of another publication or the
// post's own heading.
func TestNameSite(t *testing.T) {
	r := newLenientReader(t)
	const block = "<blockquote><p>Every winter the harbour fills with sand, and every spring it is dug out again.</p></blockquote>"
	for _, tt := range []struct {
		text, want string
	}{
		{`Here is <a href="https://oakhamcourier.example/2020/keys">what they found</a>, from the Oakham Courier of Friday:`, "Oakham Courier"},
		{`Here is <a href="https://oakhamcourier.example/2020/keys">what they found</a>:`, "oakhamcourier.example"},
	} {
		in := parsed(t, "html", "<p>"+tt.text+"</p>"+block)
		in.Title = "Sand"
		got := r.Read(in).Quotes
		if len(got) != 1 || got[0].Source.Publication != tt.want {
			t.Errorf("the sources of %q are %+v, want one from %s", tt.text, got, tt.want)
		}
	}
}
