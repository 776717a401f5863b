package admin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one thing that can be asked for.
type route struct {
	method string // GET stands for HEAD too
	// path has segments such as {id}, which stand for one percent-encoded segment that is not empty.
	path string
	// right is what a token must have; empty: no token is needed.
	right Right
	// statuses are those of its answers, besides 405 and 500.
	statuses []int
	handler  http.Handler
}

// match returns the values of the path's variable segments, and whether the route's path is that of a request. Escaped
// is the path as it was sent: what is escaped in it, slashes included, belongs to a segment.
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

// router finds the route of a request. [http.ServeMux] would not do: it redirects paths that aren't clean, and an
// address with ".." or "//" in a post's id that was not escaped would lead elsewhere without a word.
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
	rt.fail(w, problem{Status: http.StatusMethodNotAllowed, Detail: "Allowed here: " + strings.Join(allow, ", ") + "."})
}

func (rt router) serve(to route, w http.ResponseWriter, r *http.Request) {
	if to.right == "" {
		to.handler.ServeHTTP(w, r)
		return
	}
	token, err := rt.authorize(w, r, to.right)
	if err != nil {
		rt.answer(w, r, err)
		return
	}
	to.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token.name)))
}

// tokenKey is the context's key for the name of the token that a request showed.
type tokenKey struct{}

// tokenName returns the name of the token that the request showed.
func tokenName(r *http.Request) string {
	name, _ := r.Context().Value(tokenKey{}).(string)
	return name
}

// authorize returns the token that a request shows, or a problem (RFC 6750 section 3).
func (h *handler) authorize(w http.ResponseWriter, r *http.Request, right Right) (Token, error) {
	tokens := h.Tokens
	if s := h.siteOf(r); s != nil {
		tokens = append(slices.Clip(tokens), s.Tokens...)
	}
	if len(tokens) == 0 {
		return Token{}, problem{Status: http.StatusForbidden, Detail: "No tokens are configured, so nobody may do this."}
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub"`)
		return Token{}, problem{Status: http.StatusUnauthorized, Detail: "A bearer token is needed."}
	}
	token, ok := tokens.Authenticate(strings.Trim(secret, " "))
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub", error="invalid_token"`)
		return Token{}, problem{Status: http.StatusUnauthorized, Detail: "The token is not one of those configured for this."}
	}
	if !token.May(right) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub", error="insufficient_scope", scope="`+string(right)+`"`)
		return Token{}, problem{Status: http.StatusForbidden,
			Detail: "The token has not the right to " + string(right) + "."}
	}
	return token, nil
}
