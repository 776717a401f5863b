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
	// maxLines bounds the answer to a bulk request, which is kept until the whole body is read: most clients read
	// nothing before they have sent all, and would wait for us as we for them.
	maxLines   = 100_000
	batchPosts = 200
	batchBytes = 2 << 20
	// lineTimeout is how long a client may take for the lines of one batch.
	lineTimeout = 30 * time.Second
	// bulkTimeout is how long it may take for all of them: lines that are empty or wrong fill no batch, so that without
	// it a request of such lines could last for weeks.
	bulkTimeout = 30 * time.Minute
)

// postPosts stores the post or the posts in the body.
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
			Detail: "A post is application/json; posts as JSON Lines are application/x-ndjson or application/jsonl."}
	}
}

// ownID returns the id in a post. A post that is no JSON has none, and no error either: who checks it says what is wrong.
func ownID(raw []byte) (string, error) {
	var own struct{ ID string }
	if err := json.Unmarshal(raw, &own); err == nil && own.ID == "" {
		return "", &intake.Error{Place: "id", Reason: "is missing; give the post one that never changes"}
	}
	return own.ID, nil
}

// lineAnswer says what became of one line: 200, 202, 413, 422 or 503, as it would have been of one post.
type lineAnswer struct {
	Line   int    `json:"line"` // counted from 1
	Status int    `json:"status"`
	ID     string `json:"id,omitempty"`
	ETag   string `json:"etag,omitempty"`
	Detail string `json:"detail,omitempty"`
	Place  string `json:"place,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// bulk is a request with many posts under way.
type bulk struct {
	siteHandler
	r       *http.Request
	batch   []feed.RawPost
	numbers []int // of the batch's lines
	size    int   // of the batch, in bytes
	stored  int
	answers bytes.Buffer
}

// storeLines stores posts as they come, in batches, and answers a line for each that is not empty. A line that is wrong
// leaves the others alone; a store that fails ends it.
func (h siteHandler) storeLines(w http.ResponseWriter, r *http.Request) error {
	c, err := readConditions(r.Header)
	if err != nil {
		return err
	}
	if c.match.given || c.noneMatch.given {
		return problem{Status: http.StatusBadRequest, Detail: "If-Match and If-None-Match are for single posts."}
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
			// What came before is stored in any case: the client can't know how far it got.
			b.answer(lineAnswer{Line: number, Status: http.StatusBadRequest, Detail: "The body ends within this line."})
			break
		}
		if number > maxLines && len(line) > 0 {
			b.answer(lineAnswer{Line: number, Status: http.StatusRequestEntityTooLarge,
				Detail: "This and the following lines were not stored: send them in a request of their own."})
			break
		}
		b.take(number, trimPost(line), fits)
		if len(b.batch) == batchPosts || b.size >= batchBytes {
			if err := b.flush(); err != nil {
				return b.end(w, control, err)
			}
		}
	}
	return b.end(w, control, b.flush())
}

// readLine reads up to the next newline or the end, where it returns [io.EOF]. Of a line that is longer than limit it
// returns some, and false.
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

// take adds a line to the batch, or answers what is wrong with it.
func (b *bulk) take(number int, raw []byte, fits bool) {
	if !fits {
		b.answer(lineAnswer{Line: number, Status: http.StatusRequestEntityTooLarge, Detail: "A post has at most 1 MiB."})
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
		b.answer(lineAnswer{Line: number, Status: p.Status, ID: id, Detail: p.Detail, Place: p.Place, Reason: p.Reason})
		return
	}
	b.batch = append(b.batch, feed.RawPost{ID: id, Raw: raw})
	b.numbers = append(b.numbers, number)
	b.size += len(raw)
}

// flush stores the batch and answers its lines.
func (b *bulk) flush() error {
	if len(b.batch) == 0 {
		return nil
	}
	confirmed, err := b.Posts.PutConfirmed(b.r.Context(), b.batch...)
	for i, p := range b.batch {
		a := lineAnswer{Line: b.numbers[i], Status: http.StatusOK, ID: p.ID, ETag: entityTag(p.Raw)}
		switch {
		case err != nil:
			failed := problemOf(err)
			a = lineAnswer{Line: b.numbers[i], Status: failed.Status, ID: p.ID, Detail: failed.Detail}
		case !confirmed:
			a.Status, a.Detail = notConfirmed.Status, notConfirmed.Detail
		}
		b.answer(a)
	}
	if err == nil {
		b.stored += len(b.batch)
	}
	b.batch, b.numbers, b.size = nil, nil, 0
	return err
}

func (b *bulk) answer(a lineAnswer) {
	line, err := json.Marshal(a)
	if err != nil {
		b.Log.Error("answer can't be written as JSON", "error", err)
		return
	}
	b.answers.Write(append(line, '\n'))
}

// end sends the answers. If the store failed before anything was stored, so does the request.
func (b *bulk) end(w http.ResponseWriter, control *http.ResponseController, failed error) error {
	if failed != nil && b.stored == 0 {
		return failed
	}
	if failed != nil {
		b.Log.Error("posts were not stored", "writer", tokenName(b.r), "error", failed)
	}
	b.Log.Info("posts stored", "writer", tokenName(b.r), "posts", b.stored)
	if err := supported(control.SetWriteDeadline(time.Now().Add(lineTimeout))); err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeLines)
	w.WriteHeader(http.StatusOK)
	if _, err := b.answers.WriteTo(w); err != nil {
		b.Log.Debug("answer not sent", "error", err)
	}
	return nil
}

// supported returns err unless it says that there is no connection that could have a deadline.
func supported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
