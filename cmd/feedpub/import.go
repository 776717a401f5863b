package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/cmd/internal/importer"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

// importFlags are the values of the command's own flags.
type importFlags struct {
	asJSON, dryRun        bool
	pages, undo           bool
	format, since, report string
	baseURL               string
}

func newImport(env *environment) *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER...",
		Short: "Import posts from files",
		Long: `Import posts from files and folders; - is standard input. The format is detected from
the extension, or from the content if several formats share the extension: a
WordPress, Ghost or Blogger export, RSS, Atom, JSON Feed, feedpub's JSON with one post or several,
the JSON Lines that 'feedpub export' writes, Markdown with front matter, HTML, and
otherwise the plain text of one post, which begins with its title.
In the folder of a Hugo, Jekyll or Octopress site, find the posts and the URLs of their
pages; convert the shortcodes and Liquid tags that are part of these programs, and report
all others. Files may be compressed with gzip or zip.

Posts keep their ids, so feed readers show no post twice. Drafts stay drafts.
Private posts and those with a password are never published. Pages are skipped
unless --pages is given. A post is rejected if its file does not state whether it is
public. If several posts have the same id, the first is stored and the others are
rejected.

Posts are stored in the Redis of --redis or the folder of --dir, by default ./posts,
which is created if it does not exist. Importing a file again stores only what has
changed. Posts that cannot be read are rejected and reported, and the exit status is
3. A file that 'feedpub export --output' has written is checked first: if it is
damaged, none of it is imported. Rejected posts in an export are restored in Redis as they
were, and stay rejected. The records of an export are merged with those of the
site; --dry-run reports what would change. With --undo, delete the posts of the files,
except those that have changed since they were imported.`,
		Example: `  feedpub import --dry-run wordpress.xml
  feedpub import post.txt notes/*.md
  feedpub export --redis redis://old | feedpub import --redis redis://new -`,
		Args: someArgs("file"),
		RunE: func(cmd *cobra.Command, args []string) error { return env.importFiles(cmd, flags, args) },
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &flags.asJSON)
	f := cmd.Flags()
	f.BoolVar(&flags.dryRun, "dry-run", false, "report what would be done, and store nothing")
	f.BoolVar(&flags.undo, "undo", false, "delete the posts of these files, unless they have changed")
	f.BoolVar(&flags.pages, "pages", false, "import the pages of a site too, such as \"about\"")
	f.StringVar(&flags.baseURL, "base-url", "", "URL of the site; overrides the one in its configuration, and supplies one that an export lacks")
	f.StringVar(&flags.format, "format", "", "read files in this format instead of the detected one: "+importFormats())
	f.StringVar(&flags.since, "since", "", "skip posts dated before this day, such as 2020-12-31")
	f.StringVar(&flags.report, "report", "", "write a report in JSON to this file")
	return cmd
}

// importFormats returns the names of the formats for help and error messages.
func importFormats() string {
	var names []string
	for _, f := range transfer.ReadFormats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// options returns the options of the import that the flags set.
func (flags importFlags) options() (importer.Options, error) {
	o := importer.Options{DryRun: flags.dryRun, Undo: flags.undo, Now: time.Now}
	if flags.format != "" && !slices.Contains(transfer.ReadFormats(), transfer.Format(flags.format)) {
		return o, usageError{fmt.Errorf("--format %s: want one of %s", flags.format, importFormats())}
	}
	if flags.since != "" {
		t, ok := intake.ParseDate(flags.since)
		if !ok {
			return o, usageError{fmt.Errorf("--since %s: want a date such as 2020-12-31", flags.since)}
		}
		o.Since = t
	}
	if u, err := url.Parse(flags.baseURL); flags.baseURL != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		return o, usageError{fmt.Errorf("--base-url %s: want a URL such as https://blog.example", flags.baseURL)}
	}
	o.Transfer = transfer.Options{Format: transfer.Format(flags.format), Pages: flags.pages, BaseURL: flags.baseURL}
	return o, nil
}

// importFiles implements the import command.
func (env *environment) importFiles(cmd *cobra.Command, flags importFlags, args []string) error {
	o, err := flags.options()
	if err != nil {
		return err
	}
	w, source, err := env.openWriter(cmd)
	if err != nil {
		return err
	}
	defer w.Close()
	o.Writer, o.Stdin, o.Stderr = w, env.stdin, env.stderr
	o.Restore = !source.Folder() // in a folder, the bytes of a rejected post might be read as a different post
	o.Files = source.MediaDir()
	o.Transfer.ImageFiles = o.Files != ""
	o.Transfer.Location = source.Config.TimeZone.Location
	if o.Transfer.Reader, err = hosting.NewReader(source.Config.Attribution); err != nil {
		return err
	}
	report, err := importer.Run(cmd.Context(), o, args)
	if flags.report != "" {
		if writeErr := writeReport(flags.report, report); writeErr != nil {
			return errors.Join(err, writeErr)
		}
	}
	if flags.asJSON {
		if err := env.printJSON(report); err != nil {
			return err
		}
	} else {
		env.printImport(report, source, flags.undo)
	}
	if err == nil && report.RejectedCount > 0 {
		return errRejected
	}
	return err
}

func writeReport(name string, r *importer.Report) error {
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(name, append(encoded, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

func (env *environment) printImport(r *importer.Report, source hosting.Source, undo bool) {
	rows := [][]string{{"POSTS", "NEW", "CHANGED", "UNCHANGED"}}
	unchanged := 0
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		c := r.Statuses[status]
		unchanged += c.Unchanged
		rows = append(rows, []string{status, strconv.Itoa(c.New), strconv.Itoa(c.Changed), strconv.Itoa(c.Unchanged)})
	}
	if len(rows) > 1 {
		if err := env.printTable(rows); err != nil {
			return // standard output is closed
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(env.stdout, "skipped: %d %s\n", r.Skipped[reason], reason)
	}
	if n := r.WithoutURL; n > 0 {
		fmt.Fprintf(env.stdout, "without url: %s; readers cannot open the page of such a post\n", count(n, "post"))
	}
	if n := r.Files; n > 0 {
		verb := "saved in"
		if r.DryRun {
			verb = "would be saved in"
		}
		fmt.Fprintf(env.stdout, "%s from the text of posts %s %s\n", count(n, "image"), verb, source.MediaDir())
	}
	printChanges(env.stdout, r)
	where := source.Config.Redis.String()
	if source.Folder() {
		where = string(source.Config.Dir)
	}
	n, verb := r.Posts, "stored in"
	if undo {
		n, verb = r.Deleted, "deleted from"
	}
	if r.DryRun {
		verb = "would be " + verb
	}
	fmt.Fprintf(env.stdout, "%s %s %s", count(n-unchanged, "post"), verb, where)
	if unchanged > 0 {
		fmt.Fprintf(env.stdout, ", %d unchanged", unchanged)
	}
	if n := r.Records; n > 0 {
		fmt.Fprintf(env.stdout, ", %s", count(n, "record"))
	}
	if n := r.RejectedCount; n > 0 {
		fmt.Fprintf(env.stdout, ", %d rejected", n)
	}
	fmt.Fprintln(env.stdout)
}

// printChanges prints what a dry run would change in a site that has posts and records.
func printChanges(w io.Writer, r *importer.Report) {
	const most = 20
	for _, id := range r.Changed[:min(len(r.Changed), most)] {
		fmt.Fprintf(w, "would replace: %s\n", visible(id))
	}
	if n := len(r.Changed) - most; n > 0 {
		fmt.Fprintf(w, "would replace: %d more; --report lists them\n", n)
	}
	if c := r.RecordChanges; c != nil {
		fmt.Fprintf(w, "records: %d new, %d changed, %d unchanged, %d not imported because the site has its own\n", c.New, c.Changed,
			c.Unchanged, c.Kept)
	}
}

// count returns n followed by noun, which is plural unless n is 1.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
