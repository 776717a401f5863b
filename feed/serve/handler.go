package serve

import (
	"net/http"
	"net/netip"
	"strings"
)

// NewHandler returns a handler that answers for sites; a [Front] is one that there is alone. It looks at the whole path
// of a request: mount it under a prefix with [http.StripPrefix].
func NewHandler(sites Sites) http.Handler { return &handler{sites: sites} }

type handler struct{ sites Sites }

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	res := h.sites.ForHost(r.Host).Answer(&Visit{
		Request: Request{
			Method:          r.Method,
			Path:            r.URL.Path,
			Query:           r.URL.RawQuery,
			AcceptEncoding:  joined(r.Header["Accept-Encoding"]),
			IfNoneMatch:     joined(r.Header["If-None-Match"]),
			IfModifiedSince: joined(r.Header["If-Modified-Since"]),
			AIM:             joined(r.Header["A-Im"]),
		},
		HasBody: r.ContentLength != 0, // -1 for a Transfer-Encoding
		Client:  clientOf(r),
	})
	header := w.Header()
	if res.Close {
		header["Connection"] = closeConnection
	}
	for _, f := range res.Header {
		header[f.Name] = f.Values
	}
	w.WriteHeader(res.Status)
	if len(res.Body) > 0 {
		// A reader that has gone away is no fault of ours, and there is nobody left to tell.
		_, _ = w.Write(res.Body)
	}
}

// clientOf returns who sent a request.
func clientOf(r *http.Request) Client {
	c := Client{ForwardedFor: joined(r.Header["X-Forwarded-For"]), UserAgent: joined(r.Header["User-Agent"])}
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Addr = a.Addr().Unmap()
	}
	return c
}

var closeConnection = []string{"close"}

// joined returns the lines of a field as one value.
func joined(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	return strings.Join(lines, ", ")
}
