//go:build chaos

package main

import (
	"os"
	"strings"
	"time"
)

// now is the program's clock in tests of wrong clocks. It is wrong by the duration in the file FEEDPUB_CLOCK, which may
// change at any time.
func now() time.Time {
	text, err := os.ReadFile(os.Getenv("FEEDPUB_CLOCK"))
	if err != nil {
		return time.Now()
	}
	offset, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return time.Now()
	}
	return time.Now().Add(offset)
}
