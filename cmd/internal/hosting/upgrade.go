package hosting

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// Upgrade is the result of [Site.Upgrade].
type Upgrade struct {
	Schema  feed.Schema   `json:"schema"`  // schema of the site after the upgrade
	From    int           `json:"from"`    // previous rendering version; 0 if nothing has been built yet
	To      int           `json:"to"`      // version that all processes can render; 0 if there is none
	Blocked []string      `json:"blocked"` // the processes that cannot render the newest version
	Stuck   bool          `json:"stuck"`   // there are builders, but none can render version From
	Done    bool          `json:"done"`    // the site was upgraded
	Members []feed.Member `json:"members"`
}

// Err returns an error with the steps that an operator must take, or nil if there are none.
func (u Upgrade) Err() error {
	switch {
	case len(u.Blocked) > 0 && !u.Done:
		return fmt.Errorf("replace these first, or use --force: %s", strings.Join(u.Blocked, ", "))
	case u.Stuck && !u.Done:
		return fmt.Errorf("no builder can render version %d; start one that can, or go back with --force", u.From)
	}
	return nil
}

// Upgrade moves the site to the newest rendering version that all its processes can render. If force is set, it moves
// to the newest version that any builder can render, which may be older than the version of the site. If check is set,
// Upgrade changes nothing.
func (s *Site) Upgrade(ctx context.Context, check, force bool) (Upgrade, error) {
	members, err := s.Store.Members(ctx)
	if err != nil {
		return Upgrade{}, fmt.Errorf("upgrade: %w", err)
	}
	schema, err := s.Store.Schema(ctx)
	if err != nil {
		return Upgrade{}, fmt.Errorf("upgrade: %w", err)
	}
	u := s.planUpgrade(schema, members, force)
	if u.To == 0 || u.To == u.From || u.To < u.From && !force || check {
		return u, nil
	}
	next := schema
	if next.Since == 0 {
		next = newSchema()
	}
	next.Renderer, next.Since = u.To, feed.Token(s.Source.process.Now().UnixMilli())
	if u.Schema, err = s.Store.SetSchema(ctx, schema, next); err != nil {
		return u, fmt.Errorf("upgrade: %w", err)
	}
	u.Done = true
	if _, left, err := s.Store.Holder(ctx, publish.Job); err != nil || left == 0 {
		return u, err // the next builder renders the site in the new version
	}
	if _, err := publish.Ask(feed.WithCause(ctx, feed.Cause{Trigger: feed.CommandTrigger, By: "upgrade"}), s.Store, nil); err != nil {
		return u, fmt.Errorf("upgrade: the version is recorded, but not rendered yet: %w", err)
	}
	return u, nil
}

// planUpgrade determines the version that the site can move to with these processes.
func (s *Site) planUpgrade(schema feed.Schema, members []feed.Member, force bool) Upgrade {
	u := Upgrade{Schema: schema, From: schema.Renderer, To: feed.Common(members), Members: members, Blocked: []string{}}
	newest := 0 // newest version that any builder can render
	for _, m := range members {
		if m.Builds {
			newest = max(newest, m.Renderer.Newest)
			u.Stuck = true
		}
	}
	for _, m := range members {
		u.Stuck = u.Stuck && u.From > 0 && !(m.Builds && m.Renderer.Has(u.From))
	}
	if len(members) == 0 { // the next builder will probably run this release
		newest = s.Source.process.Versions.Newest
		u.To = newest
	}
	for _, m := range members {
		if newest > u.From && !m.Renderer.Has(newest) {
			u.Blocked = append(u.Blocked, m.ID)
		}
	}
	if force {
		u.To = newest
	}
	return u
}

// restoreRendering sets the rendering version of a site that was never built to that of an export. Other sites keep
// theirs.
func (s *Site) restoreRendering(ctx context.Context, version int) error {
	schema, err := s.Store.Schema(ctx)
	if err != nil || schema.Renderer > 0 {
		return err
	}
	if supported := s.Source.process.Versions; !supported.Has(version) {
		return fmt.Errorf("the export is from a site with rendering version %d, but this release renders %d to %d; import it "+
			"with the release that wrote it", version, supported.Oldest, supported.Newest)
	}
	next := newSchema()
	next.Renderer, next.Since = version, feed.Token(s.Source.process.Now().UnixMilli())
	_, err = s.Store.SetSchema(ctx, schema, next)
	if errors.Is(err, feed.ErrStale) {
		return nil // a builder has recorded its own version in the meantime
	}
	return err
}
