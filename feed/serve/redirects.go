package serve

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// table holds what stands at targets: at paths, or at paths with a certain query.
type table[T any] struct {
	paths   map[string]T
	queries map[string]map[string]T // by path, then by query
}

func newTable[T any](size int) table[T] {
	return table[T]{paths: make(map[string]T, size), queries: make(map[string]map[string]T)}
}

// put enters v at a target, unless there is something.
func (t table[T]) put(target string, v T) {
	path, query, ok := strings.Cut(target, "?")
	m := t.paths
	if ok {
		if t.queries[path] == nil {
			t.queries[path] = make(map[string]T)
		}
		m, path = t.queries[path], query
	}
	if _, taken := m[path]; !taken {
		m[path] = v
	}
}

// has reports whether there is something at a target.
func (t table[T]) has(target string) bool {
	path, query, ok := strings.Cut(target, "?")
	m := t.paths
	if ok {
		m, path = t.queries[path], query
	}
	_, found := m[path]
	return found
}

// retreats are the answers that stand at targets from which feeds have gone.
type retreats struct {
	answers table[Response]
	// aliases says that documents may have old paths, so that any path may be one of a feed that is not known yet.
	aliases bool
}

func newRetreats(o Options) *retreats {
	r := &retreats{answers: newTable[Response](len(o.Retired) + len(o.Moved)), aliases: o.Aliases}
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

// movedAge is for how many seconds a redirection may be kept: permanently, were it not for people who change their minds.
const movedAge = 24 * 60 * 60

// movedTo returns the answer that sends a reader to a URL for good (RFC 9110 section 15.4.2).
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
