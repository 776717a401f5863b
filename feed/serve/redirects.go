package serve

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// table maps targets to values. A target is a path, or a path with "?" and a specific query.
type table[T any] struct {
	paths   map[string]T
	queries map[string]map[string]T // by path, then by query
}

func newTable[T any](size int) table[T] {
	return table[T]{paths: make(map[string]T, size), queries: make(map[string]map[string]T)}
}

// put sets the value of a target if it has none.
func (t table[T]) put(target string, v T) {
	path, query, ok := strings.Cut(target, "?")
	m := t.paths
	if ok {
		if t.queries[path] == nil {
			t.queries[path] = make(map[string]T)
		}
		m, path = t.queries[path], query
	}
	if _, ok := m[path]; !ok {
		m[path] = v
	}
}

// has reports whether a target has a value.
func (t table[T]) has(target string) bool {
	path, query, ok := strings.Cut(target, "?")
	m := t.paths
	if ok {
		m, path = t.queries[path], query
	}
	_, found := m[path]
	return found
}

// redirects holds the responses for paths that have moved or are retired.
type redirects struct {
	answers table[Response]
	// aliases is set if documents may have aliases. In that case, any unknown path may be an alias of a feed that has not
	// been loaded yet.
	aliases bool
}

func newRedirects(o Options) *redirects {
	r := &redirects{answers: newTable[Response](len(o.Retired) + len(o.Moved)), aliases: o.Aliases}
	for _, target := range o.Retired {
		r.answers.put(target, gone)
	}
	for target, to := range o.Moved {
		if r.answers.has(target) {
			continue
		}
		r.answers.put(target, movedTo(to))
	}
	return r
}

// movedAge is the max-age of a redirect in seconds. It is short so that a mistake can be corrected.
const movedAge = 24 * 60 * 60

// movedTo returns a permanent redirect to a URL (RFC 9110 section 15.4.2).
func movedTo(to string) Response {
	if u, err := url.Parse(to); err == nil {
		to = u.String() // in ASCII
	}
	body := "This feed has moved to " + to + "\n"
	return Response{Status: http.StatusMovedPermanently, Body: []byte(body), Header: append([]Field{
		field("Location", to),
		field("Cache-Control", "public, max-age="+strconv.Itoa(movedAge)),
		field("Content-Type", "text/plain; charset=utf-8"),
		field("Content-Length", strconv.Itoa(len(body))),
	}, common...)}
}
