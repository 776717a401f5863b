package main

import (
	"context"
	"fmt"
	"time"

	"feedpub/feed"
	"feedpub/feed/fleet"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/store"
)

// native is the schema of a site that this program is the first to build.
func native() feed.Schema {
	return feed.Schema{Version: store.SchemaVersion, Reader: store.SchemaReader, Writer: store.SchemaWriter}
}

// forms are the versions of the rendered form that this program makes.
func forms() feed.Versions { return feed.Versions{Oldest: render.Oldest, Newest: render.Version} }

// fleet returns the part of a process in the site's fleet that is to build as c says; documents are those that it has. A
// command that has none only visits.
func (w *workplace) fleet(c publish.Config, r role, documents fleet.Documents, pace *fleet.Pace) *fleet.Fleet {
	self := feed.Member{
		ID: c.Owner, Builds: r.builds, Serves: r.serves, Program: readVersion().Version, Schema: store.SchemaVersion,
		Renderer: w.forms, Intake: intake.Version,
	}
	if r.builds {
		self.Config = publish.Fingerprint(c.Site, c.Catalog) + "-" + c.Intake.Fingerprint()
	}
	return fleet.New(fleet.Config{
		Store: w.Site, Self: self, Initial: native(), Documents: documents, Log: w.log, Clock: time.Now,
		OneShot: documents == nil, Pace: pace,
	})
}

// mayWrite returns nil if this program may write posts, else an error of kind [feed.ErrOutdated].
func (w *workplace) mayWrite(ctx context.Context) error {
	return w.fleet(publish.Config{Owner: owner()}, role{}, nil, nil).Writable(ctx)
}

// ask has the builder rebuild feeds, for a server that never builds.
func (w *workplace) ask(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	_, held, err := w.Holder(ctx, publish.Job)
	if err != nil {
		return feed.Report{}, fmt.Errorf("rebuild: %w", err)
	}
	if !held {
		return feed.Report{}, fmt.Errorf("rebuild: no server builds the site now: %w", feed.ErrUnavailable)
	}
	return publish.Ask(ctx, w.Site, names)
}

// readable is a site's documents, as long as this program may read them: later releases may store them in ways that it
// would take for something else.
type readable struct {
	*store.Site
	fleet *fleet.Fleet
}

// Version returns an error of kind [feed.ErrOutdated] if the site may not be read.
func (r *readable) Version(ctx context.Context) (int64, error) {
	if err := r.fleet.Readable(ctx); err != nil {
		return 0, err
	}
	return r.Site.Version(ctx)
}

// Head returns an error of kind [feed.ErrOutdated] if the site may not be read.
func (r *readable) Head(ctx context.Context, name feed.Name) (feed.Head, error) {
	if err := r.fleet.Readable(ctx); err != nil {
		return feed.Head{}, err
	}
	return r.Site.Head(ctx, name)
}

// writable is a site's posts for those who write, as long as this program may write them.
type writable struct {
	*store.Site
	fleet *fleet.Fleet
}

// Update returns an error of kind [feed.ErrOutdated] if the site may not be written.
func (w writable) Update(ctx context.Context, id string, next func([]byte) ([]byte, error)) (bool, error) {
	if err := w.fleet.Writable(ctx); err != nil {
		return false, err
	}
	return w.Site.Update(ctx, id, next)
}

// PutConfirmed returns an error of kind [feed.ErrOutdated] if the site may not be written.
func (w writable) PutConfirmed(ctx context.Context, posts ...feed.RawPost) (bool, error) {
	if err := w.fleet.Writable(ctx); err != nil {
		return false, err
	}
	return w.Site.PutConfirmed(ctx, posts...)
}
