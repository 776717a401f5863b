package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"feedpub/feed"
)

func TestOpenReadsAllFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.json", post("a", "A"))
	put(t, dir, "2014/06/b.md", "B")
	put(t, dir, "many.jsonl", post("c", "C")+"\n"+post("d", "D"))
	put(t, dir, "picture.png", "not a post")
	put(t, dir, ".hidden.json", post("h", "hidden"))
	put(t, dir, ".git/x.md", "hidden")
	put(t, dir, "a.json~", post("a", "backup"))
	put(t, dir, "#a.json#", post("a", "autosave"))
	s := open(t, Options{Dir: dir})
	if got, want := ids(t, s), "2014/06/b.md a c d"; got != want {
		t.Errorf("posts are %q; want %q", got, want)
	}
	entries, err := site(s).Inbox(t.Context(), "", 100)
	if err != nil || len(entries) != 4 {
		t.Errorf("inbox has %v (error %v); want an entry for each post", entries, err)
	}
}

// TestChangesAreSeenWithoutRescan checks that a change is seen when it happens, not at the next periodic scan.
func TestChangesAreSeenWithoutRescan(t *testing.T) {
	s := open(t, Options{Rescan: time.Hour})
	dir := s.o.Dir
	run(t, s)
	put(t, dir, "first.json", post("first", "x"))
	eventually(t, "the first post, which shows that the folder is watched", post("first", "x"),
		func() string { return content(t, s, "first") })
	for _, step := range []struct {
		name, want string
		do         func()
	}{
		{"dropped", post("a", "1"), func() { put(t, dir, "a.json", post("a", "1")) }},
		{"changed", post("a", "2"), func() { put(t, dir, "a.json", post("a", "2")) }},
		{"replaced by renaming, as editors do", post("a", "3"), func() {
			put(t, dir, ".a.json.swp", post("a", "3"))
			must(t, os.Rename(filepath.Join(dir, ".a.json.swp"), filepath.Join(dir, "a.json")))
		}},
		{"removed", "", func() { must(t, os.Remove(filepath.Join(dir, "a.json"))) }},
		{"dropped into a new folder", post("a", "4"), func() { put(t, dir, "new/deep/a.json", post("a", "4")) }},
		{"removed with its folder", "", func() { must(t, os.RemoveAll(filepath.Join(dir, "new"))) }},
	} {
		step.do()
		eventually(t, "a post whose file was "+step.name, step.want, func() string { return content(t, s, "a") })
	}
}

func TestChangedFileAddsInboxEntry(t *testing.T) {
	s := open(t, Options{})
	must(t, os.WriteFile(filepath.Join(s.o.Dir, "a.json"), []byte(post("a", "1")), 0o644))
	scanOnce(t, s)
	must(t, os.Remove(filepath.Join(s.o.Dir, "a.json")))
	scanUntilSettled(t, s)
	entries, err := site(s).Inbox(t.Context(), "", 10)
	if err != nil || len(entries) != 2 || entries[0].ID != "a" || entries[1].ID != "a" {
		t.Errorf("inbox is %+v (error %v); want two entries for post a, one for the write and one for the deletion",
			entries, err)
	}
}

// scanOnce scans the folder once, as the watcher does.
func scanOnce(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.folder.scan(t.Context(), nil, false)
	must(t, err)
}

// scanUntilSettled scans the folder until Options.Grace and Options.Patience have passed for all files. The folder's
// clock is advanced by the time for which the store would wait.
func scanUntilSettled(t *testing.T, s *Store) {
	t.Helper()
	for {
		wait, err := s.folder.scan(t.Context(), nil, false)
		must(t, err)
		if wait == 0 {
			return
		}
		now := s.folder.now
		s.folder.now = func() time.Time { return now().Add(wait) }
	}
}

func TestBrokenFileKeepsLastGoodVersion(t *testing.T) {
	s := open(t, Options{Patience: time.Hour})
	put(t, s.o.Dir, "a.json", post("a", "good"))
	scanOnce(t, s)
	listed := ""
	for _, broken := range []string{`{"id":"a", "half": `, ""} { // "" is a file that was truncated before it is written
		put(t, s.o.Dir, "a.json", broken)
		wait, err := s.folder.scan(t.Context(), nil, false)
		must(t, err)
		if wait <= 0 {
			t.Fatalf("the scan of the file %q returns %v; want a time after which to scan again", broken, wait)
		}
		if got := problems(t, s); got != listed {
			t.Errorf("problems immediately after the write are %q; want %q: the file %q may be half written",
				got, listed, broken)
		}
		scanUntilSettled(t, s)
		listed = "file a.json"
		if got := problems(t, s); got != listed {
			t.Errorf("problems after the wait are %q; want %q", got, listed)
		}
		all, err := site(s).Problems(t.Context())
		if err != nil || !all[0].Serving || all[0].Reason == "" || all[0].Since.IsZero() {
			t.Errorf("problem is %+v (error %v); want a reason, a time, and Serving set", all, err)
		}
		if got, want := content(t, s, "a"), post("a", "good"); got != want {
			t.Errorf("post is %q; want the last good version %q", got, want)
		}
	}
	put(t, s.o.Dir, "a.json", post("a", "better"))
	scanOnce(t, s)
	if got := problems(t, s); got != "" {
		t.Errorf("problems after the repair are %q; want none", got)
	}
	if got, want := content(t, s, "a"), post("a", "better"); got != want {
		t.Errorf("post is %q; want %q", got, want)
	}
}

func TestLastGoodVersionAfterRestart(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	put(t, o.Dir, "a.json", post("a", "good"))
	put(t, o.Dir, "b.json", post("b", "B"))
	closeStore(t, open(t, o))
	put(t, o.Dir, "a.json", "{")
	for range 2 { // the second attempt must have the same result
		s := open(t, o)
		if got, want := content(t, s, "a"), post("a", "good"); got != want {
			t.Errorf("post is %q; want the last good version %q", got, want)
		}
		if got, want := problems(t, s), "file a.json"; got != want {
			t.Errorf("problems are %q; want %q immediately, since no file is being written when the store starts",
				got, want)
		}
		closeStore(t, s)
	}
}

func TestBadFilesDoNotHarmOthers(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "bad.json", `{"id": 7}`)
	put(t, o.Dir, "empty.md", "")
	put(t, o.Dir, "badid.json", `{"id":"a\nb"}`)
	put(t, o.Dir, "huge.txt", strings.Repeat("x", maxFile+1))
	must(t, os.Symlink("nowhere.json", filepath.Join(o.Dir, "dangling.json")))
	put(t, o.Dir, "good.json", post("good", "G"))
	s := open(t, o)
	if got, want := ids(t, s), "good"; got != want {
		t.Errorf("posts are %q; want %q", got, want)
	}
	if got, want := problems(t, s), "file bad.json, file badid.json, file empty.md, file huge.txt"; got != want {
		t.Errorf("problems are %q; want %q", got, want)
	}
}

func TestRemovedFilesDeletePosts(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	for i := range 5 {
		put(t, o.Dir, fmt.Sprintf("%d.json", i), post(fmt.Sprint(i), "x"))
	}
	put(t, o.Dir, "two.jsonl", post("x", "X")+"\n"+post("y", "Y"))
	s := open(t, o)
	must(t, os.Remove(filepath.Join(o.Dir, "0.json")))
	must(t, os.Remove(filepath.Join(o.Dir, "1.json")))
	put(t, o.Dir, "two.jsonl", post("y", "Y")) // this removes x
	scanUntilSettled(t, s)
	if got, want := ids(t, s), "2 3 4 y"; got != want {
		t.Errorf("posts are %q; want %q", got, want)
	}
	closeStore(t, s)

	must(t, os.Remove(filepath.Join(o.Dir, "2.json"))) // removed while no store is open
	s = open(t, o)
	if got, want := ids(t, s), "3 4 y"; got != want {
		t.Errorf("posts after the restart are %q; want %q", got, want)
	}
	entries, err := site(s).Inbox(t.Context(), "", 100)
	must(t, err)
	if last := entries[len(entries)-1]; last.ID != "2" {
		t.Errorf("last inbox entry is %+v; want the deletion of 2", last)
	}
}

func TestMissingFolderDeletesNothing(t *testing.T) {
	for name, vanish := range map[string]func(dir string) (back func()){
		"removed":        func(dir string) func() { return move(t, dir, dir+".away", false) },
		"empty in place": func(dir string) func() { return move(t, dir, dir+".away", true) },
		"all files removed at once": func(dir string) func() {
			var back []func()
			for _, f := range []string{"a.json", "b.json"} {
				back = append(back, move(t, filepath.Join(dir, f), filepath.Join(filepath.Dir(dir), f), false))
			}
			return func() { back[0](); back[1]() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: filepath.Join(t.TempDir(), "posts"), Data: t.TempDir()}
			put(t, o.Dir, "a.json", post("a", "A"))
			put(t, o.Dir, "b.json", post("b", "B"))
			s := open(t, o)
			back := vanish(o.Dir)
			scanUntilSettled(t, s)
			scanUntilSettled(t, s)
			if got, want := ids(t, s), "a b"; got != want {
				t.Errorf("posts are %q; want %q: a missing folder must not delete posts", got, want)
			}
			if got, want := problems(t, s), "file ."; got != want {
				t.Errorf("problems are %q; want %q", got, want)
			}

			closeStore(t, s) // the files are also missing at the next start
			s = open(t, o)
			if got, want := ids(t, s), "a b"; got != want {
				t.Errorf("posts after a restart are %q; want %q", got, want)
			}
			if got, want := problems(t, s), "file ."; got != want {
				t.Errorf("problems after a restart are %q; want %q", got, want)
			}
			put(t, o.Dir, "new.json", post("new", "N")) // must not affect the posts that are kept
			scanUntilSettled(t, s)
			if got, want := ids(t, s), "a b new"; got != want {
				t.Errorf("posts after another was added are %q; want %q", got, want)
			}
			must(t, os.Remove(filepath.Join(o.Dir, "new.json")))
			must(t, os.RemoveAll(o.Dir+".empty"))
			back()
			scanUntilSettled(t, s)
			if got, want := ids(t, s), "a b"; got != want {
				t.Errorf("posts after the files were restored are %q; want %q", got, want)
			}
			if got := problems(t, s); got != "" {
				t.Errorf("problems after the files were restored are %q; want none", got)
			}
		})
	}
}

// move moves a file or folder away and returns a function that moves it back. If empty is set, an empty folder replaces
// it.
func move(t *testing.T, from, to string, empty bool) (back func()) {
	t.Helper()
	must(t, os.Rename(from, to))
	if empty {
		must(t, os.Mkdir(from, 0o755))
	}
	return func() {
		if _, err := os.Stat(from); err == nil { // a new one was created in the meantime
			must(t, os.Rename(from, from+".empty"))
		}
		must(t, os.Rename(to, from))
	}
}

func TestKeptPostsCanBeDeleted(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "a.json", post("a", "A"))
	put(t, o.Dir, "b.json", post("b", "B"))
	s := open(t, o)
	must(t, os.Remove(filepath.Join(o.Dir, "a.json")))
	must(t, os.Remove(filepath.Join(o.Dir, "b.json")))
	scanUntilSettled(t, s)
	must(t, site(s).Delete(t.Context(), "a"))
	if got, want := ids(t, s)+"; "+problems(t, s), "b; file ."; got != want {
		t.Errorf("posts and problems after one deletion are %q; want %q", got, want)
	}
	must(t, site(s).Delete(t.Context(), "b"))
	scanUntilSettled(t, s)
	if got, want := ids(t, s)+"; "+problems(t, s), "; "; got != want {
		t.Errorf("posts and problems after both deletions are %q; want %q", got, want)
	}
}

// TestAcknowledgedDeletionsAreNotLost restarts the store before a builder has read the inbox, which is only in memory.
func TestAcknowledgedDeletionsAreNotLost(t *testing.T) {
	for name, held := range map[string]bool{"of files": false, "of posts that are kept": true} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), Data: t.TempDir()}
			put(t, o.Dir, "a.json", post("a", "A"))
			put(t, o.Dir, "b.json", post("b", "B"))
			put(t, o.Dir, "c.jsonl", post("c", "C")+"\n"+post("d", "D"))
			s := open(t, o)
			if held {
				must(t, os.RemoveAll(o.Dir))
				must(t, os.Mkdir(o.Dir, 0o755))
				scanUntilSettled(t, s)
			}
			must(t, site(s).Delete(t.Context(), "a"))
			must(t, site(s).Delete(t.Context(), "b"))
			closeStore(t, s) // close the store before any further scan
			for range 2 {
				s = open(t, o)
				if got, want := ids(t, s), "c d"; got != want {
					t.Errorf("posts after a restart are %q; want %q", got, want)
				}
				entries, err := site(s).Inbox(t.Context(), "", 100)
				must(t, err)
				for _, id := range []string{"a", "b"} {
					if !slices.ContainsFunc(entries, func(e feed.Submission) bool { return e.ID == id }) {
						t.Errorf("the inbox is %+v, want an entry for the deletion of %s", entries, id)
					}
				}
				closeStore(t, s)
			}

			s = open(t, o)
			must(t, site(s).Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte(post("a", "again"))}))
			scanOnce(t, s)
			closeStore(t, s)
			put(t, o.Dir, "a.json", "broken")
			s = open(t, o)
			if got, want := content(t, s, "a"), post("a", "again"); got != want {
				t.Errorf("post after it was put again is %q; want %q", got, want)
			}
			must(t, site(s).Absorb(t.Context(), feed.Absorption{
				Token: 5, Changes: []feed.Change{{ID: "b", Record: feed.Record{ID: "b", Removed: time.UnixMilli(5)}}},
			}))
			closeStore(t, s)
			s = open(t, o)
			entries, err := site(s).Inbox(t.Context(), "", 100)
			must(t, err)
			if slices.ContainsFunc(entries, func(e feed.Submission) bool { return e.ID == "b" }) {
				t.Errorf("the inbox is %+v; want no entry for a deletion that a builder has recorded", entries)
			}
		})
	}
}

func TestPostsOfAMissingFolderCanBeDeleted(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "posts")}
	put(t, o.Dir, "a.json", post("a", "A"))
	put(t, o.Dir, "b.json", post("b", "B"))
	s := open(t, o)
	must(t, os.RemoveAll(o.Dir))
	scanUntilSettled(t, s)
	must(t, site(s).Delete(t.Context(), "a"))
	if got, want := ids(t, s), "b"; got != want {
		t.Errorf("posts after one was deleted are %q; want %q", got, want)
	}
	err := site(s).Put(t.Context(), feed.RawPost{ID: "c", Raw: []byte(post("c", "C"))})
	if !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Put into a missing folder: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
}

func TestRemovingTheOnlyFileDeletesItsPost(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "a.json", post("a", "A"))
	s := open(t, o)
	must(t, os.Remove(filepath.Join(o.Dir, "a.json")))
	scanUntilSettled(t, s)
	if got := ids(t, s); got != "" {
		t.Errorf("posts are %q; want none", got)
	}
}

func TestMovedFileKeepsItsPost(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "z.json", post("a", "A"))
	put(t, o.Dir, "y.json", post("b", "B"))
	s := open(t, o)
	must(t, os.Mkdir(filepath.Join(o.Dir, "2014"), 0o755))
	for _, f := range []string{"y.json", "z.json"} { // move all files into a subfolder at the same time
		must(t, os.Rename(filepath.Join(o.Dir, f), filepath.Join(o.Dir, "2014", f)))
	}
	scanUntilSettled(t, s)
	if got, want := ids(t, s)+"; "+problems(t, s), "a b; "; got != want {
		t.Errorf("posts and problems are %q; want %q", got, want)
	}
}

func TestUnreadableSubfolderKeepsItsPosts(t *testing.T) {
	if os.Getuid() == 0 {
		// Root can read every folder, so only unreadable is tested.
		testUnreadable(t)
		return
	}
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "sub/a.json", post("a", "A"))
	put(t, o.Dir, "b.json", post("b", "B"))
	s := open(t, o)
	must(t, os.Chmod(filepath.Join(o.Dir, "sub"), 0))
	t.Cleanup(func() { must(t, os.Chmod(filepath.Join(o.Dir, "sub"), 0o755)) })
	scanUntilSettled(t, s)
	if got, want := ids(t, s), "a b"; got != want {
		t.Errorf("posts are %q; want %q", got, want)
	}
}

func testUnreadable(t *testing.T) {
	bad := map[string]error{"sub": os.ErrPermission}
	for name, want := range map[string]bool{"sub/a.json": true, "sub": true, "subway/a.json": false, "b.json": false} {
		if got := unreadable(bad, name); got != want {
			t.Errorf("unreadable(sub, %q) = %v; want %v", name, got, want)
		}
	}
}

func TestFileWrittenByTheStoreIsPublishedBeforeOthers(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "Z.json", post("p", "by hand"))
	put(t, o.Dir, "another.json", post("other", "x"))
	s := open(t, o)
	must(t, site(s).Put(t.Context(), feed.RawPost{ID: "p", Raw: []byte(post("p", "put"))}))
	scanOnce(t, s)
	if got, want := content(t, s, "p"), post("p", "put"); got != want {
		t.Errorf("post is %q; want %q, the version that was put", got, want)
	}
	must(t, os.Remove(filepath.Join(o.Dir, FileName("p"))))
	scanUntilSettled(t, s)
	if got, want := content(t, s, "p"), post("p", "by hand"); got != want {
		t.Errorf("post is %q; want the version in the remaining file, %q", got, want)
	}
	must(t, os.Remove(filepath.Join(o.Dir, "Z.json")))
	scanUntilSettled(t, s)
	if got := content(t, s, "p"); got != "" {
		t.Errorf("post is %q; want no post, since its last file was removed", got)
	}
}

func TestSamplesAreReadOnly(t *testing.T) {
	s := open(t, Options{Files: fstest.MapFS{"a.json": {Data: []byte(post("a", "A"))}}})
	run(t, s)
	if got, want := ids(t, s), "a"; got != want {
		t.Errorf("posts are %q; want %q", got, want)
	}
	err := site(s).Put(t.Context(), feed.RawPost{ID: "b", Raw: []byte(post("b", "B"))})
	if err == nil || !strings.Contains(err.Error(), "sample posts are read-only") {
		t.Errorf("Put into read-only samples: error is %v; want an error that says that the samples are read-only", err)
	}
	if err := site(s).Delete(t.Context(), "a"); err == nil {
		t.Error("Delete of a read-only sample was acknowledged: it would reappear at the next start")
	}
	if got, want := ids(t, s), "a"; got != want {
		t.Errorf("posts after rejected writes are %q; want %q", got, want)
	}
	entries, err := site(s).Inbox(t.Context(), "", 10)
	if err != nil || len(entries) != 1 {
		t.Errorf("inbox is %v (error %v); want no entry for a rejected write", entries, err)
	}
}

// TestRejectedVersionsWait checks that a rejected version does not replace a good one that has not been absorbed, since
// then no version of the post could be published, and that a version that is not public replaces it at once.
func TestRejectedVersionsWait(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir(), Check: func(p feed.RawPost) (bool, error) {
		private := strings.Contains(string(p.Raw), "private")
		if strings.Contains(string(p.Raw), "bad") {
			return !private, errors.New("status: bad")
		}
		return !private, nil
	}}
	put(t, o.Dir, "many.jsonl", post("a", "good")+"\n"+post("b", "1"))
	put(t, o.Dir, "new.json", post("new", "bad"))
	closeStore(t, open(t, o))
	put(t, o.Dir, "many.jsonl", post("a", "bad")+"\n"+post("b", "2"))
	for range 2 { // the second attempt must have the same result
		s := open(t, o)
		wait, err := s.folder.scan(t.Context(), nil, false)
		must(t, err)
		if wait <= 0 {
			t.Errorf("the scan returns %v; want a time after which to try again", wait)
		}
		for id, want := range map[string]string{
			"a": post("a", "good") + "\n", "b": post("b", "2"), "new": post("new", "bad"),
		} {
			if got := content(t, s, id); got != want {
				t.Errorf("post %s is %q; want %q", id, got, want)
			}
		}
		if got, want := problems(t, s), "file many.jsonl"; got != want {
			t.Errorf("problems are %q; want %q", got, want)
		}
		closeStore(t, s)
	}
	s := open(t, o)
	put(t, o.Dir, "many.jsonl", post("a", "bad and private")+"\n"+post("b", "2"))
	scanOnce(t, s)
	if got, want := content(t, s, "a"), post("a", "bad and private")+"\n"; got != want {
		t.Errorf("post a is %q; want the private version", got)
	}
	if got := problems(t, s); got != "" {
		t.Errorf("problems are %q; want none: the builder reports the post", got)
	}
	put(t, o.Dir, "many.jsonl", post("a", "bad")+"\n"+post("b", "2"))
	scanUntilSettled(t, s)
	if got, want := content(t, s, "a"), post("a", "bad")+"\n"; got != want {
		t.Errorf("post a is %q; want %q: an earlier version must not be published again after a private one", got, want)
	}
}
