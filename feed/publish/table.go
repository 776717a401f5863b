package publish

import (
	"context"
	"fmt"
	"slices"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/intake"
	"feedpub/feed/render"
)

type publicationLister interface {
	// Publications returns the site's table of publications.
	Publications(ctx context.Context) ([]feed.Publication, error)
}

// reading holds an intake, the table of publications that it uses, and the version of the items that it makes. It is
// immutable.
type reading struct {
	table   []feed.Publication // the table of publications that the intake uses
	intake  *intake.Intake
	version string // identifies the intake and selections that items are made with, except for the generation
}

// generations lists, for each generation of the tables used to read credits, beginning with the first, the rendering
// version that introduced it.
var generations = [intake.Generation]int{1, 3}

// generationAt returns the generation of the tables for a site with the given rendering version. Each version after
// [render.Version], which only tests use, has a new generation; see [render.UpTo].
func generationAt(version int) int {
	if version > render.Version {
		return intake.Generation + version - render.Version
	}
	n := 0
	for _, since := range generations {
		if version >= since {
			n++
		}
	}
	return n
}

// version identifies everything, apart from the posts, that determines the items of the site. It includes the
// generation of the built-in tables to which the site was upgraded, not the generation of this program, so a new
// release reads published posts again only after the site has been upgraded to it. Posts that are submitted before the
// upgrade are read with the tables of the program that builds.
func (a *absorber) version() string {
	return fmt.Sprintf("%s-g%d", a.reading.Load().version, generationAt(a.rendering.renderer().Version()))
}

// loadTable reads the site's table of publications. If it has changed, subsequent posts are read with the new table,
// and items made with the old one become outdated. The caller must hold the work lock.
func (a *absorber) loadTable(ctx context.Context) error {
	if a.withPublications == nil {
		return nil
	}
	table, err := a.known.Publications(ctx)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	if slices.Equal(table, a.reading.Load().table) {
		return nil
	}
	in, canonical, err := a.withPublications(table)
	if err != nil {
		return fmt.Errorf("absorb: table of publications: %w", err)
	}
	a.feeds.canonical = canonical
	a.feeds.selector = build.NewSelector(a.catalog, a.language, canonical)
	a.reading.Store(&reading{table, in, intakeVersion(in, a.catalog, a.feeds.site)})
	return nil
}

// intakeVersion identifies the intake that items are made with, the selections that determine their feeds, and the URLs
// of post pages. pages is the site if posts without a URL get a page of their own, and nil otherwise.
func intakeVersion(in *intake.Intake, catalog feed.Catalog, pages *feed.Site) string {
	version := in.Fingerprint()
	if len(catalog.Selections) > 0 {
		version += "-" + feed.Catalog{Selections: catalog.Selections}.Fingerprint()
	}
	if pages != nil {
		version += "-" + string(feed.HashOf([]byte(pages.BaseURL))[:8])
	}
	return version
}
