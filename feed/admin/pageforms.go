package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// loginCookie holds the CSRF token of the sign-in form, before there is a session.
const loginCookie = "feedpub_login"

// showLogin shows the sign-in form.
func (h *handler) showLogin(w http.ResponseWriter, r *http.Request) {
	h.loginForm(w, r, http.StatusOK, "")
}

// loginForm writes the sign-in page. Its CSRF token is also in a cookie: a different site can neither read nor set the
// cookie, so it cannot sign a person in with a token of its own.
func (h *handler) loginForm(w http.ResponseWriter, r *http.Request, status int, message string) {
	csrf := rand.Text()
	h.setCookie(w, r, loginCookie, csrf, 0)
	h.html(w, status, "login.html", struct{ Message, CSRF string }{message, csrf})
}

// fromHere reports whether a form was submitted from a page of this server. Browsers send the origin of each form.
func fromHere(r *http.Request) bool { return new(http.CrossOriginProtection).Check(r) == nil }

// login starts a session for a valid token.
func (h *handler) login(w http.ResponseWriter, r *http.Request) {
	from, now := clientAddr(r), time.Now()
	refuse := func(status int, message string) { h.loginForm(w, r, status, message) }
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	cookie, err := r.Cookie(loginCookie)
	switch {
	case !fromHere(r):
		refuse(http.StatusForbidden, "The form was sent by a different site.")
		return
	case err != nil || !sameText(cookie.Value, r.PostFormValue("csrf")):
		refuse(http.StatusForbidden, "The form is outdated, or your browser accepts no cookies. Try again.")
		return
	case !h.Sessions.mayTry(from, now):
		w.Header().Set("Retry-After", "60")
		refuse(http.StatusTooManyRequests, "There were too many wrong tokens. Try again in a minute.")
		return
	}
	token, ok := h.tokensFor(r).Authenticate(strings.TrimSpace(r.PostFormValue("token")))
	if !ok {
		h.Sessions.failed(from)
		h.Log.Warn("sign-in with an unknown token", "client", from)
		refuse(http.StatusUnauthorized, "The token is unknown.")
		return
	}
	h.setCookie(w, r, loginCookie, "", -1)
	h.setCookie(w, r, sessionCookie, h.Sessions.start(token, now), int(sessionAge/time.Second))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// setCookie sets a cookie that expires after age seconds or, if age is 0, when the browser is closed. A negative age
// removes the cookie.
func (h *handler) setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age, Secure: secure, HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	})
}

// formSession returns the session of a form that was submitted from a page of this server. Otherwise it sends an error,
// or redirects to the sign-in form if there is no session.
func (h *handler) formSession(w http.ResponseWriter, r *http.Request) (session, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	x, ok := h.Sessions.of(r, h.tokensFor(r), time.Now())
	switch {
	case !fromHere(r):
		h.fail(w, problem{Status: http.StatusForbidden, Detail: "The form was sent by a different site."})
	case !ok:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	case !x.matches(r):
		h.fail(w, problem{Status: http.StatusForbidden, Detail: "The form is outdated; load the page again."})
	default:
		return x, true
	}
	return session{}, false
}

// formSite returns the session of a form, as formSession does, and the site that the form names, if the session has the
// permission. Otherwise it sends an error.
func (h *handler) formSite(w http.ResponseWriter, r *http.Request, permission Permission) (session, *Site, bool) {
	x, ok := h.formSession(w, r)
	if !ok {
		return session{}, nil, false
	}
	sites := h.Sites.Sites()
	i := slices.IndexFunc(sites, func(s *Site) bool { return string(s.ID) == r.PostFormValue("site") })
	switch {
	case !x.token.May(permission):
		h.fail(w, problem{Status: http.StatusForbidden,
			Detail: fmt.Sprintf("The token %q may not %s: it lacks the permission %q.", x.token.name, permission.purpose(), permission)})
	case i < 0:
		h.fail(w, problem{Status: http.StatusNotFound, Detail: "There is no such site."})
	default:
		return x, sites[i], true
	}
	return session{}, nil, false
}

// logout ends a session.
func (h *handler) logout(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.formSession(w, r); !ok {
		return
	}
	h.Sessions.end(r)
	h.setCookie(w, r, sessionCookie, "", -1)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// rebuildFromPage rebuilds the feed that the form names, or all feeds if it names none.
func (h *handler) rebuildFromPage(w http.ResponseWriter, r *http.Request) {
	x, s, ok := h.formSite(w, r, Rebuild)
	if !ok {
		return
	}
	var names []feed.Name
	if name := r.PostFormValue("feed"); name != "" {
		names = append(names, feed.Name(name))
	}
	if err := h.extend(w); err != nil {
		h.respondError(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageRebuild)
	defer cancel()
	cause := feed.Cause{Trigger: feed.HTTPTrigger, By: x.token.name}
	report, err := s.Rebuilder.Rebuild(feed.WithCause(ctx, cause), names...)
	done := "rebuilt"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		done = "running"
	case errors.Is(err, feed.ErrNotFound):
		done = "none"
	case err != nil:
		h.Log.Error("rebuild from the page failed", "site", s.ID, "error", err)
		done = "failed"
	case slices.ContainsFunc(report.Feeds, func(f feed.FeedReport) bool { return !f.Outcome.Current() }):
		done = "held"
	}
	query := url.Values{"site": {string(s.ID)}, "done": {done}}
	http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
}
