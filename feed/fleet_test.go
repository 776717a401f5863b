package feed_test

import (
	"testing"

	"feedpub/feed"
)

func TestCommon(t *testing.T) {
	member := func(builds bool, oldest, newest int) feed.Member {
		return feed.Member{Builds: builds, Renderer: feed.Versions{Oldest: oldest, Newest: newest}}
	}
	for _, tt := range []struct {
		name    string
		members []feed.Member
		want    int
	}{
		{"no members", nil, 0},
		{"one builder", []feed.Member{member(true, 2, 3)}, 3},
		{"only a replica", []feed.Member{member(false, 2, 3)}, 0},
		{"an older builder", []feed.Member{member(true, 2, 3), member(true, 1, 2)}, 2},
		{"an older replica", []feed.Member{member(true, 2, 3), member(false, 1, 2)}, 2},
		{"only the replica is new", []feed.Member{member(false, 2, 3), member(true, 2, 2)}, 2},
		{"no version in common", []feed.Member{member(true, 3, 4), member(true, 1, 2)}, 0},
		{"a member without versions", []feed.Member{member(true, 2, 3), {Serves: true}}, 0},
	} {
		if got := feed.Common(tt.members); got != tt.want {
			t.Errorf("%s: Common = %d, want %d", tt.name, got, tt.want)
		}
	}
	if (feed.Versions{}).Has(0) {
		t.Error("the zero Versions have version 0: a process without versions could build a site without a version")
	}
}
