package transfer

import (
	"slices"
	"strings"
)

// autop makes paragraphs and line breaks of the line ends in a text of WordPress, as its function wpautop does where
// people see it: an empty line parts paragraphs, a line's end breaks the line; blocks stand for themselves, and what is
// preformatted stays as it is. It takes one walk over the text, whatever is in it.
func autop(text string) string {
	if text == "" {
		return ""
	}
	a := autoparagraph{endless: map[string]bool{}}
	a.out.Grow(len(text) + len(text)/8) // some more, for paragraphs
	for text != "" {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			i = len(text)
		}
		a.text(text[:i])
		if text = text[i:]; text != "" {
			text = text[a.tag(text):]
		}
	}
	a.close()
	return strings.TrimSpace(a.out.String())
}

type autoparagraph struct {
	out     strings.Builder
	run     []byte          // words and inline elements that wait for what they become
	open    []string        // the block elements around
	endless map[string]bool // elements of which no end tag follows, so that it is searched for once
	split   bool            // an empty line stands before the run, or has parted the runs of this block
}

// bare are blocks that hold words without paragraphs, unless empty lines part them.
func bare(name string) bool {
	switch name {
	case "", "blockquote":
		return false
	}
	return true
}

// closed are blocks that hold no paragraphs at all.
func closed(name string) bool {
	switch name {
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "thead", "tbody", "tfoot", "tr", "caption",
		"figcaption", "dt", "figure", "address", "summary", "legend":
		return true
	}
	return false
}

// lists are closed blocks in which not even lines break: words stand in their children.
func lists(name string) bool {
	switch name {
	case "ul", "ol", "dl", "table", "thead", "tbody", "tfoot", "tr", "figure":
		return true
	}
	return false
}

func block(name string) bool {
	switch name {
	case "table", "thead", "tfoot", "caption", "col", "colgroup", "tbody", "tr", "td", "th", "div", "dl", "dd", "dt", "ul", "ol",
		"li", "form", "map", "area", "blockquote", "address", "p", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
		"fieldset", "legend", "section", "article", "aside", "hgroup", "header", "footer", "nav", "figure", "figcaption",
		"details", "menu", "summary", "pre", "script", "style", "textarea", "svg", "iframe", "noscript":
		return true
	}
	return false
}

// verbatim are elements whose content is not touched.
func verbatim(name string) bool {
	switch name {
	case "pre", "script", "style", "textarea", "svg":
		return true
	}
	return false
}

func (a *autoparagraph) around() string {
	if len(a.open) == 0 {
		return ""
	}
	return a.open[len(a.open)-1]
}

// text takes in words.
func (a *autoparagraph) text(s string) {
	for s != "" {
		line, rest, ok := strings.Cut(s, "\n")
		a.run = append(a.run, line...)
		if !ok {
			return
		}
		blank := false
		for {
			next, after, more := strings.Cut(rest, "\n")
			if strings.TrimSpace(next) != "" || !more {
				break
			}
			blank, rest = true, after
		}
		if blank && !closed(a.around()) {
			a.split = true
			a.flush()
		} else {
			a.run = append(a.run, '\n')
		}
		s = rest
	}
}

// tag takes in the tag or comment that s begins with and returns its length.
func (a *autoparagraph) tag(s string) int {
	if strings.HasPrefix(s, "<!--") {
		n := len(s)
		if i := strings.Index(s, "-->"); i >= 0 {
			n = i + len("-->")
		}
		a.run = append(a.run, s[:n]...)
		return n
	}
	name, closing := tagName(s)
	if name == "" {
		a.run = append(a.run, '<')
		return 1
	}
	n := tagEnd(s)
	if !block(name) {
		// A line's end within a tag is no line break.
		a.run = append(a.run, strings.ReplaceAll(s[:n], "\n", " ")...)
		return n
	}
	a.flush()
	switch {
	case closing:
		for i, v := range slices.Backward(a.open) {
			if v == name {
				a.open = a.open[:i]
				break
			}
		}
	case verbatim(name):
		if i := a.endOf(s[n:], name); i >= 0 {
			n += i + tagEnd(s[n+i:])
		}
		a.out.WriteString(s[:n] + "\n")
		a.split = false
		return n
	case name != "hr" && name != "col" && name != "area" && !strings.HasSuffix(s[:n], "/>"):
		if len(a.open) < maxDepth {
			a.open = append(a.open, name)
		}
	}
	a.split = false
	a.out.WriteString(strings.ReplaceAll(s[:n], "\n", " "))
	if closing {
		a.out.WriteByte('\n')
	}
	return n
}

// endOf returns where in s the end tag of an element is, or -1.
func (a *autoparagraph) endOf(s, name string) int {
	if a.endless[name] {
		return -1
	}
	for from := 0; ; from += 2 {
		i := strings.Index(s[from:], "</")
		if i < 0 {
			a.endless[name] = true
			return -1
		}
		from += i
		if found, _ := tagName(s[from:]); found == name {
			return from
		}
	}
}

// flush writes the run as what it is where it stands.
func (a *autoparagraph) flush() {
	run := string(a.run)
	a.run = a.run[:0]
	words := strings.TrimSpace(run)
	around := a.around()
	switch {
	case words == "":
		if run != "" && !lists(around) && closed(around) {
			a.out.WriteString(run)
		}
	case lists(around):
		a.out.WriteString(run)
	case closed(around):
		a.out.WriteString(breaks(run))
	case onlyComments(words):
		a.out.WriteString(words + "\n")
	case bare(around) && !a.split:
		a.out.WriteString(breaks(strings.Trim(run, "\n")))
	default:
		a.out.WriteString("<p>" + link(breaks(words)) + "</p>\n")
	}
}

func onlyComments(s string) bool {
	return strings.HasPrefix(s, "<!--") && strings.TrimSpace(dropComments(s)) == ""
}

func (a *autoparagraph) close() {
	a.flush()
}

// breaks makes the line ends in a run line breaks.
func breaks(run string) string {
	if !strings.Contains(run, "\n") {
		return run
	}
	lead := run[:len(run)-len(strings.TrimLeft(run, "\n"))]
	lines := strings.Split(strings.Trim(run, "\n"), "\n")
	var b strings.Builder
	b.WriteString(lead)
	for i, line := range lines {
		b.WriteString(line)
		if i == len(lines)-1 {
			break
		}
		if t := strings.TrimRight(line, " \t"); !strings.HasSuffix(t, "<br>") && !strings.HasSuffix(t, "<br />") && !strings.HasSuffix(t, "<br/>") {
			b.WriteString("<br>")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// link makes a link of a paragraph that is nothing but an address: WordPress shows there what it leads to.
func link(s string) string {
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") || strings.ContainsAny(s, " \t\n<>\"'") || !isURL(s) {
		return s
	}
	return `<a href="` + s + `">` + s + `</a>`
}

// tagName returns the name of the tag that s begins with, in lower case, or "" if that is no tag.
func tagName(s string) (name string, closing bool) {
	i := 1
	if i < len(s) && s[i] == '/' {
		closing = true
		i++
	}
	from := i
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > from && s[i] >= '0' && s[i] <= '9') {
		i++
	}
	return strings.ToLower(s[from:i]), closing
}

// tagEnd returns the length of the tag that s begins with.
func tagEnd(s string) int {
	var quote byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && s[i-1] == '=':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	// A quotation mark that is never closed: the tag ends at the first ">", as people meant it.
	if i := strings.IndexByte(s, '>'); i >= 0 {
		return i + 1
	}
	return len(s)
}
