package serve

import (
	"context"
	"fmt"
	"time"

	"feedpub/feed"
)

// ProblemReporter reports problems of the site to operators and builders.
type ProblemReporter interface {
	SetProblem(ctx context.Context, p feed.Problem) error
}

// Checked returns a channel that is closed when the documents that were loaded from the disk have been compared with
// the store, and a rollback of the store has been reported. Until then, a builder must not commit.
func (r *Replica) Checked() <-chan struct{} { return r.checked }

// setChecked records that there is nothing left to compare.
func (r *Replica) setChecked() { r.checkedOnce.Do(func() { close(r.checked) }) }

func (r *Replica) isChecked() bool {
	select {
	case <-r.checked:
		return true
	default:
		return false
	}
}

// checkLoaded compares the documents that were loaded from the disk with the store, which has been read. If they are
// later than those in the store, the store was replaced by an older copy while this process was not running. Its posts
// may then be older than what readers have seen, and it may contain posts that were withdrawn. The rollback must be
// reported before the lost documents are restored, because afterwards builders could not notice it.
func (r *Replica) checkLoaded(ctx context.Context) error {
	if r.isChecked() {
		return nil
	}
	if lost := r.lostHeads(); len(lost) > 0 && r.Reporter != nil {
		newest := lost[len(lost)-1]
		problem := feed.Problem{
			ID: feed.RollbackID, Kind: feed.KindRollback, Since: r.Now(), Serving: true,
			Reason: fmt.Sprintf("The store is older than the documents in the data folder: %d of its feeds are missing or "+
				"earlier, and %s was last published at %s. Changes are held: restore the latest copy of the store and restart, "+
				"or accept its posts with: feedpub rebuild --accept-rollback",
				len(lost), newest.Feed, newest.Modified().UTC().Format(time.RFC3339)),
		}
		if _, err := within(ctx, 0, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, r.Reporter.SetProblem(ctx, problem)
		}); err != nil {
			return fmt.Errorf("report the rollback of the store: %w", err)
		}
		r.Log.Error("store was rolled back while this process was not running; changes are held until an operator decides",
			"feeds", len(lost))
	}
	r.setChecked()
	return nil
}
