package attribution

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/markup"
)

// longPostFile is a 3 KB post with page boilerplate and a report of eight paragraphs that are not marked as a
// quotation.
//
//go:embed testdata/long-post.txt
var longPostFile string

// longPost is longPostFile without its final line break.
var longPost = strings.TrimSuffix(longPostFile, "\n")

func TestReadLongPost(t *testing.T) {
	got := read(t, newReader(t), "text", "A Bridge Too Few", longPost)
	if len(got.Quotes) != 1 || len(got.Suggestions) != 0 {
		t.Fatalf("Read returned %d quotes and %d suggestions, want 1 and 0:\n%+v",
			len(got.Quotes), len(got.Suggestions), got.Quotes)
	}
	q := got.Quotes[0]
	want := feed.Source{
		Publication: "Guardian", PublicationURL: "https://theguardian.com/",
		FeedURL:  "https://www.theguardian.com/international/rss",
		Headline: "Council votes to count its bridges again", DatePublished: "2013-03-12",
		Authors: []feed.Author{{Name: "Nora Fielding"}, {Name: "Amos Teague"}, {Name: "Lena Brook Hastings"}},
	}
	if diff := cmp.Diff(want, q.Source); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if n := strings.Count(q.Text, "\n\n") + 1; n != 8 || !strings.HasSuffix(q.Text, "told the Guardian…") {
		t.Errorf("passage has %d paragraphs and ends in %q, want 8 paragraphs up to “told the Guardian…”",
			n, q.Text[max(0, len(q.Text)-30):])
	}
	if diff := cmp.Diff([]string{"What a sorry lot they are."}, got.Commentary); diff != "" {
		t.Errorf("commentary (-want +got):\n%s", diff)
	}
	if got.PostedBy != "Steve" || got.PostedOn != "2013-03-13" {
		t.Errorf("posted by %q on %q, want Steve on 2013-03-13", got.PostedBy, got.PostedOn)
	}
	var roles []Role
	for _, b := range got.Blocks {
		roles = append(roles, b.Role)
	}
	wantRoles := []Role{
		Noise, Title, Credit, Credit, Credit, Passage, Passage, Passage, Passage, Passage, Passage, Passage, Passage,
		Commentary, Posted, Footer, Footer, Footer, Footer,
	}
	if diff := cmp.Diff(wantRoles, roles); diff != "" {
		t.Errorf("roles of the blocks (-want +got):\n%s", diff)
	}
}

// TestReadmeExample reads the first example of the README, in which it replaces the placeholders of the passage and of
// the author's sentence, and compares the credit with the JSON that the README shows for it.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## From prose to a credit")
	block := func(language string) string {
		_, after, ok := strings.Cut(section, "```"+language+"\n")
		text, _, closed := strings.Cut(after, "```")
		if !ok || !closed {
			t.Fatalf("README.md: the section \"From prose to a credit\" has no %s code block", language)
		}
		return text
	}
	var shown struct {
		Extension struct {
			Quotes []feed.Quote `json:"quotes"`
		} `json:"_feedpub"`
	}
	if err := json.Unmarshal([]byte("{"+block("json")+"}"), &shown); err != nil {
		t.Fatalf("README.md: decode the credit's JSON: %v", err)
	}
	if len(shown.Extension.Quotes) != 1 {
		t.Fatalf("README.md shows %d quotes, want 1", len(shown.Extension.Quotes))
	}
	const passage, sentence = "The talks took place in Vienna on Monday, officials said…", "What a sad joke."
	post := strings.NewReplacer("[the passage]", passage, "[the author's own sentence]", sentence).Replace(block("text"))
	got := read(t, newReader(t), "text", "", post)
	if len(got.Quotes) != 1 {
		t.Fatalf("the README's example has %d quotes, want 1:\n%s", len(got.Quotes), post)
	}
	source := got.Quotes[0].Source
	source.PublicationURL, source.FeedURL = "", "" // omitted in the README
	if diff := cmp.Diff(shown.Extension.Quotes[0].Source, source); diff != "" {
		t.Errorf("credit of the README's example (-README +got):\n%s", diff)
	}
	if text := got.Quotes[0].Text; text == "" || !strings.Contains(post, text) {
		t.Errorf("passage of the README's example is %q, want the paragraph between credit and comment:\n%s", text, post)
	}
	if len(got.Commentary) != 1 || !strings.HasSuffix(strings.TrimSpace(post), got.Commentary[0]) {
		t.Errorf("commentary of the README's example is %q, want its last sentence:\n%s", got.Commentary, post)
	}
}

// TestMixedPost checks that a post with several sources, a nested quotation, an agency whose report a publication
// carried, and a via is read correctly in every format.
func TestMixedPost(t *testing.T) {
	type quote struct {
		Publication, Text string
		Agencies          []string
		Kind              Kind
	}
	const (
		pier  = "The old pier will be sold for a pound, the council said."
		gulls = "Painters have raised their prices since the spring, their association said."
		paint = "The paint will cost two million, it says."
	)
	for _, tt := range []struct {
		format, body string
		want         []quote
	}{
		{"text", "Busy day.\n\nFrom the Guardian:\n\n“" + pier + "”\n\nFrom the Daily Express:\n\n“" + paint +
			"”\n\nI have a brush!\n\n" +
			"An AP story in the Washington Post:\n\n“" + gulls + "”\n\nvia Seaside Gazetteer", []quote{
			{"Guardian", "“" + pier + "”", nil, Excerpt}, {"Daily Express", "“" + paint + "”", nil, Excerpt},
			{"Washington Post", "“" + gulls + "”", []string{"AP"}, Excerpt},
		}},
		{"html", "<p>Busy day.</p><p>From the Guardian:</p><blockquote><p>" + pier +
			"</p><p>From the Daily Express:</p><blockquote><p>" + paint +
			"</p></blockquote></blockquote><p>I have a brush!</p><p>An AP story in the Washington Post:</p><blockquote><p>" +
			gulls +
			"</p></blockquote><p>via <a href=\"https://gazetteer.example/\">Seaside Gazetteer</a></p>", []quote{
			{"Guardian", pier + "\n\nFrom the Daily Express:\n\n" + paint, nil, Excerpt}, {"Daily Express", paint, nil, Nested},
			{"Washington Post", gulls, []string{"AP"}, Excerpt},
		}},
		{"markdown", "Busy day.\n\nFrom the Guardian:\n\n> " + pier + "\n>\n> From the Daily Express:\n>\n> > " + paint +
			"\n\nI have a brush!\n\n" +
			"An AP story in the Washington Post:\n\n> " + gulls +
			"\n\n(via [Seaside Gazetteer](https://gazetteer.example/))", []quote{
			{"Guardian", pier + "\n\nFrom the Daily Express:\n\n" + paint, nil, Excerpt}, {"Daily Express", paint, nil, Nested},
			{"Washington Post", gulls, []string{"AP"}, Excerpt},
		}},
	} {
		t.Run(tt.format, func(t *testing.T) {
			res := read(t, newReader(t), tt.format, "", tt.body)
			var got []quote
			for _, q := range res.Quotes {
				got = append(got, quote{q.Source.Publication, q.Text, q.Source.Agencies, q.Kind})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("quotes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"Busy day.", "I have a brush!"},
				slices.DeleteFunc(res.Commentary, func(s string) bool { return strings.HasSuffix(s, ":") })); diff != "" {
				t.Errorf("commentary (-want +got):\n%s", diff)
			}
			if len(res.Via) != 1 || res.Via[0].Name != "Seaside Gazetteer" {
				t.Errorf("got vias %v, want Seaside Gazetteer", res.Via)
			}
		})
	}
}

// TestBlocksAreWholeNodes checks that each block maps to sibling nodes that contain its text and nothing else. Package
// intake wraps these nodes in place.
func TestBlocksAreWholeNodes(t *testing.T) {
	for _, tt := range []struct{ name, format, body string }{
		{"paragraphs of text", "text", longPost},
		{"lines of a paragraph", "text", "Wired:\nFirst line of it, said one.\nSecond line of it."},
		{"hard-wrapped text", "text",
			"From the Guardian:\n\nThe first line of this paragraph was broken by a program that\n" +
				"wrote it, and the second one goes on with a small letter, as\nit would."},
		{"line breaks without paragraphs", "html",
			`<div>One.<br><br>From <a href="https://www.wired.com/a/b">Wired</a>:<br><br>` +
				`<blockquote>Two.<br>Three.</blockquote>Four.</div>`},
		{"bold and links", "html",
			`<p><b>One</b> and <i>two</i></p><ul><li>a</li><li>b</li></ul><p>x<br><a href="https://example.com/">y</a> z</p>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, b := range read(t, newReader(t), tt.format, "", tt.body).Blocks {
				if len(b.Nodes) == 0 {
					t.Errorf("block %d, %q, has no nodes, want the nodes that contain its text", i, b.Text)
					continue
				}
				var text strings.Builder
				for k, n := range b.Nodes {
					if k > 0 && b.Nodes[k-1].NextSibling != n {
						t.Errorf("block %d, %q: its nodes are not consecutive siblings", i, b.Text)
					}
					text.WriteString(" " + allText(n))
				}
				if got := collapseSpace(text.String()); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(b.Text, " ", "") {
					t.Errorf("block %d: its nodes contain %q, want its text %q", i, got, b.Text)
				}
			}
		})
	}
}

// TestBlocksSharingNode checks that a line that shares an inline element with another line has no nodes.
func TestBlocksSharingNode(t *testing.T) {
	got := read(t, newReader(t), "html", "", `<div>A reader quotes a report from Wired: <i>One.<br><br>Two.</i></div>`)
	if len(got.Blocks) != 2 || len(got.Blocks[0].Nodes) != 0 || len(got.Blocks[1].Nodes) != 1 {
		t.Errorf("got blocks %+v, want two: the first without nodes and the second with its text node", got.Blocks)
	}
}

func allText(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return b.String()
}

func TestCanonical(t *testing.T) {
	r, err := New(Options{Publications: []Publication{
		{Name: "The Ellermoor Courier", Aliases: []string{"Courier"}, Domains: []string{"ellermoor.example"},
			FeedURL: "https://ellermoor.example/feed"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"The Guardian":                   "The Guardian",
		"the Guardian":                   "The Guardian",
		"Guardian":                       "The Guardian",
		"UK’s Guardian":                  "The Guardian",
		"the UK's Guardian":              "The Guardian",
		"today's U.K. Guardian":          "The Guardian",
		"the always cheerful Daily Mail": "Daily Mail",
		"AP":                             "Associated Press",
		"Die Süddeutsche Zeitung":        "Süddeutsche Zeitung",
		"Courier":                        "The Ellermoor Courier",
		"the Ellermoor Courier":          "The Ellermoor Courier",
		"The Valley Bugle":               "The Valley Bugle",
		"the Valley Bugle":               "Valley Bugle",
		"today's Valley Bugle":           "Valley Bugle",
		"eWeek":                          "eWeek",
		"":                               "",
	} {
		if got := r.Canonical(name).Publication; got != want {
			t.Errorf("Canonical(%q) = %q, want %q", name, got, want)
		}
	}
	if got := r.Canonical("Courier").FeedURL; got != "https://ellermoor.example/feed" {
		t.Errorf("feed of the configured publication is %q, want https://ellermoor.example/feed", got)
	}
}

func TestNewInvalidOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"a negative threshold":      {Threshold: -0.1},
		"a threshold above 1":       {Threshold: 1.1},
		"a threshold of NaN":        {Threshold: math.NaN()},
		"an unnamed publication":    {Publications: []Publication{{Name: " "}}},
		"an alias without a letter": {Publications: []Publication{{Name: "X", Aliases: []string{"…"}}}},
	} {
		if _, err := New(o); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("New with %s: error %v, want one of kind feed.ErrInvalid", name, err)
		}
	}
}

// TestThreshold checks that a credit below the threshold is a suggestion.
func TestThreshold(t *testing.T) {
	const body = "From the Valley Bugle:\n\nThe pump has been mended, said the man who mended it."
	low, err := New(Options{Threshold: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	high, err := New(Options{Threshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, low, "text", "", body); len(got.Quotes) != 1 || len(got.Suggestions) != 0 {
		t.Errorf("with a threshold of 0.05 there are %d quotes and %d suggestions, want 1 and 0",
			len(got.Quotes), len(got.Suggestions))
	}
	if got := read(t, high, "text", "", body); len(got.Quotes) != 0 || len(got.Suggestions) != 1 {
		t.Errorf("with a threshold of 1 there are %d quotes and %d suggestions, want 0 and 1",
			len(got.Quotes), len(got.Suggestions))
	}
}

// TestReadIsPure checks that Read does not modify the tree, and that repeated and concurrent calls return the same
// result.
func TestReadIsPure(t *testing.T) {
	r := newReader(t)
	n, err := markup.Parse(markup.Text, longPost)
	if err != nil {
		t.Fatal(err)
	}
	render := func() string {
		var b strings.Builder
		if err := html.Render(&b, n); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	before := render()
	first := fmt.Sprintf("%+v", r.Read(Input{Body: n}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if again := fmt.Sprintf("%+v", r.Read(Input{Body: n})); again != first {
				t.Errorf("a concurrent Read returned\n%s\nwant\n%s", again, first)
			}
		})
	}
	wg.Wait()
	if after := render(); after != before {
		t.Errorf("Read modified the tree (-before +after):\n%s", cmp.Diff(before, after))
	}
}

func TestReadEmptyPost(t *testing.T) {
	r := newReader(t)
	for _, in := range []Input{{}, {Title: "A title"}, {Body: &html.Node{Type: html.ElementNode, Data: "body"}}} {
		if got := r.Read(in); len(got.Quotes)+len(got.Suggestions)+len(got.Commentary)+len(got.Blocks) != 0 {
			t.Errorf("Read(%+v) = %+v, want an empty result", in, got)
		}
	}
}

// TestReportIsPublished checks that a publication is credited without a passage if a sentence says what it reports and
// its only link leads to the article there.
func TestReportIsPublished(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct{ report, want string }{
		{"The [Washington Post](https://www.washingtonpost.com/science/2024/01/02/tides/) reports today that the tides rise.", "Washington Post"},
		{"[Wired reported](https://www.wired.com/story/tides/) that the tides rise.", "Wired"},
		{"The BBC reports that [the tides rise](https://www.bbc.co.uk/news/science-environment-123456).", "BBC"},
		{"[Wired](https://www.wired.com/story/tides/) reports that the tides rise.", "Wired"},
	} {
		got := read(t, r, "markdown", "", tt.report+" I have moved the shed.")
		if len(got.Quotes) != 1 || got.Quotes[0].Source.Publication != tt.want || got.Quotes[0].Text != "" || len(got.Suggestions) != 0 {
			t.Errorf("%q: quotes %+v and suggestions %+v, want %s without a passage", tt.report, got.Quotes, got.Suggestions, tt.want)
		}
	}
}

// TestMentionIsLessCertain checks that a source without a passage is less certain than the same source with one.
func TestMentionIsLessCertain(t *testing.T) {
	r := newReader(t)
	certainty := func(body string) float64 {
		res := read(t, r, "markdown", "", body)
		all := slices.Concat(res.Quotes, res.Suggestions)
		if len(all) != 1 {
			t.Fatalf("%q: sources %+v, want one", body, all)
		}
		return all[0].Confidence
	}
	const quoted = "From the [New York Times](https://www.nytimes.com/2024/01/02/tides.html):\n\n" +
		"> The sea rose by a metre that night, and nobody slept.\n\nI have moved the shed."
	limit := certainty(quoted)
	for _, mention := range []string{
		"But [Wired reported](https://www.wired.com/story/tides/) that the tides rise. I have moved the shed.",
		"The [New York Times](https://www.nytimes.com/2024/01/02/tides.html) had a long report about the tides. I have moved the shed.",
		"In the Economist, Ann Lee says that harbours will close, and I think she is right about that.",
		"I learned from a [piece in Wired](https://www.wired.com/story/tides/) by Ann Lee that the tides rise.",
	} {
		if got := certainty(mention); got >= limit {
			t.Errorf("%q: certainty %v, want less than %v", mention, got, limit)
		}
	}
}
