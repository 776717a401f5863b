package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"feedpub/feed"
)

// Reload implements [Reloader].
func (f *fake) Reload(ctx context.Context) (ReloadReport, error) {
	return ReloadReport{
		Outcome: ReloadedPartly, Restart: []string{"server.memory"}, Errors: []string{"by " + feed.CauseOf(ctx).String()},
		Sites: []feed.SiteID{"main"},
	}, nil
}

func TestReload(t *testing.T) {
	c := config(t, &fake{})
	allowed, err := NewToken("eve", "allowed", Reload)
	if err != nil {
		t.Fatal(err)
	}
	others, err := NewToken("ann", "others", Rebuild, Write)
	if err != nil {
		t.Fatal(err)
	}
	c.Tokens = Tokens{allowed, others}
	h := NewHandler(c)
	for secret, want := range map[string]struct {
		status int
		body   string
	}{
		"allowed": {http.StatusOK, `"outcome":"reloaded_partly","restart":["server.memory"],"errors":["byreloadeve"],"sites":["main"]`},
		"others":  {http.StatusForbidden, "reload"},
		"wrong":   {http.StatusUnauthorized, ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/reload", nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body := strings.Join(strings.Fields(w.Body.String()), "")
		if w.Code != want.status || !strings.Contains(body, want.body) {
			t.Errorf("token %s: got %d %s, want %d with %s", secret, w.Code, w.Body, want.status, want.body)
		}
	}
}
