package transfer

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

// pageText is the text of a post with what a generator replaces in it before it makes a page.
type pageText struct {
	name  string         // of the file
	line  int            // of the first line
	front map[string]any // of the post
	text  string
	notes []string // of what stays as it is
	// endless are the names of which no end follows any more, so that it is searched for once.
	endless map[string]bool
}

// maxTag bounds what stands between the signs of a shortcode or tag.
const maxTag = 10_000

// maxNotes bounds what is said of one post.
const maxNotes = 20

// window returns the beginning of s in which a tag has to end.
func window(s string) string { return s[:min(len(s), maxTag)] }

// keep notes that a part of the text at an offset stays as it is.
func (c *pageText) keep(at int, what string) {
	switch {
	case len(c.notes) < maxNotes:
		c.notes = append(c.notes, fmt.Sprintf("%s:%d: %s is not known and stays as it is", c.name, c.lineOf(at), shown(what)))
	case len(c.notes) == maxNotes:
		c.notes = append(c.notes, fmt.Sprintf("%s:%d: and more of this kind", c.name, c.lineOf(at)))
	}
}

func (c *pageText) lineOf(at int) int { return c.line + strings.Count(c.text[:at], "\n") }

// linkTo returns a paragraph with a link, which every reader shows, where a page has a frame of another site.
func linkTo(address string) string {
	escaped := html.EscapeString(address)
	return `<a href="` + escaped + `">` + escaped + `</a>`
}

// codeBlock returns code as HTML.
func codeBlock(language, code string) string {
	class := ""
	if language != "" {
		class = ` class="language-` + html.EscapeString(language) + `"`
	}
	return "<pre><code" + class + ">" + html.EscapeString(strings.Trim(code, "\r\n")) + "\n</code></pre>"
}

// embeddedAddress returns the address of what a site shows of another, by the name that both generators have for it.
func embeddedAddress(name string, argument func(keys ...string) string) string {
	id := argument("id", "0")
	if id == "" || strings.ContainsAny(id, " <>\"'") {
		return ""
	}
	switch name {
	case "youtube":
		return "https://www.youtube.com/watch?v=" + id
	case "vimeo":
		return "https://vimeo.com/" + id
	case "instagram":
		return "https://www.instagram.com/p/" + id + "/"
	case "tweet", "twitter", "x":
		if user := argument("user"); user != "" {
			return "https://twitter.com/" + user + "/status/" + id
		}
		return "https://twitter.com/i/status/" + id
	case "gist":
		if file := argument("1"); file != "" {
			return "https://gist.github.com/" + id + "/" + file
		}
		return "https://gist.github.com/" + id
	}
	return ""
}
