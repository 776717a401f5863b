package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/render"
)

var update = flag.Bool("update", false, "write the golden files")

// documents renders the fixture's feed and fails the test unless exactly the items in fx.rejected are rejected.
func documents(t *testing.T, fx fixture) map[feed.Format][]byte {
	t.Helper()
	docs, rejected, err := render.New().Documents(fx.feed)
	if err != nil {
		t.Fatalf("Documents: %v", err)
	}
	var ids []string
	for _, p := range rejected {
		ids = append(ids, p.ID)
	}
	want := map[string]bool{}
	for _, id := range fx.rejected {
		want[id] = true
	}
	got := map[string]bool{}
	for _, id := range ids {
		got[id] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("rejected items (-want +got):\n%s\nproblems: %+v", diff, rejected)
	}
	bodies := map[feed.Format][]byte{}
	for _, d := range docs {
		if d.Hash != feed.HashOf(d.Body) {
			t.Errorf("the hash of the %s document does not match its bytes", d.Format)
		}
		bodies[d.Format] = d.Body
	}
	if len(docs) != len(feed.Formats()) || len(bodies) != len(docs) {
		t.Fatalf("got %d documents in %d formats, want one in each of %v", len(docs), len(bodies), feed.Formats())
	}
	return bodies
}

// published returns the fixture's items that are not rejected.
func (fx fixture) published() []*feed.Item {
	var items []*feed.Item
next:
	for _, item := range fx.feed.Items {
		for _, id := range fx.rejected {
			if id == item.ID {
				continue next
			}
		}
		items = append(items, item)
	}
	return items
}

func TestGoldenDocuments(t *testing.T) {
	for _, fx := range fixtures() {
		t.Run(fx.name, func(t *testing.T) {
			for format, got := range documents(t, fx) {
				file := filepath.Join("testdata", fx.name, format.File())
				if *update {
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("no golden file; run go test -update: %v", err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s differs from the golden file; an intended change needs a new render.Version (-want +got):\n%s",
						file, diff)
				}
			}
		})
	}
}

func TestGoldenFilesHaveFixtures(t *testing.T) {
	used := map[string]bool{}
	for _, fx := range fixtures() {
		used[fx.name] = true
	}
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if !used[dir.Name()] && dir.IsDir() && dir.Name() != "fuzz" && dir.Name() != "pages" {
			t.Errorf("testdata/%s has no fixture; delete it", dir.Name())
		}
	}
}
