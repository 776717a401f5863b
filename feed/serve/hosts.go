package serve

import (
	"strings"
	"sync/atomic"
)

// Sites says who answers a request by the host that it is for: its Host, its :authority, or that of a target in absolute
// form, which counts before Host (RFC 9112 section 3.2.2). It is called concurrently, for every request.
type Sites interface {
	// ForHost returns who answers for a host, never nil. The host may have a port, and may be a view of an engine's
	// buffers, as the strings of a [Visit] are.
	ForHost(host string) *Front
}

// ForHost implements [Sites] for a server of one site, which readers may reach by whatever name leads to it.
func (f *Front) ForHost(string) *Front { return f }

// Hosts are several sites, of which a request means the one whose name its host is. Other names, and none, are answered
// as misdirected (421, RFC 9110 section 15.5.20): a client that came by a connection made for another name may try one of
// its own, which a 404 would keep it from. The zero Hosts has no sites. It is safe for concurrent use.
type Hosts struct {
	// Stranger answers for names that are nobody's: a Front without Documents. It is required.
	Stranger *Front

	current atomic.Pointer[map[string]*Front]
}

// Set makes fronts the sites from now on, by the names of hosts without a port. Letters of either case are the same.
func (h *Hosts) Set(fronts map[string]*Front) {
	m := make(map[string]*Front, len(fronts))
	for name, f := range fronts {
		m[strings.ToLower(hostname(name))] = f
	}
	h.current.Store(&m)
}

// maxHostname is the length of the longest name that DNS has (RFC 1035 section 2.3.4), without the dot at its end.
const maxHostname = 253

// ForHost implements [Sites].
func (h *Hosts) ForHost(host string) *Front {
	sites := h.current.Load()
	name := hostname(host)
	if sites == nil || len(name) > maxHostname {
		return h.Stranger
	}
	f, ok := (*sites)[name]
	if !ok {
		// Hardly any client sends capitals, so the name is looked up as it is first, and put in lower case where that
		// costs no memory.
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
		return h.Stranger
	}
	return f
}

// hostname returns the name in a host without its port, the brackets of an IPv6 address and the dot at its end; "", which
// is nobody's name, for what is no host.
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
