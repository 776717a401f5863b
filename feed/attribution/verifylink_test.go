package attribution

import "testing"

// TestVerifyLink checks what the link of a credit leads to, and the names beside it.
func TestVerifyLink(t *testing.T) {
	const article = "https://www.theguardian.com/2021/feb/11/sand"
	checkQuotes(t, []formCase{
		{"a picture", "markdown", "You can see it in the [drawing by Ann Reed in the Guardian](https://media.guim.co.uk/2021/sand.gif) of last week." + formOwn, ""},
		{"what the author asked", "markdown", "I [asked](https://www.reddit.com/r/harbours/comments/7yp7qn/sand/dujvo3b/) this on Reddit, and somebody answered that it is harder than it looks:" + formBlock, ""},
		{"what the author noted", "markdown", "As I have [noted](" + article + ") in the Guardian before:" + formBlock, ""},
		{"what somebody else noted", "markdown", "As Ann Reed has [noted](" + article + ") in the Guardian before:" + formBlock, "Guardian||Ann Reed|" + article},
		{"a title that is taken for a publication", "markdown", "Ann Reed recently asked us to [Stop the Sand](https://reed.example/box/sand.html):" + formBlock,
			"||Ann Reed|https://reed.example/box/sand.html"},
		{"a publication after a preposition", "markdown", "Ann Reed writes in [Harbour and Sand](https://reed.example/box/sand.html):" + formBlock,
			"Harbour and Sand||Ann Reed|https://reed.example/box/sand.html"},
		{"a numbered part of a work", "markdown", "*Chapter V* says how the sand is counted:" + formBlock, ""},
		{"a publishing house", "markdown", "“The School of Sand” - Süddeutsche Zeitung Verlag 2018. I had it for Christmas, and it is a good year for harbours." + formOwn, ""},
		{"a name at the end of a sentence", "markdown", "> " + formQuote + "\n\nSource: [Oakham Booksellers.](https://oakhambooks.example/sand-and-salt)" + formOwn,
			"Oakham Booksellers|||https://oakhambooks.example/sand-and-salt"},
		{"the position of a speaker", "html", `<blockquote><p>` + formQuote + `</p><footer>Ann Reed, Harbour Director of the English Sand and Salt Society.</footer></blockquote>`, "||Ann Reed|"},
		{"the position of a person below a quotation", "markdown", "> " + formQuote + "\n>\n> — Ann Reed, Harbour’s SVP of Global Sand Services\n", "||Ann Reed|"},
		{"what somebody said in a link", "markdown", "A week ago [Ann said this about the sand](https://annreed.example/2025/01/04/sand/):" + formBlock,
			"annreed.example|||https://annreed.example/2025/01/04/sand/"},
		{"a kind of page in a link", "markdown", "The drawing is from a [New York Times interactive](https://www.nytimes.com/interactive/2013/02/20/movies/sand.html):" + formBlock,
			"The New York Times|||https://www.nytimes.com/interactive/2013/02/20/movies/sand.html"},
		{"the beginning of a clause", "text", "As Harbour Reed says in his letter, “every winter the basin fills with sand, and every spring the council pays for it”." + formOwn, ""},
		{"a publication after the title of a page", "markdown", "> " + formQuote + "\n\n—[The Colours of Sand, Wikipedia](https://en.wikipedia.org/wiki/Colours_of_Sand)\n",
			"Wikipedia|The Colours of Sand||https://en.wikipedia.org/wiki/Colours_of_Sand"},
		{"a common noun in a heading", "text", "Lack of a standard\n\nFor a long time, the basin was what the dredger left of it." + formOwn, ""},
		{"a word for a page after a name", "markdown", "According to the [Harbour Documentation Project's Ann Reed page](https://developer.harbour.example/docs/reed):" + formBlock,
			"developer.harbour.example|||https://developer.harbour.example/docs/reed"},
		{"a common noun that is a label of the host", "markdown", "There is one note in the harbour [docs](https://docs.harbour.example/sand#notes):" + formBlock, ""},
		{"a social network in a link", "markdown", "Somebody [on Linkedin wrote:](https://www.linkedin.com/posts/harbour-sand-7304450446553669635)" + formBlock,
			"Linkedin|||https://www.linkedin.com/posts/harbour-sand-7304450446553669635"},
		{"a word for a text after a name", "markdown", "I read in the [Quay Advertiser article](https://quayadvertiser.example/a/sand) this:" + formBlock,
			"Quay Advertiser|||https://quayadvertiser.example/a/sand"},
		{"a closing mark after a title", "html", `<blockquote><p>` + formQuote + `</p></blockquote><p>(<a href="https://reed.example/2022/sand">Ann Reed, « Le sable et le port »</a>)</p>`,
			"|Le sable et le port|Ann Reed|https://reed.example/2022/sand"},
		{"the articles about a person", "markdown", "I was raised on [Ann Reed of the New York Times](https://topics.nytimes.com/top/reference/timestopics/people/r/ann_reed/), and she would have written it." + formOwn, ""},
		{"a known name at the beginning of a longer one", "markdown", "I was asked to read the chapter in [The State of the Sand](https://stateofthesand.example/2021/basins):" + formBlock,
			"The State of the Sand|||https://stateofthesand.example/2021/basins"},
		{"an occupation", "html", `<blockquote><p>` + formQuote + `</p><footer>Ann Reed, singer.</footer></blockquote>`, "||Ann Reed|"},
		{"the author in the title of a page", "markdown", "* [Digging for Yourself - by Ann Reed - The Harbour Post](https://www.harbourpost.example/p/digging)\n",
			"The Harbour Post|Digging for Yourself|Ann Reed|https://www.harbourpost.example/p/digging"},
		{"a colon before the name of the site", "markdown", "[A study of the harbour has brought new attention to sand : NPR](https://www.npr.org/2024/02/21/123/sand)" + formOwn,
			"NPR|A study of the harbour has brought new attention to sand||https://www.npr.org/2024/02/21/123/sand"},
		{"a title of three sentences", "markdown", "* [Sure, It Won a Prize. But Is It Sand? Ask the Ferry - The New York Times](https://www.nytimes.com/2024/02/29/magazine/sand.html)\n",
			"The New York Times|Sure, It Won a Prize. But Is It Sand? Ask the Ferry||https://www.nytimes.com/2024/02/29/magazine/sand.html"},
	})
}

// TestIsCrossPost checks which paragraphs are notes on where else the post was published.
func TestIsCrossPost(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"This post originally appeared on [Harbour Notes](https://notes.example/a).":                           true,
		"Cross-posted at [Harbour Notes](https://notes.example/a).":                                            true,
		"Dieser Text ist zuerst erschienen in [Harbour Notes](https://notes.example/a), und zwar im Mai 2011.": true,
		"Article initialement publié sur [Harbour Notes](https://notes.example/a) en mars et dans la revue.":   true,
		"Publicado originalmente en [Harbour Notes](https://notes.example/a) el año pasado, y en la revista.":  true,
		"I found this post on [Harbour Notes](https://notes.example/a).":                                       false,
		"In 1902, when the harbour was first published on a map, it had nine boats, a lamp and a bell, and a man who rang it, " +
			"says [Harbour Notes](https://notes.example/a) in a long piece on the town.": false,
	} {
		rd, s := newCredit(t, r, text, citation{url: "https://notes.example/a"})
		if got := rd.isCrossPost(s, rd.doc.blocks[0]); got != want {
			t.Errorf("isCrossPost of %q is %v, want %v", text, got, want)
		}
		s.passages = []string{formQuote}
		if rd.isCrossPost(s, rd.doc.blocks[0]) {
			t.Errorf("isCrossPost of %q with a passage is true, want false", text)
		}
	}
}
