package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVerify checks that published credits take their names and links from their own paragraph or list item, and that
// unknown publications, subjects and hosts that only describe a person are not published as sources.
func TestVerify(t *testing.T) {
	const passage = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const quoted = "\n\n> " + passage + "\n"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|HEADLINE|AUTHORS|URL|" and the first word of the passage
	}{
		{"a heading below the passage begins the next section",
			"##### [Why the harbour silts up](https://www.theguardian.com/environment/2019/may/02/harbour)\n\nA long read." + quoted +
				"\n##### [The Patient Mapmaker Ruth E. Calloway](https://maps.example/mapmaker)\n\nShe drew coasts.\n",
			[]string{"The Guardian|Why the harbour silts up||https://www.theguardian.com/environment/2019/may/02/harbour|Every"}},
		// the passage is not certain
		{"a document named in an earlier paragraph",
			"The [Tide Tables](https://harbour.example/tables) and the charts were of interest to me.\n\n" +
				"One thing I did not follow is some language in the appendix on dredging:" + quoted,
			nil},
		{"a paragraph with a link to a different site",
			"The week was long. Ruth Calloway shares a hard story, and [Psych Central debates tides](https://psychcentral.com/tides).\n\n" +
				"[Harbour Notes has a fine reply to the plan](https://harbournotes.example/2019/plan):" + quoted,
			[]string{"Harbour Notes|||https://harbournotes.example/2019/plan|Every"}},
		{"a person with a link to an encyclopedia",
			"[Ruth Calloway](https://en.wikipedia.org/wiki/Ruth_Calloway), a surveyor of the last century, had this to say about harbours:" + quoted,
			[]string{"||Ruth Calloway||Every"}},
		{"a person with a link to a collection of quotations",
			"> " + passage + "\n> \n> — [Ruth Ellen Calloway](https://www.brainyquote.com/authors/ruth_ellen_calloway)\n",
			[]string{"||Ruth Ellen Calloway||Every"}},
		{"a law with a link to an encyclopedia",
			"I would love to see us apply the [9th Harbour Act of the Province](https://en.wikipedia.org/wiki/Ninth_Harbour_Act), which says in part:" + quoted,
			nil},
		{"a caption with a link to an archive",
			"<figure><blockquote><p>" + passage + "</p></blockquote><figcaption>Joseph Calloway, <cite>" +
				"<a href=\"https://www.gutenberg.org/ebooks/99\">No. 9</a></cite>, The Spectator</figcaption></figure>\n",
			[]string{"The Spectator|No. 9|Joseph Calloway|https://www.gutenberg.org/ebooks/99|Every"}},
		{"the end of a newspaper's name",
			"That was best put by [Dan Calloway of the harbour board in an LA Times article](https://www.latimes.com/business/la-fi-harbour-story.html):" + quoted,
			[]string{"LA Times||Dan Calloway|https://www.latimes.com/business/la-fi-harbour-story.html|Every"}},
		{"a publication that is the subject of a person's article",
			"[Ruth Calloway has written a nice post](https://calloway.example/2006/08/07/users/) about how one AOL user plans her trips:" + quoted,
			[]string{"||Ruth Calloway|https://calloway.example/2006/08/07/users/|Every"}},
		{"a name cut short",
			"R&B Calloway Chandlery owner Davey Reed just [published the news in a public post on Facebook](https://www.facebook.com/davey.reed/posts/72):" + quoted,
			[]string{"Facebook|||https://www.facebook.com/davey.reed/posts/72|Every"}},
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
