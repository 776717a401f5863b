package serve

import (
	"strings"

	"feedpub/feed/coding"
)

// codingSet is a set of codings.
type codingSet [coding.Count]bool

// codingRow holds the properties of a coding that every request needs.
type codingRow struct {
	token, tagSuffix string
	wildcard         bool
}

// codingRows is a copy of the table in package coding. Reading it does not check the coding's number.
var codingRows = func() (rows [coding.Count]codingRow) {
	for _, c := range coding.All() {
		rows[c] = codingRow{c.Token(), c.TagSuffix(), c.Wildcard()}
	}
	return rows
}()

// negotiate chooses one of the stored codings for the value of Accept-Encoding (RFC 9110 section 12.5.3), and returns
// false if none is acceptable. If several have the same weight, it chooses the most compact. Members with a malformed
// weight are ignored.
func negotiate(accept string, stored codingSet) (coding.Coding, bool) {
	if accept == "" {
		return coding.Identity, true // the field is missing or empty
	}
	// Most feed readers send the name of one coding and no weight.
	if c, ok := codingNamed(accept); ok && stored[c] {
		return c, true
	}
	weights, other := codingWeights(accept)
	best, greatest := coding.Identity, 0
	for c, q := range weights {
		if q == unlisted && codingRows[c].wildcard {
			q = other
			weights[c] = q
		}
		if stored[c] && q > 0 && q >= greatest {
			best, greatest = coding.Coding(c), q
		}
	}
	// An unlisted identity coding is acceptable, but not preferred.
	return best, greatest > 0 || weights[coding.Identity] == unlisted
}

// unlisted is the weight of a coding that Accept-Encoding does not list.
const unlisted = -1

// codingWeights returns the weights of the codings in a value of Accept-Encoding, and the weight of "*".
func codingWeights(accept string) (weights [coding.Count]int, other int) {
	other = unlisted
	for c := range weights {
		weights[c] = unlisted
	}
	for accept != "" {
		var member string
		member, accept, _ = strings.Cut(accept, ",")
		name, parameters, _ := strings.Cut(member, ";")
		q, ok := weight(parameters)
		if !ok {
			continue
		}
		name = strings.Trim(name, " \t")
		if name == "*" {
			other = q
			continue
		}
		if c, ok := codingNamed(name); ok {
			weights[c] = q
		}
	}
	return weights, other
}

// codingNamed returns the coding with the given name in Accept-Encoding.
func codingNamed(name string) (coding.Coding, bool) {
	for c := range codingRows {
		// Comparing the lengths first avoids most of the slower comparisons.
		if token := codingRows[c].token; len(name) == len(token) && strings.EqualFold(name, token) {
			return coding.Coding(c), true
		}
	}
	return coding.Gzip, strings.EqualFold(name, "x-gzip") // RFC 9110 section 8.4.1.3
}

// weight returns the q parameter in thousandths, 1000 if there is none, and false if it is malformed. It ignores digits
// after the third.
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
