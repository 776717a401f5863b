package transfer

import (
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// shortcodes turns those shortcodes of WordPress into HTML that come with it: caption, gallery, embed, audio, video and
// playlist's kin stay text when what they show is not known. All others stay text too: what a plug-in would have made of
// them nobody knows, and the author's words may be in them.
func (w *wordpress) shortcodes(text string, p *feed.Post) (string, error) {
	if strings.IndexByte(text, '[') < 0 {
		return text, nil
	}
	var b strings.Builder
	endless := map[string]bool{} // names of which no end follows, so that it is searched for once
	for {
		i := strings.IndexByte(text, '[')
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:i])
		text = text[i:]
		name, attributes, n := openShortcode(text)
		if name == "" {
			b.WriteByte('[')
			text = text[1:]
			continue
		}
		// [[caption]] is how people write about shortcodes.
		if strings.HasSuffix(b.String()[max(0, b.Len()-1):], "[") && strings.HasPrefix(text[n:], "]") {
			b.WriteString(text[1:n])
			text = text[n+1:]
			continue
		}
		inner, length := "", n
		if end := "[/" + name + "]"; !strings.HasSuffix(text[:n], "/]") && !endless[name] {
			i := strings.Index(text[n:], end)
			if i >= 0 {
				inner, length = text[n:n+i], n+i+len(end)
			}
			endless[name] = i < 0
		}
		made, ok, err := w.shortcode(name, attributes, inner, p)
		if err != nil {
			return "", err
		}
		if !ok {
			made, length = text[:n], n
		}
		b.WriteString(made)
		text = text[length:]
	}
}

// shortcode returns the HTML of a shortcode.
func (w *wordpress) shortcode(name string, attributes map[string]string, inner string, p *feed.Post) (string, bool, error) {
	switch name {
	case "caption", "wp_caption":
		picture, words := inner, attributes["caption"]
		if words == "" {
			picture, words = cutPicture(inner)
		}
		if !strings.Contains(picture, "<img") {
			return "", false, nil
		}
		return "<figure>" + strings.TrimSpace(picture) + "<figcaption>" + strings.TrimSpace(words) + "</figcaption></figure>", true, nil
	case "gallery":
		var b strings.Builder
		for id := range strings.SplitSeq(first(attributes["ids"], attributes["include"]), ",") {
			address, err := w.attachment(strings.TrimSpace(id))
			if err != nil {
				return "", false, err
			}
			if address != "" {
				b.WriteString(`<figure><img src="` + html.EscapeString(address) + `" alt=""></figure>`)
			}
		}
		return b.String(), b.Len() > 0, nil
	case "embed":
		address := strings.TrimSpace(html.UnescapeString(first(inner, attributes["src"])))
		if !isURL(address) {
			return "", false, nil
		}
		escaped := html.EscapeString(address)
		return `<p><a href="` + escaped + `">` + escaped + `</a></p>`, true, nil
	case "audio", "video":
		address := ""
		for _, key := range []string{"src", "mp3", "m4a", "ogg", "wav", "flac", "mp4", "m4v", "webm", "ogv", "mov"} {
			address = first(address, html.UnescapeString(attributes[key]))
		}
		if !isURL(address) {
			return "", false, nil
		}
		p.Attachments = addAttachment(p.Attachments, feed.Attachment{URL: address, MIMEType: typeOf(address)})
		return "<figure><" + name + ` controls src="` + html.EscapeString(address) + `"></` + name + "></figure>", true, nil
	}
	return "", false, nil
}

// cutPicture parts a picture, perhaps with a link around it, from the words after it.
func cutPicture(s string) (picture, words string) {
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

// openShortcode reads the shortcode that s begins with: its name, its attributes and its length; "" if it is none of
// those that are known.
func openShortcode(s string) (name string, attributes map[string]string, length int) {
	for _, known := range []string{"caption", "wp_caption", "gallery", "embed", "audio", "video"} {
		if rest, ok := strings.CutPrefix(s[1:], known); ok && rest != "" && strings.IndexByte(" \t\n]/", rest[0]) >= 0 {
			name = known
		}
	}
	if name == "" {
		return "", nil, 0
	}
	var quote byte
	for i := 1 + len(name); i < len(s) && i < 10_000; i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && s[i-1] == '=':
			quote = c
		case c == '[' || c == '<':
			return "", nil, 0
		case c == ']':
			return name, shortcodeAttributes(s[1+len(name) : i]), i + 1
		}
	}
	return "", nil, 0
}

func shortcodeAttributes(s string) map[string]string {
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
