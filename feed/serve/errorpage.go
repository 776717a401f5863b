package serve

import (
	"net/http"
	"slices"
	"strings"

	"feedpub/feed"
)

// setPage replaces the body of an error with the site's page for its status if the client prefers HTML.
func (s *Snapshot) setPage(res *Response, r *Request) {
	var format feed.Format
	switch res.Status {
	case http.StatusNotFound:
		format = feed.NotFoundPage
	case http.StatusGone:
		format = feed.GonePage
	default:
		return
	}
	if !prefersHTML(r.Accept) {
		return
	}
	d := s.document(feed.Pages.Path(format))
	if d == nil || d.ref.Format != format {
		return // the site has no pages, or they are not committed yet
	}
	d.errorPage(res, nil, r, res.Status)
}

// errorPage returns the document as the page for a status. p holds the bytes of the document, or is nil if the bytes in
// memory are to be used. The request's conditions are ignored, because they refer to the document that was requested.
func (d *document) errorPage(page *Response, p *payload, r *Request, status int) {
	d.respond(page, p, &Request{Method: r.Method, AcceptEncoding: r.AcceptEncoding, deferred: r.deferred})
	if page.Status != http.StatusOK {
		page.status = status
		return
	}
	page.Header = slices.DeleteFunc(slices.Clone(page.Header), func(f Field) bool {
		return slices.Contains([]string{"Etag", "Last-Modified", "Cache-Control", "Link", "Vary"}, f.Name)
	})
	page.Header = append(page.Header, field("Cache-Control", "no-store"), field("Vary", "Accept, Accept-Encoding"))
	page.Lines = ""
	page.Status, page.Feed, page.Format, page.modified = status, "", "", 0
}

// respondLoaded sets res to the response to r with the document, whose bytes p have been loaded. If status is not 0,
// the document is the error page for that status.
func (d *document) respondLoaded(res *Response, p *payload, r *Request, status int) {
	if status != 0 {
		d.errorPage(res, p, r, status)
		return
	}
	d.respond(res, p, r)
}

// prefersHTML reports whether Accept gives HTML a greater weight than every other text or application type. Browsers
// do; feed readers give feeds a greater weight or do not list HTML.
func prefersHTML(accept string) bool {
	html, others := 0, 0
	for member := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(member, ";")
		q, ok := weight(parameters)
		if !ok {
			continue
		}
		name = strings.ToLower(strings.Trim(name, " \t"))
		kind, _, _ := strings.Cut(name, "/")
		switch {
		case name == "text/html":
			html = max(html, q)
		case name == "application/xhtml+xml": // ignored, because browsers list it along with HTML
		case kind == "text", kind == "application":
			others = max(others, q)
		}
	}
	return html > others
}
