package intake_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// read converts a post and fails the test if it is rejected.
func read(t *testing.T, members map[string]any, decisions ...feed.Decision) intake.Result {
	t.Helper()
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	result, err := intake.New(testSite, newReader(t)).Item("1", raw, feed.Record{ID: "1", FirstSeen: firstSeen}, decisions...)
	if err != nil {
		t.Fatalf("post rejected: %v", err)
	}
	return result
}

// states lists the credits as "state: publication, url".
func states(r intake.Result) []string {
	list := []string{}
	for _, c := range r.Credits {
		list = append(list, strings.TrimSuffix(string(c.State)+": "+c.Source.Publication+", "+c.Source.URL, ", "))
	}
	return list
}

// TestExternalURL checks that the only marked quotation of a post, and nothing else, is credited to its external URL.
func TestExternalURL(t *testing.T) {
	const (
		external = "https://www.theguardian.com/uk/pier"
		passage  = "The pier will be shut from Friday. It opens again in March."
		block    = "<blockquote><p>" + passage + "</p></blockquote>"
	)
	tests := []struct {
		name    string
		content string
		url     string
		want    []string
	}{
		{"lone", "<p>Worth a look:</p>" + block, external, []string{"published: The Guardian, " + external}},
		{"lone inline", "<p>They say <q>" + passage + "</q></p>", external, []string{"published: The Guardian, " + external}},
		{"unknown host", "<p>Worth a look:</p>" + block, "https://ferry.example/pier",
			[]string{"published: ferry.example, https://ferry.example/pier"}},
		{"unknown host and no text", block, "https://ferry.example/pier",
			[]string{"suggested: ferry.example, https://ferry.example/pier"}},
		{"same publication", "<p>From the Guardian:</p>" + block, external, []string{"published: Guardian, " + external}},
		{"different publication", "<p>From the New York Times:</p>" + block, external, []string{"published: New York Times"}},
		{"author in the lead-in", "<p>Ann Ross writes:</p>" + block, external,
			[]string{"published: The Guardian, " + external}},
		{"two quotations", block + "<p>And then:</p><blockquote><p>It never opened again, they said.</p></blockquote>",
			external, []string{}},
		{"no quotation", "<p>They shut the pier on Friday, I hear.</p>", external, []string{}},
		{"the blog itself", block, testSite.HomeURL + "/earlier", []string{}},
		{"an embed", `<blockquote class="twitter-tweet"><p>Shut!</p></blockquote>` + "<p>So it is.</p>", external, []string{"published: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, map[string]any{"external_url": tt.url, "content_html": tt.content})
			if diff := cmp.Diff(tt.want, states(got)); diff != "" {
				t.Errorf("credits of %s (-want +got):\n%s", tt.content, diff)
			}
		})
	}
	got := read(t, map[string]any{"external_url": external, "content_html": "<p>Worth a look:</p>" + block})
	want := `<p>Worth a look:</p><figure><blockquote cite="` + external + `"><p>` + passage +
		`</p></blockquote><figcaption>The Guardian</figcaption></figure>`
	if !strings.HasPrefix(got.Item.HTML, want[:80]) || !strings.Contains(got.Item.HTML, "The Guardian") {
		t.Errorf("content is %s, want the quotation credited as in %s", got.Item.HTML, want)
	}
}

// TestExternalURLTitle checks that a title such as "Rents Rise | The Bugle" gives the headline if The Bugle is the
// publication at the external URL, and that a shop is not a publication.
func TestExternalURLTitle(t *testing.T) {
	const lead, block = "<p>Ann Ross writes:</p>", "<blockquote><p>The pier will be shut from Friday. It opens again in March.</p></blockquote>"
	tests := []struct{ title, url, publication, headline string }{
		{"The pier closes | The Guardian", "https://www.theguardian.com/uk/pier", "The Guardian", "The pier closes"},
		{"The pier closes - Ferry Notes", "https://ferrynotes.example/pier", "ferrynotes.example", "The pier closes"},
		{"The Guardian: The pier closes", "https://www.theguardian.com/uk/pier", "The Guardian", "The pier closes"},
		{"Ferry Notes — The pier closes", "https://ferrynotes.example/pier", "ferrynotes.example", "The pier closes"},
		{"The pier closes - at last", "https://www.theguardian.com/uk/pier", "The Guardian", ""},
		{"The pier closes", "https://www.theguardian.com/uk/pier", "The Guardian", ""},
		{"The pier closes", "https://www.amazon.com/dp/12", "", ""},
	}
	for _, tt := range tests {
		got := read(t, map[string]any{"title": tt.title, "external_url": tt.url, "content_html": lead + block})
		if len(got.Item.Quotes) != 1 {
			t.Errorf("post %q about %s has the quotes %+v, want one", tt.title, tt.url, got.Item.Quotes)
			continue
		}
		if s := got.Item.Quotes[0].Source; s.Publication != tt.publication || s.Headline != tt.headline || s.URL != tt.url {
			t.Errorf("post %q about %s has the source %+v, want publication %q and headline %q", tt.title, tt.url, s, tt.publication, tt.headline)
		}
	}
}

// TestExternalURLLinked checks that the text of the post's link to its external URL is the headline if it is a title,
// that a credit for that link and the external URL are one credit, and that a resolver or a link shortener is not a
// publication.
func TestExternalURLLinked(t *testing.T) {
	const block = "<blockquote><p>The pier will be shut from Friday. It opens again in March.</p></blockquote><p>I shall miss it.</p>"
	tests := []struct{ url, lead, want string }{
		{"https://ferrynotes.example/pier", `The best news so far: <a href="%s">How the pier was shut for winter</a>`,
			"published: ferrynotes.example, How the pier was shut for winter"},
		{"https://ferrynotes.example/pier", `Ich habe es <a href="%s">dort gelesen</a>:`, "published: ferrynotes.example, "},
		{"https://ferrynotes.example/pier", `Read <a href="%s">this great article</a> about it:`, "published: ferrynotes.example, "},
		{"https://doi.org/10.1016/j.pier.2021.12.005", `Read it here: <a href="%s">Evidence of sand in public harbours</a>.`,
			"published: , Evidence of sand in public harbours"},
		{"https://doi.org/10.1016/j.pier.2021.12.005", `I read <a href="%s">it</a>:`, "suggested: , "},
		{"https://g.co/pier", "They say:", "suggested: , "},
	}
	for _, tt := range tests {
		lead := strings.ReplaceAll(tt.lead, "%s", tt.url)
		var got []string
		for _, c := range read(t, map[string]any{"title": "Sand", "external_url": tt.url, "content_html": "<p>" + lead + "</p>" + block}).Credits {
			got = append(got, fmt.Sprintf("%s: %s, %s", c.State, c.Source.Publication, c.Source.Headline))
		}
		if d := cmp.Diff(tt.want, strings.Join(got, "; ")); d != "" {
			t.Errorf("credits of a post about %s with %q (-want +got):\n%s", tt.url, lead, d)
		}
	}
}

// TestExternalURLOfAdjacentQuotations checks that adjacent block quotations are credited to the external URL as one
// quotation, but quotations with text between them are not.
func TestExternalURLOfAdjacentQuotations(t *testing.T) {
	const a, b = "<blockquote><p>The pier will be shut from Friday.</p></blockquote>\n", "<blockquote><p>It opens again in March.</p></blockquote>"
	for between, want := range map[string]string{"": "The pier will be shut from Friday.\n\nIt opens again in March.", "<p>And later on:</p>": ""} {
		got := read(t, map[string]any{"external_url": "https://www.theguardian.com/uk/pier", "content_html": a + between + b + "<p>I shall miss it.</p>"})
		text := ""
		if len(got.Item.Quotes) > 0 {
			text = got.Item.Quotes[0].Text
		}
		if text != want {
			t.Errorf("with %q between the quotations, the credited text is %q, want %q", between, text, want)
		}
	}
}

// TestExternalURLOfOthers checks that a quotation is credited neither to a via nor to the post's own URL, and that a
// post whose attribution is "none" gets no credits.
func TestExternalURLOfOthers(t *testing.T) {
	const block = "<blockquote><p>The pier will be shut from Friday.</p></blockquote>"
	for _, members := range []map[string]any{
		{"content_html": block, "url": "https://www.theguardian.com/uk/pier"},
		{"content_html": block, "via": []any{map[string]any{"name": "Links", "url": "https://www.theguardian.com/uk/pier"}}},
		{"content_html": block, "external_url": "https://www.theguardian.com/uk/pier", "attribution": "none"},
	} {
		if got := read(t, members); len(got.Credits) > 0 || len(got.Item.Quotes) > 0 {
			t.Errorf("credits of %v: got %v, want none", members, states(got))
		}
	}
}

// TestLinkedHeadline checks which texts of links to an article are used as its headline.
func TestLinkedHeadline(t *testing.T) {
	const block = "<blockquote><p>The pier will be shut from Friday. It opens again in March.</p></blockquote>"
	for text, want := range map[string]string{
		"The pier closes for the winter": "The pier closes for the winter",
		"Pier 14 closes for good":        "Pier 14 closes for good",
		"this":                           "",
		"a fine piece on the pier":       "",
		"September 16, 2022":             "",
		"A report in the Guardian":       "",
	} {
		lead := `<p>I liked <a href="https://www.theguardian.com/uk/pier">` + text + `</a> a lot:</p>`
		got := read(t, map[string]any{"content_html": lead + block})
		if len(got.Item.Quotes) != 1 || got.Item.Quotes[0].Source.Headline != want {
			t.Errorf("the link %q gives %+v, want one quote with the headline %q", text, got.Item.Quotes, want)
		}
	}
}

const (
	harbour = "<p>From the Harbour Notes:</p><blockquote><p>Ships are late, a captain said on the quay.</p></blockquote>" +
		"<p>I knew it.</p>"
	aunt = "<p>From Aunt Mary:</p><blockquote><p>Stir well until it thickens, and serve it hot.</p></blockquote>"
)

// decision returns a decision about a credit of a post with the given content.
func decision(t *testing.T, content string, n int, verdict feed.Verdict) feed.Decision {
	t.Helper()
	credits := read(t, map[string]any{"content_html": content}).Credits
	if len(credits) <= n {
		t.Fatalf("%s has %d credits, want more than %d", content, len(credits), n)
	}
	c := credits[n]
	return feed.Decision{Key: c.Key, Verdict: verdict, Read: c.Quote}
}

// TestDecisions checks what is published after each verdict, including after the post changes.
func TestDecisions(t *testing.T) {
	rejected := decision(t, harbour, 0, feed.Rejected)
	accepted := decision(t, harbour, 0, feed.Accepted)
	edited := decision(t, harbour, 0, feed.Edited)
	edited.Edited = &feed.Quote{
		Source: feed.Source{Publication: "Quay Courier", Headline: "Late again", Authors: []feed.Author{{Name: "Ann Ross"}}},
		Text:   edited.Read.Text,
	}
	tests := []struct {
		name     string
		content  string
		decision feed.Decision
		want     []string
	}{
		{"accepted", harbour, accepted, []string{"published: Harbour Notes"}},
		{"rejected", harbour, rejected, []string{"rejected: Harbour Notes"}},
		{"edited", harbour, edited, []string{"published: Quay Courier"}},
		{"rejected, with a new paragraph", "<p>New.</p>" + harbour, rejected, []string{"rejected: Harbour Notes"}},
		{"edited, with other punctuation", strings.ReplaceAll(harbour, "late, a", "late — a"), edited,
			[]string{"published: Quay Courier"}},
		{"accepted, passage gone", "<p>It rained.</p>", accepted, []string{"dormant: Harbour Notes"}},
		{"rejected, passage gone", aunt, rejected, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := states(read(t, map[string]any{"content_html": tt.content}, tt.decision))
			if tt.name == "rejected, passage gone" {
				// The credits of the other quotation do not matter here.
				if len(got) == 0 || got[len(got)-1] != "dormant: Harbour Notes" {
					t.Errorf("credits are %q, want the last one dormant", got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("credits (-want +got):\n%s", diff)
			}
		})
	}
	r := read(t, map[string]any{"content_html": harbour}, edited)
	q := r.Item.Quotes[0]
	if !q.Certain || q.Confidence != 1 || q.Source.Headline != "Late again" || q.Text != edited.Read.Text {
		t.Errorf("the edited credit is %+v, want it certain, with the edited headline and the passage", q)
	}
	for _, c := range r.Credits {
		if c.Key != edited.Key {
			t.Errorf("the edited credit has the key %s, want %s, so that it can be changed again", c.Key, edited.Key)
		}
	}
	if !strings.Contains(r.Item.HTML, "Quay Courier") || strings.Count(r.Item.HTML, "<blockquote") != 1 {
		t.Errorf("content is %s, want one quotation credited to the Quay Courier", r.Item.HTML)
	}
}

// TestAcceptSuggestion checks that an accepted suggestion is published, and that a decision without a passage depends
// on the name of the source.
func TestAcceptSuggestion(t *testing.T) {
	const content = "<p>From Aunt Mary:</p><p>Stir well until it thickens.</p>"
	before := read(t, map[string]any{"content_html": content})
	if len(before.Suggestions) != 1 || len(before.Item.Quotes) != 0 {
		t.Fatalf("the post has %d suggestions and %d quotes, want 1 and 0", len(before.Suggestions), len(before.Item.Quotes))
	}
	d := decision(t, content, 0, feed.Accepted)
	after := read(t, map[string]any{"content_html": content}, d)
	if diff := cmp.Diff([]string{"published: Aunt Mary"}, states(after)); diff != "" {
		t.Errorf("credits after acceptance (-want +got):\n%s", diff)
	}
	if len(after.Suggestions) > 0 || len(after.Item.Quotes) != 1 || !after.Item.Quotes[0].Certain {
		t.Errorf("after acceptance: got suggestions %v and quotes %v, want one certain quote",
			after.Suggestions, after.Item.Quotes)
	}
	if got := states(read(t, map[string]any{"content_html": "<p>It rained.</p>"}, d)); got[0] != "dormant: Aunt Mary" {
		t.Errorf("without the name of the source the decision is %q, want it dormant", got)
	}
}

// TestGivenCreditsIgnoreDecisions checks that decisions do not change the credits in the "quotes" member of a post.
func TestGivenCreditsIgnoreDecisions(t *testing.T) {
	d := decision(t, harbour, 0, feed.Rejected)
	got := read(t, map[string]any{"content_html": harbour, "quotes": []any{
		map[string]any{"source": map[string]any{"publication": "Harbour Notes"}, "text": d.Read.Text},
	}}, d)
	if diff := cmp.Diff([]string{"published: Harbour Notes"}, states(got)); diff != "" {
		t.Errorf("credits (-want +got):\n%s", diff)
	}
}

// TestLinkedHeadlineElsewhere checks that the text of a link to the article is the headline only if it is in the credit
// or has a paragraph of its own.
func TestLinkedHeadlineElsewhere(t *testing.T) {
	const (
		article = `<a href="https://www.theguardian.com/uk/pier">`
		rest    = `<p>` + article + `Ann Ross at the Guardian</a> writes:</p>` +
			`<blockquote><p>The pier will be shut from Friday. It opens again in March.</p></blockquote>`
	)
	tests := []struct{ name, content, want string }{
		{"a sentence of the author", "<p>The sea rose. " + article + "How fitting that nobody saw it coming</a> in our town.</p>" + rest, ""},
		{"a paragraph", "<p>" + article + "Pier to shut for the winter</a></p>" + rest, "Pier to shut for the winter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, map[string]any{"content_html": tt.content}).Item.Quotes
			if len(got) != 1 || got[0].Source.Headline != tt.want {
				t.Errorf("quotes of %s: got %+v, want one with the headline %q", tt.content, got, tt.want)
			}
		})
	}
}
