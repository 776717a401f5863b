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
)

// Documents gives what is served now. A [Replica] is one.
type Documents interface {
	// Snapshot returns the current snapshot. It is called for every request.
	Snapshot() *Snapshot
}

// Observer is told of every answer, for metrics. It is called concurrently and must not block.
type Observer interface {
	// Served reports an answer: the format of the document that was asked for, empty if there is none, the status and
	// the length of the body in bytes.
	Served(format feed.Format, status, bytes int)
}

// Limiter says who comes too often. It is called concurrently.
type Limiter interface {
	// Wait counts a fetch of a whole feed that the client could have asked to be spared. It returns 0, or for how long
	// the client is to wait.
	Wait(client netip.Addr, name feed.Name) time.Duration
}

// Audience is told who polls. It is called concurrently, must not block, and copies what it keeps.
type Audience interface {
	Polled(name feed.Name, status int, client netip.Addr, userAgent string)
}

// Visit is a request as an engine received it. Its strings may be views of an engine's buffers: they hold until the
// answer has been sent, and whoever keeps one copies it.
type Visit struct {
	Request
	// HasBody says that the request has a body or claims to have one, by a Content-Length other than 0 or a
	// Transfer-Encoding.
	HasBody bool
	Client  Client
}

// Front answers what engines receive for one site: it is all that they have in common. Its fields are not changed once it
// is in use; all but Documents are optional. One without Documents is nobody's: it answers that requests for feeds are
// misdirected (421).
type Front struct {
	Documents Documents
	Observer  Observer
	Limiter   Limiter
	Audience  Audience
	// Proxies are those that say for whom they ask. They and loopback are never limited.
	Proxies Proxies
	// AccessLog gets one line for every LogEvery answers. The query of a request is not logged, nor is its sender.
	AccessLog *slog.Logger
	LogEvery  uint64 // 0 is none

	answers atomic.Uint64
}

// Answer answers a visit. It may be called concurrently.
func (f *Front) Answer(v *Visit) Response {
	res := f.answer(v)
	if f.Observer != nil {
		f.Observer.Served(res.Format, res.Status, len(res.Body))
	}
	if f.Audience != nil && res.Feed != "" {
		f.Audience.Polled(res.Feed, res.Status, f.Proxies.Origin(v.Client), v.Client.UserAgent)
	}
	if f.LogEvery > 0 && f.AccessLog != nil && f.answers.Add(1)%f.LogEvery == 0 {
		// A handler escapes what it writes; what it keeps must not be an engine's buffer.
		f.AccessLog.Info("answered", "method", strings.Clone(v.Method), "path", strings.Clone(v.Path), "status", res.Status,
			"bytes", len(res.Body), "user_agent", strings.Clone(v.Client.UserAgent))
	}
	return res
}

func (f *Front) answer(v *Visit) Response {
	if v.HasBody {
		// Such a request is a mistake or an attempt to smuggle another one in its body, which nobody is to read.
		res := hasBody
		if !readOnly(v.Method) {
			res = methodNotAllowed
		}
		if v.Method == "HEAD" {
			res.Body = nil
		}
		res.Close = true
		return res
	}
	if f.Documents == nil {
		res := misdirected
		if v.Method == "HEAD" {
			res.Body = nil
		}
		return res
	}
	s := f.Documents.Snapshot()
	if f.Limiter != nil && v.Method == "GET" && !conditional(v.Request) {
		if res, refused := f.limit(s, v); refused {
			return res
		}
	}
	res := Answer(s, v.Request)
	if res.wanted == nil {
		return res
	}
	// Its bytes are brought back, by one for all who ask now. Where that fails, the answer stays as it is.
	if d, h, err := res.wanted.load(); err == nil {
		res = d.respond(h, v.Request)
		if v.Method == "HEAD" {
			res.Body = nil
		}
	}
	return res
}

// limit returns the 429 for a client that fetches a whole feed too often, and false for all others. What it would be
// answered is found out without making a body: that is what is to be spared.
func (f *Front) limit(s *Snapshot, v *Visit) (Response, bool) {
	head := v.Request
	head.Method = "HEAD"
	whole := Answer(s, head)
	if whole.Status != http.StatusOK || whole.Feed == "" {
		return Response{}, false
	}
	client := f.Proxies.Origin(v.Client)
	if f.Proxies.Trusted(client) {
		return Response{}, false
	}
	wait := f.Limiter.Wait(client, whole.Feed)
	if wait <= 0 {
		return Response{}, false
	}
	seconds := strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
	res := failure(http.StatusTooManyRequests, tooOften, field("Retry-After", seconds))
	res.Feed, res.Format = whole.Feed, whole.Format
	return res, true
}

func readOnly(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// Client is who asks, as far as a request tells. It has no part in what is answered, only in how often.
type Client struct {
	Addr         netip.Addr // of the other end of the connection; invalid if it has none
	ForwardedFor string     // the value of X-Forwarded-For
	UserAgent    string
}

// Proxies are the networks of proxies whose X-Forwarded-For is believed. Loopback always belongs to them.
type Proxies []netip.Prefix

// Trusted says whether an address is a proxy's, or none.
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

// Origin returns the address of the client that is behind the connection: the last one in X-Forwarded-For that no
// trusted proxy stands at. Without one it is the connection's own.
func (p Proxies) Origin(c Client) netip.Addr {
	addr := c.Addr.Unmap()
	for list := c.ForwardedFor; list != "" && p.Trusted(addr); {
		i := strings.LastIndexByte(list, ',')
		a, err := netip.ParseAddr(strings.Trim(list[i+1:], " \t"))
		if err != nil {
			break // what a proxy could not have written, or a proxy that hides its clients
		}
		addr = a.Unmap().WithZone("")
		list = list[:max(i, 0)]
	}
	return addr
}
