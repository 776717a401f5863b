package serve

import "strings"

// coding is a content coding that documents are served in (RFC 9110 section 8.4.1).
type coding uint8

// The codings. Their order is that of [document.variants].
const (
	identity coding = iota
	gzipped
	brotlied
	codings // how many there are
)

// tagSuffix is what tells the entity tag of a coding from that of the identity coding: the same document in another
// coding is another representation, and a strong tag must tell them apart (RFC 9110 section 8.8.3.3).
func (c coding) tagSuffix() string {
	switch c {
	case gzipped:
		return "-gz"
	case brotlied:
		return "-br"
	default:
		return ""
	}
}

// negotiate chooses the coding for the value of Accept-Encoding, following RFC 9110 section 12.5.3. It returns false if
// no coding is acceptable. Of equally welcome codings it takes the smallest. A member whose weight can't be read is passed
// over. br says whether there is the brotli coding to choose, which is for those who name it: "*" comes from programs that
// know no more than gzip.
func negotiate(accept string, br bool) (coding, bool) {
	if accept == "" {
		return identity, true // the field is missing, or says that no coding is wanted
	}
	const unlisted = -1
	gz, bro, id, star := unlisted, unlisted, unlisted, unlisted
	for accept != "" {
		var member string
		member, accept, _ = strings.Cut(accept, ",")
		name, parameters, _ := strings.Cut(member, ";")
		q, ok := weight(parameters)
		if !ok {
			continue
		}
		switch name = strings.Trim(name, " \t"); {
		case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
			gz = q
		case strings.EqualFold(name, "br"):
			bro = q
		case strings.EqualFold(name, "identity"):
			id = q
		case name == "*":
			star = q
		}
	}
	if gz == unlisted {
		gz = max(star, 0)
	}
	if id == unlisted && star != unlisted {
		id = star
	}
	switch {
	case br && bro > 0 && bro >= gz && bro >= id:
		return brotlied, true
	case gz > 0 && gz >= id: // identity that is not listed is acceptable, but nobody asked for it
		return gzipped, true
	case id != 0:
		return identity, true
	default:
		return identity, false
	}
}

// weight returns the q parameter among parameters in thousandths, 1000 if there is none, and false if it is malformed.
// Digits after the third are passed over.
func weight(parameters string) (int, bool) {
	for parameters != "" {
		var p string
		p, parameters, _ = strings.Cut(parameters, ";")
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.Trim(name, " \t"), "q") {
			continue
		}
		value = strings.Trim(value, " \t")
		whole, fraction, _ := strings.Cut(value, ".")
		if whole != "0" && whole != "1" {
			return 0, false
		}
		q, unit := int(whole[0]-'0')*1000, 100
		for i := range len(fraction) {
			digit := fraction[i]
			if digit < '0' || digit > '9' {
				return 0, false
			}
			q += int(digit-'0') * unit
			unit /= 10
		}
		return q, q <= 1000
	}
	return 1000, true
}
