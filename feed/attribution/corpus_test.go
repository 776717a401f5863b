package attribution

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// trainingPost is a post that the model is trained on.
type trainingPost struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Language string `json:"language"`
	Format   string `json:"format"`
	Body     string `json:"html_or_text"`
	Expect   struct {
		Quotes []json.RawMessage `json:"quotes"`
	} `json:"expect"`
}

// trainingPosts returns the posts that the model is trained on.
func trainingPosts(tb testing.TB) []trainingPost {
	tb.Helper()
	names, err := filepath.Glob("../../deploy/train/posts/*.jsonl")
	if err != nil || len(names) == 0 {
		tb.Fatalf("found %d files of training posts, error %v", len(names), err)
	}
	var posts []trainingPost
	for _, name := range names {
		posts = append(posts, readTrainingPosts(tb, name)...)
	}
	return posts
}

func readTrainingPosts(tb testing.TB, name string) []trainingPost {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var posts []trainingPost
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 8<<20)
	for sc.Scan() {
		var p trainingPost
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		posts = append(posts, p)
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return posts
}
