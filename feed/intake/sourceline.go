package intake

import (
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
	"feedpub/feed/markup"
)

// SourceLine returns the source as a line of plain text: "Authors: Headline, Publication (Agencies), date". Unknown
// parts are omitted. If english is set, the date is written out in English; otherwise it has the format YYYY-MM-DD.
func SourceLine(source feed.Source, english bool) string {
	line := strings.Join(authorNames(source), ", ")
	rest := strings.Join(present(title(source), publisher(source), sourceDay(source.DatePublished, english)), ", ")
	switch {
	case line == "":
		return rest
	case rest == "":
		return line
	default:
		return line + ": " + rest
	}
}

// creditNodes returns the source as the content of a caption: Authors, <cite><a href="URL">Headline</a></cite>,
// Publication, <time datetime="…">date</time>. Unknown parts are omitted.
func creditNodes(source feed.Source, english bool) []*html.Node {
	var parts []*html.Node
	add := func(n *html.Node) {
		if len(parts) > 0 {
			parts = append(parts, markup.TextNode(", "))
		}
		parts = append(parts, n)
	}
	if authors := strings.Join(authorNames(source), ", "); authors != "" {
		add(markup.TextNode(authors))
	}
	if name := title(source); name != "" {
		cite := markup.Element(atom.Cite)
		if source.URL != "" {
			a := markup.Element(atom.A, "href", source.URL)
			a.AppendChild(markup.TextNode(name))
			cite.AppendChild(a)
		} else {
			cite.AppendChild(markup.TextNode(name))
		}
		add(cite)
	}
	if name := publisher(source); name != "" {
		add(markup.TextNode(name))
	}
	if day := sourceDay(source.DatePublished, english); day != "" {
		element := markup.Element(atom.Time, "datetime", source.DatePublished)
		element.AppendChild(markup.TextNode(day))
		add(element)
	}
	return parts
}

// title returns the headline or, for a source with a URL and no headline, the publication or the URL's host.
func title(source feed.Source) string {
	switch {
	case source.Headline != "" || source.URL == "":
		return source.Headline
	case source.Publication != "":
		return source.Publication
	default:
		return host(source.URL)
	}
}

// publisher returns the publication and its agencies, without repeating the title.
func publisher(source feed.Source) string {
	name := source.Publication
	if name == title(source) {
		name = ""
	}
	var agencies []string
	for _, agency := range source.Agencies {
		if agency != source.Publication {
			agencies = append(agencies, agency)
		}
	}
	switch {
	case len(agencies) == 0:
		return name
	case name == "":
		return strings.Join(agencies, ", ")
	default:
		return name + " (" + strings.Join(agencies, ", ") + ")"
	}
}

func authorNames(source feed.Source) []string {
	var names []string
	for _, a := range source.Authors {
		names = append(names, a.Name)
	}
	return present(names...)
}

// present returns the texts that are not empty.
func present(texts ...string) []string {
	var kept []string
	for _, s := range texts {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Hostname(), "www.")
}

// sourceDay formats a source's date for readers: "16 June 2014", "June 2014" or "2014" in English, and as YYYY-MM-DD,
// YYYY-MM or YYYY otherwise.
func sourceDay(date string, english bool) string {
	if day, ok := ParseDate(date); ok {
		if english {
			return day.Format("2 January 2006")
		}
		return day.Format(time.DateOnly)
	}
	if month, err := time.Parse("2006-01", date); err == nil && english {
		return month.Format("January 2006")
	}
	return date
}
