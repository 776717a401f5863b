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

	"feedpub/cmd/internal/hosting"
	"feedpub/cmd/internal/importer"
	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

// exportLines is the format that contains posts as they are stored, with their records.
const exportLines = "jsonl"

// exportFormats are the formats of the command.
func exportFormats() []string { return []string{exportLines, "jsonfeed", "wxr", "markdown"} }

func newExport(env *environment) *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write all posts to a file or to standard output",
		Long: `Write all posts to standard output as JSON Lines, as they are stored, drafts and
private ones included, with their records: when each was first seen and removed,
the path names of feeds, and the boundaries of archives. An empty site that imports
them publishes the same documents.

With --output, write to a file instead, which is replaced only when the export is
complete; if it fails, an existing file stays as it is. The exit status is 1, and
nothing is written, while feeds are held, while published posts are missing or cannot
be read, and if the store has no data for the site: the export would lack posts.

The other formats are for other programs, and contain all posts that can be read:
jsonfeed; wxr, a WordPress export; and markdown, which writes a file with front
matter for each post to FOLDER, which must be empty or new.

Posts can be written during an export. Each post is exported in one of its versions,
and a post that exists throughout is never missing.`,
		Example: `  feedpub export --output blog.jsonl
  feedpub export | jq -r 'select(.id).id'
  feedpub export --format markdown blog`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(exportFormats(), format) {
				return usageError{fmt.Errorf("--format %s: want one of jsonl, jsonfeed, wxr, markdown", format)}
			}
			switch {
			case (format == "markdown") != (len(args) == 1):
				return usageError{errors.New("want a folder with --format markdown, and no arguments otherwise; " +
					"see 'feedpub export --help'")}
			case format == "markdown" && output != "":
				return usageError{errors.New("--output: --format markdown writes to a folder")}
			}
			site, err := env.open(cmd)
			if err != nil {
				return err
			}
			defer site.Close()
			e := exporter{site: site, progress: importer.NewProgress(env.stderr, time.Now), stderr: env.stderr}
			defer e.progress.Clear()
			write := func(w io.Writer) error { return e.export(cmd.Context(), format, w, args) }
			if err := writeOutput(env.stdout, output, write); err != nil {
				return fmt.Errorf("export: %w", err)
			}
			if e.rejected > 0 {
				return errRejected
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "write to this file, which is replaced when the export is complete")
	cmd.Flags().StringVar(&format, "format", exportLines, "write jsonl, jsonfeed, wxr or markdown")
	addSettings(cmd, storeFlags...)
	return cmd
}

// writeOutput calls write with a writer to the file output, or to stdout if output is empty.
func writeOutput(stdout io.Writer, output string, write func(io.Writer) error) error {
	if output == "" {
		return write(stdout)
	}
	return replaceFile(output, write)
}

// exporter writes the posts of a site.
type exporter struct {
	site     *hosting.Site
	progress *importer.Progress
	stderr   io.Writer
	rejected int // posts that could not be converted
}

// export writes the posts in a format, unless the store lacks published posts. It checks before and after it writes,
// since the store may lose posts during the export.
func (e *exporter) export(ctx context.Context, format string, w io.Writer, args []string) error {
	if err := e.checkComplete(ctx); err != nil {
		return err
	}
	var err error
	if format == exportLines {
		err = e.lines(ctx, w)
	} else {
		err = e.convert(ctx, transfer.WriteFormat(format), w, args)
	}
	if err == nil {
		err = e.checkComplete(ctx)
	}
	if err == nil {
		err = e.reportFiles(ctx)
	}
	return err
}

// lines writes records, then posts, each sorted by id, so that two exports of a site are equal. Records come first,
// since a post that is imported without a record gets the time of the import as its date. The records of posts that
// were added during the export come last.
func (e *exporter) lines(ctx context.Context, w io.Writer) error {
	out := transfer.NewWriter(w)
	records := make(map[string]feed.Record) // the store may return a record twice
	for line, err := range e.site.Store.Records(ctx) {
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
	var added []string // posts without a record
	err := e.posts(ctx, func(p feed.RawPost) error {
		if _, ok := records[p.ID]; !ok {
			added = append(added, p.ID)
		}
		return out.Post(p)
	})
	if err == nil {
		err = e.site.Load(ctx, added, func(s feed.StoredPost) error {
			if s.Record.ID == "" {
				return nil // not absorbed yet
			}
			return out.Record(feed.ExportLine{Record: &s.Record})
		})
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// convert writes the posts that can be read in another format, to standard output or to the folder that args name.
func (e *exporter) convert(ctx context.Context, format transfer.WriteFormat, stdout io.Writer, args []string) error {
	folder := ""
	if len(args) == 1 {
		folder = args[0]
	}
	site := e.site.Source.Config.FeedSite()
	out, err := transfer.NewPostWriter(format, stdout, folder, transfer.Channel{
		Title: site.Title, Link: site.HomeURL, Language: site.Language,
	})
	if err != nil {
		return err
	}
	err = e.posts(ctx, func(raw feed.RawPost) error {
		post, err := intake.Decode(raw.ID, raw.Raw)
		if err == nil {
			err = out.Write(post)
		}
		if errors.Is(err, feed.ErrInvalid) {
			e.reject(raw.ID, hosting.OneLine(err))
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// reject reports a post that is not exported.
func (e *exporter) reject(id, reason string) {
	e.rejected++
	e.progress.Clear()
	fmt.Fprintf(e.stderr, "feedpub: rejected: %s: %s\n", id, reason)
}

// posts calls f with every post, ordered by id. It keeps only the ids in memory.
func (e *exporter) posts(ctx context.Context, f func(feed.RawPost) error) error {
	ids, err := e.site.PostIDs(ctx)
	if err != nil {
		return err
	}
	const batch = 200
	for some := range slices.Chunk(ids, batch) {
		posts, err := e.site.Store.RawPosts(ctx, some...)
		if err != nil {
			return err
		}
		for _, p := range posts {
			e.progress.Tick()
			if p.Raw == nil {
				continue // the post was deleted during the export
			}
			if err := f(p); err != nil {
				return err
			}
		}
	}
	return nil
}
