package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/cmd/internal/hosting"
	"feedpub/cmd/internal/importer"
	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/render"
	"feedpub/feed/transfer"
	"feedpub/store/storetest"
)

// emptySite returns a site in its own Redis server. Each feed has its ten newest posts; older posts are archived.
func emptySite(t *testing.T) *hosting.Site {
	t.Helper()
	c := config.Default()
	if err := c.Redis.UnmarshalText([]byte(storetest.StartRedis(t).URL() + "?dial_timeout=30s&serve_timeout=30s&build_timeout=1m")); err != nil {
		t.Fatal(err)
	}
	c.Site.Limit = 10
	source, err := hosting.ChooseSource(c, testProcess(t), false)
	if err != nil {
		t.Fatal(err)
	}
	site, err := source.OpenRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	return site
}

// put stores the posts numbered a to b-1. Their content depends on edit.
func put(t *testing.T, w *hosting.Site, a, b, edit int) {
	t.Helper()
	var posts []feed.RawPost
	for i := a; i < b; i++ {
		id := fmt.Sprintf("post-%04d", i)
		post := map[string]any{"id": id, "title": fmt.Sprintf("Post %d, edit %d", i, edit),
			"content_text": strings.Repeat("Words. ", 60),
			"tags":         []string{fmt.Sprintf("Tag %d", i%3)},
			"authors":      []feed.Author{{Name: fmt.Sprintf("Author %d", i%2)}}}
		if i%5 != 0 { // the others get the time at which they were first seen
			post["date_published"] = time.Date(2020, 1, 1, i, 0, 0, 0, time.UTC)
		}
		raw, err := json.Marshal(post)
		if err != nil {
			t.Fatal(err)
		}
		posts = append(posts, feed.RawPost{ID: id, Raw: raw})
	}
	if err := w.Store.Put(t.Context(), posts...); err != nil {
		t.Fatal(err)
	}
}

// built rebuilds the site and returns the hashes of its documents by feed and format. On a busy machine, the builder's
// lease of two seconds may expire before it is renewed; the next rebuild then does the rest.
func built(t *testing.T, w *hosting.Site) map[string]feed.Hash {
	t.Helper()
	report, err := w.Rebuild(t.Context(), nil, true)
	for try := 0; try < 5 && err != nil && strings.Contains(err.Error(), "lease lost"); try++ {
		t.Logf("rebuild again: %v", err)
		report, err = w.Rebuild(t.Context(), nil, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Feeds {
		if f.Outcome == feed.Held || f.Outcome == feed.Failed {
			t.Fatalf("%s: %s: %s", f.Feed, f.Outcome, f.Reason)
		}
	}
	heads, err := w.Store.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]feed.Hash{}
	for _, h := range heads {
		if h.Feed.OfPost() && len(h.IDs) == 0 {
			continue // the page of a deleted post is served with status 410; a site that never had the post has no page
		}
		for _, d := range h.Documents {
			hashes[fmt.Sprintf("%s %s", h.Feed, d.Format)] = d.Hash
		}
	}
	return hashes
}

// importLines imports an export.
func importLines(t *testing.T, w *hosting.Site, lines []byte) {
	t.Helper()
	for e, err := range transfer.Read(bytes.NewReader(lines), "export", nil, nil) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Record != nil:
			err = w.Store.RestoreRecords(t.Context(), *e.Record)
		default:
			err = w.Store.Put(t.Context(), *e.Post)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func writeExport(t *testing.T, w *hosting.Site, to io.Writer) {
	t.Helper()
	e := exporter{site: w, progress: importer.NewProgress(io.Discard, time.Now), stderr: io.Discard}
	if err := e.lines(t.Context(), to); err != nil {
		t.Fatal(err)
	}
}

// TestExportRoundTrip checks that a site that imports an export has the same documents, byte for byte,
// including archives, whose boundaries depend on the order in which posts were written.
func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	old := emptySite(t)
	put(t, old, 0, 35, 0)
	built(t, old)
	put(t, old, 35, 80, 0) // adds archives after the existing ones
	built(t, old)
	put(t, old, 3, 6, 1)
	for _, id := range []string{"post-0004", "post-0079"} { // the first is in an archive, the second in the feed
		if err := old.Store.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	want := built(t, old)
	archives := 0
	for name := range want {
		if strings.HasPrefix(name, "archive/") {
			archives++
		}
	}
	if archives < 3*4 {
		t.Fatalf("the site has %d archive documents, want at least those of 4 archives", archives)
	}

	var file bytes.Buffer
	writeExport(t, old, &file)
	fresh := emptySite(t)
	importLines(t, fresh, file.Bytes())
	if diff := cmp.Diff(want, built(t, fresh)); diff != "" {
		t.Errorf("documents by feed and format (-exported +imported):\n%s", diff)
	}
	var again bytes.Buffer
	writeExport(t, fresh, &again)
	if diff := cmp.Diff(file.String(), again.String()); diff != "" {
		t.Errorf("two exports differ (-first +second):\n%s", diff)
	}
}

// changingWriter calls change once, after a given number of bytes has been written.
type changingWriter struct {
	bytes.Buffer
	after  int
	change func()
}

func (c *changingWriter) Write(p []byte) (int, error) {
	if c.Len() >= c.after && c.change != nil {
		c.change()
		c.change = nil
	}
	return c.Buffer.Write(p)
}

// TestExportWhilePostsChange checks that an export made while posts are written contains each post that exists
// throughout exactly once, in its earlier or later version, and that a second export contains the rest.
func TestExportWhilePostsChange(t *testing.T) {
	t.Parallel()
	const n = 600
	old := emptySite(t)
	put(t, old, 0, n, 0)
	built(t, old)
	to := &changingWriter{after: 150 << 10, change: func() {
		put(t, old, 0, 10, 1)      // changes posts at about the time of their export
		put(t, old, n-10, n, 1)    // changes posts that have not been exported yet
		put(t, old, n, n+10, 0)    // adds posts
		put(t, old, n+10, n+11, 0) // adds a post, which is deleted below
		for _, id := range []string{fmt.Sprintf("post-%04d", n-11), fmt.Sprintf("post-%04d", n+10)} {
			if err := old.Store.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		built(t, old)
	}}
	writeExport(t, old, to)
	if to.change != nil {
		t.Fatalf("the export has only %d bytes; nothing changed during it", to.Len())
	}
	edits := map[string]string{}
	for e, err := range transfer.Read(bytes.NewReader(to.Bytes()), "export", nil, nil) {
		if err != nil {
			t.Fatalf("a line of the export is incomplete: %v", err)
		}
		if e.Post == nil {
			continue
		}
		if _, twice := edits[e.Post.ID]; twice {
			t.Errorf("%s is exported twice", e.Post.ID)
		}
		var p feed.Post
		if err := json.Unmarshal(e.Post.Raw, &p); err != nil {
			t.Fatal(err)
		}
		_, edits[e.Post.ID], _ = strings.Cut(p.Title, ", ")
	}
	for i := range n {
		id := fmt.Sprintf("post-%04d", i)
		want := []string{"edit 0"}
		switch {
		case i < 10:
			want = []string{"edit 0", "edit 1"}
		case i >= n-10:
			want = []string{"edit 1"}
		case i == n-11:
			want = []string{""} // the post was deleted before it could be exported
		}
		if !slices.Contains(want, edits[id]) {
			t.Errorf("%s is exported as %q, want one of %q", id, edits[id], want)
		}
	}

	fresh := emptySite(t)
	importLines(t, fresh, to.Bytes())
	built(t, fresh)
	var rest bytes.Buffer
	writeExport(t, old, &rest)
	importLines(t, fresh, rest.Bytes())
	if diff := cmp.Diff(slices.Sorted(maps.Keys(built(t, old))), slices.Sorted(maps.Keys(built(t, fresh)))); diff != "" {
		t.Errorf("feeds differ after a second export (-exported +imported):\n%s", diff)
	}
	var all bytes.Buffer
	writeExport(t, fresh, &all)
	if diff := cmp.Diff(postsOf(rest.String()), postsOf(all.String())); diff != "" {
		t.Errorf("posts differ after a second export (-exported +imported):\n%s", diff)
	}
}

// TestExportLateRecords checks that a post without a date that is written while the records are exported keeps its
// date.
func TestExportLateRecords(t *testing.T) {
	t.Parallel()
	const n = 600
	old := emptySite(t)
	put(t, old, 0, n, 0)
	built(t, old)
	to := &changingWriter{after: 8 << 10, change: func() {
		put(t, old, n, n+1, 0)
		built(t, old)
	}}
	writeExport(t, old, to)
	var record, post bool
	for e, err := range transfer.Read(bytes.NewReader(to.Bytes()), "export", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("post-%04d", n)
		record = record || e.Record != nil && e.Record.Record != nil && e.Record.Record.ID == id &&
			!e.Record.Record.FirstSeen.IsZero()
		post = post || e.Post != nil && e.Post.ID == id
	}
	if !record || !post {
		t.Errorf("the post written during the export is exported: %t, its record is exported: %t; want both exported",
			post, record)
	}
}

// postsOf returns the lines that contain posts.
func postsOf(lines string) []string {
	var posts []string
	for line := range strings.Lines(lines) {
		if !strings.HasPrefix(line, `{"_record"`) {
			posts = append(posts, line)
		}
	}
	return posts
}

// TestImportRenderingVersion checks that a site that was never built gets the rendering version of the export, and that
// a site that was built keeps its own.
func TestImportRenderingVersion(t *testing.T) {
	site := emptySite(t)
	w, err := site.Source.OpenWriter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	newest := render.Version
	if newest < 2 {
		t.Fatalf("the newest rendering version is %d; this test needs two", newest)
	}
	if err := w.Restore(t.Context(), feed.ExportLine{Rendering: newest + 1}); err == nil {
		t.Error("a version that this release cannot render is restored")
	}
	for _, version := range []int{newest - 1, newest} {
		if err := w.Restore(t.Context(), feed.ExportLine{Rendering: version}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, site, 0, 1, 0)
	built(t, site)
	schema, err := site.Store.Schema(t.Context())
	if err != nil || schema.Renderer != newest-1 {
		t.Errorf("after importing version %d, the site has %d, %v", newest-1, schema.Renderer, err)
	}
	var file bytes.Buffer
	writeExport(t, site, &file)
	if want := fmt.Sprintf(`{"_record":{"rendering":%d}}`, newest-1); !strings.Contains(file.String(), want) {
		t.Errorf("the export lacks %s", want)
	}
}
