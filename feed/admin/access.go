package admin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// isAllowedHost reports whether a request's Host may be served: an IP address, localhost, or one of the configured
// names. Any web site can make its own name resolve to this machine and have a browser send requests from its scripts
// (DNS rebinding); the Host of such requests is the name of that site. A request without a Host is allowed, because it
// does not come from a browser.
func (h *handler) isAllowedHost(host string) bool {
	if host == "" {
		return true
	}
	name := host
	if withoutPort, _, err := net.SplitHostPort(host); err == nil {
		name = withoutPort
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return name == "localhost" || slices.Contains(h.Hosts, name)
}

// isLocal reports whether a request comes from a program on this machine and was not forwarded by a proxy.
func isLocal(r *http.Request) bool {
	for _, field := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if len(r.Header[field]) > 0 {
			return false
		}
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := client.Addr().Unmap()
	if addr.IsLoopback() {
		return true
	}
	// A connection to an address of this machine from this machine has the same address at both ends.
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap() == addr
}
