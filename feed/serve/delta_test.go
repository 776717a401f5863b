package serve

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mmcdole/gofeed"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// rss returns an RSS document of items, each "id" or "id=text".
func rss(items string) string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<rss version=\"2.0\">\n  <channel>\n    <title>T</title>\n")
	for item := range strings.FieldsSeq(items) {
		id, text, _ := strings.Cut(item, "=")
		fmt.Fprintf(&b, "    <item>\n      <title>%s</title>\n      <guid>%s</guid>\n    </item>\n", id+text, id)
	}
	b.WriteString("  </channel>\n</rss>\n")
	return b.String()
}

// revise returns the n-th version of a feed: a head with one RSS document, and its blob.
func revise(t testing.TB, n int, body string) (feed.Head, feed.Blob) {
	t.Helper()
	b := feed.Blob{Hash: feed.HashOf([]byte(body)), Gzip: coding.GzipSmall([]byte(body)), Size: len(body)}
	var ids []string
	b.Bounds, ids = boundsOf(t, feed.RSS, []byte(body))
	return feed.Head{Feed: feed.Main, Token: 1, IDs: ids, Documents: []feed.DocumentRef{{
		Format: feed.RSS, Path: "/feed.xml", MediaType: feed.RSS.MediaType(),
		Link:   `<https://example.com/feed.xml>; rel="self"`,
		MaxAge: time.Minute, Hash: b.Hash, Length: b.Size, Modified: noon.Add(time.Duration(n) * time.Second),
	}}}, b
}

// historyOf commits versions of a document one after another. It returns the last snapshot and the entity tags of all
// versions.
func historyOf(t testing.TB, bodies ...string) (s *Snapshot, tags []string) {
	t.Helper()
	var e *edition
	for i, body := range bodies {
		head, blob := revise(t, i, body)
		next, err := newEdition(head, e, func(feed.DocumentRef) (feed.Blob, error) { return blob, nil })
		if err != nil {
			t.Fatalf("version %d: %v", i, err)
		}
		e = next.compare(e)
		tags = append(tags, `"`+string(blob.Hash)+`"`)
	}
	return emptySnapshot(nil).with(map[feed.Name]*edition{feed.Main: e}, nil), tags
}

// requestDelta requests the changes since the version with the given entity tag.
func requestDelta(s *Snapshot, tag string) Response {
	return Answer(s, Request{Method: "GET", Path: "/feed.xml", IfNoneMatch: tag, AIM: "feed", AcceptEncoding: "gzip"})
}

func TestDeltaHasNewAndChangedItems(t *testing.T) {
	long := func(items string) string { // patches must not be longer than the document
		for i := range 200 {
			items += fmt.Sprintf(" old%d=%x", i, i*i*2654435761)
		}
		return items
	}
	for _, c := range []struct {
		name, before, now string
		want              string // "whole" for a 200
	}{
		{"one new item", "b a", "c b a", "c"},
		{"several new items", "a", "d c b a", "d c b"},
		{"a changed item", "b a", "b=! a", "b=!"},
		{"a changed and moved item", "c b a", "a=! c b", "a=!"},
		{"only the channel changed", "b a", "b a", ""},
		{"a removed item", "c b a", "c a", "whole"},
		{"a removed and a new item", "c b a", "d c a", "whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := strings.Replace(rss(long(c.before)), "<title>T<", "<title>Before<", 1)
			s, tags := historyOf(t, before, rss(long(c.now)))
			got := requestDelta(s, tags[0])
			if c.want == "whole" {
				if got.Status != 200 || body(t, got) != rss(long(c.now)) {
					t.Errorf("status %d with body %.200q, want 200 with the whole document", got.Status, body(t, got))
				}
				return
			}
			if diff := cmp.Diff(rss(c.want), body(t, got)); got.Status != 226 || diff != "" {
				t.Errorf("status is %d, want 226; body (-want +got):\n%s", got.Status, diff)
			}
			if got.Get("Etag") != tags[1][:65]+`-gz"` {
				t.Errorf("Etag is %s, want that of the new version, %s", got.Get("Etag"), tags[1])
			}
		})
	}
}

// TestDisplacedItemsAreNotRemovals checks that items displaced by newer items do not count as removed.
func TestDisplacedItemsAreNotRemovals(t *testing.T) {
	for _, c := range []struct {
		name, before, now string
		want              string // the new and changed items, or "removal"
	}{
		{"one added, one displaced", "c b a", "d c b", "d"},
		{"all added", "c b a", "f e d", "removal"}, // other items may have been added and displaced in between
		{"the last removed", "c b a", "c b", "removal"},
		{"the last removed, an older one added", "c b a", "c b z", "removal"},
		{"one in the middle removed, one added", "c b a", "d c a", "removal"},
		{"two added, one displaced", "c b a", "e d c b", "e d"},
		{"one added, one displaced, one changed", "c b a", "d c=! b", "d c=!"},
		{"one added at the end", "c b", "c b a", "a"},
		{"was empty", "", "a", "a"},
		{"became empty", "a", "", "removal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			items := func(body string) []itemSum {
				head, blob := revise(t, 0, body)
				d := newDocument(head.Feed, &head.Documents[0], blob.Gzip)
				d.bounds = blob.Bounds
				_, items, err := d.items(blob.Gzip, head.IDs)
				if err != nil {
					t.Fatal(err)
				}
				return items
			}
			fresh, ok := changes(items(rss(c.before)), items(rss(c.now)))
			got := "removal"
			if ok {
				got = ""
				for i, item := range strings.Fields(c.now) {
					if fresh[i] {
						got = strings.TrimSpace(got + " " + item)
					}
				}
			}
			if got != c.want {
				t.Errorf("changes from %q to %q: %q, want %q", c.before, c.now, got, c.want)
			}
		})
	}
}

func TestDeltaIsNeverStoredByCaches(t *testing.T) {
	s, tags := historyOf(t, rss("a=1 b=2 c=3"), rss("d=4 a=1 b=2 c=3"))
	got := requestDelta(s, tags[0])
	want := map[string]string{
		"Cache-Control": "no-store, im", "Im": "feed", "Vary": "Accept-Encoding, A-IM, If-None-Match",
		"Etag": tags[1][:65] + `-gz"`, "Last-Modified": "Fri, 17 May 2024 12:00:01 GMT", "Content-Encoding": "gzip",
		"Content-Type": feed.RSS.MediaType(), "Content-Length": itoa(len(got.Body)),
		"Link": `<https://example.com/feed.xml>; rel="self"`, "Access-Control-Allow-Origin": "*",
		"Access-Control-Expose-Headers": "ETag, Link", "X-Content-Type-Options": "nosniff",
	}
	if diff := cmp.Diff(want, headers(got)); diff != "" || got.Status != 226 {
		t.Errorf("status is %d, want 226; header (-want +got):\n%s", got.Status, diff)
	}
}

func TestDeltaConditions(t *testing.T) {
	s, tags := historyOf(t, rss("a=1 b=2 c=3"), rss("d=4 a=1 b=2 c=3"))
	base := Request{Method: "GET", Path: "/feed.xml", IfNoneMatch: tags[0], AIM: "feed"}
	for _, c := range []struct {
		name   string
		change func(*Request)
		status int
	}{
		{"A-IM and an old tag", func(*Request) {}, 226},
		{"one of several manipulations", func(r *Request) { r.AIM = "diffe, FEED;q=0.5, gzip" }, 226},
		{"by HEAD", func(r *Request) { r.Method = "HEAD" }, 226},
		{"a weak tag", func(r *Request) { r.IfNoneMatch = "W/" + r.IfNoneMatch }, 226},
		{"the tag of another coding", func(r *Request) { r.IfNoneMatch = r.IfNoneMatch[:65] + `-gz"` }, 226},
		{"an unknown and an old tag", func(r *Request) { r.IfNoneMatch = `"x", ` + r.IfNoneMatch }, 226},
		{"no A-IM", func(r *Request) { r.AIM = "" }, 200},
		{"weight 0", func(r *Request) { r.AIM = "feed;q=0" }, 200},
		{"another manipulation", func(r *Request) { r.AIM = "diffe" }, 200},
		{"an unknown tag", func(r *Request) { r.IfNoneMatch = `"x"` }, 200},
		{"no tag", func(r *Request) { r.IfNoneMatch = "" }, 200},
		{"the current tag", func(r *Request) { r.IfNoneMatch = tags[1] }, 304},
		{"an old and the current tag", func(r *Request) { r.IfNoneMatch += ", " + tags[1] }, 304},
		{"any tag", func(r *Request) { r.IfNoneMatch = "*" }, 304},
	} {
		r := base
		c.change(&r)
		got := Answer(s, r)
		if got.Status != c.status {
			t.Errorf("%s: status is %d, want %d", c.name, got.Status, c.status)
		}
		if want := `<https://example.com/feed.xml>; rel="self"`; got.Get("Link") != want {
			t.Errorf("%s: status %d with the Link field %q, want the document's, %q", c.name, got.Status, got.Get("Link"), want)
		}
		if got.Status == 226 && r.Method == "GET" && got.Get("Content-Length") != itoa(len(got.Body)) {
			t.Errorf("%s: Content-Length is %s, want %d, the length of the body", c.name, got.Get("Content-Length"),
				len(got.Body))
		}
		if r.Method == "HEAD" && len(got.Body) > 0 {
			t.Errorf("%s: the response to HEAD has a body", c.name)
		}
	}
}

func TestPastVersionsAreBounded(t *testing.T) {
	var bodies []string
	items := ""
	for i := range 300 {
		items += fmt.Sprintf(" old%d=%x", i, i*i*2654435761)
	}
	for i := range maxPast + 3 {
		items = fmt.Sprintf("new%d ", i) + items
		bodies = append(bodies, rss(items))
	}
	s, tags := historyOf(t, bodies...)
	for i, tag := range tags {
		want := 226
		switch age := len(tags) - 1 - i; {
		case age == 0:
			want = 304
		case age > maxPast:
			want = 200
		}
		if got := requestDelta(s, tag); got.Status != want {
			t.Errorf("status is %d for a version %d versions old, want %d", got.Status, len(tags)-1-i, want)
		}
	}
}

// TestPatchesAreNoLongerThanTheDocument checks that deltas at most double the memory used by a document.
func TestPatchesAreNoLongerThanTheDocument(t *testing.T) {
	var bodies []string
	items := ""
	for i := range maxPast {
		for j := range 20 {
			items = fmt.Sprintf("new%d-%d=%x ", i, j, (i*100+j)*2654435761) + items
		}
		bodies = append(bodies, rss(items))
	}
	s, tags := historyOf(t, bodies...)
	d := s.document("/feed.xml")
	sum := 0
	p := d.payload.Load()
	for _, x := range p.deltas {
		sum += len(x.Gzip)
	}
	if sum > len(p.bodies[coding.Gzip]) || len(p.deltas) == 0 {
		t.Errorf("%d patches have %d bytes, want at most the %d of the document", len(p.deltas), sum,
			len(p.bodies[coding.Gzip]))
	}
	if got := requestDelta(s, tags[len(tags)-2]); got.Status != 226 {
		t.Errorf("status is %d for the newest of the earlier versions, want 226", got.Status)
	}
	if got := requestDelta(s, tags[0]); got.Status != 200 {
		t.Errorf("status is %d for the oldest version, want 200", got.Status)
	}
}

func TestDeltaAfterRestart(t *testing.T) {
	_, tags := historyOf(t, rss("a=1 b=2 c=3"), rss("d=4 a=1 b=2 c=3"))
	dir := t.TempDir()
	disk, err := OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	var e *edition
	for i, text := range []string{rss("a=1 b=2 c=3"), rss("d=4 a=1 b=2 c=3")} {
		head, blob := revise(t, i, text)
		next, err := newEdition(head, e, func(feed.DocumentRef) (feed.Blob, error) { return blob, nil })
		if err != nil {
			t.Fatal(err)
		}
		e = next.compare(e)
		save(t, disk, e)
	}
	load := func() *Snapshot {
		t.Helper()
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
		if disk, err = OpenDisk(dir); err != nil {
			t.Fatal(err)
		}
		editions, _, problems := disk.load(nil)
		if len(problems) > 0 {
			t.Fatalf("load: %v", problems)
		}
		return emptySnapshot(nil).with(editions, nil)
	}
	if got := requestDelta(load(), tags[0]); got.Status != 226 || body(t, got) != rss("d=4") {
		t.Errorf("after a restart: status %d with body %q, want 226 with the new item", got.Status, body(t, got))
	}
	// A damaged history is ignored.
	path := disk.historyPath(e.documents[0].ref.Hash)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, fileMode); err != nil {
		t.Fatal(err)
	}
	if got := requestDelta(load(), tags[0]); got.Status != 200 {
		t.Errorf("status is %d with a damaged history, want 200", got.Status)
	}
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestInvalidBounds checks that a document whose bounds are wrong has no delta and causes no panic.
func TestInvalidBounds(t *testing.T) {
	first, firstBlob := revise(t, 0, rss("a=1 b=2 c=3"))
	second, secondBlob := revise(t, 1, rss("d=4 a=1 b=2 c=3"))
	good := secondBlob.Bounds
	for name, c := range map[string]struct {
		bounds  feed.Bounds
		invalid bool
	}{
		"valid":            {good, false},
		"none":             {nil, false},
		"of fewer items":   {good[:len(good)-1], false},
		"of one offset":    {feed.Bounds{10}, true},
		"beyond the end":   {append(slices.Clone(good[:len(good)-1]), uint32(secondBlob.Size+1)), true},
		"descending":       {feed.Bounds{good[1], good[0], good[2], good[3], good[4]}, true},
		"of an empty item": {feed.Bounds{good[0], good[0], good[2], good[3], good[4]}, true},
	} {
		e, err := newEdition(first, nil, func(feed.DocumentRef) (feed.Blob, error) { return firstBlob, nil })
		if err != nil {
			t.Fatal(err)
		}
		blob := secondBlob
		blob.Bounds = c.bounds
		next, err := newEdition(second, e, func(feed.DocumentRef) (feed.Blob, error) { return blob, nil })
		if c.invalid {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("bounds %s: error is %v, want one of kind %q", name, err, feed.ErrInvalid)
			}
			continue
		}
		if err != nil {
			t.Errorf("bounds %s: %v", name, err)
			continue
		}
		s := emptySnapshot(nil).with(map[feed.Name]*edition{feed.Main: next.compare(e)}, nil)
		want := 200
		if name == "valid" {
			want = 226
		}
		if got := requestDelta(s, `"`+string(firstBlob.Hash)+`"`); got.Status != want {
			t.Errorf("bounds %s: status is %d, want %d", name, got.Status, want)
		}
	}
}

// TestKeepOfRenderedDocuments checks that keeping only one item of a rendered document leaves a valid feed with that
// item.
func TestKeepOfRenderedDocuments(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "render", "testdata", "*", "*.xml"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d rendered documents (%v), want at least 10", len(paths), err)
	}
	for _, path := range paths {
		f := feed.RSS
		switch filepath.Base(path) {
		case "atom.xml":
			f = feed.Atom
		case "feed.xml":
		default:
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bounds, ids := boundsOf(t, f, text)
		want, err := gofeed.NewParser().ParseString(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(ids) != len(want.Items) {
			t.Errorf("%s: %d items, want %d", path, len(ids), len(want.Items))
		}
		for i := range ids {
			fresh := make([]bool, len(ids))
			fresh[i] = true
			one, err := gofeed.NewParser().ParseString(string(keep(text, bounds, fresh)))
			if err != nil || len(one.Items) != 1 || one.Items[0].GUID != want.Items[i].GUID || one.Title != want.Title {
				t.Errorf("%s: keeping only item %d does not give a feed with only that item: %v", path, i, err)
			}
		}
	}
}

func TestDeltaDoesNotAllocate(t *testing.T) {
	s, tags := historyOf(t, rss("a=1 b=2 c=3"), rss("d=4 a=1 b=2 c=3"))
	r := Request{Method: "GET", Path: "/feed.xml", IfNoneMatch: tags[0], AIM: "feed", AcceptEncoding: "gzip"}
	if n := testing.AllocsPerRun(100, func() {
		if Answer(s, r).Status != 226 {
			t.Fatal("the status is not 226")
		}
	}); n != 0 {
		t.Errorf("a gzip-compressed 226 makes %v allocations, want none", n)
	}
}

// FuzzKeep checks that keeping all items of a document does not change it, and that a well-formed document stays
// well-formed when all of its items are left out.
func FuzzKeep(f *testing.F) {
	f.Add(rss("a b c"), true)
	f.Add("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>a</id></entry> "+
		"<entry><id>b</id><x:id>c</x:id></entry></feed>", false)
	f.Add("<rss><channel><item><guid>&amp;<![CDATA[<item>]]></guid><item/></item></channel>"+
		"<item><guid>x</guid></item></rss>", true)
	f.Fuzz(func(t *testing.T, text string, isRSS bool) {
		format := feed.Atom
		if isRSS {
			format = feed.RSS
		}
		parts, err := split(format, []byte(text))
		if err != nil || !wellFormed(text) {
			return // split accepts some malformed documents, but rendered documents are well-formed
		}
		at := 0
		var bounds feed.Bounds
		for i, p := range parts {
			if p.from < at || p.to <= p.from || p.to > len(text) {
				t.Fatalf("%q: item at %d to %d, which is not after %d", text, p.from, p.to, at)
			}
			if i > 0 && p.from != at {
				return // rendered documents have nothing between items
			}
			at = p.to
			bounds = append(bounds, uint32(p.from))
		}
		bounds = append(bounds, uint32(at))
		all := make([]bool, len(parts))
		for i := range all {
			all[i] = true
		}
		if got := string(keep([]byte(text), bounds, all)); got != text {
			t.Errorf("keeping all items of %q gives %q, want no change", text, got)
		}
		if none := string(keep([]byte(text), bounds, make([]bool, len(parts)))); !wellFormed(none) {
			t.Errorf("keeping no items of %q gives %q, which is not well-formed", text, none)
		}
	})
}

func wellFormed(text string) bool {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
