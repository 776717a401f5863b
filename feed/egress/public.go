package egress

import "net/netip"

// notPublic4 and notPublic6 are the special-purpose networks (RFC 6890 and the IANA registries), the networks that
// embed IPv4 addresses, and metadata services at addresses that look public.
var (
	notPublic4 = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"168.63.129.16/32", // Azure's metadata service
	)
	// notPublic6 lists only networks within public6. No other IPv6 network is public: unspecified, loopback, v4-mapped
	// and v4-compatible, NAT64, ULA, link-local, site-local and multicast addresses are outside public6.
	notPublic6 = prefixes(
		"2001::/23",         // protocol assignments, including Teredo, benchmarking and ORCHID
		"2001:db8::/32",     // documentation
		"2002::/16",         // 6to4
		"2620:4f:8000::/48", // AS112
		"3ffe::/16",         // the former 6bone
		"3fff::/20",         // documentation
	)
	public6 = netip.MustParsePrefix("2000::/3")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

// Public reports whether a is a unicast address of the public Internet. It returns false for IPv6 addresses that embed
// an IPv4 address, since no public host can be reached only through them.
func Public(a netip.Addr) bool {
	if a.Zone() != "" || !a.IsValid() || a.Is4In6() {
		return false
	}
	networks := notPublic4
	if a.Is6() {
		if !public6.Contains(a) {
			return false
		}
		networks = notPublic6
	}
	for _, n := range networks {
		if n.Contains(a) {
			return false
		}
	}
	return true
}
