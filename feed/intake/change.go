package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// PostCredits are the credits of one post.
type PostCredits struct {
	ID      string   `json:"post"`
	Title   string   `json:"title,omitempty"`
	Credits []Credit `json:"credits"`
}

// Credits reads the credits of a stored post, with the decisions about them. A draft or private post has none. The
// error is an [*Error] if the post cannot be read.
func (in *Intake) Credits(st feed.StoredPost) (PostCredits, error) {
	record := st.Record
	if record.FirstSeen.IsZero() {
		record.FirstSeen = time.Unix(0, 0) // dates are irrelevant here
	}
	result, err := in.Item(st.ID, st.Raw, record, st.Decisions...)
	p := PostCredits{ID: st.ID, Credits: append([]Credit{}, result.Credits...)}
	if result.Item != nil {
		p.Title = result.Item.Title
	}
	return p, err
}

// Change is a requested decision about a credit of a post.
type Change struct {
	// Key selects the credit; if it is empty, Number does.
	Key string
	// Number is the 1-based position of the credit in the list of its post; 0 means the only credit of the post.
	Number int
	// Verdict is the decision. If it is empty, an earlier decision about the credit is withdrawn.
	Verdict feed.Verdict
	// Edit changes the credit if the verdict is [feed.Edited].
	Edit func(*feed.Quote)
}

// Of returns the credit that the change concerns, and the decision about it. Errors are of kind [feed.ErrNotFound] if
// the post has no such credit, and of kind [feed.ErrInvalid] if the decision cannot be made.
func (x Change) Of(st feed.StoredPost, p PostCredits) (Credit, feed.Decision, error) {
	credit, err := x.Choose(p)
	if err != nil {
		return Credit{}, feed.Decision{}, err
	}
	post, err := Decode(st.ID, st.Raw)
	if err == nil {
		err = decidable(post)
	}
	if err != nil {
		return Credit{}, feed.Decision{}, err
	}
	d := feed.Decision{Key: credit.Key, Verdict: x.Verdict, Read: credit.Quote}
	if credit.Decision != nil {
		d.Read = credit.Decision.Read
	}
	switch {
	case x.Verdict == "" && credit.Decision == nil:
		err = fmt.Errorf("there is no decision about this credit: %w", feed.ErrInvalid)
	case x.Verdict != "" && credit.State == CreditDormant:
		err = fmt.Errorf("the post no longer contains the words of this credit: %w", feed.ErrInvalid)
	case x.Verdict == feed.Edited:
		d.Edited, err = x.edited(post, credit, d.Read)
	}
	return credit, d, err
}

// Choose returns the credit that the change concerns. Its errors are of the same kinds as those of [Change.Of].
func (x Change) Choose(p PostCredits) (Credit, error) {
	n := len(p.Credits)
	switch {
	case x.Key != "":
		i := slices.IndexFunc(p.Credits, func(c Credit) bool { return c.Key == x.Key })
		if i < 0 {
			return Credit{}, fmt.Errorf("the post %q has no credit with the key %q: %w", p.ID, x.Key, feed.ErrNotFound)
		}
		return p.Credits[i], nil
	case n == 0:
		return Credit{}, fmt.Errorf("the post %q has no credits: %w", p.ID, feed.ErrNotFound)
	case x.Number == 0 && n == 1:
		return p.Credits[0], nil
	case x.Number == 0:
		return Credit{}, fmt.Errorf("the post %q has %d credits; choose one of them, such as %s#1: %w",
			p.ID, n, p.ID, feed.ErrInvalid)
	case x.Number > n:
		return Credit{}, fmt.Errorf("the post %q has no credit %d, only %d: %w", p.ID, x.Number, n, feed.ErrNotFound)
	}
	return p.Credits[x.Number-1], nil
}

// edited returns the edited credit. A new passage must occur in the post, because the words of the post are marked as
// the passage.
func (x Change) edited(post feed.Post, credit Credit, read feed.Quote) (*feed.Quote, error) {
	edited := credit.Quote
	edited.HTML, edited.Confidence = "", 0
	x.Edit(&edited)
	edited, err := checkQuote(edited)
	if err != nil {
		return nil, err
	}
	if s := edited.Source; s.Publication == "" && s.Headline == "" && len(s.Authors) == 0 {
		return nil, fmt.Errorf("want a publication, a headline or an author: %w", feed.ErrInvalid)
	}
	if edited.Text == "" || edited.Text == read.Text {
		return &edited, nil
	}
	body, err := content(post)
	if err != nil {
		return nil, err
	}
	if nodes, _ := newFinder(body).find(edited.Text); len(nodes) == 0 {
		return nil, fmt.Errorf("the post does not contain the passage %q: %w", shorten(edited.Text), feed.ErrInvalid)
	}
	return &edited, nil
}

// checkQuote returns q as it would be read from a post, or an [*Error] if a post with that quote would be rejected.
func checkQuote(q feed.Quote) (feed.Quote, error) {
	raw, err := json.Marshal(q)
	if err != nil {
		return q, invalid("credit", "%v", err)
	}
	var d decoder
	checked := d.quote("credit", raw)
	return checked, d.err
}

// decidable returns nil if decisions apply to the credits of a post, else an error of kind [feed.ErrInvalid].
func decidable(p feed.Post) error {
	switch {
	case len(p.Quotes) > 0 || p.Attribution == feed.AttributionGiven:
		return fmt.Errorf("the post sets its credits in its \"quotes\" member; change them there: %w", feed.ErrInvalid)
	case p.Attribution == feed.AttributionNone:
		return fmt.Errorf("the post has no credits because its \"attribution\" is \"none\": %w", feed.ErrInvalid)
	}
	return nil
}

// Edits are changes to a credit. A nil field leaves the value as it was read, and an empty one removes it.
type Edits struct {
	Publication, Headline, Date, URL, Text *string
	// Authors are the names of the authors. Empty names are ignored.
	Authors *[]string
}

// Apply changes q. A value that is equal to the current one except for white space at its ends changes nothing.
func (e Edits) Apply(q *feed.Quote) {
	set := func(to, value *string) bool {
		if value == nil || strings.TrimSpace(*value) == strings.TrimSpace(*to) {
			return false
		}
		*to = strings.TrimSpace(*value)
		return true
	}
	if set(&q.Source.Publication, e.Publication) {
		q.Source.PublicationURL, q.Source.FeedURL = "", "" // these are the URLs of the previous publication
	}
	set(&q.Source.Headline, e.Headline)
	set(&q.Source.DatePublished, e.Date)
	set(&q.Source.URL, e.URL)
	set(&q.Text, e.Text)
	if e.Authors == nil {
		return
	}
	var authors []feed.Author
	for _, name := range *e.Authors {
		if name = strings.TrimSpace(name); name != "" {
			authors = append(authors, feed.Author{Name: name})
		}
	}
	if !slices.EqualFunc(authors, q.Source.Authors, func(a, b feed.Author) bool { return a.Name == b.Name }) {
		q.Source.Authors = authors // the new authors have no URLs
	}
}
