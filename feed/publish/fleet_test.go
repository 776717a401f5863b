package publish_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/fleet"
	"feedpub/feed/publish"
	"feedpub/feed/render"
)

// nextVersion is the rendering version of a fictitious later release.
const nextVersion = render.Version + 1

// inFleet configures a builder that supports the rendering versions from oldest to newest, and a Fleet for it.
func (w *world) inFleet(oldest, newest int) func(*publish.Config) {
	return func(c *publish.Config) {
		c.Renderer = render.New(render.UpTo(newest))
		c.Fleet = fleet.New(fleet.Config{
			Store: w.site, Log: slog.New(slog.NewTextHandler(w.log, nil)), Clock: w.now, OneShot: true,
			Self: feed.Member{
				ID: c.Owner, Builds: true, Program: "1", Schema: 1, Renderer: feed.Versions{Oldest: oldest, Newest: newest},
			},
			Initial: feed.Schema{Version: 1, Reader: 1, Writer: 1},
		})
	}
}

// tags returns the hashes of all documents by path.
func (w *world) tags() map[string]feed.Hash {
	w.t.Helper()
	heads, err := w.site.Heads(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	tags := map[string]feed.Hash{}
	for _, h := range heads {
		for _, d := range h.Documents {
			tags[d.Path] = d.Hash
		}
	}
	return tags
}

// report writes the report of a process.
func (w *world) report(m feed.Member) {
	w.t.Helper()
	if _, _, err := w.site.Report(w.t.Context(), m, time.Hour); err != nil {
		w.t.Fatal(err)
	}
}

// TestTwoRenderingVersions simulates a rolling deploy: builders of two releases take turns, the site is upgraded, and
// no entity tag changes more than once.
func TestTwoRenderingVersions(t *testing.T) {
	w := newWorld(t)
	w.config.Language = "de"
	w.put(post("a", "tags", []string{"x"}), post("b"))
	program := func(owner string, newest int) *publish.Publisher {
		w.report(feed.Member{ID: owner, Builds: true, Renderer: feed.Versions{Oldest: render.Oldest, Newest: newest}})
		return w.builder(owner, w.inFleet(render.Oldest, newest))
	}
	older, newer := program("older", render.Oldest), program("newer", nextVersion)
	w.rebuild(newer)
	first := w.tags()
	for range 2 {
		w.rebuild(older)
		w.rebuild(newer)
	}
	if diff := cmp.Diff(first, w.tags()); diff != "" {
		t.Errorf("entity tags changed although the site was not upgraded (-first +now):\n%s", diff)
	}
	if body := string(w.body(w.head(feed.Main), feed.RSS)); !strings.Contains(body, "<generator>feedpub 1</generator>") {
		t.Errorf("the document is not in the rendering version that both programs support:\n%s", body)
	}

	// The site is upgraded, and then the older program starts again.
	schema, err := w.site.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	upgraded := schema
	upgraded.Renderer = nextVersion
	if _, err := w.site.SetSchema(t.Context(), schema, upgraded); err != nil {
		t.Fatal(err)
	}
	w.rebuild(newer)
	second := w.tags()
	if cmp.Equal(first, second) {
		t.Error("the upgrade changed no document")
	}
	if _, err := older.Rebuild(t.Context()); !errors.Is(err, feed.ErrOutdated) {
		t.Errorf("rebuild by the older program after the upgrade: %v, want an error of kind %q", err, feed.ErrOutdated)
	}
	w.put(post("c"))
	w.rebuild(newer)
	third := w.tags()
	for path, tag := range second {
		if (path == "/tags/x/feed.xml" || path == "/feed.css") && third[path] != tag {
			t.Errorf("%s changed again after the upgrade", path)
		}
	}
	if got := w.ids("main"); len(got) != 3 {
		t.Errorf("main has %v, want all three posts", got)
	}
}

// TestRunFollowsUpgrade checks that a running builder uses the new rendering version after an upgrade.
func TestRunFollowsUpgrade(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	w.report(feed.Member{ID: "older", Builds: true, Renderer: feed.Versions{Oldest: render.Oldest, Newest: render.Oldest}})
	p := w.builder("newer", w.inFleet(render.Oldest, nextVersion), func(c *publish.Config) { c.OnChange = true })
	stop := w.run(p)
	defer stop()
	w.until("the feed is committed", func() bool { return len(w.ids("main")) == 1 })
	schema, err := w.site.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	upgraded := schema
	upgraded.Renderer = nextVersion
	if _, err := w.site.SetSchema(t.Context(), schema, upgraded); err != nil {
		t.Fatal(err)
	}
	if _, err := publish.Ask(t.Context(), w.site, nil); err != nil {
		t.Errorf("Ask after the upgrade: %v", err)
	}
	want := "<generator>feedpub " + strconv.Itoa(nextVersion) + "</generator>"
	if body := string(w.body(w.head(feed.Main), feed.RSS)); !strings.Contains(body, want) {
		t.Errorf("the document lacks %s", want)
	}
}

// TestBuilderExceedsReportedToken checks that a builder commits with a greater token than any replica has, since
// replicas reject heads with smaller tokens.
func TestBuilderExceedsReportedToken(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	p := w.builder("builder", w.inFleet(render.Oldest, nextVersion), func(c *publish.Config) {
		c.OnChange = true
		c.Fleet = refreshing{c.Fleet.(*fleet.Fleet)}
	})
	stop := w.run(p)
	defer stop()
	w.until("the feed is committed", func() bool { return len(w.ids("main")) == 1 })
	// The replica restores a commit that the store has lost.
	lost := w.head(feed.Main)
	lost.Token += feed.Token(time.Hour.Milliseconds())
	w.report(feed.Member{ID: "replica", Serves: true, Seen: lost.Token})
	blob := func(h feed.Hash) (feed.Blob, error) { return w.site.Blob(t.Context(), h) }
	if err := w.site.RestoreHead(t.Context(), lost, blob); err != nil {
		t.Fatal(err)
	}
	w.put(post("b"))
	w.until("the builder commits with a greater token", func() bool {
		return len(w.ids("main")) == 2 && w.head(feed.Main).Token > lost.Token
	})
}

// refreshing is a Fleet that reads the reports before it returns the newest token.
type refreshing struct{ *fleet.Fleet }

func (l refreshing) NewestToken() feed.Token {
	if err := l.Refresh(context.Background()); err != nil {
		return 0
	}
	return l.Fleet.NewestToken()
}

// TestRunWaitsForRestoredCommits checks that a builder without documents waits for the replicas after a store was
// restored from a backup. Otherwise it would commit feeds without posts that readers have received.
func TestRunWaitsForRestoredCommits(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	w.rebuild(w.builder("before", w.inFleet(render.Oldest, nextVersion)))
	w.remember()
	replica := w.seen
	w.seen = nil
	w.report(feed.Member{ID: "replica", Serves: true, Seen: replica.Newest()})
	// The backup is older than both posts.
	for _, key := range w.redis.Keys() {
		if !strings.Contains(key, ":fleet") && !strings.Contains(key, ":member:") {
			w.redis.Del(key)
		}
	}
	stop := w.run(w.builder("after", w.inFleet(render.Oldest, nextVersion), func(c *publish.Config) { c.OnChange = true }))
	defer stop()
	w.until("the builder reports lost commits", func() bool { return w.logged("lost commits") > 0 })
	if got := w.ids("main"); got != nil {
		t.Fatalf("main has %v before the commits were restored, want no commit", got)
	}
	for _, h := range replica.Heads() {
		if err := w.site.RestoreHead(t.Context(), h, func(h feed.Hash) (feed.Blob, error) {
			b, _ := replica.Blob(h)
			return b, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.until("the feed is held", func() bool { return w.problems()["main"] == feed.KindHeld })
	if got := w.ids("main"); len(got) != 2 {
		t.Errorf("main has %v, want both posts: they vanished without explanation", got)
	}
	w.put(post("a"), post("b"), post("c"))
	w.until("the posts are published again, with a new one", func() bool { return len(w.ids("main")) == 3 })
	if got := w.head(feed.Main).Token; got <= replica.Newest() {
		t.Errorf("committed with token %d, want more than %d, which replicas have seen", got, replica.Newest())
	}
}

// TestOlderIntakeKeepsNewerItems checks that builders of two releases do not keep replacing each other's items.
func TestOlderIntakeKeepsNewerItems(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	p := w.builder("older")
	w.rebuild(p)
	// A newer program reads post a.
	stored, err := w.site.Load(t.Context(), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	cursor, err := w.site.Cursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newer := *stored[0].Item
	newer.Intake, newer.Title = "999-newer", "As a newer program reads it"
	token := w.head(feed.Main).Token + 1
	if err := w.site.Absorb(t.Context(), feed.Absorption{Token: token, Cursor: cursor, Changes: []feed.Change{{
		ID: "a", ItemSum: stored[0].ItemSum, Item: &newer, Record: stored[0].Record,
		Entered: []feed.Name{feed.Main}, Touched: []feed.Name{feed.Main},
	}}}); err != nil {
		t.Fatal(err)
	}
	title := func() string {
		t.Helper()
		stored, err := w.site.Load(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		return stored[0].Item.Title
	}
	for range 2 {
		w.rebuild(p)
	}
	if got := title(); got != newer.Title {
		t.Errorf("the older program replaced the item of the newer one; its title is %q", got)
	}
	w.put(post("a", "title", "Changed by its writer"))
	w.rebuild(p)
	if got := title(); got != "Changed by its writer" {
		t.Errorf("title of a changed post is %q, want the new one", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"a", "b"}) && !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("main has %v, want both posts", got)
	}
}

// TestNewModelWaitsForUpgrade checks that a release with a new model leaves the items of an older model as they are
// until the site is upgraded, and then reads the posts again.
func TestNewModelWaitsForUpgrade(t *testing.T) {
	w := newWorld(t)
	w.report(feed.Member{ID: "older", Builds: true, Renderer: feed.Versions{Oldest: 1, Newest: 2}})
	w.put(post("a", "content_text", "The Gazette reports:\n\n“The pier is shut until the spring.”"), post("b"))
	p := w.builder("newer", w.inFleet(render.Oldest, render.Version))
	w.rebuild(p)
	if schema, err := w.site.Schema(t.Context()); err != nil || schema.Renderer != 2 {
		t.Fatalf("schema of the site is %+v, %v; want rendering version 2", schema, err)
	}
	load := func() feed.StoredPost {
		t.Helper()
		stored, err := w.site.Load(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		return stored[0]
	}
	// The older model read the post differently.
	stored := load()
	cursor, err := w.site.Cursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	older := *stored.Item
	older.Quotes = []feed.Quote{{Source: feed.Source{Publication: "What the older model read"}}}
	if err := w.site.Absorb(t.Context(), feed.Absorption{Token: w.head(feed.Main).Token + 1, Cursor: cursor,
		Changes: []feed.Change{{ID: "a", ItemSum: stored.ItemSum, Item: &older, Record: stored.Record,
			Entered: []feed.Name{feed.Main}, Touched: []feed.Name{feed.Main}}}}); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"newer", "another"} {
		w.rebuild(w.builder(owner, w.inFleet(render.Oldest, render.Version)))
		if diff := cmp.Diff(older.Quotes, load().Item.Quotes); diff != "" {
			t.Errorf("quotes after a rebuild by %s before the upgrade (-want +got):\n%s", owner, diff)
		}
	}
	before := w.tags()

	schema, err := w.site.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	upgraded := schema
	upgraded.Renderer = render.Version
	if _, err := w.site.SetSchema(t.Context(), schema, upgraded); err != nil {
		t.Fatal(err)
	}
	w.rebuild(w.builder("newer", w.inFleet(render.Oldest, render.Version)))
	if diff := cmp.Diff(stored.Item.Quotes, load().Item.Quotes); diff != "" {
		t.Errorf("quotes after the upgrade (-want +got):\n%s", diff)
	}
	if cmp.Equal(before, w.tags()) {
		t.Error("the upgrade changed no document")
	}
}

// TestUpgradeRemovesHubsFromArchives checks that a site which was built with rendering version 1 keeps all of its
// documents until it is upgraded, and that the upgrade to version 2 removes the hubs from archives, and changes nothing
// else.
func TestUpgradeRemovesHubsFromArchives(t *testing.T) {
	const hub = "https://hub.example.org/"
	w := newWorld(t)
	w.config.Hubs = []string{hub}
	w.config.Limit = 2
	withArchives := func(c *publish.Config) {
		c.Catalog = feed.Catalog{Feeds: map[feed.Name]feed.Channel{feed.Main: {Archives: true}}}
	}
	for i := range 5 {
		w.put(dated(strconv.Itoa(i), i))
	}
	w.report(feed.Member{ID: "older", Builds: true, Renderer: feed.Versions{Oldest: 1, Newest: 1}})
	b := w.builder("newer", w.inFleet(1, 2), withArchives)
	w.rebuild(b)
	archive := w.head(feed.Main.Archive(1))
	for _, d := range archive.Documents {
		if !strings.Contains(d.Link, hub) {
			t.Errorf("version 1: the Link field of %s is %q, want one with %s", d.Path, d.Link, hub)
		}
	}
	before := w.tags()
	schema, err := w.site.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	upgraded := schema
	upgraded.Renderer = 2
	if _, err := w.site.SetSchema(t.Context(), schema, upgraded); err != nil {
		t.Fatal(err)
	}
	w.rebuild(b)
	for path, tag := range w.tags() {
		changed := tag != before[path]
		if want := strings.Contains(path, "/archive/") && !strings.HasSuffix(path, "/index.html"); changed != want {
			t.Errorf("%s: changed by the upgrade: %t, want %t", path, changed, want)
		}
	}
	archive = w.head(feed.Main.Archive(1))
	for _, d := range archive.Documents {
		if d.Format.Subscribed() && strings.Contains(string(w.body(archive, d.Format))+d.Link, hub) {
			t.Errorf("%s still lists the hub after the upgrade", d.Path)
		}
	}
	main := w.head(feed.Main)
	if d := main.Documents[0]; !strings.Contains(d.Link, hub) {
		t.Errorf("the Link field of %s is %q, want one with %s", d.Path, d.Link, hub)
	}
}
