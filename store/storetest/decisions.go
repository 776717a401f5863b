package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func decisionTests() []test {
	return []test{
		{"Decide", testDecide},
		{"DecideWithoutPost", testDecideWithoutPost},
		{"DecideError", testDecideError},
		{"RestoreDecisions", testRestoreDecisions},
		{"RestorePublications", testRestorePublications},
	}
}

// decision returns a decision that depends on the key and the verdict.
func decision(key string, v feed.Verdict) feed.Decision {
	d := feed.Decision{Key: key, Verdict: v, Read: feed.Quote{
		Source: feed.Source{Publication: "Publication of " + key}, Text: "Text of " + key, Confidence: 0.25,
	}}
	if v == feed.Edited {
		d.Edited = &feed.Quote{Source: feed.Source{Publication: "Edited", Authors: []feed.Author{{Name: "Ann Ross"}}}}
	}
	return d
}

// decide adds a decision about a post.
func (s suite) decide(t *testing.T, id string, d feed.Decision) {
	t.Helper()
	must(t, "Decide", s.Decide(s.ctx, id, func(current []feed.Decision) ([]feed.Decision, error) {
		return feed.Decisions{List: current}.With(d).List, nil
	}))
}

func testDecide(t *testing.T, s suite) {
	for _, id := range []string{"a", "}{", "👩‍👩‍👧 🎉"} {
		s.put(t, id)
		before, err := s.Inbox(s.ctx, "", 1000)
		must(t, "Inbox", err)
		s.decide(t, id, decision("one", feed.Accepted))
		s.decide(t, id, decision("two", feed.Edited))
		s.decide(t, id, decision("one", feed.Rejected))
		want := []feed.Decision{decision("one", feed.Rejected), decision("two", feed.Edited)}
		if diff := cmp.Diff(want, s.stored(t, id).Decisions); diff != "" {
			t.Errorf("decisions about %q (-want +got):\n%s", id, diff)
		}
		s.decide(t, id, decision("one", feed.Rejected)) // no change
		after, err := s.Inbox(s.ctx, "", 1000)
		must(t, "Inbox", err)
		if len(after) != len(before)+3 || after[len(after)-1].ID != id {
			t.Errorf("3 changes of the decisions about %q added %d inbox entries, want 3", id, len(after)-len(before))
		}
		must(t, "Put", s.Put(s.ctx, feed.RawPost{ID: id, Raw: []byte("{}")}))
		if diff := cmp.Diff(want, s.stored(t, id).Decisions); diff != "" {
			t.Errorf("decisions about %q after it was written again (-want +got):\n%s", id, diff)
		}
		must(t, "Decide", s.Decide(s.ctx, id, func([]feed.Decision) ([]feed.Decision, error) { return nil, nil }))
		if got := s.stored(t, id).Decisions; len(got) > 0 {
			t.Errorf("decisions about %q after they were deleted: %v, want none", id, got)
		}
	}
}

func testDecideWithoutPost(t *testing.T, s suite) {
	s.decide(t, "later", decision("one", feed.Accepted))
	if entries, err := s.Inbox(s.ctx, "", 10); err != nil || len(entries) != 0 {
		t.Errorf("a decision about a post that does not exist added %d inbox entries (error %v), want 0", len(entries), err)
	}
	s.put(t, "later")
	must(t, "Delete", s.Delete(s.ctx, "later"))
	s.put(t, "later")
	if got := s.stored(t, "later").Decisions; len(got) != 1 {
		t.Errorf("the post has %d decisions after it was deleted and written again, want 1", len(got))
	}
	if got := s.stored(t, "another").Decisions; len(got) != 0 {
		t.Errorf("another post has %d decisions, want 0", len(got))
	}
}

func testDecideError(t *testing.T, s suite) {
	s.decide(t, "a", decision("one", feed.Accepted))
	failed := errors.New("failed")
	err := s.Decide(s.ctx, "a", func([]feed.Decision) ([]feed.Decision, error) { return nil, failed })
	if !errors.Is(err, failed) || len(s.stored(t, "a").Decisions) != 1 {
		t.Errorf("Decide returned %v and left %d decisions, want the error of the function and 1 decision",
			err, len(s.stored(t, "a").Decisions))
	}
	wantKind(t, "Decide with an invalid id",
		s.Decide(s.ctx, "a\nb", func([]feed.Decision) ([]feed.Decision, error) { return nil, nil }), feed.ErrInvalid)
}

func testRestoreDecisions(t *testing.T, s suite) {
	s.put(t, "a")
	s.decide(t, "a", decision("one", feed.Accepted))
	imported := feed.ExportLine{Credits: &feed.Decisions{ID: "a", List: []feed.Decision{
		decision("one", feed.Rejected), decision("two", feed.Edited),
	}}}
	other := feed.ExportLine{Credits: &feed.Decisions{ID: "b", List: []feed.Decision{decision("one", feed.Rejected)}}}
	for range 2 { // the call may be repeated
		must(t, "RestoreRecords", s.RestoreRecords(s.ctx, imported, other))
	}
	want := []feed.ExportLine{
		{Credits: &feed.Decisions{ID: "a", List: []feed.Decision{
			decision("one", feed.Accepted), decision("two", feed.Edited),
		}}},
		other,
	}
	if diff := cmp.Diff(want, s.records(t)); diff != "" {
		t.Errorf("records after a restore (-want +got):\n%s", diff)
	}
	invalid := feed.ExportLine{Credits: &feed.Decisions{ID: "a", List: []feed.Decision{{Key: "x", Verdict: "doubted"}}}}
	wantKind(t, "RestoreRecords of an unknown verdict", s.RestoreRecords(s.ctx, invalid), feed.ErrInvalid)
}

func testRestorePublications(t *testing.T, s suite) {
	first := feed.Publication{Name: "Quay Courier", Domain: "quay.example"}
	for _, p := range []feed.Publication{first, {Name: "Quay Courier", Domain: "other.example"}, {Name: "Ünïcödé & Sons"}} {
		must(t, "RestoreRecords", s.RestoreRecords(s.ctx, feed.ExportLine{Publication: &p}))
	}
	got, err := s.Publications(s.ctx)
	must(t, "Publications", err)
	if diff := cmp.Diff([]feed.Publication{first, {Name: "Ünïcödé & Sons"}}, got); diff != "" {
		t.Errorf("publications (-want +got):\n%s", diff)
	}
	wantKind(t, "RestoreRecords of a publication without a name",
		s.RestoreRecords(s.ctx, feed.ExportLine{Publication: new(feed.Publication)}), feed.ErrInvalid)
}
