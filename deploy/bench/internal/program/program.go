// Package program builds the feedpub binary that the benchmarks measure.
package program

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Build builds feedpub from the source tree that this module refers to, and writes the binary to path.
func Build(ctx context.Context, path string) error {
	// The command's dependencies are those of feedpub's module, not of this one, so it is built there.
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "feedpub").Output()
	if err != nil {
		return fmt.Errorf("find the source of feedpub: run the benchmark from its own module: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/feedpub")
	build.Dir = strings.TrimSpace(string(dir))
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
