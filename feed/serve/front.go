package serve

import (
	"feedpub/feed"
)

// Documents gives what is served now. A [Replica] is one.
type Documents interface {
	// Snapshot returns the current snapshot. It is called for every request.
	Snapshot() *Snapshot
}

// Observer is told of every answer, for metrics. It is called concurrently and must not block.
type Observer interface {
	// Served reports an answer: the format of the document that was asked for, empty if there is none, the status and
	// the length of the body in bytes.
	Served(format feed.Format, status, bytes int)
}

// Visit is a request as an engine received it. Its strings may be views of an engine's buffers: they hold until the
// answer has been sent, and whoever keeps one copies it.
type Visit struct {
	Request
	// HasBody says that the request has a body or claims to have one, by a Content-Length other than 0 or a
	// Transfer-Encoding.
	HasBody bool
}

// Front answers what engines receive: it is all that they have in common. Its fields are not changed once it is in use.
type Front struct {
	Documents Documents
	Observer  Observer // optional
}

// Answer answers a visit. It may be called concurrently.
func (f *Front) Answer(v *Visit) Response {
	res := f.answer(v)
	if f.Observer != nil {
		f.Observer.Served(res.Format, res.Status, len(res.Body))
	}
	return res
}

func (f *Front) answer(v *Visit) Response {
	if v.HasBody {
		// Such a request is a mistake or an attempt to smuggle another one in its body, which nobody is to read.
		res := hasBody
		if !readOnly(v.Method) {
			res = methodNotAllowed
		}
		if v.Method == "HEAD" {
			res.Body = nil
		}
		res.Close = true
		return res
	}
	return Answer(f.Documents.Snapshot(), v.Request)
}

func readOnly(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }
