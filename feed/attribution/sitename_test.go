package attribution

import (
	"slices"
	"testing"
)

func TestSiteLabels(t *testing.T) {
	for host, want := range map[string][]string{
		"harbour-lights.example":   {"harbourlights"},
		"blog.harbourlights.co.uk": {"harbourlights"},
		"salter.substack.com":      {"salter"},
		"thesalter.example":        {"thesalter"},
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
		{"At The Salt Road: a walk", "thesaltroad.example", "The Salt Road"},
		{"At the Salt Road: a walk", "thesaltroad.example", "Salt Road"},
		{"It is in Le Progrès today", "leprogres.example", "Le Progrès"},
		{"So steht es in der Rheinpost von heute", "dierheinpost.example", ""},
		{"It is on at the Theatre now", "theatre.example", "Theatre"},
		{"Harbour & more", "harbour.example", "Harbour"},
		{"A walk (Lens & Ledger)", "lens.example", ""},
		{"Salter says so", "salter.example", ""},
		{"So says Salter", "salter.example", "Salter"},
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
		if got != tt.want {
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

// TestNameSite checks that the text beside a link names its site.
func TestNameSite(t *testing.T) {
	r := newLenientReader(t)
	const block = "<blockquote><p>Every winter the harbour fills with sand, and every spring it is dug out again.</p></blockquote>"
	const link = `<p>Here is <a href="https://oakhamcourier.example/2020/keys">what they found</a>`
	for text, want := range map[string]string{
		link + ", from the Oakham Courier of Friday:</p>": "Oakham Courier",
		link + ":</p>": "oakhamcourier.example",
	} {
		in := parsed(t, "html", text+block)
		in.Title = "Sand"
		if got := r.Read(in).Quotes; len(got) != 1 || got[0].Source.Publication != want {
			t.Errorf("the sources of %q are %+v, want one from %s", text, got, want)
		}
	}
}

// TestSetSiteName checks that a name is not set if it is that of an author, of a different known publication or of the
// post, and that a known publication is recognized.
func TestSetSiteName(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text, url, title, author string
		ok, known                bool
	}{
		{"It is in the Oakham Courier today", "https://oakhamcourier.example/a", "Sand", "", true, false},
		{"It is in the Oakham Courier today", "https://oakhamcourier.example/a", "Oakham Courier", "", false, false},
		{"It is by Ann Reed of today", "https://annreed.example/a", "Sand", "Ann Reed", false, false},
		{"It is in the Guardian today", "https://www.theguardian.com/a/sand", "Sand", "Ann Reed", true, true},
		{"It is in the Guardian today", "https://guardian.example/a", "Sand", "", false, false},
	} {
		in := parsed(t, "text", tt.text)
		in.Title = tt.title
		rd := r.readRules(in, &scratch{})
		s := &source{citation: citation{url: tt.url}}
		if tt.author != "" {
			s.authors = []string{tt.author}
		}
		ok := rd.setSiteName(s, rd.doc.blocks[0], siteLabels(hostOf(tt.url)))
		if ok != tt.ok || (s.pub.name != "") != tt.ok || (s.pub.known != nil) != tt.known {
			t.Errorf("the name of %s in %q: %+v, %v, want a name: %v, known: %v", tt.url, tt.text, s.pub, ok, tt.ok, tt.known)
		}
	}
}
