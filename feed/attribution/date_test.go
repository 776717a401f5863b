package attribution

import "testing"

func TestDate(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct{ language, text, want string }{
		{"en", "June 16, 2014", "2014-06-16"},
		{"en", "Monday 16 June 2014", "2014-06-16"},
		{"en", "Sunday August 22, 2010", "2010-08-22"},
		{"en", "Tuesday, June 17th, 2014", "2014-06-17"},
		{"en", "Sept. 3, 2001", "2001-09-03"},
		{"en", "Fri Oct 1, 2010 5:12pm EDT", "2010-10-01"},
		{"en", "9/15/11", "2011-09-15"},
		{"en", "15/9/11", "2011-09-15"},
		{"en", "6.5.14", "2014-06-05"},
		{"en", "2014-06-05", "2014-06-05"},
		{"en", "on Monday November 27, 2017 @10:30PM", "2017-11-27"},
		{"en", "June 31, 2014", ""},
		{"en", "may 5, 2014", ""},
		{"de", "16. Juni 2014, 12:30 Uhr", "2014-06-16"},
		{"de", "5.6.2014", "2014-06-05"},
		{"de", "Montag, den 5. Mai 2014", "2014-05-05"},
		{"es", "15 de abril de 2021", "2021-04-15"},
		{"es", "lunes, 5 de mayo de 2014", "2014-05-05"},
		{"fr", "le 1er mai 2010", "2010-05-01"},
	} {
		toks := r.lx.tokenize(tt.text, nil)
		end, d := r.lx.langs[tt.language].date(tt.text, toks, 0)
		got := d.String()
		if end != len(toks) {
			got = ""
		}
		if got != tt.want {
			t.Errorf("date of %q in language %s = %q, want %q", tt.text, tt.language, got, tt.want)
		}
	}
}
