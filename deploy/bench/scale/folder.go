package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/posttest"
)

const (
	// folderWait is the maximum time until a server has built the feeds of a folder.
	folderWait = time.Hour
	// folderPoll is the interval between requests to a server that builds a folder.
	folderPoll = 100 * time.Millisecond
)

// folder measures "feedpub serve" with a folder of Markdown files: the first start, a changed post, and a second start
// with the data folder of the first. The posts have no URL, so each has its own page.
func (b *bench) folder(ctx context.Context) error {
	dir := filepath.Join(b.dir, "posts")
	if err := writeFolder(dir, b.folderPosts); err != nil {
		return err
	}
	if _, err := b.program(ctx); err != nil { // build the program before the measurement starts
		return err
	}
	data := filepath.Join(b.dir, "data")
	for _, start := range []string{"first start", "second start"} {
		if err := b.startFolder(ctx, start, dir, data); err != nil {
			return fmt.Errorf("%s: %w", start, err)
		}
	}
	return nil
}

// startFolder starts a server with a folder, and measures how long it takes to build the feeds and to serve a changed
// post.
func (b *bench) startFolder(ctx context.Context, start, dir, data string) error {
	began := time.Now()
	r, err := b.startFolderServer(ctx, dir, data)
	if err != nil {
		return err
	}
	defer r.stop()
	report := func(what string, since time.Time) error {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid()))
		if err != nil {
			return err
		}
		return b.out.Encode(result{
			Work: "folder, " + start + ": " + what, Posts: b.folderPosts, Seconds: time.Since(since).Seconds(),
			CPU: used(r.pid()).Seconds(), MiB: field(status, "VmRSS:") / 1024, PeakMiB: field(status, "VmHWM:") / 1024,
		})
	}
	rss, index := feed.Main.Path(feed.RSS), feed.Pages.Path(feed.HTML)
	if err := r.getWithin(ctx, rss, "", folderWait, folderPoll); err != nil {
		return err
	}
	if err := report("first feed served", began); err != nil {
		return err
	}
	// The index is built after all feeds.
	if err := r.getWithin(ctx, index, "", folderWait, folderPoll); err != nil {
		return err
	}
	if err := report("all feeds served", began); err != nil {
		return err
	}
	size, err := sizeOf(data)
	if err != nil {
		return err
	}
	if err := b.out.Encode(result{Work: "folder, " + start + ": data folder", Posts: b.folderPosts, MiB: size}); err != nil {
		return err
	}
	changed := time.Now()
	if err := writeMarkdown(dir, b.folderPosts-1, 1+len(start)); err != nil {
		return err
	}
	if err := r.getWithin(ctx, rss, r.tags[rss], folderWait, folderPoll/10); err != nil {
		return err
	}
	return report("changed post in the main feed", changed)
}

// startFolderServer starts "feedpub serve" with a folder of posts.
func (b *bench) startFolderServer(ctx context.Context, dir, data string) (*replica, error) {
	return b.start(ctx, folderWait, []string{"--dir", dir, "--data", data}, []string{"FEEDPUB_LOG_LEVEL=warn"})
}

// writeFolder writes n posts as Markdown files.
func writeFolder(dir string, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range n {
		if err := writeMarkdown(dir, i, 0); err != nil {
			return err
		}
	}
	return nil
}

var (
	markdownLink  = regexp.MustCompile(`<a href="([^"]*)">([^<]*)</a>`)
	markdownQuote = regexp.MustCompile(`(?s)<blockquote>(.*?)</blockquote>`)
	markdownTags  = strings.NewReplacer("<p>", "", "</p>", "\n\n")
)

// writeMarkdown writes a post, after the given number of edits and without a URL, as a Markdown file.
func writeMarkdown(dir string, i, edit int) error {
	raw := posttest.Version(i, edit)
	p, err := intake.Decode(raw.ID, raw.Raw)
	if err != nil {
		return err
	}
	authors := make([]string, len(p.Authors))
	for i, a := range p.Authors {
		authors[i] = a.Name
	}
	front, err := json.Marshal(map[string]any{"title": p.Title, "date": p.DatePublished, "tags": p.Tags, "authors": authors})
	if err != nil {
		return err
	}
	text := markdownLink.ReplaceAllString(p.ContentHTML, "[$2]($1)")
	text = markdownQuote.ReplaceAllStringFunc(text, func(quote string) string {
		inner := strings.TrimSpace(markdownTags.Replace(markdownQuote.FindStringSubmatch(quote)[1]))
		return "> " + strings.ReplaceAll(inner, "\n", "\n> ") + "\n\n"
	})
	return os.WriteFile(filepath.Join(dir, p.ID+".md"),
		[]byte("---\n"+string(front)+"\n---\n"+markdownTags.Replace(text)), 0o644)
}

// sizeOf returns the size of the files in a folder, in MiB.
func sizeOf(dir string) (float64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size += info.Size()
		return nil
	})
	return float64(size) / (1 << 20), err
}
