package serve

import (
	"feedpub/feed/coding"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestNegotiate(t *testing.T) {
	const neither = coding.Coding(coding.Count)
	for _, test := range []struct {
		accept string
		want   coding.Coding
	}{
		{"", coding.Identity},
		{"gzip", coding.Gzip},
		{"GZIP", coding.Gzip},
		{"x-gzip", coding.Gzip},
		{"gzip, deflate, br", coding.Gzip},
		{"br", coding.Identity},
		{"deflate, identity", coding.Identity},
		{"identity", coding.Identity},
		{"identity, gzip", coding.Gzip},
		{"*", coding.Gzip},
		{"gzip;q=0", coding.Identity},
		{"gzip;q=0.000", coding.Identity},
		{"gzip; q=0, *", coding.Identity},
		{"*, gzip ; Q=0", coding.Identity},
		{"*;q=0", neither},
		{"identity;q=0", neither},
		{"br, identity;q=0", neither},
		{"gzip, identity;q=0", coding.Gzip},
		{"gzip, *;q=0", coding.Gzip},
		{"identity, *;q=0", coding.Identity},
		{"*, identity;q=0", coding.Gzip},
		{"gzip;q=0, identity;q=0", neither},
		{"gzip;q=0.5", coding.Gzip},
		{"gzip;q=0.5, identity", coding.Identity},
		{"gzip;q=0.5, identity;q=0.5", coding.Gzip},
		{"gzip;q=0.001, identity;q=0.002", coding.Identity},
		{"gzip;q=1.000", coding.Gzip},
		{"gzip;q=0.1234", coding.Gzip},
		{"gzip;level=9;q=0", coding.Identity},
		{"gzip;q=2", coding.Identity},
		{"gzip;q=1.001", coding.Identity},
		{"gzip;q=", coding.Identity},
		{"gzip;q=high", coding.Identity},
		{"gzip;q=-1", coding.Identity},
		{",,gzip\t,", coding.Gzip},
		{"gzip\x00", coding.Identity},
	} {
		got, ok := negotiate(test.accept, gzipOnly)
		if !ok {
			got = neither
		}
		if got != test.want {
			t.Errorf("Accept-Encoding %q: coding %d, want %d", test.accept, got, test.want)
		}
	}
}

// The codings in which new and stable documents are stored.
var (
	gzipOnly   = codingSet{coding.Identity: true, coding.Gzip: true}
	allCodings = codingSet{coding.Identity: true, coding.Gzip: true, coding.Brotli: true}
)

func TestNegotiateBrotli(t *testing.T) {
	for _, test := range []struct {
		accept string
		want   coding.Coding
	}{
		{"", coding.Identity},
		{"br", coding.Brotli},
		{"BR", coding.Brotli},
		{"gzip, deflate, br", coding.Brotli},
		{"gzip", coding.Gzip},
		{"*", coding.Gzip},
		{"br;q=0", coding.Identity},
		{"br;q=0, gzip", coding.Gzip},
		{"gzip;q=1, br;q=0.9", coding.Gzip},
		{"gzip;q=0.9, br;q=0.9", coding.Brotli},
		{"gzip;q=0.8, br;q=0.9", coding.Brotli},
		{"identity, br;q=0.5", coding.Identity},
		{"gzip;q=0, br", coding.Brotli},
		{"identity;q=0, br", coding.Brotli},
		{"*;q=0, br", coding.Brotli},
	} {
		if got, ok := negotiate(test.accept, allCodings); got != test.want || !ok {
			t.Errorf("Accept-Encoding %q for a document in brotli coding: coding %d, %t; want %d",
				test.accept, got, ok, test.want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, s := range []string{"", "gzip", "gzip;q=0.5, identity;q=1", "*;q=0", "x-gzip;q=0.123,*", "a;b=c;q=1,,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got, ok := negotiate(accept, gzipOnly)
		want, wantOK, certain := oracleNegotiate(accept)
		if certain && (got != want || ok != wantOK) {
			t.Errorf("Accept-Encoding %q: coding %d, %t; want %d, %t", accept, got, ok, want, wantOK)
		}
		if br, brOK := negotiate(accept, allCodings); br == coding.Brotli &&
			!strings.Contains(strings.ToLower(accept), "br") ||
			br != coding.Brotli && (br != got || brOK != ok) {
			t.Errorf("Accept-Encoding %q for a document in brotli coding: coding %d, want %d unless br is listed",
				accept, br, got)
		}
		lower := strings.ToLower(accept)
		if got == coding.Gzip && !strings.Contains(lower, "gzip") && !strings.Contains(lower, "*") {
			t.Errorf("Accept-Encoding %q: got gzip, which is not listed", accept)
		}
	})
}

var (
	acceptMember = regexp.MustCompile(`(?i)^[ \t]*([!#$%&'*+.^_|~0-9a-z-]+)` +
		`(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*$`)
	emptyMember = regexp.MustCompile(`^[ \t]*$`)
)

// oracleNegotiate is a literal implementation of RFC 9110 section 12.5.3. certain is false for members outside
// the grammar, and for codings that are listed twice.
func oracleNegotiate(accept string) (c coding.Coding, ok, certain bool) {
	weights := map[string]float64{}
	for member := range strings.SplitSeq(accept, ",") {
		if emptyMember.MatchString(member) {
			continue
		}
		m := acceptMember.FindStringSubmatch(member)
		if m == nil {
			return 0, false, false
		}
		q := 1.0
		if m[2] != "" {
			q, _ = strconv.ParseFloat(m[2], 64)
		}
		name := strings.ToLower(m[1])
		if name == "x-gzip" {
			name = "gzip"
		}
		if _, twice := weights[name]; twice {
			return 0, false, false
		}
		weights[name] = q
	}
	star, hasStar := weights["*"]
	gz, hasGzip := weights["gzip"]
	if !hasGzip {
		gz = star
	}
	id, hasIdentity := weights["identity"]
	if !hasIdentity && hasStar {
		id, hasIdentity = star, true
	}
	switch {
	case gz > 0 && (!hasIdentity || gz >= id):
		return coding.Gzip, true, true
	case !hasIdentity || id > 0:
		return coding.Identity, true, true
	default:
		return coding.Identity, false, true
	}
}
