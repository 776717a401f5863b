package hosting

import (
	"context"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/history"
	"feedpub/store"
)

func (s *Site) explainer() (*history.Explainer, error) {
	c := s.Source.Config
	reader, err := NewReader(c.Attribution)
	if err != nil {
		return nil, err
	}
	e := &history.Explainer{
		Store: s.Store, Site: c.FeedSite(), Catalog: c.Catalog(),
		Now:      s.Source.process.Now,
		Selector: build.NewSelector(c.Catalog(), c.FeedSite().Language, reader.Canonical),
	}
	if !s.Source.Folder() {
		e.Prefix = store.PostKeyPrefix(c.Site.ID)
	}
	return e, nil
}

// Explain explains the status of a post. If name is not empty, it also explains why the post is or is not in that
// feed. The error is of kind [feed.ErrInvalid] if the id is invalid.
func (s *Site) Explain(ctx context.Context, id string, name feed.Name) (feed.Explanation, error) {
	e, err := s.explainer()
	if err != nil {
		return feed.Explanation{}, err
	}
	return e.Explain(ctx, id, name)
}

// Statuses returns a function that returns the status of stored posts.
func (s *Site) Statuses(ctx context.Context) (func(feed.StoredPost) feed.PostStatus, error) {
	e, err := s.explainer()
	if err != nil {
		return nil, err
	}
	return e.Statuses(ctx)
}
