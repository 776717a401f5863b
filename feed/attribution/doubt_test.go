package attribution

import "testing"

// TestDoubts checks which doubts each credit raises, among those that the cases are about.
func TestDoubts(t *testing.T) {
	const u = "https://www.theguardian.com/environment/2019/may/02/harbour-closes-winter"
	r := newReader(t)
	guardian := (&reading{r: r}).publisherNamed("The Guardian")
	for _, tt := range []struct {
		text string
		c    citation
		d    doubt
		want bool
	}{
		{"[Ann Reed in the Guardian](" + u + ") says so.", citation{pub: guardian, url: u, authors: []string{"Ann Reed"}}, doubtAuthor, false},
		{"[Ann Reed](" + u + ") is in the Guardian.", citation{pub: guardian, url: u, authors: []string{"Ann Reed"}}, doubtAuthor, true},
		{"Ann Reed in the Guardian says so.", citation{pub: guardian, authors: []string{"Ann Reed"}}, doubtPerson, false},
		{"Sand Pump in the Guardian says so.", citation{pub: guardian, authors: []string{"Sand Pump"}}, doubtPerson, true},
		{"Check out [the sand](" + u + ") in the Guardian.", citation{pub: guardian, url: u}, doubtReferral, true},
		{"The Guardian says [the sand comes back](" + u + ").", citation{pub: guardian, url: u}, doubtReferral, false},
		{"- [Guardian](" + u + ")", citation{pub: guardian, url: u}, doubtBareEntry, true},
		{"- [Guardian](" + u + ") says that the sand comes back every winter", citation{pub: guardian, url: u}, doubtBareEntry, false},
		{"The [Guardian](https://www.theguardian.com/) says so.", citation{pub: guardian, url: "https://www.theguardian.com/"}, doubtAddress, true},
		{"The [Guardian](" + u + ") says so.", citation{pub: guardian, url: u}, doubtAddress, false},
		{"From [the film](https://www.imdb.com/title/tt0123456/).", citation{pub: (&reading{r: r}).publisherNamed("IMDb"), url: "https://www.imdb.com/title/tt0123456/"}, doubtCatalog, true},
		{"From [the Guardian](" + u + ").", citation{pub: guardian, url: u}, doubtCatalog, false},
		{"In *The Outsiders* it is so.", citation{pub: publisher{name: "The Outsiders"}}, doubtTitle, true},
		{"In *[The Outsiders](https://outsiders.example/a)* it is so.", citation{pub: publisher{name: "The Outsiders"}, url: "https://outsiders.example/a"}, doubtTitle, false},
		{"In The Outsiders it is so.", citation{pub: publisher{name: "The Outsiders"}}, doubtTitle, false},
		{"In *The Guardian* it is so.", citation{pub: guardian}, doubtTitle, false},
		{"- Harbour Lantern", citation{pub: publisher{name: "Harbour Lantern"}}, doubtListed, true},
		{"The Guardian and [two](" + u + ") [more](https://ports.example/2020/sand).", citation{pub: guardian, url: u}, doubtAmongLinks, true},
		{"The Guardian and [one](" + u + ").", citation{pub: guardian, url: u}, doubtAmongLinks, false},
		{"[All about Ann](https://www.theguardian.com/search?q=ann)", citation{pub: guardian, url: "https://www.theguardian.com/search?q=ann"}, doubtUnquoted, true},
	} {
		rd, s := newCredit(t, r, tt.text, tt.c)
		if got := rd.doubtsAbout(s); got.has(tt.d) != tt.want {
			t.Errorf("doubts about %q: %b; has(%v) is %v, want %v", tt.text, got, tt.d, got.has(tt.d), tt.want)
		}
	}
}
