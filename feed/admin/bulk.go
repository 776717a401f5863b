package admin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

const (
	// maxLines is the maximum number of lines of a bulk request. It bounds the response, which is sent after the whole
	// body has been read: most clients read nothing until they have sent everything, and writing earlier could deadlock.
	maxLines   = 100_000
	batchPosts = 200
	batchBytes = 2 << 20
	// lineTimeout bounds the time to receive the lines of one batch.
	lineTimeout = 30 * time.Second
	// bulkTimeout bounds the time to receive the whole body. Empty and invalid lines do not count toward a batch, so
	// lineTimeout alone would not bound the total.
	bulkTimeout = 30 * time.Minute
)

// postPosts stores the post or posts in the body.
func (h siteHandler) postPosts(w http.ResponseWriter, r *http.Request) error {
	switch bodyType(r.Header) {
	case typeJSON:
		raw, err := readPost(w, r)
		if err != nil {
			return err
		}
		id, err := ownID(raw)
		if err != nil {
			return err
		}
		return h.store(w, r, id, raw)
	case typeLines:
		return h.storeLines(w, r)
	default:
		return problem{Status: http.StatusUnsupportedMediaType,
			Detail: "Send a post as application/json, " +
				"or JSON Lines as application/x-ndjson or application/jsonl."}
	}
}

// ownID returns the value of a post's member "id". It returns no error for a post that is not JSON, since CheckPost
// reports that.
func ownID(raw []byte) (string, error) {
	var own struct{ ID string }
	if err := json.Unmarshal(raw, &own); err == nil && own.ID == "" {
		return "", &intake.Error{Place: "id", Reason: "is missing; give the post an id that never changes"}
	}
	return own.ID, nil
}

// lineResult is the result of one line. Its status is that of the response to a request with only this post.
type lineResult struct {
	Line   int    `json:"line"` // 1-based line number
	Status int    `json:"status"`
	ID     string `json:"id,omitempty"`
	ETag   string `json:"etag,omitempty"`
	Detail string `json:"detail,omitempty"`
	Place  string `json:"place,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// bulk is the state of a request with many posts.
type bulk struct {
	siteHandler
	r     *http.Request
	batch []feed.RawPost
	size  int // size of the batch in bytes
	// pending holds the results since the last flush, in the order of the lines. The results of posts in the batch have
	// status 0 until the batch is stored.
	pending []lineResult
	stored  int
	results bytes.Buffer
}

// storeLines stores posts in batches as they arrive, and responds with a line for each non-empty line. An invalid line
// does not affect the others. A store error ends the request.
func (h siteHandler) storeLines(w http.ResponseWriter, r *http.Request) error {
	c, err := readConditions(r.Header)
	if err != nil {
		return err
	}
	if c.match.given || c.noneMatch.given {
		return problem{Status: http.StatusBadRequest, Detail: "If-Match and If-None-Match apply to single posts only."}
	}
	b := &bulk{siteHandler: h, r: r}
	control := http.NewResponseController(w)
	end := time.Now().Add(bulkTimeout)
	lines := bufio.NewReaderSize(r.Body, 64<<10)
	for number, more := 1, true; more; number++ {
		if len(b.batch) == 0 {
			deadline := time.Now().Add(lineTimeout)
			if deadline.After(end) {
				deadline = end
			}
			if err := supported(control.SetReadDeadline(deadline)); err != nil {
				return err
			}
		}
		var line []byte
		var fits bool
		line, fits, err = readLine(lines, intake.MaxSize)
		more = err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			// The lines before it are still stored: the client cannot know how much was received.
			b.result(lineResult{Line: number, Status: http.StatusBadRequest, Detail: "The body ends within this line."})
			break
		}
		if number > maxLines && len(line) > 0 {
			b.result(lineResult{Line: number, Status: http.StatusRequestEntityTooLarge,
				Detail: "This line and the following ones were not stored: send them in another request."})
			break
		}
		b.add(number, trimPost(line), fits)
		if len(b.batch) == batchPosts || b.size >= batchBytes {
			if err := b.flush(); err != nil {
				return b.end(w, control, err)
			}
		}
	}
	return b.end(w, control, b.flush())
}

// readLine reads up to the next newline, or to the end of the input, in which case it returns [io.EOF]. If the line is
// longer than limit, fits is false and the line is incomplete.
func readLine(r *bufio.Reader, limit int) (line []byte, fits bool, err error) {
	fits = true
	for {
		part, err := r.ReadSlice('\n')
		if fits = fits && len(line)+len(part) <= limit+len("\r\n"); fits {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, fits, err
		}
	}
}

// add adds a line to the batch, or reports its error.
func (b *bulk) add(number int, raw []byte, fits bool) {
	if !fits {
		b.result(lineResult{Line: number, Status: http.StatusRequestEntityTooLarge, Detail: "Posts are limited to 1 MiB."})
		return
	}
	if len(raw) == 0 {
		return
	}
	id, err := ownID(raw)
	if err == nil {
		err = b.CheckPost(id, raw)
	}
	if err != nil {
		p := problemOf(err)
		b.result(lineResult{Line: number, Status: p.Status, ID: id, Detail: p.Detail, Place: p.Place, Reason: p.Reason})
		return
	}
	b.batch = append(b.batch, feed.RawPost{ID: id, Raw: raw})
	b.result(lineResult{Line: number, ID: id})
	b.size += len(raw)
}

// result adds the result of a line.
func (b *bulk) result(a lineResult) { b.pending = append(b.pending, a) }

// flush stores the batch and adds the results of all lines so far to the response.
func (b *bulk) flush() error {
	var created []bool
	var confirmed bool
	var err error
	if len(b.batch) > 0 {
		created, confirmed, err = b.Posts.PutConfirmed(b.r.Context(), b.batch...)
	}
	next := 0 // index of the next post of the batch
	for _, a := range b.pending {
		if a.Status == 0 {
			a = b.storedResult(a, next, created, confirmed, err)
			next++
		}
		line, err := json.Marshal(a)
		if err != nil {
			b.Log.Error("cannot encode the response", "error", err)
			continue
		}
		b.results.Write(append(line, '\n'))
	}
	if err == nil {
		b.stored += len(b.batch)
	}
	b.batch, b.pending, b.size = nil, nil, 0
	return err
}

// storedResult completes a, the result of post i of the batch. created, confirmed and err are the results of
// [Posts.PutConfirmed].
func (b *bulk) storedResult(a lineResult, i int, created []bool, confirmed bool, err error) lineResult {
	if err != nil {
		p := problemOf(err)
		a.Status, a.Detail = p.Status, p.Detail
		return a
	}
	a.ETag = entityTag(b.batch[i].Raw)
	switch {
	case !confirmed:
		a.Status, a.Detail = notConfirmed.Status, notConfirmed.Detail
	case i < len(created) && created[i]:
		a.Status = http.StatusCreated
	default:
		a.Status = http.StatusOK
	}
	return a
}

// end sends the results. If the store failed before anything was stored, the request fails.
func (b *bulk) end(w http.ResponseWriter, control *http.ResponseController, failed error) error {
	if failed != nil && b.stored == 0 {
		return failed
	}
	if failed != nil {
		b.Log.Error("cannot store posts", "writer", tokenName(b.r), "error", failed)
	}
	b.Log.Info("posts stored", "writer", tokenName(b.r), "posts", b.stored)
	if err := supported(control.SetWriteDeadline(time.Now().Add(lineTimeout))); err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeLines)
	w.WriteHeader(http.StatusOK)
	if _, err := b.results.WriteTo(w); err != nil {
		b.Log.Debug("cannot send the response", "error", err)
	}
	return nil
}

// supported returns err, or nil if err is [http.ErrNotSupported]: the response recorder of a test has no connection,
// and so no deadlines.
func supported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
