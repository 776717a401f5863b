// Package media reads the files beside posts, such as images and recordings, which are served unchanged. It opens
// nothing outside its folder, and no file that may be a post.
package media

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
)

// Dir is a folder of files. It is safe for concurrent use. The zero Dir contains no files.
type Dir struct{ path string }

// New returns the folder, which need not exist.
func New(path string) Dir { return Dir{path} }

// open opens a file by its slash-separated path in the folder. The error is of kind [fs.ErrNotExist] for everything
// that is not served.
func (d Dir) open(name string) (*os.File, fs.FileInfo, error) {
	if feed.MediaType(name) == "" || path.Clean(name) != name || d.path == "" {
		return nil, nil, fs.ErrNotExist
	}
	// Open the folder for each file, since it may be replaced while the process is running, for example by a deployment.
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, nil, fs.ErrNotExist
	}
	defer func() { _ = root.Close() }()
	// Examine the file before it is opened: opening a named pipe would block.
	info, err := root.Stat(filepath.FromSlash(name))
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil, fs.ErrNotExist
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, nil, fs.ErrNotExist
	}
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, nil, errors.Join(fs.ErrNotExist, f.Close())
	}
	return f, info, nil
}

// Size returns the size of a file in bytes, and whether it is served.
func (d Dir) Size(name string) (int64, bool) {
	f, info, err := d.open(name)
	if err != nil {
		return 0, false
	}
	return info.Size(), f.Close() == nil
}

// Request is a request for a file.
type Request struct {
	Head            bool
	Name            string // slash-separated path in the folder
	Range, IfRange  string
	IfNoneMatch     string
	IfModifiedSince string
}

// Response is the response to a request for a file.
type Response struct {
	Status int
	Header http.Header
	Body   io.ReadCloser // nil if there is none; the caller must close it
	Length int64         // bytes in Body
}

// maxAge is the max-age of files in seconds.
const maxAge = 60 * 60

// Answer returns the response to a request for a file. It returns false if no file with that name is served. It
// supports conditional requests and single ranges. The ETag depends on the size and the modification time of the file.
func (d Dir) Answer(r Request) (Response, bool) {
	f, info, err := d.open(r.Name)
	if err != nil {
		return Response{}, false
	}
	header := http.Header{
		"Content-Type":  {feed.MediaType(r.Name)},
		"Cache-Control": {"public, max-age=" + strconv.Itoa(maxAge)},
		"Etag":          {fmt.Sprintf("\"%x-%x\"", info.ModTime().UnixNano(), info.Size())},
		// An SVG image can contain scripts, which must not run on the origin of the feeds.
		"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'; sandbox"},
	}
	// http.ServeContent evaluates conditions and ranges. It is given a HEAD request so that it does not write the body,
	// which the engine sends.
	request := &http.Request{Method: http.MethodHead, Header: http.Header{}}
	set := func(name, value string) {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if !strings.Contains(r.Range, ",") { // a server may ignore Range, and multiple ranges require a different format
		set("Range", r.Range)
		set("If-Range", r.IfRange)
	}
	set("If-None-Match", r.IfNoneMatch)
	set("If-Modified-Since", r.IfModifiedSince)
	w := &head{status: http.StatusOK, header: header}
	http.ServeContent(w, request, "", info.ModTime().Truncate(time.Second), f)
	res := Response{Status: w.status, Header: header}
	if r.Head || w.status != http.StatusOK && w.status != http.StatusPartialContent {
		_ = f.Close() // closing a file that was only read loses no data
		return res, true
	}
	start := int64(0)
	res.Length = info.Size()
	if w.status == http.StatusPartialContent {
		var end, size int64
		if _, err := fmt.Sscanf(header.Get("Content-Range"), "bytes %d-%d/%d", &start, &end, &size); err != nil {
			_ = f.Close()
			return Response{}, false // cannot happen: net/http wrote it
		}
		res.Length = end - start + 1
	}
	res.Body = body{io.NewSectionReader(f, start, res.Length), f}
	return res, true
}

// head is an http.ResponseWriter that keeps the status and the header.
type head struct {
	status int
	header http.Header
}

func (h *head) Header() http.Header         { return h.header }
func (h *head) WriteHeader(status int)      { h.status = status }
func (h *head) Write(p []byte) (int, error) { return len(p), nil }

// body reads a part of a file, and closes the file.
type body struct {
	io.Reader
	io.Closer
}
