package transfer

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// expand replaces Hugo's built-in shortcodes, and rawhtml and quote, which many sites define. It leaves other
// shortcodes unchanged and adds a note about each.
func (h *hugo) expand(t *templateText) error {
	var b strings.Builder
	quoted, line := 0, t.line // the offset of the last quotation, and its line
	for at := 0; ; {
		i := strings.Index(t.text[at:], "{{")
		if i < 0 {
			b.WriteString(t.text[at:])
			t.text = b.String()
			return nil
		}
		b.WriteString(t.text[at : at+i])
		at += i
		code, ok := parseShortcode(t.text[at:])
		if !ok {
			b.WriteString("{{")
			at += len("{{")
			continue
		}
		if code.escaped {
			b.WriteString(code.source())
			at += code.length
			continue
		}
		inner, length := "", code.length
		if code.hasBody() {
			inner, length = t.shortcodeBody(code, t.text[at:])
		}
		if code.isQuotation() && inner != "" {
			line += strings.Count(t.text[quoted:at], "\n")
			quoted = at
			text := *t
			text.text, text.line, text.unclosed = inner, line, map[string]bool{}
			if err := h.expand(&text); err != nil {
				return err
			}
			inner, t.notes, t.made = text.text, text.notes, text.made
		}
		output, ok := h.shortcode(t, code, inner)
		if !ok {
			t.noteUnknown(at, t.text[at:at+code.length])
			output, length = code.source(), code.length
		}
		t.made += len(output)
		if err := t.checkMade(at); err != nil {
			return err
		}
		b.WriteString(output)
		at += length
	}
}

// shortcode is a shortcode in the text of a Hugo post.
type shortcode struct {
	open, close string // "{{<" and ">}}", or "{{%" and "%}}"
	inside      string // the text between the delimiters
	name        string // begins with a slash in an end tag
	arguments   map[string]string
	escaped     bool // written as {{</* … */>}}, which Hugo displays literally
	selfClosing bool // has no end tag
	length      int
}

// source returns the text to display for an escaped or unknown shortcode. It contains a space after "<", since it would
// otherwise be parsed as an HTML tag and lost.
func (c shortcode) source() string { return c.open + " " + c.inside + " " + c.close }

// parseShortcode parses the shortcode at the beginning of s.
func parseShortcode(s string) (shortcode, bool) {
	c := shortcode{open: "{{<", close: ">}}"}
	if strings.HasPrefix(s, "{{%") {
		c.open, c.close = "{{%", "%}}"
	} else if !strings.HasPrefix(s, c.open) {
		return c, false
	}
	inside, _, ok := strings.Cut(tagWindow(s[len(c.open):]), c.close)
	if !ok {
		return c, false
	}
	c.length = len(c.open) + len(inside) + len(c.close)
	c.inside = strings.TrimSpace(inside)
	if words, ok := strings.CutPrefix(c.inside, "/*"); ok {
		if words, ok = strings.CutSuffix(words, "*/"); ok {
			c.inside, c.escaped = strings.TrimSpace(words), true
			return c, true
		}
	}
	words, selfClosing := strings.CutSuffix(c.inside, "/")
	c.selfClosing = selfClosing
	c.name, words, _ = strings.Cut(strings.ReplaceAll(strings.TrimSpace(words), "\n", " "), " ")
	c.arguments = shortcodeArguments(words)
	return c, c.name != ""
}

// shortcodeArguments parses the arguments of a shortcode. The key of a positional argument is its index.
func shortcodeArguments(s string) map[string]string {
	arguments := map[string]string{}
	for n := 0; ; {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return arguments
		}
		key := ""
		if i := strings.IndexAny(s, "= \t\"`"); i > 0 && s[i] == '=' {
			key, s = strings.ToLower(s[:i]), s[i+1:]
		}
		var value string
		if s != "" && (s[0] == '"' || s[0] == '`') {
			mark := s[:1]
			value, s, _ = strings.Cut(s[1:], mark)
			for mark == `"` && strings.HasSuffix(value, `\`) {
				more, rest, found := strings.Cut(s, mark)
				value, s = value[:len(value)-1]+mark+more, rest
				if !found {
					break
				}
			}
		} else if i := strings.IndexAny(s, " \t\r\n"); i >= 0 {
			value, s = s[:i], s[i:]
		} else {
			value, s = s, ""
		}
		if key == "" {
			key = strconv.Itoa(n)
			n++
		}
		arguments[key] = value
	}
}

// argument returns the value of the first named argument that is not empty.
func (c shortcode) argument(names ...string) string {
	for _, name := range names {
		if v := c.arguments[name]; v != "" {
			return v
		}
	}
	return ""
}

// shortcodeBody returns the text between the shortcode at the beginning of s and its end tag, and the total length of
// the text and both tags. A shortcode without an end tag has no body.
func (t *templateText) shortcodeBody(code shortcode, s string) (inner string, length int) {
	key := code.open + code.name
	for from := code.length; !t.unclosed[key]; {
		i := strings.Index(s[from:], code.open)
		if i < 0 {
			t.unclosed[key] = true
			break
		}
		next, ok := parseShortcode(s[from+i:])
		if ok && (next.name == "/"+code.name || next.name == "/" && strings.TrimSpace(next.inside[1:]) == code.name) {
			return s[code.length : from+i], from + i + next.length
		}
		from += i + len(code.open)
	}
	return "", code.length
}

// hasBody reports whether the text up to the end tag belongs to the shortcode.
func (c shortcode) hasBody() bool {
	return c.name == "highlight" || c.name == "rawhtml" || !c.selfClosing && (c.name == "figure" || c.isQuotation())
}

// isQuotation reports whether the shortcode marks a quotation in Markdown.
func (c shortcode) isQuotation() bool { return c.name == "quote" || c.name == "blockquote" }

// quotation returns the text as a quotation, with the credit in the shortcode's arguments.
func (c shortcode) quotation(text string) string {
	address := c.argument("url", "link", "href", "sourceurl", "source_url", "author_link")
	work := c.argument("title", "source", "work", "book")
	if cite := c.argument("cite"); isURL(cite) {
		address = first(address, cite)
	} else {
		work = first(work, cite)
	}
	if isURL(work) {
		address, work = first(address, work), ""
	}
	return quotation(text, c.argument("author", "by", "name", "attribution"), work, address)
}

// shortcode returns the replacement for a shortcode, or false if the shortcode is unknown.
func (h *hugo) shortcode(t *templateText, code shortcode, inner string) (string, bool) {
	switch code.name {
	case "figure":
		return figure(code)
	case "highlight":
		return codeBlock(code.argument("0", "lang"), inner), inner != ""
	case "rawhtml":
		return inner, inner != ""
	case "quote", "blockquote":
		return code.quotation(inner), strings.TrimSpace(inner) != ""
	case "ref", "relref":
		return t.lookUp(code.argument("path", "0"), func(ref string) (string, bool) { return h.resolve(t.name, ref) })
	case "param":
		value := stringAt(t.front, code.argument("0", "name"))
		return value, value != ""
	case "gist":
		user, id := code.argument("0"), code.argument("1")
		if user == "" || id == "" || strings.ContainsAny(user+id, " <>\"'") {
			return "", false
		}
		return linkTo("https://gist.github.com/" + user + "/" + id), true
	}
	if address := embedAddress(code.name, code.argument); address != "" {
		return linkTo(address), true
	}
	return "", false
}

// figure returns the HTML of Hugo's figure shortcode.
func figure(code shortcode) (string, bool) {
	src := code.argument("src", "0")
	if src == "" {
		return "", false
	}
	escape := html.EscapeString
	image := `<img src="` + escape(src) + `" alt="` + escape(code.argument("alt", "caption")) + `">`
	if link := code.argument("link"); link != "" {
		image = `<a href="` + escape(link) + `">` + image + "</a>"
	}
	var caption []string
	if title := code.argument("title"); title != "" {
		caption = append(caption, "<strong>"+escape(title)+"</strong>")
	}
	if words := code.argument("caption"); words != "" {
		caption = append(caption, escape(words))
	}
	if attr := code.argument("attr"); attr != "" {
		attr = escape(attr)
		if link := code.argument("attrlink"); link != "" {
			attr = `<a href="` + escape(link) + `">` + attr + "</a>"
		}
		caption = append(caption, attr)
	}
	if len(caption) > 0 {
		image += "<figcaption>" + strings.Join(caption, " ") + "</figcaption>"
	}
	return "<figure>" + image + "</figure>", true
}
