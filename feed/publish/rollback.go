package publish

import (
	"context"
	"fmt"

	"feedpub/feed"
)

// rolledBack is the reason given for holding a feed because the store is older than what readers have received.
const rolledBack = "the store was replaced by an older copy"

// AcceptRollback stops holding changes after the store was replaced by an older copy while no process was running, and
// rebuilds all feeds from the posts that the store has now. Feeds from which posts vanished stay held until the posts
// are restored or their loss is confirmed. If another process holds the lease, AcceptRollback requests the work from
// that process. If there was no rollback, it only rebuilds all feeds.
func (p *Publisher) AcceptRollback(ctx context.Context) (feed.Report, error) {
	return p.performOrAsk(ctx, request{AcceptRollback: true})
}

// perform performs a request under the lease.
func (p *Publisher) perform(ctx context.Context, token feed.Token, q request) (feed.Report, error) {
	if q.AcceptRollback {
		if err := p.rebuilder.markAll(ctx); err != nil {
			return feed.Report{}, fmt.Errorf("accept the rollback of the store: %w", err)
		}
		if err := p.config.Store.ClearProblem(ctx, feed.KindRollback, feed.RollbackID); err != nil {
			return feed.Report{}, fmt.Errorf("accept the rollback of the store: %w", err)
		}
		p.config.Logger.Warn("an operator has accepted that the store was rolled back; publishing its posts")
	}
	return p.rebuild(ctx, token, q.Feeds, nil)
}

// checkRollback sets rolledBack and rollback from the list of problems.
func (r *rebuilder) checkRollback(ctx context.Context) error {
	var err error
	r.rollback, r.rolledBack, err = r.problems.Problem(ctx, feed.KindRollback, feed.RollbackID)
	return err
}

// endRollback stops holding changes if a rebuild of all feeds has produced exactly the documents that readers have
// received. In that case, what the store has lost does not affect any document.
func (r *rebuilder) endRollback(ctx context.Context, reports []feed.FeedReport) error {
	if !r.rolledBack || r.rollback.Place != "" { // documents do not show whether files are missing from a folder
		return nil
	}
	for _, report := range reports {
		if !report.Outcome.Current() {
			return nil
		}
	}
	if err := r.markAll(ctx); err != nil {
		return err
	}
	if err := r.problems.ClearProblem(ctx, feed.KindRollback, feed.RollbackID); err != nil {
		return err
	}
	r.rolledBack = false
	r.logger.Info("the rollback of the store affects no document; changes are no longer held")
	return nil
}

// markAll makes all committed feeds and archives dirty. While changes were held, no archives were added, so even a feed
// whose documents have not changed may need some.
func (r *rebuilder) markAll(ctx context.Context) error {
	heads, err := r.heads.Heads(ctx)
	if err != nil {
		return err
	}
	var names []feed.Name
	for _, h := range heads {
		if h.Feed != feed.Pages && !h.Feed.OfPost() {
			names = append(names, h.Feed)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return r.marker.MarkDirty(ctx, names...)
}

// hasDocuments reports whether a head has exactly the given documents.
func hasDocuments(h feed.Head, d documentSet) bool {
	if len(h.Documents) != len(d.documents) {
		return false
	}
	for _, doc := range d.documents {
		if ref, ok := h.Document(doc.Format); !ok || ref.Hash != doc.Hash {
			return false
		}
	}
	return true
}

// isOutdated reports whether the recorded removal of a post is older than head, which contains the post, in a store
// that was rolled back. In that case the post was published again later, but the store has lost the record of that. The
// time of a commit can be a few seconds ahead, and the time at which the rollback was noticed comes from the clock of a
// process. Therefore a removal is outdated only if it is before both.
func (r *rebuilder) isOutdated(record feed.Record, head feed.Head) bool {
	return r.rolledBack && record.Removed.Before(head.Modified()) && record.Removed.Before(r.rollback.Since)
}
