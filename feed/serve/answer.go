package serve

import "strings"

// Answer answers a request from a snapshot; a nil snapshot is an empty one. It is pure but for a mark that a document's
// bytes were asked for, may be called concurrently, and does not allocate for a 304 nor for a 200 or 226 in gzip coding.
// What needs the bytes of a document that a [Memory] has dropped is answered with 503; a [Front] brings them back. It follows RFC 9110, sections 9 (methods), 12.5.3
// (Accept-Encoding), 13 (conditional requests) and 15 (status codes), and RFC 3229 for the instance manipulation "feed",
// which sends only what is new since a version that the client holds.
func Answer(s *Snapshot, r Request) Response {
	var res Response
	switch r.Method {
	case "GET":
		res = get(s, r)
	case "HEAD":
		res = get(s, r)
		res.Body = nil
	case "OPTIONS":
		return Response{Status: 204, Header: preflight}
	default:
		return methodNotAllowed
	}
	return res
}

func get(s *Snapshot, r Request) Response {
	var d *document
	if r.Query != "" {
		var res Response
		if res, d = s.queried(r.Path, r.Query); res.Status != 0 {
			return res
		}
	}
	if d == nil {
		d = s.document(r.Path)
	}
	if d == nil {
		return s.absent(r.Path)
	}
	return d.respond(nil, r)
}

// absent answers for a path at which there is no document.
func (s *Snapshot) absent(path string) Response {
	if s != nil {
		if res, ok := s.retreats.answers.paths[path]; ok {
			return res
		}
	}
	if s.pending(path) {
		return notYet
	}
	return notFound
}

// pending says whether there may soon be a document at path: a reader that is told 404 may give the feed up for good, so
// that is said only when it is certain.
func (s *Snapshot) pending(path string) bool {
	if s != nil && s.unheld[path] {
		return true
	}
	if path == "/" {
		return true // the index is missing only while there is no feed at all
	}
	file := path[strings.LastIndexByte(path, '/')+1:]
	return (s == nil || !s.complete || !s.hasMain()) && (file == "" || feedFile(file) || s != nil && s.retreats.aliases)
}
