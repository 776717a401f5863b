package serve

import (
	"net"
	"strings"
	"testing"
)

// FuzzForHost checks that a site is found regardless of the case, port and final dot of a host, and that malformed
// hosts are unknown.
func FuzzForHost(f *testing.F) {
	for _, host := range []string{
		"bob.example", "Bob.Example.:80", "[::1]:80", "::1", "bob.example:x", "[bob.example", "", ":", "[]",
		"bob.example:80:80",
	} {
		f.Add(host)
	}
	bob, six := &Front{}, &Front{}
	h := &Hosts{Unknown: &Front{}}
	h.Set(map[string]*Front{"bob.example": bob, "::1": six})
	f.Fuzz(func(t *testing.T, host string) {
		name := host
		if n, port, err := net.SplitHostPort(host); err == nil && strings.Trim(port, "0123456789") == "" {
			name = n
		}
		want := h.Unknown
		switch bare := strings.TrimSuffix(name, "."); {
		case len(bare) == len("bob.example") && strings.EqualFold(bare, "bob.example") && !strings.ContainsAny(bare, "[]"):
			want = bob
		case strings.Trim(name, "[]") == "::1":
			want = six
		}
		got := h.ForHost(host)
		if want == bob && got != bob {
			t.Errorf("ForHost(%q) is not the site of bob.example", host)
		}
		if want == h.Unknown && got != h.Unknown {
			t.Errorf("ForHost(%q) is a site, want Unknown", host)
		}
	})
}

func TestHostsWithoutSites(t *testing.T) {
	h := &Hosts{Unknown: &Front{}}
	if res := h.ForHost("bob.example").Answer(&Visit{Request: Request{Method: "GET",
		Path: "/feed.xml"}}); res.Status != 421 {
		t.Errorf("status without sites is %d, want 421", res.Status)
	}
}
