package markup

import (
	"bytes"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensionast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// extensions adds the Markdown syntax that GitHub, Hugo and Jekyll support beyond CommonMark, except for bare links.
type extensions struct{}

// Extend implements [goldmark.Extender].
func (extensions) Extend(m goldmark.Markdown) {
	for _, e := range []goldmark.Extender{
		// The align attribute, unlike the style attribute, is safe to keep.
		extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
		extension.Strikethrough, extension.TaskList, extension.DefinitionList, extension.Footnote,
	} {
		e.Extend(m)
	}
	m.Parser().AddOptions(
		parser.WithHeadingAttribute(),
		parser.WithInlineParsers(util.Prioritized(attributeParser{}, 50)),
		// The footnotes' own transformer has the priority 999 and removes footnotes that the text does not refer to.
		parser.WithASTTransformers(util.Prioritized(keepFootnotes{}, 900), util.Prioritized(removeMarks{}, 1_000)),
	)
	m.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(checkBoxes{}, 100)))
}

// footnoteMark is in every document with footnotes, and attributeMark in every document with attribute lists.
var footnoteMark, attributeMark = []byte("[^"), []byte("{:")

// keepFootnotes keeps footnotes that the text does not refer to. It numbers them after all other footnotes.
type keepFootnotes struct{}

// Transform implements [parser.ASTTransformer].
func (keepFootnotes) Transform(doc *ast.Document, r text.Reader, _ parser.Context) {
	if !bytes.Contains(r.Source(), footnoteMark) {
		return
	}
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		list, ok := n.(*extensionast.FootnoteList)
		if !ok || !entering {
			return ast.WalkContinue, nil
		}
		for c := list.FirstChild(); c != nil; c = c.NextSibling() {
			if note, ok := c.(*extensionast.Footnote); ok && note.Index < 0 {
				list.Count++
				note.Index = list.Count
			}
		}
		return ast.WalkSkipChildren, nil
	})
}

// attributes is a kramdown attribute list in the text, such as "{: .wide}".
type attributes struct {
	ast.BaseInline

	toc bool // whether kramdown replaces the list with a table of contents
}

var kindAttributes = ast.NewNodeKind("Attributes")

// Kind implements [ast.Node].
func (*attributes) Kind() ast.NodeKind { return kindAttributes }

// Dump implements [ast.Node].
func (a *attributes) Dump(source []byte, level int) { ast.DumpHelper(a, source, level, nil, nil) }

// attributeParser parses kramdown attribute lists: classes, ids, key-value pairs and table-of-contents markers. Other
// text in braces is kept, because it may be the author's words.
type attributeParser struct{}

// Trigger implements [parser.InlineParser].
func (attributeParser) Trigger() []byte { return []byte{'{'} }

var attributeList = regexp.MustCompile(
	`^\{:(?:[ \t]*(?:[.#][\w:.-]+|[\w:-]+=(?:"[^"\n]*"|'[^'\n]*')|(?:toc|footnotes)\b))+[ \t]*\}`)

// maxAttributes is the maximum length of an attribute list.
const maxAttributes = 1_000

// Parse implements [parser.InlineParser].
func (attributeParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	m := attributeList.Find(line[:min(len(line), maxAttributes)])
	if m == nil {
		return nil
	}
	block.Advance(len(m))
	return &attributes{toc: bytes.Contains(m, []byte("toc")) && !bytes.ContainsAny(m, ".#=")}
}

// removeMarks removes kramdown attribute lists, the list that a table of contents would replace, and the links from
// footnotes back to the text, which do not work in a feed.
type removeMarks struct{}

// Transform implements [parser.ASTTransformer].
func (removeMarks) Transform(doc *ast.Document, r text.Reader, _ parser.Context) {
	if source := r.Source(); !bytes.Contains(source, footnoteMark) && !bytes.Contains(source, attributeMark) {
		return
	}
	var marks []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if k := n.Kind(); entering && (k == kindAttributes || k == extensionast.KindFootnoteBacklink) {
			marks = append(marks, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range marks {
		removeMark(n)
	}
}

// removeMark removes the mark n, and the paragraph or list that contains nothing else.
func removeMark(n ast.Node) {
	parent := n.Parent()
	if parent == nil {
		return
	}
	if a, ok := n.(*attributes); ok && a.toc {
		if list := enclosingList(n); list != nil && list.ChildCount() == 1 {
			if p := list.Parent(); p != nil { // the list may contain another mark, which has removed it
				p.RemoveChild(p, list)
			}
			return
		}
	}
	if before, ok := n.PreviousSibling().(*ast.Text); ok && n.NextSibling() == nil {
		before.SetSoftLineBreak(false)
	}
	parent.RemoveChild(parent, n)
	if p := parent.Parent(); p != nil && parent.Kind() == ast.KindParagraph && !parent.HasChildren() {
		p.RemoveChild(p, parent)
	}
}

// enclosingList returns the innermost list that contains n, or nil.
func enclosingList(n ast.Node) ast.Node {
	for n != nil && n.Kind() != ast.KindList {
		n = n.Parent()
	}
	return n
}

// checkBoxes renders the check boxes of task lists as characters, since feeds have no form elements.
type checkBoxes struct{}

// RegisterFuncs implements [renderer.NodeRenderer].
func (checkBoxes) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(extensionast.KindTaskCheckBox,
		func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
			box := "☐ "
			if c, ok := n.(*extensionast.TaskCheckBox); ok && c.IsChecked {
				box = "☑ "
			}
			if entering {
				_, _ = w.WriteString(box) // the buffer keeps the error
			}
			return ast.WalkContinue, nil
		})
}
