package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
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
	var format, output, verify string
	cmd := &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write all posts to a file or to standard output",
		Long: `Write all posts to standard output as JSON Lines, as they are stored, drafts and
private ones included, with everything else that cannot be rebuilt: when each post was
first seen and removed, the path names of feeds, the boundaries of archives, decisions
about credits, subscriptions and the rendering version. An empty site that imports
them publishes the same documents.

With --output, write to a file instead, compressed with gzip and with a checksum. The
file is replaced only when the export is complete; if it fails, an existing file stays
as it is. If the export would lack posts, because feeds are held, published posts are missing
or cannot be read, or the store has no data for the site, nothing is written and the
exit status is 1. Rejected posts that were never published are exported as they are.
Keys of the wrong type and unreadable files are not posts: they are listed, and the
exit status is 3. With --verify, check that such a file is complete and unchanged, and
can be imported.

The other formats are for other programs, and contain all posts that can be read:
jsonfeed; wxr, a WordPress export; and markdown, which writes a file with front
matter for each post to FOLDER, which must be empty or new.

Posts can be written during an export. Each post is exported in one of its versions,
and a post that exists throughout is never missing.`,
		Example: `  feedpub export --output blog.jsonl.gz
  feedpub export --verify blog.jsonl.gz
  feedpub export | jq -r 'select(.id).id'
  feedpub export --format markdown blog`,
		Args: atMostOneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if verify != "" {
				return env.verifyExport(verify)
			}
			return env.export(cmd, format, output, args)
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "write to this file, which is replaced when the export is complete")
	cmd.Flags().StringVar(&format, "format", exportLines, "write jsonl, jsonfeed, wxr or markdown")
	cmd.Flags().StringVar(&verify, "verify", "", "check this file, which --output has written; - is standard input")
	cmd.MarkFlagsMutuallyExclusive("verify", "output")
	addSettings(cmd, storeFlags...)
	return cmd
}

// export runs the command if --verify is not set.
func (env *environment) export(cmd *cobra.Command, format, output string, args []string) error {
	if err := checkExportFlags(format, output, args); err != nil {
		return err
	}
	site, err := env.open(cmd)
	if err != nil {
		return err
	}
	defer site.Close()
	e := exporter{site: site, progress: importer.NewProgress(env.stderr, time.Now), stderr: env.stderr}
	defer e.progress.Clear()
	write := func(w io.Writer) error { return e.export(cmd.Context(), format, w, args) }
	if output != "" {
		e.sealed = format == exportLines
		err = replaceFile(output, write)
	} else {
		err = write(env.stdout)
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if e.sealed {
		fmt.Fprintf(env.stdout, "%s and %s exported to %s\n", count(e.posts, "post"), count(e.records, "record"), output)
	}
	if e.rejected > 0 {
		return errRejected
	}
	return nil
}

// checkExportFlags returns an error for an invalid combination of flags and arguments.
func checkExportFlags(format, output string, args []string) error {
	if !slices.Contains(exportFormats(), format) {
		return usageError{fmt.Errorf("--format %s: want one of jsonl, jsonfeed, wxr, markdown", format)}
	}
	switch extension := strings.ToLower(filepath.Ext(output)); {
	case (format == "markdown") != (len(args) == 1):
		return usageError{errors.New("want a folder with --format markdown, and no arguments otherwise; " +
			"see 'feedpub export --help'")}
	case format == "markdown" && output != "":
		return usageError{errors.New("--output: --format markdown writes to a folder")}
	case format == exportLines && slices.Contains([]string{".zst", ".xz", ".bz2", ".zip", ".br", ".lz4"}, extension):
		return usageError{fmt.Errorf("--output %s: the file is compressed with gzip; choose a name that ends in .gz", output)}
	}
	return nil
}

// verifyExport checks a file that 'export --output' has written, and prints what it contains.
func (env *environment) verifyExport(name string) error {
	var r io.Reader = env.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	found, err := transfer.VerifyExport(r, name)
	if err != nil {
		return fmt.Errorf("verify: %s", hosting.OneLine(err))
	}
	fmt.Fprintf(env.stdout, "%s: complete, with %s and %s of the site %s\n", name, count(found.Posts, "post"),
		count(found.Records, "record"), found.Site)
	return nil
}

// exporter writes the posts of a site.
type exporter struct {
	site     *hosting.Site
	progress *importer.Progress
	stderr   io.Writer
	sealed   bool // whether to compress the lines and add a checksum
	rejected int  // posts that could not be converted
	// posts and records are the numbers of lines that were written.
	posts, records int
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

// lineWriter writes the lines of an export.
type lineWriter interface {
	Post(p feed.RawPost) error
	Record(l feed.ExportLine) error
	Counts() (posts, records int)
}

// lines writes the posts and records as JSON Lines.
func (e *exporter) lines(ctx context.Context, w io.Writer) error {
	var out lineWriter
	var end func() error
	if e.sealed {
		sealed, err := transfer.NewExportWriter(w, e.site.Source.Config.Site.ID)
		if err != nil {
			return err
		}
		out, end = sealed, sealed.Close
	} else {
		plain := transfer.NewWriter(w)
		out, end = plain, plain.Flush
	}
	if err := e.writeLines(ctx, out); err != nil {
		return err
	}
	e.posts, e.records = out.Counts()
	return end()
}

// writeLines writes records, then posts, each in order, so that two exports of a site are equal. Records come first,
// since a post that is imported without a record gets the time of the import as its date. Records that were added or
// changed during the export come last, because exported posts need them.
func (e *exporter) writeLines(ctx context.Context, out lineWriter) error {
	before, err := e.writeRecords(ctx, out, nil)
	if err != nil {
		return err
	}
	if err := e.eachPost(ctx, out.Post); err != nil {
		return err
	}
	_, err = e.writeRecords(ctx, out, before)
	return err
}

// writeRecords writes the records that differ from those that were written before, and returns all records by key.
func (e *exporter) writeRecords(
	ctx context.Context, out lineWriter, before map[string]feed.ExportLine,
) (map[string]feed.ExportLine, error) {
	records := make(map[string]feed.ExportLine) // the store may return a record twice
	for line, err := range e.site.Store.Records(ctx) {
		if err != nil {
			return nil, err
		}
		records[line.Key()] = line
	}
	schema, err := e.site.Store.Schema(ctx)
	if err != nil {
		return nil, err
	}
	if schema.Renderer > 0 {
		line := feed.ExportLine{Rendering: schema.Renderer}
		records[line.Key()] = line
	}
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if old, ok := before[key]; ok && reflect.DeepEqual(old, records[key]) {
			continue
		}
		if err := out.Record(records[key]); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// convert writes all readable posts in a different format, to standard output or to the folder that args name.
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
	err = e.eachPost(ctx, func(raw feed.RawPost) error {
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

// eachPost calls f with every post, ordered by id. It keeps only the ids in memory.
func (e *exporter) eachPost(ctx context.Context, f func(feed.RawPost) error) error {
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
		var absent []string
		for _, p := range posts {
			e.progress.Tick()
			if p.Raw == nil {
				absent = append(absent, p.ID)
				continue
			}
			if err := f(p); err != nil {
				return err
			}
		}
		if err := e.rejectUnreadable(ctx, absent); err != nil {
			return err
		}
	}
	return nil
}

// rejectUnreadable reports which of the posts have a key that does not contain a post. The others were deleted during
// the export.
func (e *exporter) rejectUnreadable(ctx context.Context, ids []string) error {
	return e.site.Load(ctx, ids, func(s feed.StoredPost) error {
		if s.Unreadable != "" {
			e.reject(s.ID, s.Unreadable)
		}
		return nil
	})
}
