package serve

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"feedpub/feed"
)

// withReplica calls f with a replica of two feeds whose documents have 200 KB each.
func withReplica(t *testing.T, m *Memory, f func(*testing.T, *running)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		for i := range 2 {
			store.commit(feed.Join(feed.Tags, strconv.Itoa(i)), 1, noon, strings.Repeat("x", 4000))
		}
		r := runWith(t, store, t.TempDir(), m)
		defer r.stop()
		f(t, r)
	})
}

// TestBodiesAreShared checks that responses in identity coding share one body, which is counted once and stays counted
// until the last response is released.
func TestBodiesAreShared(t *testing.T) {
	withReplica(t, NewMemory(1<<20), bodiesAreShared)
}

func bodiesAreShared(t *testing.T, r *running) {
	f := &Front{Documents: r}
	before := r.Replica.Memory.Size()
	get := func(path string) Response { return f.Answer(&Visit{Request: Request{Method: "GET", Path: path}}) }
	first, second := get("/tags/0/feed.xml"), get("/tags/0/feed.xml")
	if first.Status != 200 || &first.Body[0] != &second.Body[0] {
		t.Errorf("statuses %d and %d; want the same body in two responses", first.Status, second.Status)
	}
	if got, want := r.Replica.Memory.Size()-before, int64(len(first.Body)); got != want {
		t.Errorf("%d bytes are counted for two responses of %d bytes, want %d", got, want, want)
	}
	// A quarter of the memory is for bodies, so there is no room for the body of another document.
	if other := get("/tags/1/feed.xml"); other.Status != 503 || other.Feed != "tags/1" || other.Get("Retry-After") == "" {
		t.Errorf("status for another document is %d, want 503 with Retry-After", other.Status)
	}
	first.Release()
	if second.Body[0] != '<' || r.Replica.Memory.Size() == before {
		t.Errorf("a body was dropped while a response was using it")
	}
	second.Release()
	second.Release() // does nothing
	if got := r.Replica.Memory.Size(); got != before {
		t.Errorf("%d bytes are counted after all responses were released, want %d", got, before)
	}
	if other := get("/tags/1/feed.xml"); other.Status != 200 {
		t.Errorf("status is %d when there is room again, want 200", other.Status)
	}
}

// TestDroppedDocumentsAreCounted checks that a dropped document is counted while a response uses its bytes.
func TestDroppedDocumentsAreCounted(t *testing.T) {
	withReplica(t, NewMemory(0), droppedDocumentsAreCounted)
}

func droppedDocumentsAreCounted(t *testing.T, r *running) {
	f := &Front{Documents: r}
	get := Visit{Request: Request{Method: "GET", Path: "/tags/0/feed.xml", AcceptEncoding: "gzip"}}
	one, two := f.Answer(&get), f.Answer(&get)
	size := r.Replica.Memory.Size()
	d := r.Snapshot().document("/tags/0/feed.xml")
	r.Replica.Memory.mu.Lock()
	r.Replica.Memory.leave(d)
	d.payload.Store(nil)
	r.Replica.Memory.mu.Unlock()
	if got := r.Replica.Memory.Size(); got != size {
		t.Errorf("%d bytes are counted while two responses use a dropped document, want %d", got, size)
	}
	one.Release()
	if got := r.Replica.Memory.Size(); got != size {
		t.Errorf("%d bytes are counted while a response uses a dropped document, want %d", got, size)
	}
	two.Release()
	if got := r.Replica.Memory.Size(); got >= size {
		t.Errorf("%d bytes are counted after both responses were released, want less than %d", got, size)
	}
}

// TestUnread checks that the limit applies to each network separately, that short responses are not counted, and that
// proxies are exempt.
func TestUnread(t *testing.T) {
	const length = 100_000
	head, blobs := commit(feed.Main, 1, noon, strings.Repeat("x", length/50))
	s, err := NewSnapshot(Options{}, []feed.Head{head}, func(h feed.Hash) (feed.Blob, bool) {
		i := slices.IndexFunc(blobs, func(b feed.Blob) bool { return b.Hash == h })
		return blobs[i], true
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &Front{Documents: fixed{s}, Unread: NewUnread(2 * length * 11 / 10)}
	get := func(client, encoding string) Response {
		return f.Answer(&Visit{
			Request: Request{Method: "GET", Path: "/feed.xml", AcceptEncoding: encoding},
			Client:  Client{Addr: netip.MustParseAddr(client)},
		})
	}
	var open []Response
	for range 2 {
		open = append(open, get("192.0.2.1", ""))
	}
	third := get("192.0.2.200", "")
	if third.Status != 429 || third.Get("Retry-After") == "" || third.Feed != feed.Main {
		t.Errorf("a third response to the network: status is %d, want 429 with Retry-After", third.Status)
	}
	third.Release()
	for _, c := range []struct{ name, client, encoding string }{
		{"another network", "192.0.3.1", ""}, {"IPv6", "2001:db8::1", ""}, {"loopback", "127.0.0.1", ""},
		{"a short response", "192.0.2.1", "gzip"},
	} {
		if got := get(c.client, c.encoding); got.Status != 200 {
			t.Errorf("%s: status is %d, want 200", c.name, got.Status)
		}
	}
	open[0].Release()
	if got := get("192.0.2.7", ""); got.Status != 200 {
		t.Errorf("status is %d after a response was received, want 200", got.Status)
	}
	if len(f.Unread.networks) != 3 {
		t.Errorf("%d networks are counted, want 3", len(f.Unread.networks))
	}
}
