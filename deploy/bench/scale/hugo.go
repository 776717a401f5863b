package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"feedpub/feed/intake"
	"feedpub/feed/posttest"
)

// hugoConfig makes Hugo write only RSS feeds with 50 posts each, for the site, each tag and each author. Hugo has no
// feeds for sources, so it writes fewer feeds than feedpub.
const hugoConfig = `baseURL = "https://feeds.example/"
title = "Scale"
disableKinds = ["sitemap", "robotsTXT", "404"]
[[cascade]]
[cascade.build]
list = "always"
render = "never"
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

// hugo measures how long Hugo takes to build RSS feeds from the same posts.
func (b *bench) hugo(ctx context.Context) error {
	site := filepath.Join(b.dir, "hugo")
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
	for raw := range posttest.All(b.posts) {
		p, err := intake.Decode(raw.ID, raw.Raw)
		if err != nil {
			return err
		}
		var authors []string
		for _, a := range p.Authors {
			authors = append(authors, a.Name)
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
	cmd := exec.CommandContext(ctx, b.options.hugo, "--quiet", "--source", site, "--destination", filepath.Join(b.dir, "public"))
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("hugo: %w\n%s", err, out)
	}
	took, state := time.Since(start), cmd.ProcessState
	// If the feed had no posts, the comparison would be meaningless.
	main, err := os.ReadFile(filepath.Join(b.dir, "public", "index.xml"))
	if err != nil {
		return err
	}
	if n := strings.Count(string(main), "<item>"); n != 50 {
		return fmt.Errorf("hugo wrote a feed of %d posts, want 50", n)
	}
	return b.out.Encode(result{
		Work: "hugo: RSS feeds of the site, each tag and each author, from files", Posts: b.posts, Seconds: took.Seconds(),
		CPU: (state.UserTime() + state.SystemTime()).Seconds(),
	})
}
