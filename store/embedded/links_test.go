package embedded

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"feedpub/feed"
)

func TestLinkedFiles(t *testing.T) {
	for raw, want := range map[string][]string{
		`{"content_markdown":"See [b](b.md) and [c](../c%20d.md#x).\nAnd [e](/e/f.html)."}`: {"sub/b.md", "c d.md", "e/f.html"},
		`{"content_html":"<a href=\"b.html\">b</a> https://blog.example/b.md a.md"}`:        {"sub/b.html"},
		`{"content_text":"Nothing. %zz.md"}`:                                                nil,
		`{"content_markdown":"[b](b.md) [b](b.md) /.md"}`:                                   {"sub/b.md", ".md"},
	} {
		got := linkedFiles("sub/a.md", []byte(raw))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("linkedFiles(%s) = %q, want %q", raw, got, want)
		}
	}
}

// TestAffected checks that affected returns the posts that link to a changed file, except posts that were just read.
func TestAffected(t *testing.T) {
	l := newLinks()
	post := func(id, text string) []feed.RawPost { return []feed.RawPost{{ID: id, Raw: []byte(text)}} }
	l.read("a.md", post("a.md", `[b](b.md)`), true)
	l.read("b.md", post("own-id", `[a](a.md)`), true)
	if got := l.affected(); got != nil {
		t.Errorf("affected posts after all files were read: %q, want none", got)
	}
	l.read("b.md", post("own-id", `changed`), true)
	if got := l.affected(); !slices.Equal(got, []string{"a.md"}) {
		t.Errorf("affected posts after b.md was read: %q, want a.md", got)
	}
	l.read("b.md", nil, true)
	if got := l.affected(); !slices.Equal(got, []string{"a.md"}) {
		t.Errorf("affected posts after b.md was removed: %q, want a.md", got)
	}
	if id, ok := l.idIn("b.md"); ok {
		t.Errorf("the removed file contains the post %q, want none", id)
	}
}

// TestLinkingPostsAreReadAgain checks that a change to a file submits the posts that link to it.
func TestLinkingPostsAreReadAgain(t *testing.T) {
	s := open(t, Options{})
	put(t, s.o.Dir, "a.md", "See [b](sub/b.md).")
	put(t, s.o.Dir, "c.md", "See nothing.")
	put(t, s.o.Dir, "sub/b.md", "B")
	scanOnce(t, s)
	if st, ok := s.PostAt("sub/b.md"); !ok || st.ID != "sub/b.md" || len(st.Raw) == 0 {
		t.Errorf("the post in sub/b.md is %+v (found: %t), want the post that was written", st, ok)
	}
	if st, ok := s.PostAt("none.md"); ok {
		t.Errorf("the post in a missing file is %+v, want none", st)
	}
	put(t, s.o.Dir, "sub/b.md", "B, edited")
	scanOnce(t, s)
	must(t, os.Remove(filepath.Join(s.o.Dir, "sub/b.md")))
	scanUntilSettled(t, s)
	entries, err := site(s).Inbox(t.Context(), "", 10)
	var got []string
	for _, e := range entries {
		got = append(got, e.ID)
	}
	got = slices.Compact(got) // an edit submits the post and its record
	if want := []string{"a.md", "c.md", "sub/b.md", "a.md", "sub/b.md", "a.md"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("inbox is %q (error %v), want %q", got, err, want)
	}
}
