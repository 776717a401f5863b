package transfer

import (
	"fmt"
	"time"

	"feedpub/feed"
)

// visibility describes whether and when a post in an input file is public. The zero value means that the post is
// published.
type visibility struct {
	status  feed.Status
	skipped SkipReason // reason for not importing the item, or ""
	// scheduled is set for a post that becomes public on its date. Such a post must have a date.
	scheduled bool
	note      string // message for the user, without a position
}

// stricter returns the more restrictive of two visibilities. The order is private, draft, scheduled, published.
func (v visibility) stricter(other visibility) visibility {
	if v.status != feed.Private && other.status != "" {
		v.status = other.status
	}
	v.scheduled = v.scheduled || other.scheduled
	v.note = first(v.note, other.note)
	return v
}

// checkDate returns an error of kind [feed.ErrInvalid] for a scheduled post without a date, which would be published
// immediately.
func (v visibility) checkDate(published time.Time) error {
	if v.scheduled && v.status == "" && published.IsZero() {
		return fmt.Errorf("scheduled, but without a publication date: %w", feed.ErrInvalid)
	}
	return nil
}
