package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// route is one route of the admin interface.
type route struct {
	method string // GET includes HEAD
	// path may contain variables such as {id}, each of which matches one non-empty percent-encoded segment.
	path string
	// permission is the permission that a token must have. If it is empty, no token is needed; if it is [Read], requests
	// from this machine and from browsers that are signed in to the page need none.
	permission Permission
	// statuses are the possible status codes other than 405, 421 and 500.
	statuses []int
	handler  http.Handler
}

// match reports whether the route's path matches a request's, and returns the values of its variables. escaped is the
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
	if !rt.isAllowedHost(r.Host) {
		rt.fail(w, problem{Status: http.StatusMisdirectedRequest, Detail: "The host of this request is neither an IP " +
			"address nor localhost, and is not in admin.hosts."})
		return
	}
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
	if to.permission == "" || to.permission == Read && (isLocal(r) || rt.hasSession(r)) {
		to.handler.ServeHTTP(w, r)
		return
	}
	token, err := rt.authorize(w, r, to.permission)
	if err != nil {
		rt.respondError(w, r, err)
		return
	}
	to.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token.name)))
}

// hasSession reports whether a request comes from a browser that is signed in to the page. Cookies are accepted only
// for reading, since other sites can make a browser send requests.
func (h *handler) hasSession(r *http.Request) bool {
	_, ok := h.Sessions.of(r, h.tokensFor(r), time.Now())
	return ok
}

// tokenKey is the context key for the name of the request's token.
type tokenKey struct{}

// tokenName returns the name of the request's token, or "".
func tokenName(r *http.Request) string {
	name, _ := r.Context().Value(tokenKey{}).(string)
	return name
}

// tokensFor returns the tokens that are valid for the site of a request.
func (h *handler) tokensFor(r *http.Request) Tokens {
	if s := h.siteOf(r); s != nil {
		return append(slices.Clip(h.Tokens), s.Tokens...)
	}
	return h.Tokens
}

// mayRead reports whether a request comes from this machine or has a valid token.
func (h *handler) mayRead(r *http.Request) bool {
	if isLocal(r) {
		return true
	}
	_, ok := h.tokensFor(r).Authenticate(bearerSecret(r))
	return ok
}

// bearerSecret returns the secret of a request's bearer token, or "".
func bearerSecret(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(secret, " ")
}

// authorize returns the request's token if it has the permission, and a problem otherwise (RFC 6750 section 3).
func (h *handler) authorize(w http.ResponseWriter, r *http.Request, permission Permission) (Token, error) {
	tokens := h.tokensFor(r)
	if len(tokens) == 0 {
		return Token{}, problem{Status: http.StatusForbidden,
			Detail: "No tokens are configured, so this is not allowed; set admin.tokens_file."}
	}
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub"`)
		return Token{}, problem{Status: http.StatusUnauthorized, Detail: "This request needs a bearer token."}
	}
	token, ok := tokens.Authenticate(bearerSecret(r))
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub", error="invalid_token"`)
		return Token{}, problem{Status: http.StatusUnauthorized, Detail: "The token is unknown."}
	}
	if !token.May(permission) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="feedpub", error="insufficient_scope", scope="`+string(permission)+`"`)
		return Token{}, problem{Status: http.StatusForbidden,
			Detail: fmt.Sprintf("The token %q may not %s: it lacks the permission %q. Add the permission to the token's line in the "+
				"tokens file: NAME [%s]: SECRET.", token.name, permission.purpose(), permission, token.permissionsWith(permission))}
	}
	return token, nil
}
