package transfer

import (
	"fmt"
	"time"

	"feedpub/feed"
)

// visibility is what an input says about whether a post is public. The zero value is a published post.
type visibility struct {
	status  feed.Status
	skipped SkipReason // why the item is not imported at all
	// scheduled is set for a post that becomes public at its date, and so must have one.
	scheduled bool
}

// checkDate returns an error of kind [feed.ErrInvalid] for a scheduled post without a date, which would be published at
// once.
func (v visibility) checkDate(published time.Time) error {
	if v.scheduled && v.status == "" && published.IsZero() {
		return fmt.Errorf("scheduled, but without a date of publication: %w", feed.ErrInvalid)
	}
	return nil
}
