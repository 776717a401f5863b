package embedded

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
)

// commit returns a request to commit a feed of one document.
func commit(name feed.Name, token feed.Token, now time.Time, body string) feed.CommitRequest {
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write([]byte(body)) // never fails for a buffer
	_ = w.Close()
	h := feed.HashOf([]byte(body))
	return feed.CommitRequest{
		Now: now, Blobs: []feed.Blob{{Hash: h, Gzip: gz.Bytes(), Size: len(body)}},
		Head: feed.Head{Feed: name, Token: token, Config: "c", IDs: []string{"a"}, Documents: []feed.DocumentRef{
			{Format: feed.RSS, Path: name.Path(feed.RSS), Hash: h, Length: len(body)},
		}},
	}
}

// state returns the records and heads, which must be the same after a restart. It also checks that the documents exist.
func state(t *testing.T, s *store.Site) (lines []string, heads []feed.Head) {
	t.Helper()
	for l, err := range s.Records(t.Context()) {
		must(t, err)
		b, err := json.Marshal(l)
		must(t, err)
		lines = append(lines, string(b))
	}
	heads, err := s.Heads(t.Context())
	must(t, err)
	for _, h := range heads {
		for _, d := range h.Documents {
			_, err := s.Blob(t.Context(), d.Hash)
			must(t, err)
		}
	}
	return lines, heads
}

func TestRestart(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	s := open(t, o)
	b := site(s)
	must(t, b.Absorb(t.Context(), feed.Absorption{
		Token: 5, Changes: []feed.Change{{ID: "a", Record: feed.Record{ID: "a", FirstSeen: now}}},
		Names: map[feed.Name]string{"tags/go": "Go"}, Removals: map[feed.Name]time.Time{feed.Main: now},
	}))
	must(t, b.Absorb(t.Context(), feed.Absorption{
		Token: 5, Changes: []feed.Change{
			{ID: "a", Record: feed.Record{ID: "a", FirstSeen: now, Removed: now.Add(time.Hour)}},
		},
	}))
	must(t, b.Absorb(t.Context(), feed.Absorption{ // the post is published again; the newest record is kept
		Token: 5, Changes: []feed.Change{{ID: "a", Record: feed.Record{ID: "a", FirstSeen: now}}},
	}))
	must(t, b.RestoreRecords(t.Context(), feed.ExportLine{Record: &feed.Record{ID: "b", FirstSeen: now}}))
	for _, name := range []feed.Name{feed.Main, "tags/ünï-çödé"} {
		for _, body := range []string{"old " + string(name), "new " + string(name)} {
			_, _, err := b.Commit(t.Context(), commit(name, 5, now, body))
			must(t, err)
		}
	}
	lines, heads := state(t, b)
	if len(lines) != 4 || len(heads) != 2 {
		t.Fatalf("before the restart: records are %q, %d heads", lines, len(heads))
	}
	closeStore(t, s)
	for range 2 {
		s = open(t, o)
		gotLines, gotHeads := state(t, site(s))
		if diff := cmp.Diff(lines, gotLines); diff != "" {
			t.Errorf("records after a restart (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(heads, gotHeads); diff != "" {
			t.Errorf("heads after a restart (-before +after):\n%s", diff)
		}
		closeStore(t, s)
	}
	s = open(t, o)
	outcome, head, err := site(s).Commit(t.Context(), commit(feed.Main, 6, now.Add(time.Hour), "new main"))
	if err != nil || outcome != feed.Unchanged || !head.Documents[0].Modified.Equal(heads[0].Documents[0].Modified) {
		t.Errorf("commit of the same bytes after a restart = %s, %+v, %v; want unchanged, with the old Last-Modified",
			outcome, head.Documents, err)
	}
}

func TestDamagedDataIsSkipped(t *testing.T) {
	o := Options{Dir: t.TempDir(), Data: t.TempDir()}
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	s := open(t, o)
	must(t, site(s).RestoreRecords(t.Context(), feed.ExportLine{Record: &feed.Record{ID: "a", FirstSeen: now}}))
	for _, name := range []feed.Name{feed.Main, "tags/a", "tags/b"} {
		_, _, err := site(s).Commit(t.Context(), commit(name, 5, now, string(name)))
		must(t, err)
	}
	closeStore(t, s)
	own := filepath.Join(o.Data, ownFolder)
	damage(t, filepath.Join(own, "records.jsonl"), func(b []byte) []byte {
		return append([]byte("no record\n"), append(b, `{"record":{"id":"torn`...)...)
	})
	damage(t, filepath.Join(own, "heads", escape("tags/a")+headSuffix), func(b []byte) []byte { return b[:len(b)/2] })
	damage(t, filepath.Join(own, "heads", escape("tags/b")+headSuffix), func(b []byte) []byte { return nil })
	damage(t, filepath.Join(own, "versions.jsonl"), func(b []byte) []byte {
		return append([]byte("{\n"), `{"path":"torn`...)
	})
	s = open(t, o)
	lines, heads := state(t, site(s))
	if len(lines) != 1 || len(heads) != 1 || heads[0].Feed != feed.Main {
		t.Errorf("after the damage: records are %q, heads are %+v; want only the undamaged ones", lines, heads)
	}
	must(t, site(s).RestoreRecords(t.Context(), feed.ExportLine{Record: &feed.Record{ID: "b", FirstSeen: now}}))
	closeStore(t, s)
	s = open(t, o)
	if lines, _ := state(t, site(s)); len(lines) != 2 {
		t.Errorf("records after the damage and another write are %q; want 2 records", lines)
	}
}

func damage(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, f(b), 0o600))
}

func TestOpenOfALockedFolderNamesTheProcess(t *testing.T) {
	s := open(t, Options{})
	_, err := Open(t.Context(), s.o)
	if !errors.Is(err, feed.ErrLocked) || !strings.Contains(fmt.Sprint(err), fmt.Sprint(os.Getpid())) {
		t.Errorf("Open of a data folder in use: error is %v; want one of kind %q with the process's id", err, feed.ErrLocked)
	}
	if err := s.Client().Ping(t.Context()); err != nil {
		t.Errorf("the store lost its lock on the folder: %v", err)
	}
}

func TestInvalidOptions(t *testing.T) {
	good := Options{Dir: t.TempDir(), Data: t.TempDir(), Site: testSite, Decode: decode}
	for name, spoil := range map[string]func(*Options){
		"no site":      func(o *Options) { o.Site = "" },
		"no folder":    func(o *Options) { o.Dir = "" },
		"two folders":  func(o *Options) { o.Files = os.DirFS(".") },
		"no data":      func(o *Options) { o.Data = "" },
		"no decoder":   func(o *Options) { o.Decode = nil },
		"a wrong site": func(o *Options) { o.Site = "UPPER" },
	} {
		o := good
		spoil(&o)
		if _, err := Open(t.Context(), o); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Open with %s: error is %v; want one of kind %q", name, err, feed.ErrInvalid)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	o := good
	o.Data = file
	if _, err := Open(t.Context(), o); err == nil {
		t.Error("Open with a file for a data folder: no error")
	}
}

func TestPostThatCannotBeWrittenIsNotAcknowledged(t *testing.T) {
	s := open(t, Options{})
	must(t, os.RemoveAll(s.o.Dir))
	must(t, os.WriteFile(s.o.Dir, nil, 0o600)) // replace the folder with a file
	err := site(s).Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte(post("a", "A"))})
	if !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Put without a folder: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	if got := content(t, s, "a"); got != "" {
		t.Errorf("post is %q; want no post, since it was not acknowledged", got)
	}
}

func TestRecordThatCannotBeWrittenIsNotAcknowledged(t *testing.T) {
	s := open(t, Options{})
	journal := s.disk.records
	broken, err := os.Open(os.DevNull) // read-only, so that writing fails as on a full disk
	must(t, err)
	s.disk.records = broken
	absorb := feed.Absorption{Token: 1, Names: map[feed.Name]string{"tags/go": "Go"}}
	if err := site(s).Absorb(t.Context(), absorb); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Absorb without a disk: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	s.disk.records = journal
	must(t, broken.Close())
	must(t, site(s).Absorb(t.Context(), absorb)) // writes what could not be written before
	b, err := os.ReadFile(filepath.Join(s.o.Data, ownFolder, "records.jsonl"))
	if err != nil || !strings.Contains(string(b), "tags/go") {
		t.Errorf("records on the disk are %q (error %v), want the recorded name", b, err)
	}
}

func TestKeysExpireWhileTheStoreRuns(t *testing.T) {
	s := open(t, Options{})
	run(t, s)
	_, err := site(s).Acquire(t.Context(), "build", "dead", 100*time.Millisecond, time.UnixMilli(1), 0)
	must(t, err)
	eventually(t, "the lease of a builder that died", "free", func() string {
		_, left, err := site(s).Holder(t.Context(), "build")
		must(t, err)
		if left > 0 {
			return "held"
		}
		return "free"
	})
}

// TestKillLosesNothingAcknowledged kills a process several times while it writes posts, absorbs and commits, and checks
// that all acknowledged writes survive.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	if dir := os.Getenv("FEEDPUB_TEST_KILL"); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	o := Options{Dir: filepath.Join(dir, "posts"), Data: filepath.Join(dir, "data")}
	acknowledged := map[string]bool{}
	seen := map[string]string{} // time first seen, by id
	var lastHead feed.Head
	for round := range 3 {
		exe, err := os.Executable()
		must(t, err)
		cmd := exec.Command(exe, "-test.run", "^TestKillLosesNothingAcknowledged$")
		cmd.Env = append(os.Environ(), "FEEDPUB_TEST_KILL="+dir, fmt.Sprintf("FEEDPUB_TEST_ROUND=%d", round))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for n := 0; lines.Scan(); n++ {
			kind, rest, _ := strings.Cut(lines.Text(), " ")
			switch kind {
			case "put":
				acknowledged[rest] = true
			case "seen":
				id, at, _ := strings.Cut(rest, " ")
				seen[id] = at
			case "head":
				must(t, json.Unmarshal([]byte(rest), &lastHead))
			default:
				t.Fatalf("the process printed %q", lines.Text())
			}
			if n == 60+17*round { // kill the process in the middle of a write
				must(t, cmd.Process.Kill())
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process exited before it was killed")
		}

		s := open(t, o)
		for id := range acknowledged {
			if content(t, s, id) == "" {
				t.Errorf("round %d: acknowledged post %s does not exist", round, id)
			}
		}
		for id, want := range seen {
			got, err := site(s).Load(t.Context(), []string{id})
			must(t, err)
			if at := fmt.Sprint(got[0].Record.FirstSeen.UnixMilli()); at != want {
				t.Errorf("round %d: post %s was first seen at %s, now at %s", round, id, want, at)
			}
		}
		head, err := site(s).Head(t.Context(), feed.Main)
		must(t, err)
		if head.Token < lastHead.Token || head.Documents[0].Modified.Before(lastHead.Documents[0].Modified) {
			t.Errorf("round %d: the head's document is %v; want %v or a later one",
				round, head.Documents[0], lastHead.Documents[0])
		}
		if _, err := site(s).Blob(t.Context(), head.Documents[0].Hash); err != nil {
			t.Errorf("round %d: the head's document: %v", round, err)
		}
		closeStore(t, s)
	}
	if len(acknowledged) == 0 || len(seen) == 0 || lastHead.Feed == "" {
		t.Errorf("too little was written: %d posts, %d records, head %q", len(acknowledged), len(seen), lastHead.Feed)
	}
}

// writeUntilKilled runs in the process that is killed. It prints the acknowledged writes.
func writeUntilKilled(t *testing.T, dir string) {
	s, err := Open(t.Context(), Options{
		Dir: filepath.Join(dir, "posts"), Data: filepath.Join(dir, "data"), Site: testSite, Decode: decode,
	})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // in case the process is not killed
	defer cancel()
	go func() { _ = s.Run(ctx) }()
	b := site(s)
	token, err := b.Acquire(ctx, "build", fmt.Sprint(os.Getpid()), time.Minute, time.Now(), 0)
	must(t, err)
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("post-%s-%d", os.Getenv("FEEDPUB_TEST_ROUND"), i)
		must(t, b.Put(ctx, feed.RawPost{ID: id, Raw: []byte(post(id, "text"))}))
		fmt.Println("put", id)
		cursor, err := b.Cursor(ctx)
		must(t, err)
		now := time.Now()
		must(t, b.Absorb(ctx, feed.Absorption{Token: token, Cursor: cursor, Changes: []feed.Change{
			{ID: id, Record: feed.Record{ID: id, FirstSeen: now}},
		}}))
		fmt.Println("seen", id, now.UnixMilli())
		_, head, err := b.Commit(ctx, commit(feed.Main, token, now, "document with "+id))
		must(t, err)
		line, err := json.Marshal(head)
		must(t, err)
		fmt.Println("head", string(line))
	}
}
