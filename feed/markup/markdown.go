package markup

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	rendererhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
	"golang.org/x/net/html"

	"feedpub/feed"
)

func parseMarkdown(body string) (*html.Node, error) {
	body = CleanText(newlines(body))
	if err := boundMarkdown(body); err != nil {
		return nil, err
	}
	return convertMarkdown(body, isQuick(body))
}

// convertMarkdown converts clean Markdown within the bounds. If quick is set, it finds bare links only after
// punctuation.
func convertMarkdown(body string, quick bool) (*html.Node, error) {
	converter := takeConverter(quick)
	defer converter.release()
	markdown, budget := converter.markdown, converter.budget
	source := []byte(body)
	tree := markdown.Parser().Parse(text.NewReader(source))
	if budget.spent > maxInlineSteps {
		return nil, markdownError(1+strings.Count(body[:budget.at], "\n"),
			"too many delimiters such as \"*\" and \"[\" in a paragraph")
	}
	if bytes.Contains(source, []byte("]:")) { // without definitions, all URLs and titles are in the source
		if err := boundLinks(tree, source); err != nil {
			return nil, err
		}
	}
	if bytes.IndexByte(source, '<') >= 0 {
		if err := escapeOpenTags(tree, source); err != nil {
			return nil, fmt.Errorf("convert markdown: %w: %w", err, feed.ErrInvalid)
		}
	}
	var converted bytes.Buffer
	if err := markdown.Renderer().Render(&converted, source, tree); err != nil {
		return nil, fmt.Errorf("convert markdown: %w: %w", err, feed.ErrInvalid)
	}
	return parseHTML(converted.String())
}

// converter converts Markdown to HTML, one document at a time.
type converter struct {
	markdown goldmark.Markdown
	budget   *inlineBudget
	pool     *sync.Pool // where the converter is kept for reuse
}

// converters and quickConverters hold converters for reuse, since making one takes longer than converting a short post.
// The quick ones are for documents for which isQuick is true.
var (
	converters      = sync.Pool{New: func() any { return newConverter(extension.Linkify) }}
	quickConverters = sync.Pool{New: func() any { return newConverter(marginalLinks{}) }}
)

// newConverter returns a converter that finds bare links by the given extension.
func newConverter(links goldmark.Extender) *converter {
	budget := new(inlineBudget)
	return &converter{budget: budget, markdown: goldmark.New(
		goldmark.WithExtensions(extensions{}, links),
		goldmark.WithParserOptions(parser.WithInlineParsers(util.Prioritized(budget, 0))),
		// Authors may write raw HTML. As with any HTML, parseHTML and Clean remove unsafe elements.
		goldmark.WithRendererOptions(rendererhtml.WithUnsafe()),
	)}
}

// takeConverter returns a converter whose budget is unspent.
func takeConverter(quick bool) *converter {
	pool := &converters
	if quick {
		pool = &quickConverters
	}
	c := pool.Get().(*converter)
	c.pool = pool
	*c.budget = inlineBudget{}
	return c
}

// release makes the converter available for reuse.
func (c *converter) release() { c.pool.Put(c) }

// Limits on Markdown. Without them, goldmark can take minutes or use gigabytes for one megabyte of input: its time
// grows quadratically with each of these numbers, and table cells and references to link definitions use much more
// memory than their source.
const (
	maxContainers  = 100        // quotation and list item markers at the beginning of a line
	maxIndentation = 400        // characters before a list item
	maxOpenTargets = 1_000      // links in one paragraph whose "(" is not closed
	maxDefinitions = 5_000      // lines such as "[name]: address"
	maxFootnotes   = 500        // lines such as "[^name]: text"
	maxMoreCells   = 10_000     // table cells beyond one per byte of the source
	maxMoreLinks   = 1 << 20    // bytes in the URLs and titles of links beyond the size of the source
	maxInlineSteps = 50_000_000 // pairs of delimiters in one paragraph; 10,000 delimiters have this many pairs
)

func markdownError(line int, format string, args ...any) error {
	return fmt.Errorf("parse markdown: line %d: %s: %w", line, fmt.Sprintf(format, args...), feed.ErrInvalid)
}

// boundMarkdown checks the limits that can be checked line by line. Its errors are of kind [feed.ErrInvalid].
func boundMarkdown(body string) error {
	open, definitions, footnotes, columns, cells, number := 0, 0, 0, 0, 0, 0
	for line := range strings.Lines(body) {
		number++
		if containers(line) > maxContainers && !isThematicBreak(line) {
			return markdownError(number, "quotations and lists nested deeper than %d", maxContainers)
		}
		text := strings.TrimLeft(line, " \t>")
		if len(line)-len(text) > maxIndentation && containers(text) > 0 {
			return markdownError(number, "a list item indented by more than %d characters", maxIndentation)
		}
		blank := strings.TrimSpace(text) == ""
		open += strings.Count(text, "](") - strings.Count(text, ")")
		if blank || open < 0 {
			open = 0
		}
		if open > maxOpenTargets {
			return markdownError(number, "more than %d unclosed links", maxOpenTargets)
		}
		if definitions += count(strings.HasPrefix(text, "[") && strings.Contains(text, "]:")); definitions > maxDefinitions {
			return markdownError(number, "more than %d link definitions", maxDefinitions)
		}
		if footnotes += count(strings.Contains(text, "[^") && strings.Contains(text, "]:")); footnotes > maxFootnotes {
			return markdownError(number, "more than %d footnotes", maxFootnotes)
		}
		// Every row of a table has as many cells as its delimiter row, even if the source of the row is shorter.
		columns = tableColumns(columns, text)
		if cells += columns; cells > len(body)+maxMoreCells {
			return markdownError(number, "tables with more than %d cells", len(body)+maxMoreCells)
		}
	}
	return nil
}

// tableColumns returns the number of columns of the table that contains the line, or 0 if there is none. columns is the
// result for the previous line.
func tableColumns(columns int, line string) int {
	switch {
	case strings.TrimSpace(line) == "":
		return 0
	case strings.Trim(line, "-:| \t\n") == "":
		return max(columns, strings.Count(line, "|")+1)
	default:
		return columns
	}
}

// count returns 1 if ok is true, and 0 otherwise.
func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// isThematicBreak reports whether the line is a rule such as "* * *".
func isThematicBreak(line string) bool {
	return strings.Trim(line, "* \t\n") == "" || strings.Trim(line, "- \t\n") == ""
}

// containers returns the number of quotation and list item markers at the beginning of the line.
func containers(line string) int {
	n := 0
	for {
		line = strings.TrimLeft(line, " \t")
		rest := strings.TrimLeft(line, "0123456789")
		switch {
		case strings.HasPrefix(line, ">"):
			line = line[1:]
		case len(rest) > 1 && isSpace(rest[1]) &&
			(strings.ContainsAny(line[:1], "-*+") || len(rest) < len(line) && strings.ContainsAny(rest[:1], ".)")):
			line = rest[1:]
		default:
			return n
		}
		n++
	}
}

// inlineBudget is an inline parser that counts the pairs of delimiters that other parsers compare. When there are too
// many pairs, it skips the rest of the block.
type inlineBudget struct {
	delimiters int // number of delimiters in this block
	spent      int
	at         int // offset in the source at which the budget was exceeded
}

// Trigger returns the characters at which the inline parsers search the rest of the source or the earlier delimiters.
func (*inlineBudget) Trigger() []byte { return []byte("*_~[]<`") }

// Parse returns nil unless the budget is exceeded.
func (b *inlineBudget) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	b.delimiters++
	if b.spent > maxInlineSteps {
		for line, _ := block.PeekLine(); line != nil; line, _ = block.PeekLine() {
			block.AdvanceLine()
		}
		return ast.NewString(nil)
	}
	if c := block.Peek(); c != '[' && c != '<' && c != '`' {
		b.spent += b.delimiters
	}
	_, segment := block.Position()
	b.at = segment.Start
	return nil
}

// CloseBlock is called at the end of each block.
func (b *inlineBudget) CloseBlock(ast.Node, text.Reader, parser.Context) { b.delimiters = 0 }

// boundLinks returns an error of kind [feed.ErrInvalid] if link definitions are used so often that the document would
// be much larger than its source.
func boundLinks(tree ast.Node, source []byte) error {
	size := 0
	return ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			size += len(n.Destination) + len(n.Title)
		case *ast.Image:
			size += len(n.Destination) + len(n.Title)
		}
		if size > len(source)+maxMoreLinks {
			return ast.WalkStop, fmt.Errorf("parse markdown: links with more than %d bytes: %w",
				len(source)+maxMoreLinks, feed.ErrInvalid)
		}
		return ast.WalkContinue, nil
	})
}
