package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// creditRow is a credit that waits for a decision, with the fields of its form.
type creditRow struct {
	Post, Title, Key string
	Dormant          bool // the decision is about words that the post no longer contains, so it can only be withdrawn
	Text, Source     string
	Reason, Verdict  string

	Publication, Headline, Authors, Date, URL string
	// Error is the reason why a submitted form was refused. The form is shown again with the submitted fields.
	Error string
}

func newCreditRow(p intake.PostCredits, c intake.Credit) creditRow {
	names := make([]string, len(c.Source.Authors))
	for i, a := range c.Source.Authors {
		names[i] = a.Name
	}
	row := creditRow{
		Post: p.ID, Title: p.Title, Key: c.Key, Dormant: c.State == intake.CreditDormant, Text: c.Text, Reason: c.Reason,
		Publication: c.Source.Publication, Headline: c.Source.Headline, Authors: strings.Join(names, "\n"),
		Date: c.Source.DatePublished, URL: c.Source.URL,
	}
	if !row.Dormant {
		row.Reason = fmt.Sprintf("%s; certainty %.2f", c.Reason, c.Confidence)
	}
	if c.Decision != nil {
		row.Verdict = string(c.Decision.Verdict)
	}
	var parts []string
	for _, part := range append(slices.Clone(names), c.Source.Headline, c.Source.Publication, c.Source.DatePublished) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	row.Source = strings.Join(parts, ", ")
	return row
}

// creditForm contains the values of the hidden fields that identify a credit.
type creditForm struct {
	CSRF      string
	Site      feed.SiteID
	Post, Key string
}

// Form returns the hidden fields of a form about a credit. The template calls it.
func (p page) Form(c creditRow) creditForm { return creditForm{p.CSRF, p.Site, c.Post, c.Key} }

// describeCredits sets the credits that wait for a decision, and removes the posts with those credits from the list of
// problems. The ids are those of posts that may have such credits.
func (h *handler) describeCredits(ctx context.Context, p *page, s *Site, ids []string) {
	shown := map[string]bool{}
	err := s.Credits.Each(ctx, ids[:min(len(ids), pageCreditPosts)], func(post intake.PostCredits) error {
		for _, c := range post.Credits {
			if c.State != intake.CreditSuggested && c.State != intake.CreditDormant {
				continue
			}
			if len(shown) == pageCredits && !shown[post.ID] {
				p.MoreCredits = true
				break
			}
			shown[post.ID] = true
			p.Credits = append(p.Credits, newCreditRow(post, c))
		}
		return nil
	})
	if err != nil {
		p.CreditsError = problemOf(err).Detail
	}
	p.MoreCredits = p.MoreCredits || len(ids) > pageCreditPosts
	p.Problems = slices.DeleteFunc(p.Problems, func(row problemRow) bool {
		return row.Kind == string(feed.KindSuggestion) && shown[row.ID]
	})
}

// decided maps the verdicts of the form to the messages shown afterwards.
var decided = map[feed.Verdict]string{
	feed.Accepted: "accepted", feed.Edited: "edited", feed.Rejected: "withheld", "": "withdrawn",
}

// changeOf returns the change that a form asks for.
func changeOf(form url.Values) (intake.Change, error) {
	change := intake.Change{Key: form.Get("key"), Verdict: feed.Verdict(form.Get("verdict"))}
	switch {
	case change.Key == "":
		return change, fmt.Errorf("key: missing: %w", feed.ErrInvalid)
	case change.Verdict == "withdrawn":
		change.Verdict = ""
	case !change.Verdict.Known():
		return change, fmt.Errorf("verdict %q: want one of %v or withdrawn: %w", change.Verdict, feed.Verdicts(), feed.ErrInvalid)
	}
	var edits intake.Edits
	for name, to := range map[string]**string{
		"publication": &edits.Publication, "headline": &edits.Headline, "date": &edits.Date, "url": &edits.URL,
		"text": &edits.Text,
	} {
		if form.Has(name) {
			value := strings.ReplaceAll(form.Get(name), "\r\n", "\n") // browsers send CRLF
			*to = &value
		}
	}
	if form.Has("authors") {
		names := strings.Split(form.Get("authors"), "\n")
		edits.Authors = &names
	}
	change.Edit = edits.Apply
	return change, nil
}

// decideFromPage stores the decision about a credit that a person has submitted with a form.
func (h *handler) decideFromPage(w http.ResponseWriter, r *http.Request) {
	x, s, ok := h.formSite(w, r, Write)
	if !ok {
		return
	}
	if s.Credits == nil {
		h.fail(w, problem{Status: http.StatusForbidden, Detail: "This site does not accept decisions about credits over HTTP."})
		return
	}
	change, err := changeOf(r.PostForm)
	if err != nil {
		h.respondError(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	post := r.PostFormValue("post")
	_, err = s.Credits.Decide(ctx, post, change)
	switch {
	case errors.Is(err, feed.ErrInvalid):
		h.showRefusal(ctx, w, x, s, r.PostForm, err)
		return
	case err != nil:
		h.respondError(w, r, err)
		return
	}
	h.Log.Info("credit decision stored", "writer", x.token.name, "post", post, "credit", change.Key, "verdict", change.Verdict)
	query := url.Values{"site": {string(s.ID)}, "done": {decided[change.Verdict]}}
	if change.Verdict != "" {
		query.Set("undo", change.Key)
		query.Set("post", post)
	}
	http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
}

// showRefusal shows the page with the reason why a decision cannot be made, and with the submitted fields.
func (h *handler) showRefusal(
	ctx context.Context, w http.ResponseWriter, x session, s *Site, form url.Values, err error,
) {
	reason := strings.TrimSuffix(err.Error(), ": "+feed.ErrInvalid.Error())
	p := h.newPage(ctx, x, s.ID, "")
	i := slices.IndexFunc(p.Credits, func(c creditRow) bool {
		return c.Post == form.Get("post") && c.Key == form.Get("key")
	})
	if i < 0 {
		p.Message = reason
	} else {
		c := &p.Credits[i]
		c.Error = reason
		c.Publication, c.Headline, c.Authors = form.Get("publication"), form.Get("headline"), form.Get("authors")
		c.Date, c.URL, c.Text = form.Get("date"), form.Get("url"), form.Get("text")
	}
	h.html(w, http.StatusUnprocessableEntity, "page.html", p)
}
