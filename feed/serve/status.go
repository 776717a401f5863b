package serve

import (
	"net/http"
	"slices"
	"strconv"

	"feedpub/feed"
)

// allowed lists the methods of every path.
const allowed = "GET, HEAD, OPTIONS"

// retryAfter is the Retry-After of a 503 in seconds.
const retryAfter = "30"

// common holds the fields of every response, including errors: feeds are public, and a script that may read a feed may
// also read an error.
var common = []Field{
	field("Access-Control-Allow-Origin", "*"),
	field("X-Content-Type-Options", "nosniff"),
}

// preflight holds the fields of the response to OPTIONS. If-None-Match, If-Modified-Since and A-IM are not
// CORS-safelisted, so browsers send a preflight request before each conditional request from a script (Fetch standard,
// CORS-preflight).
var preflight = append([]Field{
	field("Allow", allowed),
	field("Access-Control-Allow-Methods", allowed),
	field("Access-Control-Allow-Headers", "A-IM, If-Modified-Since, If-None-Match"),
	field("Access-Control-Max-Age", "86400"),
}, common...)

// The error responses. Their texts are fixed and contain no part of a request.
var (
	hasBody          = failure(http.StatusBadRequest, "Requests for feeds must not have a body.")
	badRequest       = failure(http.StatusBadRequest, "The request is malformed.")
	slowRequest      = failure(http.StatusRequestTimeout, "The request took too long to arrive.")
	longRequest      = failure(http.StatusRequestHeaderFieldsTooLarge, "The request header is too long.")
	expectation      = failure(http.StatusExpectationFailed, "Requests for feeds must not have an Expect field.")
	otherVersion     = failure(http.StatusHTTPVersionNotSupported, "This version of HTTP is not supported.")
	notFound         = failure(http.StatusNotFound, "There is no feed at this address.", varyAccept)
	misdirected      = failure(http.StatusMisdirectedRequest, "No feeds are served for this host name.")
	methodNotAllowed = failure(http.StatusMethodNotAllowed, "Feeds are read-only.", field("Allow", allowed))
	notAcceptable    = failure(http.StatusNotAcceptable, "The feed is available with gzip or uncompressed.",
		field("Vary", "Accept-Encoding"))
	withdrawn = failure(http.StatusGone, "This post is no longer published.", varyAccept)
	gone      = failure(http.StatusGone, "This feed has been retired and will not come back.", varyAccept)
	internal  = failure(http.StatusInternalServerError, "The feed could not be read.")
	notReady  = failure(http.StatusServiceUnavailable, "This feed is not ready yet. Please come back later.",
		field("Retry-After", retryAfter))
	unavailableNow = failure(http.StatusServiceUnavailable, "The feed is unavailable. Please come back later.",
		field("Retry-After", retryAfter))
)

// varyAccept is a field of the errors for which browsers get a page.
var varyAccept = field("Vary", "Accept")

// tooFrequent is the text of a 429 response.
const tooFrequent = "Your network fetches the whole feed too often. Please send If-None-Match, and poll less often."

// failure returns an error response. It must not be cached, because any error can be temporary.
func failure(status int, text string, more ...Field) Response {
	body := strconv.Itoa(status) + " " + http.StatusText(status) + "\n" + text + "\n"
	fields := append([]Field{
		field("Cache-Control", "no-store"),
		field("Content-Type", "text/plain; charset=utf-8"),
		field("Content-Length", strconv.Itoa(len(body))),
	}, common...)
	return Response{Status: status, Header: append(fields, more...), Body: []byte(body)}
}

// ErrorResponse returns the response to a request that an engine could not parse, for status 400, 408, 417, 431 or 505.
// The connection must be closed afterwards. Any other status is replaced by 400.
func ErrorResponse(status int) Response {
	res := badRequest
	switch status {
	case http.StatusRequestTimeout:
		res = slowRequest
	case http.StatusRequestHeaderFieldsTooLarge:
		res = longRequest
	case http.StatusExpectationFailed:
		res = expectation
	case http.StatusHTTPVersionNotSupported:
		res = otherVersion
	}
	res.Close = true
	return res
}

// feedFile reports whether file is the last path element of a feed or of a list of feeds.
func feedFile(file string) bool {
	return slices.ContainsFunc(feed.AllFormats(), func(f feed.Format) bool { return !f.Page() && f.File() == file })
}
