package transfer

import (
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

// expandShortcodes replaces WordPress's caption and media shortcodes with HTML. Shortcodes for unknown media, and all
// other shortcodes, are left as text, since they may contain the author's words. It adds audio and video to the
// attachments of p.
func (w *wxrSite) expandShortcodes(text string, p *feed.Post) (string, error) {
	if strings.IndexByte(text, '[') < 0 {
		return text, nil
	}
	var b strings.Builder
	unclosed := map[string]bool{} // shortcodes known to have no further end tags, to avoid repeated searches
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
		}
		b.WriteString(output)
		text = text[length:]
	}
}

// shortcode returns the HTML for a shortcode, or "" if the shortcode must be left as text.
func (w *wxrSite) shortcode(code wpShortcode, inner string, p *feed.Post) (string, error) {
	switch code.name {
	case "caption", "wp_caption":
		image, words := inner, code.attributes["caption"]
		if words == "" {
			image, words = cutImage(inner)
		}
		if !strings.Contains(image, "<img") {
			return "", nil
		}
		caption := "<figcaption>" + strings.TrimSpace(words) + "</figcaption>"
		return "<figure>" + strings.TrimSpace(image) + caption + "</figure>", nil
	case "gallery":
		return w.gallery(first(code.attributes["ids"], code.attributes["include"]))
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

// gallery returns the images in a comma-separated list of ids. Unknown ids are ignored.
func (w *wxrSite) gallery(ids string) (string, error) {
	var b strings.Builder
	for id := range strings.SplitSeq(ids, ",") {
		address, err := w.attachment(strings.TrimSpace(id))
		if err != nil {
			return "", err
		}
		if address != "" {
			b.WriteString(`<figure><img src="` + html.EscapeString(address) + `" alt=""></figure>`)
		}
	}
	return b.String(), nil
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
var wpShortcodes = []string{"caption", "wp_caption", "gallery", "embed", "audio", "video"}

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
