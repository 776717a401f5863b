package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"feedpub/feed"
	"feedpub/feed/alias"
	"feedpub/feed/coding"
	"feedpub/feed/render"
)

// documentStore keeps the bytes of documents, and commits them.
type documentStore interface {
	// MissingDocuments returns the given hashes whose documents are not in the store.
	MissingDocuments(ctx context.Context, hashes ...feed.Hash) ([]feed.Hash, error)
	Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error)
	// Commit replaces the current documents of a feed in one step, and returns the new head.
	Commit(ctx context.Context, c feed.CommitRequest) (feed.Outcome, feed.Head, error)
	// CommitAll makes commits of different feeds, if possible in one step. The results are in the order of the requests.
	CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult
}

// documentSet holds the documents of a feed and the ids of the posts in them, in order.
type documentSet struct {
	documents []feed.Document
	ids       []string
}

// render renders the documents of a feed. Items that cannot be rendered are left out and listed as problems.
func (r *rebuilder) render(ctx context.Context, f feed.Feed) (documentSet, error) {
	renderer := r.rendering.renderer()
	if f.Name.OfPost() {
		return r.renderPost(f)
	}
	docs, rejected, err := renderer.Documents(f)
	if err != nil {
		return documentSet{}, err
	}
	if r.catalog.Pages {
		page, err := renderer.Page(f)
		if err != nil {
			return documentSet{}, err
		}
		docs = append(docs, page)
	}
	d := documentSet{documents: docs}
	for _, it := range f.Items {
		d.ids = append(d.ids, it.ID)
	}
	for _, pr := range rejected {
		pr.Since = r.clock()
		if err := r.problems.SetProblem(ctx, pr); err != nil {
			return documentSet{}, err
		}
		d.ids = slices.DeleteFunc(d.ids, func(id string) bool { return id == pr.ID })
	}
	return d, nil
}

// renderPost renders the page of a post. If there is no such post, or it cannot be rendered, the page has no items, and
// servers respond with 410.
func (r *rebuilder) renderPost(f feed.Feed) (documentSet, error) {
	page, err := r.rendering.renderer().Page(f)
	if err != nil {
		return documentSet{}, err
	}
	d := documentSet{documents: []feed.Document{page}}
	if page.Bounds.Items() > 0 {
		d.ids = []string{f.Items[0].ID}
	}
	return d, nil
}

// withoutPosts returns the committed documents of a head without some of their posts.
func (r *rebuilder) withoutPosts(ctx context.Context, head feed.Head, ids []string) (documentSet, error) {
	var d documentSet
	d.ids = slices.DeleteFunc(slices.Clone(head.IDs), func(id string) bool { return slices.Contains(ids, id) })
	for _, ref := range head.Documents {
		blob, err := r.documents.Blob(ctx, ref.Hash)
		if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
			if b, ok := r.replica.Blob(ref.Hash); ok {
				blob, err = b, nil
			}
		}
		if err != nil {
			return documentSet{}, fmt.Errorf("remove posts from %s: %w", ref.Path, err)
		}
		body, err := decompress(blob)
		if err != nil {
			return documentSet{}, fmt.Errorf("remove posts from %s: %w", ref.Path, err)
		}
		whole := feed.Document{Format: ref.Format, Body: body, Hash: ref.Hash, Bounds: blob.Bounds,
			Policy: ref.Policy}
		rest, err := render.Remove(whole, head.IDs, ids)
		if err != nil {
			return documentSet{}, fmt.Errorf("remove posts from %s: %w", ref.Path, err)
		}
		d.documents = append(d.documents, rest)
	}
	return d, nil
}

// send sends the commit to the store, and queues a call to the Committed hook.
func (r *rebuilder) send(ctx context.Context, c feed.CommitRequest) (feed.Outcome, error) {
	outcome, head, err := r.documents.Commit(ctx, c)
	if err == nil {
		r.noteHead(outcome, head)
	}
	return outcome, err
}

// noteHead queues a call to the Committed hook for a commit that was made.
func (r *rebuilder) noteHead(outcome feed.Outcome, head feed.Head) {
	if outcome != feed.Committed {
		return
	}
	r.work.headCommitted(head)
	if head.Feed == feed.Main { // needs no lock: no other feed is built at the same time
		r.list.setNewest(head)
	}
}

// commitRequest prepares the commit of a feed's documents. It omits bytes that the store already has.
func (r *rebuilder) commitRequest(
	f feed.Feed, d documentSet, t target, aliases map[feed.Format][]string,
) feed.CommitRequest {
	c := feed.CommitRequest{
		Head:     feed.Head{Feed: f.Name, Config: r.rendering.fingerprint(), IDs: d.ids},
		Previous: &t.head,
		Dirty:    t.mark,
	}
	if !isArchive(f.Name) && !f.Name.OfPost() && f.Name != feed.Pages {
		c.Notices = r.notices
	}
	stored := t.head
	if t.lost {
		stored = feed.Head{}
	}
	var fresh []feed.Document
	var indexes []int // indexes of the fresh documents in the documents of the head
	for _, doc := range d.documents {
		same, ok := stored.Document(doc.Format)
		ref := r.reference(f, doc, aliases[doc.Format])
		if ok && same.Hash == doc.Hash {
			ref.Brotli, ref.GzipSum = same.Brotli, same.GzipSum
		} else {
			fresh, indexes = append(fresh, doc), append(indexes, len(c.Head.Documents))
		}
		c.Head.Documents = append(c.Head.Documents, ref)
	}
	// Compress concurrently: the main feed is built alone, so its documents can use all processors.
	c.Blobs = make([]feed.Blob, len(fresh))
	var g sync.WaitGroup
	for i, doc := range fresh {
		g.Go(func() {
			packed, _ := r.joiner.Gzip(doc.Body, doc.Bounds)
			c.Blobs[i] = feed.Blob{Hash: doc.Hash, Gzip: packed, Size: len(doc.Body), Bounds: doc.Bounds}
			c.Head.Documents[indexes[i]].GzipSum = feed.ChecksumOf(packed)
		})
	}
	g.Wait()
	return c
}

// reference returns the reference to a document for its feed's head.
func (r *rebuilder) reference(f feed.Feed, d feed.Document, aliases []string) feed.DocumentRef {
	ref := feed.DocumentRef{
		Format: d.Format, Path: f.Name.Path(d.Format), MediaType: d.Format.MediaType(), Link: r.rendering.renderer().Link(f, d.Format),
		MaxAge: f.Site.TTL, Policy: d.Policy, Hash: d.Hash, Length: len(d.Body), Aliases: aliases,
	}
	if r.catalog.PlainXML {
		ref.MediaType = d.Format.PlainMediaType()
	}
	return ref
}

// aliases returns the additional paths of a feed's documents, sorted. If the feed lacks the format that is expected at
// a path, it serves its first format there, which most feed readers support.
func (r *rebuilder) aliases(n feed.Name, fullName string, formats []feed.Format) map[feed.Format][]string {
	var all []feed.Alias
	for _, a := range r.catalog.Aliases {
		if a.Feed == n {
			all = append(all, a)
		}
	}
	for _, preset := range r.catalog.Presets {
		all = append(all, alias.Paths(preset, n, fullName)...)
	}
	if len(all) == 0 {
		return nil
	}
	own := map[string]bool{}
	for _, f := range feed.FeedFormats() {
		own[n.Path(f)] = true
	}
	out := map[feed.Format][]string{}
	for _, a := range all {
		if own[a.Target] {
			continue
		}
		f := a.Format
		if !slices.Contains(formats, f) {
			f = formats[0]
		}
		out[f] = append(out[f], a.Target)
	}
	for f := range out {
		slices.Sort(out[f])
		out[f] = slices.Compact(out[f])
	}
	return out
}

// decompress returns the identity bytes of a document. The error is of kind [feed.ErrInvalid] if the bytes do not match
// the document's hash.
func decompress(b feed.Blob) ([]byte, error) {
	body, err := coding.Body(b)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", b.Hash, err)
	}
	if feed.HashOf(body) != b.Hash {
		return nil, fmt.Errorf("document %s: the bytes do not match the hash: %w", b.Hash, feed.ErrInvalid)
	}
	return body, nil
}
