//go:build !race && unix

// The race detector distorts times, so "make test" runs this file without it.

package transfer

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"feedpub/feed/posttest"
)

// TestUnclosedTagsLinearTime checks that a post full of unclosed tags takes linear time.
func TestUnclosedTagsLinearTime(t *testing.T) {
	for _, tag := range []string{"{{< highlight go >}}", "{{< figure src=a >}}", "{{<", "{{%", "{% highlight a %}", "{% raw %}", "{%", "{{"} {
		text := strings.Repeat(tag, 900_000/len(tag))
		began := posttest.CPUTime()
		for _, site := range []fstest.MapFS{
			files("hugo.toml", "", "content/posts/a.md", text), files("_config.yml", "", "_posts/2016-01-01-a.md", text),
		} {
			for _, err := range (Options{}).ReadFolder(site) {
				if err != nil {
					t.Error(err)
				}
			}
		}
		// This would take longer if every tag caused a search to the end of the text.
		if took := posttest.CPUTime() - began; took > 4*time.Second {
			t.Errorf("reading 900 KB of %q took %v, want linear time", tag, took)
		}
	}
}

// TestManyImagesLinearTime checks that the time for a post with many images is bounded.
func TestManyImagesLinearTime(t *testing.T) {
	var b strings.Builder
	b.WriteString("---\ntitle: A\n---\n")
	for i := 0; b.Len() < maxEntry-10_000; i++ {
		fmt.Fprintf(&b, "![%d](%s)\n", i, dataURL("png", 3100+i%50))
	}
	start := posttest.CPUTime()
	for e, err := range (Options{ImageFiles: true}).Read(strings.NewReader(b.String()), "a.md") {
		if err != nil || len(e.Files) == 0 {
			t.Errorf("%d files, error %v", len(e.Files), err)
		}
	}
	if d := posttest.CPUTime() - start; d > 4*time.Second {
		t.Errorf("reading 16 MB of images took %v, want at most 4s", d)
	}
}
