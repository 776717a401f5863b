package importer

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/transfer"
)

// memoryWithFiles is a writer that checks that the files of a post exist when the post is stored.
type memoryWithFiles struct {
	memory
	t   *testing.T
	dir string
}

func (m memoryWithFiles) Import(ctx context.Context, posts ...feed.RawPost) error {
	for _, p := range posts {
		for _, name := range transfer.ImageFiles(p.Raw) {
			if _, err := os.Stat(filepath.Join(m.dir, name)); err != nil {
				m.t.Errorf("post %q is stored before its file: %v", p.ID, err)
			}
		}
	}
	return m.memory.Import(ctx, posts...)
}

func (m memoryWithFiles) Remove(_ context.Context, id string) error {
	delete(m.posts, id)
	return nil
}

// TestFiles checks that images in the text of posts are stored as files, once and before the posts, that these files
// are removed when the post is deleted or no longer public, and that other files stay.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	image := "data:image/png;base64," + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\x89PNG\xff"), 1000))
	public := "---\ntitle: A\n---\n![a](" + image + ")\n"
	m := memoryWithFiles{memory{posts: map[string][]byte{}}, t, dir}
	run := func(content string, dry, undo bool) *Report {
		t.Helper()
		r, err := Run(t.Context(), Options{
			Transfer: transfer.Options{Format: transfer.Markdown, ImageFiles: true}, Writer: m, Stdin: strings.NewReader(content),
			Stderr: t.Output(), Now: time.Now, DryRun: dry, Undo: undo, Files: dir,
		}, []string{"-"})
		if err != nil || r.RejectedCount > 0 {
			t.Fatalf("import: %v, rejected %q", err, r.Rejected)
		}
		return r
	}
	files := func() int {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, "images", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	check := func(step string, r *Report, saved, want int) {
		t.Helper()
		if r.Files != saved || files() != want {
			t.Errorf("%s: %d files saved and %d in the folder, want %d and %d", step, r.Files, files(), saved, want)
		}
	}
	check("dry run", run(public, true, false), 1, 0)
	check("import", run(public, false, false), 1, 1)
	check("import again", run(public, false, false), 0, 1)
	// The name of a file that the user has put there may look like that of an image.
	own := filepath.Join(dir, "images", strings.Repeat("0", 32)+".png")
	if err := os.WriteFile(own, []byte("own"), 0o644); err != nil {
		t.Fatal(err)
	}
	check("with a link to another file", run(public+"![b](images/"+filepath.Base(own)+")\n", false, false), 0, 2)
	check("now a draft", run(strings.Replace(public, "title: A", "title: A\ndraft: true", 1), false, false), 0, 1)
	check("published again", run(public, false, false), 1, 2)
	check("undone", run(public, false, true), 0, 1)
	if _, err := os.Stat(own); err != nil || len(m.posts) != 0 {
		t.Errorf("after the import was undone: %d posts, own file: %v; want no posts, and the file", len(m.posts), err)
	}
}
