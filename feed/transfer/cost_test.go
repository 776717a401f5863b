package transfer

import (
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/posttest"
)

// processorTime returns the processor time that the process has used.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestReadCost checks that the time and memory for hostile files grow linearly with them.
func TestReadCost(t *testing.T) {
	const size, perByte = 32 << 10, 2 << 10
	site := func(name string) Options {
		_, g, _ := findGenerator(fstest.MapFS{name: {Data: []byte("Words.\n")}, "content/a.md": {Data: nil}, "hugo.toml": {Data: nil}}, Options{})
		if g == nil {
			t.Fatalf("no generator is found for %s", name)
		}
		return Options{Format: Markdown, generator: g}
	}
	cdata := strings.NewReplacer("]]>", "]]")
	for _, format := range []struct {
		name    string
		options Options
		wrap    func(text string) string
	}{
		{"WordPress content", Options{Format: WXR}, func(s string) string { _, s = wrap("wp", cdata.Replace(s)); return s }},
		{"WordPress export", Options{Format: WXR}, func(s string) string { _, s = wrap("wxr", s); return s }},
		{"RSS content", Options{Format: FeedXML}, func(s string) string {
			_, s = wrap("rss", "<item><guid>g</guid><description>"+html.EscapeString(s)+"</description></item>")
			return s
		}},
		{"RSS", Options{Format: FeedXML}, func(s string) string { _, s = wrap("rss", "<item>"+s); return s }},
		{"Atom content", Options{Format: FeedXML}, func(s string) string {
			_, s = wrap("atom", `<entry><id>g</id><content type="xhtml">`+s+"</content></entry>")
			return s
		}},
		{"Hugo text", site("content/posts/a.md"), func(s string) string { return "---\na: b\n---\n" + s }},
		{"Jekyll text", site("_posts/2020-01-01-a.md"), func(s string) string { return "---\na: b\n---\n" + s }},
		{"YAML", Options{Format: Markdown}, func(s string) string { return "---\n" + s + "\n---\nWords.\n" }},
		{"YAML value", Options{Format: Markdown}, func(s string) string { return "---\na: " + s + "\n---\nWords.\n" }},
		{"YAML flow", Options{Format: Markdown}, func(s string) string { return "---\na: [" + s + "]\n---\nWords.\n" }},
		{"TOML", Options{Format: Markdown}, func(s string) string { return "+++\n" + s + "\n+++\nWords.\n" }},
		{"TOML value", Options{Format: Markdown}, func(s string) string { return "+++\na = [" + s + "]\n+++\nWords.\n" }},
		{"JSON", Options{Format: JSON}, func(s string) string { return "{\"id\":\"a\",\"b\":" + s }},
		{"HTML", Options{Format: HTML}, func(s string) string { return "<title>a</title>" + s }},
		{"date", Options{Format: Markdown}, func(s string) string { return "+++\ndate = '''" + s + "'''\n+++\nWords.\n" }},
	} {
		small, large := posttest.Hostile(size), posttest.Hostile(2*size)
		for i := range large {
			cost := func(text string) (time.Duration, uint64) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := processorTime()
				for _, err := range format.options.Read(strings.NewReader(text), "content/posts/a") {
					if err != nil && !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, ErrDamaged) {
						t.Errorf("%s of %s: error %v is of an unknown kind", format.name, large[i].Name, err)
					}
				}
				used := processorTime() - start
				runtime.ReadMemStats(&after)
				return used, after.TotalAlloc - before.TotalAlloc
			}
			one, two := format.wrap(small[i].Text), format.wrap(large[i].Text)
			long, memory := cost(two)
			short := long
			linear := func() bool { return long < 100*time.Millisecond || long < 5*short/2 }
			for try := 0; try < 5 && long >= 100*time.Millisecond && (try == 0 || !linear()); try++ {
				again, _ := cost(two)
				first, _ := cost(one)
				long, short = min(long, again), min(short, first)
			}
			if !linear() {
				t.Errorf("%s of %s: %v for %d bytes and %v for %d bytes, want less than 2.5 times as much",
					format.name, large[i].Name, short, len(one), long, len(two))
			}
			if memory > perByte*uint64(len(two)) {
				t.Errorf("%s of %s: allocated %d MB for %d bytes, want at most %d for each",
					format.name, large[i].Name, memory>>20, len(two), perByte)
			}
		}
	}
}
