package attribution

import "testing"

// TestPageTitles checks that the name of the site and of the author is removed from the title of a page, and that other
// titles with the same separators are whole.
func TestPageTitles(t *testing.T) {
	const quoted = "\n\n> Every winter the harbour fills with sand, and every spring the council pays to have it dug out again.\n"
	r := newLenientReader(t)
	for _, tt := range []struct{ title, address, headline, author string }{
		{"Sand Without End | Max Bauer - Ports and Piers", "https://mxp.example/sand", "Sand Without End", "Max Bauer"},
		{"Sand Without End « Quay Notes - a Blog", "https://notes.example/2006/sand", "Sand Without End", ""},
		{"Quay Notes » Sand Without End", "https://notes.example/2006/sand", "Sand Without End", ""},
		{"Quay Notes » Blog Archive » Sand Without End", "https://notes.example/2006/sand", "Sand Without End", ""},
		{"Quaynotes Weekly: Sand Without End", "https://quaynotes.example/2006/sand", "Sand Without End", ""},
		{"Sand Without End – Ruth Calloway", "https://ports.example/2006/sand", "Sand Without End", "Ruth Calloway"},
		{"Sand Without End - Winter in the Harbour", "https://ports.example/2006/sand", "Sand Without End - Winter in the Harbour", ""},
		{"Ruth Calloway: Sand Without End – Ruth Calloway", "https://ports.example/2006/sand", "Sand Without End", "Ruth Calloway"},
		{"Ann Reed's Sand Without End - Ruth Calloway", "https://ports.example/2006/sand", "Ann Reed's Sand Without End", "Ruth Calloway"},
		{"Sand: A Story Without End", "https://ports.example/2006/sand", "Sand: A Story Without End", ""},
	} {
		quotes := read(t, r, "markdown", "", quoted+"\nSource: ["+tt.title+"]("+tt.address+")\n").Quotes
		if len(quotes) != 1 {
			t.Errorf("%q: got %d quotes, want 1", tt.title, len(quotes))
			continue
		}
		author := ""
		if authors := quotes[0].Source.Authors; len(authors) > 0 {
			author = authors[0].Name
		}
		if got := quotes[0].Source.Headline; got != tt.headline || author != tt.author {
			t.Errorf("%q: got headline %q and author %q, want %q and %q", tt.title, got, author, tt.headline, tt.author)
		}
	}
}
