package attribution

import "testing"

// TestIsCompany checks that a capitalized suffix of a company after the only author makes it a company.
func TestIsCompany(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"As Harbour Freight, Inc. says, the sand is back": true,
		"As Harbour Freight Ltd says, the sand is back":   true,
		"As Harbour Freight says, the sand is back":       false,
		"As Harbour Freight, sa directrice, says":         false,
	} {
		rd := r.readRules(parsed(t, "text", text), &scratch{})
		s := &source{citation: citation{authors: []string{"Harbour Freight"}}}
		if got := rd.isCompany(s, rd.doc.blocks[0]); got != want {
			t.Errorf("isCompany in %q is %v, want %v", text, got, want)
		}
	}
}

// TestIsAmbiguous checks that "he" is ambiguous only before a verb of saying and after the name of another person.
func TestIsAmbiguous(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"Anna Holt met Tony Hale and he told the council:":         true,
		"Anna Holt met Tony Hale and he has a new boat:":           false,
		"Anna Holt told the council, as she said of Tony Hale:":    false,
		"Anna Holt met the council and she told it what she knew:": false,
	} {
		rd := r.readRules(parsed(t, "text", text), &scratch{})
		s := &source{citation: citation{authors: []string{"Anna Holt"}}}
		if got := rd.isAmbiguous(s, rd.doc.blocks[0]); got != want {
			t.Errorf("isAmbiguous in %q is %v, want %v", text, got, want)
		}
	}
}

// TestMottoAndQuotation checks that an entry of a list is no motto if a quotation element is its passage.
func TestMottoAndQuotation(t *testing.T) {
	r := newReader(t)
	rd := r.readRules(parsed(t, "markdown", "- [The Guardian](https://www.theguardian.com/) -- \"All the news from the pier\"\n"), &scratch{})
	s := &source{citation: citation{pub: rd.publisherNamed("The Guardian")}}
	if b := rd.doc.blocks[0]; !rd.isMotto(s, b) {
		t.Error("the quoted words after the front page of a site are not a motto")
	}
	s.passageBlocks = []int{1}
	if b := rd.doc.blocks[0]; rd.isMotto(s, b) {
		t.Error("an entry with a quotation element is a motto")
	}
}

// TestWorkAtItsSite checks that the work in a structured credit is the publication if the URL is on the site of that
// name, and the headline otherwise.
func TestWorkAtItsSite(t *testing.T) {
	rd := newReader(t).readRules(parsed(t, "text", "Sand"), &scratch{})
	p := creditParts{name: "Ann Reed", work: "Harbour Lights", url: "https://harbourlights.example/2020/sand"}
	if c, ok := rd.citationOf(p); !ok || c.pub.name != "Harbour Lights" || c.headline != "" {
		t.Errorf("the citation is %+v, %v, want the publication Harbour Lights", c, ok)
	}
	p.url = "https://annreed.example/2020/sand"
	if c, ok := rd.citationOf(p); !ok || c.pub.name != "" || c.headline != "Harbour Lights" {
		t.Errorf("the citation is %+v, %v, want the headline Harbour Lights", c, ok)
	}
}

// TestReadingNamesSite checks that the readings of a candidate name the site of its URL.
func TestReadingNamesSite(t *testing.T) {
	r := newReader(t)
	const u = "https://oakhamcourier.example/2020/keys"
	rd := r.readRules(parsed(t, "html", `<p>Keys <a href="`+u+`">are handed back</a>, says the Oakham Courier</p>`), &scratch{})
	d := rd.decide()
	c := &candidate{rule: &source{citation: citation{url: u, pub: rd.publisherOfHost(u)}, creditBlocks: []int{0}}}
	rd.addReadings(d, c, []*candidate{c})
	if got := c.sources[0].source.pub.name; got != "Oakham Courier" {
		t.Errorf("the first reading has the publication %q, want Oakham Courier", got)
	}
}
