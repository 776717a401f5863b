package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"feedpub/feed"
)

// Limits on front matter. The lexer uses up to 300 bytes of memory for each byte. The parser's time and memory grow
// quadratically with the number of tokens and with the depth. The decoder copies a node for each alias, and nested
// aliases multiply the number of copies.
const (
	maxFrontMatter = 128 << 10 // maximum size in bytes, before and after the expansion of aliases
	maxYAMLTokens  = 10_000
	maxYAMLDepth   = 32
	maxYAMLAngles  = 100 // maximum number of consecutive "<", for which the lexer takes quadratic time
)

// readYAML decodes YAML. If a key has several values, the last one wins, as in Jekyll, with a note. Different values
// are an error if the key determines whether a post is public. If the YAML is invalid because of stray quotation marks
// around dates, they are ignored, with a note. Errors are of kind [feed.ErrInvalid].
func readYAML(source string, into *map[string]any) (notes []string, err error) {
	if err := boundYAML(source); err != nil {
		return nil, err
	}
	source = fillEmptyEntries(source)
	notes, err = decodeYAML(source, into)
	if err == nil {
		return notes, nil
	}
	if repaired, quotes := repairDates(source); len(quotes) > 0 {
		*into = make(map[string]any)
		if notes, repairedErr := decodeYAML(repaired, into); repairedErr == nil {
			return append(quotes, notes...), nil
		}
	}
	return nil, err
}

// decodeYAML implements readYAML for YAML within the limits.
func decodeYAML(source string, into *map[string]any) (notes []string, err error) {
	err = yaml.Unmarshal([]byte(source), into)
	if isDuplicateKey(err) {
		if notes, err = duplicateKeys(source); err != nil {
			return nil, err
		}
		*into = make(map[string]any)
		err = yaml.UnmarshalWithOptions([]byte(source), into, yaml.AllowDuplicateMapKey())
	}
	if err == nil {
		return notes, nil
	}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		return nil, yamlError(syntax.Token, "%s", syntax.Message)
	}
	return nil, fmt.Errorf("front matter: want a YAML mapping of keys to values: %w", feed.ErrInvalid)
}

// isDuplicateKey reports whether err says that a mapping in YAML has two values for one key.
func isDuplicateKey(err error) bool {
	var syntax *yaml.SyntaxError
	return errors.As(err, &syntax) && strings.Contains(syntax.Message, "already defined")
}

// duplicateKeys returns a note for each key that has several values in one mapping. It returns an error of kind
// [feed.ErrInvalid] if the key determines whether a post is public and the values differ.
func duplicateKeys(source string) (notes []string, err error) {
	file, err := parser.ParseBytes([]byte(source), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, nil //nolint:nilerr // the decoder reports the error
	}
	var f duplicateFinder
	for _, doc := range file.Docs {
		ast.Walk(&f, doc)
	}
	return f.notes, f.err
}

// duplicateFinder is an [ast.Visitor] that implements duplicateKeys.
type duplicateFinder struct {
	notes []string
	err   error
}

// Visit checks the keys of n if it is a mapping.
func (f *duplicateFinder) Visit(n ast.Node) ast.Visitor {
	mapping, ok := n.(*ast.MappingNode)
	if !ok {
		return f
	}
	values := map[string]string{}
	for _, pair := range mapping.Values {
		key, value := strings.TrimSpace(pair.Key.GetToken().Value), pair.Value.String()
		before, given := values[key]
		values[key] = value
		lower, at := strings.ToLower(key), pair.Key.GetToken()
		switch {
		case !given:
		case before != value && (frontVisibility[lower] != nil || scheduleKeys[lower] || buildOptions[lower] != nil):
			f.err = yamlError(at, "the key %q has two values", shorten(key))
		case len(f.notes) < maxNotes:
			f.notes = append(f.notes, fmt.Sprintf("line %d: the key %q is given twice, and the last value is used",
				at.Position.Line+1, shorten(key)))
		}
	}
	return f
}

func yamlError(at *token.Token, format string, args ...any) error {
	// Add one for the line "---", which is not included in the source.
	return fmt.Errorf("line %d: front matter: %s: %w",
		at.Position.Line+1, fmt.Sprintf(format, args...), feed.ErrInvalid)
}

// boundYAML returns an error of kind [feed.ErrInvalid] for YAML that exceeds the limits.
func boundYAML(source string) error {
	if err := boundFrontMatter(source); err != nil {
		return err
	}
	if before, _, found := strings.Cut(source, strings.Repeat("<", maxYAMLAngles)); found {
		return fmt.Errorf("line %d: front matter: more than %d \"<\" in a row: %w",
			strings.Count(before, "\n")+2, maxYAMLAngles-1, feed.ErrInvalid)
	}
	tokens := lexer.Tokenize(source)
	if len(tokens) > maxYAMLTokens {
		return yamlError(tokens[maxYAMLTokens], "more than %d YAML tokens", maxYAMLTokens)
	}
	var depth yamlDepth
	aliases := false
	for i, t := range tokens {
		depth.next(tokens, i)
		if depth.flow+len(depth.columns) > maxYAMLDepth {
			return yamlError(t, "nested deeper than %d", maxYAMLDepth)
		}
		aliases = aliases || t.Type == token.AliasType
	}
	if aliases {
		return boundAliases(source)
	}
	return nil
}

func boundFrontMatter(source string) error {
	if len(source) > maxFrontMatter {
		return fmt.Errorf("front matter: want at most %d bytes, got %d: %w", maxFrontMatter, len(source), feed.ErrInvalid)
	}
	return nil
}

// yamlDepth counts the collections that enclose a token.
type yamlDepth struct {
	flow    int   // number of open brackets and braces
	columns []int // columns of the keys and dashes of open block collections
}

func (d *yamlDepth) next(tokens token.Tokens, i int) {
	entry := tokens[i]
	switch entry.Type { //nolint:exhaustive // other tokens do not change the depth
	case token.SequenceStartType, token.MappingStartType:
		d.flow++
		return
	case token.SequenceEndType, token.MappingEndType:
		d.flow = max(d.flow-1, 0)
		return
	case token.MappingValueType: // the key precedes the colon
		entry = tokens[max(i-1, 0)]
	case token.SequenceEntryType, token.MappingKeyType:
	default:
		return
	}
	if d.flow > 0 {
		return
	}
	for n := len(d.columns); n > 0 && d.columns[n-1] >= entry.Position.Column; n-- {
		d.columns = d.columns[:n-1]
	}
	d.columns = append(d.columns, entry.Position.Column)
}

// boundAliases returns an error of kind [feed.ErrInvalid] if expanding the aliases would produce too many bytes.
func boundAliases(source string) error {
	file, err := parser.ParseBytes([]byte(source), 0)
	if err != nil {
		return nil //nolint:nilerr // the decoder reports the error
	}
	e := expansion{anchors: make(map[string]int)}
	for _, doc := range file.Docs {
		ast.Walk(&e, doc)
	}
	if e.size > maxFrontMatter {
		return yamlError(e.last, "the aliases expand to more than %d bytes", maxFrontMatter)
	}
	return nil
}

// expansion is an [ast.Visitor] that computes the size of nodes in bytes after aliases are expanded.
type expansion struct {
	size    int
	anchors map[string]int // expanded size of each anchored node
	last    *token.Token
}

// Visit adds the size of n itself. The children of n are visited later.
func (e *expansion) Visit(n ast.Node) ast.Visitor {
	if e.size > maxFrontMatter {
		return nil
	}
	if e.last = n.GetToken(); e.last != nil {
		e.size += len(e.last.Value) + 1
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		before := e.size
		ast.Walk(e, n.Value)
		e.anchors[strings.TrimSpace(n.Name.GetToken().Value)] = e.size - before
		return nil
	case *ast.AliasNode:
		e.size += e.anchors[strings.TrimSpace(n.Value.GetToken().Value)]
		return nil
	default:
		return e
	}
}
