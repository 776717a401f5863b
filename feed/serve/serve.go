// Package serve answers requests from feed readers with committed documents, which it keeps in memory and on the local
// disk and updates from the store. It never renders a document, and no request waits for the store unless the local
// copy of a document is damaged.
//
// [Answer] implements the protocol as a pure function from a [Snapshot] and a [Request] to a [Response]. A [Front] adds
// metrics, rate limits and the access log for one site, and [Hosts] selects the Front of a site. [NewHandler] adapts
// them to net/http, and package fast adapts them to fasthttp. A [Replica] creates the snapshots.
package serve

import (
	"net/url"
	"strings"
	"sync/atomic"

	"feedpub/feed"
)

// Request holds the parts of a request on which the response depends, except for the site, which the [Snapshot]
// determines. Several lines of a field are joined by ", " (RFC 9110 section 5.3). A missing field is "".
type Request struct {
	Method          string
	Path            string // percent-decoded, without the query
	Query           string // as received, without "?"; used only for aliases, moved and retired paths
	Accept          string // used only to choose between text and a page for an error
	AcceptEncoding  string
	IfNoneMatch     string
	IfModifiedSince string
	AIM             string // A-IM (RFC 3229)
	FetchDest       string // Sec-Fetch-Dest; browsers send "document" for a page that a person opens

	deferred bool // a body in identity coding is unpacked later, by a [Front]
}

// Response is the response to a request. Header and Body are shared by all responses from one document and must not be
// modified.
type Response struct {
	Status int
	Header []Field // all fields except Date and the fields that an engine adds for the connection
	// Lines holds the lines of Header as they are sent in HTTP/1, and an empty line. If there is a body, the lines do not
	// include the Content-Length. It is empty for responses that are not created in advance.
	Lines  string
	Body   []byte        // nil for HEAD, 204 and 304
	File   *File         // the body, in place of Body, if it is a file beside the posts
	Feed   feed.Name     // feed of the requested document; empty for errors and documents that belong to no feed
	Format feed.Format   // format of the requested document
	Close  bool          // the connection must be closed after the response, because the request's framing is not trusted
	memo   *atomic.Value // see Audience; nil if Feed is empty
	// modified is the Last-Modified in seconds since 1970; 0 if there is none.
	modified int64
	source   source    // what must be released once the body is sent; see Release
	wanted   *document // document whose bytes are not in memory, which is the reason for a 503
	status   int       // status of the response with the bytes of wanted, if it is an error page; otherwise 0
}

// Get returns the value of the header field of the given canonical name, or "".
func (r Response) Get(name string) string {
	for _, f := range r.Header {
		if f.Name == name {
			return f.Values[0]
		}
	}
	return ""
}

// Field is a header field. It is created once and sent many times.
type Field struct {
	Name   string   // in net/http's canonical form: "Etag"
	Values []string // exactly one value, in a slice because net/http takes it without a copy
}

func field(name, value string) Field { return Field{Name: name, Values: []string{value}} }

// Answer returns the response to a request for a path in a snapshot. A nil snapshot is treated as empty. Answer is a
// pure function, except that it marks a document as recently used. It is safe for concurrent use. It does not allocate
// memory for a 304, nor for a 200 or 226 in a stored coding. The status is 503 if the response needs bytes that a
// [Memory] has dropped; a [Front] loads them.
//
// With status 404 or 410, the body is the site's page for the status if Accept prefers HTML, otherwise a short text.
//
// If a person opens RSS or Atom in a browser, the media type is one that browsers display; see document.respond.
//
// It implements RFC 9110 sections 9 (methods), 12.5.3 (Accept-Encoding), 13 (conditional requests) and 15 (status
// codes), and the instance manipulation "feed" for RFC 3229, which sends only the items that are new or changed since
// the client's version.
func Answer(s *Snapshot, r Request) (res Response) {
	s.answer(&res, &r)
	return res
}

// answer sets res to the response to r. Requests and responses are passed by pointer here and below, because copies of
// them would double the stack of each connection.
func (s *Snapshot) answer(res *Response, r *Request) {
	switch r.Method {
	case "GET":
		s.get(res, r)
	case "HEAD":
		s.get(res, r)
		res.Body, res.source = nil, source{}
	case "OPTIONS":
		*res = Response{Status: 204, Header: preflight}
	default:
		*res = methodNotAllowed
	}
}

func (s *Snapshot) get(res *Response, r *Request) {
	var d *document
	if r.Query != "" {
		if *res, d = s.queried(r.Path, r.Query); res.Status != 0 {
			s.setPage(res, r)
			return
		}
	}
	if d == nil {
		d = s.document(r.Path)
	}
	if d != nil && !d.withdrawn {
		d.respond(res, nil, r)
		return
	}
	if d == nil {
		*res = s.absent(r.Path)
	} else {
		*res = withdrawn
	}
	s.setPage(res, r)
}

// absent returns the response for a path without a document.
func (s *Snapshot) absent(path string) Response {
	if s != nil {
		if res, ok := s.redirects.answers.paths[path]; ok {
			return res
		}
	}
	if s != nil && path != "" && s.document(path+"/") != nil {
		return movedTo("." + (&url.URL{Path: path[strings.LastIndexByte(path, '/'):] + "/"}).EscapedPath())
	}
	if s.pending(path) {
		return notReady
	}
	return notFound
}

// pending reports whether a document may soon be committed at path. Readers may unsubscribe after a 404, so the
// response must not be 404 while pending returns true.
func (s *Snapshot) pending(path string) bool {
	if s != nil && s.unavailable[path] {
		return true
	}
	if path == "/" {
		return true // the index is missing only while there are no feeds
	}
	file := path[strings.LastIndexByte(path, '/')+1:]
	return (s == nil || !s.complete || !s.hasMain()) && (file == "" || feedFile(file) || s != nil && s.redirects.aliases)
}
