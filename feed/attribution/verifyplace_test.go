package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVerifyPlace checks that a credit is published only if its link and its passage belong together.
func TestVerifyPlace(t *testing.T) {
	const passage = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const quoted = "\n\n> " + passage + "\n"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|AUTHORS|URL", and "via NAME"
	}{
		{"a link in the paragraph before",
			"The [Guardian](https://www.theguardian.com/a/dredger) reported on the dredger.\n\nI also found [this report](https://ports.example/sand)." + quoted, nil},
		{"the link in the last sentence", "Sand is heavy. The [Guardian](https://www.theguardian.com/a/sand) writes:" + quoted,
			[]string{"The Guardian||https://www.theguardian.com/a/sand"}},
		{"the nearer of two publications", "In reply to [an article](https://www.theguardian.com/a/sand), there is now [a longer one](https://www.nytimes.com/2020/01/02/sand.html):" + quoted,
			[]string{"The New York Times||https://www.nytimes.com/2020/01/02/sand.html"}},
		{"the author's page after the publication", "In [the Guardian](https://www.theguardian.com/a/sand), [Ruth Calloway](https://ruth.example/about) writes:" + quoted,
			[]string{"Guardian|Ruth Calloway|https://www.theguardian.com/a/sand"}},
		{"a remark of the author after the publication", "From [the Guardian](https://www.theguardian.com/a/sand), which [I have praised before](https://harbour.example/2019/praise):" + quoted,
			[]string{"Guardian||https://www.theguardian.com/a/sand"}},
		{"a link on the verb", "We keep [a list of ports](https://ports.example/list). Ruth Calloway [recently wrote](https://reed.example/2020/sand):" + quoted,
			[]string{"|Ruth Calloway|https://reed.example/2020/sand"}},
		{"a link to pay on the verb", "Ruth Calloway [asks for help](https://paypal.me/RuthCalloway/sand), and in [The Guardian](https://www.theguardian.com/a/sand) she writes:" + quoted,
			[]string{"The Guardian|Ruth Calloway|https://www.theguardian.com/a/sand"}},
		{"a film", "Le port en hiver se voit aussi dans un film, [disponible sur Vimeo](https://vimeo.com/album/12/video/4288)&nbsp;:\n\n" +
			"Il est court, mais les bateaux y sont.\n", nil},
	}
	r := newReader(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			res := read(t, r, "markdown", "", tt.body)
			for _, q := range res.Quotes {
				got = append(got, fmt.Sprintf("%s|%s|%s", q.Source.Publication, strings.Join(authorNames(q.Source.Authors), "; "), q.Source.URL))
			}
			for _, v := range res.Via {
				got = append(got, "via "+v.Name)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}
