package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the man pages",
		Long:    "Write a man page for each command to a folder, which is created if it does not exist.",
		Example: "  feedpub man /usr/local/share/man/man1\n  man feedpub-serve",
		Args:    exactArgs("a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			// Use a fixed date and omit the generation date, so that packages are reproducible.
			header := &doc.GenManHeader{Section: "1", Source: "feedpub", Manual: "feedpub", Date: &time.Time{}}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			pages, err := filepath.Glob(filepath.Join(args[0], "feedpub*.1"))
			if err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			fmt.Fprintf(env.stdout, "%d man pages in %s\n", len(pages), args[0])
			return nil
		},
	}
}
