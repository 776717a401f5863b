package embedded

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/proto"
	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
)

// rawClient sends raw commands, like programs in other languages.
type rawClient struct {
	t    *testing.T
	conn *proto.Client
}

func dial(t *testing.T, s *Store) rawClient {
	t.Helper()
	address, done, err := store.SocketAddress(socketPath(s.o.Data))
	must(t, err)
	defer done()
	conn, err := net.Dial("unix", address)
	must(t, err)
	c := proto.NewClient(conn)
	t.Cleanup(func() { _ = c.Close() })
	return rawClient{t, c}
}

// do sends a command and returns the reply on one line, or the first word of an error reply.
func (c rawClient) do(command ...string) string {
	c.t.Helper()
	reply, err := c.conn.Do(command...)
	if err != nil {
		c.t.Fatalf("%q: %v", command, err)
	}
	if reason, ok := strings.CutPrefix(reply, "-"); ok {
		reply, _, _ = strings.Cut(reason, " ")
	}
	return strings.Join(strings.Fields(reply), " ")
}

// posts returns the posts on the server and in the files, by id.
func posts(t *testing.T, s *Store) (stored, files map[string]string) {
	t.Helper()
	stored, files = map[string]string{}, map[string]string{}
	for id := range strings.FieldsSeq(ids(t, s)) {
		stored[id] = content(t, s, id)
	}
	for f := range List(s.o.Dir, t.TempDir(), decode) {
		must(t, f.Err)
		for _, p := range f.Posts {
			files[p.ID] = string(p.Raw)
		}
	}
	return stored, files
}

// TestOtherClientsCannotWrite sends commands that write, directly, in transactions and in scripts. It checks that all
// are rejected and that neither the server nor the folder changes.
func TestOtherClientsCannotWrite(t *testing.T) {
	const key, old, inbox = "feedpub:{main}:post:new", "feedpub:{main}:post:old1", "feedpub:{main}:inbox"
	set := []string{"SET", key, post("new", "N")}
	dir := t.TempDir()
	put(t, dir, "old1.json", post("old1", "one"))
	put(t, dir, "old2.json", post("old2", "two"))
	s := open(t, Options{Dir: dir})
	before := s.redis.Dump()
	for name, test := range map[string]struct {
		commands [][]string
		want     string
	}{
		"SET":                   {[][]string{set}, "READONLY"},
		"lower case":            {[][]string{{"set", key, "x"}}, "READONLY"},
		"SET with options":      {[][]string{append(set, "NX")}, "READONLY"},
		"SET without a value":   {[][]string{{"SET", key}}, "READONLY"},
		"a post without an id":  {[][]string{{"SET", "feedpub:{main}:post:", "x"}}, "READONLY"},
		"a post of other sites": {[][]string{{"SET", "feedpub:{more}:post:new", "x"}}, "READONLY"},
		"another key":           {[][]string{{"SET", "x", "y"}}, "READONLY"},
		"DEL":                   {[][]string{{"DEL", old}}, "READONLY"},
		"UNLINK":                {[][]string{{"UNLINK", old}}, "READONLY"},
		"the inbox":             {[][]string{{"XADD", inbox, "*", "id", "new"}}, "READONLY"},
		"a request":             {[][]string{{"XADD", "feedpub:{main}:requests", "*", "id", "x"}}, "READONLY"},
		"a transaction": {
			[][]string{{"MULTI"}, set, {"XADD", inbox, "*", "id", "new"}, {"EXEC"}}, "READONLY READONLY READONLY READONLY"},
		"a watch":           {[][]string{{"WATCH", old}, {"UNWATCH"}}, "READONLY READONLY"},
		"a second database": {[][]string{{"SELECT", "1"}, set}, "+OK READONLY"},
		"MSET":              {[][]string{{"MSET", "x", "y", key, "v"}, {"MSETNX", key, "v"}}, "READONLY READONLY"},
		"SETNX, SETEX":      {[][]string{{"SETNX", key, "v"}, {"SETEX", key, "10", "v"}}, "READONLY READONLY"},
		"GETSET, GETDEL, GETEX": {
			[][]string{{"GETSET", old, "v"}, {"GETDEL", old}, {"GETEX", old, "EX", "1"}}, "READONLY READONLY READONLY"},
		"APPEND, SETRANGE, INCR": {
			[][]string{{"APPEND", old, "v"}, {"SETRANGE", old, "0", "v"}, {"INCR", key}}, "READONLY READONLY READONLY"},
		"RENAME, COPY, MOVE": {
			[][]string{{"RENAME", old, "x"}, {"COPY", old, key}, {"MOVE", old, "1"}}, "READONLY READONLY READONLY"},
		"BITOP, EXPIRE, HSET": {
			[][]string{{"BITOP", "NOT", key, old}, {"EXPIRE", old, "1"}, {"HSET", key, "f", "v"}}, "READONLY READONLY READONLY"},
		"lists": {[][]string{{"LPUSH", "x", "y"}, {"BLPOP", "x", "1"}}, "READONLY READONLY"},
		"scripts": {[][]string{
			{"EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", key}, {"SCRIPT", "LOAD", "return 1"}, {"EVALSHA", "x", "0"},
			{"EVAL_RO", "return redis.call('GEORADIUS_RO', KEYS[1], 0, 0, 1, 'm', 'STORE', 'x')", "1", "x"},
		}, "READONLY READONLY READONLY READONLY"},
		"STORE of a command that reads": {
			[][]string{{"GEORADIUS_RO", "x", "0", "0", "1", "m", "STORE", old}}, "READONLY"},
		"FLUSHALL, FLUSHDB, SWAPDB": {
			[][]string{{"FLUSHALL"}, {"FLUSHDB"}, {"SWAPDB", "0", "1"}}, "READONLY READONLY READONLY"},
		"unknown command":         {[][]string{{"NOSUCH"}}, "ERR"},
		"a delegated write":       {[][]string{{"FEEDPUB", "PUT", "main", "new", "x"}}, "INVALID"},
		"delegated, malformed":    {[][]string{{"FEEDPUB"}, {"FEEDPUB", "DELETE", "main"}}, "INVALID INVALID"},
		"delegated, another site": {[][]string{{"FEEDPUB", "DELETE", "more", "old1"}}, "INVALID"},
		"delegated, no such site": {[][]string{{"FEEDPUB", "DELETE", "UPPER", "old1"}}, "INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			var replies []string
			for _, command := range test.commands {
				replies = append(replies, c.do(command...))
			}
			if got := strings.Join(replies, " "); got != test.want {
				t.Errorf("%q: replies are %q, want %q", test.commands, got, test.want)
			}
			if got := s.redis.Dump(); got != before {
				t.Errorf("%q changed the server (-before +after):\n%s", test.commands, cmp.Diff(before, got))
			}
			if stored, files := posts(t, s); len(stored) != 2 || !cmp.Equal(stored, files) {
				t.Errorf("after %q the server has posts %q, the folder has %q; want them equal", test.commands, stored, files)
			}
		})
	}
}

func TestOtherClientsCanRead(t *testing.T) {
	const key = "feedpub:{main}:post:old"
	dir := t.TempDir()
	put(t, dir, "old.json", "{\"id\":\"old\"}")
	c := dial(t, open(t, Options{Dir: dir}))
	for _, test := range []struct {
		command, want string
	}{
		{"PING", "+PONG"}, {"ping", "+PONG"}, {"CLIENT SETNAME me", "+OK"}, {"SELECT 0", "+OK"},
		{"GET " + key, `$12 {"id":"old"}`}, {"STRLEN " + key, ":12"}, {"TYPE " + key, "+string"}, {"EXISTS " + key, ":1"},
		{"TTL " + key, ":-1"}, {"MGET " + key + " none", `*2 $12 {"id":"old"} $-1`}, {"XLEN feedpub:{main}:inbox", ":1"},
		{"XREAD BLOCK 1 STREAMS feedpub:{main}:inbox $", "*-1"}, {"SCAN 0 MATCH " + key, "*2 $1 0 *1 $23 " + key},
	} {
		if got := c.do(strings.Fields(test.command)...); got != test.want {
			t.Errorf("%s: reply is %q, want %q", test.command, got, test.want)
		}
	}
}

// TestCloseEndsBlockingReads checks that a client that blocks forever does not delay Close.
func TestCloseEndsBlockingReads(t *testing.T) {
	s := open(t, Options{})
	c := dial(t, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.conn.Do("XREAD", "BLOCK", "0", "STREAMS", "feedpub:{main}:inbox", "$")
	}()
	eventually(t, "the client", "connected", func() string {
		if s.front.ClientsLen() > 0 {
			return "connected"
		}
		return "not connected"
	})
	closeStore(t, s)
	<-done
}

func TestRedisCLIGetsTheReason(t *testing.T) {
	if _, err := exec.LookPath("redis-cli"); err != nil {
		t.Fatalf("this test needs redis-cli: install Debian's package redis-tools (%v)", err)
	}
	s := open(t, Options{})
	out, err := exec.Command("redis-cli", "-s", socketPath(s.o.Data), "FLUSHALL").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "feedpub post put") {
		t.Errorf("FLUSHALL: %s (error %v); want an error that names the command to use", out, err)
	}
}

func TestOtherProcessesReadAndDelegate(t *testing.T) {
	// The path is too long for a socket address.
	o := Options{Dir: t.TempDir(), Data: filepath.Join(t.TempDir(), strings.Repeat("long/", 30))}
	if _, err := Connect(t.Context(), o.Data, nil); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Connect to a store that is not open: error is %v, want one of kind %q", err, feed.ErrUnavailable)
	}
	put(t, o.Dir, "b.json", post("b", "B"))
	put(t, o.Dir, "two.jsonl", post("x", "X")+"\n"+post("y", "Y"))
	s := open(t, o)
	long := post("a", strings.Repeat("A", 2000))
	must(t, site(s).Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte(long)}))
	info, err := os.Stat(socketPath(o.Data))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket is %v (error %v); want a socket that only its owner can use", info, err)
	}
	client, err := Connect(t.Context(), o.Data, nil)
	must(t, err)
	defer func() { must(t, client.Close()) }()
	other := client.Site(testSite)
	if raw, err := other.Post(t.Context(), "a"); err != nil || string(raw) != long {
		t.Errorf("Post by the other process = %.40q, %v", raw, err)
	}
	err = other.Put(t.Context(), feed.RawPost{ID: "c", Raw: []byte(post("c", "C"))})
	if !errors.Is(err, feed.ErrUnavailable) || !strings.Contains(err.Error(), "feedpub post put") {
		t.Errorf("Put by the other process: error is %v, want one that names the command to use", err)
	}

	must(t, other.Delete(t.Context(), "a"))
	if _, err := os.Stat(filepath.Join(o.Dir, "a.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file of a deleted post: %v; want no such file, or the post reappears after a restart", err)
	}
	scanOnce(t, s)
	if got, want := ids(t, s)+"; "+problems(t, s), "b x y; "; got != want {
		t.Errorf("posts and problems are %q; want %q", got, want)
	}
	err = other.Delete(t.Context(), "x")
	if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), "two.jsonl") {
		t.Errorf("Delete of one of two posts of a file: error is %v; want one of kind %q that names the file",
			err, feed.ErrInvalid)
	}
	if got, want := ids(t, s), "b x y"; got != want {
		t.Errorf("posts after a failed deletion are %q; want %q", got, want)
	}

	must(t, other.RestoreRecords(t.Context(), feed.ExportLine{Name: &feed.PathName{Feed: "tags/go", Full: "Go"}}))
	b, err := os.ReadFile(filepath.Join(o.Data, ownFolder, "records.jsonl"))
	if err != nil || !strings.Contains(string(b), "tags/go") {
		t.Errorf("records on disk are %q (error %v); want the name that was restored", b, err)
	}
}

// TestOtherProcessesAskTheBuilder calls Acquire and Ask from another process, before and while this process holds the
// lease.
func TestOtherProcessesAskTheBuilder(t *testing.T) {
	s := open(t, Options{})
	client, err := Connect(t.Context(), s.o.Data, nil)
	must(t, err)
	defer func() { must(t, client.Close()) }()
	other, own := client.Site(testSite), site(s)
	_, err = other.Acquire(t.Context(), "build", "other", time.Minute, time.Now(), 0)
	if !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Acquire while no process builds: error is %v, want one of kind %q", err, feed.ErrUnavailable)
	}
	_, err = own.Acquire(t.Context(), "build", "own", time.Minute, time.Now(), 0)
	must(t, err)
	_, err = other.Acquire(t.Context(), "build", "other", time.Minute, time.Now(), 0)
	if !errors.Is(err, feed.ErrLocked) {
		t.Errorf("Acquire while the owner builds: error is %v, want one of kind %q", err, feed.ErrLocked)
	}
	answered := make(chan error, 1)
	go func() {
		requests, err := own.Requests(t.Context(), "0-0", time.Minute)
		if err == nil {
			err = own.Reply(t.Context(), requests[0], []byte("reply to "+string(requests[0].Payload)))
		}
		answered <- err
	}()
	reply, err := other.Ask(t.Context(), []byte("request"), time.Minute)
	if err != nil || string(reply) != "reply to request" {
		t.Errorf("Ask = %q, %v; want the reply", reply, err)
	}
	must(t, <-answered)
	if _, err := other.Ask(t.Context(), []byte("request"), time.Millisecond); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Ask without a reply: error is %v, want one of kind %q", err, feed.ErrUnavailable)
	}
}
