package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
)

var noon = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)

// fakeStore implements [Store] in memory.
type fakeStore struct {
	posts     map[string]feed.StoredPost
	problems  []feed.Problem
	heads     []feed.Head
	dirty     []feed.DirtyFeed
	inbox     []feed.Submission // sorted by Entry
	cursor    string
	elsewhere []string
	err       error // returned by Elsewhere

	milestones feed.Milestones
}

func (s *fakeStore) Load(_ context.Context, ids []string) (list []feed.StoredPost, _ error) {
	for _, id := range ids {
		if p, ok := s.posts[id]; ok {
			list = append(list, p)
		}
	}
	return list, nil
}

func (s *fakeStore) Problems(context.Context) ([]feed.Problem, error)     { return s.problems, nil }
func (s *fakeStore) Heads(context.Context) ([]feed.Head, error)           { return s.heads, nil }
func (s *fakeStore) DirtyFeeds(context.Context) ([]feed.DirtyFeed, error) { return s.dirty, nil }
func (s *fakeStore) Cursor(context.Context) (string, error)               { return s.cursor, nil }
func (s *fakeStore) Elsewhere(context.Context, string) ([]string, error)  { return s.elsewhere, s.err }

func (s *fakeStore) Milestones(context.Context, string) (feed.Milestones, error) {
	return s.milestones, nil
}

func (s *fakeStore) Inbox(_ context.Context, after string, n int) (list []feed.Submission, _ error) {
	for _, e := range s.inbox {
		if e.Entry > after && len(list) < n {
			list = append(list, e)
		}
	}
	return list, nil
}

// add adds a post with the given JSON. Unless item is nil, the post has been absorbed as that item.
func (s *fakeStore) add(id, raw string, item *feed.Item) {
	st := feed.StoredPost{ID: id, Raw: []byte(raw), Item: item}
	if item != nil {
		item.ID, item.RawSum = id, feed.HashOf(st.Raw)
	}
	s.posts[id] = st
}

// head adds a committed feed.
func (s *fakeStore) head(name feed.Name, path string, ids ...string) {
	s.heads = append(s.heads, feed.Head{
		Feed: name, IDs: ids, Documents: []feed.DocumentRef{{Format: feed.RSS, Path: path, Modified: noon}},
	})
}

// explain explains a post in a store that the function fill has filled.
func explain(t *testing.T, fill func(*fakeStore), id string, name feed.Name) feed.Explanation {
	t.Helper()
	s := &fakeStore{posts: map[string]feed.StoredPost{}, cursor: "5"}
	fill(s)
	catalog := feed.Catalog{Selections: []feed.Selection{
		{Name: "long-reads", Criteria: feed.Criteria{Tags: []string{"long"}}},
	}}
	e := Explainer{
		Store: s, Site: feed.Site{ID: "main", Limit: 2}, Catalog: catalog,
		Selector: build.NewSelector(catalog, "en", func(p string) feed.Source { return feed.Source{Publication: p} }),
		Now:      func() time.Time { return noon }, Prefix: "feedpub:{main}:post:",
	}
	x, err := e.Explain(t.Context(), id, name)
	if err != nil {
		t.Fatalf("Explain %q: %v", id, err)
	}
	return x
}

const hello = `{"id": "hello", "content_text": "Hello."}`

// TestStatus checks the status of posts, and what the explanation says about it.
func TestStatus(t *testing.T) {
	published := &feed.Item{Published: noon.Add(-time.Hour)}
	for _, tt := range []struct {
		name     string
		with     func(*fakeStore)
		status   feed.PostStatus
		contains string // a part of the reason and the hints
	}{
		{"published", func(s *fakeStore) {
			s.add("hello", hello, published)
			s.head(feed.Main, "/feed.xml", "hello")
		}, feed.PostPublished, "is published"},
		{"unknown", func(*fakeStore) {}, feed.PostUnknown, "no post with this id"},
		{"unknown now", func(s *fakeStore) {
			s.posts["hello"] = feed.StoredPost{ID: "hello", Record: feed.Record{ID: "hello", FirstSeen: noon}}
		}, feed.PostUnknown, "There was one, first seen at 2024-05-17T12:00:00Z."},
		{"lost with its item", func(s *fakeStore) { s.head(feed.Main, "/feed.xml", "hello") }, feed.PostPublished,
			"is in published documents, but it is missing from the store"},
		{"wrong prefix", func(s *fakeStore) { s.elsewhere = []string{"feedpub:main:post:hello"} }, feed.PostUnknown,
			"There is a key feedpub:main:post:hello, but the posts of this site have keys such as feedpub:{main}:post:hello"},
		{"similar id", func(s *fakeStore) { s.elsewhere = []string{"feedpub:{main}:post:Hello"} }, feed.PostUnknown,
			`There is a post with the id "Hello".`},
		{"search timed out", func(s *fakeStore) { s.err = context.DeadlineExceeded }, feed.PostUnknown, "no post"},
		{"id differs from key", func(s *fakeStore) {
			s.add("greeting", hello, nil)
			s.problems = []feed.Problem{{ID: "greeting", Kind: feed.KindRejected, Place: "id", Reason: "differs"}}
		}, feed.PostUnknown, "stored under the key feedpub:{main}:post:greeting, so it was rejected"},
		{"in the inbox", func(s *fakeStore) {
			s.add("hello", hello, nil)
			s.inbox = []feed.Submission{{Entry: "4", ID: "other"}, {Entry: "6", ID: "hello"}}
		}, feed.PostWaiting, "feedpub rebuild"},
		{"without an inbox entry", func(s *fakeStore) {
			s.add("hello", hello, nil)
			s.inbox = []feed.Submission{{Entry: "4", ID: "hello"}} // already absorbed
		}, feed.PostWaiting, "XADD feedpub:{main}:inbox"},
		{"deleted and in the inbox", func(s *fakeStore) {
			s.inbox = []feed.Submission{{Entry: "6", ID: "hello"}}
		}, feed.PostWaiting, "the next run will remove it"},
		{"wrong type", func(s *fakeStore) {
			s.posts["hello"] = feed.StoredPost{ID: "hello", Unreadable: "the key holds a list"}
		}, feed.PostRejected, "the key holds a list"},
		{"file that cannot be read", func(s *fakeStore) {
			s.problems = []feed.Problem{{ID: "hello", Kind: feed.KindFile, Place: "line 3", Reason: "want JSON"}}
		}, feed.PostRejected, "The file cannot be read: line 3: want JSON. Correct"},
		{"file that can no longer be read", func(s *fakeStore) {
			s.add("hello", hello, published)
			s.head(feed.Main, "/feed.xml", "hello")
			s.problems = []feed.Problem{{ID: "hello", Kind: feed.KindFile, Reason: "want JSON"}}
		}, feed.PostRejected, "Its last valid version stays published."},
		{"perhaps in a file that cannot be read", func(s *fakeStore) {
			s.problems = []feed.Problem{{ID: "hi.json", Kind: feed.KindFile, Reason: "want JSON"}}
		}, feed.PostUnknown, "'feedpub problems' lists them: hi.json"},
		{"rejected", func(s *fakeStore) {
			s.add("hello", hello, nil)
			s.problems = []feed.Problem{{ID: "hello", Kind: feed.KindRejected, Place: "title", Reason: "want a string"}}
		}, feed.PostRejected, "title: want a string"},
		{"rejected, with an earlier version", func(s *fakeStore) {
			s.add("hello", hello, published)
			s.problems = []feed.Problem{{ID: "hello", Kind: feed.KindRejected, Reason: "odd"}}
			s.head(feed.Main, "/feed.xml", "hello")
		}, feed.PostRejected, "Its last valid version stays published."},
		{"not valid", func(s *fakeStore) { s.add("hello", `{"id": 7}`, nil) }, feed.PostRejected, "will be rejected"},
		{"draft", func(s *fakeStore) {
			s.add("hello", `{"id": "hello", "content_text": "Hello.", "status": "draft"}`, nil)
		}, feed.PostDraft, `"status": "published"`},
		{"private and not valid", func(s *fakeStore) {
			s.add("hello", `{"id": "hello", "title": 7, "status": "private"}`, nil)
		}, feed.PostPrivate, "It also cannot be read"},
		{"scheduled", func(s *fakeStore) { s.add("hello", hello, &feed.Item{Published: noon.Add(time.Hour)}) },
			feed.PostScheduled, "2024-05-17T13:00:00Z"},
		{"date in the future, but already published", func(s *fakeStore) {
			s.add("hello", hello, &feed.Item{Published: noon.Add(time.Hour)})
			s.head(feed.Main, "/feed.xml", "hello")
		}, feed.PostPublished, ""},
		{"a later version without an inbox entry", func(s *fakeStore) {
			s.add("hello", hello, &feed.Item{Published: noon})
			st := s.posts["hello"]
			st.Item.RawSum = "old"
			s.posts["hello"] = st
		}, feed.PostPublished, "a later version was stored"},
		{"missing", func(s *fakeStore) {
			s.posts["hello"] = feed.StoredPost{ID: "hello", Item: published}
			s.problems = []feed.Problem{{ID: "hello", Kind: feed.KindMissing, Reason: "it was not deleted"}}
		}, feed.PostPublished, "feedpub post delete hello"},
		{"removed", func(s *fakeStore) {
			s.posts["hello"] = feed.StoredPost{ID: "hello", Record: feed.Record{ID: "hello", Removed: noon}}
		}, feed.PostRemoved, "2024-05-17T12:00:00Z"},
	} {
		x := explain(t, tt.with, "hello", "")
		if text := x.Reason + " " + strings.Join(x.Hints, " "); x.Status != tt.status || !strings.Contains(text, tt.contains) {
			t.Errorf("%s: the status is %s: %s\nwant %s and %q", tt.name, x.Status, text, tt.status, tt.contains)
		}
	}
}

// TestQuestion checks the explanation of why a published post is or is not in a feed.
func TestQuestion(t *testing.T) {
	item := func() *feed.Item {
		return &feed.Item{
			Published: noon.Add(-time.Hour), Tags: []string{"Tea"}, Feeds: []feed.Name{"tags/tea"}, ExcludeFrom: []feed.Name{"short"},
			Authors: []feed.Author{{Name: "Ann Lee"}}, Quotes: []feed.Quote{{Source: feed.Source{Publication: "The Paper"}}},
		}
	}
	listed := func(s *fakeStore) {
		s.add("hello", hello, item())
		s.head(feed.Main, "/feed.xml", "hello")
		s.head("tags/tea", "/tags/tea/feed.xml", "hello")
	}
	unlisted := func(fill func(*fakeStore)) func(*fakeStore) {
		return func(s *fakeStore) {
			s.add("hello", hello, item())
			fill(s)
		}
	}
	for _, tt := range []struct {
		name string
		with func(*fakeStore)
		feed feed.Name
		want string
	}{
		{"listed", listed, "tags/tea", "The post is in tags/tea, at /tags/tea/feed.xml."},
		{"in an archive", unlisted(func(s *fakeStore) { s.head("archive/3", "/archive/3/feed.xml", "hello") }), feed.Main,
			"The post is in main, at /archive/3/feed.xml."},
		{"listed in a held feed", func(s *fakeStore) {
			listed(s)
			s.problems = []feed.Problem{{ID: "main", Kind: feed.KindHeld, Reason: "2 posts vanished"}}
		}, feed.Main, "The post is in main: the feed is held, and its last documents stay published: 2 posts vanished."},
		{"held", unlisted(func(s *fakeStore) {
			s.problems = []feed.Problem{{ID: "tags/tea", Kind: feed.KindHeld, Reason: "2 posts vanished"}}
		}), "tags/tea", "The post belongs in tags/tea, but is not there yet: the feed is held: 2 posts vanished."},
		{"to be built", unlisted(func(s *fakeStore) { s.dirty = []feed.DirtyFeed{{Name: "tags/tea"}} }), "tags/tea",
			"The post belongs in tags/tea, but is not there yet: the feed has changed and will be built in the next run."},
		{"never built", unlisted(func(*fakeStore) {}), "tags/tea",
			"The post belongs in tags/tea, but is not there yet: the feed has not been built yet."},
		{"older than the limit", unlisted(func(s *fakeStore) { s.head("tags/tea", "/x", "a", "b") }), "tags/tea",
			"the feed contains only the newest 2 posts, and this post is older."},
		{"other tag", listed, "tags/go", `it does not have the tag "go"; its tags are ["Tea"].`},
		{"other author", listed, "authors/bob", `it is not by "bob"; its authors are ["Ann Lee"].`},
		{"other source", listed, "sources/times", `"times" is not a published source of the post; its sources are ["The Paper"].`},
		{"excluded", listed, "short", "its exclude_from lists the feed."},
		{"selection", listed, "long-reads", "The post is not in long-reads: "},
		{"no such feed", listed, "none", "there is no such feed; 'feedpub feeds' lists all feeds."},
		{"draft", func(s *fakeStore) { s.add("hello", `{"id": "hello", "content_text": "x", "status": "draft"}`, nil) },
			feed.Main, "The post is not in main: the status of the post is draft, so it is in no feed."},
	} {
		x := explain(t, tt.with, "hello", tt.feed)
		if !strings.Contains(x.Question, tt.want) {
			t.Errorf("%s: the answer is %q, want %q", tt.name, x.Question, tt.want)
		}
	}
}

// TestExplanation checks the other parts of an explanation.
func TestExplanation(t *testing.T) {
	x := explain(t, func(s *fakeStore) {
		s.add("hello", hello, &feed.Item{
			Published: noon.Add(-time.Hour), Quotes: []feed.Quote{{Source: feed.Source{Publication: "The Paper"}}},
		})
		st := s.posts["hello"]
		st.Record.FirstSeen = noon.Add(-2 * time.Hour)
		s.posts["hello"] = st
		s.head(feed.Main, "/feed.xml", "hello")
		s.problems = []feed.Problem{{ID: "hello", Kind: feed.KindSuggestion, Reason: "sources left out: Aunt Mary"}}
	}, "hello", "")
	switch {
	case x.Key != "feedpub:{main}:post:hello", !x.Stored, !x.FirstSeen.Equal(noon.Add(-2 * time.Hour)),
		!x.Published.Equal(noon.Add(-time.Hour)), !x.Committed.Equal(noon),
		len(x.Credited) != 1 || x.Credited[0].Publication != "The Paper", !strings.Contains(x.Suggestion, "Aunt Mary"),
		len(x.Feeds) != 1 || !x.Feeds[0].Listed:
		t.Errorf("the explanation is %+v", x)
	}
	e := Explainer{Store: &fakeStore{err: errors.New("no luck")}, Now: time.Now}
	for _, id := range []string{"", "a\x00b", strings.Repeat("x", 600)} {
		if _, err := e.Explain(t.Context(), id, ""); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Explain %.20q: error %v, want one of kind feed.ErrInvalid", id, err)
		}
	}
	if _, err := e.Explain(t.Context(), "none", ""); err == nil {
		t.Error("Explain returns no error if the store fails")
	}
}

// TestSimilarFiles checks that an explanation of an unknown post of a folder names posts with a similar id: a post
// without an id has the path of its file as its id.
func TestSimilarFiles(t *testing.T) {
	s := &fakeStore{posts: map[string]feed.StoredPost{}, elsewhere: []string{"feedpub:{main}:post:2024/Hello"}}
	s.add("2024/hello.md", `{"content_text": "Hello."}`, nil)
	s.add("2024/Hello", `{"content_text": "Hello."}`, nil)
	e := Explainer{Store: s, Now: time.Now}
	x, err := e.Explain(t.Context(), "2024/hello", "")
	want := []string{`There is a post with the id "2024/Hello".`, `There is a post with the id "2024/hello.md".`}
	if err != nil || x.Status != feed.PostUnknown || !slices.Equal(x.Hints, want) {
		t.Errorf("the explanation is %s with the hints %q, %v; want an unknown post with the hints %q", x.Status, x.Hints, err, want)
	}
}

// TestMilestones checks when a published post was absorbed, committed and served, and what the explanation says about
// an unknown time.
func TestMilestones(t *testing.T) {
	for _, tt := range []struct {
		milestones feed.Milestones
		notServed  string
	}{
		{feed.Milestones{Absorbed: noon, Committed: noon.Add(time.Second), Served: noon.Add(2 * time.Second)}, ""},
		{feed.Milestones{Absorbed: noon, Committed: noon.Add(time.Second)}, "no server has loaded the documents yet"},
		{feed.Milestones{Absorbed: noon}, "not been committed yet"},
		{feed.Milestones{}, "not recorded"},
	} {
		x := explain(t, func(s *fakeStore) {
			s.add("hello", hello, &feed.Item{Published: noon.Add(-time.Hour)})
			s.milestones = tt.milestones
		}, "hello", "")
		got := feed.Milestones{Absorbed: x.Absorbed, Committed: x.FirstCommitted, Served: x.FirstServed}
		if got != tt.milestones || !strings.Contains(x.NotServed(), tt.notServed) || (x.NotServed() == "") != (tt.notServed == "") {
			t.Errorf("the milestones are %+v, %q; want %+v, %q", got, x.NotServed(), tt.milestones, tt.notServed)
		}
	}
	x := explain(t, func(s *fakeStore) {
		s.add("hello", `{"id": "hello", "content_text": "Hello.", "status": "draft"}`, nil)
	}, "hello", "")
	if x.NotServed() != "" {
		t.Errorf("the explanation of a draft says why it was not served: %q", x.NotServed())
	}
}

// TestManyWaiting checks that posts far back in a long inbox are found.
func TestManyWaiting(t *testing.T) {
	s := &fakeStore{cursor: "0000000"}
	for i := range 3 * inboxBatch {
		s.inbox = append(s.inbox, feed.Submission{Entry: fmt.Sprintf("%07d", i+1), ID: fmt.Sprint(i)})
	}
	e := Explainer{Store: s, Now: time.Now}
	statuses, err := e.Statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]feed.PostStatus{"2999": feed.PostWaiting, "3000": feed.PostUnknown} {
		if got := statuses(feed.StoredPost{ID: id}); got != want {
			t.Errorf("the status of post %s is %s, want %s", id, got, want)
		}
	}
}
