package publish

import (
	"slices"

	"feedpub/feed"
	"feedpub/feed/alias"
	"feedpub/feed/render"
)

// documents renders all documents of a feed: those for programs and, if the site has pages, the one for people.
func (p *Publisher) documents(f feed.Feed) ([]feed.Document, []feed.Problem, error) {
	docs, setAside, err := p.renderer().Documents(f)
	if err != nil || !p.Catalog.Pages {
		return docs, setAside, err
	}
	page, err := p.renderer().Page(f)
	if err != nil {
		return nil, nil, err
	}
	return append(docs, page), setAside, nil
}

// reference returns what a head says of a document of a feed whose committed head is head.
func (p *Publisher) reference(
	f feed.Feed, d feed.Document, aliases map[feed.Format][]string, head feed.Head,
) feed.DocumentRef {
	ref := feed.DocumentRef{
		Format: d.Format, Path: f.Name.Path(d.Format), MediaType: d.Format.MediaType(), Link: render.Link(f, d.Format),
		MaxAge: f.Site.TTL, Policy: render.Policy(d.Format), Hash: d.Hash, Length: len(d.Body), Aliases: aliases[d.Format],
	}
	if p.Catalog.PlainXML && (d.Format == feed.RSS || d.Format == feed.Atom) {
		ref.MediaType = "application/xml; charset=utf-8"
	}
	if committed, ok := head.Document(d.Format); ok && committed.Hash == d.Hash {
		ref.Brotli = committed.Brotli
	}
	return ref
}

// aliases returns the old paths of a feed's documents, sorted. A path of a format that the feed does not have leads to
// the nearest that it has.
func (p *Publisher) aliases(n feed.Name, fullName string, formats []feed.Format) map[feed.Format][]string {
	var all []feed.Alias
	for _, a := range p.Catalog.Aliases {
		if a.Feed == n {
			all = append(all, a)
		}
	}
	for _, preset := range p.Catalog.Presets {
		all = append(all, alias.Of(preset, n, fullName)...)
	}
	if len(all) == 0 {
		return nil
	}
	own := map[string]bool{}
	for _, f := range append(feed.Formats(), feed.HTML) {
		own[n.Path(f)] = true
	}
	out := map[feed.Format][]string{}
	for _, a := range all {
		if !own[a.Target] {
			f := nearest(a.Format, formats)
			out[f] = append(out[f], a.Target)
		}
	}
	for f := range out {
		slices.Sort(out[f])
		out[f] = slices.Compact(out[f])
	}
	return out
}

// nearest returns the format f if it is among formats, else the first of them, which is the one that most readers take.
func nearest(f feed.Format, formats []feed.Format) feed.Format {
	if slices.Contains(formats, f) {
		return f
	}
	return formats[0]
}
