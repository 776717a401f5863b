package serve

import (
	"net/netip"
	"strings"
)

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
