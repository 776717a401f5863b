package transfer

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// expand replaces Jekyll's built-in Liquid tags, and references to values of the site and the post. It leaves other
// tags and references unchanged and adds a note about each.
func (j *jekyll) expand(t *templateText) error {
	t.text = dropKramdown(t.text)
	if j.octopress {
		t.text = codeCaptions(t.text)
	}
	var b strings.Builder
	for at := 0; ; {
		i := strings.IndexByte(t.text[at:], '{')
		if i < 0 {
			b.WriteString(t.text[at:])
			t.text = b.String()
			return nil
		}
		b.WriteString(t.text[at : at+i])
		at += i
		rest := t.text[at:]
		var output string
		var length int
		var known bool
		if tag, ok := parseLiquid(rest, "{%", "%}"); ok {
			length = tag.length
			if made, end, ok := j.tag(t, tag, rest); ok {
				output, length, known = made, end, true
			}
		} else if value, ok := parseLiquid(rest, "{{", "}}"); ok {
			length = value.length
			output, known = j.value(t, value.inside)
		} else {
			b.WriteByte('{')
			at++
			continue
		}
		if !known {
			output = rest[:length]
			t.noteUnknown(at, output)
		}
		t.made += len(output)
		if err := t.checkMade(at); err != nil {
			return err
		}
		b.WriteString(output)
		at += length
	}
}

// liquid is a tag or a value reference in the text of a Jekyll post.
type liquid struct {
	inside string // the text between the delimiters
	length int
}

// parseLiquid parses the tag or value reference at the beginning of s.
func parseLiquid(s, open, end string) (liquid, bool) {
	if !strings.HasPrefix(s, open) {
		return liquid{}, false
	}
	inside, _, ok := strings.Cut(tagWindow(s[len(open):]), end)
	if !ok {
		return liquid{}, false
	}
	// Hyphens at the delimiters strip white space.
	return liquid{strings.TrimSpace(strings.Trim(inside, "-")), len(open) + len(inside) + len(end)}, true
}

// tag returns the replacement for the tag at the beginning of s, and the total length of the tag, its body and its end
// tag. It returns false if the tag is unknown.
func (j *jekyll) tag(t *templateText, tag liquid, s string) (output string, length int, ok bool) {
	name, rest, _ := strings.Cut(tag.inside, " ")
	argument := ""
	if words := strings.Fields(rest); len(words) > 0 {
		argument = strings.Trim(words[0], `"'`)
	}
	switch name {
	case "highlight":
		inner, length, ok := t.liquidBody(tag, s, "endhighlight")
		return codeBlock(argument, inner), length, ok
	case "raw":
		return t.liquidBody(tag, s, "endraw")
	case "comment":
		_, length, ok := t.liquidBody(tag, s, "endcomment")
		return "", length, ok
	case "post_url", "link":
		address, ok := t.lookUp(argument, j.resolve)
		return address, tag.length, ok
	case "gist", "youtube", "vimeo", "tweet":
		address := embedAddress(name, func(keys ...string) string {
			if slices.Contains(keys, "0") {
				return argument
			}
			return ""
		})
		return linkTo(address), tag.length, address != ""
	}
	return t.octopressTag(name, rest, tag, s)
}

var liquidEnd = regexp.MustCompile(`\{%-?\s*(end[a-z]+)\s*-?%\}`)

// liquidBody returns the text between the tag at the beginning of s and its end tag, and the total length of the text
// and both tags.
func (t *templateText) liquidBody(tag liquid, s, end string) (inner string, length int, ok bool) {
	for from := tag.length; !t.unclosed[end]; {
		m := liquidEnd.FindStringSubmatchIndex(s[from:])
		if m == nil {
			t.unclosed[end] = true
			break
		}
		if s[from+m[2]:from+m[3]] == end {
			return s[tag.length : from+m[0]], from + m[1], true
		}
		from += m[1]
	}
	return "", 0, false
}

// value evaluates an expression such as "/a.jpg" | relative_url. It returns false if the value is unknown.
func (j *jekyll) value(t *templateText, expression string) (string, bool) {
	parts := strings.Split(expression, "|")
	value, ok := j.operand(t.front, parts[0])
	if !ok {
		return "", false
	}
	for _, filter := range parts[1:] {
		name, argument, _ := strings.Cut(strings.TrimSpace(filter), ":")
		given, known := j.operand(t.front, argument)
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
		if t.made += len(value); !ok || t.made > maxMade {
			return "", false
		}
	}
	return value, true
}

// operand returns the value of a quoted string, or a value of the site or the post.
func (j *jekyll) operand(front map[string]any, s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1], true
	}
	object, key, ok := strings.Cut(s, ".")
	switch {
	case s == "root_url": // Octopress
		return strings.TrimRight(stringAt(j.config, "root"), "/"), true
	case s == "BASE_PATH": // Jekyll Bootstrap
		return "", true
	case !ok:
		return "", false
	case s == "site.url":
		// This is the URL without the path, since templates append site.baseurl, which is the path.
		base := stringAt(j.config, "url")
		if site, found := strings.CutSuffix(j.site, strings.TrimRight(stringAt(j.config, "baseurl"), "/")); found {
			base = site
		}
		return base, base != "" || j.site == ""
	case s == "site.baseurl":
		return stringAt(j.config, "baseurl"), true
	case object == "site":
		v := stringAt(j.config, key)
		return v, v != ""
	case object == "page":
		v := stringAt(front, key)
		return v, v != ""
	}
	return "", false
}
