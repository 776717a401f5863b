package serve

import (
	"strings"
	"sync/atomic"
)

// Sites selects the site of a request by its host: the authority of an absolute-form target or of an HTTP/2 request,
// else the Host field (RFC 9112 section 3.2.2). ForHost is called for every request, and must be safe for concurrent
// use.
type Sites interface {
	// ForHost returns the Front for a host, never nil. The host may have a port. Like the strings of a [Visit], it may be
	// backed by a buffer of the engine and must not be kept.
	ForHost(host string) *Front
}

// ForHost implements [Sites] for a server with one site, which serves every host.
func (f *Front) ForHost(string) *Front { return f }

// Hosts selects one of several sites by host name. Requests for unknown hosts receive 421 Misdirected Request (RFC 9110
// section 15.5.20). A client that reused a connection for another host may then retry on a new connection; after a 404
// it would not. The zero Hosts has no sites. It is safe for concurrent use.
type Hosts struct {
	// Unknown responds to requests for unknown hosts. It must be set and must have no Documents.
	Unknown *Front

	current atomic.Pointer[map[string]*Front]
}

// Set replaces the sites. Keys are host names without a port; their case does not matter.
func (h *Hosts) Set(fronts map[string]*Front) {
	m := make(map[string]*Front, len(fronts))
	for name, f := range fronts {
		m[strings.ToLower(hostname(name))] = f
	}
	h.current.Store(&m)
}

// maxHostname is the maximum length of a DNS name without the final dot (RFC 1035 section 2.3.4).
const maxHostname = 253

// ForHost implements [Sites].
func (h *Hosts) ForHost(host string) *Front {
	sites := h.current.Load()
	name := hostname(host)
	if sites == nil || len(name) > maxHostname {
		return h.Unknown
	}
	f, ok := (*sites)[name]
	if !ok {
		// Few clients send capital letters. The name is converted in a buffer, without allocating memory.
		var lower [maxHostname]byte
		for i := range len(name) {
			b := name[i]
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			lower[i] = b
		}
		f, ok = (*sites)[string(lower[:len(name)])]
	}
	if !ok {
		return h.Unknown
	}
	return f
}

// hostname returns the name in a host without its port, the brackets of an IPv6 address and the final dot, or "" if
// host is malformed. No site has the name "".
func hostname(host string) string {
	if v6, ok := strings.CutPrefix(host, "["); ok {
		address, port, ok := strings.Cut(v6, "]")
		if !ok || !isPort(port) {
			return ""
		}
		return address
	}
	name := host
	if i := strings.IndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i+1:], ':') < 0 { // not an IPv6 address
		if name = host[:i]; !isPort(host[i:]) {
			return ""
		}
	}
	return strings.TrimSuffix(name, ".")
}

// isPort reports whether s is empty or a colon followed by zero or more digits (RFC 3986 section 3.2.3).
func isPort(s string) bool {
	for i := range len(s) {
		if i == 0 && s[i] != ':' || i > 0 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}
