package serve

import (
	"strings"
	"sync/atomic"
)

// Sites selects the site of a request by its host: the authority of a target in absolute form or of HTTP/2, else the
// Host field (RFC 9112 section 3.2.2). It is called concurrently, for every request.
type Sites interface {
	// ForHost returns the Front for a host, never nil. The host may have a port. It may be backed by a buffer of an
	// engine, as the strings of a [Visit] are, and must not be kept.
	ForHost(host string) *Front
}

// ForHost implements [Sites] for a server of one site, which answers for every host.
func (f *Front) ForHost(string) *Front { return f }

// Hosts selects one of several sites by host name. Requests for unknown hosts are answered as misdirected (421, RFC
// 9110 section 15.5.20), after which a client that reused a connection for another name may open one for this name;
// after a 404 it would not. The zero Hosts has no sites. It is safe for concurrent use.
type Hosts struct {
	// Unknown answers requests for unknown hosts. It has no Documents. It is required.
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

// maxHostname is the greatest length of a DNS name without the final dot (RFC 1035 section 2.3.4).
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
		// Few clients send capitals. The name is converted in a buffer, without allocating memory.
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
	if i := strings.IndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i+1:], ':') < 0 { // two are an IPv6 address
		if name = host[:i]; !isPort(host[i:]) {
			return ""
		}
	}
	return strings.TrimSuffix(name, ".")
}

// isPort reports whether s is empty or a colon and digits, of which there may be none (RFC 3986 section 3.2.3).
func isPort(s string) bool {
	for i := range len(s) {
		if i == 0 && s[i] != ':' || i > 0 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}
