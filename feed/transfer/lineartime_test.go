//go:build !race

// The race detector distorts times and would find nothing in these tests, which use one goroutine. "make test" runs this
// file without it.

package transfer

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestUnclosedTagsLinearTime checks that a post full of unclosed tags takes linear time.
func TestUnclosedTagsLinearTime(t *testing.T) {
	for _, tag := range []string{"{{< highlight go >}}", "{{< figure src=a >}}", "{{<", "{{%", "{% highlight a %}", "{% raw %}", "{%", "{{"} {
		text := strings.Repeat(tag, 900_000/len(tag))
		began := time.Now()
		for _, site := range []fstest.MapFS{
			files("hugo.toml", "", "content/posts/a.md", text), files("_config.yml", "", "_posts/2016-01-01-a.md", text),
		} {
			for _, err := range (Options{}).ReadFolder(site) {
				if err != nil {
					t.Error(err)
				}
			}
		}
		// This would take minutes if every tag caused a search to the end of the text.
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("reading 900 KB of %q took %v, want linear time", tag, took)
		}
	}
}
