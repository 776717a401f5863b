package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/transfer"
)

func newExport(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all posts to standard output",
		Long: `Write all posts to standard output as JSON Lines, as they were stored, drafts and
private ones included, and with them what is recorded beside them: when each was
first seen and removed, and which names feeds were given. Imported into an empty
site, it makes the same documents.`,
		Example: "  feedpub export > blog.jsonl\n  feedpub export | jq -r 'select(.id).id'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			if err := w.export(cmd.Context(), env.stdout); err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	return cmd
}

// export writes records, then posts, each in order, so that two exports of one site are equal. Records come first so
// that who reads them in order dates no post by the time of its import.
func (w *workplace) export(ctx context.Context, to io.Writer) error {
	out := transfer.NewWriter(to)
	records := make(map[string]feed.Record) // the store may name one twice
	for line, err := range w.Records(ctx) {
		if err != nil {
			return err
		}
		if line.Record != nil {
			records[line.Record.ID] = *line.Record
			continue
		}
		if err := out.Record(lineRecord(line)); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if err := out.Record(lineRecord(feed.Line{Record: new(records[id])})); err != nil {
			return err
		}
	}
	ids, err := w.sortedIDs(ctx)
	if err != nil {
		return err
	}
	err = w.load(ctx, ids, func(s feed.Stored) error {
		if s.Raw == nil {
			return nil // deleted since
		}
		return out.Post(feed.RawPost{ID: s.ID, Raw: s.Raw})
	})
	if err != nil {
		return err
	}
	return out.Flush()
}
