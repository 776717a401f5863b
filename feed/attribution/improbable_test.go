package attribution

import "testing"

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
