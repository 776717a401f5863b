package serve

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve/media"
)

// Documents provides the snapshot to serve. It is implemented by [Replica].
type Documents interface {
	// Snapshot returns the current snapshot. It is called for every request.
	Snapshot() *Snapshot
}

// Observer is notified of every response, for metrics. Its methods may be called concurrently, and must not block.
type Observer interface {
	// Served is called with the format of the requested document (empty if there is none), the status, and the length of
	// the body in bytes.
	Served(format feed.Format, status, bytes int)
}

// Limiter limits how often a client fetches a whole feed. Its methods must be safe for concurrent use.
type Limiter interface {
	// Wait counts an unconditional fetch of a feed. It returns 0 if the fetch is allowed, else the time that the client
	// must wait.
	Wait(client netip.Addr, name feed.Name) time.Duration
}

// Audience counts the polls of feeds. Its methods may be called concurrently, must not block, and must copy strings
// that they keep.
type Audience interface {
	// Polled counts a response from a document of a feed. The Audience may keep a value for the feed in memo, which
	// belongs to the document, so that it need not look the feed up.
	Polled(name feed.Name, memo *atomic.Value, status int, client netip.Addr, userAgent string)
}

// Visit is a request as an engine received it. Its strings may be backed by buffers of the engine, which are valid
// until the response has been sent. Copy strings that are kept longer.
type Visit struct {
	Request
	// Range and IfRange are header fields of a request for a file beside the posts.
	Range, IfRange string
	// HasBody is true if the request has a Content-Length other than 0 or a Transfer-Encoding.
	HasBody bool
	Client  Client
}

// Front answers requests for one site, from any engine. Its fields must not be changed once it is in use. All are
// optional: a Front without Documents answers every request with 421 Misdirected Request.
type Front struct {
	Documents Documents
	Observer  Observer
	Limiter   Limiter
	// Unread is shared by all sites. Proxies and loopback addresses are not limited.
	Unread   *Unread
	Audience Audience
	// Answered is called with the time taken to answer. It is called for one in durationEvery requests, so that the clock
	// is not read for each. It may be called concurrently.
	Answered func(time.Duration)
	// Proxies are the proxies whose X-Forwarded-For is trusted. They and loopback are never limited.
	Proxies Proxies
	// AccessLog receives one record for every LogEvery responses. The record omits the query and the client's address.
	AccessLog *slog.Logger
	LogEvery  uint64 // 0 disables the access log
	// Media holds the files beside the posts, which are served below [feed.MediaPath].
	Media media.Dir
	// Hub handles the forms that are posted to HubPath. Either both are set or neither is.
	Hub     Hub
	HubPath string

	answers atomic.Uint64
}

// durationEvery is the sampling interval: one in durationEvery requests is timed.
const durationEvery = 16

// Answer returns the response to a request. The caller must release the response. Answer is safe for concurrent use.
func (f *Front) Answer(v *Visit) (res Response) {
	v.deferred = true
	var start time.Time
	n := f.answers.Add(1)
	if f.Answered != nil && n%durationEvery == 0 {
		start = time.Now()
	}
	f.answer(&res, v)
	f.hold(&res, v)
	if !start.IsZero() {
		f.Answered(time.Since(start))
	}
	if f.Observer != nil {
		f.Observer.Served(res.Format, res.Status, res.length())
	}
	if f.Audience != nil && res.Feed != "" {
		f.Audience.Polled(res.Feed, res.memo, res.Status, f.Proxies.Origin(v.Client), v.Client.UserAgent)
	}
	if f.LogEvery > 0 && f.AccessLog != nil && n%f.LogEvery == 0 {
		// Clone the strings: a handler may keep them, and they may be backed by a buffer of the engine.
		f.AccessLog.Info("answered", "method", strings.Clone(v.Method), "path", strings.Clone(v.Path), "status", res.Status,
			"bytes", res.length(), "user_agent", strings.Clone(v.Client.UserAgent))
	}
	return res
}

func (f *Front) answer(res *Response, v *Visit) {
	if v.HasBody {
		// A body is a mistake or an attempt to smuggle another request, so it is never read.
		*res = hasBody
		if !readOnly(v.Method) {
			*res = methodNotAllowed
		}
		if v.Method == "HEAD" {
			res.Body = nil
		}
		res.Close = true
		return
	}
	if f.Documents == nil {
		*res = misdirected
		if v.Method == "HEAD" {
			res.Body = nil
		}
		return
	}
	if name, ok := strings.CutPrefix(v.Path, feed.MediaPath); ok {
		if file, ok := f.answerFile(v, name); ok {
			*res = file
			return
		}
	}
	s := f.Documents.Snapshot()
	if f.Limiter != nil && v.Method == "GET" && !conditional(&v.Request) {
		if f.limit(res, s, v) {
			return
		}
	}
	if s.answer(res, &v.Request); res.wanted == nil {
		return
	}
	// Load the bytes, once for all concurrent requests. If loading fails the status remains 503.
	if d, p, err := res.wanted.load(); err == nil {
		d.respondLoaded(res, p, &v.Request, res.status)
		if v.Method == "HEAD" {
			res.Body, res.source = nil, source{}
		}
	}
}

// limit sets res to a 429 response and returns true for a client that fetches a whole feed too often. Otherwise it
// returns false. It finds the requested document without creating a body.
func (f *Front) limit(res *Response, s *Snapshot, v *Visit) bool {
	head := v.Request
	head.Method = "HEAD"
	s.answer(res, &head)
	if res.Status != http.StatusOK || res.Feed == "" {
		return false
	}
	client := f.Proxies.Origin(v.Client)
	if f.Proxies.Trusted(client) {
		return false
	}
	wait := f.Limiter.Wait(client, res.Feed)
	if wait <= 0 {
		return false
	}
	seconds := strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
	refused := failure(http.StatusTooManyRequests, tooFrequent, field("Retry-After", seconds))
	res.replace(&refused)
	return true
}

func readOnly(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// Client is the sender of a request. It affects the response only through the rate limit.
type Client struct {
	Addr         netip.Addr // address of the peer; invalid if the connection has none
	ForwardedFor string     // the value of X-Forwarded-For
	UserAgent    string
}

// Proxies are the networks of proxies whose X-Forwarded-For is trusted, in addition to loopback.
type Proxies []netip.Prefix

// Trusted reports whether an address is in one of the networks, is loopback or is invalid.
func (p Proxies) Trusted(a netip.Addr) bool {
	if !a.IsValid() || a.IsLoopback() {
		return true
	}
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// Origin returns the address of the client. If the connection is from a trusted proxy, it is the last address in
// X-Forwarded-For that does not belong to a trusted proxy, else the address of the peer.
func (p Proxies) Origin(c Client) netip.Addr {
	addr := c.Addr.Unmap()
	for list := c.ForwardedFor; list != "" && p.Trusted(addr); {
		i := strings.LastIndexByte(list, ',')
		a, err := netip.ParseAddr(strings.Trim(list[i+1:], " \t"))
		if err != nil {
			break // malformed, or a proxy that hides its clients
		}
		addr = a.Unmap().WithZone("")
		list = list[:max(i, 0)]
	}
	return addr
}
