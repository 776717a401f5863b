package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

// importing is a site in a folder whose feed is built in the simplest way.
type importing struct {
	t *testing.T
	o Options
}

func raw(id, text string) feed.RawPost {
	return feed.RawPost{ID: id, Raw: fmt.Appendf(nil, `{"id":%q,"text":%q}`, id, text)}
}

// imported writes posts as "feedpub import" does while no process has the folder open.
func (i importing) imported(posts ...feed.RawPost) {
	i.t.Helper()
	if err := RecordImport(i.o.Data, posts...); err != nil {
		i.t.Fatal(err)
	}
	i.written(posts...)
}

// written writes posts to the folder without recording an import, as an editor would.
func (i importing) written(posts ...feed.RawPost) {
	i.t.Helper()
	for _, p := range posts {
		if _, err := WritePost(i.o.Dir, p); err != nil {
			i.t.Fatal(err)
		}
	}
}

// build opens the store, absorbs all posts, and commits the feed unless unbuilt is true. Posts whose text begins with
// "later" are published only if early is true. It returns the queues that got a notice.
func (i importing) build(unbuilt, early bool) []string {
	t := i.t
	t.Helper()
	s, err := Open(t.Context(), i.o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	site := s.Client().Site(i.o.Site)
	entries, err := site.Inbox(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	a := feed.Absorption{Token: 1}
	var text []string
	for _, e := range entries {
		a.Next = e.Entry
		posts, err := site.RawPosts(t.Context(), e.ID)
		if err != nil || len(posts) != 1 {
			t.Fatalf("RawPosts(%q) = %v, %v", e.ID, posts, err)
		}
		c := feed.Change{ID: e.ID, Record: feed.Record{ID: e.ID, FirstSeen: time.Unix(1, 0)}, Raw: feed.HashOf(posts[0].Raw)}
		c.Item = &feed.Item{ID: e.ID, Title: string(posts[0].Raw), Published: time.Unix(1, 0), Intake: "1"}
		c.Touched = []feed.Name{feed.Main}
		if !early && strings.Contains(string(posts[0].Raw), `"later`) {
			c.Due, c.Touched = time.Now().Add(time.Hour), nil
		} else {
			c.Entered = []feed.Name{feed.Main}
			text = append(text, string(posts[0].Raw))
		}
		a.Changes = slices.DeleteFunc(a.Changes, func(x feed.Change) bool { return x.ID == c.ID })
		a.Changes = append(a.Changes, c)
	}
	if err := site.Absorb(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if unbuilt {
		return nil
	}
	slices.Sort(text)
	return i.commit(s, strings.Join(slices.Compact(text), "\n"))
}

func (i importing) commit(s *Store, text string) []string {
	t := i.t
	t.Helper()
	site := s.Client().Site(i.o.Site)
	dirty, err := site.DirtyFeeds(t.Context())
	if err != nil || len(dirty) != 1 {
		t.Fatalf("DirtyFeeds = %v, %v; want one", dirty, err)
	}
	r := commit(feed.Main, 1, time.Time{}, text)
	r.Dirty, r.Notices.Topics = dirty[0].Mark, []string{"ping:a"}
	_, _, err = site.Commit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := site.ClaimNotices(t.Context(), feed.Claiming{Lease: time.Hour, Most: 10, Claimant: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var queues []string
	for _, c := range claims {
		queues = append(queues, c.Key)
		if err := site.FinishNotice(t.Context(), time.Time{}, c, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	return queues
}

// TestImportWithoutServer checks that hubs are not notified of posts that were imported while no process had the folder
// open, but of all other changes since the last commit.
func TestImportWithoutServer(t *testing.T) {
	ping := []string{"ping:a rss main"}
	for _, tt := range []struct {
		name string
		run  func(i importing) []string
		want []string
	}{
		{"an imported post", func(i importing) []string {
			i.imported(raw("b", "1"))
			return i.build(false, false)
		}, nil},
		{"a post written by a person", func(i importing) []string {
			i.written(raw("b", "1"))
			return i.build(false, false)
		}, ping},
		{"an imported post and one written by a person", func(i importing) []string {
			i.imported(raw("b", "1"))
			i.written(raw("c", "1"))
			return i.build(false, false)
		}, ping},
		{"an imported post that a person has changed", func(i importing) []string {
			i.imported(raw("b", "1"))
			i.written(raw("b", "2"))
			return i.build(false, false)
		}, ping},
		{"a command opens the folder between the import and the build", func(i importing) []string {
			i.imported(raw("b", "1"))
			s, err := Open(i.t.Context(), i.o)
			if err != nil {
				i.t.Fatal(err)
			}
			closeStore(i.t, s)
			return i.build(false, false)
		}, nil},
		{"a post written by a person after the import was published", func(i importing) []string {
			i.imported(raw("b", "1"))
			i.build(false, false)
			i.written(raw("c", "1"))
			return i.build(false, false)
		}, ping},
		{"the last process did not publish everything", func(i importing) []string {
			i.written(raw("a", "2"))
			i.build(true, false)
			i.imported(raw("b", "1"))
			return i.build(false, false)
		}, ping},
		{"the last process was killed", func(i importing) []string {
			if err := os.Remove(filepath.Join(i.o.Data, ownFolder, "settled.json")); err != nil {
				i.t.Fatal(err)
			}
			i.imported(raw("b", "1"))
			return i.build(false, false)
		}, ping},
		{"the date of a post has come", func(i importing) []string {
			i.imported(raw("b", "1"))
			return i.build(false, true)
		}, ping},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := importing{t, Options{Dir: t.TempDir(), Data: t.TempDir(), Site: testSite, Decode: decode}}
			i.written(raw("a", "1"), raw("z", "later"))
			i.build(false, false)
			if got := tt.run(i); !slices.Equal(got, tt.want) {
				t.Errorf("notices are %q, want %q", got, tt.want)
			}
		})
	}
}
