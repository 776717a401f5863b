package publish

import (
	"context"
	"fmt"

	"feedpub/feed"
)

// reconcile compares all posts with all items: it takes in posts that were written without a notice or read by an older
// intake, restores items that fell out of the indexes, and reports those whose posts are gone.
func (p *Publisher) reconcile(ctx context.Context, token feed.Token) error {
	for ids, err := range p.Store.PostIDs(ctx) {
		if err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if err := p.reconcilePosts(ctx, token, ids); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
	}
	for ids, err := range p.Store.ItemIDs(ctx) {
		if err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if err := p.reconcileItems(ctx, token, ids); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
	}
	return nil
}

// reconcilePosts absorbs those of the posts that have no item made from them.
func (p *Publisher) reconcilePosts(ctx context.Context, token feed.Token, ids []string) error {
	stored, err := p.Store.Load(ctx, ids)
	if err != nil {
		return err
	}
	indexed, err := p.Store.Member(ctx, feed.Main, ids...)
	if err != nil {
		return err
	}
	var differ, lost []string
	for i, st := range stored {
		switch {
		case st.Raw == nil:
		case st.Item == nil || st.Item.RawSum != feed.HashOf(st.Raw) || st.Item.Intake != p.Intake.Fingerprint(),
			p.selectedAnew(st.Item):
			differ = append(differ, st.ID)
		case !indexed[i] && !st.Item.Published.After(p.Clock()):
			lost = append(lost, st.ID)
		}
	}
	if len(differ) > 0 {
		if err := p.absorbFound(ctx, token, differ, false); err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		return p.absorbFound(ctx, token, lost, true)
	}
	return nil
}

// reconcileItems reports those of the items whose posts are gone.
func (p *Publisher) reconcileItems(ctx context.Context, token feed.Token, ids []string) error {
	gone, err := p.withoutPost(ctx, ids)
	if err != nil || len(gone) == 0 {
		return err
	}
	// A deletion may have come in since the inbox was last read. Its notice is there, then, since both are written in
	// one transaction; what is still gone after reading it was not deleted by anyone.
	if _, err := p.absorbInbox(ctx, token); err != nil {
		return err
	}
	if gone, err = p.withoutPost(ctx, gone); err != nil || len(gone) == 0 {
		return err
	}
	return p.absorbFound(ctx, token, gone, false)
}

// withoutPost returns those of the ids that have an item and no post.
func (p *Publisher) withoutPost(ctx context.Context, ids []string) ([]string, error) {
	stored, err := p.Store.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, st := range stored {
		if st.Raw == nil && st.Item != nil {
			gone = append(gone, st.ID)
		}
	}
	return gone, nil
}
