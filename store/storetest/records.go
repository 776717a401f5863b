package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// lines returns lines of each kind, in the order of Records.
func lines() []feed.ExportLine {
	return []feed.ExportLine{
		{Name: &feed.PathName{Feed: "sources/guardian", Full: "the Guardian"}},
		{Name: &feed.PathName{Feed: "tags/go", Full: "Go"}},
		{Removal: &feed.FeedRemoval{Feed: "main", Time: day(3)}},
		{Archive: &feed.Archive{Feed: "archive/1", Until: feed.Position{Time: day(1), ID: "a }{"}}},
		{Archive: &feed.Archive{Feed: "tags/go/archive/12", Until: feed.Position{Time: day(2), ID: "with spaces in it"}}},
		{Record: &feed.Record{ID: "a }{", FirstSeen: day(1)}},
		{Record: &feed.Record{ID: "b", FirstSeen: day(2), Removed: day(3)}},
		{Record: &feed.Record{ID: "c", Changed: day(4)}},
	}
}

// records returns the primary records of the site, with the records of posts ordered by id.
func (s suite) records(t *testing.T) []feed.ExportLine {
	t.Helper()
	var got []feed.ExportLine
	for l, err := range s.Records(s.ctx) {
		must(t, "Records", err)
		got = append(got, l)
	}
	// Sort the records of posts, since only they have no particular order.
	slices.SortStableFunc(got, func(a, b feed.ExportLine) int {
		if a.Record == nil || b.Record == nil {
			return 0
		}
		return cmp.Compare(a.Record.ID, b.Record.ID)
	})
	return got
}

func recordTests() []test {
	return []test{
		{"RestoreRecords", testRestoreRecords},
		{"RestoreRecordsMerges", testRestoreRecordsMerges},
		{"RestoreRecordsEarlierFirstSeen", testRestoreRecordsEarlierFirstSeen},
		{"RestoreRecordsInvalid", testRestoreRecordsInvalid},
		{"RecordTimesInMilliseconds", testRecordTimesInMilliseconds},
	}
}

func testRestoreRecords(t *testing.T, s suite) {
	for range 2 { // the call may be repeated
		must(t, "RestoreRecords", s.RestoreRecords(s.ctx, lines()...))
		if diff := gocmp.Diff(lines(), s.records(t)); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	}
}

func testRestoreRecordsMerges(t *testing.T, s suite) {
	must(t, "RestoreRecords", s.RestoreRecords(s.ctx, lines()...))
	must(t, "RestoreRecords", s.RestoreRecords(s.ctx,
		feed.ExportLine{Name: &feed.PathName{Feed: "tags/go", Full: "another"}},
		feed.ExportLine{Removal: &feed.FeedRemoval{Feed: "main", Time: day(2)}},
		feed.ExportLine{Archive: &feed.Archive{Feed: "archive/1", Until: feed.Position{Time: day(9), ID: "b"}}},
		feed.ExportLine{Record: &feed.Record{ID: "a }{", FirstSeen: day(9), Removed: day(10)}},
		feed.ExportLine{Record: &feed.Record{ID: "b"}},
		feed.ExportLine{Record: &feed.Record{ID: "c", Changed: day(3)}},
	))
	if diff := gocmp.Diff(lines(), s.records(t)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func testRestoreRecordsEarlierFirstSeen(t *testing.T, s suite) {
	s.put(t, "a")
	s.absorb(t, 1, enter(item("a", 9)))
	before, err := s.Inbox(s.ctx, "", 10)
	must(t, "Inbox", err)
	must(t, "RestoreRecords", s.RestoreRecords(s.ctx, feed.ExportLine{Record: &feed.Record{ID: "a", FirstSeen: day(1)}}))
	if got := s.stored(t, "a").Record; !got.FirstSeen.Equal(day(1)) {
		t.Errorf("record is %+v; want the earlier time %v", got, day(1))
	}
	after, err := s.Inbox(s.ctx, before[len(before)-1].Entry, 10)
	if err != nil || len(after) != 1 || after[0].ID != "a" {
		t.Errorf("new inbox entries are %+v, %v; want one for the post whose record changed", after, err)
	}
}

func testRestoreRecordsInvalid(t *testing.T, s suite) {
	wantKind(t, "RestoreRecords of an empty line", s.RestoreRecords(s.ctx, feed.ExportLine{}), feed.ErrInvalid)
	wantKind(t, "RestoreRecords of an invalid id",
		s.RestoreRecords(s.ctx, feed.ExportLine{Record: &feed.Record{ID: "a\nb"}}), feed.ErrInvalid)
}

func testRecordTimesInMilliseconds(t *testing.T, s suite) {
	seen := day(1).Add(1234567 * time.Nanosecond)
	must(t, "RestoreRecords", s.RestoreRecords(s.ctx, feed.ExportLine{Record: &feed.Record{ID: "a", FirstSeen: seen}}))
	if got, want := s.stored(t, "a").Record.FirstSeen, seen.Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("FirstSeen is %v; want %v", got, want)
	}
}
