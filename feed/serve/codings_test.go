package serve

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// TestEveryCoding commits a document in all codings and passes it through a snapshot, the disk and the store. It fails
// if code in this package does not support a coding in the table of package coding.
func TestEveryCoding(t *testing.T) {
	head, blobs := commit(feed.Main, 1, noon, "text")
	for i, b := range blobs {
		body, err := coding.Body(b)
		if err != nil {
			t.Fatal(err)
		}
		blobs[i].Brotli, head.Documents[i].Brotli = coding.Brotli.Pack(body), true
		for _, c := range coding.Compressed() {
			if !c.Committed(head.Documents[i]) || len(c.Stored(blobs[i])) == 0 {
				t.Fatalf("the document of this test is not committed in coding %s", c.Token())
			}
		}
	}
	store := newFakeStore()
	for _, b := range blobs {
		store.blobs[b.Hash] = b
	}
	fetch := func(ref feed.DocumentRef) (feed.Blob, error) { return store.Blob(t.Context(), ref.Hash) }
	e, err := newEdition(head, nil, fetch)
	if err != nil {
		t.Fatal(err)
	}
	checkCodings(t, "fetched", e)

	dir := t.TempDir()
	d := openDisk(t, dir)
	save(t, d, e)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDisk(t, dir)
	editions, _, problems := d.load(nil)
	if len(problems) > 0 || editions[feed.Main] == nil {
		t.Fatalf("load: %d editions, %v", len(editions), problems)
	}
	checkCodings(t, "loaded from disk", editions[feed.Main])

	doc := editions[feed.Main].documents[0]
	checkRepair(t, d, doc, e.documents[0].payload.Load().bodies)
	save(t, d, editionOf(t, feed.Main, 2, "other"))
	for _, c := range coding.Compressed() {
		if _, err := os.Stat(d.documentPath(doc.ref.Hash, c)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file of the replaced document in coding %s: %v, want it removed", c.Token(), err)
		}
	}
}

// checkRepair damages the file of a document in each coding, and checks that repair replaces it.
func checkRepair(t *testing.T, d *Disk, doc *document, sound bodies) {
	t.Helper()
	for _, c := range coding.Compressed() {
		path := d.documentPath(doc.ref.Hash, c)
		if err := os.WriteFile(path, []byte("damaged"), fileMode); err != nil {
			t.Fatal(err)
		}
		if _, err := d.read(*doc.ref, doc.stored); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("read of a document with a damaged file %s: %v, want an error of kind %q", path, err, feed.ErrInvalid)
		}
		if err := d.repair(doc.ref.Hash, sound); err != nil {
			t.Errorf("repair: %v", err)
		}
		if _, err := d.read(*doc.ref, doc.stored); err != nil {
			t.Errorf("read of a repaired document: %v", err)
		}
	}
}

// checkCodings checks that the documents of an edition are served in every coding.
func checkCodings(t *testing.T, when string, e *edition) {
	t.Helper()
	s := emptySnapshot(nil).with(map[feed.Name]*edition{feed.Main: e}, nil)
	for _, c := range coding.All() {
		for _, ref := range e.head.Documents {
			r := Request{Method: "GET", Path: ref.Path, AcceptEncoding: c.Token() + ", *;q=0"}
			got := Answer(s, r)
			if token := got.Get("Content-Encoding"); got.Status != 200 || c != coding.Identity && token != c.Token() {
				t.Errorf("%s, %s with Accept-Encoding %q: status %d in coding %q, want 200 in coding %s",
					when, ref.Path, r.AcceptEncoding, got.Status, token, c.Token())
				continue
			}
			if err := c.Check(got.Body, ref.Hash, ref.Length); err != nil {
				t.Errorf("%s, %s in coding %s: %v", when, ref.Path, c.Token(), err)
			}
			r.IfNoneMatch = got.Get("Etag")
			if again := Answer(s, r); again.Status != 304 || again.Get("Etag") != r.IfNoneMatch {
				t.Errorf("%s, %s in coding %s with its own tag: status %d with tag %s, want 304 with %s",
					when, ref.Path, c.Token(), again.Status, again.Get("Etag"), r.IfNoneMatch)
			}
		}
	}
}
