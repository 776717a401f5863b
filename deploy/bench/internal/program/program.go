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
	// Build in feedpub's module, since the dependencies are those of feedpub, not of this module.
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
