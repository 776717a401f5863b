package attribution

import (
	"fmt"
	"strings"
	"testing"
)

// TestPlainTweets checks that a quotation with the signature of a social media post is read as such a post without the
// markup of an embed.
func TestPlainTweets(t *testing.T) {
	const text = "> Sand again in the harbour, and nobody to dig it out."
	const want = "Ruth Calloway|2019-06-05|https://twitter.com/ruthc/status/1136|Sand again in the harbour, and nobody to dig it out."
	r := newReader(t)
	for _, tt := range []struct{ name, body, want string }{
		{"a line", text + "\n>\n> — Ruth Calloway (@ruthc) [June 5, 2019](https://twitter.com/ruthc/status/1136)", want},
		{"the end of the text", text + "\n> — Ruth Calloway (@ruthc) [June 5, 2019](https://twitter.com/ruthc/status/1136)", want},
		{"below", text + "\n\n&mdash; Ruth Calloway (@ruthc) [June 5, 2019](https://twitter.com/ruthc/status/1136)", want},
		{"no account", text + "\n>\n> [June 5, 2019](https://twitter.com/ruthc/status/1136)", ""},
		{"no post", text + "\n>\n> — Ruth Calloway (@ruthc), [June 5, 2019](https://calloway.example/)", ""},
		{"a program of the author", "I built this last year:\n\n" + text +
			"\n>\n> — Harbour Bot (@harbourbot) [June 5, 2019](https://twitter.com/harbourbot/status/1136)", ""},
		{"an account that the text does not name", "I was there.\n\n" + text +
			"\n> — Harbour (@harbour) [June 5, 2019](https://twitter.com/hbr/status/1136)", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, q := range read(t, r, "markdown", "", tt.body).Quotes {
				if q.Kind == Tweet {
					got += fmt.Sprintf("%s|%s|%s|%s", strings.Join(authorNames(q.Source.Authors), "; "), q.Source.DatePublished, q.Source.URL, q.Text)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
