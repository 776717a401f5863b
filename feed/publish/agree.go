package publish

import (
	"context"
	"fmt"

	"feedpub/feed"
)

// agree finds out which form the documents are to have, and returns the greatest token that anyone has seen. The error is
// of kind [feed.ErrOutdated] if another builder has to do the work.
func (p *Publisher) agree(ctx context.Context) (feed.Token, error) {
	var seen feed.Token
	if p.Seen != nil {
		seen = p.Seen.Newest()
	}
	if p.Fleet == nil {
		return seen, nil
	}
	if seen == 0 {
		// Nothing tells what the store may have lost but the others' reports.
		if err := p.Fleet.Settled(ctx); err != nil {
			return 0, err
		}
	}
	schema, err := p.Fleet.Agree(ctx)
	if err != nil {
		return 0, err
	}
	if schema.Renderer != p.renderer().Version() {
		r, err := p.Renderer.At(schema.Renderer)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", feed.ErrOutdated, err)
		}
		p.form.Store(p.formOf(r))
	}
	return max(seen, p.Fleet.Seen()), nil
}

// superseded returns errSuperseded if a builder with the token is known to be late.
func (p *Publisher) superseded(token feed.Token) error {
	switch {
	case p.Fleet == nil:
		return nil
	case p.Fleet.Since() > token:
		return fmt.Errorf("%w: the form of the documents was decided at %d, and the token is %d",
			errSuperseded, p.Fleet.Since(), token)
	case p.Fleet.Seen() > token:
		return fmt.Errorf("%w: a process has documents of token %d, and the token is %d", errSuperseded, p.Fleet.Seen(), token)
	}
	return nil
}

// upToDate is superseded by what the store says now.
func (p *Publisher) upToDate(ctx context.Context, token feed.Token) error {
	if p.Fleet == nil {
		return nil
	}
	schema, err := p.Store.Schema(ctx)
	if err != nil {
		return err
	}
	if schema.Since > token {
		return fmt.Errorf("%w: the form of the documents was decided at %d, and the token is %d",
			errSuperseded, schema.Since, token)
	}
	return p.superseded(token)
}

// awaitLost waits, while a store has lost commits that other processes still have, until they have given them back. What
// is built without them could lack posts that readers have seen, with nothing to tell that they are missing.
func (p *Publisher) awaitLost(ctx context.Context) error {
	if p.Fleet == nil || p.Seen != nil && p.Seen.Newest() >= p.Fleet.Seen() {
		return nil // what was lost is at hand
	}
	for begun := p.Clock(); ; {
		heads, err := p.Store.Heads(ctx)
		if err != nil {
			return err
		}
		var newest feed.Token
		for _, h := range heads {
			newest = max(newest, h.Token)
		}
		seen := p.Fleet.Seen()
		switch waited := p.Clock().Sub(begun); {
		case newest >= seen:
			return nil
		case waited >= giveBackTime:
			p.Logger.Error("the store has lost commits that other processes have, and they were not given back; building "+
				"without them", "lost", seen, "newest", newest)
			return nil
		case waited < giveBackInterval:
			p.Logger.Warn("the store has lost commits that other processes have; waiting for them", "lost", seen, "newest", newest)
		}
		pause(ctx, giveBackInterval)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
