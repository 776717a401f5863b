package serve

import (
	"html"
	"net/url"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// index is the list of a site's feeds at "/". The first request creates it from the names and paths of the feeds. A
// document that is committed for "/" replaces it. Snapshots with the same feeds share it.
type index struct {
	once sync.Once
	page *document
}

// indexMaxAge is the max-age of a list of feeds.
const indexMaxAge = 5 * time.Minute

// document returns the list of feeds as a document. s must be a snapshot that uses ix.
func (ix *index) document(s *Snapshot) *document {
	ix.once.Do(func() { ix.page = s.list() })
	return ix.page
}

// list returns a page that lists the served feeds. Archives are omitted, because feeds link to them.
func (s *Snapshot) list() *document {
	var links, list strings.Builder
	for _, name := range s.names() {
		if _, number := name.Archived(); number > 0 || name == feed.Pages || name.OfPost() {
			continue
		}
		var anchors strings.Builder
		for _, d := range s.edition(name).documents {
			if s.document(d.ref.Path) != d {
				continue
			}
			// The link is relative, so that it works behind a proxy that adds a prefix.
			href := html.EscapeString("." + (&url.URL{Path: d.ref.Path}).EscapedPath())
			anchors.WriteString(` <a href="` + href + `">` + html.EscapeString(label(d.ref.Format)) + `</a>`)
			if name == feed.Main {
				mediaType, _, _ := strings.Cut(d.ref.MediaType, ";")
				links.WriteString(`<link rel="alternate" type="` + html.EscapeString(mediaType) + `" title="` +
					html.EscapeString(label(d.ref.Format)) + `" href="` + href + "\">\n")
			}
		}
		if anchors.Len() > 0 {
			list.WriteString("<li>" + html.EscapeString(string(name)) + ":" + anchors.String() + "</li>\n")
		}
	}
	text := "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>Feeds</title>\n" + links.String() +
		"</head>\n<body>\n<h1>Feeds</h1>\n<ul>\n" + list.String() + "</ul>\n</body>\n</html>\n"
	ref := &feed.DocumentRef{
		Path:      "/",
		MediaType: "text/html; charset=utf-8",
		MaxAge:    indexMaxAge,
		Policy:    "default-src 'none'",
		Hash:      feed.HashOf([]byte(text)),
		Length:    len(text),
	}
	return newDocument("", ref, coding.GzipSmall([]byte(text)))
}

// label returns the name of a format for display. A later release may have committed a document in a format that
// this release does not know.
func label(f feed.Format) string {
	if !f.Known() {
		return string(f)
	}
	return f.Label()
}
