//go:build !race && unix

// The race detector distorts times, so "make test" runs this file without it.

package intake_test

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/posttest"
)

// TestItemLinearTime checks that hostile posts are converted in linear time. If a post grows by a factor of four,
// linear time grows by a factor of four and quadratic time by a factor of sixteen.
func TestItemLinearTime(t *testing.T) {
	in := intake.New(testSite, newReader(t))
	item := func(raw string) time.Duration {
		start := posttest.CPUTime()
		if _, err := in.Item("1", []byte(raw), feed.Record{FirstSeen: firstSeen}); err != nil {
			t.Fatal(err)
		}
		return posttest.CPUTime() - start
	}
	small, large := hostilePosts(1), hostilePosts(4)
	for name, raw := range large {
		t.Run(name, func(t *testing.T) {
			short, long := item(small[name]), item(raw)
			// Ratios of short times are meaningless. Retry, because another process may have delayed one of the runs.
			for try := 0; long > 10*short && long > 300*time.Millisecond && try < 5; try++ {
				short, long = max(short, item(small[name])), min(long, item(raw))
			}
			if long > 10*short && long > 300*time.Millisecond {
				t.Errorf("%d bytes took %v and %d bytes took %v: not linear", len(small[name]), short, len(raw), long)
			}
		})
	}
}

// hostilePosts returns posts of about n*30 KB each.
func hostilePosts(n int) map[string]string {
	quotes := strings.TrimSuffix(strings.Repeat(`{"text":"word word","source":{"publication":"p"}},`, 100*n), ",")
	return map[string]string{
		"quotes in words": `{"content_text":"` + strings.Repeat("word ", 6_000*n) + `","quotes":[` + quotes + `]}`,
		"quotes in lines": `{"content_html":"` + strings.Repeat("word<br>", 4_000*n) + `","quotes":[` + quotes + `]}`,
		"paragraphs":      `{"content_html":"` + strings.Repeat("<p>word", 5_000*n) + `"}`,
		"lines in emphasis": `{"content_html":"<i>` + strings.Repeat("word<br>", 4_000*n) + `</i>","quotes":[` + quotes +
			`]}`,
		"quotations": `{"content_html":"` + strings.Repeat("<blockquote>a<cite>b</cite></blockquote>", 1_000*n) + `"}`,
		"prose":      `{"content_text":"` + strings.Repeat(`From the Guardian:\n\nHouses fall.\n\n`, 1_000*n) + `"}`,
	}
}
