// Package serve answers feed readers from committed documents, which it holds in memory and on the local disk and keeps
// up with the store. It never renders a document and never asks the store on a reader's behalf, so readers don't notice
// when the store is gone.
//
// [Answer] is the whole of the protocol: a pure function from a [Snapshot] and a [Request] to a [Response]. A [Front] adds
// what is no part of it: metrics, and ratelimit. [Hosts] are the Fronts of several sites. Adapters put either on an HTTP
// engine and decide nothing themselves: [NewHandler] on net/http, package fast on fasthttp. A [Replica] makes the
// snapshots.
package serve

import "feedpub/feed"

// Request is all of a request that an answer depends on, besides the site, which the adapter chooses by choosing the
// [Snapshot]. A field that came in several lines is joined by ", " (RFC 9110 section 5.3); one that is missing is "".
type Request struct {
	Method          string
	Path            string // percent-decoded, without the query
	Query           string // as it came, without "?"; only old paths of feeds look at it
	AcceptEncoding  string
	IfNoneMatch     string
	IfModifiedSince string
	AIM             string // A-IM (RFC 3229)
}

// Response is an answer. Header and Body are shared by all answers that are made from the same document: neither is to
// be modified.
type Response struct {
	Status int
	Header []Field     // everything but Date and what an engine adds for the connection
	Body   []byte      // nil where there is none to send: HEAD, 204, 304
	Feed   feed.Name   // whose document was asked for; empty for errors and for what is not a feed
	Format feed.Format // of that document
	Close  bool        // the connection is to be closed after it: what follows on it can't be trusted
	wanted *document   // the answer is 503 for want of this document's bytes
}

// Get returns the value of the header field of the given canonical name, or "".
func (r Response) Get(name string) string {
	for _, f := range r.Header {
		if f.Name == name {
			return f.Values[0]
		}
	}
	return ""
}

// Field is a header field, made once and sent many times.
type Field struct {
	Name   string   // in net/http's canonical form: "Etag"
	Values []string // exactly one; a slice because that is what net/http takes without a copy
}

func field(name, value string) Field { return Field{Name: name, Values: []string{value}} }
