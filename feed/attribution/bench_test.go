//go:build unix

package attribution

import (
	"strings"
	"testing"

	"feedpub/feed/markup"
	"feedpub/feed/posttest"
)

// benchmarkSize is the minimum size of the posts in BenchmarkPosts, in bytes.
const benchmarkSize = 3000

// benchmarkPosts returns posts of about 3 KB: the training posts, extended by paragraphs of the author's own words.
// These come from training posts of the same format that quote nobody. A third of the posts quote nobody.
func benchmarkPosts(tb testing.TB) []trainingPost {
	tb.Helper()
	posts := trainingPosts(tb)
	own := make(map[string][]string)
	for _, p := range posts {
		if len(p.Expect.Quotes) == 0 {
			own[p.Format] = append(own[p.Format], strings.Trim(p.Body, "\n"))
		}
	}
	next := 0
	for i := range posts {
		p := &posts[i]
		for len(p.Body) < benchmarkSize {
			fill := own[p.Format][next%len(own[p.Format])]
			if rest := benchmarkSize - len(p.Body); len(fill) > rest {
				// Cut at the end of a paragraph, or between words.
				end := max(strings.LastIndex(fill[:rest], "\n"), 0)
				if end == 0 {
					end = rest + max(strings.IndexByte(fill[rest:], ' '), 0)
				}
				fill = fill[:end]
			}
			p.Body += "\n\n" + fill
			next++
		}
	}
	return posts
}

// BenchmarkPosts parses and reads posts of 3 KB, and reports how many it reads per second of CPU time. Run it with
// -cpu 1 to include the garbage collector in the time of one core.
func BenchmarkPosts(b *testing.B) {
	r := newReader(b)
	posts := benchmarkPosts(b)
	size := 0
	for _, p := range posts {
		size += len(p.Body)
	}
	b.ReportAllocs()
	b.SetBytes(int64(size))
	start := posttest.CPUTime()
	for b.Loop() {
		for _, p := range posts {
			body, err := markup.Parse(markup.Format(p.Format), p.Body)
			if err != nil {
				b.Fatal(err)
			}
			r.Read(Input{Body: body, Title: p.Title})
		}
	}
	b.ReportMetric(float64(b.N*len(posts))/(posttest.CPUTime()-start).Seconds(), "posts/cpu-s")
}
