package transfer

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// expand replaces those tags of Liquid that come with Jekyll, and values of the site and the post. What another would
// have made nobody knows here; it stays, and is told about.
func (j *jekyll) expand(c *pageText) {
	var b strings.Builder
	for at := 0; ; {
		i := strings.IndexByte(c.text[at:], '{')
		if i < 0 {
			b.WriteString(c.text[at:])
			c.text = b.String()
			return
		}
		b.WriteString(c.text[at : at+i])
		at += i
		tag, isTag := readLiquid(c.text[at:], "{%", "%}")
		value, isValue := readLiquid(c.text[at:], "{{", "}}")
		made, length, ok := "", 0, false
		switch {
		case isTag:
			made, length, ok = j.tag(c, tag, c.text[at:])
		case isValue:
			made, ok = j.value(c.front, value.inside)
			length = value.length
		default:
			b.WriteByte('{')
			at++
			continue
		}
		if !ok {
			length = max(tag.length, value.length)
			made = c.text[at : at+length]
			c.keep(at, made)
		}
		b.WriteString(made)
		at += length
	}
}

// liquid is a tag or a value in the text of a post.
type liquid struct {
	inside string // what stands between its signs
	length int
}

// readLiquid reads what s begins with.
func readLiquid(s, open, end string) (liquid, bool) {
	if !strings.HasPrefix(s, open) {
		return liquid{}, false
	}
	inside, _, ok := strings.Cut(window(s[len(open):]), end)
	if !ok {
		return liquid{}, false
	}
	// The hyphens that take away white space.
	return liquid{strings.TrimSpace(strings.Trim(inside, "-")), len(open) + len(inside) + len(end)}, true
}

// tag returns what stands for a tag that s begins with, and the length of it with what it ends.
func (j *jekyll) tag(c *pageText, t liquid, s string) (made string, length int, ok bool) {
	name, rest, _ := strings.Cut(t.inside, " ")
	words := strings.Fields(rest)
	word := func(n int) string {
		if n < len(words) {
			return strings.Trim(words[n], `"'`)
		}
		return ""
	}
	switch name {
	case "highlight":
		inner, length, ok := c.liquidBody(t, s, "endhighlight")
		return codeBlock(word(0), inner), length, ok
	case "raw":
		return c.liquidBody(t, s, "endraw")
	case "comment":
		_, length, ok := c.liquidBody(t, s, "endcomment")
		return "", length, ok
	case "post_url", "link":
		address, ok := j.resolve(word(0))
		return address, t.length, ok
	case "gist", "youtube", "vimeo", "tweet":
		address := embeddedAddress(name, func(keys ...string) string {
			for _, key := range keys {
				if key == "id" || key == "0" {
					return word(0)
				}
				if key == "1" {
					return ""
				}
			}
			return ""
		})
		return linkTo(address), t.length, address != ""
	}
	return "", 0, false
}

var liquidEnd = regexp.MustCompile(`\{%-?\s*(end[a-z]+)\s*-?%\}`)

// liquidBody returns what stands between a tag, which s begins with, and its end, and the length of all.
func (c *pageText) liquidBody(t liquid, s, end string) (inner string, length int, ok bool) {
	for from := t.length; !c.endless[end]; {
		m := liquidEnd.FindStringSubmatchIndex(s[from:])
		if m == nil {
			c.endless[end] = true
			break
		}
		if s[from+m[2]:from+m[3]] == end {
			return s[t.length : from+m[0]], from + m[1], true
		}
		from += m[1]
	}
	return "", 0, false
}

// value returns the value of an expression such as "/a.jpg" | relative_url.
func (j *jekyll) value(front map[string]any, expression string) (string, bool) {
	parts := strings.Split(expression, "|")
	value, ok := j.operand(front, parts[0])
	if !ok {
		return "", false
	}
	for _, filter := range parts[1:] {
		name, argument, _ := strings.Cut(strings.TrimSpace(filter), ":")
		given, known := j.operand(front, argument)
		switch strings.TrimSpace(name) {
		case "relative_url", "absolute_url":
			value = joinAddress(j.site, value)
		case "prepend":
			value = given + value
			ok = known
		case "append":
			value += given
			ok = known
		case "escape", "xml_escape":
			value = html.EscapeString(value)
		default:
			return "", false
		}
		if !ok {
			return "", false
		}
	}
	return value, true
}

// operand returns a text in quotation marks, or a value of the site or the post.
func (j *jekyll) operand(front map[string]any, s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1], true
	}
	object, key, ok := strings.Cut(s, ".")
	switch {
	case !ok:
		return "", false
	case s == "site.url":
		// With the path of the site, if there is one, what follows is complete: the two always stand together.
		base := textAt(j.config, "url")
		if site, found := strings.CutSuffix(j.site, strings.TrimRight(textAt(j.config, "baseurl"), "/")); found {
			base = site
		}
		return base, base != "" || j.site == ""
	case s == "site.baseurl":
		return textAt(j.config, "baseurl"), true
	case object == "site":
		v := textAt(j.config, key)
		return v, v != ""
	case object == "page":
		v := textAt(front, key)
		return v, v != ""
	}
	return "", false
}
