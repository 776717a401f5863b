package attribution

import "testing"

// TestUnnamedAccount checks that an embedded social media post that the text neither introduces nor names is only
// suggested if the text is in the first person, and that its date is read in any language.
func TestUnnamedAccount(t *testing.T) {
	tweet := func(name, account, date string) string {
		return `<blockquote class="twitter-tweet"><p>The pier is shut again until the ice is gone.</p>&mdash; ` + name +
			` (@` + account + `) <a href="https://twitter.com/` + account + `/status/1?ref_src=a">` + date + `</a></blockquote>`
	}
	tests := []struct {
		name, body string
		quotes     int
		date       string
	}{
		{"not introduced", "<p>I went to the pier in May, and it was cold there.</p>" + tweet("Nell Carver", "quaynell", "June 4, 2014"), 0, ""},
		{"introduced", "<p>I went to the pier in May. Somebody else was there:</p>" + tweet("Nell Carver", "quaynell", "June 4, 2014"), 1, "2014-06-04"},
		{"named", "<p>I went to the pier in May with Nell, as Carver remembers.</p>" + tweet("Nell Carver", "quaynell", "June 4, 2014"), 1, "2014-06-04"},
		{"not in the first person", "<p>The pier is old and cold.</p>" + tweet("Nell Carver", "quaynell", "June 4, 2014"), 1, "2014-06-04"},
		{"two accounts", "<p>I went to the pier in May, and it was cold there.</p>" + tweet("Nell Carver", "quaynell", "June 4, 2014") +
			tweet("Otto Blum", "quayotto", "June 5, 2014"), 2, "2014-06-04"},
		{"en español", "<p>Me gusta mucho el puerto, y mi barco está allí desde hace un año.</p>" + tweet("Nell Carver", "quaynell", "June 4, 2014"), 0, ""},
		{"a date in English", "<p>Ayer cerraron el puerto, según cuenta alguien desde la ciudad:</p>" +
			tweet("Nell Carver", "quaynell", "September 27, 2019"), 1, "2019-09-27"},
		{"a date in German", "<p>The pier is old and the town is cold in winter:</p>" + tweet("Nell Carver", "quaynell", "18. Oktober 2018"), 1, "2018-10-18"},
	}
	r := newReader(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, r, "html", "", tt.body)
			if len(got.Quotes) != tt.quotes {
				t.Fatalf("quotes %+v, want %d", got.Quotes, tt.quotes)
			}
			if tt.quotes > 0 && got.Quotes[0].Source.DatePublished != tt.date {
				t.Errorf("date %q, want %q", got.Quotes[0].Source.DatePublished, tt.date)
			}
			if tt.quotes == 0 && len(got.Suggestions) != 1 {
				t.Errorf("suggestions %+v, want one", got.Suggestions)
			}
		})
	}
}
