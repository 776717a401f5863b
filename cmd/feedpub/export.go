package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

func newExport(env *environment) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write all posts to standard output",
		Long: `Write all posts to standard output as JSON Lines, as they were stored, drafts and
private ones included, and with them what is recorded beside them: when each was
first seen and removed, which names feeds were given, and where their archives end.
Imported into an empty site, it makes the same documents.

Other forms are for other programs: jsonfeed and wxr, an export of WordPress, have all
posts that can be read; markdown writes a file with front matter for each into FOLDER,
which must be empty or new.

Posts that change meanwhile are written as they are when their turn comes, each whole,
and none is left out that exists from the beginning to the end.`,
		Example: "  feedpub export > blog.jsonl\n  feedpub export | jq -r 'select(.id).id'\n  feedpub export --format markdown blog",
		Args:    atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (format == "markdown") != (len(args) == 1) {
				return usageError{fmt.Errorf("want a folder for --format markdown, and none for the others; see 'feedpub export --help'")}
			}
			if !slices.Contains([]string{"jsonl", "jsonfeed", "wxr", "markdown"}, format) {
				return usageError{fmt.Errorf("--format %s: want one of jsonl, jsonfeed, wxr, markdown", format)}
			}
			w, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer w.close()
			progress := newProgress(env.stderr, time.Now)
			defer progress.done()
			skipped := 0
			if format == "jsonl" {
				err = w.export(cmd.Context(), env.stdout, progress)
			} else {
				folder := ""
				if len(args) == 1 {
					folder = args[0]
				}
				site := w.config.FeedSite()
				var out transfer.PostWriter
				out, err = transfer.NewPostWriter(transfer.WriteFormat(format), env.stdout, folder, transfer.Channel{
					Title: site.Title, Link: site.HomeURL, Language: site.Language,
				})
				if err == nil {
					skipped, err = w.convert(cmd.Context(), out, env, progress)
				}
			}
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			if skipped > 0 {
				return errSetAside
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "jsonl", "what to write: jsonl, jsonfeed, wxr or markdown")
	addSettings(cmd, storeFlags...)
	return cmd
}

// export writes records, then posts, each in order, so that two exports of one site are equal. Records come first so
// that who reads them in order dates no post by the time of its import; only those of posts that came meanwhile are last.
func (w *workplace) export(ctx context.Context, to io.Writer, progress *progress) error {
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
		if err := out.Record(line); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(records)) {
		if err := out.Record(feed.ExportLine{Record: new(records[id])}); err != nil {
			return err
		}
	}
	var late []string // posts that came after the records were read
	err := w.rawPosts(ctx, progress, func(p feed.RawPost) error {
		if _, ok := records[p.ID]; !ok {
			late = append(late, p.ID)
		}
		return out.Post(p)
	})
	if err == nil {
		err = w.load(ctx, late, func(s feed.StoredPost) error {
			if s.Record.ID == "" {
				return nil // not seen by a builder yet
			}
			return out.Record(feed.ExportLine{Record: &s.Record})
		})
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// convert writes the posts that can be read in another program's form, and returns how many can't.
func (w *workplace) convert(ctx context.Context, out transfer.PostWriter, env *environment, progress *progress) (skipped int, err error) {
	err = w.rawPosts(ctx, progress, func(raw feed.RawPost) error {
		post, err := intake.Decode(raw.ID, raw.Raw)
		if err == nil {
			err = out.Write(post)
		}
		if errors.Is(err, feed.ErrInvalid) {
			skipped++
			progress.clear()
			fmt.Fprintf(env.stderr, "feedpub: set aside: %s: %s\n", raw.ID, oneLine(err))
			return nil
		}
		return err
	})
	if err != nil {
		return skipped, err
	}
	return skipped, out.Close()
}

// rawPosts calls each with every post in the order of ids. Only the ids are held in memory.
func (w *workplace) rawPosts(ctx context.Context, progress *progress, each func(feed.RawPost) error) error {
	ids, err := w.sortedIDs(ctx)
	if err != nil {
		return err
	}
	const batch = 200
	for some := range slices.Chunk(ids, batch) {
		posts, err := w.RawPosts(ctx, some...)
		if err != nil {
			return err
		}
		for _, p := range posts {
			progress.tick()
			if p.Raw == nil {
				continue // deleted since
			}
			if err := each(p); err != nil {
				return err
			}
		}
	}
	return nil
}
