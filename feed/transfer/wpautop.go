package transfer

import (
	"regexp"
	"slices"
	"strings"
)

// autop converts the line ends in a WordPress post to paragraphs and line breaks, like WordPress's function wpautop: an
// empty line separates paragraphs, and any other line end becomes a line break. Block elements are not wrapped in
// paragraphs, and preformatted text is not changed. The function takes linear time.
func autop(text string) string {
	if text == "" {
		return ""
	}
	p := paragrapher{unclosed: map[string]bool{}}
	p.out.Grow(len(text) + len(text)/8)
	for text != "" {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			i = len(text)
		}
		p.text(text[:i])
		if text = text[i:]; text != "" {
			text = text[p.tag(text):]
		}
	}
	p.flush()
	return strings.TrimSpace(p.out.String())
}

// paragrapher is the state of autop.
type paragrapher struct {
	out      strings.Builder
	run      []byte          // text and inline elements not written yet
	open     []string        // names of the open block elements
	unclosed map[string]bool // elements known to have no further end tags, to avoid repeated searches
	split    bool            // whether an empty line precedes this run or an earlier run of the block
}

// The sets below are constant.
var (
	// blockElements are the elements that are not wrapped in paragraphs.
	blockElements = setOf("table", "thead", "tfoot", "caption", "col", "colgroup", "tbody", "tr", "td", "th", "div", "dl",
		"dd", "dt", "ul", "ol", "li", "form", "map", "area", "blockquote", "address", "p", "h1", "h2", "h3", "h4", "h5",
		"h6", "hr", "fieldset", "legend", "section", "article", "aside", "hgroup", "header", "footer", "nav", "figure",
		"figcaption", "details", "menu", "summary", "pre", "script", "style", "textarea", "svg", "iframe", "noscript")
	// noParagraphs are blocks that cannot contain paragraphs.
	noParagraphs = setOf("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "thead", "tbody", "tfoot",
		"tr", "caption", "figcaption", "dt", "figure", "address", "summary", "legend")
	// noBreaks are blocks that cannot contain line breaks either, since only their children may contain text.
	noBreaks = setOf("ul", "ol", "dl", "table", "thead", "tbody", "tfoot", "tr", "figure")
	// verbatimElements are the elements whose content is not changed.
	verbatimElements = setOf("pre", "script", "style", "textarea", "svg")
	// voidBlocks are the block elements without an end tag.
	voidBlocks = setOf("hr", "col", "area")
)

// around returns the name of the innermost open block element, or "".
func (p *paragrapher) around() string {
	if len(p.open) == 0 {
		return ""
	}
	return p.open[len(p.open)-1]
}

// text adds text without tags.
func (p *paragrapher) text(s string) {
	for s != "" {
		line, rest, ok := strings.Cut(s, "\n")
		p.run = append(p.run, line...)
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
		if blank && !noParagraphs[p.around()] {
			p.split = true
			p.flush()
		} else {
			p.run = append(p.run, '\n')
		}
		s = rest
	}
}

// tag adds the tag or comment at the beginning of s and returns its length. It adds a verbatim element as a whole.
func (p *paragrapher) tag(s string) int {
	if strings.HasPrefix(s, "<!--") {
		n := len(s)
		if i := strings.Index(s, "-->"); i >= 0 {
			n = i + len("-->")
		}
		p.run = append(p.run, s[:n]...)
		return n
	}
	name, closing := tagName(s)
	if name == "" {
		p.run = append(p.run, '<')
		return 1
	}
	n := tagEnd(s)
	if !blockElements[name] {
		// A line end inside a tag is not a line break.
		p.run = append(p.run, strings.ReplaceAll(s[:n], "\n", " ")...)
		return n
	}
	p.flush()
	p.split = false
	if !closing && verbatimElements[name] {
		if i := p.endTag(s[n:], name); i >= 0 {
			n += i + tagEnd(s[n+i:])
		}
		p.out.WriteString(s[:n] + "\n")
		return n
	}
	p.out.WriteString(strings.ReplaceAll(s[:n], "\n", " "))
	if closing {
		p.closeBlock(name)
		p.out.WriteByte('\n')
	} else if !voidBlocks[name] && !strings.HasSuffix(s[:n], "/>") && len(p.open) < maxDepth {
		p.open = append(p.open, name)
	}
	return n
}

// closeBlock closes the innermost open element with the given name, and all elements inside it.
func (p *paragrapher) closeBlock(name string) {
	for i, open := range slices.Backward(p.open) {
		if open == name {
			p.open = p.open[:i]
			return
		}
	}
}

// endTag returns the offset of an element's end tag in s, or -1.
func (p *paragrapher) endTag(s, name string) int {
	if p.unclosed[name] {
		return -1
	}
	for from := 0; ; from += 2 {
		i := strings.Index(s[from:], "</")
		if i < 0 {
			p.unclosed[name] = true
			return -1
		}
		from += i
		if found, _ := tagName(s[from:]); found == name {
			return from
		}
	}
}

// flush writes the run. It wraps the run in a paragraph if the enclosing block requires one.
func (p *paragrapher) flush() {
	run := string(p.run)
	p.run = p.run[:0]
	words := strings.TrimSpace(run)
	around := p.around()
	switch {
	case words == "":
		if noParagraphs[around] && !noBreaks[around] {
			p.out.WriteString(run)
		}
	case noBreaks[around]:
		p.out.WriteString(run)
	case noParagraphs[around]:
		p.out.WriteString(breakLines(run))
	case onlyComments(words):
		p.out.WriteString(words + "\n")
	case around != "" && around != "blockquote" && !p.split:
		// In other blocks, text is wrapped in paragraphs only if it contains empty lines.
		p.out.WriteString(breakLines(strings.Trim(run, "\n")))
	default:
		p.out.WriteString("<p>" + linkAddress(breakLines(words)) + "</p>\n")
	}
}

// onlyComments reports whether s consists of comments.
func onlyComments(s string) bool {
	return strings.HasPrefix(s, "<!--") && strings.TrimSpace(dropComments(s)) == ""
}

// lineBreak matches a br element at the end of a line.
var lineBreak = regexp.MustCompile(`<br ?/?>[ \t]*$`)

// breakLines adds a br element before each line end in a run, unless a br element is already there.
func breakLines(run string) string {
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
		if !lineBreak.MatchString(line) {
			b.WriteString("<br>")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// linkAddress converts a paragraph that consists of a URL to a link. WordPress would embed the page at this URL.
func linkAddress(s string) string {
	if !strings.HasPrefix(s, "http") || strings.ContainsAny(s, " \t\n<>\"'") || !isURL(s) {
		return s
	}
	return `<a href="` + s + `">` + s + `</a>`
}

// tagName returns the lower-case name of the tag at the beginning of s, or "" if s does not begin with a tag.
func tagName(s string) (name string, closing bool) {
	i := 1
	if i < len(s) && s[i] == '/' {
		closing = true
		i++
	}
	from := i
	for i < len(s) {
		letter := s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z'
		if digit := s[i] >= '0' && s[i] <= '9'; !letter && (!digit || i == from) {
			break
		}
		i++
	}
	return strings.ToLower(s[from:i]), closing
}

// tagEnd returns the length of the tag at the beginning of s.
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
	// If an attribute value has no closing quotation mark, the tag ends at the first ">".
	if i := strings.IndexByte(s, '>'); i >= 0 {
		return i + 1
	}
	return len(s)
}
