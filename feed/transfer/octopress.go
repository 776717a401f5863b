package transfer

import (
	"path"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// octopressTag returns the replacement for a Liquid tag of Octopress, Jekyll Bootstrap or a common plugin at the
// beginning of s, and the total length of the tag, its body and its end tag. It returns false for any other tag.
func (t *templateText) octopressTag(name, argument string, tag liquid, s string) (output string, length int, ok bool) {
	argument = strings.TrimSpace(argument)
	switch name {
	case "include":
		if argument == "JB/setup" { // this file only sets variables
			return "", tag.length, true
		}
		output, ok = quoteInclude(argument)
		return output, tag.length, ok
	case "oembed", "embed", "embedly":
		address := strings.Trim(argument, `"'`)
		return linkTo(address), tag.length, isURL(address) && !strings.ContainsAny(address, " \n")
	case "img":
		output, ok = octopressImage(argument)
		return output, tag.length, ok
	case "video":
		words := strings.Fields(argument)
		if len(words) == 0 {
			return "", 0, false
		}
		return `<video controls src="` + html.EscapeString(strings.Trim(words[0], `"'`)) + `"></video>`, tag.length, true
	case "blockquote":
		inner, length, ok := t.liquidBody(tag, s, "endblockquote")
		return octopressQuote(argument, inner), length, ok
	case "pullquote":
		inner, length, ok := t.liquidBody(tag, s, "endpullquote")
		return pullMarks.Replace(inner), length, ok
	case "codeblock":
		inner, length, ok := t.liquidBody(tag, s, "endcodeblock")
		language, caption := codeCaption(argument)
		return caption + codeBlock(language, inner), length, ok
	}
	return "", 0, false
}

// pullMarks removes the markers around the words that a pull quote repeats.
var pullMarks = strings.NewReplacer(`{" `, "", ` "}`, "", `{"`, "", `"}`, "")

// imageTag matches the arguments of an img tag: classes, URL, width, height, title and alternative text.
var imageTag = regexp.MustCompile(`^(?:.*?\s)?((?:https?://|/|[^\s"']+/)[^\s"']+)((?:\s+\d+){0,2})(?:\s+(.+))?$`)

var imageTexts = regexp.MustCompile(`^["']([^"']*)["'](?:\s+["']([^"']*)["'])?$`)

// octopressImage returns the element for the arguments of an img tag.
func octopressImage(argument string) (string, bool) {
	m := imageTag.FindStringSubmatch(argument)
	if m == nil {
		return "", false
	}
	title, alt := m[3], m[3]
	if texts := imageTexts.FindStringSubmatch(m[3]); texts != nil {
		title, alt = texts[1], first(texts[2], texts[1])
	}
	image := `<img src="` + html.EscapeString(m[1]) + `" alt="` + html.EscapeString(alt) + `"`
	if title != "" {
		image += ` title="` + html.EscapeString(title) + `"`
	}
	return image + ">", true
}

// quoteCredit matches the arguments of a blockquote tag: author, or author and source, a URL, and its title.
var quoteCredit = regexp.MustCompile(`^(.*?)(?:^|\s+)(https?://\S+)(?:\s+(.+))?$`)

// octopressQuote returns text, which is Markdown, as a quotation. The argument of the blockquote tag is its credit.
func octopressQuote(argument, text string) string {
	author, address, title := argument, "", ""
	if m := quoteCredit.FindStringSubmatch(argument); m != nil {
		author, address, title = m[1], m[2], m[3]
	}
	name, work, _ := strings.Cut(author, ",")
	return quotation(text, strings.TrimSpace(name), first(title, strings.TrimSpace(work)), address)
}

// quotation returns text as a quotation in Markdown. The caption credits the author name, the work and its URL address,
// each of which may be empty.
func quotation(text, name, work, address string) string {
	cite := ""
	if address != "" {
		cite = ` cite="` + html.EscapeString(address) + `"`
	}
	caption := html.EscapeString(work)
	if address != "" {
		caption = `<a href="` + html.EscapeString(address) + `">` + html.EscapeString(first(work, address)) + "</a>"
	}
	if caption != "" {
		caption = "<cite>" + caption + "</cite>"
	}
	if name != "" && caption != "" {
		name += ", "
	}
	quote := "\n\n<blockquote" + cite + ">\n\n" + strings.TrimSpace(text) + "\n\n</blockquote>"
	if name+caption == "" {
		return quote + "\n\n"
	}
	return "\n\n<figure>" + quote + "\n<figcaption>" + html.EscapeString(name) + caption + "</figcaption></figure>\n\n"
}

// quoteInclude returns the quotation that an include tag, such as {% include quote.html … %}, displays in Jekyll. Many
// themes contain a file with such a name.
func quoteInclude(argument string) (string, bool) {
	file, rest, _ := strings.Cut(argument, " ")
	switch strings.TrimSuffix(path.Base(file), ".html") {
	case "quote", "blockquote", "pullquote":
	default:
		return "", false
	}
	code := shortcode{arguments: shortcodeArguments(rest)}
	text := code.argument("text", "quote", "content", "body")
	return code.quotation(text), text != ""
}

var (
	codeOption  = regexp.MustCompile(`\s*\b(?:lang:(\S+)|(?:start|mark|linenos|title):\S+)`)
	codeAddress = regexp.MustCompile(`^(.*?)(?:^|\s+)(https?://\S+|/\S+)(?:\s+(.+))?$`)
)

// codeCaption returns the language of a code block, and its caption as a paragraph, or "" if it has none.
func codeCaption(argument string) (language, caption string) {
	for _, m := range codeOption.FindAllStringSubmatch(argument, -1) {
		language = first(m[1], language)
	}
	argument = strings.TrimSpace(codeOption.ReplaceAllString(argument, ""))
	title, link := argument, ""
	if m := codeAddress.FindStringSubmatch(argument); m != nil {
		title = m[1]
		link = ` <a href="` + html.EscapeString(m[2]) + `">` + html.EscapeString(first(m[3], "link")) + "</a>"
	}
	if title+link == "" {
		return language, ""
	}
	return language, "\n\n<p>" + html.EscapeString(strings.TrimSpace(title)) + link + "</p>\n\n"
}

// codeFence matches the first line of a fenced code block with a caption.
var codeFence = regexp.MustCompile("^(```+)[ \t]*([^\\s`{]+)[ \t]+([^`{\\s][^`\n]*)$")

// codeCaptions moves the captions of fenced code blocks, which Markdown would drop, into paragraphs.
func codeCaptions(text string) string {
	if !strings.Contains(text, "```") {
		return text
	}
	var b strings.Builder
	fence := "" // the backticks that opened the current code block, or ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimRight(line, " \t\r\n")
		m := codeFence.FindStringSubmatch(trimmed)
		switch {
		case fence != "" && strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, "`") == "":
			fence = ""
		case fence != "":
		case m != nil:
			fence = m[1]
			_, caption := codeCaption(m[3])
			line = caption + m[1] + m[2] + "\n"
		case strings.HasPrefix(trimmed, "```"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
			if strings.Contains(trimmed[len(fence):], "`") {
				fence = ""
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// dropKramdown removes kramdown's comments, and the lines that consist of a tag that only changes how kramdown parses
// the text.
func dropKramdown(text string) string {
	if !strings.Contains(text, "{::") {
		return text
	}
	return kramdownTag.ReplaceAllString(kramdownComment.ReplaceAllString(text, ""), "")
}

var (
	kramdownComment = regexp.MustCompile(`(?ms)^\{::comment\}.*?\{:/(?:comment)?\}[ \t]*`)
	kramdownTag     = regexp.MustCompile(`(?m)^\{(?:::(?:nomarkdown|options)\b[^}\n]*|:/(?:nomarkdown)?)\}[ \t]*$`)
)
