package transfer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// wpShortcode is the start tag of a shortcode in a WordPress post.
type wpShortcode struct {
	name       string
	attributes map[string]string
	length     int
}

// expandShortcodes replaces WordPress's shortcodes with HTML. Shortcodes for unknown media, and all other shortcodes,
// are left as text with a note, since they may contain the author's words. It adds audio and video to the attachments
// of p.
func (w *wxrSite) expandShortcodes(text string, p *feed.Post) (string, error) {
	if strings.IndexByte(text, '[') < 0 {
		return text, nil
	}
	var b strings.Builder
	unclosed := map[string]bool{} // shortcodes known to have no further end tags, to avoid repeated searches
	ends := map[string]bool{}
	for _, m := range endCode.FindAllStringSubmatch(text, -1) {
		ends[m[1]] = true
	}
	for {
		i := strings.IndexByte(text, '[')
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:i])
		text = text[i:]
		code, ok := parseWPShortcode(text)
		n := code.length
		if !ok {
			w.noteUnknown(text, ends)
			b.WriteByte('[')
			text = text[1:]
			continue
		}
		// [[caption]] is an escaped shortcode.
		if strings.HasSuffix(b.String()[max(0, b.Len()-1):], "[") && strings.HasPrefix(text[n:], "]") {
			b.WriteString(text[1:n])
			text = text[n+1:]
			continue
		}
		inner, length := "", n
		if end := "[/" + code.name + "]"; !strings.HasSuffix(text[:n], "/]") && !unclosed[code.name] {
			i := strings.Index(text[n:], end)
			if i >= 0 {
				inner, length = text[n:n+i], n+i+len(end)
			}
			unclosed[code.name] = i < 0
		}
		output, err := w.shortcode(code, inner, p)
		if err != nil {
			return "", err
		}
		if output == "" {
			output, length = text[:n], n
			w.noteLeft(code.name)
		}
		b.WriteString(output)
		text = text[length:]
	}
}

// unknownCode matches the start tag of a shortcode.
var unknownCode = regexp.MustCompile(`^\[([A-Za-z][\w-]*)(\s+[^\[\]<>]*=[^\[\]<>]*)?\s*/?\]`)

// endCode matches the end tag of a shortcode.
var endCode = regexp.MustCompile(`\[/([A-Za-z][\w-]*)\]`)

// noteUnknown adds a note if s begins with a shortcode that is not replaced. Words in brackets are a shortcode only if
// they have attributes, or if the post contains an end tag with that name.
func (w *wxrSite) noteUnknown(s string, ends map[string]bool) {
	if m := unknownCode.FindStringSubmatch(tagWindow(s)); m != nil && (m[2] != "" || ends[m[1]]) {
		w.noteLeft(m[1])
	}
}

// noteLeft adds a note that a shortcode was left as text, once per name and post.
func (w *wxrSite) noteLeft(name string) {
	note := fmt.Sprintf("the shortcode [%s] cannot be replaced and was left as text", shorten(name))
	if !slices.Contains(w.notes, note) && len(w.notes) < maxNotes {
		w.notes = append(w.notes, note)
	}
}

// shortcode returns the HTML for a shortcode, or "" if the shortcode must be left as text.
func (w *wxrSite) shortcode(code wpShortcode, inner string, p *feed.Post) (string, error) {
	switch code.name {
	case "caption", "wp_caption":
		return captionFigure(code, inner), nil
	case "sourcecode", "code":
		if inner == "" {
			return "", nil
		}
		return codeBlock(first(code.attributes["language"], code.attributes["lang"]), html.UnescapeString(inner)), nil
	case "playlist":
		return w.playlist(code, p)
	case "gallery":
		return w.gallery(code)
	case "embed":
		address := strings.TrimSpace(html.UnescapeString(first(inner, code.attributes["src"])))
		if !isURL(address) {
			return "", nil
		}
		return "<p>" + linkTo(address) + "</p>", nil
	case "audio", "video":
		address := ""
		for _, key := range []string{"src", "mp3", "m4a", "ogg", "wav", "flac", "mp4", "m4v", "webm", "ogv", "mov"} {
			address = first(address, html.UnescapeString(code.attributes[key]))
		}
		if !isURL(address) {
			return "", nil
		}
		p.Attachments = addAttachment(p.Attachments, feed.Attachment{URL: address, MIMEType: mediaType(address)})
		player := "<" + code.name + ` controls src="` + html.EscapeString(address) + `"></` + code.name + ">"
		return "<figure>" + player + "</figure>", nil
	}
	return "", nil
}

// captionFigure returns the figure for a caption, or "" if it has no image.
func captionFigure(code wpShortcode, inner string) string {
	image, words := inner, code.attributes["caption"]
	if words == "" {
		image, words = cutImage(inner)
	}
	if !strings.Contains(image, "<img") {
		return ""
	}
	caption := "<figcaption>" + strings.TrimSpace(words) + "</figcaption>"
	return "<figure>" + strings.TrimSpace(image) + caption + "</figure>"
}

// gallery returns the images of a gallery: those in a comma-separated list of ids, or else all images that were
// attached to the post. Unknown ids are ignored.
func (w *wxrSite) gallery(code wpShortcode) (string, error) {
	addresses, err := w.listed(code)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, address := range addresses {
		if kind := mediaType(address); strings.HasPrefix(kind, "image/") || kind == unknownMediaType {
			b.WriteString(`<figure><img src="` + html.EscapeString(address) + `" alt=""></figure>`)
		}
	}
	return b.String(), nil
}

// playlist returns the players for a playlist, and adds its files to the attachments of p.
func (w *wxrSite) playlist(code wpShortcode, p *feed.Post) (string, error) {
	addresses, err := w.listed(code)
	if err != nil {
		return "", err
	}
	kind := first(code.attributes["type"], "audio")
	var b strings.Builder
	for _, address := range addresses {
		if kind != "audio" && kind != "video" || !strings.HasPrefix(mediaType(address), kind+"/") {
			continue
		}
		p.Attachments = addAttachment(p.Attachments, feed.Attachment{URL: address, MIMEType: mediaType(address)})
		b.WriteString("<figure><" + kind + ` controls src="` + html.EscapeString(address) + `"></` + kind + "></figure>")
	}
	return b.String(), nil
}

// listed returns the URLs of the attachments in a shortcode's ids or, if it has none, of those attached to the post.
func (w *wxrSite) listed(code wpShortcode) (addresses []string, err error) {
	ids := first(code.attributes["ids"], code.attributes["include"])
	if ids == "" {
		if err := w.findAll(); err != nil {
			return nil, err
		}
		return w.children[first(code.attributes["id"], w.number)], nil
	}
	for id := range strings.SplitSeq(ids, ",") {
		address, err := w.attachment(strings.TrimSpace(id))
		if err != nil {
			return nil, err
		}
		if address != "" {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}

// cutImage splits s after its image or, if the image is in a link, after the link.
func cutImage(s string) (image, words string) {
	end := strings.Index(s, "<img")
	if end < 0 {
		return s, ""
	}
	end += tagEnd(s[end:])
	if i := strings.Index(s[end:], "</a>"); i >= 0 && strings.TrimSpace(s[end:end+i]) == "" {
		end += i + len("</a>")
	}
	return s[:end], s[end:]
}

// wpShortcodes are the names of the shortcodes that are replaced.
var wpShortcodes = []string{"caption", "wp_caption", "gallery", "embed", "audio", "video", "sourcecode", "code", "playlist"}

// parseWPShortcode parses the start tag at the beginning of s. It returns false if s does not begin with one of
// [wpShortcodes].
func parseWPShortcode(s string) (wpShortcode, bool) {
	i := slices.IndexFunc(wpShortcodes, func(name string) bool {
		rest, ok := strings.CutPrefix(s[1:], name)
		return ok && rest != "" && strings.IndexByte(" \t\n]/", rest[0]) >= 0
	})
	if i < 0 {
		return wpShortcode{}, false
	}
	name := wpShortcodes[i]
	from := len("[") + len(name)
	var quote byte
	for i := from; i < min(len(s), maxTag); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && s[i-1] == '=':
			quote = c
		case c == '[' || c == '<':
			return wpShortcode{}, false
		case c == ']':
			return wpShortcode{name, wpAttributes(s[from:i]), i + 1}, true
		}
	}
	return wpShortcode{}, false
}

// wpAttributes parses the attributes of a shortcode.
func wpAttributes(s string) map[string]string {
	attributes := map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t\n/")
		i := strings.IndexAny(s, "= \t\n")
		if i <= 0 {
			return attributes
		}
		key := strings.ToLower(s[:i])
		rest := s[i:]
		if rest[0] != '=' || len(rest) < 2 {
			s = rest[1:]
			continue
		}
		rest = rest[1:]
		if q := rest[0]; q == '"' || q == '\'' {
			value, after, ok := strings.Cut(rest[1:], string(q))
			if !ok {
				return attributes
			}
			attributes[key], s = value, after
			continue
		}
		value := rest
		if i := strings.IndexAny(rest, " \t\n"); i >= 0 {
			value = rest[:i]
		}
		attributes[key], s = value, rest[len(value):]
	}
}
