package transfer

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// expand replaces those shortcodes that come with Hugo, and rawhtml, which half of its users have made for themselves.
// What another would have made nobody knows here; it stays, and is told about.
func (h *hugo) expand(c *pageText) {
	var b strings.Builder
	for at := 0; ; {
		i := strings.Index(c.text[at:], "{{")
		if i < 0 {
			b.WriteString(c.text[at:])
			c.text = b.String()
			return
		}
		b.WriteString(c.text[at : at+i])
		at += i
		code, ok := readHugoCode(c.text[at:])
		if !ok {
			b.WriteString("{{")
			at += len("{{")
			continue
		}
		if code.quoted {
			b.WriteString(code.open + " " + code.inside + " " + code.close)
			at += code.length
			continue
		}
		inner, length := "", code.length
		if code.name == "highlight" || code.name == "rawhtml" || code.name == "figure" && !code.ends {
			inner, length = c.hugoBody(code, c.text[at:])
		}
		made, ok := h.shortcode(c, code, inner)
		if !ok {
			c.keep(at, c.text[at:at+code.length])
			// With a space after it, "<" is not taken for the beginning of a tag, whose words would be lost.
			made, length = code.open+" "+code.inside+" "+code.close, code.length
		}
		b.WriteString(made)
		at += length
	}
}

// hugoCode is a shortcode in the text of a post.
type hugoCode struct {
	open, close string // "{{<" and ">}}", or with "%"
	inside      string // what stands between them
	name        string // with a slash before it where it ends another
	arguments   map[string]string
	quoted      bool // it is shown and not replaced: {{</* … */>}}
	ends        bool // it has no end of its own
	length      int
}

// readHugoCode reads the shortcode that s begins with.
func readHugoCode(s string) (hugoCode, bool) {
	c := hugoCode{open: "{{<", close: ">}}"}
	if strings.HasPrefix(s, "{{%") {
		c.open, c.close = "{{%", "%}}"
	} else if !strings.HasPrefix(s, c.open) {
		return c, false
	}
	inside, _, ok := strings.Cut(window(s[len(c.open):]), c.close)
	if !ok {
		return c, false
	}
	c.length = len(c.open) + len(inside) + len(c.close)
	c.inside = strings.TrimSpace(inside)
	if words, ok := strings.CutPrefix(c.inside, "/*"); ok {
		if words, ok = strings.CutSuffix(words, "*/"); ok {
			c.inside, c.quoted = strings.TrimSpace(words), true
			return c, true
		}
	}
	words := c.inside
	if words, c.ends = strings.CutSuffix(words, "/"); c.ends {
		words = strings.TrimSpace(words)
	}
	c.name, words, _ = strings.Cut(strings.ReplaceAll(words, "\n", " "), " ")
	c.arguments = hugoArguments(words)
	return c, c.name != ""
}

// hugoArguments reads arguments with names, and those without by their numbers.
func hugoArguments(s string) map[string]string {
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

// argument returns the first argument given under the keys.
func (c hugoCode) argument(keys ...string) string {
	for _, key := range keys {
		if v := c.arguments[key]; v != "" {
			return v
		}
	}
	return ""
}

// body returns what stands between a shortcode, which s begins with, and its end, and the length of all.
func (c *pageText) hugoBody(code hugoCode, s string) (inner string, length int) {
	key := code.open + code.name
	for from := code.length; !c.endless[key]; {
		i := strings.Index(s[from:], code.open)
		if i < 0 {
			c.endless[key] = true
			break
		}
		next, ok := readHugoCode(s[from+i:])
		if ok && next.name == "/"+code.name || ok && next.name == "/" && strings.TrimSpace(next.inside[1:]) == code.name {
			return s[code.length : from+i], from + i + next.length
		}
		from += i + len(code.open)
	}
	return "", code.length
}

// shortcode returns what stands for a shortcode.
func (h *hugo) shortcode(c *pageText, code hugoCode, inner string) (string, bool) {
	switch code.name {
	case "figure":
		return hugoFigure(code)
	case "highlight":
		return codeBlock(code.argument("0", "lang"), inner), inner != ""
	case "rawhtml":
		return inner, inner != ""
	case "ref", "relref":
		return h.resolve(c.name, code.argument("path", "0"))
	case "param":
		value := textAt(c.front, code.argument("0", "name"))
		return value, value != ""
	case "gist":
		user, id := code.argument("0"), code.argument("1")
		if user == "" || id == "" || strings.ContainsAny(user+id, " <>\"'") {
			return "", false
		}
		return linkTo("https://gist.github.com/" + user + "/" + id), true
	}
	if address := embeddedAddress(code.name, code.argument); address != "" {
		return linkTo(address), true
	}
	return "", false
}

// hugoFigure returns a picture with its caption, as Hugo's own template has it.
func hugoFigure(code hugoCode) (string, bool) {
	src := code.argument("src", "0")
	if src == "" {
		return "", false
	}
	escape := html.EscapeString
	picture := `<img src="` + escape(src) + `" alt="` + escape(first(code.argument("alt"), code.argument("caption"))) + `">`
	if link := code.argument("link"); link != "" {
		picture = `<a href="` + escape(link) + `">` + picture + "</a>"
	}
	var caption []string
	if title := code.argument("title"); title != "" {
		caption = append(caption, "<strong>"+escape(title)+"</strong>")
	}
	if words := code.argument("caption"); words != "" {
		caption = append(caption, escape(words))
	}
	if attr := code.argument("attr"); attr != "" {
		if link := code.argument("attrlink"); link != "" {
			attr = `<a href="` + escape(link) + `">` + escape(attr) + "</a>"
		} else {
			attr = escape(attr)
		}
		caption = append(caption, attr)
	}
	if len(caption) == 0 {
		return "<figure>" + picture + "</figure>", true
	}
	return "<figure>" + picture + "<figcaption>" + strings.Join(caption, " ") + "</figcaption></figure>", true
}
