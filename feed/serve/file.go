package serve

import (
	"io"
	"net/http"
	"slices"
	"time"

	"feedpub/feed/serve/media"
)

// File is a body that is read from a file while it is sent.
type File struct {
	io.ReadCloser
	Length int64 // in bytes
}

// length returns the length of the response's body in bytes.
func (r Response) length() int {
	if r.File != nil {
		return int(r.File.Length)
	}
	return len(r.Body)
}

// answerFile returns the response to a request for a file beside the posts, and false if there is no such file.
func (f *Front) answerFile(v *Visit, name string) (Response, bool) {
	if v.Method != http.MethodGet && v.Method != http.MethodHead {
		return Response{}, false
	}
	file, ok := f.Media.Answer(media.Request{
		Head: v.Method == http.MethodHead, Name: name, Range: v.Range, IfRange: v.IfRange,
		IfNoneMatch: v.IfNoneMatch, IfModifiedSince: v.IfModifiedSince,
	})
	if !ok {
		return Response{}, false
	}
	res := Response{Status: file.Status, Header: slices.Clone(common)}
	for key, values := range file.Header {
		res.Header = append(res.Header, Field{Name: key, Values: values[:1]})
	}
	if t, err := http.ParseTime(file.Header.Get("Last-Modified")); err == nil {
		res.modified = t.Unix()
	}
	if file.Body != nil {
		res.File = &File{ReadCloser: file.Body, Length: file.Length}
	}
	return res, true
}

// fileChunk is the number of bytes of a file that a client must receive within the write timeout. Sending a
// whole recording may take longer than that timeout.
const fileChunk = 256 << 10

// sendFile sends the file of a response. An error means that the client has closed the connection or is too slow, or
// that the file was truncated.
func sendFile(w http.ResponseWriter, r *http.Request, f *File) {
	var timeout time.Duration
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
		timeout = s.WriteTimeout
	}
	control := http.NewResponseController(w)
	for {
		if timeout > 0 {
			_ = control.SetWriteDeadline(time.Now().Add(timeout)) // otherwise the timeout of the whole response applies
		}
		if _, err := io.CopyN(w, f, fileChunk); err != nil {
			return
		}
	}
}
