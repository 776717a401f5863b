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
