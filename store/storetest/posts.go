package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// oddIDs returns valid post ids with characters that are special in keys, patterns or scripts.
func oddIDs() []string {
	return []string{
		"plain", "with space", "}{", "{other}:post:x", "a*b?[c]", `back\slash`, `"quoted"`, "post:inbox", "ünïcödé",
		"👩‍👩‍👧 🎉",
		"https://example.org/?p=1&x=%20", "tag:example.org,2014:1", strings.Repeat("x", 512), "-", "(", "+", "0",
	}
}

// oddBodies returns raw posts, most of which are invalid. The store must return them unchanged.
func oddBodies() []string {
	return []string{`{"id":"x"}`, "", "not json", "\x00\xff\xfe", "\x1f\x8bnot gzip", strings.Repeat("a", 4000)}
}

func postTests() []test {
	return []test{
		{"Put", testPut},
		{"PutInvalidID", testPutInvalidID},
		{"Update", testUpdate},
		{"UpdateError", testUpdateError},
		{"ConcurrentUpdates", testConcurrentUpdates},
		{"PostNotFound", testPostNotFound},
		{"Inbox", testInbox},
		{"AwaitInbox", testAwaitInbox},
		{"PutManyPosts", testPutManyPosts},
		{"IDs", testIDs},
		{"RawPosts", testRawPosts},
		{"Load", testLoad},
	}
}

func testPut(t *testing.T, s suite) {
	for _, id := range oddIDs() {
		for _, body := range oddBodies() {
			must(t, "Put", s.Put(s.ctx, feed.RawPost{ID: id, Raw: []byte(body)}))
			got, err := s.Post(s.ctx, id)
			if err != nil || string(got) != body {
				t.Errorf("Post(%q) = %.40q, %v; want %.40q", id, got, err, body)
			}
		}
	}
}

func testPutInvalidID(t *testing.T, s suite) {
	for _, id := range []string{"", strings.Repeat("x", 513), "a\nb", "a\x00b", "\xff", "a\u0085b"} {
		wantKind(t, fmt.Sprintf("Put of a post with the id %.20q", id), s.Put(s.ctx, feed.RawPost{ID: id}), feed.ErrInvalid)
	}
}

func testUpdate(t *testing.T, s suite) {
	for _, id := range oddIDs() {
		var read []string
		update := func(next []byte) {
			confirmed, err := s.Update(s.ctx, id, func(current []byte) ([]byte, error) {
				read = append(read, fmt.Sprintf("%q %t", current, current == nil))
				return next, nil
			})
			must(t, "Update", err)
			if !confirmed {
				t.Errorf("Update(%q) is not confirmed; want it confirmed, since no ConfirmTimeout is set", id)
			}
		}
		update([]byte("one"))
		update([]byte("\x1f\x8btwo"))
		update(nil)
		update(nil)
		if diff := cmp.Diff([]string{`"" true`, `"one" false`, `"\x1f\x8btwo" false`, `"" true`}, read); diff != "" {
			t.Errorf("posts passed to the updates of %q (-want +got):\n%s", id, diff)
		}
		_, err := s.Post(s.ctx, id)
		wantKind(t, "Post after an update that deleted it", err, feed.ErrNotFound)
	}
	got, err := s.Inbox(s.ctx, "", 100)
	must(t, "Inbox", err)
	if want := 4 * len(oddIDs()); len(got) != want {
		t.Errorf("%d inbox entries, want one for each of %d updates", len(got), want)
	}
}

func testUpdateError(t *testing.T, s suite) {
	s.put(t, "a")
	before, err := s.Post(s.ctx, "a")
	must(t, "Post", err)
	_, err = s.Update(s.ctx, "a", func([]byte) ([]byte, error) { return []byte("other"), feed.ErrLocked })
	wantKind(t, "Update", err, feed.ErrLocked)
	after, err := s.Post(s.ctx, "a")
	if entries, _ := s.Inbox(s.ctx, "", 10); err != nil || string(before) != string(after) || len(entries) != 1 {
		t.Errorf("after a failed update the post is %q (error %v) with %d inbox entries; want %q and 1",
			after, err, len(entries), before)
	}
}

func testConcurrentUpdates(t *testing.T, s suite) {
	// Each update increments a number, so that a lost update changes the sum.
	const writers, each = 4, 10
	failed := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for range each {
				for {
					_, err = s.Update(s.ctx, "sum", func(current []byte) ([]byte, error) {
						n, _ := strconv.Atoi(string(current)) // 0 if there is no post
						return strconv.AppendInt(nil, int64(n+1), 10), nil
					})
					if !errors.Is(err, feed.ErrStale) {
						break
					}
				}
				if err != nil {
					break
				}
			}
			failed <- err
		}()
	}
	for range writers {
		must(t, "Update", <-failed)
	}
	if got, err := s.Post(s.ctx, "sum"); err != nil || string(got) != strconv.Itoa(writers*each) {
		t.Errorf("after %d increments the number is %q, %v", writers*each, got, err)
	}
}

func testPostNotFound(t *testing.T, s suite) {
	_, err := s.Post(s.ctx, "none")
	wantKind(t, "Post", err, feed.ErrNotFound)
}

func testInbox(t *testing.T, s suite) {
	s.put(t, "a", "b")
	must(t, "Delete", s.Delete(s.ctx, "a"))
	must(t, "Delete", s.Delete(s.ctx, "unknown"))
	got, err := s.Inbox(s.ctx, "", 100)
	must(t, "Inbox", err)
	var ids []string
	for i, e := range got {
		ids = append(ids, e.ID)
		if e.Time.IsZero() || e.Entry == "" || (i > 0 && e.Time.Before(got[i-1].Time)) {
			t.Errorf("entry %d is %+v; want an entry id and a time that is not before the previous entry's time", i, e)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "a", "unknown"}, ids); diff != "" {
		t.Errorf("inbox (-want +got):\n%s", diff)
	}
	rest, err := s.Inbox(s.ctx, got[1].Entry, 1)
	must(t, "Inbox", err)
	if diff := cmp.Diff(got[2:3], rest); diff != "" {
		t.Errorf("Inbox after the second entry, limit 1 (-want +got):\n%s", diff)
	}
	_, err = s.Post(s.ctx, "a")
	wantKind(t, "Post of a deleted post", err, feed.ErrNotFound)
}

func testAwaitInbox(t *testing.T, s suite) {
	if found, err := s.AwaitInbox(s.ctx, "", 0); err != nil || found {
		t.Errorf("AwaitInbox with an empty inbox = %v, %v; want false", found, err)
	}
	writer := s.open()
	done := make(chan error, 1)
	go func() { done <- writer.Put(s.ctx, raw("a")) }()
	if found, err := s.AwaitInbox(s.ctx, "", 30*time.Second); err != nil || !found {
		t.Errorf("AwaitInbox = %v, %v; want true", found, err)
	}
	must(t, "Put", <-done)
	entries, err := s.Inbox(s.ctx, "", 10)
	if err != nil || len(entries) != 1 {
		t.Fatalf("Inbox = %v, %v; want one entry", entries, err)
	}
	if found, err := s.AwaitInbox(s.ctx, entries[0].Entry, time.Millisecond); err != nil || found {
		t.Errorf("AwaitInbox after the last entry = %v, %v; want false", found, err)
	}
}

func testPutManyPosts(t *testing.T, s suite) {
	var ids []string
	for i := range 1234 {
		ids = append(ids, fmt.Sprintf("post %d", i))
	}
	s.put(t, ids...)
	entries, err := s.Inbox(s.ctx, "", 5000)
	if err != nil || len(entries) != len(ids) {
		t.Errorf("inbox has %d entries, %v; want %d", len(entries), err, len(ids))
	}
}

func testIDs(t *testing.T, s suite) {
	want := oddIDs()
	for i := range 2500 {
		want = append(want, fmt.Sprintf("post/%d", i))
	}
	s.put(t, want...)
	other := s.other("contract-other")
	// A store that supports only one site returns an error.
	if err := other.Put(s.ctx, raw("of another site")); err != nil && !errors.Is(err, feed.ErrInvalid) {
		t.Fatalf("Put into another site: %v", err)
	}
	seen := map[string]bool{}
	for batch, err := range s.PostIDs(s.ctx) {
		must(t, "PostIDs", err)
		for _, id := range batch {
			seen[id] = true
		}
	}
	for _, id := range want {
		if !seen[id] {
			t.Errorf("PostIDs did not return %.40q", id)
		}
		delete(seen, id)
	}
	for id := range seen {
		t.Errorf("PostIDs returned %q, which is not a post of the site", id)
	}

	var changes []feed.Change
	for i, id := range oddIDs() {
		changes = append(changes, enter(item(id, i+1)))
	}
	s.absorb(t, 1, changes...)
	var items []string
	for batch, err := range s.ItemIDs(s.ctx) {
		must(t, "ItemIDs", err)
		items = append(items, batch...)
	}
	slices.Sort(items)
	items = slices.Compact(items)
	wantItems := oddIDs()
	slices.Sort(wantItems)
	if diff := cmp.Diff(wantItems, items); diff != "" {
		t.Errorf("ids of items (-want +got):\n%s", diff)
	}

	var both feed.IDs
	for batch, err := range s.IDs(s.ctx) {
		must(t, "IDs", err)
		both.Posts, both.Items = append(both.Posts, batch.Posts...), append(both.Items, batch.Items...)
	}
	slices.Sort(want)
	for _, ids := range []*[]string{&both.Posts, &both.Items} {
		slices.Sort(*ids)
		*ids = slices.Compact(*ids)
	}
	if diff := cmp.Diff(feed.IDs{Posts: want, Items: wantItems}, both); diff != "" {
		t.Errorf("ids of posts and items (-want +got):\n%s", diff)
	}
}

func testRawPosts(t *testing.T, s suite) {
	bodies := oddBodies()
	var ids []string
	var want []feed.RawPost
	for i, id := range oddIDs() {
		p := feed.RawPost{ID: id, Raw: []byte(bodies[i%len(bodies)])}
		must(t, "Put", s.Put(s.ctx, p))
		ids, want = append(ids, id, "none"), append(want, p, feed.RawPost{ID: "none"})
	}
	ids, want = append(ids, ids[0]), append(want, want[0]) // a repeated id
	got, err := s.RawPosts(s.ctx, ids...)
	must(t, "RawPosts", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("RawPosts (-want +got):\n%s", diff)
	}
	if got, err := s.RawPosts(s.ctx); err != nil || len(got) != 0 {
		t.Errorf("RawPosts without ids = %v, %v; want none", got, err)
	}
}

func testLoad(t *testing.T, s suite) {
	s.put(t, "raw only", "both")
	s.absorb(t, 1, enter(item("both", 2)), enter(item("item only", 3)))
	got, err := s.Load(s.ctx, []string{"none", "item only", "raw only", "both"})
	must(t, "Load", err)
	want := []feed.StoredPost{
		{ID: "none"},
		{ID: "item only", Record: feed.Record{ID: "item only", FirstSeen: day(3)}, Item: item("item only", 3)},
		{ID: "raw only", Raw: raw("raw only").Raw},
		{ID: "both", Raw: raw("both").Raw, Record: feed.Record{ID: "both", FirstSeen: day(2)}, Item: item("both", 2)},
	}
	for i := range got {
		if (got[i].ItemSum != "") != (want[i].Item != nil) {
			t.Errorf("Load of %q: ItemSum is %q, want one if and only if the item exists: %v",
				got[i].ID, got[i].ItemSum, want[i].Item)
		}
		got[i].ItemSum = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}
