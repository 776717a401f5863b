package serve

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"feedpub/feed"
)

// BenchmarkManyFeeds measures the memory used by 10,000 feeds in three formats, each 18 KB after gzip compression, and
// the time to commit one of them.
func BenchmarkManyFeeds(b *testing.B) {
	const feeds, size = 10_000, 18 << 10
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	random := rand.NewChaCha8([32]byte{})
	all := make(map[feed.Name]*edition, feeds)
	for i := range feeds {
		name := feed.Join(feed.Tags, fmt.Sprint("a-tag-of-some-length-", i))
		if i == 0 {
			name = feed.Main
		}
		all[name] = bulky(name, size, random)
	}
	s := emptySnapshot(nil).with(all, nil)
	runtime.GC()
	runtime.ReadMemStats(&after)
	var commits [2]map[feed.Name]*edition
	for i := range commits {
		commits[i] = map[feed.Name]*edition{feed.Main: bulky(feed.Main, size, random)}
	}
	b.ResetTimer()
	for i := range b.N {
		s = s.with(commits[i%2], nil)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/feeds, "B/feed")
	runtime.KeepAlive(s)
}

// bulky returns an edition whose documents have size random bytes in place of gzip data: they can be served, but not
// unpacked.
func bulky(name feed.Name, size int, random *rand.ChaCha8) *edition {
	head := feed.Head{Feed: name, Token: 1, Config: "c"}
	for i := range 50 {
		head.IDs = append(head.IDs, fmt.Sprint("https://example.com/posts/", i))
	}
	e := &edition{head: head}
	for _, f := range feed.Formats() {
		gz := make([]byte, size)
		_, _ = random.Read(gz) // never fails
		ref := feed.DocumentRef{
			Format: f, Path: name.Path(f), MediaType: f.MediaType(),
			Link:   "<https://example.com" + name.Path(f) + `>; rel="self"`,
			MaxAge: 15 * time.Minute, Hash: feed.HashOf(gz), Length: 6 * size, Modified: noon,
		}
		e.head.Documents = append(e.head.Documents, ref)
		e.documents = append(e.documents, newDocument(name, &ref, gz))
	}
	return e
}

// BenchmarkAnswerAmongManyFeeds measures Answer for requests that alternate between many feeds.
func BenchmarkAnswerAmongManyFeeds(b *testing.B) {
	const feeds = 10_000
	random := rand.NewChaCha8([32]byte{})
	all := make(map[feed.Name]*edition, feeds)
	for i := range feeds {
		name := feed.Join(feed.Tags, fmt.Sprint("a-tag-of-some-length-", i))
		all[name] = bulky(name, 100, random)
	}
	s := emptySnapshot(nil).with(all, nil)
	var requests []Request
	for _, e := range all { // in no particular order
		for _, ref := range e.head.Documents {
			requests = append(requests, Request{Method: "GET", Path: ref.Path, AcceptEncoding: "gzip"})
		}
	}
	for name, ifNoneMatch := range map[string]string{"200": "", "304": "*"} {
		for i := range requests {
			requests[i].IfNoneMatch = ifNoneMatch
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if res := Answer(s, requests[i*7919%len(requests)]); res.Status != 200 && res.Status != 304 {
						b.Errorf("status is %d", res.Status)
					}
				}
			})
		})
	}
}
