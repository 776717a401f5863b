package hosting

import (
	"context"

	"feedpub/feed"
	"feedpub/feed/fleet"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/store"
)

// newSchema returns the schema of a new site, one that no earlier release has built.
func newSchema() feed.Schema {
	return feed.Schema{Version: store.SchemaVersion, Reader: store.SchemaReader, Writer: store.SchemaWriter}
}

// fleet returns this process as a member of the site's fleet, with the role r and the configuration c of its publisher.
// The documents are those that the process serves; a command serves none and does not register.
func (s *Site) fleet(c publish.Config, r Role, documents fleet.Documents, pace *fleet.Pace) *fleet.Fleet {
	self := feed.Member{
		ID: c.Owner, Builds: r.Builds, Serves: r.Serves, Program: s.Source.process.Build.Version,
		Schema: store.SchemaVersion, Renderer: s.Source.process.Versions, Intake: intake.Version,
	}
	if r.Builds {
		self.Config = publish.Fingerprint(c.Site, c.Catalog) + "-" + c.Intake.Fingerprint()
	}
	return fleet.New(fleet.Config{
		Store: s.Store, Self: self, Initial: newSchema(), Documents: documents, Log: s.Source.process.Log,
		Clock: s.Source.process.Now, OneShot: documents == nil, Pace: pace,
	})
}

// checkWritable returns an error of kind [feed.ErrOutdated] if this release must not write posts of the site.
func (s *Site) checkWritable(ctx context.Context) error {
	return s.fleet(publish.Config{Owner: fleet.NewID()}, Role{}, nil, nil).Writable(ctx)
}

// writable is the store of a site whose posts this release may write.
type writable struct {
	*store.Site
	fleet *fleet.Fleet
}

// Update returns an error of kind [feed.ErrOutdated] if this release must not write to the site.
func (w writable) Update(ctx context.Context, id string, next func([]byte) ([]byte, error)) (bool, error) {
	if err := w.fleet.Writable(ctx); err != nil {
		return false, err
	}
	return w.Site.Update(ctx, id, next)
}

// PutConfirmed returns an error of kind [feed.ErrOutdated] if this release must not write to the site.
func (w writable) PutConfirmed(ctx context.Context, posts ...feed.RawPost) ([]bool, bool, error) {
	if err := w.fleet.Writable(ctx); err != nil {
		return nil, false, err
	}
	return w.Site.PutConfirmed(ctx, posts...)
}
