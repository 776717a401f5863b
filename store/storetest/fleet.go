package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func fleetTests() []test {
	return []test{
		{"Members", testMembers},
		{"MemberExpires", testMemberExpires},
		{"SetSchema", testSetSchema},
		{"SetSchemaFencesBuilders", testSetSchemaFencesBuilders},
		{"RestoreHead", testRestoreHead},
	}
}

func testMembers(t *testing.T, s suite) {
	one, two := memberOne(), memberTwo()
	if got := members(t, s); len(got) > 0 {
		t.Errorf("members before the first report are %+v; want none", got)
	}
	s.report(t, two, time.Minute)
	s.report(t, feed.Member{ID: "one"}, time.Minute)
	read, _ := s.report(t, one, time.Minute)
	if diff := cmp.Diff([]feed.Member{one, two}, read); diff != "" {
		t.Errorf("members that Report returns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]feed.Member{one, two}, members(t, s)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	must(t, "Leave", s.Leave(s.ctx, one.ID))
	must(t, "Leave of an unknown member", s.Leave(s.ctx, "unknown"))
	if diff := cmp.Diff([]feed.Member{two}, members(t, s)); diff != "" {
		t.Errorf("members after Leave (-want +got):\n%s", diff)
	}
	_, _, err := s.Report(s.ctx, feed.Member{}, time.Minute)
	wantKind(t, "Report without an id", err, feed.ErrInvalid)
}

func testMemberExpires(t *testing.T, s suite) {
	one, two := memberOne(), memberTwo()
	s.report(t, one, 50*time.Millisecond)
	s.report(t, two, time.Minute)
	for deadline := time.Now().Add(time.Minute); ; {
		got, _ := s.report(t, two, time.Minute)
		if cmp.Equal(got, []feed.Member{two}) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("members a minute after a report with a ttl of 50 ms are %+v; want only the other member", got)
		}
	}
	s.report(t, one, time.Minute)
	if diff := cmp.Diff([]feed.Member{one, two}, members(t, s)); diff != "" {
		t.Errorf("members after a report that followed an expiry (-want +got):\n%s", diff)
	}
}

func testSetSchema(t *testing.T, s suite) {
	read, err := s.Schema(s.ctx)
	must(t, "Schema", err)
	if read != (feed.Schema{}) {
		t.Errorf("schema of a new site is %+v; want the zero Schema", read)
	}
	first := feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 2, Since: feed.Token(day(1).UnixMilli())}
	set, err := s.SetSchema(s.ctx, read, first)
	must(t, "SetSchema", err)
	if set.Since < first.Since {
		t.Errorf("Since is %d; want at least %d", set.Since, first.Since)
	}
	_, err = s.open().SetSchema(s.ctx, read, feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 3})
	wantKind(t, "SetSchema with an outdated schema as read", err, feed.ErrStale)
	got, err := s.open().Schema(s.ctx)
	must(t, "Schema", err)
	if diff := cmp.Diff(set, got); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
	if _, reported := s.report(t, memberOne(), time.Minute); reported != set {
		t.Errorf("schema that Report returns is %+v; want %+v", reported, set)
	}
	second := set
	second.Renderer, second.Since = 3, 0
	if second, err = s.SetSchema(s.ctx, set, second); err != nil || second.Since <= set.Since {
		t.Errorf("Since of the next schema is %d, %v; want more than %d", second.Since, err, set.Since)
	}
}

func testSetSchemaFencesBuilders(t *testing.T, s suite) {
	token, err := s.Acquire(s.ctx, "build", "one", time.Minute, day(1), 0)
	must(t, "Acquire", err)
	must(t, "Commit", commitErr(s, request(t, feed.Main, token, day(1), "x", "y")))
	_, err = s.SetSchema(s.ctx, feed.Schema{}, feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 3})
	must(t, "SetSchema", err)
	wantKind(t, "Commit with a token from before SetSchema",
		commitErr(s, request(t, feed.Main, token, day(2), "x2", "y2")), feed.ErrStale)
	token, err = s.Acquire(s.ctx, "build", "one", time.Minute, day(1), 0)
	must(t, "Acquire by the holder", err)
	must(t, "Commit with the new token", commitErr(s, request(t, feed.Main, token, day(2), "x2", "y2")))
}

func testRestoreHead(t *testing.T, s suite) {
	old := request(t, feed.Main, 10, day(1), "x", "y")
	_, before, err := s.Commit(s.ctx, old)
	must(t, "Commit", err)
	lost := request(t, feed.Main, 10, day(3), "x2", "y2")
	lost.Head.Documents[0].Modified, lost.Head.Documents[1].Modified = day(3), day(3)
	blob := func(h feed.Hash) (feed.Blob, error) {
		for _, b := range lost.Blobs {
			if b.Hash == h {
				return b, nil
			}
		}
		return feed.Blob{}, feed.ErrNotFound
	}
	must(t, "RestoreHead", s.RestoreHead(s.ctx, lost.Head, blob))
	got, err := s.Head(s.ctx, feed.Main)
	must(t, "Head", err)
	if diff := cmp.Diff(lost.Head, got); diff != "" {
		t.Errorf("head after RestoreHead with the same token and a later Last-Modified (-want +got):\n%s", diff)
	}
	dirty, err := s.DirtyFeeds(s.ctx)
	if err != nil || len(dirty) != 1 || dirty[0].Name != feed.Main {
		t.Errorf("dirty feeds after RestoreHead are %v, %v; want main, so that a rebuild finds lost posts", dirty, err)
	}
	must(t, "RestoreHead of an older head", s.RestoreHead(s.ctx, before, blob))
	if got, err = s.Head(s.ctx, feed.Main); err != nil || !cmp.Equal(got, lost.Head) {
		t.Errorf("head after RestoreHead of an older one is %+v, %v; want it unchanged", got, err)
	}
}

func memberOne() feed.Member {
	return feed.Member{
		ID: "one", Builds: true, Serves: true, Program: "1.2.3", Schema: 1, Renderer: feed.Versions{Oldest: 2, Newest: 3},
		Intake: 4, Config: "c", Seen: 1_700_000_000_123, Applied: 1_700_000_000_456,
		Known: feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 2, Since: 1_700_000_000_789},
	}
}

func memberTwo() feed.Member { return feed.Member{ID: "two:2", Serves: true} }

// report publishes a report, and returns what Report has read.
func (s suite) report(t *testing.T, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema) {
	t.Helper()
	members, schema, err := s.Report(s.ctx, m, ttl)
	must(t, "Report", err)
	return members, schema
}

// members returns the members as another client sees them.
func members(t *testing.T, s suite) []feed.Member {
	t.Helper()
	got, err := s.open().Members(s.ctx)
	must(t, "Members", err)
	return got
}
