package serve

import (
	"net/http"
	"slices"
	"strconv"

	"feedpub/feed"
)

// Methods that every path answers.
const allowed = "GET, HEAD, OPTIONS"

// retryAfter is how many seconds a reader is asked to wait before a feed's first commit.
const retryAfter = "30"

// common are the fields of every answer, errors included: feeds are public, and a script that may read a feed may also
// read why it can't.
var common = []Field{
	field("Access-Control-Allow-Origin", "*"),
	field("X-Content-Type-Options", "nosniff"),
}

// preflight answers OPTIONS. If-None-Match, If-Modified-Since and A-IM are not on the list of headers that scripts may
// send without asking, so a browser asks before each conditional request (Fetch standard, CORS-preflight).
var preflight = append([]Field{
	field("Allow", allowed),
	field("Access-Control-Allow-Methods", allowed),
	field("Access-Control-Allow-Headers", "A-IM, If-Modified-Since, If-None-Match"),
	field("Access-Control-Max-Age", "86400"),
}, common...)

// The errors. Their texts are fixed: nothing of a request is repeated.
var (
	hasBody          = failure(http.StatusBadRequest, "A request for a feed has no body.")
	badRequest       = failure(http.StatusBadRequest, "The request can't be read.")
	slowRequest      = failure(http.StatusRequestTimeout, "The request took too long to arrive.")
	longRequest      = failure(http.StatusRequestHeaderFieldsTooLarge, "The request's header is too long.")
	otherVersion     = failure(http.StatusHTTPVersionNotSupported, "The version of HTTP is not one spoken here.")
	notFound         = failure(http.StatusNotFound, "There is no feed at this address.")
	misdirected      = failure(http.StatusMisdirectedRequest, "No feeds are served here under this name.")
	methodNotAllowed = failure(http.StatusMethodNotAllowed, "Feeds can only be read.", field("Allow", allowed))
	notAcceptable    = failure(http.StatusNotAcceptable, "The feed is available in gzip coding and without a coding.",
		field("Vary", "Accept-Encoding"))
	gone     = failure(http.StatusGone, "This feed has been retired and will not come back.")
	internal = failure(http.StatusInternalServerError, "The feed could not be read.")
	notYet   = failure(http.StatusServiceUnavailable, "This feed is not ready yet. Please come back later.",
		field("Retry-After", retryAfter))
	notHeld = failure(http.StatusServiceUnavailable, "The feed can't be read at the moment. Please come back later.",
		field("Retry-After", retryAfter))
)

// tooOften is the text of a 429, which says what to do about it.
const tooOften = "Your network fetches this feed whole too often. Please send If-None-Match, and come less often."

// failure returns the answer for an error. It may not be cached: each of the errors can end at any moment.
func failure(status int, text string, more ...Field) Response {
	body := strconv.Itoa(status) + " " + http.StatusText(status) + "\n" + text + "\n"
	fields := append([]Field{
		field("Cache-Control", "no-store"),
		field("Content-Type", "text/plain; charset=utf-8"),
		field("Content-Length", strconv.Itoa(len(body))),
	}, common...)
	return Response{Status: status, Header: append(fields, more...), Body: []byte(body)}
}

// Refuse returns the answer to a request that an engine could not read, after which the connection is closed: 400 for
// any other status than 408, 431 and 505.
func Refuse(status int) Response {
	res := badRequest
	switch status {
	case http.StatusRequestTimeout:
		res = slowRequest
	case http.StatusRequestHeaderFieldsTooLarge:
		res = longRequest
	case http.StatusHTTPVersionNotSupported:
		res = otherVersion
	}
	res.Close = true
	return res
}

// feedFile says whether a path that ends in file may be a feed's, or that of a list of feeds.
func feedFile(file string) bool {
	return slices.ContainsFunc(append(feed.Formats(), feed.OPML, feed.CSS), func(f feed.Format) bool { return f.File() == file })
}
