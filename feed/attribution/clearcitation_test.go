package attribution

import (
	"strings"
	"testing"
)

// TestClearCitation checks that citations with a clear form are published with their headline, and that similar text
// is not.
func TestClearCitation(t *testing.T) {
	r := newReader(t)
	const own = "\n\nThe harbour fills with sand every winter. Nobody on the quay was surprised by it this year either.\n"
	tests := []struct {
		name, format, title, body string
		want                      string // "PUBLICATION|HEADLINE|AUTHORS", or empty if nothing is published
	}{
		{"a title and its author before a colon", "text", "", `In today's New York Times article "Who Pays for the Sand," Ann Reed poses the question: "Do those who land the most give what they should to the harbour?" I wonder.` + own,
			"New York Times|Who Pays for the Sand|Ann Reed"},
		{"reported by", "text", "", "Often enough it is the small boats that are hit. So it was today, as reported by The Guardian today:\nThe ferry hit the mole at seven in the morning. The pilots were making tea." + own,
			"The Guardian||"},
		{"the rest of an article", "text", "Pilots Warn of Sand at the Old Bar", "Monday, July 23, 2007\n\nPilots Warn of Sand at the Old Bar\n\nThe chart, said to be new, is full of small errors. The man who drew it says that he was rowed out twice. But now......more from the Washington Post.",
			"Washington Post|Pilots Warn of Sand at the Old Bar|"},
		{"a line with a person and vias", "text", "", "Ann Reed (Hacker News):\n\nNew rules came on Wednesday, and something in them is not right. They were read twice, and most of them are what every harbour writes." + own,
			"||Ann Reed"},
		{"a line with a person who writes", "text", "", "Ann Reed writes:\n\nA large new dredger that can be used for anything is quite all right, because some harbours are too shallow. It is hard to see what anybody has against it." + own,
			"||Ann Reed"},
		{"a line with a person and several vias", "text", "", "Ann Reed (Quay Talk, Hacker News, Slashdot):\n\nNew rules came on Wednesday, and something in them is not right. They were read twice, and most of them are what every harbour writes." + own,
			"||Ann Reed"},
		{"a line with a person", "text", "‘Why Small Harbours Charge Too Little’", "‘Why Small Harbours Charge Too Little’\n\nAnn Reed:\n\nTo land a boat here is to bet that the sand can be kept out of the basin for another year. So do not ask what it costs.",
			"|Why Small Harbours Charge Too Little|Ann Reed"},
		{"a line with a publication", "text", "", "From Harbour Times\n\nWhat is odd about the report is that nobody in it wanted the sand, although all of them brought some of it." + own,
			"Harbour Times||"},
		{"a person who writes for a publication", "text", "Sand", "Ann Reed, writing in The Guardian, about the boats that come over the bar.\nWhat we see at the bar was made in large part by an order of two years ago." + own,
			"The Guardian||Ann Reed"},
		{"a linked title and its author above a quotation", "markdown", "", "[Small harbours and their sand](https://ports.example/2015/sand) - by the ever patient Ann Reed:\n\n> Every winter the harbour fills with sand, and every spring the council pays to have it dug out again." + own,
			"|Small harbours and their sand|Ann Reed"},
		{"a numbered title", "text", "", "3. “Sand Without End” by Ann Reed in The Guardian:\n\n\"Every winter the harbour fills with sand, and every spring the council pays to have it dug out again.\"" + own,
			"The Guardian|Sand Without End|Ann Reed"},
		{"a numbered title in capitals", "text", "", "1/ WHO OWNS THE SAND, by Ann Reed (The Guardian)\n\n\"Every winter the harbour fills with sand, and every spring the council pays to have it dug out again.\"" + own,
			"The Guardian|WHO OWNS THE SAND|Ann Reed"},
		{"a publication before a dateline", "text", "", "AP: OSLO, Norway — The ferry began its week with a collision at the mole by the sound.\n\nIt had come to the island on the evening before." + own,
			"AP||"},

		{"an interview", "text", "", "Ann Reed:\n\nTo land a boat here is to bet that the sand can be kept out of the basin for another year.\n\nRuth Calloway:\n\nAnd do you bet on it yourself, now that you have two boats and a son on the quay?", ""},
		{"a place after from", "text", "", "From Oslo\n\nWhat is odd about the town is that nobody in it wanted the sand, although all of them brought some of it." + own, ""},
		{"a title that is only discussed", "text", "", "I have been thinking about a story in the New York Times, “Who Pays for the Sand?”, ever since." + own, ""},
		{"a person who is in a place", "text", "", "Ann Reed, in “Harbour View,” the old hotel, keeps a room for me. She argues with the porter." + own, ""},
		{"a person who asks in a dialogue", "text", "", "Then she turned.\n\nMary asks:\n\nWhere is the ferry?" + own, ""},
		{"a post with the author's own title", "text", "Why I Stopped Taking the Ferry to Work", "I stopped taking it in March, because it was late.\n\nRead the whole article at the Guardian",
			"Guardian||"},
		{"a host in brackets without a link", "html", "", `<h2>Engineers Build a Dredger (techcrunch.com)</h2><p>Two yards said today that they had built it.</p>`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, q := range read(t, r, tt.format, tt.title, tt.body).Quotes {
				got += q.Source.Publication + "|" + q.Source.Headline + "|" + strings.Join(authorNames(q.Source.Authors), ", ")
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
