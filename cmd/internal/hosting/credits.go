package hosting

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/store"
)

// Credits reads the credits of a site's posts and stores decisions about them. It is safe for concurrent use.
type Credits struct {
	store  *store.Site
	config config.Config
	// writable returns an error if this release must not write to the site.
	writable func(context.Context) error

	mu     sync.Mutex
	table  []feed.Publication // the site's table of publications that reader and intake were made with
	reader *attribution.Reader
	cached *intake.Intake
}

// Credits returns the credits of the site's posts.
func (s *Site) Credits() *Credits {
	writable := func(context.Context) error { return nil }
	if !s.Source.Folder() {
		writable = s.checkWritable
	}
	return &Credits{store: s.Store, config: s.Source.Config, writable: writable}
}

// readerOf returns the reader for a configuration and the site's table of publications. The configuration takes
// precedence, and publications that are known without the table keep their entries.
func readerOf(c config.Attribution, table []feed.Publication) (*attribution.Reader, error) {
	reader, err := NewReader(c)
	if err != nil || len(table) == 0 {
		return reader, err
	}
	return newReader(c, reader.Unknown(table))
}

// intake returns the intake that the site's builder uses to read posts.
func (c *Credits) intake(ctx context.Context) (*intake.Intake, *attribution.Reader, error) {
	table, err := c.store.Publications(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cached == nil || !slices.Equal(table, c.table) {
		reader, err := readerOf(c.config.Attribution, table)
		if err != nil {
			return nil, nil, err
		}
		c.table, c.reader, c.cached = table, reader, intake.New(c.config.FeedSite(), reader)
	}
	return c.cached, c.reader, nil
}

// Each calls f with the credits of each published post that can be read, ordered by id.
func (c *Credits) Each(ctx context.Context, ids []string, f func(intake.PostCredits) error) error {
	in, _, err := c.intake(ctx)
	if err != nil {
		return err
	}
	const batch = 200
	for some := range slices.Chunk(ids, batch) {
		stored, err := c.store.Load(ctx, some)
		if err != nil {
			return err
		}
		for _, st := range stored {
			if p, err := in.Credits(st); err == nil {
				if err := f(p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Post returns the credits of a post. The error is of kind [feed.ErrNotFound] if there is no such post, and of kind
// [feed.ErrInvalid] if the post cannot be read.
func (c *Credits) Post(ctx context.Context, id string) (intake.PostCredits, error) {
	in, _, err := c.intake(ctx)
	if err != nil {
		return intake.PostCredits{}, err
	}
	st, err := c.load(ctx, id)
	if err != nil {
		return intake.PostCredits{}, err
	}
	return in.Credits(st)
}

func (c *Credits) load(ctx context.Context, id string) (feed.StoredPost, error) {
	if err := feed.ValidatePostID(id); err != nil {
		return feed.StoredPost{}, fmt.Errorf("post %q: %w", id, feed.ErrNotFound)
	}
	stored, err := c.store.Load(ctx, []string{id})
	if err != nil {
		return feed.StoredPost{}, err
	}
	if len(stored) != 1 || stored[0].Raw == nil {
		return feed.StoredPost{}, fmt.Errorf("post %q: %w", id, feed.ErrNotFound)
	}
	return stored[0], nil
}

// Decide stores a decision about a credit of a post, and returns the post's credits with the decision applied. An
// unknown publication is added to the site's table when it is accepted. The builder absorbs the post again. Errors are
// of kind [feed.ErrNotFound] if there is no such post or credit, and of kind [feed.ErrInvalid] if the decision cannot
// be made.
func (c *Credits) Decide(ctx context.Context, id string, change intake.Change) (intake.PostCredits, error) {
	if err := c.writable(ctx); err != nil {
		return intake.PostCredits{}, err
	}
	in, reader, err := c.intake(ctx)
	if err != nil {
		return intake.PostCredits{}, err
	}
	st, err := c.load(ctx, id)
	if err != nil {
		return intake.PostCredits{}, err
	}
	p, err := in.Credits(st)
	if err != nil {
		return intake.PostCredits{}, err
	}
	credit, d, err := change.Of(st, p)
	if err != nil {
		return intake.PostCredits{}, err
	}
	if err := c.learn(ctx, reader, d); err != nil {
		return intake.PostCredits{}, err
	}
	err = c.store.Decide(ctx, id, func(current []feed.Decision) ([]feed.Decision, error) {
		all := feed.Decisions{ID: id, List: current}
		if change.Verdict == "" {
			return all.Without(credit.Key).List, nil
		}
		return all.With(d).List, nil
	})
	if err != nil {
		return intake.PostCredits{}, err
	}
	return c.Post(ctx, id)
}

// learn adds the publication of an accepted or edited credit to the site's table, unless it is known.
func (c *Credits) learn(ctx context.Context, reader *attribution.Reader, d feed.Decision) error {
	s := d.Credit().Source
	known := reader.Canonical(s.Publication)
	switch {
	case d.Verdict != feed.Accepted && d.Verdict != feed.Edited, s.Publication == "":
		return nil
	case known.PublicationURL != "":
		return nil
	}
	p := feed.Publication{Name: s.Publication}
	if u, err := url.Parse(s.URL); err == nil {
		p.Domain = strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	}
	err := c.store.RestoreRecords(ctx, feed.ExportLine{Publication: &p})
	if errors.Is(err, feed.ErrInvalid) {
		return fmt.Errorf("publication %q: %w", s.Publication, err)
	}
	return err
}
