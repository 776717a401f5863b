package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// fakeCredits implements [Credits] in memory, for one post with one suggestion.
type fakeCredits struct {
	credit intake.Credit
	asked  []string
	err    error // returned by Decide, if not nil
}

func (f *fakeCredits) Post(_ context.Context, id string) (intake.PostCredits, error) {
	if id != "a/b#1" {
		return intake.PostCredits{}, fmt.Errorf("post %q: %w", id, feed.ErrNotFound)
	}
	return intake.PostCredits{ID: id, Credits: []intake.Credit{f.credit}}, nil
}

func (f *fakeCredits) Each(ctx context.Context, ids []string, each func(intake.PostCredits) error) error {
	for _, id := range ids {
		if p, err := f.Post(ctx, id); err == nil {
			if err := each(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fakeCredits) Decide(ctx context.Context, id string, change intake.Change) (intake.PostCredits, error) {
	p, err := f.Post(ctx, id)
	if err == nil {
		err = f.err
	}
	if err != nil {
		return p, err
	}
	if _, err := change.Choose(p); err != nil {
		return p, err
	}
	q := f.credit.Quote
	if change.Verdict == feed.Edited {
		change.Edit(&q)
	}
	f.asked = append(f.asked, fmt.Sprintf("%s %s %q: %s, %q", id, change.Key, change.Verdict, q.Source.Publication, q.Text))
	return p, nil
}

// TestCredits checks the routes of credits: their statuses, permissions and effects.
func TestCredits(t *testing.T) {
	credits := &fakeCredits{credit: intake.Credit{
		Key: "k1", State: intake.CreditSuggested, Reason: "read in \"From Aunt Mary:\"",
		Quote: feed.Quote{Source: feed.Source{Publication: "Aunt Mary"}, Text: "Stir well.", Confidence: 0.25},
	}}
	posts := newFakePosts()
	posts.raw["a/b#1"] = `{"id":"a/b#1"}`
	c := config(t, &fake{})
	only(t, c).Posts, only(t, c).Credits = posts, credits
	h := NewHandler(c)
	const path = "/sites/main/posts/a%2Fb%231/credits"
	tests := []struct {
		method, path, body, token string
		status                    int
		contains                  string
	}{
		{"GET", path, "", "writer-token", 200, `"state": "suggested"`},
		{"GET", path, "", "another-token", 403, ""},
		{"GET", path, "", "", 401, ""},
		{"GET", "/sites/main/posts/none/credits", "", "writer-token", 404, ""},
		{"GET", "/sites/main/credits?state=suggested", "", "writer-token", 200, `"Aunt Mary"`},
		{"GET", "/sites/main/credits?state=published", "", "writer-token", 200, `"posts": []`},
		{"GET", "/sites/main/credits?state=odd", "", "writer-token", 400, ""},
		{"PUT", path + "/k1", `{"verdict":"accepted"}`, "writer-token", 200, `"post": "a/b#1"`},
		{"PUT", path + "/k1", `{"verdict":"edited","source":{"publication":"Soup Weekly"}}`, "writer-token", 200, ""},
		{"PUT", path + "/k1", `{"verdict":"edited","text":""}`, "writer-token", 200, ""},
		{"PUT", path + "/k1", `{"verdict":"edited"}`, "writer-token", 400, "want source or text"},
		{"PUT", path + "/k1", `{"verdict":"accepted","text":""}`, "writer-token", 400, "want source or text"},
		{"PUT", path + "/k1", `{"verdict":"doubted"}`, "writer-token", 400, "want one of"},
		{"PUT", path + "/k1", `{`, "writer-token", 400, ""},
		{"PUT", path + "/k1", `{"verdict":"accepted"}`, "another-token", 403, ""},
		{"PUT", path + "/k2", `{"verdict":"accepted"}`, "writer-token", 404, ""},
		{"DELETE", path + "/k1", "", "writer-token", 200, ""},
		{"POST", path, "", "writer-token", 405, ""},
	}
	for _, tt := range tests {
		r := fromThisMachine(httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
		r.Header.Set("Content-Type", "application/json")
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.contains) {
			t.Errorf("%s %s %s with %q: got %d and %s; want %d and %q",
				tt.method, tt.path, tt.body, tt.token, w.Code, w.Body, tt.status, tt.contains)
		}
	}
	want := []string{
		`a/b#1 k1 "accepted": Aunt Mary, "Stir well."`,
		`a/b#1 k1 "edited": Soup Weekly, "Stir well."`,
		`a/b#1 k1 "edited": Aunt Mary, ""`,
		`a/b#1 k1 "": Aunt Mary, "Stir well."`,
	}
	if diff := cmp.Diff(want, credits.asked); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	r := fromThisMachine(httptest.NewRequest(http.MethodPut, path+"/k1", strings.NewReader("verdict=accepted")))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer writer-token")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a decision sent as a form: got %d, want 415", w.Code)
	}
}
