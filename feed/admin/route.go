package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one route of the admin interface.
type route struct {
	method string // GET includes HEAD
	// path may contain variables such as {id}, each of which matches one non-empty percent-encoded segment.
	path string
	// right is the right that a token must have. If it is empty, no token is needed.
	right Right
	// statuses are the possible status codes other than 405 and 500.
	statuses []int
	handler  http.Handler
}

// match reports whether the route's path matches a request's, and returns the values of its variables. Escaped is the
// path as it was sent: an escaped slash does not end a segment.
func (r route) match(escaped string) (values map[string]string, ok bool) {
	pattern, segments := strings.Split(r.path, "/"), strings.Split(escaped, "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	values = map[string]string{}
	for i, p := range pattern {
		name, variable := strings.CutPrefix(p, "{")
		if !variable {
			if p != segments[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		values[strings.TrimSuffix(name, "}")] = value
	}
	return values, true
}

// router routes requests. [http.ServeMux] does not fit: it redirects paths that are not clean, so a path with an
// unescaped ".." or "//" in a post's id would silently reach another route.
type router struct {
	*handler
	routes []route
}

func (rt router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allow []string
	for _, candidate := range rt.routes {
		values, ok := candidate.match(r.URL.EscapedPath())
		switch {
		case !ok:
		case candidate.method == method:
			for name, value := range values {
				r.SetPathValue(name, value)
			}
			rt.serve(candidate, w, r)
			return
		default:
			allow = append(allow, candidate.method)
		}
	}
	if len(allow) == 0 {
		rt.fail(w, problem{Status: http.StatusNotFound})
		return
	}
	if slices.Contains(allow, http.MethodGet) {
		allow = append(allow, http.MethodHead)
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	rt.fail(w, problem{Status: http.StatusMethodNotAllowed, Detail: "Allowed methods: " + strings.Join(allow, ", ") + "."})
}

func (rt router) serve(to route, w http.ResponseWriter, r *http.Request) {
	if to.right == "" {
		to.handler.ServeHTTP(w, r)
		return
	}
	token, err := rt.authorize(w, r, to.right)
	if err != nil {
		rt.respondError(w, r, err)
		return
	}
	to.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token.name)))
}

// tokenKey is the context key for the name of the request's token.
type tokenKey struct{}

// tokenName returns the name of the request's token, or "".
func tokenName(r *http.Request) string {
	name, _ := r.Context().Value(tokenKey{}).(string)
	return name
}

// authorize returns the request's token if it has the right, else a problem (RFC 6750 section 3).
func (h *handler) authorize(w http.ResponseWriter, r *http.Request, right Right) (Token, error) {
	tokens := h.Tokens
	if s := h.siteOf(r); s != nil {
		tokens = append(slices.Clip(tokens), s.Tokens...)
	}
	if len(tokens) == 0 {
		return Token{}, problem{Status: http.StatusForbidden,
			Detail: "No tokens are configured, so this is not allowed; set admin.tokens_file."}
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub"`)
		return Token{}, problem{Status: http.StatusUnauthorized, Detail: "This request needs a bearer token."}
	}
	token, ok := tokens.Authenticate(strings.Trim(secret, " "))
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub", error="invalid_token"`)
		return Token{}, problem{Status: http.StatusUnauthorized, Detail: "The token is unknown."}
	}
	if !token.May(right) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub", error="insufficient_scope", scope="`+string(right)+`"`)
		return Token{}, problem{Status: http.StatusForbidden,
			Detail: fmt.Sprintf("The token %q lacks the right %q.", token.name, right)}
	}
	return token, nil
}
