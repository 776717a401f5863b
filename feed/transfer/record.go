package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"feedpub/feed"
)

// recordLine is how a [Record] is written: as the value of the member "_record" of an object on a line of its own.
type recordLine struct {
	Post    *feed.Record  `json:"post,omitempty"`
	Name    feed.Name     `json:"name,omitempty"`
	Of      string        `json:"of,omitempty"`
	Removal feed.Name     `json:"removal,omitempty"`
	Time    time.Time     `json:"time,omitzero"`
	Archive *feed.Archive `json:"archive,omitempty"`
}

func decodeRecord(raw []byte) (*Record, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	// A record that isn't understood must not be lost without anybody noticing.
	d.DisallowUnknownFields()
	var line recordLine
	if err := d.Decode(&line); err != nil {
		return nil, fmt.Errorf("_record: %w: %w", err, feed.ErrInvalid)
	}
	record := Record(line)
	if err := record.validate(); err != nil {
		return nil, err
	}
	return &record, nil
}

// validate returns an error of kind [feed.ErrInvalid] unless the record says one thing, and all of it.
func (r Record) validate() error {
	kinds := 0
	for _, is := range []bool{r.Post != nil, r.Name != "", r.Removal != "", r.Archive != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("_record: want one of post, name, removal and archive, got %d: %w", kinds, feed.ErrInvalid)
	case r.Post != nil && r.Post.ID == "":
		return fmt.Errorf("_record.post.id: missing: %w", feed.ErrInvalid)
	case r.Archive != nil && (r.Archive.Feed == "" || r.Archive.Until.IsZero()):
		return fmt.Errorf("_record.archive: want its feed and where it ends: %w", feed.ErrInvalid)
	case r.Removal != "" && r.Time.IsZero():
		return fmt.Errorf("_record.time: missing: %w", feed.ErrInvalid)
	}
	return nil
}
