package attribution

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStructured checks that credits that markup or template code connects with their passage are certain.
func TestStructured(t *testing.T) {
	const (
		tide = "The tide keeps its own clock, and nobody has ever managed to wind it."
		moon = "The moon is a poor employer, and pays nobody at all."
	)
	r := newReader(t)
	for _, tt := range []struct {
		name, format, body string
		want               []string // "AUTHORS | PUBLICATION | HEADLINE | URL | PASSAGE"
	}{
		{"Octopress, author and work", "markdown", "I like this.\n\n{% blockquote Nell Carver, The Harbour Book %}\n" + tide +
			"\n{% endblockquote %}\n\nI wound it.", []string{"Nell Carver |  | The Harbour Book |  | " + tide}},
		{"Octopress, URL and title", "markdown", "{% blockquote Nell Carver http://tides.example/clocks Of Clocks %}\n\n" + tide +
			"\n\n" + moon + "\n\n{% endblockquote %}\n\nI wound it.",
			[]string{"Nell Carver |  | Of Clocks | http://tides.example/clocks | " + tide + "\n\n" + moon}},
		{"Octopress, all arguments", "markdown",
			"{% blockquote Nell Carver, Harbour Review http://tides.example/clocks Of Clocks %}\n" + tide + "\n{% endblockquote %}",
			[]string{"Nell Carver | Harbour Review | Of Clocks | http://tides.example/clocks | " + tide}},
		{"Octopress, a known publication", "markdown",
			"{% blockquote The Guardian http://www.theguardian.com/a/1 %}\n" + tide + "\n{% endblockquote %}",
			[]string{" | The Guardian |  | http://www.theguardian.com/a/1 | " + tide}},
		{"Octopress, after a lead", "markdown",
			"From the Guardian:\n\n{% blockquote %}\n" + tide + "\n{% endblockquote %}\n\nI wound it.",
			[]string{" | Guardian |  |  | " + tide}},
		{"Octopress, no credit", "markdown", "{% blockquote %}\n" + tide + "\n{% endblockquote %}\n\nI wound it.", nil},
		{"Octopress, no end", "markdown", "{% blockquote Nell Carver, The Harbour Book %}\n" + tide, nil},
		{"Octopress, the author", "markdown", "{% blockquote Otto Blum %}\n" + tide + "\n{% endblockquote %}", nil},
		{"Hugo", "markdown", `{{< quote author="Nell Carver" source="The Harbour Book" url="http://tides.example/clocks" >}}` +
			"\n" + tide + "\n{{< /quote >}}\n\nI wound it.",
			[]string{"Nell Carver |  | The Harbour Book | http://tides.example/clocks | " + tide}},
		{"Hugo, Markdown inside", "markdown", `{{% blockquote author="Nell Carver" link="http://tides.example/clocks" title="Of Clocks" %}}` +
			"\n\n" + tide + "\n\n{{% /blockquote %}}\n\nI wound it.",
			[]string{"Nell Carver |  | Of Clocks | http://tides.example/clocks | " + tide}},
		{"a caption with a work", "html", "<figure><blockquote><p>" + tide +
			"</p></blockquote><figcaption>Nell Carver, <cite>The Harbour Book</cite></figcaption></figure><p>I wound it.</p>",
			[]string{"Nell Carver |  | The Harbour Book |  | " + tide}},
		{"a caption with a link", "html", `<figure><blockquote cite="http://tides.example/clocks"><p>` + tide +
			`</p></blockquote><figcaption>— Nell Carver in <cite><a href="http://tides.example/clocks">Of Clocks</a></cite></figcaption></figure>`,
			[]string{"Nell Carver |  | Of Clocks | http://tides.example/clocks | " + tide}},
		{"a cite element in the quotation", "html",
			`<blockquote class="wp-block-quote"><p>` + tide + `</p><cite>Tom Reed</cite></blockquote><p>I wound it.</p>`,
			[]string{"Tom Reed |  |  |  | " + tide}},
		{"a footer in the quotation", "html",
			`<blockquote><p>` + tide + `</p><footer>— Nell Carver, <cite>The Harbour Book</cite></footer></blockquote>`,
			[]string{"Nell Carver |  | The Harbour Book |  | " + tide}},
		{"a pull quote with a credit", "html", `<p>Clocks again.</p><figure class="wp-block-pullquote"><blockquote><p>` + tide +
			`</p><cite>Nell Carver, The Harbour Book</cite></blockquote></figure><p>I wound it.</p>`,
			[]string{"Nell Carver |  | The Harbour Book |  | " + tide}},
		{"a pull quote of the author", "html", `<p>Clocks again.</p><figure class="wp-block-pullquote"><blockquote><p>` + tide +
			`</p><cite>Otto Blum</cite></blockquote></figure><p>` + tide + `</p>`, nil},
		{"a pull quote without a credit", "html", `<figure class="wp-block-pullquote"><blockquote><p>` + tide +
			`</p></blockquote></figure><p>I wound it.</p>`, nil},
		{"a caption that is no credit", "html", "<figure><blockquote><p>" + tide +
			"</p></blockquote><figcaption>The sign at the pier, in spring</figcaption></figure><p>I wound it.</p>", nil},
		{"the line below a clip", "html", `<blockquote><p>` + tide +
			`</p></blockquote><p>via <a href="http://tides.example/2011/clocks">tides.example</a></p><p>I wound it.</p>`,
			[]string{" | tides.example |  | http://tides.example/2011/clocks | " + tide}},
		{"the line in a clip", "markdown", "> " + tide + "\n>\n> via [www.tides.example](http://www.tides.example/2011/clocks)",
			[]string{" | tides.example |  | http://www.tides.example/2011/clocks | " + tide}},
		{"a via to the first page of a site", "html", `<blockquote><p>` + tide +
			`</p></blockquote><p>via <a href="http://tides.example/">tides.example</a></p>`, nil},
		{"a via with a name", "html", `<blockquote><p>` + tide +
			`</p></blockquote><p>via <a href="http://tides.example/2011/clocks">Nell</a></p>`, nil},
		{"a linked title at the end of the quotation", "markdown", "> " + tide +
			" - [Of Clocks and Tides](http://tides.example/clocks) by Nell Carver\n\nI wound it.",
			[]string{"Nell Carver |  | Of Clocks and Tides | http://tides.example/clocks | " + tide}},
		{"a linked tweet at the end of the quotation", "markdown", "> " + tide +
			" - [Nell Carver's tweet](https://twitter.com/nell/status/12)",
			[]string{"Nell Carver |  |  | https://twitter.com/nell/status/12 | " + tide}},
		{"a linked title in the last line of the quotation", "markdown", "> " + tide +
			"\n>\n> — [Of Clocks and Tides](http://tides.example/clocks)\n\nI wound it.",
			[]string{" | tides.example | Of Clocks and Tides | http://tides.example/clocks | " + tide}},
		{"an author after dots", "html", `<blockquote><p>` + tide + ` … <cite>Ruth Calloway</cite></p></blockquote>`,
			[]string{"Ruth Calloway |  |  |  | " + tide + " …"}},
		{"an author after an omission", "html", `<blockquote><p>` + tide + ` […] <cite>Ruth Calloway</cite></p></blockquote>`,
			[]string{"Ruth Calloway |  |  |  | " + tide + " […]"}},
		{"the author as the credit", "html", `<blockquote><p>` + tide + `</p><cite>Otto Blum</cite></blockquote>`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := parsed(t, tt.format, tt.body)
			in.Names = []string{"Otto Blum"}
			var got []string
			for _, q := range r.Read(in).Quotes {
				got = append(got, strings.Join([]string{strings.Join(authorNames(q.Source.Authors), ", "), q.Source.Publication,
					q.Source.Headline, q.Source.URL, q.Text}, " | "))
				if q.Confidence < 0.9 || q.PassageConfidence < 0.9 {
					t.Errorf("confidence %v and %v, want at least 0.9", q.Confidence, q.PassageConfidence)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("quotes in %s\n(-want +got):\n%s", tt.body, diff)
			}
		})
	}
}

// TestOwnTweet checks that an embedded post by the author is not credited.
func TestOwnTweet(t *testing.T) {
	tweet := func(name string) string {
		return `<blockquote class="twitter-tweet"><p>The pier is shut.</p>&mdash; ` + name +
			` (@x) <a href="https://twitter.com/x/status/1">June 4, 2014</a></blockquote>`
	}
	r := newReader(t)
	for _, tt := range []struct {
		body string
		want int
	}{
		{"<p>The pier again:</p>" + tweet("Nell Carver"), 1},
		{"<p>The pier again:</p>" + tweet("Otto Blum"), 0},
		{"<p>She wrote about it, and I tweeted this:</p>" + tweet("Otto"), 0},
		{"<p>That was hers. And mine:</p>" + tweet("Otto"), 0},
	} {
		in := parsed(t, "html", tt.body)
		in.Names = []string{"Otto Blum"}
		if got := r.Read(in); len(got.Quotes) != tt.want || tt.want == 0 && len(got.Suggestions) > 0 {
			t.Errorf("%s\nquotes %+v, suggestions %+v, want %d quotes", tt.body, got.Quotes, got.Suggestions, tt.want)
		}
	}
}
