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

var update = flag.Bool("update", false, "write the golden documents anew")

// documents renders the fixture's feed and fails the test if that is not as expected.
func documents(t *testing.T, fx fixture) map[feed.Format][]byte {
	t.Helper()
	docs, setAside, err := render.New().Documents(fx.feed)
	if err != nil {
		t.Fatalf("Documents: %v", err)
	}
	var ids []string
	for _, p := range setAside {
		ids = append(ids, p.ID)
	}
	want := map[string]bool{}
	for _, id := range fx.setAside {
		want[id] = true
	}
	got := map[string]bool{}
	for _, id := range ids {
		got[id] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("items set aside are not those that cannot be rendered (-want +got):\n%s\nproblems: %+v", diff, setAside)
	}
	bodies := map[feed.Format][]byte{}
	for _, d := range docs {
		if d.Hash != feed.HashOf(d.Body) {
			t.Errorf("%s document's hash is not that of its bytes", d.Format)
		}
		bodies[d.Format] = d.Body
	}
	if len(docs) != len(feed.Formats()) || len(bodies) != len(docs) {
		t.Fatalf("got %d documents in %d formats, want one in each of %v", len(docs), len(bodies), feed.Formats())
	}
	return bodies
}

// published returns the fixture's items that must be in the documents.
func (fx fixture) published() []*feed.Item {
	var items []*feed.Item
next:
	for _, item := range fx.feed.Items {
		for _, id := range fx.setAside {
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
					t.Fatalf("no golden document (go test -update writes it): %v", err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s is not the golden document; if the change is meant, render.Version must change too (-want +got):\n%s",
						file, diff)
				}
			}
		})
	}
}

func TestGoldenDocumentsAreAllInUse(t *testing.T) {
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
			t.Errorf("testdata/%s belongs to no fixture", dir.Name())
		}
	}
}
