package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

// importBatch is how many posts are stored at a time: enough to make round trips cheap, few enough to bound what has to
// be done again after an interruption.
const importBatch = 500

// imported is what an import did.
type imported struct {
	Posts    int      `json:"posts"`   // stored, changed or not
	Records  int      `json:"records"` // of export: first seen, names, removals
	SetAside []string `json:"set_aside"`
}

func newImport(env *environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take in posts from files",
		Long: `Take in posts from files; - is standard input. The form is told by the content:
feedpub's JSON, one post or several; JSON Lines, such as export writes; JSON Feed;
else the plain text of one post, its title first. Files that end in .md, .markdown,
.html or .htm are read as such, with front matter.

Posts go into the Redis of --redis or the folder of --dir, else into ./posts, which
is made if it is missing. Importing a file again does no harm. Posts that can't be
read are told about and left out; the exit code is 3 then.`,
		Example: `  feedpub import post.txt notes/*.md
  feedpub export --redis redis://old | feedpub import --redis redis://new -`,
		Args: someArgs("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, p, done, err := env.openToWrite(cmd)
			if err != nil {
				return err
			}
			defer done()
			reader, err := newReader(p.config.Attribution)
			if err != nil {
				return err
			}
			i := importer{env: env, place: p, reader: reader, writer: w, done: imported{SetAside: []string{}}}
			for _, name := range args {
				if err := i.file(cmd.Context(), name); err != nil {
					return err
				}
			}
			if err := i.flush(cmd.Context()); err != nil {
				return err
			}
			if asJSON {
				if err := env.printJSON(i.done); err != nil {
					return err
				}
			} else {
				i.summarize()
			}
			if len(i.done.SetAside) > 0 {
				return errSetAside
			}
			return nil
		},
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &asJSON)
	return cmd
}

// importer stores what files hold, in batches.
type importer struct {
	env    *environment
	place  place
	reader *attribution.Reader
	writer writer
	posts  []feed.RawPost // to be stored
	lines  []feed.Line
	done   imported
}

// file takes in one file. The error ends the import; what is wrong with a post does not.
func (i *importer) file(ctx context.Context, name string) error {
	if slices.Contains([]string{".md", ".markdown", ".html", ".htm"}, strings.ToLower(filepath.Ext(name))) {
		content, err := os.ReadFile(name)
		if err != nil {
			return describeFile(err)
		}
		posts, err := decodeFiles(i.reader)(filepath.ToSlash(filepath.Clean(name)), content)
		if err != nil {
			i.setAside(name, err)
		}
		for _, p := range posts {
			if err := i.post(ctx, name, p); err != nil {
				return err
			}
		}
		return nil
	}
	source, done, err := i.env.openInput([]string{name})
	if err != nil {
		return describeFile(err)
	}
	defer done()
	return i.entries(ctx, name, source)
}

// describeFile returns the error of a file that can't be read.
func describeFile(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return fmt.Errorf("import: %s: %w", p.Path, p.Err)
	}
	return fmt.Errorf("import: %w", err)
}

func (i *importer) entries(ctx context.Context, name string, source io.Reader) error {
	for entry, err := range transfer.Read(source, name, i.reader, i.place.config.TimeZone.Location) {
		switch {
		case errors.Is(err, feed.ErrInvalid):
			i.setAside("", err)
		case err != nil:
			return describeFile(err)
		case entry.Record != nil:
			i.lines = append(i.lines, recordLine(*entry.Record))
		case entry.Post != nil:
			if err := i.post(ctx, entry.Place, *entry.Post); err != nil {
				return err
			}
		}
		if len(i.lines) >= importBatch {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// post takes in a post that was found at a place. One that can't be read as a post is not stored: nothing would come
// of it, and the person who could mend it is here.
func (i *importer) post(ctx context.Context, place string, p feed.RawPost) error {
	if _, err := intake.Decode(p.ID, p.Raw); err != nil {
		i.setAside(place, err)
		return nil
	}
	i.posts = append(i.posts, p)
	if len(i.posts) < importBatch {
		return nil
	}
	return i.flush(ctx)
}

func (i *importer) setAside(place string, err error) {
	what := oneLine(err)
	if place != "" {
		what = place + ": " + what
	}
	i.done.SetAside = append(i.done.SetAside, what)
	fmt.Fprintf(i.env.stderr, "feedpub: set aside: %s\n", what)
}

// flush stores what was read. Records go first: a post that comes before its record would be dated by its import.
func (i *importer) flush(ctx context.Context) error {
	if len(i.lines) > 0 {
		if err := i.restore(ctx); err != nil {
			return fmt.Errorf("import: %w", err)
		}
		i.done.Records += len(i.lines)
		i.lines = i.lines[:0]
	}
	if len(i.posts) > 0 {
		if err := i.writer.Put(ctx, i.posts...); err != nil {
			return fmt.Errorf("import: %w", err)
		}
		i.done.Posts += len(i.posts)
		i.posts = i.posts[:0]
	}
	return nil
}

// restore stores records. Those of a folder are the store's, which has to be opened for that.
func (i *importer) restore(ctx context.Context) error {
	if s, ok := i.writer.(siteWriter); ok {
		return s.Restore(ctx, i.lines...)
	}
	if err := os.MkdirAll(string(i.place.config.Dir), 0o755); err != nil {
		return fmt.Errorf("folder of posts: %w", err)
	}
	w, err := i.place.openFolder(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	return w.Restore(ctx, i.lines...)
}

func (i *importer) summarize() {
	where := i.place.config.Redis.String()
	if i.place.folder() {
		where = string(i.place.config.Dir)
	}
	fmt.Fprintf(i.env.stdout, "%s stored in %s", count(i.done.Posts, "post"), where)
	if n := i.done.Records; n > 0 {
		fmt.Fprintf(i.env.stdout, ", %s", count(n, "record"))
	}
	if n := len(i.done.SetAside); n > 0 {
		fmt.Fprintf(i.env.stdout, ", %d set aside", n)
	}
	fmt.Fprintln(i.env.stdout)
}

// count returns a number with a noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// recordLine returns a record in the form in which the store takes it.
func recordLine(r transfer.Record) feed.Line {
	switch {
	case r.Post != nil:
		return feed.Line{Record: r.Post}
	case r.Name != "":
		return feed.Line{Name: &feed.NameLine{Feed: r.Name, Full: r.Of}}
	case r.Archive != nil:
		return feed.Line{Archive: r.Archive}
	default:
		return feed.Line{Removal: &feed.RemovalLine{Feed: r.Removal, Time: r.Time}}
	}
}

// lineRecord returns a record in the form in which it is written.
func lineRecord(l feed.Line) transfer.Record {
	switch {
	case l.Record != nil:
		return transfer.Record{Post: l.Record}
	case l.Name != nil:
		return transfer.Record{Name: l.Name.Feed, Of: l.Name.Full}
	case l.Archive != nil:
		return transfer.Record{Archive: l.Archive}
	default:
		return transfer.Record{Removal: l.Removal.Feed, Time: l.Removal.Time}
	}
}
