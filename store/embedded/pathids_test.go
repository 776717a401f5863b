package embedded

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

// pathDecode decodes .md and .txt files as posts whose id is their path.
func pathDecode(path string, raw []byte) ([]feed.RawPost, error) {
	if filepath.Ext(path) == ".json" {
		return decode(path, raw)
	}
	b, err := json.Marshal(map[string]string{"id": path, "content_text": string(raw)})
	return []feed.RawPost{{ID: path, Raw: b}}, err
}

func renameFile(t *testing.T, dir, from, to string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o755))
	must(t, os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)))
}

func wantIDs(t *testing.T, s *Store, when, want string) {
	t.Helper()
	if got := ids(t, s); got != want {
		t.Errorf("%s, the posts are %q; want %q", when, got, want)
	}
}

func TestRenamedFileKeepsItsID(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir(), Decode: pathDecode}
	put(t, o.Dir, "a.md", "A")
	put(t, o.Dir, "other.md", "other")
	s := open(t, o)
	renameFile(t, o.Dir, "a.md", "2024/b.md")
	scanUntilSettled(t, s)
	wantIDs(t, s, "after a file was renamed", "a.md other.md")
	if got, want := content(t, s, "a.md"), `{"content_text":"A","id":"a.md"}`; got != want {
		t.Errorf("the post of the renamed file is %s; want %s", got, want)
	}
	put(t, o.Dir, "2024/b.md", "A, edited")
	scanUntilSettled(t, s)
	wantIDs(t, s, "after the renamed file was edited", "a.md other.md")

	put(t, o.Dir, "a.md", "a new post under the old name")
	scanUntilSettled(t, s)
	wantIDs(t, s, "after a new file took the old name", "a.md a.md~2 other.md")
	if got := content(t, s, "a.md"); !strings.Contains(got, "A, edited") {
		t.Errorf("post a.md is %s; want the one of the renamed file", got)
	}
	must(t, s.Close())

	renameFile(t, o.Dir, "other.md", "another.md") // renamed while no process is running
	s = open(t, o)
	wantIDs(t, s, "after a restart", "a.md a.md~2 other.md")
	must(t, RemovePost(o.Dir, o.Data, pathDecode, "other.md"))
	if _, err := os.Stat(filepath.Join(o.Dir, "another.md")); err == nil {
		t.Error("RemovePost kept the renamed file")
	}
}

func TestRenamedFileWithOtherContentIsNew(t *testing.T) {
	s := open(t, Options{Decode: pathDecode})
	dir := s.o.Dir
	put(t, dir, "a.md", "A")
	put(t, dir, "copy.md", "C")
	scanUntilSettled(t, s)
	must(t, os.Remove(filepath.Join(dir, "a.md")))
	put(t, dir, "b.md", "B")
	put(t, dir, "copy2.md", "C") // a copy, whose original still exists
	scanUntilSettled(t, s)
	wantIDs(t, s, "after a file was replaced and another was copied", "b.md copy.md copy2.md")
}

func TestRenamedBackTakesItsID(t *testing.T) {
	s := open(t, Options{Decode: pathDecode})
	dir := s.o.Dir
	put(t, dir, "a.md", "A")
	put(t, dir, "other.md", "other")
	scanUntilSettled(t, s)
	for _, name := range [][2]string{{"a.md", "b.md"}, {"b.md", "a.md"}, {"a.md", "c.md"}} {
		renameFile(t, dir, name[0], name[1])
		scanUntilSettled(t, s)
		wantIDs(t, s, "after "+name[0]+" was renamed to "+name[1], "a.md other.md")
	}
}

func TestEditIsRecorded(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir(), Decode: pathDecode}
	put(t, o.Dir, "a.md", "A")
	put(t, o.Dir, "b.md", "B")
	s := open(t, o)
	changed := func(id string) time.Time {
		t.Helper()
		stored, err := site(s).Load(t.Context(), []string{id})
		must(t, err)
		return stored[0].Record.Changed
	}
	if got := changed("a.md"); !got.IsZero() {
		t.Errorf("a new post changed at %v; want no time", got)
	}
	edited := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	s.folder.now = func() time.Time { return edited }
	put(t, o.Dir, "a.md", "A!")
	scanUntilSettled(t, s)
	if got := changed("a.md"); !got.Equal(edited) {
		t.Errorf("the edited post changed at %v; want %v", got, edited)
	}
	must(t, s.Close())

	put(t, o.Dir, "b.md", "B, edited while no process runs")
	s = open(t, o)
	if got := changed("a.md"); !got.Equal(edited) {
		t.Errorf("after a restart, the edited post changed at %v; want %v", got, edited)
	}
	if changed("b.md").IsZero() {
		t.Error("an edit while no process was running was not recorded")
	}
	at := changed("b.md")
	must(t, s.Close())

	o.Decode = func(path string, raw []byte) ([]feed.RawPost, error) {
		posts, err := pathDecode(path, raw)
		posts[0].Raw = append(posts[0].Raw, '\n')
		return posts, err
	}
	s = open(t, o)
	if got := changed("b.md"); !got.Equal(at) {
		t.Errorf("after a release that decodes files differently, the post changed at %v; want %v", got, at)
	}
}

// TestMediaAppears checks that posts that refer to missing files are submitted again when a file appears.
func TestMediaAppears(t *testing.T) {
	s := open(t, Options{Decode: pathDecode})
	dir := s.o.Dir
	put(t, dir, "a.md", "A")
	put(t, dir, "b.md", "B")
	scanOnce(t, s)
	must(t, site(s).SetProblem(t.Context(), feed.Problem{ID: "a.md", Kind: feed.KindMedia, Since: time.Now()}))
	before, err := site(s).Inbox(t.Context(), "", 10)
	must(t, err)
	put(t, dir, "sea.jpg", "x")
	scanOnce(t, s)
	scanOnce(t, s)
	after, err := site(s).Inbox(t.Context(), before[len(before)-1].Entry, 10)
	if err != nil || len(after) != 1 || after[0].ID != "a.md" {
		t.Errorf("new inbox entries are %+v, %v; want one for the post with the missing file", after, err)
	}
}
