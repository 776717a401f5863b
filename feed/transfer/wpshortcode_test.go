package transfer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWPShortcodeNotes checks that each shortcode that is left as text is reported, and that words in brackets are not.
func TestWPShortcodeNotes(t *testing.T) {
	left := func(name string) string {
		return "f:1: the shortcode [" + name + "] cannot be replaced and was left as text"
	}
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"[contact-form to=\"me\"]", []string{left("contact-form")}},
		{"[box]Words[/box] and [box]more[/box]", []string{left("box")}},
		{"[poll id=1][slideshow]x[/slideshow]", []string{left("poll"), left("slideshow")}},
		{"[gallery ids=\"1\"]", []string{left("gallery")}},
		{"[audio]", []string{left("audio")}},
		{"[sic] and [...] and [1] and [[caption]] [see a = b, c < d] [a]", nil},
		{"[embed]https://video.example/1[/embed]", nil},
		{"[code]x[/code]", nil},
	} {
		name, content := wrap("wp", tt.text)
		for e, err := range (Options{}).Read(strings.NewReader(content), name) {
			if diff := cmp.Diff(tt.want, e.Notes); err != nil || diff != "" {
				t.Errorf("%q: got error %v and notes (-want +got):\n%s", tt.text, err, diff)
			}
		}
	}
}

// TestKramdown checks that kramdown's comments are not published.
func TestKramdown(t *testing.T) {
	const text = "One.\n\n{::comment}\nSecret.\n{:/comment}\n\n{::options toc_levels=\"1\" /}\n\n{::nomarkdown}\n<b>Two.</b>\n{:/nomarkdown}\n\n`{::x}` Three."
	const want = "One.\n\n\n\n\n\n\n<b>Two.</b>\n\n\n`{::x}` Three."
	if got := dropKramdown(text); got != want {
		t.Errorf("dropKramdown(%q): got %q, want %q", text, got, want)
	}
}
