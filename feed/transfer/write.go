package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"feedpub/feed"
)

// Writer writes posts and records as JSON Lines, from which [Read] gets them back: a post's JSON byte by byte, or, if
// it goes over several lines, without the white space between its members. A post whose JSON gives no id gets it as its
// first member; one that is not JSON or gives another id, or that would be taken for something else, is written as
// {"_raw":"BASE64","id":"ID"}. It is not safe for concurrent use.
type Writer struct {
	w *bufio.Writer
}

// NewWriter returns a Writer to w. Call [Writer.Flush] at the end.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: bufio.NewWriter(w)}
}

// Post writes a line with the post.
func (w *Writer) Post(p feed.RawPost) error {
	line, err := postLine(p)
	if err == nil {
		err = w.line(line)
	}
	if err != nil {
		return fmt.Errorf("write post %q: %w", p.ID, err)
	}
	return nil
}

// Record writes a line with the record. One that says nothing is an error of kind [feed.ErrInvalid].
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
	return nil
}

// Flush writes what is held back.
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

func postLine(p feed.RawPost) ([]byte, error) {
	var members map[string]json.RawMessage
	raw := p.Raw
	readable := len(raw) <= maxEntry/2 && json.Unmarshal(raw, &members) == nil && members != nil &&
		raw[0] == '{' && members["_record"] == nil && members["_raw"] == nil && !isJSONFeed(raw)
	if readable && bytes.ContainsAny(raw, "\n") {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return nil, err
		}
		raw = compact.Bytes()
	}
	var id string
	value, given := members["id"]
	switch {
	case readable && given && json.Unmarshal(value, &id) == nil && id == p.ID:
		return raw, nil
	case readable && !given:
		quoted, err := json.Marshal(p.ID)
		if err != nil {
			return nil, err
		}
		line := append([]byte(`{"id":`), quoted...)
		if len(members) > 0 {
			line = append(line, ',')
		}
		return append(line, bytes.TrimLeft(raw[1:], " \t\r")...), nil
	}
	return json.Marshal(struct {
		Raw []byte `json:"_raw"`
		ID  string `json:"id"`
	}{p.Raw, p.ID})
}
