package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"feedpub/feed"
)

func TestFileNames(t *testing.T) {
	for id, want := range map[string]string{
		"hello":                   "hello.json",
		"2014-06-17":              "2014-06-17.json",
		"a.b":                     "a.b.json",
		".hidden":                 "%2Ehidden.json",
		"..":                      "%2E..json",
		"a/../../etc/passwd":      "a%2F..%2F..%2Fetc%2Fpasswd.json",
		`a\b`:                     "a%5Cb.json",
		"https://x/?p=1":          "https%3A%2F%2Fx%2F%3Fp%3D1.json",
		"ü 🎉":                     "%C3%BC%20%F0%9F%8E%89.json",
		"%2E":                     "%252E.json",
		strings.Repeat("x", 512):  strings.Repeat("x", maxName/2) + "=",
		strings.Repeat("/", 512):  "%2F",
		strings.Repeat("x", 200):  strings.Repeat("x", 200) + ".json",
		"#draft~":                 "%23draft%7E.json",
		"a post with spaces.json": "a%20post%20with%20spaces.json.json",
	} {
		got := FileName(id)
		if len(id) <= maxName && got != want {
			t.Errorf("FileName(%q) = %q; want %q", id, got, want)
		}
		if len(id) > maxName && (!strings.HasPrefix(got, want) || len(got) > maxName+5) {
			t.Errorf("FileName of an id of %d bytes = %q; want a name of at most %d bytes", len(id), got, maxName+5)
		}
		if !isPosts(got) || filepath.Base(got) != got {
			t.Errorf("FileName(%q) = %q; want the name of a file of posts", id, got)
		}
	}
}

func FuzzFileNamesAreSafeAndDistinct(f *testing.F) {
	f.Add("a", "b")
	f.Add("../x", "..%2Fx")
	f.Add(strings.Repeat("x", 300)+"1", strings.Repeat("x", 300)+"2")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" {
			return
		}
		x, y := FileName(a), FileName(b)
		if (a == b) != (x == y) {
			t.Errorf("ids %q and %q have the files %q and %q", a, b, x, y)
		}
		for _, name := range []string{x, y} {
			if len(name) > maxName+len(".json") || strings.ContainsAny(name, "/\\\x00:") || !isPosts(name) ||
				!filepath.IsLocal(name) {
				t.Errorf("file name %q is not safe", name)
			}
		}
	})
}

func TestWriteListRemove(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"b", "a", strings.Repeat("long", 100), "}{ 🎉"} {
		path, err := WritePost(dir, feed.RawPost{ID: id, Raw: []byte(post(id, "x"))})
		must(t, err)
		if b, err := os.ReadFile(path); err != nil || string(b) != post(id, "x") {
			t.Errorf("file of %.10q contains %.40q, %v", id, b, err)
		}
	}
	put(t, dir, "sub/two.jsonl", post("x", "X")+"\n"+post("y", "Y"))
	put(t, dir, "sub/a too.json", post("a", "A"))
	put(t, dir, "bad.json", "{")
	n, bad := 0, 0
	for f := range List(dir, t.TempDir(), decode) {
		n += len(f.Posts)
		if f.Err != nil {
			bad++
			if f.Path != "bad.json" || !errors.Is(f.Err, feed.ErrInvalid) {
				t.Errorf("List returns %q with %v", f.Path, f.Err)
			}
		}
	}
	if n != 7 || bad != 1 {
		t.Errorf("List returns %d posts and %d bad files; want 7 posts and 1 bad file", n, bad)
	}
	must(t, RemovePost(dir, t.TempDir(), decode, "a"))
	for _, name := range []string{"a.json", "sub/a too.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v; want the file to be removed, since it contained the removed post", name, err)
		}
	}
	if err := RemovePost(dir, t.TempDir(), decode, "a"); !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("RemovePost of an unknown post: %v; want kind %q", err, feed.ErrNotFound)
	}
	err := RemovePost(dir, t.TempDir(), decode, "x")
	if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), "sub/two.jsonl") {
		t.Errorf("RemovePost of one of two posts of a file: %v; want kind %q and the file's name", err, feed.ErrInvalid)
	}
	must(t, RemovePost(dir, t.TempDir(), decode, "bad")) // finds the file by its name
	if _, err := WritePost(dir, feed.RawPost{}); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("WritePost without an id: %v; want kind %q", err, feed.ErrInvalid)
	}
	for f := range List(filepath.Join(dir, "none"), t.TempDir(), decode) {
		if f.Err == nil {
			t.Errorf("List of a folder that does not exist returns %+v; want an error", f)
		}
	}
}
