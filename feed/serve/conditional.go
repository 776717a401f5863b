package serve

import (
	"feedpub/feed/coding"
	"net/http"
	"strings"
)

// matches says which of a document's entity tags a client holds.
type matches struct {
	any  bool
	held [coding.Count]bool
}

// coding returns the coding whose tag a 304 carries. That is the one which was selected, if the client holds it; else
// one that it does hold: a cache could not tell which stored response a 304 with a tag it has never seen is about
// (RFC 9111 section 4.3.4).
func (m matches) coding(selected coding.Coding) coding.Coding {
	if m.held[selected] {
		return selected
	}
	for c, held := range m.held {
		if held {
			return coding.Coding(c)
		}
	}
	return selected
}

// matchETags reads the value of If-None-Match (RFC 9110 section 13.1.2) and compares each tag, weak or strong, by its
// hash part: a document that a client holds in any coding, also in one that a proxy on the way made of it and marked by
// a suffix of its own, need not be sent again. Members that are not entity tags are passed over, except that a tag
// without its quotes is understood: there are readers that lose them.
func matchETags(list, hash string) matches {
	var m matches
	if strings.Trim(list, " \t") == "*" {
		m.any = true
		return m
	}
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "" {
			return m
		}
		list = strings.TrimPrefix(list, "W/")
		var tag string
		if strings.HasPrefix(list, `"`) {
			end := strings.IndexByte(list[1:], '"')
			if end < 0 {
				return m
			}
			tag, list = list[1:1+end], list[end+2:]
			if rest := strings.TrimLeft(list, " \t"); rest != "" && rest[0] != ',' {
				// Not a tag after all: go on behind the next comma.
				_, list, _ = strings.Cut(list, ",")
				continue
			}
		} else {
			tag, list, _ = strings.Cut(list, ",")
			tag = strings.TrimRight(tag, " \t")
		}
		suffix, ok := strings.CutPrefix(tag, hash)
		if !ok || suffix != "" && suffix[0] != '-' {
			continue
		}
		m.any = true
		for _, c := range coding.All() {
			if suffix == c.TagSuffix() {
				m.held[c] = true
			}
		}
	}
}

// unmodifiedSince evaluates If-Modified-Since (RFC 9110 section 13.1.3). A value that is none of the three forms of date
// is passed over, and so is the field while the document has no Last-Modified.
func (d *document) unmodifiedSince(value string) bool {
	if d.lastModified == "" {
		return false
	}
	if value == d.lastModified { // what all readers send that send back what they were given
		return true
	}
	t, err := http.ParseTime(value)
	return err == nil && !d.ref.Modified.After(t)
}
