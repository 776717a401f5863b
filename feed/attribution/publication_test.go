package attribution

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
)

// TestPublicationTable checks that no two entries of the table share a name, an alias or a domain, and that the table
// contains publications in each of the four languages.
func TestPublicationTable(t *testing.T) {
	var table []Publication
	if err := json.Unmarshal(publicationData, &table); err != nil {
		t.Fatal(err)
	}
	if len(table) < 2000 {
		t.Errorf("the table has %d publications, want at least 2000", len(table))
	}
	names, domains := map[string]string{}, map[string]string{}
	claim := func(owners map[string]string, key, name string) {
		if owner, ok := owners[key]; ok && owner != name {
			t.Errorf("%q denotes both %q and %q", key, owner, name)
		}
		owners[key] = name
	}
	for _, e := range table {
		for _, n := range append([]string{e.Name}, e.Aliases...) {
			claim(names, fold(n), e.Name)
			if !e.Word && !startsWithAcronym(n) {
				claim(names, nameKey(n), e.Name)
			}
		}
		for _, d := range e.Domains {
			claim(domains, d, e.Name)
			if d != strings.ToLower(d) || strings.ContainsAny(d, "/: ") || !strings.Contains(d, ".") ||
				net.ParseIP(d) != nil || strings.HasPrefix(d, "www.") {
				t.Errorf("%q: domain %q, want a host name in lower case without www", e.Name, d)
			}
		}
	}
}

// TestKnownNames checks which publication a name or host denotes.
func TestKnownNames(t *testing.T) {
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"the LA Times":            "Los Angeles Times",
		"The Times":               "The Times",
		"Times":                   "The Times",
		"La Presse":               "La Presse",
		"Die Presse":              "Die Presse",
		"Tablet":                  "Tablet",
		"The Tablet":              "The Tablet",
		"The Statesman":           "The Statesman",
		"Statesman":               "", // a common word that is not listed as an alias
		"VTDigger":                "VTDigger",
		"Augsburger Allgemeine":   "Augsburger Allgemeine",
		"La Voix du Nord":         "La Voix du Nord",
		"Voix du Nord":            "La Voix du Nord",
		"Animal Político":         "Animal Político",
		"Physical Review Letters": "Physical Review Letters",
		"3 Quarks Daily":          "3 Quarks Daily",
	} {
		got := ""
		if e := r.pubs.lookup(name); e != nil {
			got = e.Name
		}
		if got != want {
			t.Errorf("%q denotes %q, want %q", name, got, want)
		}
	}
	for host, want := range map[string]string{
		"https://www.politifact.com/a":           "PolitiFact",
		"https://sport.ladepeche.fr/a":           "La Dépêche du Midi",
		"https://www.augsburger-allgemeine.de/x": "Augsburger Allgemeine",
		"https://blog.example/":                  "",
	} {
		got := ""
		if e := r.pubs.byHost(host); e != nil {
			got = e.Name
		}
		if got != want {
			t.Errorf("%s belongs to %q, want %q", host, got, want)
		}
	}
}
