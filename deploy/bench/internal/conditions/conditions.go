// Package conditions describes the conditions under which a benchmark was run, so that results of different runs can be
// compared.
package conditions

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Conditions are written with each result. Unknown values are empty.
type Conditions struct {
	Date    string `json:"date,omitempty"`    // in UTC, such as 2026-11-29
	Commit  string `json:"commit,omitempty"`  // the version that was measured, with the suffix -dirty if it was modified
	Machine string `json:"machine,omitempty"` // number and model of the processors
	// Load is the machine's load average over the last minute. It includes the benchmark itself.
	Load float64 `json:"load,omitempty"`
}

// Now returns the current conditions. The commit is that of the Git repository in the working directory.
func Now(ctx context.Context) Conditions {
	c := Conditions{
		Date:    time.Now().UTC().Format(time.DateOnly),
		Machine: fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()),
	}
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=9").Output(); err == nil {
		c.Commit = strings.TrimSpace(string(out))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(text), " ")
		if load, err := strconv.ParseFloat(first, 64); err == nil {
			c.Load = load
		}
	}
	return c
}

// processor returns the model of the first processor, or the architecture if it is unknown.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
