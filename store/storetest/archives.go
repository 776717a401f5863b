package storetest

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func archive(name feed.Name, n int, id string) feed.Archive {
	return feed.Archive{Feed: name, Until: feed.Position{Time: day(n), ID: id}}
}

func archiveTests() []test {
	return []test{
		{"AddArchives", testAddArchives},
		{"AddArchivesMarksDirtyAndIsFenced", testAddArchivesMarksDirtyAndIsFenced},
		{"AddArchivesInvalid", testAddArchivesInvalid},
		{"RangeBounds", testRangeBounds},
		{"AbsorbTouched", testAbsorbTouched},
	}
}

func testAddArchives(t *testing.T, s suite) {
	first := []feed.Archive{archive("archive/1", 1, "a"), archive("tags/go/archive/1", 2, "b")}
	for range 2 { // the call may be repeated
		must(t, "AddArchives", s.AddArchives(s.ctx, 5, first, nil))
	}
	wantKind(t, "AddArchives with another end", s.AddArchives(s.ctx, 5,
		[]feed.Archive{archive("archive/2", 3, "c"), archive("archive/1", 2, "a")}, []feed.Name{"main"}), feed.ErrStale)
	got, err := s.Archives(s.ctx)
	must(t, "Archives", err)
	if diff := gocmp.Diff(first, got); diff != "" {
		t.Errorf("archives after AddArchives failed (-want +got):\n%s", diff)
	}
	if n, err := s.ArchiveCount(s.ctx); err != nil || n != len(first) {
		t.Errorf("ArchiveCount = %d, %v; want %d", n, err, len(first))
	}
	if dirty, err := s.DirtyFeeds(s.ctx); err != nil || len(dirty) != 0 {
		t.Errorf("dirty feeds after AddArchives failed are %v, %v; want none", dirty, err)
	}
}

func testAddArchivesMarksDirtyAndIsFenced(t *testing.T, s suite) {
	must(t, "AddArchives", s.AddArchives(s.ctx, 5,
		[]feed.Archive{archive("archive/1", 1, "a")}, []feed.Name{"archive/1", "main"}))
	dirty, err := s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	if len(dirty) != 2 || dirty[0].Name != "archive/1" || dirty[1].Name != "main" {
		t.Errorf("dirty feeds are %v; want archive/1 and main", dirty)
	}
	wantKind(t, "AddArchives with an older token",
		s.AddArchives(s.ctx, 4, []feed.Archive{archive("archive/2", 2, "b")}, nil), feed.ErrStale)
}

func testAddArchivesInvalid(t *testing.T, s suite) {
	for _, a := range []feed.Archive{
		archive("main", 1, "a"), archive("archive/0", 1, "a"), archive("archive/1", 1, ""), {Feed: "archive/1"},
	} {
		wantKind(t, "AddArchives of "+string(a.Feed), s.AddArchives(s.ctx, 1, []feed.Archive{a}, nil), feed.ErrInvalid)
	}
}

func testRangeBounds(t *testing.T, s suite) {
	s.put(t, "a", "b", "c", "d", "e")
	s.absorb(t, 1, enter(item("a", 1)), enter(item("b", 2)), enter(item("c", 2)), enter(item("d", 2)), enter(item("e", 3)))
	at := func(n int, id string) feed.Position { return feed.Position{Time: day(n), ID: id} }
	all := []feed.Position{at(1, "a"), at(2, "b"), at(2, "c"), at(2, "d"), at(3, "e")}
	for _, tt := range []struct {
		name        string
		after, upTo feed.Position
		want        []feed.Position
	}{
		{"all", feed.Position{}, feed.Position{}, all},
		{"up to one of equal times", feed.Position{}, at(2, "c"), all[:3]},
		{"after one of equal times", at(2, "c"), feed.Position{}, all[3:]},
		{"between", at(1, "a"), at(2, "d"), all[1:4]},
		{"bounds without a post", at(2, "bb"), at(2, "cc"), all[2:3]},
		{"nothing", at(3, "e"), feed.Position{}, []feed.Position{}},
	} {
		got, err := s.Range(s.ctx, feed.Main, tt.after, tt.upTo)
		must(t, "Range", err)
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func testAbsorbTouched(t *testing.T, s suite) {
	s.put(t, "a")
	c := enter(item("a", 1, "tags/go"))
	c.Touched = []feed.Name{"archive/3", "tags/go"}
	s.absorb(t, 1, c)
	dirty, err := s.DirtyFeeds(s.ctx)
	must(t, "DirtyFeeds", err)
	if len(dirty) != 2 || dirty[0].Name != "archive/3" || dirty[1].Name != "tags/go" {
		t.Errorf("dirty feeds are %v; want archive/3 and tags/go, not main", dirty)
	}
	if in, err := s.InFeed(s.ctx, feed.Main, "a"); err != nil || !in[0] {
		t.Errorf("member of the main feed: %v, %v; want true", in, err)
	}
}
