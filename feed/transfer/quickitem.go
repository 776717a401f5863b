package transfer

import (
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Most items are as programs write them, and encoding/xml takes more time to read those than all the rest of an import.
// So [quickItem] reads what is plain, and leaves everything else, and every doubt, to it.

// nameSpaces are the namespaces that the elements around an item declare, by prefix; that of names without one is "".
type nameSpaces map[string]string

// xmlSpace is the namespace that the prefix "xml" always has.
const xmlSpace = "http://www.w3.org/XML/1998/namespace"

// declare adds what the attributes of a start tag declare, which stands within those before.
func (n nameSpaces) declare(attr []xml.Attr) {
	for _, a := range attr {
		switch {
		case a.Name.Space == "xmlns":
			n[a.Name.Local] = strings.TrimSpace(a.Value)
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			n[""] = strings.TrimSpace(a.Value)
		}
	}
}

// of returns the namespace of a prefix, which stands for itself if it is not declared.
func (n nameSpaces) of(prefix string) string {
	if prefix == "xml" {
		return xmlSpace
	}
	if uri, ok := n[prefix]; ok {
		return uri
	}
	return prefix
}

// quickItem returns the element of an item as [parseItem] does, in a tenth of the time, or false if it is not well formed
// or not plain: if it has comments, instructions, namespaces or entities of its own.
func quickItem(declared nameSpaces, text []byte) (*element, bool) {
	s := string(text) // the elements' names and texts are parts of it
	root := &element{}
	var names []string // of the elements that are open, as they are written
	stack := []*element{root}
	for count := 0; ; count++ {
		if count > maxElements/4 || len(stack) > maxDepth {
			return nil, false // near a bound, who knows it counts
		}
		parent := stack[len(stack)-1]
		switch {
		case len(stack) == 1 && count > 0:
			return root.children[0], s == ""
		case strings.HasPrefix(s, "<![CDATA["):
			section, rest, ok := strings.Cut(s[len("<![CDATA["):], "]]>")
			if !ok || len(stack) == 1 {
				return nil, false
			}
			parent.children = append(parent.children, &element{text: lineEnds(section)})
			s = rest
		case strings.HasPrefix(s, "</"):
			name, rest, ok := strings.Cut(s[2:], ">")
			if !ok || len(names) == 0 || strings.TrimRight(name, " \t\r\n") != names[len(names)-1] {
				return nil, false
			}
			names, stack, s = names[:len(names)-1], stack[:len(stack)-1], rest
		case strings.HasPrefix(s, "<"):
			name, e, rest, closed, ok := quickTag(declared, s[1:])
			if !ok {
				return nil, false
			}
			parent.children = append(parent.children, e)
			s = rest
			if !closed {
				names, stack = append(names, name), append(stack, e)
			}
		default:
			i := strings.IndexByte(s, '<')
			if i < 0 || len(stack) == 1 {
				return nil, false
			}
			words, ok := quickText(s[:i])
			if !ok {
				return nil, false
			}
			parent.children = append(parent.children, &element{text: words})
			s = s[i:]
		}
	}
}

// quickTag reads a start tag whose "<" has been read. It returns its name as it is written, its element, what follows,
// and whether the element ends with it.
func quickTag(declared nameSpaces, s string) (name string, e *element, rest string, closed, ok bool) {
	name, s = quickName(s)
	prefix, local, ok := splitName(name)
	if !ok || prefix == "xmlns" || prefix == "xml" || name == "xmlns" {
		return "", nil, "", false, false
	}
	e = &element{name: local, space: space(declared.of(prefix))}
	for {
		spaced := strings.TrimLeft(s, " \t\r\n")
		switch {
		case strings.HasPrefix(spaced, ">"):
			return name, e, spaced[1:], false, true
		case strings.HasPrefix(spaced, "/>"):
			return name, e, spaced[2:], true, true
		}
		var key string
		key, s = quickName(spaced)
		prefix, local, ok := splitName(key)
		if !ok || prefix == "xmlns" || key == "xmlns" || len(s) < 2 || s[0] != '=' || s[1] != '"' && s[1] != '\'' {
			return "", nil, "", false, false
		}
		value, after, ok := strings.Cut(s[2:], s[1:2])
		if !ok || strings.IndexByte(value, '<') >= 0 {
			return "", nil, "", false, false
		}
		if value, ok = quickText(value); !ok {
			return "", nil, "", false, false
		}
		uri := ""
		if prefix != "" {
			uri = declared.of(prefix)
		}
		e.attr = append(e.attr, xml.Attr{Name: xml.Name{Space: uri, Local: local}, Value: value})
		s = after
	}
}

// quickName cuts a name of the letters, digits and signs that all the formats' names are made of.
func quickName(s string) (name, rest string) {
	i := 0
	for i < len(s) {
		c := s[i]
		if (c|0x20) < 'a' || (c|0x20) > 'z' {
			if c != '_' && c != ':' && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
				break
			}
		}
		i++
	}
	return s[:i], s[i:]
}

// splitName parts a name at its colon; false for one that needs thought.
func splitName(name string) (prefix, local string, ok bool) {
	prefix, local, found := strings.Cut(name, ":")
	if !found {
		prefix, local = "", name
	} else if prefix == "" || local == "" || strings.Contains(local, ":") || local[0] < 'A' {
		return "", "", false
	}
	return prefix, local, local != ""
}

// quickText returns text with the entities that XML has and numbers replaced; false if there are others.
func quickText(s string) (string, bool) {
	s = lineEnds(s)
	if strings.Contains(s, "]]>") {
		return "", false
	}
	if strings.IndexByte(s, '&') < 0 {
		return s, true
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		before, rest, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, after, found := strings.Cut(rest, ";")
		if !found {
			return "", false
		}
		switch name {
		case "amp":
			b.WriteByte('&')
		case "lt":
			b.WriteByte('<')
		case "gt":
			b.WriteByte('>')
		case "quot":
			b.WriteByte('"')
		case "apos":
			b.WriteByte('\'')
		default:
			r, ok := quickRune(name)
			if !ok {
				return "", false
			}
			b.WriteRune(r)
		}
		s = after
	}
}

// quickRune returns the character of a numeric reference, if it is one that XML allows.
func quickRune(name string) (rune, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	if !ok || strings.HasPrefix(digits, "+") || strings.HasPrefix(digits, "-") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	r := rune(n)
	if err != nil || n > utf8.MaxRune || r < 0x20 && r != '\t' && r != '\n' && r != '\r' || !utf8.ValidRune(r) || r == 0xfffe || r == 0xffff {
		return 0, false
	}
	return r, true
}

// lineEnds returns text with the line ends of XML (section 2.11 of its recommendation).
func lineEnds(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
