package markup

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	rendererhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"feedpub/feed"
)

func parseMarkdown(body string) (*html.Node, error) {
	body = CleanText(newlines(body))
	if err := boundMarkdown(body); err != nil {
		return nil, err
	}
	markdown := goldmark.New(
		goldmark.WithExtensions(
			// Clean keeps the align attribute, but not the style attribute.
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough,
			extension.Linkify,
		),
		// Raw HTML is allowed: parseHTML and Clean remove what is not safe, as for any HTML.
		goldmark.WithRendererOptions(rendererhtml.WithUnsafe()),
	)
	var converted bytes.Buffer
	if err := markdown.Convert([]byte(body), &converted); err != nil {
		return nil, fmt.Errorf("convert markdown: %w: %w", err, feed.ErrInvalid)
	}
	return parseHTML(converted.String())
}

// Limits on Markdown. The time that goldmark takes is quadratic in each of them: minutes for a megabyte.
const (
	maxQuotationDepth = 100    // ">" at the beginning of a line
	maxOpenTargets    = 1_000  // unclosed "](" in a paragraph
	maxDefinitions    = 10_000 // lines such as "[name]: address"
)

// boundMarkdown returns an error of kind [feed.ErrInvalid] for Markdown beyond the limits.
func boundMarkdown(body string) error {
	open, definitions, number := 0, 0, 0
	for line := range strings.Lines(body) {
		number++
		text := strings.TrimLeft(line, " \t>")
		if strings.Count(line[:len(line)-len(text)], ">") > maxQuotationDepth {
			return fmt.Errorf("parse markdown: line %d: block quotes nested deeper than %d: %w",
				number, maxQuotationDepth, feed.ErrInvalid)
		}
		open += strings.Count(text, "](") - strings.Count(text, ")")
		if strings.TrimSpace(text) == "" || open < 0 {
			open = 0
		}
		if open > maxOpenTargets {
			return fmt.Errorf("parse markdown: line %d: more than %d unclosed links: %w",
				number, maxOpenTargets, feed.ErrInvalid)
		}
		if strings.HasPrefix(text, "[") && strings.Contains(text, "]:") {
			definitions++
		}
		if definitions > maxDefinitions {
			return fmt.Errorf("parse markdown: line %d: more than %d link definitions: %w",
				number, maxDefinitions, feed.ErrInvalid)
		}
	}
	return nil
}
