package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"

	"feedpub/feed"
)

// decodeRecord reads the member "_record" of a line.
func decodeRecord(raw []byte) (*feed.ExportLine, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	// A record that isn't understood must not be lost without anybody noticing.
	d.DisallowUnknownFields()
	var l feed.ExportLine
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("_record: %w: %w", err, feed.ErrInvalid)
	}
	if err := validateRecord(l); err != nil {
		return nil, err
	}
	return &l, nil
}

// validateRecord returns an error of kind [feed.ErrInvalid] unless the line says one thing, and all of it.
func validateRecord(l feed.ExportLine) error {
	kinds := 0
	for _, is := range []bool{l.Record != nil, l.Name != nil, l.Removal != nil, l.Archive != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("_record: want one of record, name, removal and archive, got %d: %w", kinds, feed.ErrInvalid)
	case l.Record != nil && l.Record.ID == "":
		return fmt.Errorf("_record.record.id: missing: %w", feed.ErrInvalid)
	case l.Name != nil && l.Name.Feed == "":
		return fmt.Errorf("_record.name.feed: missing: %w", feed.ErrInvalid)
	case l.Removal != nil && (l.Removal.Feed == "" || l.Removal.Time.IsZero()):
		return fmt.Errorf("_record.removal: want its feed and time: %w", feed.ErrInvalid)
	case l.Archive != nil && (l.Archive.Feed == "" || l.Archive.Until.IsZero()):
		return fmt.Errorf("_record.archive: want its feed and where it ends: %w", feed.ErrInvalid)
	}
	return nil
}
