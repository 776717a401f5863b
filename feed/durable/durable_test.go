package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"feedpub/feed/durable"
)

func TestWriteFileReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, want := range []string{"first", "", "a longer second text"} {
		if err := durable.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatalf("WriteFile(%q): %v", want, err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("after WriteFile(%q), the file contains %q (error %v)", want, got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder contains %v (error %v), want only the file and no temporary file", entries, err)
	}
}

func TestWriteFileIntoMissingFolderFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "f")
	err := durable.WriteFile(path, nil, 0o600)
	if err == nil {
		t.Fatal("WriteFile into a folder that does not exist returned nil, want an error")
	}
	// Callers that log an error only once compare its text with that of the previous error.
	if again := durable.WriteFile(path, nil, 0o600); !errors.Is(err, fs.ErrNotExist) || again.Error() != err.Error() ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("WriteFile twice into a folder that does not exist:\n%v\n%v\nwant the same error, with the file's path",
			err, again)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, want := range []string{"first", "second"} {
		flush, err := durable.Write(path, []byte(want), 0o600)
		if err != nil {
			t.Fatalf("Write(%q): %v", want, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("before the flush of %q, the file contains %q (error %v)", want, got, err)
		}
		if err := flush(); err != nil {
			t.Errorf("flush of %q: %v", want, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder contains %v (error %v), want only the file and no temporary file", entries, err)
	}
	if _, err := durable.Write(filepath.Join(dir, "no", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write into a folder that does not exist: %v, want ErrNotExist", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Write(filepath.Join(dir, "sub"), nil, 0o600); err == nil {
		t.Error("Write to the path of a folder returned nil, want an error")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("temporary files left after errors: %q", left)
	}
}

func TestRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := durable.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to remove
		if err := durable.Remove(path); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("after Remove: Stat = %v, want not exist", err)
	}
}
