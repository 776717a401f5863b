package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
)

// rebuild builds all feeds of a store, and returns their outcomes.
func rebuild(t *testing.T, s *Store) map[feed.Name]feed.Outcome {
	t.Helper()
	blog := feed.Site{
		ID: testSite, Title: "A Blog", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
		Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: time.Hour,
	}
	reader, err := attribution.New(attribution.Options{Threshold: 0.7})
	must(t, err)
	p := publish.New(publish.Config{
		Site: blog, Store: site(s), Intake: intake.New(blog, reader), Renderer: render.New(), Canonical: reader.Canonical,
		Owner: "one", Lease: publish.LeaseAlone, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	report, err := p.Rebuild(t.Context())
	must(t, err)
	outcomes := map[feed.Name]feed.Outcome{}
	for _, r := range report.Feeds {
		outcomes[r.Feed] = r.Outcome
	}
	return outcomes
}

// documents returns the hashes of the site's documents, by path.
func documents(t *testing.T, s *Store) map[string]feed.Hash {
	t.Helper()
	heads, err := site(s).Heads(t.Context())
	must(t, err)
	hashes := map[string]feed.Hash{}
	for _, h := range heads {
		for _, d := range h.Documents {
			hashes[d.Path] = d.Hash
		}
	}
	return hashes
}

func tagged(id, text, tag string) string {
	return fmt.Sprintf(`{"id":%q,"title":"Title of %s","content_text":%q,"tags":[%q],"date_published":"2020-01-02T03:04:05Z",`+
		`"date_modified":"2020-01-03T00:00:00Z"}`,
		id, id, text, tag)
}

// TestDerivedIsRestored checks that a second start with the same files reads no post and builds no feed.
func TestDerivedIsRestored(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	put(t, o.Dir, "a.json", tagged("a", "A", "x"))
	put(t, o.Dir, "b.json", tagged("b", "B", "y"))
	put(t, o.Dir, "later.json", strings.Replace(tagged("later", "L", "x"), "2020", "2999", 1))
	s := open(t, o)
	rebuild(t, s)
	before := documents(t, s)
	due, ok, err := site(s).NextDue(t.Context())
	if err != nil || !ok {
		t.Fatalf("NextDue = %v, %t, %v; want the date of a post", due, ok, err)
	}
	must(t, s.Close())

	s = open(t, o)
	state, err := site(s).DerivedState(t.Context())
	must(t, err)
	if state.Inbox != 0 || len(state.Dirty) != 0 {
		t.Errorf("after a second start, %d posts wait to be read, and %v are dirty; want none", state.Inbox, state.Dirty)
	}
	for name, outcome := range rebuild(t, s) {
		if outcome != feed.Unchanged {
			t.Errorf("a rebuild after the second start: %s is %s, want unchanged", name, outcome)
		}
	}
	wantDocuments(t, s, before)
	if got, _, err := site(s).NextDue(t.Context()); err != nil || !got.Equal(due) {
		t.Errorf("after the second start, NextDue = %v, %v; want %v", got, err, due)
	}
}

func wantDocuments(t *testing.T, s *Store, want map[string]feed.Hash) {
	t.Helper()
	got := documents(t, s)
	for path, hash := range want {
		if got[path] != hash {
			t.Errorf("%s has changed", path)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d documents, want %d", len(got), len(want))
	}
}

// TestDerivedAndLinks checks which posts are read again after a change while no process was running.
func TestDerivedAndLinks(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(dir string)
		want   string
	}{
		{"nothing", func(string) {}, ""},
		{"a file that another post links to was edited", func(dir string) {
			put(t, dir, "a.md", tagged("a.md", "edited", "x"))
		}, "a.md b.md"},
		{"a file that another post links to was removed", func(dir string) {
			must(t, os.Remove(filepath.Join(dir, "a.md")))
		}, "a.md b.md"},
		{"a file without links to it was edited", func(dir string) {
			put(t, dir, "c.md", tagged("c.md", "edited", "x"))
		}, "c.md"},
		{"a media file was added", func(dir string) { put(t, dir, "sea.jpg", "x") }, "a.md b.md c.md"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), Data: t.TempDir()}
			put(t, o.Dir, "a.md", tagged("a.md", "A", "x"))
			put(t, o.Dir, "b.md", tagged("b.md", "see (a.md)", "x"))
			put(t, o.Dir, "c.md", tagged("c.md", "C", "x"))
			s := open(t, o)
			rebuild(t, s)
			must(t, s.Close())
			test.change(o.Dir)
			s = open(t, o)
			entries, err := site(s).Inbox(t.Context(), "", 100)
			must(t, err)
			var got []string
			for _, e := range entries {
				got = append(got, e.ID)
			}
			slices.Sort(got)
			if got := strings.Join(slices.Compact(got), " "); got != test.want {
				t.Errorf("%q are read again, want %q", got, test.want)
			}
		})
	}
}

// TestDerivedIsOutOfDate checks that documents are those of the current posts, whatever has changed since the derived
// data was saved, and whatever has happened to its file.
func TestDerivedIsOutOfDate(t *testing.T) {
	for _, test := range []struct {
		name string
		// running changes something after the data was saved, and offline after the process was killed.
		running func(t *testing.T, o Options, s *Store)
		offline func(t *testing.T, o Options)
	}{
		{name: "nothing"},
		{name: "a post was edited while no process was running", offline: func(t *testing.T, o Options) {
			put(t, o.Dir, "a.json", tagged("a", "edited", "z"))
		}},
		{name: "a post was added and one was deleted while no process was running", offline: func(t *testing.T, o Options) {
			put(t, o.Dir, "c.json", tagged("c", "C", "x"))
			must(t, os.Remove(filepath.Join(o.Dir, "a.json")))
		}},
		{name: "a post was edited and published", running: func(t *testing.T, o Options, s *Store) {
			put(t, o.Dir, "a.json", tagged("a", "edited", "z"))
			scanOnce(t, s)
			rebuild(t, s)
		}},
		{name: "an edit was published and then undone while no process was running",
			running: func(t *testing.T, o Options, s *Store) {
				put(t, o.Dir, "a.json", tagged("a", "edited", "z"))
				scanOnce(t, s)
				rebuild(t, s)
			},
			offline: func(t *testing.T, o Options) { put(t, o.Dir, "a.json", tagged("a", "A", "x")) }},
		{name: "a post was edited but not published", running: func(t *testing.T, o Options, s *Store) {
			put(t, o.Dir, "a.json", tagged("a", "edited", "z"))
			scanOnce(t, s)
		}},
		{name: "a post was deleted and the deletion was published", running: func(t *testing.T, o Options, s *Store) {
			must(t, os.Remove(filepath.Join(o.Dir, "a.json")))
			scanUntilSettled(t, s)
			rebuild(t, s)
		}},
		{name: "a head was lost", offline: func(t *testing.T, o Options) {
			heads, err := filepath.Glob(filepath.Join(o.Data, ownFolder, "heads", "*"+headSuffix))
			must(t, err)
			for _, path := range heads {
				must(t, os.Remove(path))
			}
		}},
		{name: "the file is truncated", offline: func(t *testing.T, o Options) {
			changeDerived(t, o, func(b []byte) []byte { return b[:len(b)/2] })
		}},
		{name: "the file is damaged", offline: func(t *testing.T, o Options) {
			changeDerived(t, o, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}},
		{name: "the file is empty", offline: func(t *testing.T, o Options) {
			changeDerived(t, o, func([]byte) []byte { return nil })
		}},
		{name: "the process was killed while it wrote the file", offline: func(t *testing.T, o Options) {
			put(t, filepath.Join(o.Data, ownFolder), "derived.jsonl.new", "{")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), Data: t.TempDir()}
			put(t, o.Dir, "a.json", tagged("a", "A", "x"))
			put(t, o.Dir, "b.json", tagged("b", "B", "y"))
			s := open(t, o)
			rebuild(t, s)
			must(t, s.folder.saveDerived(t.Context()))
			if test.running != nil {
				test.running(t, o, s)
			}
			s.folder.derived.saved = "killed" // Close must not save
			saved, err := os.ReadFile(s.folder.derived.path)
			must(t, err)
			must(t, s.Close())
			must(t, os.WriteFile(s.folder.derived.path, saved, 0o600))
			if test.offline != nil {
				test.offline(t, o)
			}

			s = open(t, o)
			rebuild(t, s)
			fresh := open(t, Options{Dir: o.Dir})
			rebuild(t, fresh)
			wantContents(t, s, fresh)
		})
	}
}

// wantContents checks that the feeds of two stores have the same posts with the same items.
func wantContents(t *testing.T, s, fresh *Store) {
	t.Helper()
	heads, err := site(fresh).Heads(t.Context())
	must(t, err)
	for _, want := range heads {
		got, err := site(s).Head(t.Context(), want.Feed)
		must(t, err)
		if fmt.Sprint(got.IDs) != fmt.Sprint(want.IDs) {
			t.Errorf("%s has the posts %v, want %v", want.Feed, got.IDs, want.IDs)
		}
		for _, d := range want.Documents {
			ref, _ := got.Document(d.Format)
			// The time of a removal or of a change is part of the documents.
			if d.Format == feed.JSON && ref.Hash != d.Hash {
				t.Errorf("the %s document of %s differs from that of a store that was built from the same files", d.Format, want.Feed)
			}
		}
	}
	all, err := site(s).Heads(t.Context())
	must(t, err)
	for _, h := range all {
		if _, err := site(fresh).Head(t.Context(), h.Feed); errors.Is(err, feed.ErrNotFound) && len(h.IDs) > 0 {
			t.Errorf("%s has the posts %v, want none", h.Feed, h.IDs)
		}
	}
}

func changeDerived(t *testing.T, o Options, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(o.Data, ownFolder, "derived.jsonl")
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, change(b), 0o600))
}

// TestDerivedOnFullDisk checks that a full disk neither prevents a store from being closed nor damages the saved data.
func TestDerivedOnFullDisk(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	put(t, o.Dir, "a.json", tagged("a", "A", "x"))
	s := open(t, o)
	rebuild(t, s)
	must(t, s.folder.saveDerived(t.Context()))
	before, err := os.ReadFile(s.folder.derived.path)
	must(t, err)
	put(t, o.Dir, "a.json", tagged("a", "edited", "x"))
	scanOnce(t, s)
	rebuild(t, s)
	s.folder.derived.files.open = func(path string, flag int, perm fs.FileMode) (appendFile, error) {
		f, err := os.OpenFile(path, flag, perm)
		return fullFile{f}, err
	}
	if err := s.folder.saveDerived(context.Background()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("saving on a full disk: %v, want the error of the disk", err)
	}
	must(t, s.Close())
	after, err := os.ReadFile(s.folder.derived.path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the saved data has changed on a full disk (error %v)", err)
	}
	if _, err := os.Stat(s.folder.derived.temporary()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a temporary file was left on a full disk: %v", err)
	}
}

// fullFile is a file on a full disk.
type fullFile struct{ *os.File }

func (fullFile) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
