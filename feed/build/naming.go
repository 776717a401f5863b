package build

import (
	"cmp"
	"strings"

	"feedpub/feed"
)

// Naming holds the words by which the feeds of families are titled and described, in one language. In each of them
// {site} stands for the site's title and {name} for the full name of the tag, author or publication.
type Naming struct {
	Tag, Author, Source Wording
}

// Wording is how the feeds of one family are called.
type Wording struct {
	Title       string
	Description string
}

// neutral serves the languages that nobody has written words for: it has none.
var neutral = Wording{Title: "{site}: {name}", Description: "{site}: {name}"}

// NamingFor returns the naming for a BCP 47 language tag, of which only the primary language counts. A language
// without words of its own gets titles without words, rather than English ones in the middle of its text.
func NamingFor(language string) Naming {
	primary, _, _ := strings.Cut(language, "-")
	switch strings.ToLower(primary) {
	case "en":
		return Naming{
			Tag:    Wording{"{site}: {name}", "Posts of {site} tagged “{name}”"},
			Author: Wording{"{site}: posts by {name}", "Posts of {site} by {name}"},
			Source: Wording{"{site}: quoted from {name}", "Posts of {site} that quote {name}"},
		}
	case "de":
		return Naming{
			Tag:    Wording{"{site}: {name}", "Beiträge von {site} zum Thema „{name}“"},
			Author: Wording{"{site}: Beiträge von {name}", "Beiträge von {name} in {site}"},
			Source: Wording{"{site}: zitiert aus {name}", "Beiträge von {site}, die {name} zitieren"},
		}
	case "es":
		return Naming{
			Tag:    Wording{"{site}: {name}", "Entradas de {site} con la etiqueta «{name}»"},
			Author: Wording{"{site}: entradas de {name}", "Entradas de {name} en {site}"},
			Source: Wording{"{site}: citas de {name}", "Entradas de {site} que citan a {name}"},
		}
	case "fr":
		return Naming{
			Tag:    Wording{"{site} : {name}", "Billets de {site} sur « {name} »"},
			Author: Wording{"{site} : billets de {name}", "Billets de {name} sur {site}"},
			Source: Wording{"{site} : cité de {name}", "Billets de {site} qui citent {name}"},
		}
	default:
		return Naming{Tag: neutral, Author: neutral, Source: neutral}
	}
}

// Name returns the title and the description of a feed; neither is ever empty, since RSS requires both. The main feed
// has the site's own, and a feed of no family is called by its name. An archive is called as its feed.
func (n Naming) Name(site feed.Site, name feed.Name, fullName string) (title, description string) {
	name, _ = name.Archived()
	siteTitle := cmp.Or(strings.TrimSpace(site.Title), string(site.ID))
	if name == feed.Main {
		return siteTitle, cmp.Or(strings.TrimSpace(site.Description), siteTitle)
	}
	family, slug := name.Split()
	words := neutral
	switch family {
	case feed.Tags:
		words = n.Tag
	case feed.Authors:
		words = n.Author
	case feed.Sources:
		words = n.Source
	}
	fill := strings.NewReplacer("{site}", siteTitle, "{name}", cmp.Or(strings.TrimSpace(fullName), slug))
	return fill.Replace(words.Title), fill.Replace(words.Description)
}
