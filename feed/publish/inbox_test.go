package publish_test

import (
	"fmt"
	"strings"
	"testing"

	"feedpub/feed"
)

// TestPostSubmittedRepeatedlyInLongInbox checks that the state that the builder reads ahead includes the changes of
// earlier batches.
func TestPostSubmittedRepeatedlyInLongInbox(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		posts := []feed.RawPost{post("again", "title", fmt.Sprintf("Version %d", i), "tags", []string{fmt.Sprintf("t%d", i)})}
		for j := range 200 {
			posts = append(posts, post(fmt.Sprintf("p%d-%d", i, j), "date_published", "2010-01-02T03:04:05Z"))
		}
		w.put(posts...)
	}
	w.rebuild(w.builder("one"))
	if body := string(w.body(w.head("main"), feed.RSS)); !strings.Contains(body, "Version 4") {
		t.Error("main lacks the last version of a post that was submitted five times")
	}
	if got := w.ids("tags/t4"); len(got) != 1 {
		t.Errorf("tags/t4 has %v, want the post", got)
	}
	for i := range 4 {
		name := feed.Name(fmt.Sprintf("tags/t%d", i))
		if n, err := w.site.Counts(t.Context(), name); err != nil || n[name] != 0 {
			t.Errorf("%s has %d posts, %v; want none", name, n[name], err)
		}
	}
	if n, err := w.site.Counts(t.Context(), feed.Main); err != nil || n[feed.Main] != 1001 {
		t.Errorf("main has %d posts, %v; want 1001", n[feed.Main], err)
	}
}
