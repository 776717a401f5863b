package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

// imports ensures that an import that runs while no process has the folder open is not announced to hubs. Such an
// import records its posts in a file. The next builder reads all posts again, not only the imported ones, so it must
// also know that the others have not changed since their feeds were last announced. This is known if the last process
// that built has recorded, when it closed the store, that it had nothing left to build.
type imports struct {
	imported string // path of the file of imported posts
	settled  string // path of the file of the state at the end of the last run
	last     *settledState
}

// settledState is the state of a store whose feeds were all built and announced.
type settledState struct {
	// Waiting lists the ids of the posts whose date was in the future.
	Waiting []string `json:"waiting"`
}

func newImports(dir string) *imports {
	return &imports{imported: filepath.Join(dir, "imported.jsonl"), settled: filepath.Join(dir, "settled.json")}
}

// RecordImport records posts that an import is about to write with [WritePost] while no process has the data folder
// open. When they are published, hubs are not notified.
func RecordImport(data string, posts ...feed.RawPost) error {
	dir := filepath.Join(data, ownFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, p := range posts {
		if err := enc.Encode(feed.ImportedPost{ID: p.ID, Sum: feed.HashOf(p.Raw)}); err != nil {
			return fmt.Errorf("imported posts: %w", err)
		}
	}
	f, err := os.OpenFile(newImports(dir).imported, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("imported posts: %w", err)
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("imported posts: %w", err)
	}
	return nil
}

// open tells the server which posts need not be announced: those that were imported, and those that have not changed
// since they were last announced. last contains the posts of the last run. open must be called before posts are
// absorbed.
func (i *imports) open(ctx context.Context, site *store.Site, last lastRun) error {
	b, err := os.ReadFile(i.settled)
	if err == nil {
		err = os.Remove(i.settled) // from now on, posts may be absorbed without being announced
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state of the last run: %w", err)
	}
	state := new(settledState)
	if err == nil && json.Unmarshal(b, state) == nil {
		i.last = state
	}
	lines, err := i.read()
	if err != nil || len(lines) == 0 {
		return err
	}
	if i.last != nil {
		lines = append(i.unchanged(last), lines...)
	}
	return site.RestoreRecords(ctx, lines...)
}

// unchanged returns lines for the posts of the last run that need not be announced again. It omits posts whose date was
// in the future, since that date may have been reached.
func (i *imports) unchanged(last lastRun) []feed.ExportLine {
	var lines []feed.ExportLine
	for _, v := range last.files {
		for _, p := range v.posts {
			if !slices.Contains(i.last.Waiting, p.ID) {
				lines = append(lines, feed.ExportLine{Imported: &feed.ImportedPost{ID: p.ID, Sum: feed.HashOf(p.Raw)}})
			}
		}
	}
	return lines
}

// read returns the posts that were imported. It skips lines that cannot be decoded.
func (i *imports) read() ([]feed.ExportLine, error) {
	f, err := os.Open(i.imported)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("imported posts: %w", err)
	}
	defer func() { _ = f.Close() }()
	var lines []feed.ExportLine
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		p := new(feed.ImportedPost)
		if err := json.Unmarshal(scanner.Bytes(), p); err == nil && p.ID != "" {
			lines = append(lines, feed.ExportLine{Imported: p})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("imported posts: %w", err)
	}
	return lines, nil
}

// close saves the state of the run if the server has nothing left to build.
func (i *imports) close(ctx context.Context, site *store.Site, files fileOps) error {
	cursor, err := site.Cursor(ctx)
	if err != nil {
		return err
	}
	state := i.last // nothing was absorbed, so the state is unchanged
	if cursor != "" {
		if state, err = settledStateOf(ctx, site, cursor); err != nil {
			return err
		}
	}
	if state == nil {
		return nil
	}
	b, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("state of the run: %w", err)
	}
	if cursor != "" {
		if err := os.Remove(i.imported); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("imported posts: %w", err)
		}
	}
	if err := files.replace(i.settled, b, 0o600); err != nil {
		return fmt.Errorf("state of the run: %w", err)
	}
	return nil
}

// settledStateOf returns the state of a server whose builder has absorbed the inbox up to cursor, or nil if there is
// something left to build.
func settledStateOf(ctx context.Context, site *store.Site, cursor string) (*settledState, error) {
	unread, err := site.Inbox(ctx, cursor, 1)
	if err != nil || len(unread) > 0 {
		return nil, err
	}
	dirty, err := site.DirtyFeeds(ctx)
	if err != nil || len(dirty) > 0 {
		return nil, err
	}
	const all = 1 << 30
	forever := time.UnixMilli(1 << 52)
	waiting, err := site.Due(ctx, forever, all)
	if err != nil {
		return nil, err
	}
	return &settledState{Waiting: waiting}, nil
}
