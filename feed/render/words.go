package render

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
)

// words are the page texts in one language.
type words struct {
	lang string // the primary language of the words

	Skip, AllFeeds, Subscribe, HowTo, Permalink, Quoted, Via, NoPosts, Archives, Archive, Updated, OPML string

	Newer, Older, Latest, AllPosts, OpenInApp, More string

	NotFound, NotFoundText, Gone, GoneText string

	// Notice and NoticePage are parts of a CSS string, so they must not contain quotation marks or backslashes. NoticePage
	// contains {url}.
	Notice, NoticePage string

	one, many string // numbers of posts, with {n}

	families map[feed.Family]string // titles of groups; "" is the key for feeds without a family
	months   string                 // names separated by spaces
	date     string                 // a template with {d}, {m} and {y}
}

// translations is the table of languages. It is not modified.
var translations = map[string]words{
	"de": {lang: "de", Skip: "Zum Inhalt", AllFeeds: "Alle Feeds", Subscribe: "Abonnieren",
		HowTo:     "Kopieren Sie eine dieser Adressen in einen Feedreader, um neue Beiträge zu erhalten.",
		Permalink: "Permalink", Quoted: "Zitiert:", Via: "Gefunden bei", NoPosts: "Noch keine Beiträge.",
		Archives: "Archive", Archive: "Archiv", Updated: "Stand:", OPML: "Alle Feeds als OPML für den Feedreader",
		Newer: "Neuere Beiträge", Older: "Ältere Beiträge", Latest: "Neueste Beiträge",
		Notice:     "Dies ist ein Webfeed. Kopieren Sie seine Adresse in einen Feedreader, um neue Beiträge zu erhalten.",
		NoticePage: "Im Browser lesen Sie die Beiträge unter {url}",
		AllPosts:   "Alle Beiträge", OpenInApp: "In App öffnen", More: "Weitere", one: "{n} Beitrag", many: "{n} Beiträge",
		NotFound: "Seite nicht gefunden", NotFoundText: "Unter dieser Adresse gibt es nichts. Vielleicht enthält sie einen Tippfehler.",
		Gone: "Nicht mehr veröffentlicht", GoneText: "Was unter dieser Adresse stand, ist nicht mehr veröffentlicht.",
		families: map[feed.Family]string{
			"": "Feeds", feed.Tags: "Themen", feed.Sources: "Zitierte Quellen",
			feed.Authors: "Nach Autor", //nolint:misspell // German
		},
		months: "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
		date:   "{d}. {m} {y}"},
	"es": {lang: "es", Skip: "Ir al contenido", AllFeeds: "Todas las fuentes", Subscribe: "Suscribirse",
		HowTo:     "Copie una de estas direcciones en su lector de fuentes para recibir las entradas nuevas.",
		Permalink: "Enlace permanente", Quoted: "Cita:", Via: "Visto en", NoPosts: "Todavía no hay entradas.",
		Archives: "Archivos", Archive: "Archivo", Updated: "Actualizado el", OPML: "Todas las fuentes en OPML para su lector",
		Newer: "Entradas más recientes", Older: "Entradas más antiguas", Latest: "Últimas entradas",
		Notice:     "Esto es una fuente web. Copie su dirección en su lector de fuentes para recibir las entradas nuevas.",
		NoticePage: "Para leer las entradas en el navegador, abra {url}",
		AllPosts:   "Todas las entradas", OpenInApp: "Abrir en la aplicación", More: "Más", one: "{n} entrada", many: "{n} entradas",
		NotFound: "Página no encontrada", NotFoundText: "No hay nada en esta dirección. Puede que esté mal escrita.",
		Gone: "Ya no está publicado", GoneText: "Lo que había en esta dirección ya no está publicado.",
		families: map[feed.Family]string{
			"": "Fuentes", feed.Tags: "Etiquetas", feed.Authors: "Autores", feed.Sources: "Medios citados",
		},
		months: "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
		date:   "{d} de {m} de {y}"},
	"fr": {lang: "fr", Skip: "Aller au contenu", AllFeeds: "Tous les flux", Subscribe: "S’abonner",
		HowTo:     "Copiez l’une de ces adresses dans un lecteur de flux pour suivre les nouveaux billets.",
		Permalink: "Lien permanent", Quoted: "Cite :", Via: "Vu sur", NoPosts: "Pas encore de billets.",
		Archives: "Archives", Archive: "Archive", Updated: "Mis à jour le", OPML: "Tous les flux en OPML pour votre lecteur",
		Newer: "Billets plus récents", Older: "Billets plus anciens", Latest: "Derniers billets",
		Notice:     "Ceci est un flux web. Copiez son adresse dans un lecteur de flux pour suivre les nouveaux billets.",
		NoticePage: "Pour lire les billets dans le navigateur, ouvrez {url}",
		AllPosts:   "Tous les billets", OpenInApp: "Ouvrir dans l’application", More: "Autres", one: "{n} billet", many: "{n} billets",
		NotFound: "Page introuvable", NotFoundText: "Il n’y a rien à cette adresse. Elle est peut-être mal écrite.",
		Gone: "N’est plus publié", GoneText: "Ce qui se trouvait à cette adresse n’est plus publié.",
		families: map[feed.Family]string{
			"": "Flux", feed.Tags: "Étiquettes", feed.Authors: "Par auteur", feed.Sources: "Sources citées",
		},
		months: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
		date:   "{d} {m} {y}"},
	"en": {lang: "en", Skip: "Skip to content", AllFeeds: "All feeds", Subscribe: "Subscribe",
		HowTo:     "Copy one of these addresses into a feed reader to follow new posts.",
		Permalink: "Permalink", Quoted: "Quotes", Via: "Via", NoPosts: "No posts yet.",
		Archives: "Archives", Archive: "Archive", Updated: "Updated", OPML: "All feeds as OPML for your feed reader",
		Newer: "Newer posts", Older: "Older posts", Latest: "Latest posts",
		Notice:     "This is a web feed. Copy its address into a feed reader to follow new posts.",
		NoticePage: "To read the posts in the browser, open {url}",
		AllPosts:   "All posts", OpenInApp: "Open in app", More: "More", one: "{n} post", many: "{n} posts",
		NotFound: "Page not found", NotFoundText: "There is nothing at this address. It may be misspelled.",
		Gone: "No longer published", GoneText: "What was at this address is no longer published.",
		families: map[feed.Family]string{
			"": "Feeds", feed.Tags: "Tags", feed.Authors: "By author", feed.Sources: "Quoted sources",
		},
		months: "January February March April May June July August September October November December",
		date:   "{d} {m} {y}"},
}

// wordsFor returns the words for a BCP 47 language tag. Only the primary language matters. For a language that is not
// in the table, it returns the English words.
func wordsFor(language string) words {
	if w, ok := translations[primary(language)]; ok {
		return w
	}
	return translations["en"]
}

// posts returns a text that states the number of posts.
func (w words) posts(n int) string {
	text := w.many
	if n == 1 {
		text = w.one
	}
	return strings.ReplaceAll(text, "{n}", strconv.Itoa(n))
}

// attr returns the lang and dir attributes of an element that contains words, or none if the page has the same
// language.
func (w words) attr(page string) template.HTMLAttr {
	if primary(page) == w.lang {
		return ""
	}
	return template.HTMLAttr(fmt.Sprintf(` lang="%s" dir="ltr"`, w.lang))
}

// day formats a date in words or, if the page's language is not in the table, as YYYY-MM-DD.
func (w words) day(t time.Time, page string) string {
	t = t.UTC()
	if primary(page) != w.lang {
		return t.Format("2006-01-02")
	}
	month := strings.Fields(w.months)[t.Month()-1]
	return strings.NewReplacer("{d}", t.Format("2"), "{m}", month, "{y}", t.Format("2006")).Replace(w.date)
}

// primary returns the primary language of a BCP 47 tag in lower case.
func primary(language string) string {
	p, _, _ := strings.Cut(strings.ToLower(language), "-")
	return p
}

// rtlScripts and rtlLanguages are the scripts that are written from right to left, and the languages that use them by
// default. They are not modified.
var (
	rtlScripts   = strings.Fields("arab hebr thaa syrc nkoo adlm rohg mand samr")
	rtlLanguages = strings.Fields("ar arc ckb dv fa he iw ji nqo ps sd syr ug ur yi")
)

// direction returns "rtl" or "ltr" for a BCP 47 language tag. A script in the tag takes precedence over the language.
func direction(language string) string {
	parts := strings.Split(strings.ToLower(language), "-")
	rtl := slices.Contains(rtlLanguages, parts[0])
	if len(parts) > 1 && len(parts[1]) == 4 {
		rtl = slices.Contains(rtlScripts, parts[1])
	}
	if rtl {
		return "rtl"
	}
	return "ltr"
}
