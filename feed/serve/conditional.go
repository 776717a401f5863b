package serve

import (
	"net/http"
	"strings"

	"feedpub/feed/coding"
	"feedpub/feed/etag"
)

// tagMatch is the result of comparing If-None-Match with a document's entity tags.
type tagMatch struct {
	matched bool
	codings [coding.Count]bool // the codings whose tags are listed
}

// coding returns the coding whose tag a 304 must contain: selected, if the client has the document in that coding, or
// else a coding in which the client has it. With any other tag, a cache could not select the stored response to update
// (RFC 9111 section 4.3.4).
func (m tagMatch) coding(selected coding.Coding) coding.Coding {
	if m.codings[selected] {
		return selected
	}
	for c, matched := range m.codings {
		if matched {
			return coding.Coding(c)
		}
	}
	return selected
}

// matchTags compares a value of If-None-Match with the entity tags of a document, by the weak comparison (RFC 9110
// section 13.1.2). hash is the document's hash, followed by plainSuffix if the media type is a plain one. A tag matches
// if it is hash with or without a further suffix: a client that has the document in any coding does not need it in a
// different coding, even if a proxy created the coding and added its own suffix to the tag. Tags without quotation
// marks are accepted because some readers drop them.
func matchTags(value, hash string) tagMatch {
	if etag.IsAny(value) {
		return tagMatch{matched: true}
	}
	var m tagMatch
	for {
		tag, rest, ok := etag.Next(value)
		if !ok {
			return m
		}
		value = rest
		suffix, ok := strings.CutPrefix(tag.Opaque, hash)
		if !ok || suffix != "" && suffix[0] != '-' {
			continue
		}
		m.matched = true
		for c := range codingRows {
			if suffix == codingRows[c].tagSuffix {
				m.codings[c] = true
				break
			}
		}
	}
}

// unmodifiedSince evaluates If-Modified-Since (RFC 9110 section 13.1.3). It returns false for a malformed date, and for
// a document without Last-Modified. c is the coding of the response.
func (d *document) unmodifiedSince(value string, c coding.Coding) bool {
	if d.modified == 0 {
		return false
	}
	if value == d.variant(c).lastModified { // the usual case: clients return the value they received
		return true
	}
	t, err := http.ParseTime(value)
	return err == nil && !d.ref.Modified.After(t)
}

// conditional reports whether a request has a condition, so its response can be a 304. Any entity tag counts, even if
// no document has it.
func conditional(r *Request) bool {
	if strings.Contains(r.IfNoneMatch, `"`) || etag.IsAny(r.IfNoneMatch) {
		return true
	}
	if r.IfModifiedSince == "" {
		return false
	}
	_, err := http.ParseTime(r.IfModifiedSince)
	return err == nil
}
