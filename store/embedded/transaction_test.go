package embedded

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/proto"
	"github.com/google/go-cmp/cmp"

	"feedpub/store"
)

// raw is a client of any language, that says what it likes.
type raw struct {
	t    *testing.T
	conn *proto.Client
}

func dial(t *testing.T, s *Store) raw {
	t.Helper()
	address, done, err := store.SocketAddress(Socket(s.o.Data))
	must(t, err)
	defer done()
	conn, err := net.Dial("unix", address)
	must(t, err)
	c := proto.NewClient(conn)
	t.Cleanup(func() { _ = c.Close() })
	return raw{t, c}
}

// do gives the server a command and returns its answer: that of EXEC as its parts, of an error its first word.
func (c raw) do(command ...string) string {
	c.t.Helper()
	answer, err := c.conn.Do(command...)
	if err != nil {
		c.t.Fatalf("%q: %v", command, err)
	}
	if reason, ok := strings.CutPrefix(answer, "-"); ok {
		answer, _, _ = strings.Cut(reason, " ")
	}
	return strings.Join(strings.Fields(answer), " ")
}

// both returns the posts of the store and of the files, by id, which must be the same after every command.
func both(t *testing.T, s *Store) (stored, files map[string]string) {
	t.Helper()
	stored, files = map[string]string{}, map[string]string{}
	for id := range strings.FieldsSeq(ids(t, s)) {
		stored[id] = content(t, s, id)
	}
	for f := range List(s.o.Dir, decode) {
		must(t, f.Err)
		for _, p := range f.Posts {
			files[p.ID] = string(p.Raw)
		}
	}
	return stored, files
}

// What a client was not told is done is in no file, so that it is not published after the next start; what it was told
// is done is in the files.
func TestNothingNeverSubmittedAppearsAndNothingAcknowledgedIsLost(t *testing.T) {
	const key, other, inbox = "feedpub:{main}:post:new", "feedpub:{main}:post:old2", "feedpub:{main}:inbox"
	set := []string{"SET", key, post("new", "N")}
	for name, test := range map[string]struct {
		commands [][]string
		answers  string
		want     string // ids
	}{
		"a transaction": {
			[][]string{{"MULTI"}, set, {"XADD", inbox, "9999999999999-1", "id", "new"}, {"EXEC"}},
			"+OK, +QUEUED, +QUEUED, *2 +OK $15 9999999999999-1", "new old1 old2"},
		"a command of it is wrong": {
			[][]string{{"MULTI"}, set, {"XADD", inbox}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"a command of it does not exist": {
			[][]string{{"MULTI"}, set, {"NOSUCH"}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"a deletion, and a command that is wrong": {
			[][]string{{"MULTI"}, {"DEL", other}, {"XADD", inbox}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"a command of it fails when it is executed": {
			[][]string{{"MULTI"}, set, {"LPUSH", inbox, "x"}, {"XADD", inbox, "9999999999999-1", "id", "new"}, {"EXEC"}},
			"", "new old1 old2"},
		"EXEC with an argument": {
			[][]string{{"MULTI"}, set, {"EXEC", "x"}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"DISCARD": {
			[][]string{{"MULTI"}, set, {"DISCARD"}, {"EXEC"}},
			"+OK, +QUEUED, +OK, ERR", "old1 old2"},
		"DISCARD with an argument": {
			[][]string{{"MULTI"}, set, {"DISCARD", "x"}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"MULTI with an argument begins nothing": {
			[][]string{{"MULTI", "x"}, set, {"EXEC"}},
			"ERR, +OK, ERR", "new old1 old2"},
		"MULTI in a transaction": {
			[][]string{{"MULTI"}, set, {"MULTI"}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"WATCH in a transaction": {
			[][]string{{"MULTI"}, set, {"WATCH", key}, {"EXEC"}},
			"+OK, +QUEUED, ERR, EXECABORT", "old1 old2"},
		"another transaction after one that failed": {
			[][]string{{"MULTI"}, {"SET"}, {"EXEC"}, {"MULTI"}, set, {"EXEC"}},
			"+OK, ERR, EXECABORT, +OK, +QUEUED, *1 +OK", "new old1 old2"},
		"a name is given within": {
			[][]string{{"MULTI"}, {"CLIENT", "SETNAME", "me"}, set, {"PING"}, {"EXEC"}},
			"+OK, +QUEUED, +QUEUED, +QUEUED, *3 +OK +OK +PONG", "new old1 old2"},
		"the post is watched": {
			[][]string{{"WATCH", key, other}, {"MULTI"}, set, {"EXEC"}},
			"+OK, +OK, +QUEUED, *1 +OK", "new old1 old2"},
		"the post is watched and written": {
			[][]string{{"WATCH", key}, set, {"MULTI"}, {"DEL", key}, {"EXEC"}},
			"+OK, +OK, +OK, +QUEUED, *-1", "new old1 old2"},
		"something else is watched": {
			[][]string{{"WATCH", inbox}, {"MULTI"}, set, {"EXEC"}},
			"+OK, +OK, +QUEUED, ERR", "old1 old2"},
		"something else was watched": {
			[][]string{{"WATCH", inbox}, {"UNWATCH"}, {"MULTI"}, set, {"EXEC"}},
			"+OK, +OK, +OK, +QUEUED, *1 +OK", "new old1 old2"},
		"SET only if there is one, and there is none": {[][]string{append(slices.Clone(set), "XX")}, "INVALID", "old1 old2"},
		"SET with an option that does not exist":      {[][]string{append(slices.Clone(set), "BOGUS")}, "INVALID", "old1 old2"},
		"SET with an expiry":                          {[][]string{append(slices.Clone(set), "EX", "1")}, "INVALID", "old1 old2"},
		"SET without a value":                         {[][]string{{"SET", key}}, "ERR", "old1 old2"},
		"such a SET in a transaction": {
			[][]string{{"MULTI"}, {"DEL", other}, append(slices.Clone(set), "NX"), {"EXEC"}},
			"+OK, +QUEUED, INVALID, EXECABORT", "old1 old2"},
		"a post without an id":     {[][]string{{"SET", "feedpub:{main}:post:", "x"}}, "INVALID", "old1 old2"},
		"a post of another site":   {[][]string{{"SET", "feedpub:{more}:post:new", "x"}}, "INVALID", "old1 old2"},
		"several are deleted":      {[][]string{{"DEL", other, key, "feedpub:{main}:post:old1"}}, ":2", ""},
		"one, and what is no post": {[][]string{{"UNLINK", "feedpub:{main}:cursor", other}}, ":1", "old1"},
		"several in a transaction": {
			[][]string{{"MULTI"}, {"DEL", other, "feedpub:{main}:post:old1"}, {"EXEC"}},
			"+OK, +QUEUED, *1 :2", ""},
		"a second database":              {[][]string{{"SELECT", "1"}, set}, "ERR, +OK", "new old1 old2"},
		"a second database, later":       {[][]string{{"MULTI"}, {"SELECT", "1"}, set, {"EXEC"}}, "+OK, ERR, +QUEUED, EXECABORT", "old1 old2"},
		"the first database":             {[][]string{{"SELECT", "0"}, set}, "+OK, +OK", "new old1 old2"},
		"MSET":                           {[][]string{{"MSET", "x", "y", key, "v"}}, "INVALID", "old1 old2"},
		"MSET of something else":         {[][]string{{"MSET", "x", key}}, "+OK", "old1 old2"},
		"MSETNX":                         {[][]string{{"MSETNX", key, "v"}}, "INVALID", "old1 old2"},
		"SETNX":                          {[][]string{{"SETNX", key, "v"}}, "INVALID", "old1 old2"},
		"SETEX":                          {[][]string{{"SETEX", key, "10", "v"}}, "INVALID", "old1 old2"},
		"GETSET":                         {[][]string{{"GETSET", other, "v"}}, "INVALID", "old1 old2"},
		"GETDEL":                         {[][]string{{"GETDEL", other}}, "INVALID", "old1 old2"},
		"APPEND":                         {[][]string{{"APPEND", other, "v"}}, "INVALID", "old1 old2"},
		"SETRANGE":                       {[][]string{{"SETRANGE", other, "0", "v"}}, "INVALID", "old1 old2"},
		"INCR":                           {[][]string{{"INCR", key}}, "INVALID", "old1 old2"},
		"RENAME of a post":               {[][]string{{"RENAME", other, "x"}}, "INVALID", "old1 old2"},
		"RENAME to a post":               {[][]string{{"SET", "x", "v"}, {"RENAME", "x", key}}, "+OK, INVALID", "old1 old2"},
		"COPY to a post":                 {[][]string{{"COPY", other, key}}, "INVALID", "old1 old2"},
		"BITOP to a post":                {[][]string{{"BITOP", "NOT", key, other}}, "INVALID", "old1 old2"},
		"EXPIRE":                         {[][]string{{"EXPIRE", other, "1"}}, "INVALID", "old1 old2"},
		"HSET":                           {[][]string{{"HSET", key, "f", "v"}}, "INVALID", "old1 old2"},
		"MOVE":                           {[][]string{{"MOVE", other, "1"}}, "INVALID", "old1 old2"},
		"a script that writes a post":    {[][]string{{"EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", key}}, "ERR", "old1 old2"},
		"a script that deletes one":      {[][]string{{"EVAL", "return redis.call('DEL', KEYS[1])", "1", other}}, "ERR", "old1 old2"},
		"such a script in a transaction": {[][]string{{"MULTI"}, {"EVAL", "return redis.call('SET', KEYS[1], 'v')", "1", key}, {"EXEC"}}, "", "old1 old2"},
		"a script that reads one":        {[][]string{{"EVAL", "return redis.call('STRLEN', KEYS[1])", "1", other}}, ":44", "old1 old2"},
		"what only looks like a post":    {[][]string{{"XADD", inbox, "9999999999999-1", "id", key}, {"SET", "x", key}}, "$15 9999999999999-1, +OK", "old1 old2"},
		"an item of a post":              {[][]string{{"SET", "feedpub:{main}:item:}:post:x", "v"}}, "+OK", "old1 old2"},
		"reading in all ways":            {[][]string{{"EXISTS", other}, {"STRLEN", other}, {"TYPE", other}, {"TTL", other}, {"OBJECT", "IDLETIME", other}}, "", "old1 old2"},
		"a wrong command in no tx":       {[][]string{{"GET"}, set}, "ERR, +OK", "new old1 old2"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir()}
			put(t, o.Dir, "old1.json", post("old1", "one"))
			put(t, o.Dir, "old2.json", post("old2", "two, which is"))
			s := open(t, o)
			c := dial(t, s)
			var answers []string
			for _, command := range test.commands {
				answers = append(answers, c.do(command...))
			}
			if got := strings.Join(answers, ", "); test.answers != "" && got != test.answers {
				t.Errorf("answers are %q; want %q", got, test.answers)
			}
			stored, files := both(t, s)
			if diff := cmp.Diff(stored, files); diff != "" {
				t.Errorf("after %q the folder differs from the store (-store +folder): its posts change at the next start\n%s",
					test.commands, diff)
			}
			if got := ids(t, s); got != test.want {
				t.Errorf("after %q the posts are %q; want %q", test.commands, got, test.want)
			}
		})
	}
}

// A change of something watched, found when the files are written already, would leave the files of a transaction that
// was not executed. A file that changes comes into the store at no such time.
func TestWatchedPostThatChangesInTheFolderRefusesTheTransaction(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	put(t, o.Dir, "a.json", post("a", "first"))
	s := open(t, o)
	c := dial(t, s)
	const key = "feedpub:{main}:post:a"
	for _, command := range [][]string{{"WATCH", key}, {"MULTI"}, {"SET", key, post("a", "refused")}} {
		if got := c.do(command...); !strings.HasPrefix(got, "+") {
			t.Fatalf("%q answers %q", command, got)
		}
	}
	put(t, o.Dir, "a.json", post("a", "by hand"))
	look(t, s)
	if got, want := c.do("EXEC"), "*-1"; got != want {
		t.Errorf("EXEC answers %q; want %q", got, want)
	}
	b, err := os.ReadFile(filepath.Join(o.Dir, "a.json"))
	if want := post("a", "by hand"); err != nil || string(b) != want || content(t, s, "a") != want {
		t.Errorf("the file is %q, %v, and the post %q; want both %q", b, err, content(t, s, "a"), want)
	}
}
