package attribution

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

// trainingPosts returns the posts that the model is trained on. They must not be modified.
func trainingPosts(tb testing.TB) []trainingPost {
	tb.Helper()
	posts, err := readTrainingPosts()
	if err != nil || len(posts) == 0 {
		tb.Fatalf("found %d training posts, error %v", len(posts), err)
	}
	return posts
}

// readTrainingPosts reads the training posts once for all tests.
var readTrainingPosts = sync.OnceValues(func() ([]trainingPost, error) {
	names, err := filepath.Glob("../../deploy/train/posts/*.jsonl")
	if err != nil {
		return nil, err
	}
	var posts []trainingPost
	for _, name := range names {
		if posts, err = appendTrainingPosts(posts, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return slices.Clip(posts), nil
})

func appendTrainingPosts(posts []trainingPost, name string) ([]trainingPost, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 8<<20)
	for sc.Scan() {
		var p trainingPost
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			return nil, err
		}
		posts = append(posts, p)
	}
	return posts, sc.Err()
}
