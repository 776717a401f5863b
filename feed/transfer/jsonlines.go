package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// Writer writes posts and records as JSON Lines, which [Read] reads back without loss. The JSON of a post is written
// unchanged, except that JSON on several lines is compacted to one line. If the JSON has no id, the post's id is added
// as the first member. A post that is not JSON, has a different id, cannot be read, or would not be read back as a post
// is written as {"_raw":"BASE64","id":"ID"}, from which an import restores its exact bytes. A Writer is not safe for
// concurrent use.
type Writer struct {
	w              *bufio.Writer
	posts, records int // numbers of lines written
}

// NewWriter returns a Writer that writes to w. Call [Writer.Flush] after the last entry.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: bufio.NewWriter(w)}
}

// Post writes a post.
func (w *Writer) Post(p feed.RawPost) error {
	line, err := postLine(p)
	if err == nil {
		err = w.line(line)
	}
	if err != nil {
		return fmt.Errorf("write post %q: %w", p.ID, err)
	}
	w.posts++
	return nil
}

// Record writes a record. It returns an error of kind [feed.ErrInvalid] for an empty or incomplete record.
func (w *Writer) Record(l feed.ExportLine) error {
	err := validateRecord(l)
	var line []byte
	if err == nil {
		line, err = json.Marshal(map[string]feed.ExportLine{"_record": l})
	}
	if err == nil {
		err = w.line(line)
	}
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	w.records++
	return nil
}

// Flush writes the buffered lines to the underlying writer.
func (w *Writer) Flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write posts: %w", err)
	}
	return nil
}

func (w *Writer) line(line []byte) error {
	if _, err := w.w.Write(line); err != nil {
		return err
	}
	return w.w.WriteByte('\n')
}

// postLine returns the line that [Writer] writes for a post.
func postLine(p feed.RawPost) ([]byte, error) {
	line, ok, err := readableLine(p)
	if ok || err != nil {
		return line, err
	}
	return json.Marshal(struct {
		Raw []byte `json:"_raw"`
		ID  string `json:"id"`
	}{p.Raw, p.ID})
}

// isReserved reports whether an object has a member with a special meaning in the lines of a [Writer] or
// [ExportWriter].
func isReserved(members map[string]json.RawMessage) bool {
	return slices.ContainsFunc([]string{"_record", "_raw", "_export", "_end"}, func(name string) bool {
		return members[name] != nil
	})
}

// readableLine returns the JSON of a post on one line with its id. It returns false if reading the line would not
// return the same post.
func readableLine(p feed.RawPost) (line []byte, ok bool, err error) {
	if _, err := intake.Decode(p.ID, p.Raw); err != nil {
		return nil, false, nil
	}
	var members map[string]json.RawMessage
	if len(p.Raw) > maxEntry/2 || json.Unmarshal(p.Raw, &members) != nil || members == nil || p.Raw[0] != '{' ||
		isReserved(members) || isJSONFeed(p.Raw) || checkStatus(members, Options{}) != nil {
		return nil, false, nil
	}
	line = p.Raw
	if bytes.IndexByte(line, '\n') >= 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, line); err != nil {
			return nil, false, err
		}
		line = compact.Bytes()
	}
	if value, given := members["id"]; given {
		var id string
		return line, json.Unmarshal(value, &id) == nil && id == p.ID, nil
	}
	quoted, err := json.Marshal(p.ID)
	if err != nil {
		return nil, false, err
	}
	withID := append([]byte(`{"id":`), quoted...)
	if len(members) > 0 {
		withID = append(withID, ',')
	}
	return append(withID, bytes.TrimLeft(line[1:], " \t\r")...), true, nil
}

// EqualExport reports whether a stored post and a post that was read from an export are the same: an export may add the
// id to a post and removes its line breaks.
func EqualExport(stored, read feed.RawPost) bool {
	if bytes.Equal(stored.Raw, read.Raw) {
		return true
	}
	line, ok, err := readableLine(stored)
	return ok && err == nil && bytes.Equal(line, read.Raw)
}
