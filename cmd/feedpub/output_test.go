package main

import (
	"bytes"
	"testing"
)

// TestTableEscapesControlCharacters checks that text from posts can neither break a table nor control the terminal.
func TestTableEscapesControlCharacters(t *testing.T) {
	var out bytes.Buffer
	rows := [][]string{
		{"ID", "REASON"},
		{"plain é 日本 👩\u200d💻", "x"},
		{"a\x1b[2Jb", "line\none\ttwo"},
		{"bad \xff\u0085", "\u202eturned"},
	}
	if err := (&environment{stdout: &out}).printTable(rows); err != nil {
		t.Fatal(err)
	}
	want := "ID              REASON\n" +
		"plain é 日本 👩\u200d💻  x\n" +
		`a\x1b[2Jb       line\none\ttwo` + "\n" +
		`bad \xff\u0085  \u202eturned` + "\n"
	if got := out.String(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}
