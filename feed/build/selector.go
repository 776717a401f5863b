package build

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/pathname"
)

// Selector finds the selections of a catalog that an item belongs to. It is safe for concurrent use.
type Selector struct {
	language   string // language of items that do not specify one
	canonical  func(publication string) feed.Source
	selections []selection
}

// selection is a [feed.Selection] with folded names.
type selection struct {
	name             feed.Name
	include, exclude criteria
	excludeIDs       map[string]bool
}

type criteria struct {
	tags, authors, sources map[string]bool
	allTags                []string
	languages              []string
	quoting                feed.Choice
}

// NewSelector returns a selector for the catalog's selections. language is the language of items that do not specify
// one. canonical returns the publication with the canonical form of its name; sources with equal canonical names are
// equal.
func NewSelector(c feed.Catalog, language string, canonical func(publication string) feed.Source) *Selector {
	s := &Selector{language: language, canonical: canonical}
	for _, sel := range c.Selections {
		s.selections = append(s.selections, selection{
			name: sel.Name, include: s.fold(sel.Criteria), exclude: s.fold(sel.Exclude), excludeIDs: set(sel.ExcludeIDs),
		})
	}
	return s
}

// Select returns the sorted names of the selections whose criteria the item meets. It ignores the item's ExcludeFrom.
func (s *Selector) Select(it *feed.Item) []feed.Name {
	if len(s.selections) == 0 {
		return nil
	}
	p := s.properties(it)
	var names []feed.Name
	for _, sel := range s.selections {
		if !sel.excludeIDs[it.ID] && sel.include.all(p) && !sel.exclude.any(p) {
			names = append(names, sel.name)
		}
	}
	slices.Sort(names)
	return names
}

// properties are the folded properties of an item that criteria refer to.
type properties struct {
	tags, authors, sources []string
	language               string
	quoting                bool
}

func (s *Selector) properties(it *feed.Item) properties {
	p := properties{
		tags:     folded(feed.Tags, it.Tags),
		language: strings.ToLower(cmp.Or(it.Language, s.language)),
		quoting:  len(it.Quotes) > 0,
	}
	for _, a := range it.Authors {
		p.authors = append(p.authors, pathname.Fold(feed.Authors, a.Name))
	}
	for _, q := range it.Quotes {
		if q.Source.Publication != "" {
			p.sources = append(p.sources, s.source(q.Source.Publication))
		}
	}
	return p
}

// source returns the folded canonical name of a publication, which may have several names.
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

// all reports whether an item meets all criteria. Empty criteria are met.
func (c criteria) all(p properties) bool {
	return (len(c.tags) == 0 || hasAny(c.tags, p.tags)) &&
		(len(c.allTags) == 0 || hasAll(p.tags, c.allTags)) &&
		(len(c.authors) == 0 || hasAny(c.authors, p.authors)) &&
		(len(c.sources) == 0 || hasAny(c.sources, p.sources)) &&
		(len(c.languages) == 0 || c.matchesLanguage(p.language)) &&
		(c.quoting == feed.Either || p.quoting == (c.quoting == feed.Yes))
}

// any reports whether an item meets at least one of the criteria. Empty criteria are not met.
func (c criteria) any(p properties) bool {
	return hasAny(c.tags, p.tags) || len(c.allTags) > 0 && hasAll(p.tags, c.allTags) || hasAny(c.authors, p.authors) ||
		hasAny(c.sources, p.sources) || c.matchesLanguage(p.language) ||
		c.quoting != feed.Either && p.quoting == (c.quoting == feed.Yes)
}

// matchesLanguage reports whether one of the criteria's language ranges matches language (RFC 4647, section 3.3.1).
func (c criteria) matchesLanguage(language string) bool {
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

// Why returns the first criterion of a selection that keeps an item out of it, and "" if the item meets all criteria.
// It ignores the item's ExcludeFrom. The error is of kind [feed.ErrNotFound] if there is no such selection.
func (s *Selector) Why(it *feed.Item, name feed.Name) (string, error) {
	i := slices.IndexFunc(s.selections, func(x selection) bool { return x.name == name })
	if i < 0 {
		return "", fmt.Errorf("selection %q: %w", name, feed.ErrNotFound)
	}
	sel, p := s.selections[i], s.properties(it)
	if sel.excludeIDs[it.ID] {
		return "exclude.ids lists the post", nil
	}
	if why := sel.include.unmet(p); why != "" {
		return why, nil
	}
	if why := sel.exclude.met(p); why != "" {
		return why, nil
	}
	return "", nil
}

// unmet returns the first criterion that an item does not meet, or "".
func (c criteria) unmet(p properties) string {
	switch {
	case len(c.tags) > 0 && !hasAny(c.tags, p.tags):
		return "it has none of the tags in tags"
	case len(c.allTags) > 0 && !hasAll(p.tags, c.allTags):
		return "it lacks one of the tags in all_tags"
	case len(c.authors) > 0 && !hasAny(c.authors, p.authors):
		return "none of its authors is in authors"
	case len(c.sources) > 0 && !hasAny(c.sources, p.sources):
		return "it credits none of the publications in sources"
	case len(c.languages) > 0 && !c.matchesLanguage(p.language):
		return fmt.Sprintf("its language %q is not in languages", p.language)
	case c.quoting == feed.Yes && !p.quoting:
		return "it credits no source, and quoting is yes"
	case c.quoting == feed.No && p.quoting:
		return "it credits a source, and quoting is no"
	}
	return ""
}

// met returns the first criterion that an item meets, or "".
func (c criteria) met(p properties) string {
	switch {
	case hasAny(c.tags, p.tags):
		return "it has one of the tags in exclude.tags"
	case len(c.allTags) > 0 && hasAll(p.tags, c.allTags):
		return "it has all of the tags in exclude.all_tags"
	case hasAny(c.authors, p.authors):
		return "one of its authors is in exclude.authors"
	case hasAny(c.sources, p.sources):
		return "it credits one of the publications in exclude.sources"
	case c.matchesLanguage(p.language):
		return fmt.Sprintf("its language %q is in exclude.languages", p.language)
	case c.quoting != feed.Either && p.quoting == (c.quoting == feed.Yes):
		return "exclude.quoting excludes it"
	}
	return ""
}
