package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

const testSite = feed.SiteID("main")

// decode decodes simple formats: a .json file is a post, a .jsonl file has a post on each line, and any other file is a
// post whose id is its path.
func decode(path string, raw []byte) ([]feed.RawPost, error) {
	var posts []feed.RawPost
	switch filepath.Ext(path) {
	case ".json":
		p, err := decodeOne(raw)
		return append(posts, p), err
	case ".jsonl":
		for line := range strings.Lines(string(raw)) {
			p, err := decodeOne([]byte(line))
			if err != nil {
				return nil, err
			}
			posts = append(posts, p)
		}
		return posts, nil
	default:
		return append(posts, feed.RawPost{ID: path, Raw: raw}), nil
	}
}

func decodeOne(raw []byte) (feed.RawPost, error) {
	var p struct{ ID string }
	if err := json.Unmarshal(raw, &p); err != nil {
		return feed.RawPost{}, fmt.Errorf("line 1: %w: %w", feed.ErrInvalid, err)
	}
	if p.ID == "" {
		return feed.RawPost{}, fmt.Errorf("id: missing: %w", feed.ErrInvalid)
	}
	return feed.RawPost{ID: p.ID, Raw: raw}, nil
}

// open opens a store and closes it when the test ends. It fills in empty options.
func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.Dir == "" && o.Files == nil {
		o.Dir = t.TempDir()
	}
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.Site == "" {
		o.Site = testSite
	}
	if o.Decode == nil {
		o.Decode = decode
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// run runs a store until stop is called or the test ends.
func run(t *testing.T, s *Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// site returns the site of a store.
func site(s *Store) *store.Site { return s.Client().Site(testSite) }

// put writes a file as an editor would, not atomically.
func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// post returns a post as JSON.
func post(id, text string) string { return fmt.Sprintf(`{"id":%q,"content_text":%q}`, id, text) }

// content returns a post stored in the server, or "" if there is none.
func content(t *testing.T, s *Store, id string) string {
	t.Helper()
	raw, err := site(s).Post(t.Context(), id)
	if errors.Is(err, feed.ErrNotFound) {
		return ""
	}
	must(t, err)
	return string(raw)
}

// eventually calls get until it returns want, and fails the test after a minute.
func eventually(t *testing.T, what string, want string, get func() string) {
	t.Helper()
	const patience = time.Minute // long, for machines under load
	deadline := time.After(patience)
	got := get()
	for got != want {
		select {
		case <-deadline:
			t.Fatalf("after %v, %s is %q; want %q", patience, what, got, want)
		case <-time.After(2 * time.Millisecond):
		}
		got = get()
	}
}

// ids returns the ids of all posts, in order.
func ids(t *testing.T, s *Store) string {
	t.Helper()
	all := map[string]bool{}
	for batch, err := range site(s).PostIDs(t.Context()) {
		must(t, err)
		for _, id := range batch {
			all[id] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), " ")
}

// problems returns the listed problems as "kind id".
func problems(t *testing.T, s *Store) string {
	t.Helper()
	all, err := site(s).Problems(t.Context())
	must(t, err)
	var out []string
	for _, p := range all {
		out = append(out, string(p.Kind)+" "+p.ID)
	}
	return strings.Join(out, ", ")
}
