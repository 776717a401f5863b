package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLatePosts checks that the sequence models are not trained on late posts, and that the trees are.
func TestLatePosts(t *testing.T) {
	data, err := os.ReadFile("posts/posts-14.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"posts.jsonl", "late.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	model := func(late string) (string, int) {
		t.Helper()
		tr, err := newTrainer(filepath.Join(dir, "posts.jsonl"), "", late)
		if err != nil {
			t.Fatal(err)
		}
		m := tr.chains(noFold)
		var b bytes.Buffer
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		sources, _, err := tr.samples(m, 0)
		if err != nil {
			t.Fatal(err)
		}
		return b.String(), len(sources)
	}
	without, few := model("")
	with, many := model(filepath.Join(dir, "late.jsonl"))
	if with != without || !strings.Contains(with, "units ") {
		t.Error("late posts change the sequence models, or these have no weights")
	}
	if few == 0 || many != 2*few {
		t.Errorf("%d samples for trees from the posts, %d with late ones that are the same, want twice as many", few, many)
	}
}

// TestCertainWeight checks how much posts count in the training of the trees.
func TestCertainWeight(t *testing.T) {
	for _, tt := range []struct {
		p    Post
		want float64
	}{{Post{File: "posts-1.jsonl"}, 1}, {Post{File: "misread-1.jsonl"}, misreadCertain}, {Post{File: "posts-1.jsonl", Ruled: true}, ruledCertain}} {
		if got := certainWeight(&tt.p); got != tt.want {
			t.Errorf("weight of a post in %s, ruled %v: %v, want %v", tt.p.File, tt.p.Ruled, got, tt.want)
		}
	}
}
