package intake

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/markup"
)

var paperSource = feed.Source{
	Publication:   "The Paper",
	Headline:      "Talks held",
	URL:           "https://paper.example/1",
	Authors:       []feed.Author{{Name: "Ada Fox"}, {Name: "Bo Li"}},
	DatePublished: "2014-06-16",
}

const (
	paperCaption = `<figcaption>Ada Fox, Bo Li, <cite><a href="https://paper.example/1">Talks held</a></cite>, The Paper, ` +
		`<time datetime="2014-06-16">16 June 2014</time></figcaption>`
	paperLine = `<p>— Ada Fox, Bo Li, <cite><a href="https://paper.example/1">Talks held</a></cite>, The Paper, ` +
		`<time datetime="2014-06-16">16 June 2014</time></p>`
	paperQuotation = `<blockquote cite="https://paper.example/1">`
)

func parseBody(t *testing.T, body string) *html.Node {
	t.Helper()
	tree, err := markup.Parse(markup.HTML, body)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestCreditGiven(t *testing.T) {
	tests := []struct {
		name, body, passage string
		source              feed.Source
		want                string
	}{
		{
			name:    "wrapped in place",
			body:    `<p>Look:</p><p>“They  talked.</p><p>All <b>day</b>.”</p><p>So what.</p>`,
			passage: "They talked.\n\nAll day.",
			source:  paperSource,
			want: `<p>Look:</p><figure>` + paperQuotation + `<p>“They  talked.</p><p>All <b>day</b>.”</p></blockquote>` +
				paperCaption + `</figure><p>So what.</p>`,
		},
		{
			name:    "part of a paragraph between line breaks",
			body:    `<p>Look:<br><br>They talked.<br>All day.<br><br>So what.</p>`,
			passage: "They talked. All day.",
			source:  paperSource,
			want: `<p>Look:</p><figure>` + paperQuotation + `<p>They talked.<br/>All day.</p></blockquote>` + paperCaption +
				`</figure><p>So what.</p>`,
		},
		{
			name:    "text without paragraphs",
			body:    `Look:<br><br>They <i>talked</i>.<br><br>So what.`,
			passage: "They talked.",
			source:  paperSource,
			want: `Look:<figure>` + paperQuotation + `<p>They <i>talked</i>.</p></blockquote>` + paperCaption +
				`</figure>So what.`,
		},
		{
			name:    "within a sentence",
			body:    `<p>The Paper says “they talked”, and so what.</p><p>End.</p>`,
			passage: "they talked",
			source:  paperSource,
			want:    `<p>The Paper says “they talked”, and so what.</p>` + paperLine + `<p>End.</p>`,
		},
		{
			name:    "not in the content",
			body:    `<p>So what.</p>`,
			passage: "They talked.\n\nAll day.",
			source:  paperSource,
			want: `<p>So what.</p><figure>` + paperQuotation + `<p>They talked.</p><p>All day.</p></blockquote>` + paperCaption +
				`</figure>`,
		},
		{
			name:   "no passage",
			body:   `<p>So what.</p>`,
			source: paperSource,
			want:   `<p>So what.</p>` + paperLine,
		},
		{
			name:    "the author's blockquote",
			body:    `<blockquote><p>They talked.</p></blockquote><p>So what.</p>`,
			passage: "They talked.",
			source:  paperSource,
			want: `<figure>` + paperQuotation + `<p>They talked.</p></blockquote>` + paperCaption +
				`</figure><p>So what.</p>`,
		},
		{
			name:    "the author's figure without a caption",
			body:    `<figure><blockquote cite="https://own.example/">They talked.</blockquote></figure>`,
			passage: "They talked.",
			source:  paperSource,
			want:    `<figure><blockquote cite="https://own.example/">They talked.</blockquote>` + paperCaption + `</figure>`,
		},
		{
			name:    "the author's caption gets a link",
			body:    `<figure><blockquote>They talked.</blockquote><figcaption>Ada Fox in The Paper</figcaption></figure>`,
			passage: "They talked.",
			source:  paperSource,
			want: `<figure>` + paperQuotation + `They talked.</blockquote><figcaption>Ada Fox in ` +
				`<a href="https://paper.example/1">The Paper</a></figcaption></figure>`,
		},
		{
			name:    "the author's cite in the quotation has its link already",
			body:    `<blockquote><p>They talked.</p><p><cite><a href="https://paper.example/1">Ada</a></cite></p></blockquote>`,
			passage: "They talked.",
			source:  paperSource,
			want: paperQuotation +
				`<p>They talked.</p><p><cite><a href="https://paper.example/1">Ada</a></cite></p></blockquote>`,
		},
		{
			name:    "a list",
			body:    `<ul><li>One.</li><li>Two.</li></ul><p>So what.</p>`,
			passage: "One. Two.",
			source:  paperSource,
			want: `<figure>` + paperQuotation + `<ul><li>One.</li><li>Two.</li></ul></blockquote>` + paperCaption +
				`</figure><p>So what.</p>`,
		},
		{
			name:    "an item of a list",
			body:    `<ul><li>One.</li><li>Two.</li></ul>`,
			passage: "One.",
			source:  feed.Source{Publication: "The Paper"},
			want:    `<ul><li>One.</li><li>Two.</li></ul><p>— The Paper</p>`,
		},
		{
			name:    "in emphasis across the paragraph",
			body:    `<p>Look: <br><i class="x" id="y">They talked.<br><br>All day.</i></p>`,
			passage: "They talked. All day.",
			source:  feed.Source{Headline: "Talks held", Agencies: []string{"Wire"}, DatePublished: "2014"},
			want: `<p>Look: </p><figure><blockquote><p><i>They talked.<br/><br/>All day.</i></p></blockquote>` +
				`<figcaption><cite>Talks held</cite>, Wire, <time datetime="2014">2014</time></figcaption></figure>`,
		},
		{
			name:    "only an address is known",
			body:    `<p>They talked.</p>`,
			passage: "They talked.",
			source:  feed.Source{URL: "https://www.paper.example/1"},
			want: `<figure><blockquote cite="https://www.paper.example/1"><p>They talked.</p></blockquote>` +
				`<figcaption><cite><a href="https://www.paper.example/1">paper.example</a></cite></figcaption></figure>`,
		},
		{
			name:    "nothing is known",
			body:    `<p>They talked.</p>`,
			passage: "They talked.",
			want:    `<figure><blockquote><p>They talked.</p></blockquote></figure>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := parseBody(t, tt.body)
			q := placed{Quote: feed.Quote{Source: tt.source, Text: tt.passage}}
			q.passage, q.inline = newFinder(body).find(tt.passage)
			credit(body, []placed{q}, true)
			if diff := cmp.Diff(tt.want, markup.Clean(body)); diff != "" {
				t.Errorf("content with credits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreditRead(t *testing.T) {
	body := parseBody(t, `<p>From The Paper:</p><p>Talks held</p><p>They talked.</p><p>All day.</p><p>So what.</p><p>Again.</p>`)
	blocks := slices.Collect(body.ChildNodes())
	credit(body, []placed{{
		Quote:   feed.Quote{Source: paperSource, Text: "They talked.\n\nAll day.\n\nAgain."},
		passage: []*html.Node{blocks[2], blocks[3], blocks[5]},
		credit:  blocks[:2],
		read:    true,
	}, {
		Quote:  feed.Quote{Source: feed.Source{Publication: "Elsewhere"}},
		credit: blocks[4:5],
		read:   true,
	}, {
		// A second source of the same passage gets no caption.
		Quote:   feed.Quote{Source: feed.Source{Publication: "Elsewhere"}},
		passage: blocks[2:3],
		read:    true,
	}}, false)
	want := `<p>From The Paper:</p><p><a href="https://paper.example/1">Talks held</a></p>` +
		`<figure>` + paperQuotation + `<p>They talked.</p><p>All day.</p></blockquote>` +
		strings.Replace(paperCaption, "16 June 2014", "2014-06-16", 1) + `</figure>` +
		`<p>So what.</p><figure>` + paperQuotation + `<p>Again.</p></blockquote></figure>`
	if diff := cmp.Diff(want, markup.Clean(body)); diff != "" {
		t.Errorf("content with credits (-want +got):\n%s", diff)
	}
}

// TestCreditKeepsWords credits random parts of random posts. It checks that the result contains every word of the post,
// in the original order, and that only the credits were added.
func TestCreditKeepsWords(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		source, words := randomPost(r)
		body := parseBody(t, source)
		var nodes []*html.Node
		for n := range body.Descendants() {
			nodes = append(nodes, n)
		}
		want := words
		if got := strings.Fields(markup.PlainText(body)); !slices.Equal(got, want) {
			t.Fatalf("%s: the generated words are %q, but the tree has %q", source, want, got)
		}
		if r.IntN(2) == 0 {
			divideLines(body)
			nodes = slices.Collect(body.Descendants())
		}
		find := newFinder(body)
		var quotes []placed
		for i := range 1 + r.IntN(3) {
			q := placed{Quote: feed.Quote{Source: paperSource}}
			q.Source.URL = fmt.Sprintf("https://paper.example/%d", i)
			from := r.IntN(len(words))
			to := from + r.IntN(len(words)-from) + 1
			switch r.IntN(4) {
			case 0: // a given passage of the post
				q.Text = strings.Join(words[from:to], " ")
				q.passage, q.inline = find.find(q.Text)
			case 1: // a given passage that is not in the post
				q.Text = "elsewhere"
			default: // random nodes in document order
				q.read = true
				for _, n := range nodes {
					if r.IntN(6) == 0 {
						q.passage = append(q.passage, n)
					}
				}
				q.credit = []*html.Node{nodes[r.IntN(len(nodes))]}
				q.Source.Headline = words[from]
			}
			quotes = append(quotes, q)
		}
		added := credit(body, quotes, true)
		credited := markup.Clean(body)
		for n := range maps.Keys(added) {
			if n.Parent != nil {
				n.Parent.RemoveChild(n)
			}
		}
		if got := strings.Fields(markup.PlainText(body)); !slices.Equal(got, want) {
			t.Fatalf("%s\nwas converted to\n%s\nwords outside the credits (-want +got):\n%s",
				source, credited, cmp.Diff(want, got))
		}
		cleaned := parseBody(t, markup.Clean(body))
		if got := strings.Fields(markup.PlainText(cleaned)); !slices.Equal(got, want) {
			t.Fatalf("%s\nwas converted to\n%s\nwords after cleaning (-want +got):\n%s", source, credited, cmp.Diff(want, got))
		}
	}
}

// randomPost returns HTML and its words, which are all distinct.
func randomPost(r *rand.Rand) (source string, words []string) {
	var b strings.Builder
	word := func() {
		w := fmt.Sprintf("w%d", len(words))
		words = append(words, w)
		b.WriteString(" " + w + " ")
	}
	var inline func(depth int)
	inline = func(depth int) {
		for range 1 + r.IntN(4) {
			word()
			switch {
			case r.IntN(3) == 0:
				b.WriteString("<br>")
			case r.IntN(4) == 0 && depth < 3:
				name := []string{"b", "i", "span", "a", "cite", "q", "code"}[r.IntN(7)]
				b.WriteString("<" + name + ">")
				inline(depth + 1)
				b.WriteString("</" + name + ">")
			}
		}
	}
	var blocks func(depth int)
	blocks = func(depth int) {
		for range 1 + r.IntN(4) {
			name := []string{"p", "p", "p", "div", "blockquote", "figure", "figcaption", "h2", "pre", "section", ""}[r.IntN(11)]
			if name == "" {
				inline(0)
				b.WriteString("<br><br>")
				continue
			}
			b.WriteString("<" + name + ">")
			if slices.Contains([]string{"div", "blockquote", "figure", "section"}, name) && depth < 3 && r.IntN(2) == 0 {
				blocks(depth + 1)
			} else {
				inline(0)
			}
			b.WriteString("</" + name + ">")
		}
		switch r.IntN(6) {
		case 0:
			b.WriteString("<ul><li>")
			inline(0)
			b.WriteString("</li><li>")
			inline(0)
			b.WriteString("</li></ul>")
		case 1:
			b.WriteString("<table><tr><td>")
			inline(0)
			b.WriteString("</td><td>")
			inline(0)
			b.WriteString("</td></tr></table>")
		}
	}
	blocks(0)
	return b.String(), words
}
