package markup

import (
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/util"
)

// marginalLinks is like [extension.Linkify], but finds only the bare links that follow punctuation. It is faster,
// because the parser does not stop at each space, and converts documents for which isQuick is true in the same way.
type marginalLinks struct{}

// Extend implements [goldmark.Extender].
func (marginalLinks) Extend(m goldmark.Markdown) {
	links := marginalLinkParser{extension.NewLinkifyParser()}
	m.Parser().AddOptions(parser.WithInlineParsers(util.Prioritized(links, 999))) // the priority of extension.Linkify
}

// marginalLinkParser parses bare links after punctuation.
type marginalLinkParser struct{ parser.InlineParser }

// Trigger implements [parser.InlineParser].
func (marginalLinkParser) Trigger() []byte { return []byte("*_~(") }

// isQuick reports whether bare links in a Markdown document can only follow punctuation, so that marginalLinks finds
// all of them. It is false if a link or a mail address may be at the beginning of a line, after a space or after other
// markup. URLs after an opening parenthesis, as in "[text](https://…)", and after a quotation mark, as in an attribute,
// are not at such a place. It is also false if a line ends in several spaces, since the parser may keep one of them
// only if it stops at spaces.
func isQuick(body string) bool {
	if strings.IndexByte(body, '@') >= 0 {
		return false
	}
	for _, end := range [...]string{"  \n", "\t\n", "\t \n"} {
		if strings.Contains(body, end) {
			return false
		}
	}
	for _, scheme := range [...]string{"http://", "https://", "ftp://", "www."} {
		for at := 0; ; at += len(scheme) {
			next := strings.Index(body[at:], scheme)
			if next < 0 {
				break
			}
			if at += next; at == 0 || body[at-1] != '(' && body[at-1] != '"' && body[at-1] != '/' {
				return false
			}
		}
	}
	return true
}
