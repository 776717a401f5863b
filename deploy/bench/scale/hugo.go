package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"feedpub/feed/intake"
	"feedpub/feed/posttest"
)

// hugoConfig makes Hugo write only RSS feeds with 50 posts each, for the site, each tag and each author. Hugo has no
// feeds for sources, so it writes fewer feeds than feedpub. With render = "never" instead of "link", it would omit the
// feeds of tags and authors.
const hugoConfig = `baseURL = "https://feeds.example/"
title = "Scale"
disableKinds = ["sitemap", "robotsTXT", "404"]
[[cascade]]
[cascade.build]
list = "always"
render = "link"
[cascade._target]
kind = "page"
[taxonomies]
tag = "tags"
author = "authors"
[outputs]
home = ["rss"]
section = ["rss"]
taxonomy = ["rss"]
term = ["rss"]
[services.rss]
limit = 50
`

// hugoFeed is Hugo's RSS template with the full content instead of the summary.
const hugoFeed = `{{ printf "<?xml version=\"1.0\" encoding=\"utf-8\"?>" | safeHTML }}
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>{{ .Site.Title }}</title><link>{{ .Permalink }}</link><description>{{ .Title }}</description>
{{ range first 50 .RegularPagesRecursive }}<item><title>{{ .Title }}</title><link>{{ .Permalink }}</link>
<pubDate>{{ .PublishDate.Format "Mon, 02 Jan 2006 15:04:05 -0700" | safeHTML }}</pubDate><guid>{{ .Permalink }}</guid>
<description>{{ .Content | transform.XMLEscape | safeHTML }}</description></item>
{{ end }}</channel></rss>
`

// hugoWork is the work of Hugo that is measured.
const hugoWork = "hugo: RSS feeds of the site, each tag and each author, from files"

// writeHugo writes the posts as a Hugo site.
func (b *bench) writeHugo() error {
	site := b.hugoSite()
	for _, folder := range []string{"content/posts", "layouts/_default"} {
		if err := os.MkdirAll(filepath.Join(site, folder), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"hugo.toml": hugoConfig, "layouts/_default/rss.xml": hugoFeed} {
		if err := os.WriteFile(filepath.Join(site, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	terms := map[string]bool{}
	for raw := range posttest.All(b.posts) {
		p, err := intake.Decode(raw.ID, raw.Raw)
		if err != nil {
			return err
		}
		for _, tag := range p.Tags {
			terms["tag "+tag] = true
		}
		var authors []string
		for _, a := range p.Authors {
			authors = append(authors, a.Name)
			terms["author "+a.Name] = true
		}
		front, err := json.Marshal(map[string]any{"title": p.Title, "date": p.DatePublished, "tags": p.Tags, "authors": authors})
		if err != nil {
			return err
		}
		page := fmt.Sprintf("%s\n\n%s", front, p.ContentHTML)
		if err := os.WriteFile(filepath.Join(site, "content/posts", p.ID+".html"), []byte(page), 0o644); err != nil {
			return err
		}
	}
	b.hugoFeeds = len(terms) + hugoLists
	return nil
}

// hugoLists is the number of Hugo's feeds that are not those of a tag or an author: those of the site and of the
// section, and the lists of all tags and of all authors.
const hugoLists = 4

// hugoSite is the folder of the Hugo site, and hugoOutput the folder to which Hugo writes.
func (b *bench) hugoSite() string   { return filepath.Join(b.dir, "hugo") }
func (b *bench) hugoOutput() string { return filepath.Join(b.dir, "public") }

// buildHugo measures how long Hugo takes to build RSS feeds from the same posts. It builds all of them each time.
func (b *bench) buildHugo(ctx context.Context) (result, error) {
	if err := os.RemoveAll(b.hugoOutput()); err != nil {
		return result{}, err
	}
	cmd := exec.CommandContext(ctx, b.options.hugo, "--quiet", "--source", b.hugoSite(), "--destination", b.hugoOutput())
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("hugo: %w\n%s", err, out)
	}
	took, state := time.Since(start), cmd.ProcessState
	feeds, err := b.checkHugo()
	if err != nil {
		return result{}, err
	}
	r := result{
		Work: hugoWork, Posts: b.posts, Feeds: feeds, Seconds: took.Seconds(),
		CPU: (state.UserTime() + state.SystemTime()).Seconds(),
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		r.PeakMiB = float64(usage.Maxrss) / 1024 // in KiB on Linux
	}
	return r, nil
}

// checkHugo checks that Hugo wrote all feeds, and that its main feed has 50 posts. Otherwise the comparison would be
// meaningless. It returns the number of feeds.
func (b *bench) checkHugo() (feeds int, err error) {
	main, err := os.ReadFile(filepath.Join(b.hugoOutput(), "index.xml"))
	if err != nil {
		return 0, err
	}
	if n := strings.Count(string(main), "<item>"); n != 50 {
		return 0, fmt.Errorf("hugo wrote a feed of %d posts, want 50", n)
	}
	err = filepath.WalkDir(b.hugoOutput(), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "index.xml" {
			feeds++
		}
		return err
	})
	if err == nil && feeds != b.hugoFeeds {
		err = fmt.Errorf("hugo wrote %d feeds, want %d", feeds, b.hugoFeeds)
	}
	return feeds, err
}
