package attribution

import "feedpub/feed"

// Report is a result in the JSON form in which it is given to scripts.
type Report struct {
	Quotes      []ReportedQuote `json:"quotes"`
	Suggestions []ReportedQuote `json:"suggestions"` // those below the threshold
	Commentary  []string        `json:"commentary"`
	Via         []ReportedVia   `json:"via"`
	PostedBy    string          `json:"posted_by,omitempty"`
	PostedOn    string          `json:"posted_on,omitempty"` // YYYY-MM-DD
}

// ReportedQuote is a quote of a [Report]. What the post does not state is empty.
type ReportedQuote struct {
	Publication string   `json:"publication,omitempty"`
	Headline    string   `json:"headline,omitempty"`
	Authors     []string `json:"authors"`
	Date        string   `json:"date,omitempty"` // YYYY-MM-DD
	URL         string   `json:"url,omitempty"`
	Agencies    []string `json:"agencies"`
	Kind        Kind     `json:"kind"`
	Text        string   `json:"text,omitempty"` // the passage, paragraphs parted by an empty line
	Confidence  float64  `json:"confidence"`
}

// ReportedVia is where a post's author found a source.
type ReportedVia struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// Report returns the result in its JSON form. Lists are empty, never null.
func (r Result) Report() Report {
	rep := Report{
		Quotes: reported(r.Quotes), Suggestions: reported(r.Suggestions), Commentary: append([]string{}, r.Commentary...),
		Via: []ReportedVia{}, PostedBy: r.PostedBy, PostedOn: r.PostedOn,
	}
	for _, v := range r.Via {
		rep.Via = append(rep.Via, ReportedVia(v))
	}
	return rep
}

func reported(quotes []Quote) []ReportedQuote {
	list := make([]ReportedQuote, 0, len(quotes))
	for _, q := range quotes {
		s := q.Source
		list = append(list, ReportedQuote{
			Publication: s.Publication, Headline: s.Headline, Authors: names(s.Authors), Date: s.DatePublished, URL: s.URL,
			Agencies: append([]string{}, s.Agencies...), Kind: q.Kind, Text: q.Text, Confidence: q.Confidence,
		})
	}
	return list
}

func names(authors []feed.Author) []string {
	list := make([]string, 0, len(authors))
	for _, a := range authors {
		list = append(list, a.Name)
	}
	return list
}
