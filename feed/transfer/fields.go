package transfer

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// addTag appends a tag to tags unless it is empty or already in tags, ignoring case.
func addTag(tags []string, tag string) []string {
	tag = strings.Join(strings.Fields(tag), " ")
	if tag == "" || slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
		return tags
	}
	return append(tags, tag)
}

// addAttachment appends an attachment to list if its URL is absolute and not already in the list.
func addAttachment(list []feed.Attachment, a feed.Attachment) []feed.Attachment {
	a.MIMEType = strings.TrimSpace(a.MIMEType)
	if a.URL = strings.TrimSpace(a.URL); !isURL(a.URL) {
		return list
	}
	if !strings.Contains(a.MIMEType, "/") {
		a.MIMEType = mediaType(a.URL)
	}
	if slices.ContainsFunc(list, func(other feed.Attachment) bool { return other.URL == a.URL }) {
		return list
	}
	return append(list, a)
}

const unknownMediaType = "application/octet-stream"

// mediaTypes maps file extensions to media types. Package mime is not used because its table depends on the operating
// system.
var mediaTypes = map[string]string{
	".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg",
	".wav": "audio/wav", ".flac": "audio/flac", ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm",
	".ogv": "video/ogg", ".mov": "video/quicktime", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png",
	".gif": "image/gif", ".webp": "image/webp", ".svg": "image/svg+xml", ".pdf": "application/pdf",
	".epub": "application/epub+zip",
}

// mediaType returns the media type for the file extension of a URL.
func mediaType(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return unknownMediaType
	}
	return first(mediaTypes[strings.ToLower(path.Ext(u.Path))], unknownMediaType)
}

// parseSize parses a number of bytes. It returns 0 if s is not a number that JSON can represent exactly.
func parseSize(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<53-1 {
		return 0
	}
	return n
}

// parseDuration parses "SS", "MM:SS" or "HH:MM:SS" and returns the number of seconds, or 0 if s is invalid.
func parseDuration(s string) float64 {
	total := 0.0
	parts := strings.Split(s, ":")
	if s == "" || len(parts) > 3 {
		return 0
	}
	for _, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || n < 0 || n > 1e6 {
			return 0
		}
		total = total*60 + n
	}
	return total
}

// isURL reports whether s is an absolute http or https URL.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// formattingElements are inline HTML elements that are common in titles.
var formattingElements = setOf("a", "abbr", "b", "big", "br", "cite", "code", "del", "em", "font", "i", "ins", "mark",
	"p", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "u")

// plainTitle converts a title, which may be HTML or plain text, to plain text. It removes only the tags of formatting
// elements: "1 < 2" and "Use <main>" are not changed.
func plainTitle(s string) string {
	if strings.IndexByte(s, '<') >= 0 {
		s = dropFormatting(s)
	}
	return strings.Join(strings.Fields(html.UnescapeString(s)), " ")
}

// dropFormatting removes the tags of formatting elements.
func dropFormatting(s string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(1 << 20)
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		raw := string(z.Raw())
		if kind == html.StartTagToken || kind == html.EndTagToken || kind == html.SelfClosingTagToken {
			tag, _ := z.TagName()
			if name := string(tag); formattingElements[name] {
				if name == "br" {
					b.WriteByte(' ')
				}
				continue
			}
		}
		b.WriteString(raw)
	}
	return b.String()
}

// plainText converts HTML to a single line of text, without scripts and styles.
func plainText(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return strings.Join(strings.Fields(s), " ")
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	hidden := "" // name of the open script or style element
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind == html.TextToken {
			if hidden == "" {
				b.Write(z.Text())
			}
			continue
		}
		tag, _ := z.TagName() // empty for comments
		name := string(tag)
		switch {
		case kind == html.StartTagToken && (name == "script" || name == "style"):
			hidden = name
		case kind == html.EndTagToken && name == hidden:
			hidden = ""
		case name != "" && (!formattingElements[name] || name == "br" || name == "p"):
			b.WriteByte(' ') // separate the words of different blocks
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
