package build

import (
	"cmp"
	"strings"

	"feedpub/feed"
)

// Naming holds the title and description templates for family feeds in one language. In templates, {site} is the site's
// title and {name} the full name of the tag, author or publication.
type Naming struct {
	Tag, Author, Source Wording
}

// Wording holds the templates for one family.
type Wording struct {
	Title       string
	Description string
}

// neutral is the wording for languages without a translation. It contains no words.
var neutral = Wording{Title: "{site}: {name}", Description: "{site}: {name}"}

// namings is the table of languages. It is never modified.
var namings = map[string]Naming{
	"en": {
		Tag:    Wording{"{site}: {name}", "Posts of {site} tagged “{name}”"},
		Author: Wording{"{site}: posts by {name}", "Posts of {site} by {name}"},
		Source: Wording{"{site}: quoted from {name}", "Posts of {site} that quote {name}"},
	},
	"de": {
		Tag:    Wording{"{site}: {name}", "Beiträge von {site} zum Thema „{name}“"},
		Author: Wording{"{site}: Beiträge von {name}", "Beiträge von {name} in {site}"},
		Source: Wording{"{site}: zitiert aus {name}", "Beiträge von {site}, die {name} zitieren"},
	},
	"es": {
		Tag:    Wording{"{site}: {name}", "Entradas de {site} con la etiqueta «{name}»"},
		Author: Wording{"{site}: entradas de {name}", "Entradas de {name} en {site}"},
		Source: Wording{"{site}: citas de {name}", "Entradas de {site} que citan a {name}"},
	},
	"fr": {
		Tag:    Wording{"{site} : {name}", "Billets de {site} sur « {name} »"},
		Author: Wording{"{site} : billets de {name}", "Billets de {name} sur {site}"},
		Source: Wording{"{site} : cité de {name}", "Billets de {site} qui citent {name}"},
	},
}

// NamingFor returns the naming for a BCP 47 language tag. Only the primary language matters. Languages that are not in
// the table get titles without words, since English words would not fit the text around them.
func NamingFor(language string) Naming {
	primary, _, _ := strings.Cut(language, "-")
	if n, ok := namings[strings.ToLower(primary)]; ok {
		return n
	}
	return Naming{Tag: neutral, Author: neutral, Source: neutral}
}

// Name returns the title and the description of a feed. They are never empty, since RSS requires both. The main feed
// has the site's title, a feed that belongs to no family has its own name as the title, and an archive has the title of
// its feed.
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
	case feed.Posts: // the page shows the post's title
	}
	fill := strings.NewReplacer("{site}", siteTitle, "{name}", cmp.Or(strings.TrimSpace(fullName), slug))
	return fill.Replace(words.Title), fill.Replace(words.Description)
}
