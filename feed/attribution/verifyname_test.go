package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVerifyNames checks that employers, subjects, generic nouns and mentions are not published as sources, and that a
// headline is a whole title.
func TestVerifyNames(t *testing.T) {
	const passage = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const quoted = "\n\n> " + passage + "\n"
	const zitat = "\n\n> Jeden Winter füllt sich der Hafen mit Sand, und jedes Frühjahr bezahlt die Stadt dafür, dass er ausgebaggert wird.\n"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|HEADLINE|AUTHORS|URL|" and the first word of the passage
	}{
		{"the founder of a company", "Ruth Calloway, a pilot and the founder of Dropbox, writes:" + quoted,
			[]string{"||Ruth Calloway||Every"}},
		{"an author who is not described", "Ruth Calloway, back at [Quay Notes](https://quaynotes.example/2020/sand), writes:" + quoted,
			[]string{"Quay Notes||Ruth Calloway|https://quaynotes.example/2020/sand|Every"}},
		{"the editor of a linked publication", "Ruth Calloway, editor at [The Guardian](https://www.theguardian.com/a/harbour), writes:" + quoted,
			[]string{"The Guardian||Ruth Calloway|https://www.theguardian.com/a/harbour|Every"}},
		{"the title of a frame", "The Guardian made a film of it.\n\n<iframe src=\"https://www.youtube.com/embed/abc\" title=\"Sand Without End | The Guardian\"></iframe>" + quoted, nil},
		{"a remark in brackets", "From [the Guardian](https://www.theguardian.com/a/harbour) (worth reading in full):" + quoted,
			[]string{"Guardian|||https://www.theguardian.com/a/harbour|Every"}},
		{"a work that somebody named", "There is a plan [called Sand for All by Ruth Calloway](https://www.theguardian.com/a/harbour):" + quoted,
			[]string{"The Guardian||Ruth Calloway|https://www.theguardian.com/a/harbour|Every"}},
		{"an address below a passage", "A text from [Ruth Calloway](https://ports.example/2020/sand):" + quoted + "\nhttps://ports.example/2020/sand\n",
			[]string{"||Ruth Calloway|https://ports.example/2020/sand|Every"}},
		{"a doctor at an institution", "Ruth Calloway, ship's doctor at Harbourmouth, wrote:" + quoted, []string{"||Ruth Calloway||Every"}},
		{"eine Person von einer Firma", "Peter Albrecht von der Firma Hafenwerk schreibt:" + zitat,
			[]string{"||Peter Albrecht||Jeden"}},
		{"a reporter of a newspaper", "Ruth Calloway, harbour reporter at The Guardian, writes:" + quoted,
			[]string{"The Guardian||Ruth Calloway||Every"}},
		{"a person from a company in notes on a talk", "- Ships are slow.\n- Paul Calloway from Ferrymark thought of this as well:\n    - \"Why pay twice?\"\n", nil},
		{"the subject of a story",
			"There is a [story](https://www.theguardian.com/a/harbour) in The Guardian about a pilot, Ruth Calloway, who left: \"" + passage + "\"\n",
			[]string{"The Guardian|||https://www.theguardian.com/a/harbour|Every"}},
		{"the publication alone as author", "The numbers are from a survey of 3900 people (by Gallup).\n\nI wonder about the rest.\n", nil},
		{"an example in brackets", "The program joins the words of a name (e.g. Boston Globe) to one.\n\nIt works well.\n", nil},
		{"coverage of the post", "**Later:** My plan was [featured on Lifehacker](https://lifehacker.com/harbour-12), with drawings of the crane:\n\nI like it.\n", nil},
		{"a work that the author has read",
			"I like Ruth Calloway, I just finished *Red Harbour* and gave it away, and now she writes about sand:" + quoted,
			[]string{"||Ruth Calloway||Every"}},
		{"the full stop after a name", "Ruth Calloway reports on it for the [New York Times.](https://www.nytimes.com/2021/06/17/harbour.html)" + quoted,
			[]string{"New York Times||Ruth Calloway|https://www.nytimes.com/2021/06/17/harbour.html|Every"}},
		{"a title with brackets", "I've said the same for years, but never as well as Ruth Calloway did in her\n" +
			"[*Know Your Harbours and Ports (KYHAP)*](https://notes.example/2021/04/know-your-harbours/) blog post:" + quoted,
			[]string{"|Know Your Harbours and Ports (KYHAP)|Ruth Calloway|https://notes.example/2021/04/know-your-harbours/|Every"}},
		{"running text of a link", quoted + "\nThat's from [a great article on sand and ferries](https://www.theguardian.com/a/sand).\n",
			[]string{"The Guardian|||https://www.theguardian.com/a/sand|Every"}},
		{"a title of two sentences, and similar names of publications",
			"* [The harbour isn’t the sea. It’s a room](https://thecorrespondent.com/28/the-harbour-isnt-the-sea-its-a-room/374) - \"Every ship that " +
				"carries ten heavy boxes at once gets slower and slower, and then it stops, not because it is a bad ship.\"\n\n" +
				"* [The rise of small ports](https://ports.example/rise)\n",
			[]string{"The Correspondent|The harbour isn’t the sea. It’s a room||https://thecorrespondent.com/28/the-harbour-isnt-the-sea-its-a-room/374|"}},
		{"a quoted term", "They published [their own study](https://arxiv.org/abs/2601.00001) of what they call the “Closed Harbour effect”:" + quoted,
			[]string{"arXiv|||https://arxiv.org/abs/2601.00001|Every"}},
		{"a description of the author", "<blockquote><p>" + passage + " <cite>Ruth Calloway, Scottish historian, on the Roman harbours</cite></p></blockquote>\n",
			[]string{"||Ruth Calloway||Every"}},
		{"a date in the place of a title", quoted + "\n— Ruth Calloway, “Updated 2021-03-12”, [Nine Tides](https://ninetides.example/2021/calloway/)\n",
			[]string{"Nine Tides||Ruth Calloway|https://ninetides.example/2021/calloway/|Every"}},
		{"numbers in the place of a title", "* Two of the bells have been found in a shed. ([Wired](https://www.wired.com/2021/03/bells/), 4-Apr-2021)\n",
			[]string{"Wired|||https://www.wired.com/2021/03/bells/|"}},
		{"an emphasized number as a title", quoted + "\n— Ruth Calloway, *2666*, The Guardian, 12 May 2009\n",
			[]string{"The Guardian|2666|Ruth Calloway||Every"}},
		{"a row of links", "[Github](https://github.com/calloway/sand) | [Projects](https://calloway.example/p) | [About](https://calloway.example/a)\n\n" + passage + "\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, q := range readCase(t, tt.name, "markdown", tt.body) {
				var authors []string
				for _, a := range q.Source.Authors {
					authors = append(authors, a.Name)
				}
				first, _, _ := strings.Cut(q.Text, " ")
				got = append(got, fmt.Sprintf("%s|%s|%s|%s|%s", q.Source.Publication, q.Source.Headline,
					strings.Join(authors, "; "), q.Source.URL, first))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published quotes (-want +got):\n%s", d)
			}
		})
	}
}

// TestNumberInName checks that a date before a name in an element for credits does not become a part of the name.
func TestNumberInName(t *testing.T) {
	got := read(t, newReader(t), "html", "", `<blockquote>The pier will be shut from Friday, and it opens again in March if the ice allows.`+
		`<footer><span>2016-06-28</span> <span>Jeremy Reed</span> : <cite>for Sand</cite></footer></blockquote><p>So it goes.</p>`)
	for _, q := range got.Quotes {
		for _, a := range q.Source.Authors {
			if strings.ContainsAny(a.Name, "0123456789") {
				t.Errorf("a credit has the author %q", a.Name)
			}
		}
	}
	if len(got.Quotes) > 0 {
		t.Errorf("published %+v, want only suggestions", got.Quotes)
	}
}
