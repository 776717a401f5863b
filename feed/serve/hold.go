package serve

import (
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"feedpub/feed/coding"
)

// bodiesShare limits unpacked bodies to 1/bodiesShare of a [Memory].
const bodiesShare = 4

// unpacked is a body in identity coding. Few clients request it, so it is unpacked on demand, shared by all responses
// in progress, and then dropped. As a result, clients that do not read do not each hold a body of their own.
type unpacked struct {
	gzip   []byte
	length int // length in bytes

	mu    sync.Mutex
	body  []byte // nil if there are no users
	users int    // responses in progress that use body
}

// acquire returns the body, which the caller must release with the same Memory. m may be nil. It returns false if the
// Memory has no room for it.
func (u *unpacked) acquire(m *Memory) (body []byte, ok bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.users == 0 {
		if !m.reserve(int64(u.length)) {
			return nil, false, nil
		}
		if u.body, err = coding.Gzip.Unpack(u.gzip, u.length); err != nil {
			m.unreserve(int64(u.length))
			return nil, false, err
		}
	}
	u.users++
	return u.body, true, nil
}

func (u *unpacked) release(m *Memory) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.users--; u.users == 0 {
		u.body = nil
		m.unreserve(int64(u.length))
	}
}

// reserve counts n bytes of an unpacked body. It returns false if bodies would use too much of the memory: further
// clients must wait until other bodies have been sent. m may be nil.
func (m *Memory) reserve(n int64) bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit > 0 && m.bodies > 0 && m.bodies+n > m.limit/bodiesShare {
		return false
	}
	m.bodies += n
	m.size += n
	m.evict()
	return true
}

func (m *Memory) unreserve(n int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bodies -= n
	m.size -= n
}

// hold records that a response uses a payload. The payload is then counted until the response has been sent, even if
// its document is dropped. m may be nil.
func (m *Memory) hold(p *payload) {
	if m == nil {
		return
	}
	if p.holds.Add(1); p.dropped.Load() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.linger(p)
	}
}

func (m *Memory) unhold(p *payload) {
	if m == nil {
		return
	}
	if p.holds.Add(-1) == 0 && p.dropped.Load() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if p.holds.Load() == 0 {
			m.size -= p.lingering
			p.lingering = 0
		}
	}
}

// linger counts a dropped payload while responses use it. The caller must hold the lock.
func (m *Memory) linger(p *payload) {
	if p.dropped.Load() && p.lingering == 0 && p.holds.Load() > 0 {
		p.lingering = p.size()
		m.size += p.lingering
	}
}

// largeBody is the maximum length in bytes of a body that [Unread] does not count. Such a body fits in the buffers of a
// connection.
const largeBody = 32 << 10

// Unread limits the bytes of responses that the clients in a network (/24 for IPv4, /64 for IPv6) have requested but
// not received, so that clients that do not read cannot use up the memory and the connections. Short bodies are not
// counted. It is safe for concurrent use.
type Unread struct {
	limit int64

	mu       sync.Mutex
	networks map[netip.Prefix]int64 // bytes being sent, for the networks that have any
}

// NewUnread returns an Unread with a limit in bytes for each network. The limit does not apply to a network's first
// unread response.
func NewUnread(limit int64) *Unread {
	return &Unread{limit: limit, networks: make(map[netip.Prefix]int64)}
}

// add counts n bytes for a network and reports whether they are within the limit. If not, they are not counted.
func (u *Unread) add(network netip.Prefix, n int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	unread := u.networks[network]
	if unread > 0 && unread+n > u.limit {
		return false
	}
	u.networks[network] = unread + n
	return true
}

func (u *Unread) remove(network netip.Prefix, n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if left := u.networks[network] - n; left > 0 {
		u.networks[network] = left
	} else {
		delete(u.networks, network)
	}
}

// networkOf returns the network of an address, and false if it has none.
func networkOf(a netip.Addr) (netip.Prefix, bool) {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	network, err := a.WithZone("").Prefix(bits)
	return network, err == nil
}

// source describes where the body of a response comes from, and what is counted for it.
type source struct {
	payload  *payload      // nil if there is no body, or the body does not belong to a document
	attached *atomic.Value // see Response.Attachment; nil if the body is not stored in a document
	unpacked *unpacked     // the body in identity coding, if the Front must unpack it
	memory   *Memory       // set if payload is held
	acquired bool          // unpacked has been acquired
	unread   *Unread       // set if bytes are counted
	network  netip.Prefix
	bytes    int64
}

// Attachment returns the place for a value that an engine keeps with the body, such as a file with the same bytes. All
// responses with the body share the value, which must be safe for concurrent use. It is dropped with the body.
// Attachment returns nil if few responses share the body.
func (r *Response) Attachment() *atomic.Value { return r.source.attached }

// Release must be called by an engine when it has sent the body of a response from a [Front], or will not send it. The
// body must not be used afterwards.
func (r *Response) Release() {
	s := &r.source
	if s.acquired {
		s.unpacked.release(s.memory)
	}
	if s.payload != nil {
		s.memory.unhold(s.payload)
	}
	if s.unread != nil {
		s.unread.remove(s.network, s.bytes)
	}
	if r.File != nil {
		_ = r.File.Close() // closing a file that was only read loses no data
	}
	r.source, r.Body, r.File = source{}, nil, nil
}

// hold counts the body of a response until the response is released, and unpacks the body if necessary. If there is no
// room, hold returns an error response.
func (f *Front) hold(res *Response, v *Visit) {
	s := &res.source
	if s.payload == nil {
		return
	}
	length := len(res.Body)
	if s.unpacked != nil {
		length = s.unpacked.length
	}
	s.memory.hold(s.payload)
	if f.Unread != nil && length > largeBody {
		client := f.Proxies.Origin(v.Client)
		network, ok := networkOf(client)
		if ok && !f.Proxies.Trusted(client) {
			if !f.Unread.add(network, int64(length)) {
				res.replace(&unreadResponses)
				return
			}
			s.unread, s.network, s.bytes = f.Unread, network, int64(length)
		}
	}
	if s.unpacked != nil {
		body, ok, err := s.unpacked.acquire(s.memory)
		switch {
		case err != nil:
			res.replace(&internal) // cannot happen: the bytes were checked when they were loaded
		case !ok:
			res.replace(&busy)
		default:
			res.Body, s.acquired = body, true
		}
	}
}

// replace releases r and sets it to a copy of by that has the feed and the format of r.
func (r *Response) replace(by *Response) {
	r.Release()
	name, format, memo := r.Feed, r.Format, r.memo
	*r = *by
	r.Feed, r.Format, r.memo = name, format, memo
}

// unreadResponses and busy are responses to clients for which there is no room.
var (
	unreadResponses = failure(http.StatusTooManyRequests,
		"Clients in your network have not yet read the responses to earlier requests.", field("Retry-After", retryAfter))
	busy = failure(http.StatusServiceUnavailable, "Too many responses without gzip are being sent. Please accept gzip.",
		field("Retry-After", retryAfter))
)
