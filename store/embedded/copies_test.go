package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

// replaceBy replaces a folder with a copy of another.
func replaceBy(t *testing.T, dir, by string) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	must(t, os.CopyFS(dir, os.DirFS(by)))
}

// restoredFolder returns the folder that is reported as replaced by an older copy, or "".
func restoredFolder(t *testing.T, s *Store) string {
	t.Helper()
	p, listed, err := site(s).Problem(t.Context(), feed.KindRollback, feed.RollbackID)
	must(t, err)
	if listed && p.Place == "" {
		t.Errorf("the problem is %+v, want one that names the folder", p)
	}
	return p.Place
}

// TestReplacedFolder checks that a folder is reported if it was replaced by an older copy while the store was closed,
// and that nothing else is.
func TestReplacedFolder(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, dir, data, copied string)
		want string
	}{
		{"nothing", func(*testing.T, string, string, string) {}, ""},
		{"posts replaced", func(t *testing.T, dir, _, copied string) {
			replaceBy(t, dir, filepath.Join(copied, "posts"))
		}, "folder of posts"},
		{"data replaced", func(t *testing.T, _, data, copied string) {
			replaceBy(t, data, filepath.Join(copied, "data"))
		}, "data folder"},
		{"both replaced, which is not noticed", func(t *testing.T, dir, data, copied string) {
			replaceBy(t, dir, filepath.Join(copied, "posts"))
			replaceBy(t, data, filepath.Join(copied, "data"))
		}, ""},
		{"posts replaced by a checkout without the record", func(t *testing.T, dir, _, copied string) {
			replaceBy(t, dir, filepath.Join(copied, "posts"))
			must(t, os.RemoveAll(filepath.Join(dir, besideFolder)))
		}, ""},
		{"files edited and deleted", func(t *testing.T, dir, _, _ string) {
			put(t, dir, "a.json", post("a", "1"))
			must(t, os.Remove(filepath.Join(dir, "b.json")))
		}, ""},
		{"data folder deleted", func(t *testing.T, _, data, _ string) { must(t, os.RemoveAll(data)) }, ""},
		{"data folder of another site", func(t *testing.T, _, data, copied string) {
			replaceBy(t, data, filepath.Join(copied, "data"))
			own := filepath.Join(data, ownFolder, "copy.json")
			must(t, os.WriteFile(own, []byte(`{"id": "other", "n": 99}`), 0o600))
		}, ""},
		{"killed before the record beside the posts was written", func(t *testing.T, _, data, _ string) {
			own := filepath.Join(data, ownFolder, "copy.json")
			var r copyRecord
			must(t, readCopyRecord(own, &r))
			r.Next++
			must(t, (&copies{files: newFileOps()}).writeRecord(own, r))
		}, ""},
		{"killed after the record beside the posts was written", func(t *testing.T, dir, data, _ string) {
			own := filepath.Join(data, ownFolder, "copy.json")
			var r copyRecord
			must(t, readCopyRecord(own, &r))
			r.Next++
			must(t, (&copies{files: newFileOps()}).writeRecord(own, r))
			must(t, (&copies{files: newFileOps()}).writeRecord(filepath.Join(dir, besideFolder, "copy.json"),
				copyRecord{ID: r.ID, N: r.Next}))
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, data, copied := filepath.Join(t.TempDir(), "p"), t.TempDir(), t.TempDir()
			put(t, dir, "a.json", post("a", "1"))
			put(t, dir, "b.json", post("b", "1"))
			closeStore(t, open(t, Options{Dir: dir, Data: data}))
			must(t, os.CopyFS(filepath.Join(copied, "posts"), os.DirFS(dir)))
			must(t, os.Remove(socketPath(data))) // CopyFS does not copy it
			must(t, os.CopyFS(filepath.Join(copied, "data"), os.DirFS(data)))
			put(t, dir, "a.json", post("a", "2"))
			closeStore(t, open(t, Options{Dir: dir, Data: data}))

			tt.do(t, dir, data, copied)
			for range 2 { // a restart does not change the result
				s := open(t, Options{Dir: dir, Data: data})
				if got := restoredFolder(t, s); got != tt.want {
					t.Errorf("%q is reported as replaced by an older copy, want %q", got, tt.want)
				}
				closeStore(t, s)
			}
		})
	}
}

// TestAcceptOlderPosts checks that posts whose files are missing from an older copy are kept until the copy is
// accepted, and are then deleted. Files that are removed after the start are deleted at once.
func TestAcceptOlderPosts(t *testing.T) {
	dir, data, copied := filepath.Join(t.TempDir(), "p"), t.TempDir(), t.TempDir()
	put(t, dir, "a.json", post("a", "1"))
	put(t, dir, "b.json", post("b", "1"))
	closeStore(t, open(t, Options{Dir: dir, Data: data}))
	must(t, os.CopyFS(copied, os.DirFS(dir)))
	put(t, dir, "new.json", post("new", "1"))
	closeStore(t, open(t, Options{Dir: dir, Data: data}))
	replaceBy(t, dir, copied)

	s := open(t, Options{Dir: dir, Data: data, Rescan: 50 * time.Millisecond, Grace: time.Millisecond})
	run(t, s)
	if got := ids(t, s); got != "a b new" {
		t.Errorf(`posts are %q, want "a b new": the post "new" is missing in the copy`, got)
	}
	must(t, os.Remove(filepath.Join(dir, "b.json")))
	eventually(t, "the posts after a file was removed", "a new", func() string { return ids(t, s) })
	must(t, site(s).ClearProblem(t.Context(), feed.KindRollback, feed.RollbackID))
	eventually(t, "the posts after the copy was accepted", "a", func() string { return ids(t, s) })
}

// TestCopyRecordOfEmptyFolder checks that no record is written into an empty folder: the disk with the posts might not
// be mounted.
func TestCopyRecordOfEmptyFolder(t *testing.T) {
	dir, data := filepath.Join(t.TempDir(), "p"), t.TempDir()
	put(t, dir, "a.json", post("a", "1"))
	put(t, dir, "b.json", post("b", "1"))
	closeStore(t, open(t, Options{Dir: dir, Data: data}))
	must(t, os.Rename(dir, dir+"-unmounted"))
	must(t, os.Mkdir(dir, 0o755))
	closeStore(t, open(t, Options{Dir: dir, Data: data}))
	if _, err := os.Stat(filepath.Join(dir, besideFolder)); err == nil {
		t.Error("the folder that lost its files has a record")
	}
	must(t, os.Remove(dir))
	must(t, os.Rename(dir+"-unmounted", dir))
	s := open(t, Options{Dir: dir, Data: data})
	if got := restoredFolder(t, s); got != "" {
		t.Errorf("%q is reported as replaced by an older copy after it was mounted again", got)
	}
}

// TestCopyRecordIsNotInRepository checks that git ignores the record.
func TestCopyRecordIsNotInRepository(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.json", post("a", "1"))
	open(t, Options{Dir: dir})
	text, err := os.ReadFile(filepath.Join(dir, besideFolder, ".gitignore"))
	if err != nil || strings.TrimSpace(string(text)) != "*" {
		t.Errorf(".gitignore contains %q (error %v), want *", text, err)
	}
}
