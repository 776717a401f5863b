package store

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestScripts checks that each script documents its arguments, has no global variables and uses only what miniredis
// supports.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("lua/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts = %q, %v; want at least one", files, err)
	}
	forbidden := regexp.MustCompile(`cmsgpack|struct\.|bit\.|ZMSCORE|^#!|redis\.sha1hex|redis\.replicate_commands`)
	global := regexp.MustCompile(`(?m)^\s*[a-z_]+ = `)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(b), "\n\n")
		for _, want := range []string{"-- KEYS ", "-- ARGV ", "-- Output "} {
			if !strings.Contains(head, "\n"+want) {
				t.Errorf("%s: the first comment has no line that begins with %q", f, want)
			}
		}
		if m := forbidden.FindString(string(b)); m != "" {
			t.Errorf("%s uses %s, which miniredis lacks", f, m)
		}
		for _, m := range global.FindAllString(string(b), -1) {
			name := strings.TrimSuffix(strings.TrimSpace(m), " =")
			if !regexp.MustCompile(`local [a-z_, ]*\b` + name + `\b|for [a-z_, ]*\b` + name + `\b`).Match(b) {
				t.Errorf("%s: %s is not local", f, name)
			}
		}
	}
}
