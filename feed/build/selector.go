package build

import (
	"cmp"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/pathname"
)

// Selector tells which of a catalog's selections an item belongs to. It is immutable and safe for concurrent use.
type Selector struct {
	language   string // of items that say nothing else
	canonical  func(publication string) feed.Source
	selections []selection
}

// selection is a [feed.Selection] with its names folded, so that matching is looking up.
type selection struct {
	name       feed.Name
	want, shun criteria
	shunIDs    map[string]bool
}

type criteria struct {
	tags, authors, sources map[string]bool
	allTags                []string
	languages              []string
	quoting                feed.Choice
}

// NewSelector returns the selector of the catalog's selections. Language is that of items without one; canonical returns
// the canonical form of a publication's name, by which sources are compared.
func NewSelector(c feed.Catalog, language string, canonical func(publication string) feed.Source) *Selector {
	s := &Selector{language: language, canonical: canonical}
	for _, sel := range c.Selections {
		x := selection{name: sel.Name, want: s.fold(sel.Criteria), shun: s.fold(sel.Exclude), shunIDs: map[string]bool{}}
		for _, id := range sel.ExcludeIDs {
			x.shunIDs[id] = true
		}
		s.selections = append(s.selections, x)
	}
	return s
}

// Select returns the names of the selections that the item belongs to, sorted; it does not look at what the item itself
// stays out of.
func (s *Selector) Select(it *feed.Item) []feed.Name {
	if len(s.selections) == 0 {
		return nil
	}
	f := s.facts(it)
	var names []feed.Name
	for _, sel := range s.selections {
		if !sel.shunIDs[it.ID] && sel.want.all(f) && !sel.shun.any(f) {
			names = append(names, sel.name)
		}
	}
	slices.Sort(names)
	return names
}

// facts are what criteria ask of an item, folded.
type facts struct {
	tags, authors, sources []string
	language               string
	quoting                bool
}

func (s *Selector) facts(it *feed.Item) facts {
	f := facts{
		tags:     folded(feed.Tags, it.Tags),
		language: strings.ToLower(cmp.Or(it.Language, s.language)),
		quoting:  len(it.Quotes) > 0,
	}
	for _, a := range it.Authors {
		f.authors = append(f.authors, pathname.Fold(feed.Authors, a.Name))
	}
	for _, q := range it.Quotes {
		if q.Source.Publication != "" {
			f.sources = append(f.sources, s.source(q.Source.Publication))
		}
	}
	return f
}

// source returns the form by which a publication is compared: the Guardian goes by several names.
func (s *Selector) source(publication string) string {
	return pathname.Fold(feed.Sources, s.canonical(publication).Publication)
}

func folded(f feed.Family, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = pathname.Fold(f, n)
	}
	return out
}

func set(values []string) map[string]bool {
	m := make(map[string]bool, len(values))
	for _, v := range values {
		m[v] = true
	}
	return m
}

func (s *Selector) fold(c feed.Criteria) criteria {
	sources := make([]string, len(c.Sources))
	for i, name := range c.Sources {
		sources[i] = s.source(name)
	}
	languages := make([]string, len(c.Languages))
	for i, l := range c.Languages {
		languages[i] = strings.ToLower(l)
	}
	return criteria{
		tags: set(folded(feed.Tags, c.Tags)), authors: set(folded(feed.Authors, c.Authors)), sources: set(sources),
		allTags: folded(feed.Tags, c.AllTags), languages: languages, quoting: c.Quoting,
	}
}

// all reports whether an item meets every criterion that is given.
func (c criteria) all(f facts) bool {
	return (len(c.tags) == 0 || hasAny(c.tags, f.tags)) &&
		(len(c.allTags) == 0 || hasAll(f.tags, c.allTags)) &&
		(len(c.authors) == 0 || hasAny(c.authors, f.authors)) &&
		(len(c.sources) == 0 || hasAny(c.sources, f.sources)) &&
		(len(c.languages) == 0 || c.speaks(f.language)) &&
		(c.quoting == feed.Either || f.quoting == (c.quoting == feed.Yes))
}

// any reports whether an item meets at least one of the criteria.
func (c criteria) any(f facts) bool {
	return hasAny(c.tags, f.tags) || len(c.allTags) > 0 && hasAll(f.tags, c.allTags) || hasAny(c.authors, f.authors) ||
		hasAny(c.sources, f.sources) || c.speaks(f.language) ||
		c.quoting != feed.Either && f.quoting == (c.quoting == feed.Yes)
}

// speaks reports whether language is one of the criteria's or a variety of it (RFC 4647 section 3.3.1).
func (c criteria) speaks(language string) bool {
	return slices.ContainsFunc(c.languages, func(l string) bool {
		return language == l || strings.HasPrefix(language, l+"-")
	})
}

func hasAny(wanted map[string]bool, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return wanted[v] })
}

func hasAll(values, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(values, w) })
}
