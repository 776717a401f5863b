package importer

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/transfer"
)

// memory is a writer that keeps posts in memory.
type memory struct {
	hosting.Writer
	posts map[string][]byte
}

func (m memory) Stored(_ context.Context, ids []string) (map[string][]byte, error) {
	stored := map[string][]byte{}
	for _, id := range ids {
		if raw, ok := m.posts[id]; ok {
			stored[id] = raw
		}
	}
	return stored, nil
}

func (m memory) Import(_ context.Context, posts ...feed.RawPost) error {
	for _, p := range posts {
		m.posts[p.ID] = p.Raw
	}
	return nil
}

// runImport imports files, given as names and contents, from a temporary folder.
func runImport(t *testing.T, m memory, dry bool, whole bool, files ...string) *Report {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	var names []string
	for i := 0; i < len(files); i += 2 {
		if err := os.MkdirAll(filepath.Dir(files[i]), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files[i], []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, files[i])
	}
	if whole {
		names = []string{"."}
	}
	var stderr bytes.Buffer
	r, err := Run(t.Context(), Options{
		Transfer: transfer.Options{}, Writer: m, Stdin: strings.NewReader(""), Stderr: &stderr, Now: time.Now, DryRun: dry,
	}, names)
	if err != nil {
		t.Fatalf("import: %v\n%s", err, stderr.String())
	}
	return r
}

// TestDuplicates checks that the first of several posts with the same id is stored, that the others are reported with
// both places, and that the report counts the stored posts.
func TestDuplicates(t *testing.T) {
	const a, other, b = `{"id":"a","title":"First"}`, `{"id":"a","title":"Second"}`, `{"id":"b"}`
	rss := func(items string) string { return "<rss version=\"2.0\"><channel>\n" + items + "\n</channel></rss>" }
	copies := strings.Repeat(`{"id":"x","title":"`+strings.Repeat("x", 1000)+"\"}\n", BatchSize+10) // spans two batches
	for _, tt := range []struct {
		name     string
		whole    bool
		files    []string
		rejected []string
		skipped  int // copies
		stored   []string
	}{
		{"none", false, []string{"f.jsonl", a + "\n" + b + "\n"}, []string{}, 0, []string{"a", "b"}},
		{"one file", false, []string{"f.jsonl", a + "\n" + other + "\n" + b + "\n"},
			[]string{`f.jsonl:2: the post at f.jsonl:1 has the same id "a" and is kept`}, 0, []string{"a", "b"}},
		{"copy", false, []string{"f.jsonl", a + "\n" + a + "\n"}, []string{}, 1, []string{"a"}},
		{"two files", false, []string{"f.jsonl", a + "\n" + b + "\n", "g.json", other},
			[]string{`g.json:1: the post at f.jsonl:1 has the same id "a" and is kept`}, 0, []string{"a", "b"}},
		{"files of a folder", true, []string{"a.md", "---\nid: a\n---\nFirst\n", "s/b.md", "---\nid: a\n---\nSecond\n"},
			[]string{`s/b.md: the post at a.md has the same id "a" and is kept`}, 0, []string{"a"}},
		{"feed", false, []string{"f.xml", rss("<item><guid>a</guid><title>A</title></item>\n" +
			"<item><guid>a</guid><title>B</title></item>")},
			[]string{`f.xml:3: the post at f.xml:2 has the same id "a" and is kept`}, 0, []string{"a"}},
		{"the first is invalid", false, []string{"f.jsonl", `{"id":"a","title":7}` + "\n" + a + "\n"},
			[]string{`f.jsonl:1: title: want a string, got a number`}, 0, []string{"a"}},
		{"batches", false, []string{"f.jsonl", copies + `{"id":"x","title":"Other"}`},
			[]string{`f.jsonl:511: the post at f.jsonl:1 has the same id "x" and is kept`}, BatchSize + 9, []string{"x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := memory{posts: map[string][]byte{}}
			dry := runImport(t, m, true, tt.whole, tt.files...)
			r := runImport(t, m, false, tt.whole, tt.files...)
			if diff := cmp.Diff(tt.rejected, r.Rejected); diff != "" {
				t.Errorf("rejected (-want +got):\n%s", diff)
			}
			if got := slices.Sorted(maps.Keys(m.posts)); !slices.Equal(got, tt.stored) {
				t.Errorf("stored %q, want %q", got, tt.stored)
			}
			if bytes.Contains(m.posts["a"], []byte("Second")) {
				t.Errorf("the second post replaced the first: %s", m.posts["a"])
			}
			if r.Posts != len(tt.stored) || dry.Posts != r.Posts || r.Skipped["duplicate"] != tt.skipped {
				t.Errorf("the report counts %d posts and %d copies, and the dry run counts %d; want %d, %d and %d",
					r.Posts, r.Skipped["duplicate"], dry.Posts, len(tt.stored), tt.skipped, len(tt.stored))
			}
			again := runImport(t, m, false, tt.whole, tt.files...)
			if c := again.Statuses["published"]; c == nil || c.Unchanged != len(tt.stored) || c.New+c.Changed != 0 {
				t.Errorf("imported again: got %+v, want %d unchanged", c, len(tt.stored))
			}
		})
	}
}
